//! Appending to the trail inside a transaction: events, the head that says how many there are and what they come to,
//! checkpoints. docs/AUDIT.md.

use serde_json::Value;

use crate::audit::{Event, Hash, RightEdge, SignedCheckpoint, Source, leaf_hash};
use crate::crypto::ct_eq;
use crate::error::{Error, Result};
use crate::keystore::backend::{EventRow, Table};
use crate::keystore::document::{Unknown, Unreadable};
use crate::keystore::json::{Fields, bytes, hex};
use crate::keystore::snapshot::Snapshot;

/// A head's document: bytes at most. 64 hashes and some numbers.
const LIMIT: usize = 16_384;
/// A checkpoint is signed when so many events came since the last …
const CHECKPOINT_EVENTS: u64 = 1_024;
/// … or so many milliseconds passed.
pub(super) const CHECKPOINT_MILLIS: u64 = 60_000;

/// The one head of the trail, verified.
pub(in crate::keystore) struct Head {
    pub(in crate::keystore) edge: RightEdge,
    /// Events that the newest checkpoint covers, and when it was signed: milliseconds since 1970.
    pub(in crate::keystore) covered: u64,
    pub(in crate::keystore) signed: u64,
    unknown: Unknown,
    /// The row's revision; None where there is no row yet.
    was: Option<u64>,
}

impl Head {
    /// The head as it stands, which may not be older than the manifest says.
    ///
    /// # Errors
    /// TRAIL_INVALID.
    pub(in crate::keystore) fn read(snapshot: &mut Snapshot<'_>) -> Result<Head> {
        let store_id = snapshot.secrets.store_id;
        let manifest = (snapshot.manifest.trail_size, snapshot.manifest.trail_root);
        let head = match snapshot.rows.get(Table::Trail, &store_id)? {
            None => Head {
                edge: RightEdge::default(),
                covered: 0,
                signed: 0,
                unknown: Unknown::default(),
                was: None,
            },
            Some(row) => {
                let genuine =
                    snapshot.secrets.verify(Table::Trail, &snapshot.manifest.incarnation, &store_id, &row);
                genuine.map_err(|_| invalid("its head was not written by this store"))?;
                let read = Head::parse(&row.document, row.revision);
                read.map_err(|unreadable| match unreadable {
                    Unreadable::Damaged(why) => invalid(why),
                    too_new => too_new.error("the trail"),
                })?
            }
        };
        if head.edge.size() < manifest.0 {
            let what = format!(
                "event {} and those after it are missing: the manifest counts {}",
                head.edge.size(),
                manifest.0
            );
            return Err(Error::TrailInvalid { what: what.into() });
        }
        if head.edge.size() == manifest.0 && manifest.0 > 0 && !ct_eq(&head.edge.root(), &manifest.1) {
            return Err(invalid("its head is not the one the manifest names"));
        }
        Ok(head)
    }

    /// What a verified head's document counts.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(in crate::keystore) fn edge_of(document: &str, revision: u64) -> Option<RightEdge> {
        Head::parse(document, revision).ok().map(|head| head.edge)
    }

    /// The document of a head of these events, of which a checkpoint covers so many.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub(in crate::keystore) fn anew(edge: RightEdge, covered: u64) -> String {
        Head { edge, covered, signed: 0, unknown: Unknown::default(), was: None }.write()
    }

    fn parse(document: &str, revision: u64) -> std::result::Result<Head, Unreadable> {
        let mut fields = Fields::parse(document, LIMIT)?;
        let unknown = Unknown::begin(&mut fields, &["size", "nodes", "covered", "signed"])?;
        let size = fields.number("size")?;
        let nodes = fields.list("nodes")?.iter().map(bytes).collect::<std::result::Result<Vec<Hash>, _>>()?;
        let edge = RightEdge::from_parts(size, nodes).ok_or("its head does not fit together")?;
        let (covered, signed) = (fields.number("covered")?, fields.number("signed")?);
        if size.checked_add(1) != Some(revision) || covered > size {
            return Err("its head does not fit together".into());
        }
        Ok(Head { edge, covered, signed, unknown: unknown.end(fields), was: Some(revision) })
    }

    fn write(&self) -> String {
        let mut out = self.unknown.write_begin();
        out.insert("size".into(), self.edge.size().into());
        out.insert("nodes".into(), self.edge.nodes().iter().map(|node| Value::from(hex(node))).collect());
        out.insert("covered".into(), self.covered.into());
        out.insert("signed".into(), self.signed.into());
        self.unknown.write_end(out)
    }
}

