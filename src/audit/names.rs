//! How things are spelled in an event: times, UUIDs, resource names.

use std::fmt::{self, Write};

/// Milliseconds since 1970, as RFC 3339 in UTC with milliseconds: `2026-11-24T09:15:02.113Z`. Times after the year 9999
/// are written as its last millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(pub(super) u64);

const LAST: u64 = 253_402_300_799_999;

impl Instant {
    /// RFC 3339 in UTC, with no fraction of a second or with one of up to three digits.
    pub(super) fn parse(text: &str) -> Option<Instant> {
        let (seconds, fraction) = match text.strip_suffix('Z')?.split_once('.') {
            Some((seconds, fraction)) => (seconds, fraction),
            None => (text.strip_suffix('Z')?, "0"),
        };
        let bytes: &[u8; 19] = seconds.as_bytes().try_into().ok()?;
        if !matches!(fraction.len(), 1..=3) || !fraction.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        let number = |at: usize, digits: usize| {
            bytes[at..at + digits]
                .iter()
                .try_fold(0_u64, |number, c| c.is_ascii_digit().then(|| number * 10 + u64::from(c - b'0')))
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let in_range = year >= 1970 && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
        if !in_range || day == 0 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
            return None;
        }
        let days = days_before(year, month) + day - 1;
        // The 31st of April is the 1st of May.
        if date(days) != (year, month, day) {
            return None;
        }
        let millis = fraction.parse::<u64>().ok()? * 10_u64.pow(3 - fraction.len() as u32);
        Some(Instant((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000 + millis))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.min(LAST);
        let (year, month, day) = date(millis / 86_400_000);
        let (hour, minute) = (millis / 3_600_000 % 24, millis / 60_000 % 60);
        let (second, milli) = (millis / 1_000 % 60, millis % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

impl serde::Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Days from 1970-01-01 to the first of a month of the Gregorian calendar, from 1970 on.
fn days_before(year: u64, month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let whole = year - 1;
    let leap_days = whole / 4 - whole / 100 + whole / 400;
    let this_year = is_leap(year) && month > 2;
    // 719,162 days lie between the first of January of the years 1 and 1970.
    whole * 365 + leap_days + BEFORE[month as usize - 1] + u64::from(this_year) - 719_162
}

fn date(days: u64) -> (u64, u64, u64) {
    // A guess that is never too late and at most a year too early.
    let mut year = 1970 + days * 400 / 146_097;
    while days_before(year, 1) > days {
        year -= 1;
    }
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days_before(year, *month) <= days).unwrap_or(1);
    (year, month, days - days_before(year, month) + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
pub(super) fn uuid(id: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in id.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `keyfold:STORE:key/ID`.
pub(super) fn arn(store_id: &str, key_id: &[u8; 16]) -> String {
    format!("keyfold:{store_id}:key/{}", uuid(key_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_written() {
        let known = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_795_640_400_113, "2026-11-25T21:00:00.113Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
        ];
        for (millis, text) in known {
            assert_eq!(Instant(millis).to_string(), text);
            assert_eq!(Instant::parse(text), Some(Instant(millis)));
        }
        assert_eq!(Instant(u64::MAX).to_string(), Instant(LAST).to_string());
        for millis in (0..LAST).step_by(86_399_999 * 500) {
            assert_eq!(Instant::parse(&Instant(millis).to_string()), Some(Instant(millis)));
        }
        assert_eq!(Instant::parse("2026-11-25T21:00:00Z"), Some(Instant(1_795_640_400_000)));
        assert_eq!(Instant::parse("2026-11-25T21:00:00.5Z"), Some(Instant(1_795_640_400_500)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-25",
            "2026-11-25T21:00:00",
            "2026-11-25T21:00:00.Z",
            "2026-11-25T21:00:00.1234Z",
            "2026-11-25 21:00:00Z",
            "2026-11-31T21:00:00Z",
            "2025-02-29T21:00:00Z",
            "2026-13-01T21:00:00Z",
            "2026-11-00T21:00:00Z",
            "2026-11-25T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-25T21:00:00+01:00",
            "２026-11-25T21:00:0Z",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ids_and_resources_are_spelled_as_documented() {
        let id: [u8; 16] = std::array::from_fn(|i| i as u8 * 17);
        assert_eq!(uuid(&id), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(arn("7f3a", &id), "keyfold:7f3a:key/00112233-4455-6677-8899-aabbccddeeff");
    }
}
