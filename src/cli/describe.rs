//! `keyfold key show`, `rotations` and `usage`: what is known about a key.

use serde_json::json;

use super::exit::Result;
use super::keys::aliases;
use super::session::{Session, key_name, on_key};
use super::{output, policy};
use crate::keystore::{KeyLastUsage, KeyMetadata, PageRequest, Store, VersionMetadata};

pub(super) fn show(session: &Session, key: &KeyMetadata) -> Result<()> {
    if session.global.json {
        return output::json(key);
    }
    let state = match &key.state_reason {
        Some(reason) => format!("{} ({reason})", key.key_state),
        None => key.key_state.to_string(),
    };
    let mut pairs = vec![
        ("key id", key.key_id.to_string()),
        ("aliases", aliases(key)),
        ("description", key.description.clone()),
        ("state", state),
        ("usage", format!("{} ({})", key.key_usage.name(), key.key_spec.name())),
        ("created", key.created.clone()),
        ("owner", key.owner.clone()),
    ];
    pairs.extend(key.deletion_date.iter().map(|date| ("destroyed on", date.clone())));
    pairs.extend(key.tags.iter().map(|(name, value)| ("tag", format!("{name}={value}"))));
    if key.grants > 0 {
        pairs.push(("grants", key.grants.to_string()));
    }
    pairs.extend(policy::words(&key.policy));
    pairs.extend(key.next_rotation.iter().map(|date| ("next rotation", date.clone())));
    pairs.push((
        "current version",
        if key.current_version == 0 { "none".into() } else { key.current_version.to_string() },
    ));
    output::pairs(&pairs)?;
    output::line("")?;
    versions(&key.versions.iter().rev().collect::<Vec<_>>())
}

/// A key's versions, the newest first: when, why, by whom.
fn versions(versions: &[&VersionMetadata]) -> Result<()> {
    // Ends of periods only where there are any.
    let ends = |v: &VersionMetadata| [v.originator_end.clone(), v.recipient_end.clone(), v.valid_to.clone()];
    let names = ["SEALS UNTIL", "OPENS UNTIL", "EXPIRES"];
    let shown: Vec<usize> =
        (0..names.len()).filter(|&i| versions.iter().any(|v| ends(v)[i].is_some())).collect();
    let mut head = vec!["VERSION", "STATE", "ORIGIN", "WHY", "BY", "CREATED", "MATERIAL ID"];
    head.extend(shown.iter().map(|&i| names[i]));
    let rows = versions.iter().map(|v| {
        let mut row = vec![
            v.version.to_string(),
            v.state.name().to_owned(),
            word(&v.origin),
            v.rotation_type.name().to_owned(),
            v.created_by.clone(),
            v.created.clone(),
            v.material_id.iter().map(|b| format!("{b:02x}")).collect(),
        ];
        row.extend(shown.iter().map(|&i| ends(v)[i].clone().unwrap_or_default()));
        row
    });
    output::table(&head, rows)
}

pub(super) fn rotations(session: &Session, name: &str) -> Result<()> {
    let (key, store) = (key_name(name)?, session.store()?);
    let status = on_key(name, store.key_rotation_status(&key))?;
    let mut rotations = Vec::new();
    let mut page = PageRequest { after: None, limit: 1000 };
    loop {
        let some = on_key(name, store.list_key_rotations(&key, &page))?;
        rotations.extend(some.rotations);
        match some.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    if session.global.json {
        return output::json(&json!({ "status": status, "rotations": rotations }));
    }
    let mut pairs = vec![(
        "by period",
        match status.rotation_period_in_days {
            Some(days) => format!("every {days} days"),
            None => "off".into(),
        },
    )];
    pairs.extend(status.next_rotation_date.iter().map(|date| ("next", date.clone())));
    if status.due {
        pairs.push(("due", "now; it rotates at its next use, or with: keyfold key rotate --due".into()));
    }
    pairs.push(("on demand", format!("{} of {}", status.on_demand_rotations, status.on_demand_limit)));
    output::pairs(&pairs)?;
    output::line("")?;
    versions(&rotations.iter().collect::<Vec<_>>())
}

pub(super) fn usage(session: &Session, name: &str) -> Result<()> {
    let (key, store) = (key_name(name)?, session.store()?);
    let last = on_key(name, store.key_last_usage(&key))?;
    let versions = on_key(name, store.key_usage(&key))?;
    if session.global.json {
        return output::json(&json!({ "last_use": last, "versions": versions }));
    }
    output::pairs(&last_use(&last))?;
    output::line("")?;
    let rows = versions.iter().map(|v| {
        vec![
            v.version.to_string(),
            v.messages.to_string(),
            v.bytes.to_string(),
            v.opened.to_string(),
            v.failures.to_string(),
            v.last_used.clone().unwrap_or_else(|| "never".into()),
        ]
    });
    output::table(&["VERSION", "MESSAGES", "BYTES", "OPENED", "FAILURES", "LAST USED"], rows)
}

/// When a key was used last, for people.
pub(super) fn last_use(last: &KeyLastUsage) -> Vec<(&'static str, String)> {
    let mut pairs = vec![(
        "last use",
        match (&last.timestamp, last.operation) {
            (Some(at), Some(operation)) => format!("{at} ({operation})"),
            (Some(at), None) => at.clone(),
            (None, _) => "none known".into(),
        },
    )];
    pairs.extend(last.last_failure.iter().map(|at| ("last failed use", at.clone())));
    pairs.push(("counted since", last.tracking_start_date.clone()));
    pairs.push(("created", last.key_creation_date.clone()));
    pairs
}

/// The report that goes before a deletion.
pub(super) fn before_deletion(session: &Session, store: &Store, name: &str) -> Result<KeyLastUsage> {
    let last = on_key(name, store.key_last_usage(&key_name(name)?))?;
    if !session.global.json && !session.global.quiet {
        output::pairs(&last_use(&last))?;
    }
    Ok(last)
}

/// A value as its JSON has it.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
