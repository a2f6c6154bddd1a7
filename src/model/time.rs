//! Moments and days, as they are stored and exported.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A moment in UTC, to the second, as `2026-11-22T18:00:00Z`. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtcTime(i64);

impl UtcTime {
    /// Seconds since 1970-01-01T00:00:00Z, clamped to the years 1 to 9999 (whose last day and a bit jiff leaves out).
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(-62_135_596_800, 253_402_207_200))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, with any offset and any fraction of a second.
    pub fn parse(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Self::from_unix(time.as_second()))
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        Date(civil(self.0).date())
    }
}

fn civil(seconds: i64) -> jiff::civil::DateTime {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    jiff::tz::Offset::UTC.to_datetime(time)
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", civil(self.0))
    }
}

/// A day, as `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().map(Self)
    }

    /// The day so many days later, or earlier where `days` is negative; the last or first day there is where it
    /// would be beyond.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let span = jiff::Span::new().try_days(days);
        self.plus(span.ok(), days)
    }

    /// The same day of a later month, or its last day where the month is shorter: a month after January 31 is
    /// February 28 or 29.
    #[must_use]
    pub fn plus_months(self, months: i64) -> Self {
        let span = jiff::Span::new().try_months(months);
        self.plus(span.ok(), months)
    }

    fn plus(self, span: Option<jiff::Span>, sign: i64) -> Self {
        let beyond = match sign {
            ..0 => jiff::civil::Date::MIN,
            _ => jiff::civil::Date::MAX,
        };
        Self(span.map_or(beyond, |span| self.0.saturating_add(span)))
    }

    /// Its year, month and day; `None` of years that four digits do not write.
    pub fn numbers(self) -> Option<[u64; 3]> {
        let year = u64::try_from(self.0.year()).ok()?;
        let number = |part: i8| u64::try_from(part).ok();
        Some([year, number(self.0.month())?, number(self.0.day())?])
    }

    /// The day of the week: 0 is Monday, 6 is Sunday.
    pub fn weekday(self) -> usize {
        usize::try_from(self.0.weekday().to_monday_zero_offset()).unwrap_or_default()
    }

    /// Days from `self` to `other`; negative when `other` is earlier.
    pub fn days_until(self, other: Self) -> i64 {
        let hours = other.0.duration_since(self.0).as_hours();
        hours / 24
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_offsets_and_fractions_and_writes_utc() {
        let time = UtcTime::parse("2023-10-12T09:30:00.25+02:00").unwrap();
        assert_eq!(time.to_string(), "2023-10-12T07:30:00Z");
        assert_eq!(time.date().to_string(), "2023-10-12");
    }

    #[test]
    fn absurd_times_are_clamped_and_do_not_panic() {
        assert_eq!(
            UtcTime::from_unix(i64::MAX).to_string(),
            "9999-12-30T22:00:00Z"
        );
        assert_eq!(
            UtcTime::from_unix(i64::MIN).date().to_string(),
            "0001-01-01"
        );
    }

    #[test]
    fn days_between_are_signed() {
        let (a, b) = (
            Date::parse("2026-11-22").unwrap(),
            Date::parse("2026-12-01").unwrap(),
        );
        assert_eq!((a.days_until(b), b.days_until(a)), (9, -9));
    }
}
