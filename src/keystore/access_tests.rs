//! The decision, in a universe small enough to try all of it, against an oracle that nobody can misread.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::keystore::types::{KeySpec, Origin};

thread_local! {
    /// Decisions of this thread.
    pub(in crate::keystore) static DECISIONS: Cell<u64> = const { Cell::new(0) };
}

type Pairs = Option<BTreeMap<String, String>>;

fn pairs(text: &str) -> Pairs {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    (!text.is_empty()).then(|| text.split(',').filter_map(pair).collect())
}

fn actor(name: &str) -> Actor {
    Actor { principal: name.into(), verified: false }
}

fn grant(
    id: u8,
    grantee: &str,
    operations: &[Operation],
    equals: &str,
    subset: &str,
    over: bool,
) -> GrantDocument {
    let grant = GrantDocument {
        id: GrantId([id; 16]),
        name: None,
        created: Time(0),
        issuer: "owner".into(),
        grantee: grantee.into(),
        retiring: None,
        operations: operations.to_vec(),
        equals: pairs(equals),
        subset: pairs(subset),
        expires: Some(Time(if over { 1 } else { Time::now().0 + 10_000 })),
        uses: None,
        constraint: Constraint::default(),
    };
    GrantDocument::new(grant).unwrap()
}

/// What docs/KEYS.md says, word by word, over plain maps.
fn oracle(key: &KeyDocument, who: &str, administrator: bool, operation: Operation, context: &Pairs) -> bool {
    let is_use = operation.kind() == Kind::Use;
    let granted = key.grants.iter().any(|grant| {
        let asked = if operation.name() == "ListGrants" { "DescribeKey" } else { operation.name() };
        let named = grant.operations.iter().any(|o| o.name() == asked);
        let fits = |given: &BTreeMap<String, String>| {
            let equal = grant.equals.as_ref().is_none_or(|equals| equals == given);
            let within = grant
                .subset
                .as_ref()
                .is_none_or(|subset| subset.iter().all(|(name, value)| given.get(name) == Some(value)));
            equal && within
        };
        let fits = match context {
            _ if !is_use || grant.equals.is_none() && grant.subset.is_none() => true,
            Some(given) => fits(given),
            None => false,
        };
        grant.grantee == who && named && fits && grant.expires.is_none_or(|end| end > Time::now())
    });
    match scope(operation) {
        Scope::Anyone => true,
        Scope::Use => who == key.owner || granted,
        // None of them is the one that is to be retired.
        Scope::Manage => who == key.owner || administrator || granted && operation.name() != "RetireGrant",
        Scope::Administer => administrator,
    }
}

/// T-43. Mutations seen to fail it: a context condition that is not asked; the grantee not compared; administrators let use
/// keys; a grant that is over.
#[test]
fn every_decision_of_a_small_universe_is_the_oracles() {
    use Operation::*;
    let some = [Encrypt, RetireGrant, DescribeKey];
    let choices: Vec<Vec<Operation>> =
        (1..8).map(|bits| (0..3).filter(|at| bits >> at & 1 == 1).map(|at| some[at]).collect()).collect();
    let mut grants = Vec::new();
    for operations in &choices {
        for (equals, subset) in [("", ""), ("a=1", ""), ("", "a=1"), ("a=1,b=1", "b=1")] {
            for (grantee, over) in [("bob", false), ("eve", false), ("bob", true)] {
                grants.push(grant(1, grantee, operations, equals, subset, over));
            }
        }
    }
    let contexts = ["", "a=1", "a=2", "b=1", "a=1,b=1", "a=1,b=2", "a=1,b=1,c=1"];
    let mut key =
        KeyDocument::new(KeyId([7; 16]), KeySpec::Symmetric, Origin::Keyfold, Time(0), "owner".into());
    let (mut asked, mut allowed) = (0u32, 0u32);
    for first in 0..=grants.len() {
        // One grant, or two of them: any that permits is enough, and none of two that together would is.
        key.grants = grants.get(first).into_iter().cloned().collect();
        if first % 3 == 1 {
            key.grants.push(grant(2, "bob", &[Decrypt], "", "b=1", false));
        }
        for who in ["owner", "bob", "eve", "nobody"] {
            for administrator in [false, true] {
                let mut access = Access::compile(&key, &actor(who), Time::now());
                access.administrator = administrator;
                for &operation in Operation::ALL {
                    let tried: &[&str] = if operation.kind() == Kind::Use { &contexts } else { &[""] };
                    for (at, text) in tried.iter().enumerate() {
                        let map: Pairs = Some(pairs(text).unwrap_or_default());
                        let list: Vec<_> =
                            map.iter().flatten().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                        let bytes = Context::pack(&list).unwrap();
                        let context = Context::unpack(&bytes).unwrap();
                        let is = access.decide(operation, Some(&context), coarse_millis());
                        let should = oracle(&key, who, administrator, operation, &map);
                        assert_eq!(is, should, "{who} {administrator} {operation} {text} {:?}", key.grants);
                        (asked, allowed) = (asked + 1, allowed + u32::from(is));
                        if at == 0 {
                            let is = access.decide(operation, None, coarse_millis());
                            assert_eq!(is, oracle(&key, who, administrator, operation, &None), "{operation}");
                        }
                    }
                }
            }
        }
    }
    assert!(asked > 40_000 && allowed > 10_000 && allowed < asked, "{asked} {allowed}");
}

/// The page is the specification: its table and [`scope`] say the same of every operation.
#[test]
fn the_table_of_who_may_is_that_of_the_page() {
    let page = include_str!("../../docs/KEYS.md");
    let section = page.split("## Who may").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut seen = BTreeSet::new();
    for line in section.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let scoped = match cells[1] {
            "every principal" => Scope::Anyone,
            "use" => Scope::Use,
            "manage" => Scope::Manage,
            "administer" => Scope::Administer,
            _ => continue,
        };
        for name in cells[3].split('`').skip(1).step_by(2) {
            let operation = Operation::from_name(name).unwrap_or_else(|_| panic!("{name}"));
            assert_eq!(scope(operation), scoped, "{name}");
            assert!(seen.insert(operation), "{name} stands twice");
        }
    }
    for operation in Operation::ALL {
        assert!(seen.contains(operation), "the page does not say who may {operation}");
    }
}

/// Mutation seen to fail it: `decide` that lets the coarse deadline pass.
#[test]
fn a_grants_end_is_not_put_off_by_a_clock_that_is_set_back() {
    let mut key =
        KeyDocument::new(KeyId([7; 16]), KeySpec::Symmetric, Origin::Keyfold, Time(0), "owner".into());
    key.grants = vec![grant(1, "bob", &[Operation::Encrypt], "", "", false)];
    let access = Access::compile(&key, &actor("bob"), Time::now());
    assert!(access.decide(Operation::Encrypt, None, coarse_millis()));
    // The system's clock still stands before the end; the one that nobody sets has passed it.
    assert!(!access.decide(Operation::Encrypt, None, coarse_millis() + 10_001_000));
}
