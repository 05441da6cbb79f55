//! Root slots: each holds the store's secrets, wrapped by one root. Roots are called before a transaction begins,
//! never inside one.

use serde_json::{Map, Value};

use super::Store;
use super::access;
use super::backend::Row;
use super::change::{Deed, refuse};
use super::document::{Unknown, Unreadable, read_time};
use super::json::{Fields, bytes, from_hex, hex};
use super::principal::check_principal;
use super::snapshot::{ROOTS_LIMIT, Snapshot};
use super::time::Time;
use super::types::RootSlot;
use crate::crypto::fill_random;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::root::{Inherit, Root, StoreSecret, Wrapped};
use crate::secret::{Key32, OnFork};

/// A root slot's document: bytes at most.
const LIMIT: usize = 16_384;
/// What a root may make of 32 bytes.
const WRAPPED_LIMIT: usize = 4_096;

impl Store {
    /// The root slots.
    pub fn roots(&self) -> Result<Vec<RootSlot>> {
        let in_use = self.inner.with_local(|local| local.slot_in_use);
        self.inner.read(|snapshot| {
            access::authorise_read(&self.inner, snapshot, Operation::ListRoots, None)?;
            let slots = read_slots(snapshot)?;
            Ok(slots.iter().map(|slot| slot.describe(in_use)).collect())
        })
    }

    /// Adds a root beside those there are (ALREADY_EXISTS for a key file that is one of them). The root is asked to
    /// unwrap what it wrapped before anything is written.
    pub fn add_root(&self, root: &dyn Root) -> Result<RootSlot> {
        self.add_root_as(root, &SlotOptions::default())
    }

    /// As [`Store::add_root`], for a slot that bears a principal, or the admin seed.
    pub fn add_root_as(&self, root: &dyn Root, options: &SlotOptions) -> Result<RootSlot> {
        self.may_add(Operation::AddRoot)?;
        let first = options.admin && self.inner.read(|s| Ok(s.manifest.admin_public.is_none()))?;
        let seed = first.then(|| Key32::new_with(OnFork::Wipe, |out| fill_random(out))).transpose()?;
        let slot = self
            .new_slot(root, options, seed.as_ref())
            .map_err(|error| refuse(&self.inner, Deed::new(Operation::AddRoot), error))?;
        let deed = Deed::new(Operation::AddRoot).with("slot", slot.told());
        self.inner.change(deed, |change| {
            let slots = read_slots(change.snapshot())?;
            if slots.len() == ROOTS_LIMIT {
                return Err(Error::LimitExceeded { what: "root slots", limit: ROOTS_LIMIT as u64 });
            }
            slot.refuse_again(&slots)?;
            seed.map_or(Ok(()), |seed| change.begin_admin(seed))?;
            change.put_root(&slot.id, slot.write())
        })?;
        Ok(slot.describe(None))
    }

    /// Removes a root slot; never the last, nor the last that gives the admin seed (LAST_ROOT). What the root could unwrap before, in copies of the store
    /// made before, it still can.
    pub fn remove_root(&self, slot_id: &str) -> Result<()> {
        let deed = Deed::new(Operation::RemoveRoot).with("slotId", slot_id);
        let id = match parse_slot_id(slot_id) {
            Ok(id) => id,
            Err(error) => return Err(refuse(&self.inner, deed, error)),
        };
        self.inner.change(deed, |change| {
            let rows = change.snapshot().root_rows()?;
            let (entry, _) = rows.iter().find(|(entry, _)| entry.place == id).ok_or_else(|| no_slot(&id))?;
            let slots = read_slots(change.snapshot())?;
            let mut admins = slots.iter().filter(|slot| slot.admin).map(|slot| slot.id);
            match slots.len() == 1 || (admins.next() == Some(id) && admins.next().is_none()) {
                true => Err(Error::LastRoot),
                false => change.remove_root(entry),
            }
        })
    }

    /// Puts `new` in the place of the slot that opened this store (or the slot named), in one transaction. The new slot
    /// bears the old one's principal.
    pub fn change_root(&self, slot_id: Option<&str>, new: &dyn Root) -> Result<RootSlot> {
        let in_use = self.inner.with_local(|local| local.slot_in_use);
        let old = match slot_id {
            Some(text) => parse_slot_id(text)?,
            None => in_use.ok_or(Error::InvalidArgument {
                what: "this store was opened without a root; name the slot to change",
            })?,
        };
        self.may_add(Operation::ChangeRoot)?;
        let slot =
            self.slot(&old).and_then(|was| self.new_slot(new, &was.options(), None)).map_err(|error| {
                refuse(&self.inner, Deed::new(Operation::ChangeRoot).with("slotId", hex(&old)), error)
            })?;
        let deed = Deed::new(Operation::ChangeRoot).with("slotId", hex(&old)).with("slot", slot.told());
        self.inner.change(deed, |change| {
            let rows = change.snapshot().root_rows()?;
            let (entry, _) =
                rows.iter().find(|(entry, _)| entry.place == old).ok_or_else(|| no_slot(&old))?;
            let mut others = read_slots(change.snapshot())?;
            others.retain(|other| other.id != old);
            slot.refuse_again(&others)?;
            change.remove_root(entry)?;
            change.put_root(&slot.id, slot.write())
        })?;
        if in_use == Some(old) {
            self.inner.with_local(|local| local.slot_in_use = Some(slot.id));
        }
        Ok(slot.describe(in_use.map(|id| if id == old { slot.id } else { id })))
    }

