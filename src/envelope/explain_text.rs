//! An explanation's reasons, in sentences that end in what to do, and its lines for a person.

use std::fmt;

use super::explain::{CellFindings, Explanation};
use super::head::Kind;
use super::inspect::shown;
use crate::error::Error;
use crate::keystore::KeyState;

/// The reasons for an answer, most telling first.
pub(super) fn reasons(told: &Explanation, missing: &[(String, Error)]) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut say = |reason: String| reasons.push(reason);
    if let Some(message) = &told.store.message {
        say(format!("the key store cannot be asked: {message}"));
    }
    for (name, error) in missing {
        say(format!("key \"{}\", which was named, cannot be used: {error}", shown(name)));
    }
    if told.size_possible == Some(false) {
        say(match told.kind {
            Some(Kind::DataKey) => "bytes follow the data key blob; it ends with its head".into(),
            _ => {
                "no envelope has this size: it was cut off, or something was appended; fetch it again".into()
            }
        });
    }
    let context = &told.context;
    for name in &context.not_given {
        say(format!("the envelope's context has the name \"{}\", which was not given; give it", shown(name)));
    }
    for name in &context.different {
        say(format!("the value given for \"{}\" is not the one that the envelope stores", shown(name)));
    }
    for name in &context.unexpected {
        say(format!(
            "the name \"{}\" was given, which the envelope's context does not have; leave it out",
            shown(name)
        ));
    }
    if context.committed_with_stored_values == Some(true) {
        say("with the values stored in it the envelope opens: if those are the ones you mean, give them, or accept \
             stored values"
            .into());
    }
    let nothing_to_compare = context.committed == Some(false) && context.stored.is_empty();
    if nothing_to_compare {
        say("a data key unwraps, but it is not committed to with the context given; nothing of the context is stored, so \
             it cannot be said which pair differs: compare with the caller that encrypted"
            .into());
    }
    let mut kinds: Vec<&str> = Vec::new();
    for cell in &told.cells {
        // Said above, with more to it.
        let said = nothing_to_compare && cell.unwraps == Some(true);
        if cell.cell.key.is_some() && !said && !kinds.contains(&cell.finding.as_str()) {
            kinds.push(&cell.finding);
        }
    }
    if told.store.reachable {
        kinds.into_iter().for_each(|kind| say(kind.into()));
    }
    if told.head_opens {
        say("the head opens; if decryption still answers AUTH, the payload is not as it was written".into());
    }
    reasons
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.head_opens {
            true => writeln!(f, "The head opens.")?,
            false => writeln!(f, "It does not open: {}", self.answer)?,
        }
        for reason in &self.reasons {
            writeln!(f, "  - {reason}")?;
        }
        match (&self.store.fingerprint, self.store.error) {
            (Some(fingerprint), _) => writeln!(f, "store        open, fingerprint {fingerprint}")?,
            (None, Some(error)) => writeln!(f, "store        not open: {error}")?,
            (None, None) => {}
        }
        if let Some(commitment) = &self.commitment {
            writeln!(f, "commitment   {commitment}")?;
        }
        for pair in &self.context.stored {
            let name = shown(&pair.name);
            let mark = if self.context.not_given.contains(&pair.name) {
                "not given"
            } else if self.context.different.contains(&pair.name) {
                "given with another value"
            } else {
                "given"
            };
            writeln!(f, "context      {name}: {mark}")?;
        }
        for (i, cell) in self.cells.iter().enumerate() {
            write!(f, "cell {i:<2}      ")?;
            let short = cell.short();
            if let Some(key) = &cell.cell.key {
                write!(f, "key {} version {} material {}", key.key_id, key.version, key.material_id)?;
                if !cell.aliases.is_empty() {
                    write!(f, " ({})", cell.aliases.join(", "))?;
                }
                write!(f, "\n             ")?;
            }
            writeln!(f, "{}", short.unwrap_or(&cell.finding))?;
        }
        Ok(())
    }
}

impl CellFindings {
    /// The finding in a few words, where the reasons have it in full.
    fn short(&self) -> Option<&'static str> {
        Some(match (self.held?, self.key_state, self.allowed, self.unwraps, self.commitment_agrees) {
            (false, ..) => "not held",
            (_, Some(KeyState::Disabled), ..) => "disabled",
            (_, _, Some(false), ..) => "not among the keys named",
            (_, _, _, Some(true), Some(true)) => "opens",
            (_, _, _, Some(true), _) => "unwraps; the commitment does not agree",
            _ => "does not authenticate",
        })
    }
}
