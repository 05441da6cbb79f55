//! `keyfold audit …`: reading, exporting and sealing the trail. Verifying it is `audit_check`'s.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::audit_check::Verify;
use super::exit::{Failure, Result};
use super::files::{Output, Privacy};
use super::operations::{EventParser, unknown_event};
use super::output::{self, safe};
use super::session::{Session, key_name};
use crate::audit::Filter;
use crate::keystore::Store;
use crate::{Operation, Status};

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Show the newest events, the newest last
    Tail(Tail),
    /// Show one event in full, or all that match, the oldest first
    Show(Show),
    /// Verify the whole trail: nothing changed, removed, moved or rolled back
    Verify(Verify),
    /// Write the trail as tiles (C2SP tlog-tiles), which verify without the store
    Export {
        /// Folder to write to; an export that is there is carried on
        folder: PathBuf,
    },
    /// Sign the trail as it stands, and print the checkpoint; keep it elsewhere, for audit verify --checkpoint
    Checkpoint {
        /// Write it to this file
        #[arg(long, short, value_name = "OUT")]
        output: Option<PathBuf>,
    },
    /// Print the key that verifies checkpoints
    Key,
}

#[derive(Args)]
pub(super) struct FilterArgs {
    /// Only events about this key: id or alias
    #[arg(long, short, value_name = "NAME")]
    key: Option<String>,
    /// Only events of this principal (--principal is who you are)
    #[arg(long, value_name = "PRINCIPAL")]
    by: Option<String>,
    /// Only events of this name, such as Decrypt
    #[arg(long, value_name = "NAME", value_parser = EventParser, hide_possible_values = true)]
    event: Option<String>,
    /// Only events from this time on: RFC 3339, such as 2026-11-25T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only refusals and failures
    #[arg(long)]
    failed: bool,
}

#[derive(Args)]
pub(super) struct Tail {
    #[command(flatten)]
    filter: FilterArgs,
    /// Events at most
    #[arg(long, short, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    number: u32,
    /// Go on with events as they come, until interrupted
    #[arg(long, short)]
    follow: bool,
}

#[derive(Args)]
pub(super) struct Show {
    /// Sequence number of the event
    seq: Option<u64>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Events at most; without it all
    #[arg(long, value_name = "N", conflicts_with = "seq", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl AuditCommand {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self {
            AuditCommand::Tail(tail) => tail.run(session),
            AuditCommand::Show(show) => show.run(session),
            AuditCommand::Verify(verify) => verify.run(session),
            AuditCommand::Export { folder } => export(session, &folder),
            AuditCommand::Checkpoint { output } => checkpoint(session, output),
            AuditCommand::Key => {
                let key = session.store()?.info()?.trail_key;
                match session.global.json {
                    true => output::json(&json!({ "trail_key": key })),
                    false => output::line(key),
                }
            }
        }
    }
}

impl FilterArgs {
    /// The key is looked up, so that its alias finds events that name its id.
    fn filter(self, session: &Session, store: &Store) -> Result<Filter> {
        if let Some(word) = self.event.as_deref().and_then(unknown_event) {
            session.note(&word)?;
        }
        let key_id = match &self.key {
            Some(name) => Some(store.describe_key(&key_name(name)?)?.key_id.to_string()),
            None => None,
        };
        let filter = Filter {
            key_id,
            principal: self.by,
            event_name: self.event,
            since: self.since,
            until: self.until,
            failed: self.failed,
        };
        filter.check()?;
        Ok(filter)
    }

    fn is_empty(&self) -> bool {
        let texts = [&self.key, &self.by, &self.event, &self.since, &self.until];
        texts.iter().all(|text| text.is_none()) && !self.failed
    }
}

impl Tail {
    fn run(self, session: &Session) -> Result<()> {
        let store = session.store()?;
        let filter = self.filter.filter(session, &store)?;
        if !self.follow {
            return print(session, &store.tail_trail(&filter, self.number)?.events);
        }
        // From here on; an event that comes between the two is then in the first.
        let mut next = store.info()?.trail_events;
        let before = store.tail_trail(&filter, self.number)?.events;
        if let Some(seq) = before.last().and_then(|event| event["seq"].as_u64()) {
            next = next.max(seq + 1);
        }
        print(session, &before)?;
        loop {
            std::thread::sleep(Duration::from_millis(250));
            // Reading is an event itself: only when there is something new, and never for what it was itself.
            if store.info()?.trail_events <= next {
                continue;
            }
            let page = store.read_trail(&filter, next, 1000)?;
            next = page.next.unwrap_or(store.info()?.trail_events);
            let mine = |event: &Value| event["eventName"] == Operation::ReadAuditTrail.name();
            print(session, &page.events.into_iter().filter(|event| !mine(event)).collect::<Vec<_>>())?;
        }
    }
}

