//! `keyfold can`, `approve` and `approvals`: may I, and two principals for one thing.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::args::ContextArgs;
use super::exit::{Failure, Result};
use super::operations;
use super::output;
use super::session::{Session, by_the_name, key_name, pairs_of};
use crate::envelope::Context;
use crate::keystore::ApprovalRequest;
use crate::{Operation, Status};

#[derive(Args)]
pub(super) struct Can {
    /// The operation, as the trail spells it
    #[arg(value_parser = operations::tried())]
    operation: Operation,
    /// Key id or alias
    name: String,
    #[command(flatten)]
    context: ContextArgs,
}

#[derive(Args)]
pub(super) struct Approve {
    /// The operation, as the trail spells it
    #[arg(value_parser = operations::approved())]
    operation: Operation,
    /// The key it is about: id or alias
    #[arg(long, short, value_name = "NAME")]
    key: Option<String>,
    /// A parameter of the request, as the trail spells it, such as pendingWindowInDays=7. May be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Seconds for which it counts; without it the store's own window
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
}

#[derive(Subcommand)]
pub(super) enum ApprovalsCommand {
    /// List approvals that wait for their use
    List,
    /// Withdraw an approval
    Withdraw {
        /// The approval's id
        approval: String,
    },
}

impl Can {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let operation = self.operation;
        let packed = session.context(&self.context.context)?;
        let context = Context::unpack(&packed)?;
        let (name, store) = (key_name(&self.name)?, session.store()?);
        store.dry_run(operation, &name, &context).map_err(|e| by_the_name(&self.name, e))?;
        let principal = store.info()?.principal;
        match session.global.json {
            true => output::json(&json!({ "allowed": true, "operation": operation, "principal": principal })),
            false => session.say(format!("{principal} may {operation} with key \"{}\"", self.name)),
        }
    }
}

impl Approve {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let operation = self.operation;
        let mut request = Map::new();
        if let Some(key) = &self.key {
            // Checked here, so that a name that is none is not approved.
            request.insert("keyId".into(), key_name(key)?.to_string().into());
        }
        for (name, value) in pairs_of(&self.param, Status::InvalidArgument, "parameters")? {
            request.insert(name, parameter(value));
        }
        let approval = ApprovalRequest { operation, request, seconds: self.seconds.unwrap_or(0) };
        let approval = session.store()?.approve(&approval)?;
        match session.global.json {
            true => output::json(&approval),
            false => {
                session.say(format!(
                    "approved {} once, until {} (approval {})",
                    approval.operation, approval.expires, approval.approval_id
                ))?;
                session.note(&format!("it is for another principal than {} to use", approval.principal))
            }
        }
    }
}

/// Numbers, true, false, lists and objects as JSON has them; all else is text.
fn parameter(text: String) -> Value {
    match serde_json::from_str(&text) {
        Ok(
            value @ (Value::Number(_)
            | Value::Bool(_)
            | Value::Array(_)
            | Value::Object(_)
            | Value::String(_)),
        ) => value,
        _ => Value::String(text),
    }
}

impl ApprovalsCommand {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        let store = session.store()?;
        match self {
            ApprovalsCommand::List => {
                let approvals = store.list_approvals()?;
                if session.global.json {
                    return output::json(&json!({ "approvals": approvals }));
                }
                let rows = approvals.into_iter().map(|a| {
                    vec![
                        a.approval_id,
                        a.operation,
                        Value::Object(a.request).to_string(),
                        a.principal,
                        a.expires,
                    ]
                });
                output::table(&["APPROVAL", "OPERATION", "REQUEST", "BY", "UNTIL"], rows)
            }
            ApprovalsCommand::Withdraw { approval } => {
                store.withdraw_approval(&approval)?;
                match session.global.json {
                    true => output::json(&json!({ "approval_id": approval, "withdrawn": true })),
                    false => session.say(format!("withdrew approval {approval}")),
                }
            }
        }
    }
}

/// A refusal for want of an approval, with the whole line that gives it.
pub(super) fn needed(mut failure: Failure, line: &str) -> Failure {
    if failure.status == Status::ApprovalRequired {
        failure.hints = vec![format!(
            "have another principal, with a root of their own, run: keyfold approve {line}; then repeat this"
        )];
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    // Meant to fail when every parameter is text: the approval of a deletion in 7 days is then for another request.
    #[test]
    fn parameters_are_numbers_where_they_look_so_and_text_else() {
        assert_eq!(parameter("7".into()), json!(7));
        assert_eq!(parameter("true".into()), json!(true));
        assert_eq!(parameter("\"7\"".into()), json!("7"));
        for text in ["cards", "", "null", "7d", "2027-01-31T00:00:00Z"] {
            assert_eq!(parameter(text.into()), json!(text));
        }
    }
}
