//! The store secret and what is derived from it: one key a purpose (docs/KEYSTORE.md, "Secrets").

use std::sync::Arc;

use super::Fingerprint;
use super::backend::{Mac, Row, Table};
use super::known::Known;
use super::names::KeyId;
use crate::audit::SigningKey;
use crate::crypto::{Kek, ct_eq, hkdf_sha256, hmac_sha256, sha256_into};
use crate::error::Result;
use crate::root::StoreSecret;
use crate::secret::{Key32, OnFork};

pub(super) struct Secrets {
    pub(super) store_id: [u8; 16],
    pub(super) on_fork: OnFork,
    /// Needed again when a root slot is added; the seeds beside it sign.
    pub(super) store_secret: StoreSecret,
    /// K_mat: wraps key material.
    pub(super) material: Kek,
    tree: Key32,
    events: Key32,
    rows: [Key32; Table::ALL.len()],
    fingerprint: Fingerprint,
    /// What was verified under these secrets.
    pub(super) known: Arc<Known>,
}

impl Secrets {
    pub(super) fn derive(store_secret: StoreSecret, store_id: [u8; 16], on_fork: OnFork) -> Result<Secrets> {
        let derive = |purpose: &str| {
            Key32::new_with(on_fork, |out| {
                let info = ["keyfold/store/1/", purpose].concat();
                hkdf_sha256(&store_id, store_secret.secret.expose(), info.as_bytes(), out);
                Ok(())
            })
        };
        let commitment = derive("commitment")?;
        let mut hash = [0; 32];
        sha256_into(&[b"keyfold/fingerprint/1", &store_id, commitment.expose()], &mut hash);
        let [a, b, c, d, e, f, g, h, i, j, k, l] = Table::ALL.map(|table| derive(purpose(table)));
        Ok(Secrets {
            store_id,
            on_fork,
            material: Kek::new(derive("material")?)?,
            tree: derive("tree")?,
            rows: [a?, b?, c?, d?, e?, f?, g?, h?, i?, j?, k?, l?],
            events: derive("event")?,
            fingerprint: Fingerprint(first(&hash)),
            store_secret,
            known: Arc::new(Known::new()),
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The MAC of a row: over label, store id, incarnation, place, revision and document, each with its length.
    pub(super) fn mac(
        &self,
        table: Table,
        incarnation: &[u8; 16],
        place: &[u8],
        revision: u64,
        document: &str,
    ) -> Mac {
        let mut input = MacInput::new(label(table));
        input.field(&self.store_id);
        input.field(incarnation);
        input.field(place);
        input.field(&revision.to_be_bytes());
        input.field(document.as_bytes());
        input.mac(&self.rows[table as usize])
    }

    /// A row as this store would write it.
    pub(super) fn seal(
        &self,
        table: Table,
        incarnation: &[u8; 16],
        place: &[u8],
        revision: u64,
        document: String,
    ) -> Row {
        let mac = self.mac(table, incarnation, place, revision, &document);
        Row { revision, mac, document }
    }

    /// STORE_INTEGRITY, naming table and row, unless the row was written under this store secret for this place.
    pub(super) fn verify(&self, table: Table, incarnation: &[u8; 16], place: &[u8], row: &Row) -> Result<()> {
        let mac = self.mac(table, incarnation, place, row.revision, &row.document);
        match ct_eq(&mac, &row.mac) {
            true => Ok(()),
            false => Err(table.broken(place, "it was not written by this store")),
        }
    }

    /// The MAC of an event in its place: over label, store id, sequence number and the leaf's hash. Not over the
    /// incarnation: the trail goes on after a restore.
    pub(super) fn event_mac(&self, seq: u64, leaf: &[u8; 32]) -> Mac {
        let seq = seq.to_be_bytes();
        hmac_sha256(self.events.expose(), &[b"KFD event 1", &self.store_id, &seq, leaf])
    }

    /// The place of a key or an alias: two bytes of bucket number, then the name. The number tells nothing about the
    /// name to someone without the store secret, and nobody can choose names that meet in one bucket.
    pub(super) fn place(&self, table: Table, name: &[u8]) -> Vec<u8> {
        let mut input = MacInput::new("keyfold/bucket/1");
        input.field(table.name().as_bytes());
        input.field(name);
        let mac = input.mac(&self.tree);
        [&mac[..2], name].concat()
    }

    pub(super) fn key_place(&self, id: KeyId) -> Vec<u8> {
        self.place(Table::Keys, &id.0)
    }

    /// What signs the trail's checkpoints: a seed that only root slots give, not derived from the store secret.
    pub(super) fn signing_key(&self) -> Result<SigningKey> {
        let seed = Key32::new_with(self.on_fork, |out| {
            out.copy_from_slice(self.store_secret.trail.expose());
            Ok(())
        })?;
        Ok(SigningKey::new(format!("keyfold.dev/store/{}", super::json::hex(&self.store_id)), seed))
    }

    /// The MAC of an anchor's document.
    pub(super) fn anchor_mac(&self, text: &str) -> Result<Mac> {
        let key = Key32::new_with(OnFork::Wipe, |out| {
            hkdf_sha256(&self.store_id, self.store_secret.secret.expose(), b"keyfold/store/1/anchor", out);
            Ok(())
        })?;
        Ok(hmac_sha256(key.expose(), &[text.as_bytes()]))
    }

    /// HMAC under K_tree, for digests of the tree.
    pub(super) fn digest(&self, input: MacInput) -> Mac {
        input.mac(&self.tree)
    }
}

/// What a MAC is taken over: a label, then fields, each preceded by its length in eight bytes.
pub(super) struct MacInput(Vec<u8>);

impl MacInput {
    pub(super) fn new(label: &str) -> MacInput {
        let mut input = MacInput(Vec::with_capacity(256));
        input.field(label.as_bytes());
        input
    }

    pub(super) fn field(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn mac(self, key: &Key32) -> Mac {
        hmac_sha256(key.expose(), &[&self.0])
    }
}

fn purpose(table: Table) -> &'static str {
    match table {
        Table::Keys => "document",
        Table::Aliases => "alias",
        Table::Pages => "page",
        Table::Groups => "group",
        Table::Roots => "root-slot",
        Table::Settings => "settings",
        Table::Manifest => "manifest",
        Table::Approvals => "approvals",
        Table::GrantUses => "grant-uses",
        Table::Counters => "counters",
        Table::Trail => "trail",
        Table::Checkpoints => "checkpoints",
    }
}

fn label(table: Table) -> &'static str {
    match table {
        Table::Keys => "KFD document 1",
        Table::Aliases => "KFD alias 1",
        Table::Pages => "KFD page 1",
        Table::Groups => "KFD group 1",
        Table::Roots => "KFD root slot 1",
        Table::Settings => "KFD settings 1",
        Table::Manifest => "KFD manifest 1",
        Table::Approvals => "KFD approvals 1",
        Table::GrantUses => "KFD grant uses 1",
        Table::Counters => "KFD counters 1",
        Table::Trail => "KFD trail 1",
        Table::Checkpoints => "KFD checkpoint 1",
    }
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}
