//! Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint, Ed25519 (type 01).

use super::base64;
use super::tree::{Hash, RightEdge};
use crate::crypto::{ed25519_public, ed25519_sign, ed25519_verify, sha256_into};
use crate::error::{Error, Result};
use crate::secret::Key32;

/// The algorithm's number in a key's id and in its text form.
const ED25519: u8 = 1;
/// Of a note that is read, in bytes: room for a hundred cosignatures.
const NOTE_LIMIT: usize = 64 << 10;
/// Of signatures that are read.
const SIGNATURES_LIMIT: usize = 128;

/// A checkpoint's text, verified or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: `keyfold.dev/store/` and the store id.
    pub origin: String,
    /// Events it covers.
    pub size: u64,
    /// RFC 6962 root hash.
    pub root: [u8; 32],
}

/// A name and an Ed25519 public key, as C2SP signed-note writes them: `NAME+HASH+BASE64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The key's name; the checkpoint's origin.
    pub name: String,
    /// Ed25519.
    pub public: [u8; 32],
}

/// The seed that signs checkpoints, in locked memory. Never Debug.
pub(crate) struct SigningKey {
    name: String,
    seed: Key32,
}

impl std::str::FromStr for VerifierKey {
    type Err = Error;

    /// # Errors
    /// INVALID_ARGUMENT, unless it is an Ed25519 key whose hash is right.
    fn from_str(text: &str) -> Result<VerifierKey> {
        let wrong =
            Error::InvalidArgument { what: "not a verifier key: NAME+HASH+BASE64, of an Ed25519 key" };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong);
        };
        let Some([ED25519, public @ ..]) = base64::decode_exactly::<33>(encoded) else {
            return Err(wrong);
        };
        let key = VerifierKey { name: name.into(), public };
        let right = is_name(name) && hash.len() == 8 && hash == format!("{:08x}", key.id());
        right.then_some(key).ok_or(wrong)
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut encoded = [ED25519; 33];
        encoded[1..].copy_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.name, self.id(), base64::encode(&encoded))
    }
}

impl VerifierKey {
    /// The first four bytes of SHA-256(name ‖ 0A ‖ 01 ‖ public key).
    fn id(&self) -> u32 {
        let mut hash = [0; 32];
        sha256_into(&[self.name.as_bytes(), b"\n", &[ED25519], &self.public], &mut hash);
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }
}

impl SigningKey {
    /// `seed` is 32 random bytes.
    pub(crate) fn new(name: String, seed: Key32) -> SigningKey {
        SigningKey { name, seed }
    }

    pub(crate) fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), public: ed25519_public(&self.seed) }
    }
}

/// The signed note of a checkpoint.
pub(crate) fn sign(key: &SigningKey, size: u64, root: &Hash) -> Result<String> {
    sign_text(key, format!("{}\n{size}\n{}\n", key.name, base64::encode(root)))
}

/// The signed note by which a log's key hands over to the next, at this size and root. Its first line keeps it apart from
/// checkpoints, whose first is the log's name.
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))] // a change of root is a store's on disk
pub(crate) fn hand_over(key: &SigningKey, next: &VerifierKey, size: u64, root: &Hash) -> Result<String> {
    sign_text(key, format!("keyfold trail key change 1\n{next}\n{size}\n{}\n", base64::encode(root)))
}

fn sign_text(key: &SigningKey, text: String) -> Result<String> {
    if !is_name(&key.name) {
        return Err(Error::Internal { what: "a log's name that no note can bear" });
    }
    let mut signature = [0; 68];
    signature[..4].copy_from_slice(&key.verifier().id().to_be_bytes());
    signature[4..].copy_from_slice(&ed25519_sign(&key.seed, text.as_bytes())?);
    Ok(format!("{text}\n— {} {}\n", key.name, base64::encode(&signature)))
}

/// A signed checkpoint of this log, its signature verified.
///
/// # Errors
/// TRAIL_INVALID.
pub(crate) fn parse_signed(note: &str, key: &VerifierKey) -> Result<Checkpoint> {
    let checkpoint = parse_text(open(note, key)?)?;
    if checkpoint.origin != key.name {
        return Err(invalid("the checkpoint is of another log"));
    }
    Ok(checkpoint)
}

/// A signed checkpoint with the right edge of the tree at its size, from which a verifier can go on whatever became of
/// the entries before it. One line of JSON, in the store and among a JSON Lines sink's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedCheckpoint {
    pub(crate) note: String,
    /// `None` when it is not known, or not the edge of a tree of the size that the note says.
    pub(crate) edge: Option<RightEdge>,
}

/// How the line of a checkpoint begins, and no event's does.
pub(super) const CHECKPOINT_LINE: &str = "{\"checkpoint\":";

