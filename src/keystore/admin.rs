//! The admin root: where one of a store's root slots gives the admin seed, only handles opened through such a slot change
//! the store. The manifest bears an Ed25519 signature (RFC 8032), which every reader verifies. `docs/KEYSTORE.md`,
//! "Admin root".

use super::epochs::Mark;
use super::json::{from_hex, hex};
use super::manifest::Manifest;
use super::principal::Actor;
use super::secrets::Secrets;
use crate::crypto::{ed25519_public, ed25519_sign, ed25519_verify};
use crate::error::{Error, Result};
use crate::operation::{Kind, Operation};
use crate::secret::Key32;

const LABEL: &[u8] = b"KFD manifest signature 1";
/// What stands at the end of a signed manifest, around the signature's 128 digits.
const BEFORE: &str = ",\"signature\":\"";
const AFTER: &str = "\"}";

/// Whether a handle may do an operation on a store of this manifest at all. ACCESS_DENIED.
pub(super) fn permit(
    manifest: &Manifest,
    secrets: &Secrets,
    actor: &Actor,
    operation: Operation,
) -> Result<()> {
    match operation.kind() {
        Kind::Raise | Kind::Lower if !may_change(manifest, secrets) => {
            Err(denied(&actor.principal, operation.name()))
        }
        _ => Ok(()),
    }
}

pub(super) fn denied(principal: &str, operation: &'static str) -> Error {
    let why = "only a handle opened through an admin root changes this store";
    Error::NotPermitted { principal: principal.into(), operation, why }
}

/// Whether the handle with these secrets may change the store.
pub(super) fn may_change(manifest: &Manifest, secrets: &Secrets) -> bool {
    let seed = secrets.store_secret.admin.as_ref();
    manifest.admin_public.is_none_or(|public| seed.is_some_and(|seed| ed25519_public(seed) == public))
}

/// The manifest's text as it is written: with a signature at its end where there is an admin root.
pub(super) fn sign(manifest: &Manifest, seed: Option<&Key32>) -> Result<String> {
    let text = manifest.write();
    if manifest.admin_public.is_none() {
        return Ok(text);
    }
    let denied = || denied("this handle", "change the store");
    let seed = seed.filter(|seed| Some(ed25519_public(seed)) == manifest.admin_public).ok_or_else(denied)?;
    let signature = ed25519_sign(seed, &message(manifest, &text))?;
    let body = text.strip_suffix('}').ok_or(Error::Internal { what: "a manifest's text" })?;
    Ok([body, BEFORE, &hex(&signature), AFTER].concat())
}

/// Verifies the signature of a manifest whose MAC has passed. One that is the last that was seen was verified then.
pub(super) fn verify(manifest: &Manifest, text: &str, before: Mark) -> Result<()> {
    let Some(public) = &manifest.admin_public else { return Ok(()) };
    let found = manifest.mark();
    if (found.life, found.epoch, found.mac, found.admin)
        == (before.life, before.epoch, before.mac, before.admin)
    {
        return Ok(());
    }
    let signed = || {
        let (body, rest) =
            text.split_at_checked(text.len().checked_sub(BEFORE.len() + 128 + AFTER.len())?)?;
        let digits = rest.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        let mut signature = [0; 64];
        from_hex(digits, &mut signature)
            .then(|| ed25519_verify(public, &message(manifest, &[body, "}"].concat()), &signature).ok())?
    };
    signed().ok_or_else(|| Error::StoreIntegrity { what: "manifest: its signature does not verify".into() })
}

fn message(manifest: &Manifest, text: &str) -> Vec<u8> {
    let epoch = manifest.epoch.to_be_bytes();
    let fields = [LABEL, &manifest.store_id, &manifest.incarnation, &epoch, text.as_bytes()];
    fields.iter().flat_map(|field| [&(field.len() as u64).to_be_bytes()[..], field].concat()).collect()
}
