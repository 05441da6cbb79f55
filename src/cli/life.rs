//! `keyfold key create`, `rotate`, `delete`, `destroy`, `compromise`, tags and description.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use super::exit::{Failure, Result};
use super::keys::{aliases, changed};
use super::policy::PolicyArgs;
use super::progress::Progress;
use super::prompt;
use super::session::{Session, key_name, on_key, pairs_of};
use super::{approvals, describe, output};
use crate::envelope::Context;
use crate::keystore::{CreateKey, KeyPolicy, KeySpec};
use crate::{Operation, Status};

const SPECS: [KeySpec; 6] = [
    KeySpec::Symmetric,
    KeySpec::Hmac256,
    KeySpec::Hmac384,
    KeySpec::Hmac512,
    KeySpec::X25519,
    KeySpec::XWing,
];

fn spec() -> impl TypedValueParser<Value = KeySpec> {
    // The parser lets nothing else through.
    PossibleValuesParser::new(SPECS.map(KeySpec::name))
        .map(|name| KeySpec::from_name(&name.to_ascii_uppercase()).unwrap_or_default())
}

#[derive(Args)]
pub(super) struct Create {
    /// An alias for it
    name: String,
    /// Free text; not secret
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    description: String,
    /// What its material is: a wrapping key, an HMAC key, or a sealing key
    #[arg(long, value_name = "SPEC", value_parser = spec(), ignore_case = true, default_value = "SYMMETRIC_DEFAULT")]
    spec: KeySpec,
    /// Without material, which is then imported with key import-material
    #[arg(long)]
    external: bool,
    /// A tag; not secret. May be given several times
    #[arg(long = "tag", value_name = "NAME=VALUE")]
    tags: Vec<String>,
    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Args)]
pub(super) struct Rotate {
    /// Key id or alias
    #[arg(required_unless_present = "due", conflicts_with = "due")]
    name: Option<String>,
    /// Every key whose rotation is due; for cron
    #[arg(long)]
    due: bool,
}

#[derive(Args)]
pub(super) struct Delete {
    /// Key id or alias
    name: String,
    /// Days to wait: 7 to 30
    #[arg(long, value_name = "N", default_value = "30", value_parser = clap::value_parser!(u32).range(7..=30))]
    days: u32,
    #[command(flatten)]
    sure: Sure,
}

#[derive(Args)]
pub(super) struct Destroy {
    /// Every key whose waiting period is over; for cron
    #[arg(long, required = true)]
    due: bool,
}

#[derive(Args)]
pub(super) struct Compromise {
    /// Key id or alias
    name: String,
    /// What happened; not secret
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    sure: Sure,
}

#[derive(Args)]
pub(super) struct Tag {
    /// Key id or alias
    name: String,
    /// Tags to add, or to give another value
    #[arg(value_name = "NAME=VALUE", required = true)]
    tags: Vec<String>,
}

#[derive(Args)]
pub(super) struct Untag {
    /// Key id or alias
    name: String,
    /// Names of the tags to remove
    #[arg(value_name = "TAG", required = true)]
    tags: Vec<String>,
}

#[derive(Args)]
pub(super) struct SetDescription {
    /// Key id or alias
    name: String,
    /// Free text; not secret
    text: String,
}

/// For what cannot be taken back.
#[derive(Args)]
pub(super) struct Sure {
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

impl Sure {
    /// Asks at the terminal, unless --yes was given.
    pub(super) fn confirm(&self, session: &Session, question: &str) -> Result<()> {
        let no_input = session.global.no_input || session.global.json;
        match self.yes || prompt::confirm(question, no_input)? {
            true => Ok(()),
            false => Err(Failure::new(Status::Io, "nothing was done: the answer was not yes")),
        }
    }
}

impl Create {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let name = self.name;
        let request = CreateKey {
            alias: Some(name.parse()?),
            description: self.description,
            spec: self.spec,
            external: self.external,
            tags: tags(&self.tags)?,
            policy: self.policy.apply(KeyPolicy::default())?,
        };
        let key = session.store()?.create_key(&request)?;
        changed(session, &key, &format!("made key \"{name}\" ({})", key.key_id))?;
        match self.external {
            true => session.note(&format!("it waits for its material: keyfold key import-parameters {name}")),
            false => Ok(()),
        }
    }
}

impl Rotate {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let store = session.store()?;
        if let Some(name) = self.name {
            let key = on_key(&name, store.rotate_key(&key_name(&name)?))?;
            return changed(
                session,
                &key,
                &format!("key \"{name}\" is now at version {}", key.current_version),
            );
        }
        let progress = Progress::new(session, "rotating");
        let rotated = store.rotate_due(&mut |done, of| progress.at(done, of));
        progress.hide();
        let rotated = rotated?;
        if session.global.json {
            return output::json(&json!({ "rotated": rotated }));
        }
        for key in &rotated {
            let name = if key.aliases.is_empty() { key.key_id.to_string() } else { aliases(key) };
            session.say(format!("key {name} is now at version {}", key.current_version))?;
        }
        session.say(format!("{} rotated", counted(rotated.len())))
    }
}

