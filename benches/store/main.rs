//! What the key store and the trail cost, as ratios to bare SQLite doing the same writes, and to the same calls without a
//! trail, in the same run. `make bench` runs it; `benches/report.py` makes the table. No number makes anything fail.
//!
//! KEYS sets the size of the large store (1,000,000 when left out).

mod large;
// Shared; this program needs less of it.
#[allow(dead_code)]
#[path = "../abi/measure.rs"]
mod measure;
mod place;
mod trail;

use std::collections::BTreeMap;

use serde_json::json;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, folder] = &arguments[..]
        && role == "peak-memory"
    {
        return large::tell_peak_memory(folder.as_ref());
    }
    let keys: u64 = std::env::var("KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(1_000_000);
    let mut report = BTreeMap::new();
    report.insert("trail_cost", trail::cost());
    report.insert("events", json!([1, 2, 8].map(trail::events_a_second)));
    report.insert("verify", trail::verification());
    report.insert("rotations", large::rotations());
    report.insert("large", large::store_of(keys));
    println!("{}", serde_json::to_string(&report).expect("numbers and names"));
}
