//! Whole keys on their way to another store, wrapped under a key that both have. The bytes are specified in
//! docs/KEYSTORE.md, "Exported keys"; everything read here is hostile until its MAC has passed.

use super::backend::Table;
use super::change::{Deed, refuse};
use super::document::{KeyDocument, PAGES, Unreadable, VERSIONS_A_PAGE, check_description};
use super::handle::Wish;
use super::key_view::Named;
use super::lifecycle::read_tags;
use super::list::{key_of, walk};
use super::manage::{describe, refuse_taken};
use super::material::{Binding, Made, open, refuse_equal, unwrap, version, wrap};
use super::names::{KeyId, KeyName};
use super::settle;
use super::types::{KeyMetadata, KeySpec, KeyState, PageRequest};
use super::version::VersionDocument;
use super::{Key, Store, access, approvals, states};
use crate::crypto::{Kek, ct_eq, fill_random, hkdf_sha256, hmac_sha256, with_lane};
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::secret::{Key32, OnFork};

/// Magic and version; also what the AAD under the wrapping key begins with.
const MAGIC: [u8; 4] = *b"KFX\x01";
/// Magic of the AAD under the export's own key.
const EXPORTED: [u8; 4] = *b"KFY\x01";
/// Magic ‖ key id ‖ version ‖ material id: the AAD of the wrapped export secret.
const NAMED: usize = 32;
const NONCE: usize = NAMED;
const SECRET: usize = NONCE + 24;
const LENGTH: usize = SECRET + 48;
const DOCUMENT: usize = LENGTH + 4;
const MAC: usize = 32;
/// An exported key's document: bytes at most.
const LIMIT: usize = 8 << 20;
/// How many pages of 1,000 keys are searched for a wrapping key of another id.
const PAGES_SEARCHED: u32 = 100;
const VERSIONS: usize = (PAGES + 1) * VERSIONS_A_PAGE;

const UNDER_ITSELF: Error = Error::InvalidArgument { what: "a key cannot be exported under itself" };

impl Store {
    /// The whole key (all versions, names, state), wrapped under another key of this store. The wrapping key must be
    /// enabled; the key itself need not be.
    pub fn export_key(&self, name: &KeyName, under: &KeyName) -> Result<Vec<u8>> {
        let under = self.key(under)?;
        if let KeyName::Id(id) = name
            && *id == under.id()
        {
            return Err(UNDER_ITSELF);
        }
        let secrets = &self.inner.secrets;
        let (secret, keys) = ExportKeys::draw(secrets.on_fork)?;
        let mut out = wrap_secret(&under, &secret)?;
        let (mut key, versions) = self.to_export(name, &under)?;
        let rewrap = |mut version: VersionDocument| {
            if !version.holds_material() {
                version.wrapped.clear();
                return Ok(version);
            }
            let material = open(secrets, key.id, key.spec, &version)?;
            (version.nonce, version.wrapped) =
                wrap(&keys.material, &exported(key.id, key.spec, &version), &material)?;
            Ok(version)
        };
        key.versions = versions.into_iter().map(rewrap).collect::<Result<_>>()?;
        key.pages.clear();
        // What is not in use yet is brought to the other store as it was brought to this one.
        key.pending = None;
        // Names of principals mean nothing in another store.
        key.owner.clear();
        key.grants.clear();
        let document = key.write();
        let length = u32::try_from(document.len()).ok().filter(|_| document.len() <= LIMIT);
        let length = length.ok_or(Error::LimitExceeded { what: "an exported key", limit: LIMIT as u64 })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(document.as_bytes());
        let mac = keys.mac(&out);
        out.extend_from_slice(&mac);
        Ok(out)
    }

