//! Why an envelope opens or does not, for the engineer on call: a tree of reasons, without producing plaintext.
//!
//! It tells what the data path must not (which part of an opening failed), so it is a call of its own that needs the
//! whole store. It states what was found and does not guess who changed what.

use serde::Serialize;

use super::cells::{Cell, TYPE_FREE};
use super::chunks;
use super::head::{Head, Kind};
use super::inspect::{CellInfo, StoredPair, cell_info, hex, stored_pairs};
use super::open::{Call, unlock};
use super::reach::unwrap;
use super::stored::{agrees, merge};
use super::suite::{AnyDek, commits};
use super::{Allowed, Opened};
use crate::context::{Context, MAX_ENCODED, Pairs};
use crate::crypto::{Lane, with_lane};
use crate::error::{Error, Result};
use crate::keystore::{Key, KeyId, KeyMetadata, KeyName, KeyState, Named, Store, Wish};
use crate::operation::Operation;

/// Why an envelope opens or does not. Serializes to JSON, and displays as lines for a person.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Whether the head opens: a cell gives the DEK, and key, head and context are those committed to. The chunks
    /// are not tried: if this is true and decryption still answers AUTH, the payload was changed.
    pub head_opens: bool,
    /// The status that decryption with these keys and this context answers to the head; `OK` where it opens.
    pub answer: &'static str,
    /// What was found, and what to do, most telling first.
    pub reasons: Vec<String>,
    /// The store, or why it cannot be asked.
    pub store: StoreReach,
    /// Why the head does not parse, if so; the fields below are then empty.
    pub malformed: Option<String>,
    /// An envelope or a data key blob.
    pub kind: Option<Kind>,
    /// The commitment, in hexadecimal.
    pub commitment: Option<String>,
    /// Whether data of this kind can have this size; None if the size is not known.
    pub size_possible: Option<bool>,
    /// How the context given compares with what the envelope stores.
    pub context: ContextFindings,
    /// The cells, in order.
    pub cells: Vec<CellFindings>,
}

/// Whether the store can be asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StoreReach {
    /// It is open.
    pub reachable: bool,
    /// Its fingerprint, where it is.
    pub fingerprint: Option<String>,
    /// The status name of what stands in the way.
    pub error: Option<&'static str>,
    /// The same in words.
    pub message: Option<String>,
}

/// The context given, beside what is stored.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ContextFindings {
    /// What the envelope stores; empty where it stores nothing.
    pub stored: Vec<StoredPair>,
    /// Stored names that were not given.
    pub not_given: Vec<String>,
    /// Names given whose stored value is another.
    pub different: Vec<String>,
    /// Names given that the envelope's context does not have; known only where names are stored.
    pub unexpected: Vec<String>,
    /// Whether the commitment agrees with the context given; None where no cell could be unwrapped.
    pub committed: Option<bool>,
    /// Whether it agrees with the context given and stored values in its gaps, where that is another context.
    pub committed_with_stored_values: Option<bool>,
}

/// One cell, and what the store has to it.
#[derive(Clone, Debug, Serialize)]
pub struct CellFindings {
    /// Where it lies and what it names.
    #[serde(flatten)]
    pub cell: CellInfo,
    /// The key's aliases in the store.
    pub aliases: Vec<String>,
    /// The key's state in the store; None where the store does not have it.
    pub key_state: Option<KeyState>,
    /// Whether the caller's choice of keys lets this key be used.
    pub allowed: Option<bool>,
    /// Whether the store holds this version with this material.
    pub held: Option<bool>,
    /// Whether the wrapped DEK authenticates under that material.
    pub unwraps: Option<bool>,
    /// Whether the commitment agrees with its DEK and the context given.
    pub commitment_agrees: Option<bool>,
    /// What this comes to.
    pub finding: String,
}

/// Explains an envelope or data key blob against a store (or why it cannot be opened) and a context.
///
/// `allowed` is as for decryption: the keys that may be used, or None for any key of the store. `envelope` may be cut
/// off behind its head; `total_len` is the whole size, if known. Never fails: what stands in the way is what it tells.
pub fn explain(
    store: std::result::Result<&Store, &Error>,
    allowed: Option<&[KeyName]>,
    envelope: &[u8],
    total_len: Option<u64>,
    context: &Context<'_>,
) -> Explanation {
    let mut told = Explanation {
        head_opens: false,
        answer: "OK",
        reasons: Vec::new(),
        store: reach(store),
        malformed: None,
        kind: None,
        commitment: None,
        size_possible: None,
        context: ContextFindings::default(),
        cells: Vec::new(),
    };
    let head = match Head::parse(envelope, None) {
        Ok(head) => head,
        Err(e) => {
            told.answer = e.status().name();
            told.reasons.push(advised(&e));
            told.malformed = Some(e.to_string());
            return told;
        }
    };
    told.kind = Some(head.kind);
    told.commitment = Some(hex(head.commitment()));
    told.size_possible = total_len.map(|total| size_possible(&head, total));
    told.context = compare(&head, context);
    let keys = Keys::resolve(store, allowed);
    let answered = with_lane(|lane| {
        told.cells = head
            .cells()
            .map(|cell| look_at(lane, &head, &cell, store, &keys, context, &mut told.context))
            .collect();
        would_answer(lane, &head, store, &keys, context)
    });
    let answered = match told.size_possible {
        Some(false) if head.kind == Kind::DataKey => {
            Err(Error::Malformed { why: "bytes follow the end of a data key blob" })
        }
        Some(false) => Err(Error::Auth),
        _ => answered,
    };
    told.head_opens = answered.is_ok();
    if let Err(e) = &answered {
        told.answer = e.status().name();
    }
    told.reasons = super::explain_text::reasons(&told, &keys.missing);
    told
}