fn invalid(what: &str) -> Error {
    Error::TrailInvalid { what: what.into() }
}

/// Events on their way into the trail.
pub(super) struct Appending<'a> {
    source: &'a Source,
    head: Head,
    rows: Vec<EventRow>,
}

impl<'a> Appending<'a> {
    pub(super) fn begin(snapshot: &mut Snapshot<'_>, source: &'a Source) -> Result<Appending<'a>> {
        let head = Head::read(snapshot)?;
        if !snapshot.rows.events(head.edge.size(), 1)?.is_empty() {
            let what = format!("there is an event {} that its head does not count", head.edge.size());
            return Err(Error::TrailInvalid { what: what.into() });
        }
        Ok(Appending { source, head, rows: Vec::new() })
    }

    pub(super) fn add(&mut self, snapshot: &Snapshot<'_>, event: &Event) -> Result<()> {
        let seq = self.head.edge.size();
        let line = event.write(self.source, seq)?;
        #[cfg(test)]
        crate::audit::schema::check(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
        let leaf = leaf_hash(line.as_bytes());
        self.head.edge.push(leaf);
        self.rows.push(EventRow { seq, mac: snapshot.secrets.event_mac(seq, &leaf), event: line });
        Ok(())
    }

    /// Writes the events and the head, and a checkpoint when it is time for one or `sign_now`. Answers the head.
    pub(super) fn end(mut self, snapshot: &mut Snapshot<'_>, now: u64, sign_now: bool) -> Result<Head> {
        let size = self.head.edge.size();
        let new = size - self.head.covered;
        let due = new >= CHECKPOINT_EVENTS || now.saturating_sub(self.head.signed) >= CHECKPOINT_MILLIS;
        if self.rows.is_empty() && (new == 0 || !(due || sign_now)) {
            return Ok(self.head);
        }
        snapshot.rows.append_events(&self.rows)?;
        let incarnation = snapshot.manifest.incarnation;
        if new > 0 && (due || sign_now) {
            let signed = SignedCheckpoint::sign(&snapshot.secrets.signing_key()?, &self.head.edge)?;
            let place = size.to_be_bytes();
            let row = snapshot.secrets.seal(Table::Checkpoints, &incarnation, &place, 1, signed.line());
            snapshot.rows.put_if(Table::Checkpoints, &place, None, &row)?;
            (self.head.covered, self.head.signed) = (size, now);
        }
        let store_id = snapshot.secrets.store_id;
        // The revision grows with the trail; where only a checkpoint was added, it stays.
        let row = snapshot.secrets.seal(Table::Trail, &incarnation, &store_id, size + 1, self.head.write());
        snapshot.rows.put_if(Table::Trail, &store_id, self.head.was, &row)?;
        self.head.was = Some(size + 1);
        Ok(self.head)
    }
}

/// The checkpoints of more than `after` events, by size; for one that is not as it was written, whatever is wrong with
/// its row, what no key verifies.
pub(in crate::keystore) fn checkpoints(
    snapshot: &mut Snapshot<'_>,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, SignedCheckpoint)>> {
    let places = snapshot.rows.places(Table::Checkpoints, &after.to_be_bytes(), limit)?;
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        // A place of another length is none; such a row stands before the first entry, where no checkpoint can.
        let size = <[u8; 8]>::try_from(&place[..]).map_or(0, u64::from_be_bytes);
        let row = match snapshot.rows.get(Table::Checkpoints, &place) {
            Ok(row) => row,
            Err(Error::StoreIntegrity { .. }) => None,
            Err(error) => return Err(error),
        };
        let read = row.and_then(|row| SignedCheckpoint::parse_line(&row.document));
        let read = read.filter(|checkpoint| checkpoint.claimed_size() == Some(size));
        found.push((size, read.unwrap_or_else(|| SignedCheckpoint::unreadable(size))));
    }
    Ok(found)
}
