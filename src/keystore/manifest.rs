//! The manifest, the settings and the groups of the digest tree: what ties every row to one state of the store.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::approvals::StoreSettings;
use super::backend::{Entry, Mac};
use super::clock::{self, Opening, Sighting};
use super::document::{Unknown, Unreadable, read_time};
use super::epochs::Mark;
use super::json::{Fields, Refused, bytes, hex};
use super::secrets::{MacInput, Secrets};
use super::time::Time;

/// The version of the store's rules that this library reads and writes (`min_reader`, `min_writer`).
pub(super) const READER: u64 = 1;
pub(super) const WRITER: u64 = 1;
/// Manifest, settings and group documents: bytes at most.
const LIMIT: usize = 65_536;

type Read<T> = std::result::Result<T, Unreadable>;

/// One row a store: its epoch (the row's revision), and digests that reach every other row.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) epoch: u64,
    /// The row's own MAC.
    pub(super) mac: Mac,
    pub(super) store_id: [u8; 16],
    pub(super) incarnation: [u8; 16],
    /// Numbers the incarnations of this store id, from 1.
    pub(super) life: u64,
    /// What verifies the manifest's signature, where only an admin root may change the store.
    pub(super) admin_public: Option<[u8; 32]>,
    pub(super) min_reader: u64,
    pub(super) min_writer: u64,
    /// Hash of the tables' definitions.
    pub(super) schema: [u8; 32],
    /// MAC of the settings row.
    pub(super) settings: Mac,
    /// Digest of all root slots.
    pub(super) roots: Mac,
    /// MAC of the row of approvals; `None` before the first approval.
    pub(super) approvals: Option<Mac>,
    pub(super) keys: u64,
    /// MACs of the group rows; an absent group is empty.
    pub(super) groups: BTreeMap<u8, Mac>,
    /// Events in the trail at the last change, and the root hash of their tree.
    pub(super) trail_size: u64,
    pub(super) trail_root: Mac,
    /// MAC of the manifest before; zero in the first.
    previous: Mac,
    /// The highest time a change was made at.
    time: Time,
    /// A system clock that was not believed when a change was made.
    stepped: Option<Sighting>,
    unknown: Unknown,
}

const MANIFEST_FIELDS: &[&str] = &[
    "store_id",
    "incarnation",
    "life",
    "admin_public",
    "signature",
    "min_reader",
    "min_writer",
    "time",
    "clock_stepped",
    "schema",
    "settings",
    "roots",
    "approvals",
    "keys",
    "trail_size",
    "trail_root",
    "previous",
    "groups",
];

impl Manifest {
    pub(super) fn new(store_id: [u8; 16], incarnation: [u8; 16], schema: [u8; 32]) -> Manifest {
        Manifest {
            epoch: 0,
            mac: [0; 32],
            store_id,
            incarnation,
            life: 1,
            admin_public: None,
            min_reader: READER,
            min_writer: WRITER,
            schema,
            settings: [0; 32],
            roots: [0; 32],
            approvals: None,
            keys: 0,
            trail_size: 0,
            trail_root: [0; 32],
            groups: BTreeMap::new(),
            previous: [0; 32],
            time: Time(0),
            stepped: None,
            unknown: Unknown::default(),
        }
    }