/// The keys that the caller allows.
struct Keys {
    /// None: any key of the store.
    handles: Option<Vec<Key>>,
    /// Named and not usable, with the reason.
    missing: Vec<(String, Error)>,
}

impl Keys {
    fn resolve(store: std::result::Result<&Store, &Error>, allowed: Option<&[KeyName]>) -> Keys {
        let mut keys = Keys { handles: None, missing: Vec::new() };
        if let (Ok(store), Some(names)) = (store, allowed) {
            let handles = keys.handles.insert(Vec::new());
            for name in names {
                match store.key(name) {
                    Ok(key) => handles.push(key),
                    Err(e) => keys.missing.push((name.to_string(), e)),
                }
            }
        }
        keys
    }

    fn allows(&self, id: KeyId) -> bool {
        self.handles.as_ref().is_none_or(|keys| keys.iter().any(|key| key.id() == id))
    }
}

/// What happened and what to do. Some errors say both themselves.
fn advised(error: &Error) -> String {
    let text = error.to_string();
    match error.status().text().split_once("; ") {
        Some((_, todo)) if !text.contains("; ") => format!("{text}; {todo}"),
        _ => text,
    }
}

fn reach(store: std::result::Result<&Store, &Error>) -> StoreReach {
    match store.map_err(Error::clone).and_then(Store::info) {
        Ok(info) => StoreReach { reachable: true, fingerprint: Some(info.fingerprint), ..Default::default() },
        Err(e) => {
            StoreReach { error: Some(e.status().name()), message: Some(advised(&e)), ..Default::default() }
        }
    }
}

fn size_possible(head: &Head<'_>, total: u64) -> bool {
    let payload = total.checked_sub(head.len() as u64).and_then(|len| usize::try_from(len).ok());
    match head.kind {
        Kind::Envelope => payload.and_then(chunks::plain_len).is_some(),
        Kind::DataKey => payload == Some(0),
    }
}

fn compare(head: &Head<'_>, context: &Context<'_>) -> ContextFindings {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stored = || Pairs::of(head.stored());
    let given = || Pairs::of(context.as_bytes());
    let mut found = ContextFindings { stored: stored_pairs(head.stored()), ..Default::default() };
    for (name, kept) in stored() {
        match given().find(|(other, _)| *other == name) {
            None => found.not_given.push(text(name)),
            Some((_, value)) if kept.is_some() && kept != value => found.different.push(text(name)),
            Some(_) => {}
        }
    }
    if !head.stored().is_empty() {
        let unexpected = given().filter(|(name, _)| !stored().any(|(other, _)| other == *name));
        found.unexpected = unexpected.map(|(name, _)| text(name)).collect();
    }
    found
}

/// What the data path answers: asked of the data path's own code.
fn would_answer(
    lane: &mut Lane,
    head: &Head<'_>,
    store: std::result::Result<&Store, &Error>,
    keys: &Keys,
    context: &Context<'_>,
) -> Result<()> {
    let mut dek = AnyDek::zeroed(head.dek.unwrap_or(super::DEK));
    let options = super::DecryptOptions::default();
    let store = store.map_err(Error::clone)?;
    if let Some((_, error)) = keys.missing.first() {
        return Err(error.clone());
    }
    let mut opened = Opened::nothing();
    let handles: Option<Vec<&Key>> = keys.handles.as_ref().map(|handles| handles.iter().collect());
    let allowed = match &handles {
        None => Allowed::AnyKeyOf(store),
        Some(handles) => Allowed::Keys(handles),
    };
    let call = Call { allowed: &allowed, operation: Operation::Explain, head, options: &options };
    unlock(lane, &call, context, &mut dek, &mut opened, |_, _, made| Ok(made.settle()))
}