    /// The key, if it may be exported. A change although it changes nothing: so its event is on disk before the key is out,
    /// and an approval is used up. A store that cannot be written exports only what needs none.
    fn to_export(&self, name: &KeyName, under: &Key) -> Result<(KeyDocument, Vec<VersionDocument>)> {
        let other = |key: &KeyDocument| if key.id == under.id() { Err(UNDER_ITSELF) } else { Ok(()) };
        if self.inner.options.read_only {
            return self
                .inner
                .read(|snapshot| {
                    let key = snapshot.key(name)?;
                    access::authorise_read(&self.inner, snapshot, Operation::ExportKey, Some(&key))?;
                    if approvals::needed(&snapshot.settings()?.changeable, Operation::ExportKey) {
                        return Err(Error::StoreReadOnly);
                    }
                    states::permit(Operation::ExportKey, &key, name, self.inner.options.recovery)?;
                    other(&key)?;
                    Ok((snapshot.versions(&key)?, key))
                })
                .map(|(versions, key)| (key, versions));
        }
        let deed = Deed::on(Operation::ExportKey, name).with("wrappingKeyId", under.id().to_string());
        self.inner.change(deed, |change| {
            let key = change.key(name)?;
            other(&key)?;
            let versions = change.snapshot().versions(&key)?;
            Ok((key, versions))
        })
    }

    /// Takes a key that [`Store::export_key`] made; the wrapping key must be in this store, and enabled. It is any key
    /// that has the material the export names: that of the id it names, or one of the first 100,000 keys (both stores
    /// may have imported the same bytes, each as a key of its own). Id, version numbers, material ids, state and aliases are kept, and refused where they are taken.
    pub fn import_key(&self, exported_key: &[u8]) -> Result<KeyMetadata> {
        let mut deed = Deed::new(Operation::ImportKey);
        match self.take_apart(exported_key, &mut deed) {
            Ok((key, older)) => self.put_imported(deed, key, &older),
            Err(error) => Err(refuse(&self.inner, deed, error)),
        }
    }

    /// The key in an export, and those of its versions that go into pages, their material under this store's own key.
    fn take_apart(
        &self,
        exported_key: &[u8],
        deed: &mut Deed,
    ) -> Result<(KeyDocument, Vec<VersionDocument>)> {
        let parts = Parts::read(exported_key)?;
        let secrets = &self.inner.secrets;
        let under = self.wrapping_key(&parts)?;
        deed.request.insert("wrappingKeyId".into(), under.id().to_string().into());
        let keys = parts.unwrap_secret(&under, secrets.on_fork)?;
        let mut key = read_document(parts.document)?;
        deed.request.insert("importedKeyId".into(), key.id.to_string().into());
        check_description(&key.description)?;
        key.policy.check()?;
        read_tags(&key.tags.clone().into_iter().collect::<Vec<_>>())?;
        key.owner = self.inner.actor.principal.clone();
        key.grants.clear();
        key.deletion_date = None;
        key.deletion_seen = None;
        key.pending = None;
        let travels = matches!(key.state, KeyState::Enabled | KeyState::Disabled | KeyState::Compromised);
        if !travels || key.state != KeyState::Compromised && key.current().is_none() {
            return Err(Error::InvalidKeyMaterial { why: "a key in this state is not exported" });
        }
        let rewrap = |old: VersionDocument| {
            if !old.holds_material() {
                return Ok(old);
            }
            let binding = exported(key.id, key.spec, &old);
            let material = unwrap(&keys.material, &binding, &old.nonce, &old.wrapped, secrets.on_fork)?
                .ok_or(Error::InvalidKeyMaterial { why: "a version's material does not open" })?;
            refuse_equal(material.expose())?;
            let made = Made {
                origin: old.origin,
                created: old.created,
                rotation_type: old.rotation_type,
                by: old.created_by.clone(),
            };
            let fresh = version(secrets, key.id, key.spec, old.version, made, &material)?;
            Ok(old.rewrapped(fresh.nonce, fresh.wrapped))
        };
        let mut older = std::mem::take(&mut key.versions)
            .into_iter()
            .map(rewrap)
            .collect::<Result<Vec<VersionDocument>>>()?;
        self.inner.options.check_locked()?;
        key.versions = older.split_off(older.len().saturating_sub(VERSIONS_A_PAGE));
        Ok((key, older))
    }

    fn put_imported(
        &self,
        deed: Deed,
        mut key: KeyDocument,
        older: &[VersionDocument],
    ) -> Result<KeyMetadata> {
        self.inner.change(deed, |change| {
            if change.snapshot().key_by_id(key.id)?.is_some() {
                return Err(Error::AlreadyExists { what: "key", name: key.id.to_string().into() });
            }
            for alias in key.aliases.clone() {
                refuse_taken(change.snapshot(), &alias)?;
                change.put_alias(&alias, None, key.id)?;
            }
            change.create_key(&mut key, older)?;
            describe(change.snapshot(), &key)
        })
    }

