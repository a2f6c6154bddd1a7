//! Days as exports write them: in the order of any country, as ticks, or in words.

use crate::model::{Date, UtcTime};
use std::borrow::Cow;

/// What a cell says of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    On(Date),
    /// It says that it never was: `Never`, the year 1601.
    Never,
    /// It is no day.
    No,
}

/// Which of the first two numbers of `03/11/2026` is the day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// As in most of the world.
    DayFirst,
    /// As in the United States.
    #[default]
    MonthFirst,
}

/// What a cell says of a day where nobody may guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sure {
    /// This one.
    On(Date),
    /// One of these two: it depends on who wrote it.
    Either(Date, Date),
    /// It is no day.
    No,
}

/// Reads a day that a person or a spreadsheet wrote: `2026-11-30`, `30.11.2026`, `11/30/2026`, `30-Nov-2026`.
pub(crate) fn sure(text: &str) -> Sure {
    let text = text.trim();
    let is_of_day = |one: char| one.is_ascii_digit() || "-/.:TZ+ ".contains(one);
    if text.chars().all(is_of_day)
        && let Some(day) = iso(text)
    {
        return Sure::On(day);
    }
    if let Some((day, month, year)) = parts(text, &['.']) {
        return civil(year, month, day).map_or(Sure::No, Sure::On);
    }
    if let Some((first, second, year)) = numbers(text) {
        let (one, other) = (civil(year, second, first), civil(year, first, second));
        return match (one, other) {
            (Some(one), Some(other)) if one != other => Sure::Either(one, other),
            (Some(day), _) | (_, Some(day)) => Sure::On(day),
            (None, None) => Sure::No,
        };
    }
    let is_short = text
        .split([' ', '-'])
        .filter(|word| !word.is_empty())
        .count()
        == 3;
    match words(text).filter(|_| is_short) {
        Some(day) => Sure::On(day),
        None => Sure::No,
    }
}

/// What shows in which order a list writes days: how many of its cells do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signs {
    /// A first number that can be no month.
    pub(crate) day_first: u64,
    /// A second number that can be no month.
    pub(crate) month_first: u64,
    /// Times in halves of the day: `2:05 PM`.
    pub(crate) halves: u64,
    /// Days that could be read in both orders, and differ.
    pub(crate) ambiguous: u64,
}

impl Signs {
    /// Takes a cell into account.
    pub(crate) fn look(&mut self, cell: &str) {
        let Some((first, second, _)) = numbers(cell) else {
            return;
        };
        let upper = cell.to_ascii_uppercase();
        self.halves += u64::from(upper.ends_with("AM") || upper.ends_with("PM"));
        self.day_first += u64::from(first > 12);
        self.month_first += u64::from(second > 12);
        self.ambiguous += u64::from(first <= 12 && second <= 12 && first != second);
    }

    /// The order, where the days themselves show it.
    pub(crate) fn order(self) -> Option<Order> {
        match (self.day_first > 0, self.month_first > 0) {
            (true, false) => Some(Order::DayFirst),
            (false, true) => Some(Order::MonthFirst),
            _ if self.halves > 0 => Some(Order::MonthFirst),
            _ => None,
        }
    }
}

/// The three numbers of `11/3/2026 2:05:00 PM` or `03-11-26`. Where points are between them, no country puts
/// the month first: they are left to [`read`].
fn numbers(text: &str) -> Option<(u8, u8, u16)> {
    parts(text, &['/', '-'])
}

fn parts(text: &str, separators: &[char]) -> Option<(u8, u8, u16)> {
    let text = text.trim();
    let end = text.find([' ', 'T', ',', '\u{a0}', '\u{202f}']);
    let date = end.map_or(text, |end| text.get(..end).unwrap_or_default());
    let separator = date
        .find(separators)
        .and_then(|at| date.get(at..)?.chars().next())?;
    let mut numbers = date.split(separator);
    let mut small = || -> Option<u8> {
        let number = numbers.next()?;
        (number.len() <= 2).then(|| number.parse().ok()).flatten()
    };
    let (first, second) = (small()?, small()?);
    let year = numbers.next()?;
    if numbers.next().is_some() {
        return None;
    }
    let century = match year.len() {
        2 => 2000,
        4 => 0,
        _ => return None,
    };
    Some((
        first,
        second,
        year.parse::<u16>().ok()?.checked_add(century)?,
    ))
}

