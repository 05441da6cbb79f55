//! Who may: the one decision, for uses and for management alike. `docs/KEYS.md`, "Who may".
//!
//! Every public operation comes to [`Access::decide`], and nothing else answers the question.

use std::sync::atomic::{AtomicBool, Ordering};

use super::approvals;
use super::change::Change;
use super::clock;
use super::constraint::Constraint;
use super::document::KeyDocument;
use super::grants::{GrantDocument, GrantId};
use super::handle::Wish;
use super::inner::Inner;
use super::names::KeyId;
use super::principal::Actor;
use super::scope::{Operations, Scope, scope};
use super::snapshot::Snapshot;
use super::time::Time;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::operation::{Kind, Operation};
use crate::sync::coarse_millis;

/// A grant of the principal, ready for the data path.
struct Rule {
    grant: GrantId,
    operations: Operations,
    constraint: Constraint,
    expires: Option<Time>,
    /// The same on the coarse clock, which nobody sets back.
    deadline: u64,
    limited: bool,
    /// Its uses were found to be used up.
    exhausted: AtomicBool,
}

/// What a key's document permits to one actor.
pub(super) struct Access {
    key: KeyId,
    principal: Box<str>,
    /// Who owns the key, and whether that is this principal.
    owner_name: Box<str>,
    owner: bool,
    administrator: bool,
    /// It is about a grant that this principal may retire.
    retires: bool,
    rules: Box<[Rule]>,
}

/// What limits the number of uses.
pub(super) enum Limits {
    /// Nothing.
    None,
    /// These grants, all of them limited: one of them must have a use left.
    Of(Vec<GrantId>),
}

impl Access {
    /// From a verified document, at a time of the store's clock.
    pub(super) fn compile(key: &KeyDocument, actor: &Actor, now: Time) -> Access {
        let mine = key.grants.iter().filter(|grant| grant.grantee == actor.principal);
        Access {
            key: key.id,
            principal: actor.principal.as_str().into(),
            owner_name: key.owner.as_str().into(),
            owner: key.owner == actor.principal,
            administrator: false,
            retires: false,
            rules: mine.map(|grant| Rule::compile(grant, now)).collect(),
        }
    }

    /// On the store itself.
    fn store(actor: &Actor) -> Access {
        Access {
            key: KeyId([0; 16]),
            principal: actor.principal.as_str().into(),
            owner_name: Box::default(),
            owner: false,
            administrator: false,
            retires: false,
            rules: Box::default(),
        }
    }

    /// THE decision. `now`: the coarse clock's milliseconds.
    #[inline]
    fn decide(&self, operation: Operation, context: Option<&Context<'_>>, now: u64) -> bool {
        decided();
        match scope(operation) {
            Scope::Anyone => true,
            Scope::Administer => self.administrator,
            Scope::Use => self.owner || self.granted(operation, context, now),
            Scope::Manage => {
                self.owner
                    || self.administrator
                    // To retire is a right on one grant, not on all of the key's.
                    || if operation == Operation::RetireGrant { self.retires } else { self.granted(operation, None, now) }
            }
        }
    }

    fn granted(&self, operation: Operation, context: Option<&Context<'_>>, now: u64) -> bool {
        self.rules.iter().any(|rule| rule.allows(operation, context, now))
    }

    /// Whether the actor may do what is wished. Takes no lock and allocates nothing unless it refuses.
    ///
    /// # Errors
    /// ACCESS_DENIED.
    #[inline]
    pub(super) fn permit(&self, wish: &Wish<'_>, now: u64) -> Result<()> {
        match self.decide(wish.operation, wish.context.as_ref(), now) {
            true => Ok(()),
            false => Err(self.denied(wish.operation)),
        }
    }

    #[cold]
    fn denied(&self, operation: Operation) -> Error {
        denied(&self.principal, operation, &self.key.to_string())
    }

    /// Who owns the key.
    pub(super) fn owner(&self) -> &str {
        &self.owner_name
    }

    /// Whether the actor may use the key for anything.
    pub(super) fn may_use(&self) -> bool {
        let uses = |operations: Operations| {
            Operation::ALL.iter().any(|&o| o.kind() == Kind::Use && operations.has(o))
        };
        self.owner || self.rules.iter().any(|rule| uses(rule.operations))
    }

    /// Whether some use may be limited in number.
    pub(super) fn is_limited(&self) -> bool {
        !self.owner && self.rules.iter().any(|rule| rule.limited)
    }

