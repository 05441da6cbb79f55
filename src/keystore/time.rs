//! Dates in documents: whole seconds since 1970 in UTC, written as RFC 3339.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::failpoint;

/// Seconds since 1970-01-01T00:00:00Z, up to the end of the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) u64);

/// A time as documents have it, for what is no document of the store.
#[cfg(feature = "cli")]
pub(crate) fn rfc3339(seconds: u64) -> String {
    Time(seconds).min(Time::LAST).to_string()
}

impl Time {
    /// The end of the year 9999.
    pub(super) const LAST: Time = Time(253_402_300_799);

    /// The system's clock as it stands, whatever a test says.
    pub(super) fn system() -> Time {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Time(now).min(Time::LAST)
    }

    /// So many days later; the end of the year 9999 at most.
    pub(super) fn plus_days(self, days: u32) -> Time {
        Time(self.0.saturating_add(u64::from(days) * 86_400)).min(Time::LAST)
    }

    /// The system's clock; 1970 when it is set before that, so that no clock can make a call fail.
    pub(super) fn now() -> Time {
        Time(Time::now_millis() / 1_000)
    }

    /// The same in milliseconds, for events.
    pub(super) fn now_millis() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
        let now = now.saturating_add_signed(failpoint::clock_ahead_seconds().saturating_mul(1_000));
        now.min(Time::LAST.0 * 1_000 + 999)
    }

    /// Reads exactly the form that `Display` writes: `YYYY-MM-DDTHH:MM:SSZ`.
    pub(super) fn parse(text: &str) -> Option<Time> {
        let bytes = text.as_bytes();
        if bytes.len() != 20 {
            return None;
        }
        let number = |at: usize, digits: usize| {
            bytes[at..at + digits].iter().try_fold(0u64, |n, c| match c {
                b'0'..=b'9' => Some(n * 10 + u64::from(c - b'0')),
                _ => None,
            })
        };
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        if year < 1970 || !(1..=12).contains(&month) || day < 1 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let time = Time(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second);
        // Whatever is spelled otherwise (the 31st of April, a blank for the T) does not come back the same.
        (time.to_string() == text).then_some(time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0 / 86_400);
        let of_day = self.0 % 86_400;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, counted in years that begin in March.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, of_year - (153 * march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back_as_they_were_written() {
        let known = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_640_400, "2026-11-25T21:00:00Z"),
            (Time::LAST.0, "9999-12-31T23:59:59Z"),
        ];
        for (seconds, text) in known {
            assert_eq!(Time(seconds).to_string(), text);
            assert_eq!(Time::parse(text), Some(Time(seconds)));
        }
        for seconds in (0..Time::LAST.0).step_by(86_399 * 1000) {
            assert_eq!(Time::parse(&Time(seconds).to_string()), Some(Time(seconds)));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "1969-12-31T23:59:59Z",
            "2026-04-31T00:00:00Z",
            "2026-11-25 21:00:00Z",
            "2026-11-25T21:00:60Z",
            "2026-11-25T21:00:00z",
            "2026-11-25T21:00:00+",
            "+026-11-25T21:00:00Z",
            "2026-13-25T21:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