/// Reads a day.
pub(crate) fn read(text: &str, order: Order) -> Day {
    let text = text.trim();
    if is_never(text) {
        return Day::Never;
    }
    // ConvertTo-Json writes `/Date(1762166400000)/`.
    let text = text.strip_prefix("/Date(").map_or(text, |rest| {
        rest.split([')', '+']).next().unwrap_or_default()
    });
    let readers = [iso, digits, words];
    let found = readers.iter().find_map(|read| read(text));
    let found = found.or_else(|| by_numbers(text, order));
    match found {
        Some(date) if is_past(date, "1980-01-01") => Day::Never,
        Some(date) => Day::On(date),
        None if is_endless(text) => Day::Never,
        None => Day::No,
    }
}

fn is_past(date: Date, bound: &str) -> bool {
    Date::parse(bound).is_some_and(|bound| date < bound)
}

fn is_never(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "never", "(never)", "nie", "(nie)", "niemals", "jamais", "(jamais)", "0",
    ];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The ticks by which Active Directory writes never.
fn is_endless(text: &str) -> bool {
    text == i64::MAX.to_string()
}

/// `2026-11-03`, `2026/11/3 14:05`, `2026-11-03T14:05:00+01:00`.
fn iso(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once(['-', '/', '.'])?;
    if year.len() != 4 || !year.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    if let Some(time) = UtcTime::parse(text) {
        return Some(time.date());
    }
    let (month, rest) = rest.split_once(['-', '/', '.'])?;
    let end = rest.find(|one: char| !one.is_ascii_digit());
    let day = end.map_or(rest, |end| rest.get(..end).unwrap_or_default());
    civil(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

fn civil(year: u16, month: u8, day: u8) -> Option<Date> {
    Date::parse(&format!("{year:04}-{month:02}-{day:02}"))
}

fn by_numbers(text: &str, order: Order) -> Option<Date> {
    if let Some((day, month, year)) = parts(text, &['.']) {
        return civil(year, month, day);
    }
    let (first, second, year) = numbers(text)?;
    let (day, month) = match order {
        Order::DayFirst => (first, second),
        Order::MonthFirst => (second, first),
    };
    // What can only be the other order is read so.
    civil(year, month, day).or_else(|| civil(year, day, month))
}

/// Numbers alone: `20261103`, `20261103120000.0Z` (RFC 4517 3.3.13; WMI's is alike), seconds, milliseconds,
/// microseconds or nanoseconds since 1970, or Windows' hundreds of nanoseconds since 1601.
fn digits(text: &str) -> Option<Date> {
    let end = text.find(|one: char| !one.is_ascii_digit());
    let (whole, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let is_calendar =
        matches!(whole.len(), 8 | 14) && (whole.starts_with("19") || whole.starts_with("20"));
    if is_calendar {
        let part = |range: std::ops::Range<usize>| whole.get(range)?.parse::<u16>().ok();
        let small = |range| u8::try_from(part(range)?).ok();
        return civil(part(0..4)?, small(4..6)?, small(6..8)?);
    }
    if !rest.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let seconds = match whole.len() {
        9 | 10 => number,
        12 | 13 => number / 1000,
        15 | 16 => number / 1_000_000,
        17 | 18 => number / 10_000_000 - 11_644_473_600,
        19 if number < i64::MAX => number / 1_000_000_000,
        _ => return None,
    };
    Some(UtcTime::from_unix(seconds).date())
}

/// The beginnings of months' names in English, German and French.
const MONTHS: &[(&str, u8)] = &[
    ("jan", 1),
    ("jän", 1),
    ("feb", 2),
    ("fév", 2),
    ("mar", 3),
    ("mär", 3),
    ("mrz", 3),
    ("apr", 4),
    ("avr", 4),
    ("may", 5),
    ("mai", 5),
    ("jun", 6),
    ("juin", 6),
    ("juil", 7),
    ("jul", 7),
    ("aug", 8),
    ("aoû", 8),
    ("sep", 9),
    ("oct", 10),
    ("okt", 10),
    ("nov", 11),
    ("dec", 12),
    ("dez", 12),
    ("déc", 12),
];

/// `Nov 3, 2026`, `03-Nov-2026`, `Tue Nov  3 10:22:11 2026`, `3. November 2026`.
fn words(text: &str) -> Option<Date> {
    if text.len() > 60 || !text.chars().any(char::is_alphabetic) {
        return None;
    }
    let text: Cow<'_, str> = text.to_lowercase().into();
    let mut words = text.split([' ', '-', ',', '/', '\u{a0}', '.']);
    let (mut year, mut month, mut day) = (None, None, None);
    for word in words.by_ref().filter(|word| !word.is_empty()) {
        let of_month = |(name, _): &&(&str, u8)| word.starts_with(*name);
        let number = word.trim_end_matches(|one: char| one.is_ascii_alphabetic());
        if let Some((_, number)) = MONTHS.iter().find(of_month) {
            month = month.or(Some(*number));
        } else if number.len() == 4 && word.len() == 4 {
            year = year.or(number.parse().ok());
        } else if (1..=2).contains(&number.len()) {
            day = day.or(number.parse().ok());
        }
    }
    civil(year?, month?, day?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, order: Order) -> String {
        match read(text, order) {
            Day::On(date) => date.to_string(),
            Day::Never => "never".to_owned(),
            Day::No => "no".to_owned(),
        }
    }

    #[test]
    fn a_day_is_read_however_it_is_written() {
        for text in [
            "2026-11-03",
            "2026-11-03T14:05:00.123Z",
            "2026-11-04T00:30:00+02:00",
            "2026-11-03 14:05:00",
            "2026/11/3",
            "11/3/2026 2:05:00 PM",
            "3.11.2026 14:05",
            "03.11.26",
            "20261103120000.0Z",
            "20261103120000.000000+060",
            "20261103",
            "134382132000000000",
            "1793700000",
            "1793700000000",
            "1793700000000000000",
            "/Date(1793700000000)/",
            "Nov 3, 2026",
            "03-Nov-2026",
            "Tue Nov  3 10:22:11 2026",
            "3. November 2026",
            "3 nov. 2026",
        ] {
            assert_eq!(shown(text, Order::MonthFirst), "2026-11-03", "{text}");
        }
        assert_eq!(shown("03/11/2026", Order::DayFirst), "2026-11-03");
        assert_eq!(shown("25/11/2026", Order::MonthFirst), "2026-11-25");
    }

    #[test]
    fn a_day_that_may_be_two_is_not_guessed() {
        let day = |text| Date::parse(text).unwrap();
        let november = day("2026-11-30");
        for text in [
            "2026-11-30",
            "2026-11-30T00:00:00",
            "30.11.2026",
            "30.11.26",
            "11/30/2026",
            "30/11/2026 00:00",
            "11/30/26",
            "30-Nov-2026",
        ] {
            assert_eq!(sure(text), Sure::On(november), "{text}");
        }
        assert_eq!(sure("03/03/2026"), Sure::On(day("2026-03-03")));
        let either = Sure::Either(day("2026-11-03"), day("2026-03-11"));
        assert_eq!(sure("03/11/2026"), either);
        for text in [
            "soon",
            "46356",
            "2026-13-01",
            "31.02.2026",
            "31/31/2026",
            "2026-11-30 or so",
            "never",
        ] {
            assert_eq!(sure(text), Sure::No, "{text}");
        }
    }

    #[test]
    fn never_is_no_day_and_no_mistake() {
        for text in [
            "Never",
            "(never)",
            "Nie",
            "0",
            "9223372036854775807",
            "1/1/1601 12:00:00 AM",
            "0001-01-01",
        ] {
            assert_eq!(shown(text, Order::MonthFirst), "never", "{text}");
        }
        for text in [
            "soon",
            "31/31/2026",
            "2 days ago",
            "12",
            "2026-13-01",
            "10.0.0.1",
        ] {
            assert_eq!(shown(text, Order::MonthFirst), "no", "{text}");
        }
    }

    #[test]
    fn days_show_their_order() {
        let order = |cells: &[&str]| {
            let mut signs = Signs::default();
            for cell in cells {
                signs.look(cell);
            }
            signs.order()
        };
        assert_eq!(order(&["03/11/2026", "25/11/2026"]), Some(Order::DayFirst));
        assert_eq!(
            order(&["03/11/2026", "11/25/2026"]),
            Some(Order::MonthFirst)
        );
        assert_eq!(order(&["3/11/2026 2:05 PM"]), Some(Order::MonthFirst));
        assert_eq!(order(&["03/11/2026"]), None);
        assert_eq!(order(&["3.11.2026", "2026-11-03"]), None);
    }
}
