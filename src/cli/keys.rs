//! `keyfold key …`: the commands, and those that only list and name.

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Failure, Result};
use super::life::{Compromise, Create, Delete, Destroy, Rotate, SetDescription, Tag, Untag};
use super::material::{DeleteMaterial, ImportMaterial, ImportParameters};
use super::policy::Policy;
use super::seal::Public;
use super::session::{Session, by_the_name, key_name, on_key};
use super::transfer::{Export, Import};
use super::{describe, life, material, output};
use crate::Status;
use crate::error::Error;
use crate::keystore::{KeyMetadata, PageRequest, Store};

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key
    Create(Box<Create>),
    /// List keys, or aliases
    List(List),
    /// Show a key and its versions
    #[command(visible_alias = "describe")]
    Show {
        /// Key id or alias
        name: String,
    },
    /// Show a key's policy, or change what the flags name
    Policy(Box<Policy>),
    /// Add tags to a key
    Tag(Tag),
    /// Remove tags from a key
    Untag(Untag),
    /// Replace a key's description
    SetDescription(SetDescription),
    /// Add a version; new data uses it, older versions go on opening what they sealed
    Rotate(Rotate),
    /// Show when, why and by whom a key was rotated, and when it is next
    Rotations {
        /// Key id or alias
        name: String,
    },
    /// Show how much a key was used, and when last
    Usage {
        /// Key id or alias
        name: String,
    },
    /// Let a key be used again
    Enable {
        /// Key id or alias
        name: String,
    },
    /// Stop every use of a key until it is enabled
    Disable {
        /// Key id or alias
        name: String,
    },
    /// Have a key destroyed after a waiting period, in which nothing can use it
    Delete(Delete),
    /// Keep a key that waits for its deletion; it is then disabled
    CancelDeletion {
        /// Key id or alias
        name: String,
    },
    /// Destroy the keys whose waiting period is over: their material is overwritten
    Destroy(Destroy),
    /// Mark a key as compromised: it seals nothing more, and opens for recovery alone
    Compromise(Compromise),
    /// Give a key another name, or move or delete one
    Alias(AliasArgs),
    /// Make a key of your own 32 bytes, or take one that was exported
    Import(Import),
    /// Get a public key under which to wrap your own material on its way here
    ImportParameters(ImportParameters),
    /// Take material that was wrapped so
    ImportMaterial(ImportMaterial),
    /// Delete imported material; the same can be imported again
    DeleteMaterial(DeleteMaterial),
    /// Write a whole key, wrapped under another key
    Export(Export),
    /// Write the public half of a sealing key
    Public(Public),
}

#[derive(Args)]
pub(super) struct List {
    /// List aliases and their keys, by name
    #[arg(long)]
    aliases: bool,
    /// Entries at most; without it all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// Go on behind this entry (next of the page before)
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

#[derive(Args)]
pub(super) struct AliasArgs {
    /// The alias
    name: String,
    /// The key: id or another alias
    #[arg(required_unless_present = "delete", conflicts_with = "delete")]
    key: Option<String>,
    /// Move an alias that exists to this key
    #[arg(long = "move")]
    move_it: bool,
    /// Remove the alias; its key stays
    #[arg(long, conflicts_with = "move_it")]
    delete: bool,
}

impl KeyCommand {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self {
            KeyCommand::Create(create) => create.run(session),
            KeyCommand::List(list) => list.run(session),
            KeyCommand::Show { name } => {
                let key = on_key(&name, session.store()?.describe_key(&key_name(&name)?))?;
                describe::show(session, &key)
            }
            KeyCommand::Policy(policy) => policy.run(session),
            KeyCommand::Tag(tag) => tag.run(session),
            KeyCommand::Untag(untag) => untag.run(session),
            KeyCommand::SetDescription(description) => description.run(session),
            KeyCommand::Rotate(rotate) => rotate.run(session),
            KeyCommand::Rotations { name } => describe::rotations(session, &name),
            KeyCommand::Usage { name } => describe::usage(session, &name),
            KeyCommand::Enable { name } => {
                let key = on_key(&name, session.store()?.enable_key(&key_name(&name)?))?;
                changed(session, &key, &format!("key \"{name}\" is enabled"))
            }
            KeyCommand::Disable { name } => {
                let key = on_key(&name, session.store()?.disable_key(&key_name(&name)?))?;
                changed(session, &key, &format!("key \"{name}\" is disabled"))
            }
            KeyCommand::Delete(delete) => delete.run(session),
            KeyCommand::CancelDeletion { name } => life::cancel_deletion(session, &name),
            KeyCommand::Destroy(destroy) => destroy.run(session),
            KeyCommand::Compromise(compromise) => compromise.run(session),
            KeyCommand::Alias(args) => args.run(session),
            KeyCommand::Import(import) => import.run(session),
            KeyCommand::ImportParameters(parameters) => parameters.run(session),
            KeyCommand::ImportMaterial(material) => material.run(session),
            KeyCommand::DeleteMaterial(deletion) => material::delete(session, &deletion),
            KeyCommand::Export(export) => export.run(session),
            KeyCommand::Public(public) => public.run(session),
        }
    }
}

