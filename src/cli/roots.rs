//! `keyfold root …`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::backup::SecondRoot;
use super::exit::{Failure, Result};
use super::life::Sure;
use super::output;
use super::session::{NewPassphrase, NewRoot, Session};
use crate::Status;
use crate::keystore::{RootSlot, SlotOptions, Store};
use crate::root::{Root, RootUrl};

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
        #[arg(long, value_name = "SLOT", conflicts_with = "compromised")]
        slot: Option<String>,
        #[command(flatten)]
        compromised: Compromised,
    },
}

/// For a root that others may know.
#[derive(Args)]
pub(super) struct Compromised {
    /// The root in use may be known to others: draw a new store secret, wrap all material anew, rotate the keys, and drop
    /// every other root that --keep-root does not name. Nobody may have the store open
    #[arg(long)]
    compromised: bool,
    /// A root that goes on opening the store: file:PATH (may be given several times; passphrases are added again)
    #[arg(long, value_name = "URL", requires = "compromised")]
    keep_root: Vec<String>,
    #[command(flatten)]
    second: SecondRoot,
    #[command(flatten)]
    sure: Sure,
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
            RootCommand::Change { new, slot: _, compromised } if compromised.compromised => {
                compromised.run(session, &new)
            }
            RootCommand::Change { new, slot, .. } => {
                let store = session.store()?;
                let slot = slot.map(|s| find(&store, &s)).transpose()?;
                let new = new.root(session)?;
                let changed = store.change_root(slot.as_ref().map(|s| s.slot_id.as_str()), &*new.root)?;
                done(session, &changed, &new, "changed to")
            }
        }
    }
}

impl Compromised {
    fn run(self, session: &Session, new: &New) -> Result<()> {
        let (location, root, second) = (session.location()?, session.root()?, self.second.root(session)?);
        let keep = |url: &String| match url.parse()? {
            RootUrl::File(_) => session.other_root(url, NewPassphrase::Beside(None)),
            RootUrl::Passphrase => Err(Failure::usage("a passphrase is not kept by --keep-root")
                .hint("add it again afterwards: keyfold root add --new-root passphrase:")),
        };
        let keep: Vec<Box<dyn Root>> = self.keep_root.iter().map(keep).collect::<Result<_>>()?;
        let question = format!(
            "give {} a new store secret? every root but the new one and {} is dropped, and pins and other hosts' anchors \
             have to be made anew",
            location.path.display(),
            counted_roots(keep.len()),
        );
        self.sure.confirm(session, &question)?;
        let new = new.root(session)?;
        let acting: Vec<&dyn Root> = std::iter::once(&*root).chain(second.as_deref()).collect();
        let keep: Vec<&dyn Root> = keep.iter().map(|root| &**root).collect();
        let options = session.open_options();
        let report = Store::change_compromised_root(&location, &acting, &*new.root, &keep, &options)?;
        if session.global.json {
            return output::json(&report);
        }
        if let Some(path) = &new.made {
            session.say(format!("made root key file {}", path.display()))?;
            session.note("keep a copy of the root key file apart from copies of the store")?;
        }
        session.say(format!("changed to root {}, under a new store secret", new.root.describe()))?;
        session.say(format!("rotated {} of {} keys", report.rotated, report.keys))?;
        for key in &report.known_keys {
            session.say(format!("not rotated: {key}; bring it new material, or replace it"))?;
        }
        session.say(format!("dropped {}", counted_roots(report.dropped_slots.len())))?;
        session.say(format!("fingerprint {}", report.fingerprint))?;
        session.say(format!("trail key   {}", report.verifier_key))?;
        session
            .note("copies and backups of the store from before still open with the old roots: destroy them")
    }
}

fn counted_roots(count: usize) -> String {
    match count {
        1 => "1 root".into(),
        count => format!("{count} roots"),
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