impl Delete {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let (name, store) = (key_name(&self.name)?, session.store()?);
        let line =
            format!("ScheduleKeyDeletion --key {} --param pendingWindowInDays={}", self.name, self.days);
        // For whoever is asked, before the question; else after it is done, so that a refusal has no report before it.
        let asked = match self.sure.yes {
            true => None,
            false => {
                let may = store.dry_run(Operation::ScheduleKeyDeletion, &name, &Context::EMPTY);
                on_key(&self.name, may).map_err(|failure| approvals::needed(failure, &line))?;
                Some(describe::before_deletion(session, &store, &self.name)?)
            }
        };
        let question = format!(
            "delete key \"{}\" after {} days? what only it opens is then gone for ever",
            self.name, self.days
        );
        self.sure.confirm(session, &question)?;
        let key = on_key(&self.name, store.schedule_key_deletion(&name, self.days))
            .map_err(|failure| approvals::needed(failure, &line))?;
        let last = match asked {
            Some(last) => last,
            None => describe::before_deletion(session, &store, &self.name)?,
        };
        if session.global.json {
            return output::json(&json!({ "key": key, "last_use": last }));
        }
        let date = key.deletion_date.as_deref().unwrap_or("an unknown date");
        session.say(format!(
            "key \"{}\" cannot be used from now on and is destroyed on {date}, by: keyfold key destroy --due",
            self.name
        ))?;
        session.note(&format!("until then it comes back with: keyfold key cancel-deletion {}", self.name))
    }
}

impl Destroy {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let report = session.store()?.destroy_due()?;
        let destroyed = &report.destroyed;
        if session.global.json {
            output::json(&report)?;
            return report.first_refusal.map_or(Ok(()), |refusal| Err(refusal.into()));
        }
        for key in destroyed {
            session.say(format!("destroyed key {}", key.key_id))?;
        }
        session.say(format!("{} destroyed", counted(destroyed.len())))?;
        if destroyed.iter().any(|key| !key.scrubbed) {
            session.note(
                "a reader still holds old pages of the store: the next run wipes what they contain of the keys",
            )?;
        }
        let Some(refusal) = report.first_refusal else { return Ok(()) };
        let kept: Vec<&str> = report.refused.iter().map(|key| key.key_id.as_str()).collect();
        let mut failure = Failure::from(refusal);
        failure.message = format!("{} not destroyed: {}", counted(kept.len()), failure.message);
        failure.hints =
            kept.iter().map(|id| format!("it needs: keyfold approve DestroyKey --key {id}")).collect();
        Err(failure)
    }
}

impl Compromise {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let (name, store) = (key_name(&self.name)?, session.store()?);
        let question = format!(
            "mark key \"{}\" as compromised? it then seals nothing and opens for recovery alone, for ever",
            self.name
        );
        self.sure.confirm(session, &question)?;
        let key = on_key(&self.name, store.mark_key_compromised(&name, &self.reason))?;
        changed(session, &key, &format!("key \"{}\" is marked as compromised", self.name))?;
        session.note(
            "make another key, and encrypt anew what this one sealed (decrypt --recovery, then encrypt): a rewrap keeps its data keys",
        )
    }
}

pub(super) fn cancel_deletion(session: &Session, name: &str) -> Result<()> {
    let key = on_key(name, session.store()?.cancel_key_deletion(&key_name(name)?))?;
    let state = describe::word(&key.key_state);
    changed(session, &key, &format!("key \"{name}\" stays; its state is {state}"))?;
    match state == "Disabled" {
        true => session.note(&format!("let it be used again with: keyfold key enable {name}")),
        false => Ok(()),
    }
}

impl Tag {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let tags = tags(&self.tags)?;
        let key = on_key(&self.name, session.store()?.tag_key(&key_name(&self.name)?, &tags))?;
        changed(session, &key, &format!("tagged key \"{}\"", self.name))
    }
}

impl Untag {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let key = on_key(&self.name, session.store()?.untag_key(&key_name(&self.name)?, &self.tags))?;
        changed(session, &key, &format!("removed these tags from key \"{}\"", self.name))
    }
}

impl SetDescription {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let key = session.store()?.update_key_description(&key_name(&self.name)?, &self.text);
        let key = on_key(&self.name, key)?;
        changed(session, &key, &format!("described key \"{}\"", self.name))
    }
}

fn tags(pairs: &[String]) -> Result<Vec<(String, String)>> {
    pairs_of(pairs, Status::InvalidArgument, "tags")
}

fn counted(keys: usize) -> String {
    if keys == 1 { "1 key".into() } else { format!("{keys} keys") }
}