    /// Asked before a root is called: what is refused is an event, and has wrapped nothing.
    fn may_add(&self, operation: Operation) -> Result<()> {
        let inner = &self.inner;
        let may = inner.read(|snapshot| {
            super::admin::permit(&snapshot.manifest, &inner.secrets, &inner.actor, operation)?;
            access::authorise_read(inner, snapshot, operation, None)
        });
        match may {
            Ok(()) => Ok(()),
            Err(error) => inner.change(Deed::new(operation), |_| Err(error)),
        }
    }

    /// `seed` is the first admin seed, where the slot is to bring it.
    fn new_slot(&self, root: &dyn Root, options: &SlotOptions, seed: Option<&Key32>) -> Result<Slot> {
        self.inner.check_usable()?;
        if self.inner.options.read_only {
            return Err(Error::StoreReadOnly);
        }
        root.check(self.inner.path())?;
        let secrets = &self.inner.secrets;
        let secret = secrets.store_secret.with_admin(seed.or(secrets.store_secret.admin.as_ref()))?;
        Slot::make(root, &secrets.store_id, &secret, options)
    }

    fn slot(&self, id: &[u8; 16]) -> Result<Slot> {
        let slots = self.inner.read(read_slots)?;
        slots.into_iter().find(|slot| slot.id == *id).ok_or_else(|| no_slot(id))
    }
}

/// What a root slot gives beside the store secret.
#[derive(Clone, Debug, Default)]
pub struct SlotOptions {
    /// Whoever opens the store through this slot is this principal, and can be no other.
    pub principal: Option<String>,
    /// The slot also holds the admin seed. The first such slot makes the store one that only admin roots can change.
    pub admin: bool,
}

/// A root slot as its document says.
pub(super) struct Slot {
    pub(super) id: [u8; 16],
    pub(super) kind: String,
    created: Time,
    /// Whoever opens the store through it.
    pub(super) principal: Option<String>,
    /// Whether it holds the admin seed.
    pub(super) admin: bool,
    pub(super) wrapped: Wrapped,
    unknown: Unknown,
}

impl Slot {
    /// Has a root wrap the store's secrets, and unwrap them again: a slot that does not open must not be written.
    pub(super) fn make(
        root: &dyn Root,
        store_id: &[u8; 16],
        secret: &StoreSecret,
        options: &SlotOptions,
    ) -> Result<Slot> {
        options.principal.as_deref().map_or(Ok(()), check_principal)?;
        if options.admin && secret.admin.is_none() {
            return Err(super::admin::denied("this handle", "make an admin root"));
        }
        let mut id = [0; 16];
        fill_random(&mut id)?;
        let bind = bind(store_id, &id, options.admin, options.principal.as_deref());
        let secret = secret.with_admin(secret.admin.as_ref().filter(|_| options.admin))?;
        let wrapped = root.wrap(&bind, &secret)?;
        let invalid = |why| Error::RootInvalid { what: root.describe().into(), why };
        if wrapped.wrapped.len() > WRAPPED_LIMIT {
            return Err(invalid("it wraps 96 bytes into more than 4,096"));
        }
        if !root.unwrap(&bind, &wrapped, Inherit(OnFork::Wipe))?.agrees(&secret) {
            return Err(invalid("what it wraps it does not unwrap"));
        }
        Ok(Slot {
            id,
            kind: root.kind().to_owned(),
            created: Time::now(),
            principal: options.principal.clone(),
            admin: options.admin,
            wrapped,
            unknown: Unknown::default(),
        })
    }

    /// What the slot's root has to authenticate beside the secrets.
    #[cfg(feature = "sqlite")]
    pub(super) fn bind(&self, store_id: &[u8; 16]) -> Vec<u8> {
        bind(store_id, &self.id, self.admin, self.principal.as_deref())
    }

    pub(super) fn options(&self) -> SlotOptions {
        SlotOptions { principal: self.principal.clone(), admin: self.admin }
    }

    /// As it stands among rows that are not verified.
    #[cfg(feature = "sqlite")]
    pub(super) fn row(&self) -> Row {
        Row { revision: 1, mac: [0; 32], document: self.write() }
    }

    /// As the trail tells it.
    pub(super) fn told(&self) -> Value {
        let mut out = Map::new();
        out.insert("slotId".into(), hex(&self.id).into());
        out.insert("kind".into(), self.kind.clone().into());
        out.insert("fingerprint".into(), hex(&self.wrapped.fingerprint).into());
        out.insert("principal".into(), self.principal.clone().into());
        out.insert("admin".into(), self.admin.into());
        Value::Object(out)
    }