impl List {
    fn run(self, session: &Session) -> Result<()> {
        let store = session.store()?;
        let mut page = PageRequest { after: self.after.clone(), limit: self.limit.unwrap_or(1000) };
        match self.aliases {
            true => {
                let mut aliases =
                    self.all(&mut page, |p| store.list_aliases(p).map(|l| (l.aliases, l.next)))?;
                if self.is_whole() {
                    aliases.sort_by(|a, b| a.alias.cmp(&b.alias));
                }
                if session.global.json {
                    return output::json(&json!({ "aliases": aliases, "next": page.after }));
                }
                let rows = aliases.iter().map(|a| vec![a.alias.to_string(), a.key_id.to_string()]);
                output::table(&["ALIAS", "KEY ID"], rows)?;
            }
            false => {
                let mut keys = self.all(&mut page, |p| store.list_keys(p).map(|l| (l.keys, l.next)))?;
                if self.is_whole() {
                    // By name, those without one last.
                    keys.sort_by(|a, b| {
                        let name = |key: &KeyMetadata| {
                            (key.aliases.is_empty(), key.aliases.first().cloned(), key.key_id)
                        };
                        name(a).cmp(&name(b))
                    });
                }
                if session.global.json {
                    return output::json(&json!({ "keys": keys, "next": page.after }));
                }
                let rows = keys.iter().map(|k| {
                    vec![
                        k.key_id.to_string(),
                        k.key_state.to_string(),
                        k.current_version.to_string(),
                        k.created.clone(),
                        aliases(k),
                    ]
                });
                output::table(&["KEY ID", "STATE", "VERSION", "CREATED", "ALIASES"], rows)?;
            }
        }
        match page.after {
            Some(next) => session.note(&format!("there is more: --after {next}")),
            None => Ok(()),
        }
    }

    /// Whether all of it is at hand; a page comes in the store's own order.
    fn is_whole(&self) -> bool {
        self.limit.is_none() && self.after.is_none()
    }

    /// One page if a limit was given, else all of them. `page.after` is left where the next one begins.
    fn all<T>(
        &self,
        page: &mut PageRequest,
        mut read: impl FnMut(&PageRequest) -> crate::Result<(Vec<T>, Option<String>)>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        loop {
            let (entries, next) = read(page)?;
            all.extend(entries);
            page.after = next;
            if page.after.is_none() || self.limit.is_some() {
                return Ok(all);
            }
        }
    }
}

impl AliasArgs {
    fn run(self, session: &Session) -> Result<()> {
        let (alias, store) = (self.name.parse()?, session.store()?);
        let Some(key) = &self.key else {
            store.delete_alias(&alias).map_err(|e| match e {
                Error::KeyNotFound { .. } => {
                    Failure::new(e.status(), format!("alias \"{alias}\" is not in this store"))
                        .hint("list the aliases with: keyfold key list --aliases")
                }
                e => e.into(),
            })?;
            return match session.global.json {
                true => output::json(&json!({ "alias": alias.as_str(), "deleted": true })),
                false => session.say(format!("deleted alias \"{alias}\"; its key stays")),
            };
        };
        let name = key_name(key)?;
        let key = match self.move_it {
            true => on_key(key, store.move_alias(&alias, &name))?,
            false => store.create_alias(&alias, &name).map_err(|e| match e.status() {
                Status::AlreadyExists => {
                    Failure::from(e).hint(format!("move it with: keyfold key alias --move {alias} {name}"))
                }
                _ => by_the_name(key, e).into(),
            })?,
        };
        changed(session, &key, &format!("\"{alias}\" names key {}", key.key_id))
    }
}

/// The answer of a command that changed a key.
pub(super) fn changed(session: &Session, key: &KeyMetadata, words: &str) -> Result<()> {
    if session.global.json { output::json(key) } else { session.say(words) }
}

pub(super) fn aliases(key: &KeyMetadata) -> String {
    key.aliases.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The names of a key in brackets, if it has any.
pub(super) fn named(key: &KeyMetadata) -> String {
    if key.aliases.is_empty() { String::new() } else { format!(" ({})", aliases(key)) }
}

/// The names of keys for messages and JSON.
pub(super) fn names_of(store: &Store, ids: &[crate::keystore::KeyId]) -> Vec<String> {
    let name = |id: &crate::keystore::KeyId| {
        let key = store.describe_key(&crate::keystore::KeyName::Id(*id)).ok();
        key.and_then(|k| k.aliases.first().map(ToString::to_string)).unwrap_or_else(|| id.to_string())
    };
    ids.iter().map(name).collect()
}
