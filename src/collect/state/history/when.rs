//! Times in logs: local ones, ones with a zone, and ones without a year.

use crate::model::{Date, UtcTime};

/// What a host's clock says: its offset from UTC, and which day it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// `+02:00`; empty for UTC.
    offset: String,
    today: Option<(i16, Date)>,
}

impl Clock {
    /// Reads `+0200 2026-11-29`.
    pub(super) fn said(text: &str) -> Self {
        let (zone, day) = text.split_once(' ').unwrap_or_default();
        let year = day.split('-').next().and_then(|year| year.parse().ok());
        Self {
            offset: offset(zone).unwrap_or_default(),
            today: year.zip(Date::parse(day)),
        }
    }

    /// Reads `2026-11-29 12:00:05`, or without seconds, in the host's time.
    pub(super) fn local(&self, date: &str, time: &str) -> Option<UtcTime> {
        let offset = if self.offset.is_empty() {
            "+00:00"
        } else {
            &self.offset
        };
        let seconds = if time.len() == 5 { ":00" } else { "" };
        UtcTime::parse(&format!("{date}T{time}{seconds}{offset}"))
    }

    /// Reads `Nov 29 12:00:05`, of the last twelve months.
    pub(super) fn without_year(&self, month: &str, day: &str, time: &str) -> Option<UtcTime> {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        let day: u8 = day.parse().ok()?;
        let (year, today) = self.today?;
        let date = |year: i16| format!("{year:04}-{month:02}-{day:02}");
        let this_year = Date::parse(&date(year)).filter(|it| *it <= today);
        let year = if this_year.is_some() { year } else { year - 1 };
        self.local(&date(year), time)
    }
}

/// Reads `2026-11-29T12:00:05+0200`; a zone of two digits, or `Z`, will do.
pub(super) fn zoned(text: &str) -> Option<UtcTime> {
    let (day, time) = text.split_once('T')?;
    let at = time.find(['+', '-', 'Z'])?;
    let (time, zone) = time.split_at_checked(at)?;
    let offset = if zone == "Z" {
        "+00:00".to_owned()
    } else {
        offset(zone)?
    };
    UtcTime::parse(&format!("{day}T{time}{offset}"))
}

/// `+02:00` for `+0200`, `+02` or itself.
fn offset(zone: &str) -> Option<String> {
    let sign = zone
        .chars()
        .next()
        .filter(|sign| matches!(sign, '+' | '-'))?;
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { "00" } else { minutes };
    (minutes.len() == 2).then(|| format!("{sign}{hours}:{minutes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(time: Option<UtcTime>) -> String {
        time.map_or("none".to_owned(), |time| time.to_string())
    }

    #[test]
    fn zones_are_written_in_several_ways() {
        for text in [
            "2024-01-05T12:00:00+0200",
            "2024-01-05T10:00:00Z",
            "2024-01-05T10:00:00+00",
        ] {
            assert_eq!(shown(zoned(text)), "2024-01-05T10:00:00Z", "{text}");
        }
        assert_eq!(zoned("2024-01-05T10:00:00"), None);
        assert_eq!(zoned("\u{e9}T\u{e9}+\u{e9}"), None);
    }

    #[test]
    fn local_times_are_taken_for_the_hosts_offset() {
        let clock = Clock::said("-0530 2026-11-29");
        let time = clock.local("2026-01-02", "03:04:05");
        assert_eq!(shown(time), "2026-01-02T08:34:05Z");
        let time = Clock::said("nonsense").local("2026-01-02", "03:04");
        assert_eq!(shown(time), "2026-01-02T03:04:00Z");
    }

    #[test]
    fn a_day_without_a_year_is_the_last_that_there_was() {
        let clock = Clock::said("+0000 2026-03-10");
        let at = |month, day| shown(clock.without_year(month, day, "10:00:00"));
        assert_eq!(at("Mar", "10"), "2026-03-10T10:00:00Z");
        assert_eq!(at("Mar", "11"), "2025-03-11T10:00:00Z");
        assert_eq!(at("Dec", "1"), "2025-12-01T10:00:00Z");
        assert_eq!(at("Foo", "1"), "none");
    }
}
