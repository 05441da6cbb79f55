//! What a passphrase's stretching costs: Argon2id parameters as they stand in a root slot, and their bounds.
//!
//! Bounded both ways before anything is derived or allocated: a slot may not ask for more than this machine would
//! give, nor for so little that a thief could guess.

use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::crypto::{Argon2Params, argon2id};
use crate::error::{Error, Result};

/// A passphrase slot's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) cost: Argon2Params,
    pub(super) salt: [u8; 16],
    /// The second half of Argon2id's output: commits to the passphrase before anything is unwrapped under the first.
    pub(super) check: [u8; 32],
}

/// OWASP's minimum: 19 MiB.
const MIN_MEMORY_KIB: u32 = 19 * 1024;
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 16;
/// Memory times passes, in KiB: OWASP's minimum (19 MiB, 2 passes) and 16 GiB, some ten seconds.
const WORK: std::ops::RangeInclusive<u64> = 2 * MIN_MEMORY_KIB as u64..=16 << 20;

/// The second recommended option of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes. New slots cost no less.
const RFC_9106_SECOND: Argon2Params = Argon2Params { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
/// What calibration aims at, and where it stops growing memory (a small container must still open the store).
const TARGET_MILLIS: u128 = 350;
const MAX_CALIBRATED_KIB: u32 = 256 * 1024;

impl Parameters {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "algorithm": "argon2id",
            "memory_kib": self.cost.memory_kib,
            "passes": self.cost.passes,
            "lanes": self.cost.lanes,
            "salt": hex(&self.salt),
            "check": hex(&self.check),
        })
    }

    /// ROOT_INVALID for a field that is missing, unknown, of another type or out of bounds.
    pub(super) fn from_json(value: &Value) -> Result<Parameters> {
        let fields = value.as_object().filter(|o| o.len() == 6).ok_or_else(|| invalid("not six fields"))?;
        if fields.get("algorithm").and_then(Value::as_str) != Some("argon2id") {
            return Err(invalid("the algorithm is not argon2id; a later version of the library may know it"));
        }
        let cost = Argon2Params {
            memory_kib: number(fields, "memory_kib")?,
            passes: number(fields, "passes")?,
            lanes: number(fields, "lanes")?,
        };
        check_bounds(&cost)?;
        Ok(Parameters { cost, salt: bytes(fields, "salt")?, check: bytes(fields, "check")? })
    }
}

/// The bounds, for parameters read as for those made here.
fn check_bounds(cost: &Argon2Params) -> Result<()> {
    let work = u64::from(cost.memory_kib) * u64::from(cost.passes);
    if cost.memory_kib < MIN_MEMORY_KIB || work < *WORK.start() {
        return Err(invalid("the Argon2id cost is below 19 MiB and 2 passes, which a thief could search"));
    }
    if cost.memory_kib > MAX_MEMORY_KIB || cost.passes > MAX_PASSES || work > *WORK.end() {
        return Err(invalid("the Argon2id cost is over 1 GiB, 64 passes or 16 GiB of work in all"));
    }
    if !(1..=MAX_LANES).contains(&cost.lanes) {
        return Err(invalid("Argon2id takes 1 to 16 lanes here"));
    }
    Ok(())
}

/// The cost for a new slot: [`RFC_9106_SECOND`] or, on a machine that does that quickly, as much more memory as
/// brings it near a third of a second.
pub(super) fn calibrated() -> Result<Argon2Params> {
    if cfg!(any(test, feature = "failpoints")) {
        // Test suites open many stores. Still within the bounds, so that any build opens what they made.
        return Ok(Argon2Params { memory_kib: MIN_MEMORY_KIB, passes: 2, lanes: 1 });
    }
    let start = Instant::now();
    argon2id(RFC_9106_SECOND, b"calibration", &[0; 16], &mut [0; 64])?;
    Ok(scaled(start.elapsed().as_millis()))
}

/// [`RFC_9106_SECOND`] made dearer by what `millis` leaves of the target.
fn scaled(millis: u128) -> Argon2Params {
    let base = RFC_9106_SECOND;
    let wanted = u128::from(base.memory_kib) * TARGET_MILLIS / millis.max(1);
    let memory = u32::try_from(wanted).unwrap_or(u32::MAX).clamp(base.memory_kib, MAX_CALIBRATED_KIB);
    // Whole MiB, so that slots look alike.
    Argon2Params { memory_kib: memory & !1023, ..base }
}

