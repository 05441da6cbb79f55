//! `keyfold grant …`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Result;
use super::session::{Session, by_the_name, key_name, on_key, pairs_of};
use super::{operations, output};
use crate::keystore::{CreateGrant, GrantMetadata, GrantPage, PageRequest};
use crate::{Operation, Status};

#[derive(Subcommand)]
pub(super) enum GrantCommand {
    /// Let a principal do something with a key
    Create(Box<Create>),
    /// List a key's grants
    List {
        /// Key id or alias
        key: String,
    },
    /// List the grants, of all keys, that a principal may retire
    Retirable {
        /// The principal
        #[arg(value_name = "PRINCIPAL")]
        whose: String,
    },
    /// End a grant that you have or may retire
    Retire(One),
    /// End a grant on a key that you own or manage
    Revoke(One),
}

#[derive(Args)]
pub(super) struct Create {
    /// Key id or alias
    key: String,
    /// Who gets it
    #[arg(long, value_name = "PRINCIPAL")]
    to: String,
    /// What it permits. May be given several times, or with commas
    #[arg(long, value_name = "OPERATION", required = true, value_delimiter = ',', value_parser = operations::granted())]
    operation: Vec<Operation>,
    /// Who may retire it beside the key's owner
    #[arg(long, value_name = "PRINCIPAL")]
    retiring: Option<String>,
    /// The context must be exactly these pairs. May be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    context_equals: Vec<String>,
    /// The context must have these pairs. May be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    context_subset: Vec<String>,
    /// When it ends: RFC 3339, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// So many uses at most
    #[arg(long, value_name = "N")]
    uses: Option<u64>,
    /// A name; the same name with the same parameters gives the same grant
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

#[derive(Args)]
pub(super) struct One {
    /// Key id or alias
    key: String,
    /// The grant's id
    grant: String,
}

impl GrantCommand {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self {
            GrantCommand::Create(create) => create.run(session),
            GrantCommand::List { key } => {
                let (name, store) = (key_name(&key)?, session.store()?);
                list(session, |page| store.list_grants(&name, page).map_err(|e| by_the_name(&key, e)))
            }
            GrantCommand::Retirable { whose } => {
                let store = session.store()?;
                list(session, |page| store.list_retirable_grants(&whose, page))
            }
            GrantCommand::Retire(one) => {
                on_key(&one.key, session.store()?.retire_grant(&key_name(&one.key)?, &one.grant))?;
                one.ended(session, "retired")
            }
            GrantCommand::Revoke(one) => {
                on_key(&one.key, session.store()?.revoke_grant(&key_name(&one.key)?, &one.grant))?;
                one.ended(session, "revoked")
            }
        }
    }
}

impl One {
    fn ended(&self, session: &Session, how: &str) -> Result<()> {
        match session.global.json {
            true => output::json(&json!({ "grant_id": self.grant, how: true })),
            false => session.say(format!("{how} grant {} on key \"{}\"", self.grant, self.key)),
        }
    }
}

impl Create {
    fn run(self, session: &Session) -> Result<()> {
        let pairs = |pairs: &[String]| -> Result<Option<BTreeMap<String, String>>> {
            let pairs = pairs_of(pairs, Status::InvalidContext, "context")?;
            Ok((!pairs.is_empty()).then(|| pairs.into_iter().collect()))
        };
        let request = CreateGrant {
            grantee_principal: self.to.clone(),
            retiring_principal: self.retiring,
            operations: self.operation.iter().map(ToString::to_string).collect(),
            encryption_context_equals: pairs(&self.context_equals)?,
            encryption_context_subset: pairs(&self.context_subset)?,
            name: self.name,
            expires: self.expires,
            uses: self.uses,
        };
        let grant = on_key(&self.key, session.store()?.create_grant(&key_name(&self.key)?, &request))?;
        match session.global.json {
            true => output::json(&grant),
            false => session.say(format!(
                "{} may {} with key \"{}\" (grant {})",
                grant.grantee_principal,
                grant.operations.join(", "),
                self.key,
                grant.grant_id
            )),
        }
    }
}

fn list(session: &Session, mut read: impl FnMut(&PageRequest) -> crate::Result<GrantPage>) -> Result<()> {
    let mut page = PageRequest { after: None, limit: 1000 };
    let mut grants = Vec::new();
    loop {
        let some = read(&page)?;
        grants.extend(some.grants);
        match some.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    if session.global.json {
        return output::json(&json!({ "grants": grants }));
    }
    let rows = grants.iter().map(|grant| {
        vec![
            grant.grant_id.clone(),
            grant.key_id.clone(),
            grant.grantee_principal.clone(),
            grant.operations.join(", "),
            conditions(grant),
            grant.issuing_principal.clone(),
        ]
    });
    output::table(&["GRANT", "KEY ID", "TO", "OPERATIONS", "CONDITIONS", "BY"], rows)
}

fn conditions(grant: &GrantMetadata) -> String {
    let pairs = |pairs: &BTreeMap<String, String>| {
        pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ")
    };
    let mut words = Vec::new();
    words.extend(grant.encryption_context_equals.iter().map(|c| format!("context is {}", pairs(c))));
    words.extend(grant.encryption_context_subset.iter().map(|c| format!("context has {}", pairs(c))));
    words.extend(grant.expires.iter().map(|date| format!("until {date}")));
    words.extend(grant.uses.map(|of| format!("{} of {of} uses left", grant.uses_left.unwrap_or(of))));
    words.extend(grant.retiring_principal.iter().map(|who| format!("{who} may retire it")));
    words.join("; ")
}
