//! Which key versions envelopes are under, counted over a walk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::exit::Result;
use super::super::output;
use super::report::counted;
use crate::Status;
use crate::envelope::Inspection;
use crate::keystore::{KeyId, KeyMetadata, KeyName, Store, VersionMetadata, rfc3339};

/// What the store knows of keys; each is asked for once.
pub(in crate::cli) struct Keys<'s> {
    store: Option<&'s Store>,
    /// Only these; all of the store where none is named.
    named: Vec<KeyId>,
    known: BTreeMap<String, Known>,
}

enum Known {
    Key(Box<KeyMetadata>),
    /// Not in this store, or there is no store.
    Absent,
    /// It is there, and may not be described to us: only trying tells.
    Untold,
}

impl Known {
    fn key(&self) -> Option<&KeyMetadata> {
        match self {
            Known::Key(key) => Some(key),
            Known::Absent | Known::Untold => None,
        }
    }
}

impl<'s> Keys<'s> {
    pub(in crate::cli) fn new(store: Option<&'s Store>, named: &[KeyId]) -> Keys<'s> {
        let mut keys = Keys { store, named: named.to_vec(), known: BTreeMap::new() };
        for id in named {
            keys.get(&id.to_string());
        }
        keys
    }

    fn get(&mut self, id: &str) -> &Known {
        let store = self.store;
        let ask = || {
            let (Some(store), Ok(id)) = (store, id.parse()) else { return Known::Absent };
            match store.describe_key(&KeyName::Id(id)) {
                Ok(key) => Known::Key(Box::new(key)),
                Err(e) if e.status() == Status::KeyNotFound => Known::Absent,
                Err(_) => Known::Untold,
            }
        };
        self.known.entry(id.to_owned()).or_insert_with(ask)
    }

    /// What a rewrap would find in an envelope: a cell of a key at hand, and one that is not under its current version.
    pub(in crate::cli) fn reach(&mut self, envelope: &Inspection) -> Reach {
        let mut reach = Reach { at_hand: false, old: false };
        for cell in envelope.cells.iter().filter_map(|cell| cell.key.as_ref()) {
            if !self.named.is_empty() && !self.named.iter().any(|id| id.to_string() == cell.key_id) {
                continue;
            }
            match self.get(&cell.key_id) {
                Known::Absent => {}
                Known::Untold => reach = Reach { at_hand: true, old: true },
                Known::Key(key) => {
                    let current = |v: &VersionMetadata| {
                        (v.version, key.current_version, material(v))
                            == (cell.version, cell.version, cell.material_id.clone())
                    };
                    reach.at_hand = true;
                    reach.old |= !key.versions.iter().any(current);
                }
            }
        }
        reach
    }
}

fn material(version: &VersionMetadata) -> String {
    version.material_id.iter().map(|b| format!("{b:02x}")).collect()
}

#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Reach {
    pub(in crate::cli) at_hand: bool,
    pub(in crate::cli) old: bool,
}

#[derive(Clone, Debug)]
struct Row {
    envelopes: u64,
    oldest: i64,
    newest: i64,
}

/// The count. What heads say of themselves; nothing of it is authenticated.
pub(in crate::cli) struct CensusOf {
    pub(in crate::cli) scope: Vec<PathBuf>,
    began: SystemTime,
    rows: BTreeMap<(String, u32, String), Row>,
    pub(in crate::cli) envelopes: u64,
    pub(in crate::cli) data_keys: u64,
    pub(in crate::cli) no_envelopes: u64,
}

impl CensusOf {
    pub(in crate::cli) fn new(scope: &[PathBuf]) -> CensusOf {
        CensusOf {
            scope: scope.to_vec(),
            began: SystemTime::now(),
            rows: BTreeMap::new(),
            envelopes: 0,
            data_keys: 0,
            no_envelopes: 0,
        }
    }

    /// An envelope or data key blob, last changed at this second.
    pub(in crate::cli) fn count(&mut self, envelope: &Inspection, modified: i64) {
        match envelope.kind {
            crate::envelope::Kind::Envelope => self.envelopes += 1,
            crate::envelope::Kind::DataKey => self.data_keys += 1,
        }
        let mut seen = Vec::new();
        for cell in envelope.cells.iter().filter_map(|cell| cell.key.as_ref()) {
            let name = (cell.key_id.clone(), cell.version, cell.material_id.clone());
            if !seen.contains(&name) {
                seen.push(name.clone());
                let row =
                    self.rows.entry(name).or_insert(Row { envelopes: 0, oldest: modified, newest: modified });
                row.envelopes += 1;
                row.oldest = row.oldest.min(modified);
                row.newest = row.newest.max(modified);
            }
        }
    }