    /// What limits the number of uses of this kind.
    pub(super) fn limits(&self, wish: &Wish<'_>) -> Limits {
        let now = coarse_millis();
        let matching =
            || self.rules.iter().filter(|rule| rule.allows(wish.operation, wish.context.as_ref(), now));
        match self.owner || matching().any(|rule| !rule.limited) {
            true => Limits::None,
            false => Limits::Of(matching().map(|rule| rule.grant).collect()),
        }
    }

    /// Takes note whether a grant has no use left: then its next call is refused before anything is done.
    pub(super) fn exhaust(&self, grant: GrantId, exhausted: bool) {
        if let Some(rule) = self.rules.iter().find(|rule| rule.grant == grant) {
            rule.exhausted.store(exhausted, Ordering::Relaxed);
        }
    }
}

impl Rule {
    fn compile(grant: &GrantDocument, now: Time) -> Rule {
        let wait = |end: Time| end.0.saturating_sub(now.0).saturating_mul(1_000);
        Rule {
            grant: grant.id,
            operations: Operations::of(&grant.operations),
            constraint: grant.constraint.clone(),
            expires: grant.expires,
            deadline: grant.expires.map_or(u64::MAX, |end| coarse_millis().saturating_add(wait(end))),
            limited: grant.uses.is_some(),
            exhausted: AtomicBool::new(false),
        }
    }

    /// Conditions on the context and the number of uses speak of uses alone.
    fn allows(&self, operation: Operation, context: Option<&Context<'_>>, now: u64) -> bool {
        // Whoever may describe a key by a grant may see who else may.
        let asked = if operation == Operation::ListGrants { Operation::DescribeKey } else { operation };
        let use_too = || self.constraint.holds(context) && !self.exhausted.load(Ordering::Relaxed);
        self.operations.has(asked)
            && (operation.kind() != Kind::Use || use_too())
            && now < self.deadline
            && self.expires.is_none_or(|end| Time::now() < end)
    }
}

/// What has been decided about a change under way.
#[derive(Default)]
pub(super) struct Authority {
    pub(super) administrator: bool,
    /// Somebody may do this, as far as it has come.
    decided: bool,
    needs_approval: bool,
    approved: bool,
}

impl Authority {
    /// For tests that write what no operation writes.
    #[cfg(all(test, feature = "sqlite"))]
    pub(super) fn given() -> Authority {
        Authority { decided: true, ..Authority::default() }
    }

    /// The approval that the change needs is there, and is used up with it.
    pub(super) fn approve(&mut self) {
        self.approved = true;
    }

    pub(super) fn is_approved(&self) -> bool {
        self.approved
    }
}

/// Whether the actor may do the deed, as far as it is not about one key: that is decided when the change comes to its key.
///
/// # Errors
/// ACCESS_DENIED, APPROVAL_REQUIRED.
pub(super) fn authorise_change(change: &mut Change<'_>) -> Result<()> {
    let (inner, operation) = (change.inner, change.deed.operation);
    let settings = change.snapshot().settings()?.changeable;
    let on_key = change.deed.request.contains_key("keyId");
    change.authority.administrator = settings.administrators.contains(&inner.actor.principal);
    change.authority.needs_approval = approvals::needed(&settings, operation);
    // Material that makes a key of its own is nobody's yet.
    let makes_key = operation == Operation::ImportKeyMaterial && !on_key;
    if matches!(scope(operation), Scope::Use | Scope::Manage) && !makes_key {
        return Ok(());
    }
    let access = Access { administrator: change.authority.administrator, ..Access::store(&inner.actor) };
    if !access.decide(operation, None, coarse_millis()) && !makes_key {
        return Err(not_administrator(&inner.actor, operation));
    }
    change.authority.decided = true;
    match change.authority.needs_approval && !on_key {
        true => approvals::consume(change, None),
        false => Ok(()),
    }
}

/// Whether the actor may do the deed to this key.
///
/// # Errors
/// ACCESS_DENIED, APPROVAL_REQUIRED.
pub(super) fn authorise_key(change: &mut Change<'_>, key: &KeyDocument) -> Result<()> {
    let (inner, operation) = (change.inner, change.deed.operation);
    let now = clock::now(change.snapshot());
    let mut access = Access::compile(key, &inner.actor, now);
    access.administrator = change.authority.administrator;
    access.retires = operation == Operation::RetireGrant && {
        let wanted = change.deed.request.get("grantId").and_then(|id| id.as_str());
        key.grants
            .iter()
            .any(|grant| Some(grant.id.to_string().as_str()) == wanted && grant.retired_by(&inner.actor))
    };
    if !access.decide(operation, None, coarse_millis()) {
        return Err(access.denied(operation));
    }
    change.authority.decided = true;
    match change.authority.needs_approval {
        true => approvals::consume(change, Some(key.id)),
        false => Ok(()),
    }
}