    pub(super) fn read(text: &str, epoch: u64, mac: Mac) -> Read<Manifest> {
        let (mut fields, groups) = Fields::parse_with_digests(text, LIMIT, "groups")?;
        let unknown = Unknown::begin(&mut fields, MANIFEST_FIELDS)?;
        let min_reader = fields.number("min_reader")?;
        if min_reader > READER {
            return Err(Unreadable::TooNew(format!("a later release (reader {min_reader})")));
        }
        Ok(Manifest {
            epoch,
            mac,
            store_id: fields.bytes("store_id")?,
            incarnation: fields.bytes("incarnation")?,
            life: fields.number("life")?,
            admin_public: read_admin(&mut fields)?,
            min_reader,
            min_writer: fields.number("min_writer")?,
            schema: fields.bytes("schema")?,
            settings: fields.bytes("settings")?,
            roots: fields.bytes("roots")?,
            approvals: fields.take_if_there("approvals").as_ref().map(bytes).transpose()?,
            keys: fields.number("keys")?,
            trail_size: fields.number("trail_size")?,
            trail_root: fields.bytes("trail_root")?,
            groups: groups.into_iter().collect(),
            previous: fields.bytes("previous")?,
            time: Time::parse(&fields.text("time")?).ok_or("a date is malformed")?,
            stepped: Sighting::read(fields.take_if_there("clock_stepped"))?,
            unknown: unknown.end(fields),
        })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        let mut put = |name: &str, value: Value| out.insert(name.into(), value);
        put("min_reader", self.min_reader.into());
        put("min_writer", self.min_writer.into());
        put("store_id", hex(&self.store_id).into());
        put("incarnation", hex(&self.incarnation).into());
        put("life", self.life.into());
        if let Some(public) = &self.admin_public {
            put("admin_public", hex(public).into());
        }
        put("time", self.time.to_string().into());
        if let Some(stepped) = &self.stepped {
            put("clock_stepped", stepped.write());
        }
        put("previous", hex(&self.previous).into());
        put("schema", hex(&self.schema).into());
        put("settings", hex(&self.settings).into());
        put("roots", hex(&self.roots).into());
        if let Some(approvals) = &self.approvals {
            put("approvals", hex(approvals).into());
        }
        put("keys", self.keys.into());
        put("trail_size", self.trail_size.into());
        put("trail_root", hex(&self.trail_root).into());
        put("groups", write_digests(&self.groups));
        self.unknown.write_end(out)
    }

    /// Goes on to the next epoch, through this opening of the store.
    pub(super) fn advance(&mut self, by: Opening) {
        self.epoch += 1;
        self.previous = self.mac;
        (self.time, self.stepped) = clock::advance(self.time, self.stepped, by);
    }

    /// Begins a new incarnation, later than any that was seen.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(super) fn begin_life(&mut self, incarnation: [u8; 16], seen: Mark) {
        self.incarnation = incarnation;
        self.life = self.life.max(seen.life) + 1;
        self.epoch = self.epoch.max(seen.epoch);
        self.groups.clear();
    }

    /// For the memory of what was seen.
    pub(super) fn mark(&self) -> Mark {
        Mark { life: self.life, epoch: self.epoch, mac: self.mac, admin: self.admin_public }
    }

    /// The highest time a change was made at.
    pub(super) fn time(&self) -> Time {
        self.time
    }

    /// A clock that this change is the first to find too far off: what it shows.
    pub(super) fn finds_step(&self, by: Opening) -> Option<Time> {
        let found = clock::advance(self.time, self.stepped, by).1;
        found.filter(|_| found != self.stepped).map(|found| found.at)
    }
}

/// An admin root's public key, where there is one. The signature itself was looked at before ([`super::admin`]).
fn read_admin(fields: &mut Fields) -> Refused<Option<[u8; 32]>> {
    let public = fields.take_if_there("admin_public").as_ref().map(bytes).transpose()?;
    match (fields.take_if_there("signature").is_some(), public) {
        (signed, public) if signed == public.is_some() => Ok(public),
        _ => Err("a signature and its key come together"),
    }
}

/// Reads who a store says it is, before anything can be verified: its id and incarnation, for unwrapping its secret.
pub(super) fn claimed_identity(text: &str) -> Read<([u8; 16], [u8; 16])> {
    let (mut fields, _) = Fields::parse_with_digests(text, LIMIT, "groups")?;
    Unknown::begin(&mut fields, MANIFEST_FIELDS)?;
    Ok((fields.bytes("store_id")?, fields.bytes("incarnation")?))
}

/// What holds for the whole store.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) created: Time,
    pub(super) development: bool,
    /// The oldest envelope format that may be opened.
    envelope_format_floor: u64,
    /// What can be changed: who manages the store, and what needs two.
    pub(super) changeable: StoreSettings,
    unknown: Unknown,
}

const SETTINGS_FIELDS: &[&str] = &[
    "created",
    "development",
    "envelope_format_floor",
    "dual_control",
    "approval_seconds",
    "administrators",
];

