//! The first state of a new store, and how a manifest is written.

use super::admin;
use super::backend::{Access, Backend, Table};
use super::clock::Opening;
use super::epochs::Seen;
use super::known::Held;
use super::manifest::{Manifest, READER, roots_digest};
use super::secrets::Secrets;
use super::snapshot::{ROOTS_LIMIT, Snapshot};
use super::trail;
use crate::audit::Source;
use crate::crypto::ed25519_public;
use crate::error::Result;
use crate::secret::Key32;

/// The first state of a new store: settings, root slots and manifest, in one transaction.
pub(super) fn found(
    backend: &dyn Backend,
    secrets: &Secrets,
    seen: &Seen,
    incarnation: [u8; 16],
    settings: &str,
    slot: Option<(&[u8; 16], String)>,
    source: &Source,
) -> Result<()> {
    let mut rows = backend.begin(Access::Write)?;
    let mut manifest = Manifest::new(secrets.store_id, incarnation, rows.schema()?);
    let settings = secrets.seal(Table::Settings, &incarnation, &secrets.store_id, 1, settings.into());
    manifest.settings = settings.mac;
    manifest.admin_public = secrets.store_secret.admin.as_ref().map(ed25519_public);
    rows.put_if(Table::Settings, &secrets.store_id, None, &settings)?;
    if let Some((slot_id, document)) = slot {
        let row = secrets.seal(Table::Roots, &incarnation, slot_id, 1, document);
        rows.put_if(Table::Roots, slot_id, None, &row)?;
    }
    let slots = rows.index(Table::Roots, &[], ROOTS_LIMIT)?;
    manifest.roots = roots_digest(secrets, &incarnation, &slots);
    manifest.advance(Opening([0; 8]));
    let mut snapshot = Snapshot {
        rows,
        secrets,
        manifest: Held::new(manifest),
        groups: Default::default(),
        buckets: Default::default(),
    };
    trail::first(&mut snapshot, source)?;
    put_manifest(&mut snapshot, None, None)?;
    let mark = snapshot.manifest.mark();
    snapshot.rows.commit()?;
    seen.note(mark);
    Ok(())
}

/// Writes the manifest, signed by this seed or else by the handle's own where the store asks for that.
pub(super) fn put_manifest(
    snapshot: &mut Snapshot<'_>,
    was: Option<u64>,
    seed: Option<&Key32>,
) -> Result<()> {
    let (manifest, secrets) = (&snapshot.manifest, snapshot.secrets);
    let text = admin::sign(manifest, seed.or(secrets.store_secret.admin.as_ref()))?;
    let place = &secrets.store_id;
    let row = secrets.seal(Table::Manifest, &manifest.incarnation, place, manifest.epoch, text);
    snapshot.rows.put_if(Table::Manifest, place, was, &row)?;
    snapshot.manifest.mac = row.mac;
    // One for later libraries alone is left for reading to refuse.
    if snapshot.manifest.min_reader <= READER {
        secrets.known.keep_manifest(row, snapshot.manifest.clone());
    }
    Ok(())
}
