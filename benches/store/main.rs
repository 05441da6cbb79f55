//! What the key store and the trail cost, as ratios to bare SQLite doing the same writes, and to the same calls without a
//! trail, in the same run. `make bench` runs it; `benches/report.py` makes the table. No number makes anything fail.
//!
//! KEYS sets the size of the large store (1,000,000 when left out). Arguments name the parts to run: all of them when
//! there are none.

mod large;
// Shared; this program needs less of it.
#[allow(dead_code)]
#[path = "../abi/measure.rs"]
mod measure;
mod place;
mod trail;

use std::collections::BTreeMap;

use serde_json::{Value, json};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, folder] = &arguments[..]
        && role == "peak-memory"
    {
        return large::tell_peak_memory(folder.as_ref());
    }
    let keys: u64 = std::env::var("KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(1_000_000);
    let mut report: BTreeMap<&str, Value> = BTreeMap::new();
    let mut run = |name: &'static str, part: &dyn Fn() -> Value| {
        if arguments.is_empty() || arguments.iter().any(|wanted| wanted == name) {
            report.insert(name, part());
        }
    };
    run("trail_cost", &trail::cost);
    run("events", &|| json!([1, 2, 8].map(trail::events_a_second)));
    run("verify", &trail::verification);
    run("rotations", &large::rotations);
    run("large", &|| large::store_of(keys));
    println!("{}", serde_json::to_string(&json!({ "store": report })).expect("numbers and names"));
}