    /// The key that an exported key is under: one that has the material it names, rather the key of that id, and rather
    /// an enabled one. Two stores can first have a key in common only by importing the same bytes, and then each gave
    /// it an id of its own: hence the search by material.
    fn wrapping_key(&self, parts: &Parts<'_>) -> Result<Key> {
        let holds = |key: &KeyMetadata| key.versions.iter().any(|v| v.material_id == parts.material_id);
        // Looks of the library's own: no calls, and without events.
        let named = self.inner.read(|snapshot| match snapshot.key_by_id(parts.under)? {
            Some(key) => describe(snapshot, &key).map(Some),
            None => Ok(None),
        })?;
        let named = named.filter(holds);
        let mut disabled = None;
        let mut found: Vec<KeyMetadata> = named.into_iter().collect();
        let mut page = PageRequest { after: None, limit: 1000 };
        for searched in 0.. {
            for key in &found {
                match key.key_state {
                    KeyState::Enabled => return self.key_by_id(key.key_id),
                    _ => disabled = disabled.or(Some(key.key_id)),
                }
            }
            if searched > 0 && page.after.is_none() {
                break;
            }
            if searched == PAGES_SEARCHED {
                let limit = u64::from(PAGES_SEARCHED * page.limit);
                return Err(Error::LimitExceeded { what: "keys searched for the wrapping key", limit });
            }
            (found, page.after) = self.inner.read(|snapshot| {
                let (entries, next) = walk(snapshot, Table::Keys, &page)?;
                let mut found = Vec::new();
                for entry in &entries {
                    let key = key_of(snapshot, entry)?;
                    found.extend(Some(describe(snapshot, &key)?).filter(holds));
                }
                Ok((found, next))
            })?;
        }
        Err(match disabled {
            Some(id) => Error::KeyDisabled { name: id.to_string().into() },
            None => Error::KeyNotFound { name: parts.under.to_string().into() },
        })
    }
}

/// The two keys of one export, derived from a secret that the wrapping key wraps.
struct ExportKeys {
    material: Kek,
    document: Key32,
}

impl ExportKeys {
    fn draw(on_fork: OnFork) -> Result<(Key32, ExportKeys)> {
        let secret = Key32::new_with(on_fork, |out| fill_random(out))?;
        let keys = ExportKeys::derive(&secret, on_fork)?;
        Ok((secret, keys))
    }

    fn derive(secret: &Key32, on_fork: OnFork) -> Result<ExportKeys> {
        let derive = |info: &[u8]| {
            Key32::new_with(on_fork, |out| {
                hkdf_sha256(&[], secret.expose(), info, out);
                Ok(())
            })
        };
        Ok(ExportKeys {
            material: Kek::new(derive(b"keyfold/export/1/material")?)?,
            document: derive(b"keyfold/export/1/document")?,
        })
    }

    fn mac(&self, bytes: &[u8]) -> [u8; MAC] {
        hmac_sha256(self.document.expose(), &[bytes])
    }
}

/// Magic, wrapping key's name, nonce and the wrapped export secret.
fn wrap_secret(under: &Key, secret: &Key32) -> Result<Vec<u8>> {
    let mut head = vec![0; LENGTH];
    let wish = Wish::without_context(Operation::Encrypt);
    under
        .view(&wish, |view| {
            let current = view.current()?;
            head[..4].copy_from_slice(&MAGIC);
            head[4..20].copy_from_slice(&current.key_id.0);
            head[20..24].copy_from_slice(&current.version.to_be_bytes());
            head[24..NAMED].copy_from_slice(&current.material_id);
            let (mut nonce, mut wrapped) = ([0; 24], [0; 48]);
            with_lane(|lane| {
                current.kek()?.wrap(lane, &head[..NAMED], secret.expose(), &mut nonce, &mut wrapped)
            })?;
            head[NONCE..SECRET].copy_from_slice(&nonce);
            head[SECRET..].copy_from_slice(&wrapped);
            Ok(settle::Made::of(under, &wish, current, view.now).settle())
        })
        .flatten()?;
    Ok(head)
}

