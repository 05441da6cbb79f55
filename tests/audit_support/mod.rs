//! Holds events against docs/audit-event.schema.json: `audit_support::check(line)`, on every event that a suite reads.

#[path = "../../src/audit/schema.rs"]
mod schema;

pub use schema::check;