    fn date(&self) -> String {
        rfc3339(self.began.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs()))
    }

    /// Every version met, and every old version of the keys met or named that was not.
    fn all(&self, keys: &Keys<'_>) -> Vec<Line> {
        let mut lines = BTreeMap::new();
        for ((id, version, material), row) in &self.rows {
            let key = keys.known.get(id).and_then(Known::key);
            let current = key.map(|key| key.current_version == *version);
            let line = Line {
                key_id: id.clone(),
                name: key.map(name_of),
                version: *version,
                material: material.clone(),
                current,
                old: key.is_some_and(|key| *version < key.current_version),
                row: Some(row.clone()),
            };
            lines.insert((id.clone(), *version, material.clone()), line);
        }
        for (id, key) in &keys.known {
            let Some(key) = key.key() else { continue };
            for version in &key.versions {
                let place = (id.clone(), version.version, material(version));
                lines.entry(place.clone()).or_insert(Line {
                    key_id: place.0,
                    name: Some(name_of(key)),
                    version: place.1,
                    material: place.2,
                    current: Some(key.current_version == version.version),
                    old: version.version < key.current_version,
                    row: None,
                });
            }
        }
        lines.into_values().collect()
    }

    pub(in crate::cli) fn to_json(&self, keys: &Keys<'_>) -> Value {
        let versions: Vec<Value> = self.all(keys).iter().map(Line::to_json).collect();
        json!({
            "scope": self.scope.iter().map(absolute).collect::<Vec<_>>(),
            "as_of": self.date(),
            "envelopes": self.envelopes,
            "data_keys": self.data_keys,
            "no_envelopes": self.no_envelopes,
            "versions": versions,
        })
    }

    /// The table, and below it a sentence for each old version: what an auditor asks.
    pub(in crate::cli) fn print(&self, keys: &Keys<'_>, not_seen: u64) -> Result<()> {
        let lines = self.all(keys);
        let rows = lines.iter().filter_map(|line| {
            let row = line.row.as_ref()?;
            Some(vec![
                line.name.clone().unwrap_or_else(|| line.key_id.clone()),
                line.version.to_string(),
                line.material.clone(),
                match line.current {
                    Some(true) => "current".into(),
                    Some(false) => "old".into(),
                    None => "not at hand".into(),
                },
                row.envelopes.to_string(),
                moment(row.oldest),
                moment(row.newest),
            ])
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            let head = ["key", "version", "material", "state", "envelopes", "oldest", "newest"];
            output::table(&head, rows)?;
        }
        let scope: Vec<String> = self.scope.iter().map(|path| path.display().to_string()).collect();
        let doubt = match not_seen {
            0 => String::new(),
            n => format!(" ({} could not be read)", counted(n, "file|files")),
        };
        for line in lines.iter().filter(|line| line.old) {
            output::line(format!(
                "version {} of {}: {} under {} as of {}{doubt}",
                line.version,
                line.name.as_deref().unwrap_or(&line.key_id),
                counted(line.row.as_ref().map_or(0, |row| row.envelopes), "envelope|envelopes"),
                scope.join(", "),
                self.date(),
            ))?;
        }
        Ok(())
    }
}

struct Line {
    key_id: String,
    /// An alias, or the id of a key without one.
    name: Option<String>,
    version: u32,
    material: String,
    /// None where the store does not have the key, or may not say.
    current: Option<bool>,
    /// Newer ones that are not current wait for a rotation.
    old: bool,
    row: Option<Row>,
}

impl Line {
    fn to_json(&self) -> Value {
        let mut line = json!({
            "key_id": self.key_id,
            "name": self.name,
            "version": self.version,
            "material_id": self.material,
            "current": self.current,
            "envelopes": self.row.as_ref().map_or(0, |row| row.envelopes),
        });
        if let (Some(row), Some(fields)) = (&self.row, line.as_object_mut()) {
            fields.insert("oldest_modified".into(), moment(row.oldest).into());
            fields.insert("newest_modified".into(), moment(row.newest).into());
        }
        line
    }
}

fn name_of(key: &KeyMetadata) -> String {
    key.aliases.first().map_or_else(|| key.key_id.to_string(), ToString::to_string)
}

fn moment(seconds: i64) -> String {
    rfc3339(u64::try_from(seconds).unwrap_or(0))
}

fn absolute(path: &PathBuf) -> String {
    std::fs::canonicalize(path).as_ref().unwrap_or(path).to_string_lossy().into_owned()
}