fn number(fields: &Map<String, Value>, name: &str) -> Result<u32> {
    let n = fields.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    n.ok_or_else(|| invalid("a cost is not a number"))
}

fn bytes<const N: usize>(fields: &Map<String, Value>, name: &str) -> Result<[u8; N]> {
    let text = fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let digit = |c: u8| char::from(c).to_digit(16).filter(|_| !c.is_ascii_uppercase());
    let mut out = [0; N];
    if text.len() != 2 * N {
        return Err(invalid("salt or check value has a wrong size"));
    }
    for (pair, byte) in text.as_bytes().chunks_exact(2).zip(&mut out) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => *byte = (high << 4 | low) as u8,
            _ => return Err(invalid("salt or check value is not hexadecimal")),
        }
    }
    Ok(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn invalid(why: &'static str) -> Error {
    Error::RootInvalid { what: "passphrase:".into(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        Parameters { cost: RFC_9106_SECOND, salt: [0xA1; 16], check: [0x0B; 32] }
    }

    #[test]
    fn parameters_survive_their_json() {
        let json = parameters().to_json();
        assert_eq!(Parameters::from_json(&json), Ok(parameters()));
        let text = serde_json::to_string(&json).unwrap();
        assert_eq!(Parameters::from_json(&serde_json::from_str(&text).unwrap()), Ok(parameters()));
    }

    // T-144. Seen to fail when `from_json` leaves out `check_bounds`.
    #[test]
    fn every_parameter_out_of_bounds_is_refused_before_anything_is_derived() {
        let changed = |name: &str, value: Value| {
            let mut json = parameters().to_json();
            json[name] = value;
            Parameters::from_json(&json).unwrap_err().status()
        };
        let max = u64::from(u32::MAX);
        for (name, bad) in [
            (
                "memory_kib",
                vec![
                    0,
                    8,
                    u64::from(MIN_MEMORY_KIB) - 1,
                    u64::from(MAX_MEMORY_KIB) + 1,
                    max,
                    max + 1,
                    u64::MAX,
                ],
            ),
            ("passes", vec![0, u64::from(MAX_PASSES) + 1, max, max + 1]),
            ("lanes", vec![0, u64::from(MAX_LANES) + 1, max, max + 1]),
        ] {
            for value in bad {
                assert_eq!(changed(name, json!(value)), crate::Status::RootInvalid, "{name} {value}");
            }
            for value in [json!(-1), json!(65536.5), json!("65536"), json!(null), json!([65536])] {
                assert_eq!(changed(name, value.clone()), crate::Status::RootInvalid, "{name} {value}");
            }
        }
        let cost = |memory_kib, passes, lanes| check_bounds(&Argon2Params { memory_kib, passes, lanes });
        assert!(cost(MIN_MEMORY_KIB, 1, 1).is_err(), "one pass over little memory");
        assert!(cost(MAX_MEMORY_KIB, 17, 1).is_err(), "minutes of work");
        assert!(cost(MIN_MEMORY_KIB, 2, 1).is_ok());
        assert!(cost(MAX_MEMORY_KIB, 16, 16).is_ok());
        for (name, value) in [
            ("salt", json!("a1")),
            ("salt", json!("A1".repeat(16))),
            ("salt", json!("g1".repeat(16))),
            ("check", json!("a1".repeat(31))),
            ("algorithm", json!("argon2i")),
            ("added", json!(1)),
        ] {
            assert_eq!(changed(name, value), crate::Status::RootInvalid, "{name}");
        }
        assert!(Parameters::from_json(&json!({})).is_err());
        assert!(Parameters::from_json(&json!(null)).is_err());
    }

    #[test]
    fn a_new_slot_costs_at_least_the_rfc_option_and_stays_within_the_bounds() {
        for millis in [0, 1, 50, 349, 350, 10_000, u128::from(u64::MAX)] {
            let cost = scaled(millis);
            assert!(cost.memory_kib >= 64 * 1024 && cost.memory_kib <= MAX_CALIBRATED_KIB, "{millis}");
            assert_eq!((cost.passes, cost.lanes), (3, 4));
            check_bounds(&cost).unwrap();
        }
        assert!(scaled(100).memory_kib > scaled(200).memory_kib);
        check_bounds(&calibrated().unwrap()).unwrap();
    }
}