impl SignedCheckpoint {
    pub(crate) fn sign(key: &SigningKey, edge: &RightEdge) -> Result<SignedCheckpoint> {
        let note = sign(key, edge.size(), &edge.root())?;
        Ok(SignedCheckpoint { note, edge: Some(edge.clone()) })
    }

    /// What stands for one that cannot be read, in its place: no key verifies it.
    pub(crate) fn unreadable(size: u64) -> SignedCheckpoint {
        let note = format!("-\n{size}\n{}\n\n", base64::encode(&[0; 32]));
        SignedCheckpoint { note, edge: None }
    }

    /// The size that the note says it is of, unverified.
    pub(crate) fn claimed_size(&self) -> Option<u64> {
        let text = self.note.rsplit_once("\n\n")?.0;
        parse_text(&self.note[..text.len() + 1]).ok().map(|checkpoint| checkpoint.size)
    }

    /// `{"checkpoint":NOTE,"edge":[…]}`, without a line end.
    pub(crate) fn line(&self) -> String {
        let nodes = self.edge.as_ref().map_or(&[][..], RightEdge::nodes);
        let edge: Vec<String> = nodes.iter().map(|node| base64::encode(node)).collect();
        serde_json::json!({ "checkpoint": self.note, "edge": edge }).to_string()
    }

    /// `None` for what is not such a line at all. Nothing in it is verified.
    pub(crate) fn parse_line(line: &str) -> Option<SignedCheckpoint> {
        #[derive(serde::Deserialize)]
        struct Line {
            checkpoint: String,
            #[serde(default)]
            edge: Vec<String>,
        }
        if line.len() > NOTE_LIMIT || !line.starts_with(CHECKPOINT_LINE) {
            return None;
        }
        let Line { checkpoint: note, edge } = serde_json::from_str(line).ok()?;
        let nodes: Option<Vec<Hash>> = edge.iter().map(|node| base64::decode_exactly(node)).collect();
        let mut read = SignedCheckpoint { note, edge: None };
        read.edge = read.claimed_size().and_then(|size| RightEdge::from_parts(size, nodes?));
        Some(read)
    }
}

/// The text of a note that this key signed. Signatures of other keys are passed over; one of this key that does not
/// verify rejects the note.
fn open<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str> {
    let malformed = || invalid("a checkpoint is not a signed note");
    if note.len() > NOTE_LIMIT || note.chars().any(|c| c < ' ' && c != '\n') {
        return Err(malformed());
    }
    let (text, signatures) = note.rsplit_once("\n\n").ok_or_else(malformed)?;
    // The text's own line end is the first of the two.
    let text = &note[..text.len() + 1];
    let signatures = signatures.strip_suffix('\n').ok_or_else(malformed)?;
    let mut verified = false;
    for (number, line) in signatures.split('\n').enumerate() {
        let parts = line.strip_prefix("— ").and_then(|line| line.split_once(' '));
        let (name, encoded) = parts.filter(|(name, _)| is_name(name)).ok_or_else(malformed)?;
        let signature = base64::decode(encoded).filter(|bytes| bytes.len() > 4).ok_or_else(malformed)?;
        if number >= SIGNATURES_LIMIT {
            return Err(malformed());
        }
        if name == key.name && signature[..4] == key.id().to_be_bytes() {
            let right = <&[u8; 64]>::try_from(&signature[4..])
                .is_ok_and(|bytes| ed25519_verify(&key.public, text.as_bytes(), bytes).is_ok());
            match right {
                true => verified = true,
                false => return Err(invalid("a checkpoint's signature is not that of the log's key")),
            }
        }
    }
    verified.then_some(text).ok_or_else(|| invalid("a checkpoint is not signed by the log's key"))
}

pub(super) fn parse_text(text: &str) -> Result<Checkpoint> {
    let malformed = || invalid("a checkpoint's text is not three lines of name, size and root hash");
    let mut lines = text.strip_suffix('\n').ok_or_else(malformed)?.split('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(malformed());
    };
    let number: u64 = size.parse().map_err(|_| malformed())?;
    let root = base64::decode_exactly(root).ok_or_else(malformed)?;
    // A plus sign and leading zeros are other spellings of a number; extension lines say nothing to us, but are not empty.
    if origin.is_empty() || number.to_string() != size || lines.any(str::is_empty) {
        return Err(malformed());
    }
    Ok(Checkpoint { origin: origin.into(), size: number, root })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn invalid(what: &str) -> Error {
    Error::TrailInvalid { what: what.into() }
}

#[cfg(test)]
#[path = "note_tests.rs"]
pub(super) mod tests;
