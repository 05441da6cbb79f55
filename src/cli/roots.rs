//! `keyfold root …`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Failure, Result};
use super::output;
use super::session::{NewPassphrase, NewRoot, Session};
use crate::Status;
use crate::keystore::{RootSlot, SlotOptions, Store};

#[derive(Subcommand)]
pub(super) enum RootCommand {
    /// List what opens the store
    Show,
    /// Let a further root open the store
    Add {
        #[command(flatten)]
        new: New,
        /// Whoever opens the store with it is this principal, and can be no other
        #[arg(long = "for", value_name = "PRINCIPAL")]
        bears: Option<String>,
        /// It may change the store; with the first such root all others cannot
        #[arg(long)]
        admin: bool,
    },
    /// Remove a root from the store; never the last
    Remove {
        /// Slot to remove: its id or fingerprint from root show, or the beginning of one
        #[arg(value_name = "SLOT")]
        slot: String,
    },
    /// Put another root in the place of one
    Change {
        #[command(flatten)]
        new: New,
        /// The slot whose place it takes; without it that of the root in use
        #[arg(long, value_name = "SLOT")]
        slot: Option<String>,
    },
}

#[derive(Args)]
pub(super) struct New {
    /// The new root: file:PATH (made if it is not there) or passphrase:
    #[arg(long, value_name = "URL")]
    new_root: String,
    /// Read the new passphrase from this descriptor (KEYFOLD_NEW_PASSPHRASE_FD: a descriptor or the path of a file)
    #[arg(long, value_name = "N")]
    new_passphrase_fd: Option<i32>,
}

impl RootCommand {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self {
            RootCommand::Show => show(session, session.store()?.roots()?),
            RootCommand::Add { new, bears, admin } => {
                let store = session.store()?;
                let new = new.root(session)?;
                let options = SlotOptions { principal: bears, admin };
                done(session, &store.add_root_as(&*new.root, &options)?, &new, "added")
            }
            RootCommand::Remove { slot } => {
                let store = session.store()?;
                let slot = find(&store, &slot)?;
                store.remove_root(&slot.slot_id).map_err(|error| {
                    let line = format!("RemoveRoot --param slotId={}", slot.slot_id);
                    super::approvals::needed(error.into(), &line)
                })?;
                match session.global.json {
                    true => output::json(&json!({ "slot": slot, "removed": true })),
                    false => session.say(format!("removed root {} ({})", slot.slot_id, slot.kind)),
                }
            }
            RootCommand::Change { new, slot } => {
                let store = session.store()?;
                let slot = slot.map(|s| find(&store, &s)).transpose()?;
                let new = new.root(session)?;
                let changed = store.change_root(slot.as_ref().map(|s| s.slot_id.as_str()), &*new.root)?;
                done(session, &changed, &new, "changed to")
            }
        }
    }
}

impl New {
    fn root(&self, session: &Session) -> Result<NewRoot> {
        session.new_root(&self.new_root, NewPassphrase::Beside(self.new_passphrase_fd))
    }
}

/// The one slot of this id or fingerprint, or whose id or fingerprint begins so.
fn find(store: &Store, wanted: &str) -> Result<RootSlot> {
    let mut slots = store.roots()?;
    let exact = |s: &RootSlot| s.slot_id == wanted || s.fingerprint == wanted;
    if !slots.iter().any(exact) {
        slots.retain(|s| s.slot_id.starts_with(wanted) || s.fingerprint.starts_with(wanted));
    } else {
        slots.retain(exact);
    }
    match (slots.pop(), slots.len()) {
        (Some(slot), 0) if !wanted.is_empty() => Ok(slot),
        (None, _) => Err(Failure::new(Status::InvalidArgument, format!("no root slot \"{wanted}\""))
            .hint("see the slots with: keyfold root show")),
        _ => {
            Err(Failure::usage(format!("several root slots begin with \"{wanted}\"")).hint("give more of it"))
        }
    }
}

fn show(session: &Session, mut slots: Vec<RootSlot>) -> Result<()> {
    slots.sort_by_cached_key(|s| {
        (!s.in_use, s.kind.clone(), s.principal.clone(), s.created.clone(), s.slot_id.clone())
    });
    if session.global.json {
        return output::json(&json!({ "roots": slots }));
    }
    let rows = slots.iter().map(|s| {
        let marks = [(s.in_use, "in use"), (s.admin, "admin")];
        let mut marks: Vec<String> = marks.iter().filter(|(set, _)| *set).map(|(_, m)| (*m).into()).collect();
        marks.extend(s.principal.iter().map(|principal| format!("for {principal}")));
        vec![s.slot_id.clone(), s.kind.clone(), s.fingerprint.clone(), s.created.clone(), marks.join(", ")]
    });
    output::table(&["SLOT", "KIND", "FINGERPRINT", "CREATED", ""], rows)
}

fn done(session: &Session, slot: &RootSlot, new: &NewRoot, verb: &str) -> Result<()> {
    if session.global.json {
        return output::json(&json!({
            "slot": slot,
            "root": { "kind": new.root.kind(), "url": new.root.describe(), "made": new.made.is_some() },
        }));
    }
    if let Some(path) = &new.made {
        session.say(format!("made root key file {}", path.display()))?;
        session.note("keep a copy of the root key file apart from copies of the store")?;
    }
    session.say(format!("{verb} root {} (slot {})", new.root.describe(), slot.slot_id))
}
