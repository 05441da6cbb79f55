//! The store's clock: the system's, held against the highest time the store has seen. `docs/KEYS.md`, "Clock".

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Map, Value};

use super::document::Unreadable;
use super::json::{Fields, hex};
use super::snapshot::Snapshot;
use super::time::Time;
use crate::crypto::fill_random;
use crate::sync::coarse_millis;

pub(super) const DAY: u64 = 86_400;
/// A clock that is farther ahead of all the store has seen is not believed at once.
pub(super) const LEAP: u64 = 400 * DAY;
/// A clock that is farther behind is worth an event; less is what clocks do when they are set right.
const SLACK: u64 = 3_600;
/// Between two looks that confirm each other. A little less than a day, for work that runs once a day.
pub(super) const APART: u64 = 12 * 3_600;

/// The time that due dates are held against, in one state of the store.
pub(super) fn now(snapshot: &Snapshot<'_>) -> Time {
    at(snapshot.manifest.time())
}

/// The same, where the highest time is known.
pub(super) fn at(high: Time) -> Time {
    match read(high) {
        Reading::Good(now) => now,
        Reading::Back | Reading::Ahead => high,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Good(Time),
    /// Far behind the highest time.
    Back,
    /// Farther ahead of it than [`LEAP`].
    Ahead,
}

/// Holds the system's clock against the highest time.
pub(super) fn read(high: Time) -> Reading {
    judge(high, Time::now(), unbroken())
}

/// `unbroken` is what the clock would show had it not been touched since this process began, and what it showed then.
fn judge(high: Time, system: Time, unbroken: (Time, Time)) -> Reading {
    if high == Time(0) {
        return Reading::Good(system);
    }
    if system < high {
        return if high.0 - system.0 > SLACK { Reading::Back } else { Reading::Good(high) };
    }
    let (began, elapsed_to) = unbroken;
    let base = match began.0.saturating_sub(high.0) <= LEAP {
        true => high.max(elapsed_to),
        false => high,
    };
    match system.0.saturating_sub(base.0) <= LEAP {
        true => Reading::Good(system),
        false => Reading::Ahead,
    }
}

/// When this process first looked at the system's clock, and that time with what the monotonic clock has counted since.
fn unbroken() -> (Time, Time) {
    static BEGAN: AtomicI64 = AtomicI64::new(0);
    static MONOTONIC: AtomicI64 = AtomicI64::new(0);
    let monotonic = i64::try_from(coarse_millis() / 1_000).unwrap_or(i64::MAX);
    if BEGAN.load(Ordering::Acquire) == 0 {
        MONOTONIC.store(monotonic, Ordering::Relaxed);
        BEGAN.store(i64::try_from(Time::system().0).unwrap_or(i64::MAX), Ordering::Release);
    }
    let began = BEGAN.load(Ordering::Acquire);
    let elapsed = monotonic.saturating_sub(MONOTONIC.load(Ordering::Relaxed)).max(0);
    let time = |seconds: i64| Time(u64::try_from(seconds).unwrap_or(0)).min(Time::LAST);
    (time(began), time(began.saturating_add(elapsed)))
}

/// One opening of a store, as another can tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening(pub(super) [u8; 8]);

impl Opening {
    pub(super) fn draw() -> Opening {
        let mut bytes = [0; 8];
        // Without randomness two openings may look like one: then what must be seen twice waits.
        let _ = fill_random(&mut bytes);
        Opening(bytes)
    }
}

/// A time that was seen through one opening, and must be seen through another before it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) at: Time,
    pub(super) by: Opening,
}

impl Sighting {
    /// Whether a look through `by` at `now` confirms it.
    pub(super) fn confirmed(&self, now: Time, by: Opening) -> bool {
        self.by != by && now.0.checked_sub(self.at.0).is_some_and(|apart| apart >= APART)
    }

    pub(super) fn read(value: Option<Value>) -> std::result::Result<Option<Sighting>, Unreadable> {
        let Some(value) = value else { return Ok(None) };
        let mut fields = Fields::from_value(value)?;
        let at = Time::parse(&fields.text("at")?).ok_or("a date is malformed")?;
        Ok(Some(Sighting { at, by: Opening(fields.bytes("by")?) }))
    }

    pub(super) fn write(&self) -> Value {
        let mut out = Map::new();
        out.insert("at".into(), self.at.to_string().into());
        out.insert("by".into(), hex(&self.by.0).into());
        out.into()
    }
}

/// The highest time after a change, and what is remembered of a clock that is not believed.
pub(super) fn advance(high: Time, stepped: Option<Sighting>, by: Opening) -> (Time, Option<Sighting>) {
    let system = Time::now();
    // A clock that leaps on is another step, and confirms nothing.
    let same = |seen: &Sighting| seen.at > high && seen.at <= system && system.0 - seen.at.0 <= LEAP;
    match (read(high), stepped) {
        (Reading::Good(now), _) => (now.max(high), None),
        (Reading::Ahead, Some(seen)) if same(&seen) && seen.confirmed(system, by) => (system, None),
        // The same step, seen again.
        (Reading::Ahead, Some(seen)) if same(&seen) => (high, stepped),
        (Reading::Back, Some(seen)) if seen.at < high => (high, stepped),
        (Reading::Ahead | Reading::Back, _) => (high, Some(Sighting { at: system, by })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 365 * DAY;
    const HIGH: Time = Time(1_700_000_000);

    fn after(seconds: i64) -> Time {
        Time(HIGH.0.saturating_add_signed(seconds))
    }

    /// Mutation seen to fail it: `base` without the unbroken clock.
    #[test]
    fn a_clock_is_believed_within_bounds() {
        let judge = |system, unbroken| super::judge(HIGH, system, unbroken);
        let begun = (HIGH, HIGH);
        assert_eq!(judge(after(-1), begun), Reading::Good(HIGH), "a second back");
        assert_eq!(judge(after(-(10 * YEAR as i64)), begun), Reading::Back);
        assert_eq!(judge(after(5), begun), Reading::Good(after(5)));
        assert_eq!(judge(after(LEAP as i64), begun), Reading::Good(after(LEAP as i64)));
        assert_eq!(judge(after(LEAP as i64 + 1), begun), Reading::Ahead);
        assert_eq!(judge(after(10 * YEAR as i64), begun), Reading::Ahead);
        assert_eq!(judge(Time::LAST, begun), Reading::Ahead);
        assert_eq!(judge(Time(0), begun), Reading::Back);
        // A process that has run for two years over a store that nobody changed.
        let two_years = after(2 * YEAR as i64);
        assert_eq!(judge(two_years, (HIGH, two_years)), Reading::Good(two_years));
        // One that began with a clock that had leapt already.
        let leapt = after(10 * YEAR as i64);
        assert_eq!(judge(leapt, (leapt, leapt)), Reading::Ahead);
        // A new store has seen nothing.
        assert_eq!(super::judge(Time(0), leapt, begun), Reading::Good(leapt));
    }

    /// Mutation seen to fail it: `confirmed` by the same opening.
    #[test]
    fn a_sighting_is_confirmed_by_another_opening_half_a_day_later() {
        let (one, other) = (Opening([1; 8]), Opening([2; 8]));
        let seen = Sighting { at: HIGH, by: one };
        assert!(!seen.confirmed(after(APART as i64), one));
        assert!(!seen.confirmed(after(APART as i64 - 1), other));
        assert!(!seen.confirmed(after(-1), other));
        assert!(seen.confirmed(after(APART as i64), other));
        assert_eq!(Sighting::read(Some(seen.write())).ok().flatten(), Some(seen));
    }
}