fn exported(key_id: KeyId, spec: KeySpec, version: &VersionDocument) -> Binding {
    Binding {
        magic: EXPORTED,
        store_id: [0; 16],
        key_id,
        spec,
        version: version.version,
        material_id: version.material_id,
        origin: version.origin,
        created: version.created,
    }
}

fn read_document(text: &str) -> Result<KeyDocument> {
    let key = KeyDocument::read_bounded(text, 0, LIMIT, VERSIONS).map_err(|unreadable| match unreadable {
        Unreadable::Damaged(why) => Error::InvalidKeyMaterial { why },
        too_new => too_new.error("the exported key"),
    })?;
    match key.pages.is_empty() {
        true => Ok(key),
        false => Err(Error::InvalidKeyMaterial { why: "an exported key has no pages" }),
    }
}

/// An exported key taken apart; nothing in it is true yet.
struct Parts<'a> {
    under: KeyId,
    version: u32,
    material_id: [u8; 8],
    head: &'a [u8],
    authenticated: &'a [u8],
    document: &'a str,
    mac: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Result<Parts<'a>> {
        if bytes.get(..3) != Some(&MAGIC[..3]) {
            return Err(Error::NotAnEnvelope);
        }
        if let Some(&found) = bytes.get(3)
            && found != MAGIC[3]
        {
            return Err(Error::UnsupportedFormat { found });
        }
        let bad = |why| Error::Malformed { why };
        let head = bytes.get(..DOCUMENT).ok_or(bad("the exported key is cut short"))?;
        let length = head[LENGTH..].try_into().map_or(u32::MAX, u32::from_be_bytes) as usize;
        if length > LIMIT || bytes.len() != DOCUMENT + length + MAC {
            return Err(bad("the exported key is not as long as it says"));
        }
        let (authenticated, mac) = bytes.split_at(DOCUMENT + length);
        let document = std::str::from_utf8(&authenticated[DOCUMENT..]).map_err(|_| Error::Auth)?;
        let mut parts = Parts {
            under: KeyId([0; 16]),
            version: 0,
            material_id: [0; 8],
            head,
            authenticated,
            document,
            mac,
        };
        parts.under.0.copy_from_slice(&head[4..20]);
        let mut version = [0; 4];
        version.copy_from_slice(&head[20..24]);
        parts.version = u32::from_be_bytes(version);
        parts.material_id.copy_from_slice(&head[24..NAMED]);
        Ok(parts)
    }

    fn unwrap_secret(&self, under: &Key, on_fork: OnFork) -> Result<ExportKeys> {
        let wish = Wish::without_context(Operation::Decrypt);
        let mut tried = None;
        let opened = under.view(&wish, |view| {
            let held = match view.named(self.under, self.version, self.material_id) {
                Named::Held(held) => held,
                _ => view.of_material(self.material_id).ok_or(Error::NoUsableCell)?,
            };
            let mut nonce = [0; 24];
            nonce.copy_from_slice(&self.head[NONCE..SECRET]);
            let kek = held.kek()?;
            tried = Some(held.reference());
            let secret = Key32::new_with(on_fork, |out| {
                with_lane(|lane| {
                    let (aad, wrapped) = (&self.head[..NAMED], &self.head[SECRET..LENGTH]);
                    kek.unwrap(lane, &nonce, aad, wrapped, out).map_err(|_| Error::Auth)
                })
            });
            let keys = secret.and_then(|secret| {
                let keys = ExportKeys::derive(&secret, on_fork)?;
                match ct_eq(&keys.mac(self.authenticated), self.mac) {
                    true => Ok(keys),
                    false => Err(Error::Auth),
                }
            });
            match keys {
                Ok(keys) => {
                    let settled = settle::Made::of(under, &wish, held, view.now).settle();
                    Ok(settled.map(|()| Ok(keys)))
                }
                Err(error) => Ok(Ok(Err(error))),
            }
        })??;
        match (opened, tried) {
            (Err(error), Some(tried)) => under.settle_failed(&wish, tried, &error).and(Err(error)),
            (opened, _) => opened,
        }
    }
}