impl Settings {
    /// Of a new store; whoever makes it is its administrator.
    pub(super) fn new(development: bool, administrator: &str) -> Settings {
        let changeable =
            StoreSettings { administrators: vec![administrator.into()], ..StoreSettings::default() };
        Settings {
            created: Time::now(),
            development,
            envelope_format_floor: 1,
            changeable,
            unknown: Unknown::default(),
        }
    }

    pub(super) fn read(text: &str) -> Read<Settings> {
        let mut fields = Fields::parse(text, LIMIT)?;
        let unknown = Unknown::begin(&mut fields, SETTINGS_FIELDS)?;
        let created = read_time(&mut fields)?;
        let development = fields.flag("development")?;
        let envelope_format_floor = fields.number("envelope_format_floor")?;
        if envelope_format_floor > 1 {
            return Err(Unreadable::TooNew("a later release".into()));
        }
        let mut changeable = Map::new();
        for name in &SETTINGS_FIELDS[3..] {
            changeable.insert((*name).into(), fields.take(name)?);
        }
        let changeable = serde_json::from_value(changeable.into())
            .map_err(|_| "dual control and administrators are malformed")?;
        let unknown = unknown.end(fields);
        Ok(Settings { created, development, envelope_format_floor, changeable, unknown })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        out.insert("created".into(), self.created.to_string().into());
        out.insert("development".into(), self.development.into());
        out.insert("envelope_format_floor".into(), self.envelope_format_floor.into());
        out.insert("dual_control".into(), self.changeable.dual_control.clone().into());
        out.insert("approval_seconds".into(), self.changeable.approval_seconds.into());
        out.insert("administrators".into(), self.changeable.administrators.clone().into());
        self.unknown.write_end(out)
    }
}

/// Digests of the 256 buckets whose numbers begin with one byte; an absent bucket is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) revision: u64,
    pub(super) buckets: BTreeMap<u8, Mac>,
    unknown: Unknown,
}

impl Group {
    pub(super) fn read(text: &str, revision: u64) -> Read<Group> {
        let (mut fields, buckets) = Fields::parse_with_digests(text, LIMIT, "buckets")?;
        let unknown = Unknown::begin(&mut fields, &["buckets"])?;
        Ok(Group { revision, buckets: buckets.into_iter().collect(), unknown: unknown.end(fields) })
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        out.insert("buckets".into(), write_digests(&self.buckets));
        self.unknown.write_end(out)
    }
}

/// The digest of a bucket: its keys and its aliases, each in the order of their places, with revision and MAC.
pub(super) fn bucket_digest(
    secrets: &Secrets,
    incarnation: &[u8; 16],
    bucket: u16,
    keys: &[Entry],
    aliases: &[Entry],
) -> Mac {
    let mut input = MacInput::new("keyfold/bucket-digest/1");
    input.field(incarnation);
    input.field(&bucket.to_be_bytes());
    for (name, entries) in [("keys", keys), ("aliases", aliases)] {
        input.field(name.as_bytes());
        input.field(&(entries.len() as u64).to_be_bytes());
        entries.iter().for_each(|entry| write_entry(&mut input, entry));
    }
    secrets.digest(input)
}

/// The digest of all root slots.
pub(super) fn roots_digest(secrets: &Secrets, incarnation: &[u8; 16], slots: &[Entry]) -> Mac {
    let mut input = MacInput::new("keyfold/roots-digest/1");
    input.field(incarnation);
    input.field(&(slots.len() as u64).to_be_bytes());
    slots.iter().for_each(|entry| write_entry(&mut input, entry));
    secrets.digest(input)
}

fn write_entry(input: &mut MacInput, entry: &Entry) {
    input.field(&entry.place);
    input.field(&entry.revision.to_be_bytes());
    input.field(&entry.mac);
}

fn write_digests(digests: &BTreeMap<u8, Mac>) -> Value {
    digests.iter().map(|(n, mac)| (format!("{n:02x}"), Value::from(hex(mac)))).collect::<Map<_, _>>().into()
}