/// Called before a change is written: one that nobody decided about, or that lacks its approval, is not.
///
/// # Errors
/// INTERNAL, APPROVAL_REQUIRED.
pub(super) fn conclude(change: &Change<'_>) -> Result<()> {
    let authority = &change.authority;
    if !authority.decided {
        return Err(Error::Internal {
            what: "a change came to its end and nobody had asked who may make it",
        });
    }
    match authority.needs_approval && !authority.approved {
        true => Err(Error::ApprovalRequired { operation: change.deed.operation.name(), own: false }),
        false => Ok(()),
    }
}

/// Whether the actor may do something that changes nothing, to a key or (where there is none) to the store.
///
/// # Errors
/// ACCESS_DENIED.
pub(super) fn authorise_read(
    inner: &Inner,
    snapshot: &mut Snapshot<'_>,
    operation: Operation,
    key: Option<&KeyDocument>,
) -> Result<()> {
    authorise_use(inner, snapshot, operation, key, None)
}

/// The same under a context.
pub(super) fn authorise_use(
    inner: &Inner,
    snapshot: &mut Snapshot<'_>,
    operation: Operation,
    key: Option<&KeyDocument>,
    context: Option<&Context<'_>>,
) -> Result<()> {
    let mut access = match key {
        Some(key) => Access::compile(key, &inner.actor, clock::now(snapshot)),
        None => Access::store(&inner.actor),
    };
    if matches!(scope(operation), Scope::Manage | Scope::Administer) {
        access.administrator = is_administrator(inner, snapshot)?;
    }
    match access.decide(operation, context, coarse_millis()) {
        true => Ok(()),
        false if key.is_some() => Err(access.denied(operation)),
        false => Err(not_administrator(&inner.actor, operation)),
    }
}

/// Whether somebody other than this principal could do the operation to a key, as things stand.
pub(super) fn another_could(
    key: &KeyDocument,
    operation: Operation,
    principal: &str,
    administrators: &[String],
) -> bool {
    let granted = || {
        let theirs = key.grants.iter().filter(|grant| grant.grantee != principal);
        theirs.into_iter().any(|grant| grant.operations.contains(&operation))
    };
    match scope(operation) {
        Scope::Anyone => true,
        Scope::Use => key.owner != principal || granted(),
        Scope::Manage => {
            key.owner != principal || administrators.iter().any(|name| name != principal) || granted()
        }
        Scope::Administer => administrators.iter().any(|name| name != principal),
    }
}

/// The same for a dry run, which does not know of a grant to retire which it would be: one that may be is enough.
pub(super) fn authorise_try(
    inner: &Inner,
    snapshot: &mut Snapshot<'_>,
    operation: Operation,
    key: &KeyDocument,
    context: Option<&Context<'_>>,
) -> Result<()> {
    let retires =
        operation == Operation::RetireGrant && key.grants.iter().any(|grant| grant.retired_by(&inner.actor));
    match retires {
        true => Ok(()),
        false => authorise_use(inner, snapshot, operation, Some(key), context),
    }
}

/// Whether the actor is an administrator of the store.
pub(super) fn is_administrator(inner: &Inner, snapshot: &mut Snapshot<'_>) -> Result<bool> {
    Ok(snapshot.settings()?.changeable.administrators.contains(&inner.actor.principal))
}

pub(super) fn denied(principal: &str, operation: Operation, name: &str) -> Error {
    Error::AccessDenied { principal: principal.into(), operation: operation.name(), name: name.into() }
}

#[cold]
fn not_administrator(actor: &Actor, operation: Operation) -> Error {
    not_permitted(actor, operation, "that is for the store's administrators")
}

pub(super) fn not_permitted(actor: &Actor, operation: Operation, why: &'static str) -> Error {
    Error::NotPermitted { principal: actor.principal.as_str().into(), operation: operation.name(), why }
}

#[cfg(not(test))]
#[inline(always)]
fn decided() {}

#[cfg(test)]
fn decided() {
    tests::DECISIONS.set(tests::DECISIONS.get() + 1);
}

#[cfg(test)]
#[path = "access_tests.rs"]
pub(super) mod tests;