fn look_at(
    lane: &mut Lane,
    head: &Head<'_>,
    cell: &Cell<'_>,
    store: std::result::Result<&Store, &Error>,
    keys: &Keys,
    context: &Context<'_>,
    contexts: &mut ContextFindings,
) -> CellFindings {
    let mut found = CellFindings {
        cell: cell_info(cell, head.whole_fixed().len()),
        aliases: Vec::new(),
        key_state: None,
        allowed: None,
        held: None,
        unwraps: None,
        commitment_agrees: None,
        finding: String::new(),
    };
    let Some(named) = cell.key() else {
        found.finding = match cell.tag() {
            TYPE_FREE => "free: room for a rewrap".into(),
            tag => format!(
                "of type {tag:#04x}, which this version of the library does not know; it is passed over"
            ),
        };
        return found;
    };
    let Ok(store) = store else {
        found.finding = "the store cannot be asked".into();
        return found;
    };
    let key = store.key_by_id(named.key_id());
    let id = key.as_ref().map_or(named.key_id(), Key::id);
    let metadata = match store.describe_key(&KeyName::Id(id)) {
        Ok(metadata) => metadata,
        Err(Error::KeyNotFound { .. }) => {
            found.held = Some(false);
            found.finding =
                "its key is not in this store: the envelope is of another store, or the key was deleted"
                    .into();
            return found;
        }
        Err(e) => {
            found.finding = format!("the store cannot tell about its key: {e}");
            return found;
        }
    };
    found.aliases = metadata.aliases.iter().map(ToString::to_string).collect();
    found.key_state = Some(metadata.key_state);
    found.allowed = Some(keys.allows(id));
    let version = (named.version(), named.material_id());
    let tried = key.and_then(|key| {
        key.peek(&Wish::without_context(Operation::Explain), |view| {
            match view.named(named.key_id(), named.version(), named.material_id()) {
                Named::Held(version) => {
                    let mut dek = AnyDek::zeroed(head.dek.unwrap_or(super::DEK));
                    let unwraps = unwrap(lane, head, cell, &named, version, dek.room());
                    Ok(Some((unwraps, unwraps.then(|| agreement(head, dek.expose(), context)))))
                }
                Named::Barred(barred) => Err(barred.error()),
                Named::Unknown | Named::Foreign => Ok(None),
            }
        })
    });
    match tried {
        Ok(Some((unwraps, agreement))) => {
            found.held = Some(true);
            found.unwraps = Some(unwraps);
            if let Some((given, with_stored)) = agreement {
                found.commitment_agrees = Some(given);
                contexts.committed = Some(contexts.committed == Some(true) || given);
                contexts.committed_with_stored_values = with_stored
                    .map(|agrees| agrees || contexts.committed_with_stored_values == Some(true))
                    .or(contexts.committed_with_stored_values);
            }
        }
        Ok(None) => found.held = Some(false),
        // A disabled key's documents can still be read.
        Err(_) => {
            let held = metadata.versions.iter().any(|v| (v.version, v.material_id) == version);
            found.held = Some(held);
        }
    }
    found.finding = finding(&found, &metadata, version);
    found
}

/// Whether the commitment agrees with the context given, and with stored values in its gaps where that differs.
fn agreement(head: &Head<'_>, dek: &[u8], context: &Context<'_>) -> (bool, Option<bool>) {
    let commits = |context: &Context<'_>| commits(head.kind, dek, &head.fixed, context);
    let given = (head.stored().is_empty() || agrees(head.stored(), context)) && commits(context);
    let mut buffer = [0; MAX_ENCODED];
    let with_stored = match given || head.stored().is_empty() {
        true => None,
        false => merge(head.stored(), context, &mut buffer).ok().map(|merged| commits(&merged)),
    };
    (given, with_stored)
}

fn finding(found: &CellFindings, key: &KeyMetadata, (version, material): (u32, [u8; 8])) -> String {
    let name = key.aliases.first().map_or_else(|| key.key_id.to_string(), ToString::to_string);
    if found.held == Some(false) {
        let same_number: Vec<String> = key
            .versions
            .iter()
            .filter(|other| other.version == version)
            .map(|other| hex(&other.material_id))
            .collect();
        return match same_number.is_empty() {
            true => format!(
                "key {name} has no version {version} here (its current one is {}): this store is older than the \
                 envelope, or a copy that went its own way; open the store that made it, or restore a later backup",
                key.current_version
            ),
            false => format!(
                "version {version} of key {name} has other material here ({}; the envelope names {}): the store was \
                 restored or copied and went its own way; open the store that made the envelope",
                same_number.join(", "),
                hex(&material)
            ),
        };
    }
    if found.key_state == Some(KeyState::Disabled) {
        return format!("key {name} is disabled; `keyfold key enable {name}` lets it open this again");
    }
    if found.allowed == Some(false) {
        return format!(
            "key {name} is held, but not among the keys that this call may use; name it with --key"
        );
    }
    match (found.unwraps, found.commitment_agrees) {
        (Some(true), Some(true)) => format!("opens under version {version} of key {name}"),
        (Some(true), _) => "its data key unwraps, but the commitment does not agree: the context is not the one given at \
                            encryption, or the cell is not of this envelope"
            .into(),
        _ => "its wrapped data key does not authenticate: this cell or the head's fixed part is not as it was written".into(),
    }
}