impl Show {
    fn run(self, session: &Session) -> Result<()> {
        let store = session.store()?;
        if let Some(seq) = self.seq {
            if !self.filter.is_empty() {
                return Err(Failure::usage(
                    "a sequence number names one event, so a filter does not go with it",
                ));
            }
            let page = store.read_trail(&Filter::default(), seq, 1)?;
            let found = page.events.first().filter(|event| event["seq"] == seq);
            let event = found.ok_or_else(|| {
                Failure::new(Status::InvalidArgument, format!("the trail has no event {seq}"))
                    .hint("see the newest with: keyfold audit tail")
            })?;
            match session.global.json {
                true => output::json(event)?,
                false => output::lines(&serde_json::to_string_pretty(event).unwrap_or_default())?,
            }
            return told_apart(session, std::slice::from_ref(event));
        }
        let filter = self.filter.filter(session, &store)?;
        let (mut from, mut left) = (0, self.limit.unwrap_or(u64::MAX));
        while left > 0 {
            let page = store.read_trail(&filter, from, u32::try_from(left.min(1000)).unwrap_or(1000))?;
            left = left.saturating_sub(page.events.len() as u64);
            print(session, &page.events)?;
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(())
    }
}

/// A line for each: JSON as it was written, or the columns that people look for.
fn print(session: &Session, events: &[Value]) -> Result<()> {
    let text: String = match session.global.json {
        true => events.iter().map(|event| format!("{}\n", output::json_text(event))).collect(),
        false => events.iter().map(|event| format!("{}\n", safe(&words(event)))).collect(),
    };
    output::write_stdout(text.as_bytes())?;
    told_apart(session, events)
}

/// A word about events that are marked.
fn told_apart(session: &Session, events: &[Value]) -> Result<()> {
    match events.iter().any(|event| event["verified"] == false) {
        true => session
            .note("some of this is not as it was written; verify the whole trail: keyfold audit verify"),
        false => Ok(()),
    }
}

fn words(event: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let identity = &event["userIdentity"];
    let who = match identity["principalId"].as_str() {
        Some(principal) => principal.to_owned(),
        None => format!("({})", text(&identity["invokedBy"])),
    };
    let seq = event["seq"].as_u64().unwrap_or(0);
    if let Some(missing) = event["missing"].as_u64() {
        return match missing {
            1 => format!("{seq:>6}  MISSING"),
            _ => format!("{seq:>6}  MISSING, with those up to {}", seq.saturating_add(missing - 1)),
        };
    }
    let mut words =
        format!("{:>6}  {}  {:<12}  {:<20}", seq, text(&event["eventTime"]), who, text(&event["eventName"]));
    let mut say = |part: String| words += &format!("  {part}");
    if event["verified"] == false {
        say("NOT AS IT WAS WRITTEN".into());
    }
    if let Some(key) = about(event) {
        say(key);
    }
    let more = &event["additionalEventData"];
    if let Some(count) = more["count"].as_u64() {
        say(format!("{count} times"));
    }
    if let Some(pairs) = event["requestParameters"]["encryptionContext"].as_object() {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        say(pairs.join(" "));
    }
    if let Some(code) = event["errorCode"].as_str() {
        say(format!("{code}: {}", text(&event["errorMessage"])));
    }
    words.trim_end().to_owned()
}

/// The key that an event is about: as the caller named it, else by its id.
fn about(event: &Value) -> Option<String> {
    let named = event["requestParameters"]["keyId"]
        .as_str()
        .or_else(|| event["requestParameters"]["aliasName"].as_str());
    let id = || event["resources"][0]["ARN"].as_str().and_then(|arn| arn.rsplit('/').next());
    named.or_else(id).map(str::to_owned)
}

fn export(session: &Session, folder: &std::path::Path) -> Result<()> {
    let store = session.store()?;
    let entries = store.export_trail(folder)?;
    let key = store.info()?.trail_key;
    match session.global.json {
        true => {
            output::json(&json!({ "folder": folder.to_string_lossy(), "events": entries, "trail_key": key }))
        }
        false => {
            session.say(format!("exported {entries} events to {}", folder.display()))?;
            session.say(format!(
                "verify them with: keyfold audit verify --tiles {} --key {key}",
                folder.display()
            ))
        }
    }
}

fn checkpoint(session: &Session, output: Option<PathBuf>) -> Result<()> {
    let to = match &output {
        Some(path) => Some(Output::new(Some(path), Privacy::Ordinary, session.global.json, None)?),
        None => None,
    };
    let note = session.store()?.checkpoint_trail()?;
    match (&to, session.global.json) {
        (Some(to), json) => {
            to.write(note.as_bytes())?;
            if json { output::json(&json!({ "output": to.name(), "checkpoint": note })) } else { Ok(()) }
        }
        (None, true) => output::json(&json!({ "checkpoint": note })),
        (None, false) => output::lines(&note),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_who_did_what_to_which_key_and_how_it_ended() {
        let event = json!({
            "seq": 43, "eventTime": "2026-11-24T09:15:02.113Z", "eventName": "Decrypt",
            "userIdentity": { "type": "Principal", "principalId": "svc" },
            "errorCode": "AccessDeniedException", "errorMessage": "svc may not",
            "requestParameters": { "encryptionContext": { "tenant": "43" } },
            "resources": [{ "ARN": "keyfold:st:key/2c9a" }],
            "additionalEventData": { "count": 3 },
        });
        assert_eq!(
            words(&event),
            "    43  2026-11-24T09:15:02.113Z  svc           Decrypt               2c9a  3 times  tenant=43  AccessDeniedException: svc may not"
        );
        let rotation = json!({
            "seq": 1, "eventTime": "t", "eventName": "RotateKey",
            "userIdentity": { "type": "Library", "invokedBy": "keyfold" }, "requestParameters": null,
        });
        assert!(words(&rotation).contains("(keyfold)"), "{}", words(&rotation));
    }
}