    pub(super) fn read(text: &str) -> std::result::Result<Slot, Unreadable> {
        let known =
            ["slot_id", "kind", "created", "principal", "admin", "fingerprint", "parameters", "wrapped"];
        let mut fields = Fields::parse(text, LIMIT)?;
        let unknown = Unknown::begin(&mut fields, &known)?;
        let wrapped = fields.text("wrapped")?;
        let mut secret = vec![0; (wrapped.len() / 2).min(WRAPPED_LIMIT)];
        if !from_hex(&wrapped, &mut secret) {
            return Err("bytes in lower-case hexadecimal are expected".into());
        }
        Ok(Slot {
            id: fields.bytes("slot_id")?,
            kind: fields.text("kind")?.chars().take(64).collect(),
            created: read_time(&mut fields)?,
            principal: read_principal(&mut fields)?,
            admin: fields.flag("admin")?,
            wrapped: Wrapped {
                fingerprint: bytes(&fields.take("fingerprint")?)?,
                parameters: fields.take("parameters")?,
                wrapped: secret,
            },
            unknown: unknown.end(fields),
        })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        let mut put = |name: &str, value: Value| out.insert(name.into(), value);
        put("slot_id", hex(&self.id).into());
        put("kind", self.kind.clone().into());
        put("created", self.created.to_string().into());
        if let Some(principal) = &self.principal {
            put("principal", principal.clone().into());
        }
        put("admin", self.admin.into());
        put("fingerprint", hex(&self.wrapped.fingerprint).into());
        put("parameters", self.wrapped.parameters.clone());
        put("wrapped", hex(&self.wrapped.wrapped).into());
        self.unknown.write_end(out)
    }

    /// ALREADY_EXISTS when one of these slots is of the same root. (A passphrase has a fingerprint of its own in each.)
    fn refuse_again(&self, slots: &[Slot]) -> Result<()> {
        let fingerprint = &self.wrapped.fingerprint;
        match slots.iter().any(|slot| slot.kind == self.kind && slot.wrapped.fingerprint == *fingerprint) {
            true => Err(Error::AlreadyExists { what: "root", name: hex(fingerprint).into() }),
            false => Ok(()),
        }
    }

    pub(super) fn describe(&self, in_use: Option<[u8; 16]>) -> RootSlot {
        RootSlot {
            slot_id: hex(&self.id),
            kind: self.kind.clone(),
            fingerprint: hex(&self.wrapped.fingerprint),
            created: self.created.to_string(),
            in_use: in_use == Some(self.id),
            principal: self.principal.clone(),
            admin: self.admin,
        }
    }
}

pub(super) fn read_slots(snapshot: &mut Snapshot<'_>) -> Result<Vec<Slot>> {
    let rows = snapshot.root_rows()?;
    let slot = |(entry, row): &(super::backend::Entry, Row)| {
        let slot = Slot::read(&row.document)
            .map_err(|unreadable| unreadable.error(&format!("roots row {}", hex(&entry.place))))?;
        match slot.id == entry.place[..] {
            true => Ok(slot),
            false => Err(super::backend::Table::Roots.broken(&entry.place, "it is in another slot's place")),
        }
    };
    rows.iter().map(slot).collect()
}

/// Names the store before its secrets are made.
pub(super) fn draw_store(on_fork: OnFork, admin: bool) -> Result<(StoreSecret, [u8; 16], [u8; 16])> {
    let (mut store_id, mut incarnation) = ([0; 16], [0; 16]);
    fill_random(&mut store_id)?;
    fill_random(&mut incarnation)?;
    let mut secret = StoreSecret::draw(on_fork)?;
    if admin {
        secret.admin = Some(Key32::new_with(on_fork, |out| fill_random(out))?);
    }
    Ok((secret, store_id, incarnation))
}

/// What a slot's root binds the secrets to. All but the principal have fixed sizes.
fn bind(store_id: &[u8; 16], slot_id: &[u8; 16], admin: bool, principal: Option<&str>) -> Vec<u8> {
    let (borne, name) = (u8::from(principal.is_some()), principal.unwrap_or_default());
    [&store_id[..], slot_id, &[u8::from(admin), borne], name.as_bytes()].concat()
}

fn read_principal(fields: &mut Fields) -> std::result::Result<Option<String>, Unreadable> {
    let principal = fields.text_if_there("principal")?;
    match principal.as_deref().is_none_or(|name| check_principal(name).is_ok()) {
        true => Ok(principal),
        false => Err("its principal is none".into()),
    }
}

fn parse_slot_id(text: &str) -> Result<[u8; 16]> {
    let mut id = [0; 16];
    match from_hex(text, &mut id) {
        true => Ok(id),
        false => {
            Err(Error::InvalidArgument { what: "a root slot's id is 32 hexadecimal digits in lower case" })
        }
    }
}

fn no_slot(id: &[u8; 16]) -> Error {
    Error::RootNotFound { what: format!("slot {}", hex(id)).into() }
}
