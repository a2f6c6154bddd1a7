//! A typed cell: what a table says, before a format decides how to write it.

use super::column::Kind;
use super::{Guards, escape};
use crate::model::{Date, Epss, Observed, UtcTime};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

/// One cell of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing to say: known to be nothing, does not apply, or the work of a later issue.
    Empty,
    /// A fact that was not learned: never the same as empty.
    Unknown,
    /// Text, as hostile as it came.
    Text(Cow<'a, str>),
    /// A count.
    Count(u128),
    /// A number of seconds, ahead or behind.
    Signed(i64),
    /// A number in tenths: 98 is 9.8.
    Tenths(u8),
    /// A probability.
    Probability(Epss),
    /// A percentage.
    Percent(f64),
    /// `yes` or `no`.
    Flag(bool),
    /// A day.
    Day(Date),
    /// A moment.
    Time(UtcTime),
    /// An address.
    Address(IpAddr),
    /// Several texts.
    List(Cow<'a, [String]>),
}

/// What the spreadsheets that a file is for take for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locale {
    /// The separator that the file does not use and that those of another language would split at.
    pub(super) foreign: char,
    /// What stands before the decimals of a number.
    pub(super) point: char,
}

impl Locale {
    /// Commas between cells, and a decimal point.
    pub(super) const ENGLISH: Self = Self {
        foreign: ';',
        point: '.',
    };
    /// Semicolons between cells, and a decimal comma.
    pub(super) const EUROPEAN: Self = Self {
        foreign: ',',
        point: ',',
    };
}

/// How many items of a list fit into a cell of a spreadsheet.
const LIST_ITEMS: usize = 20;

impl<'a> Cell<'a> {
    /// A text that may be missing because there is none.
    pub(super) fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Empty, Self::from)
    }

    /// A text that may be missing because nobody knows it.
    pub(super) fn known(text: Option<&'a str>) -> Self {
        text.map_or(Self::Unknown, Self::from)
    }

    /// A fact of a host that may not have been read at all.
    pub(super) fn observed(fact: Option<&'a Observed<String>>) -> Self {
        Self::known(fact.and_then(Observed::known).map(String::as_str))
    }

    /// A day that nobody may know.
    pub(super) fn day(day: Option<Date>) -> Self {
        day.map_or(Self::Unknown, Self::Day)
    }

    /// A moment that may not have come.
    pub(super) fn time(time: Option<UtcTime>) -> Self {
        time.map_or(Self::Empty, Self::Time)
    }

    /// Of which sort it is; `None` where it may stand in any column.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Empty | Self::Unknown => return None,
            Self::Text(_) => Kind::Text,
            Self::Count(_) => Kind::Count,
            Self::Signed(_) => Kind::Signed,
            Self::Tenths(_) => Kind::Tenths,
            Self::Probability(_) => Kind::Probability,
            Self::Percent(_) => Kind::Percent,
            Self::Flag(_) => Kind::Flag,
            Self::Day(_) => Kind::Day,
            Self::Time(_) => Kind::Time,
            Self::Address(_) => Kind::Address,
            Self::List(_) => Kind::List,
        })
    }

    /// Appends the cell as a spreadsheet may see it; `guards` counts what had to be done to it. Only numbers have a
    /// decimal point of the locale: versions and addresses are texts.
    pub(super) fn write_csv(&self, locale: Locale, out: &mut String, guards: &mut Guards) {
        let Locale { foreign, point } = locale;
        match self {
            Self::Empty => {}
            Self::Unknown => out.push_str("unknown"),
            Self::Text(text) => escape::for_csv(text, foreign, out, guards),
            Self::Flag(flag) => out.push_str(if *flag { "yes" } else { "no" }),
            Self::List(items) => {
                guards.shortened += u64::from(items.len() > LIST_ITEMS);
                escape::for_csv(&joined(items), foreign, out, guards);
            }
            Self::Percent(value) if !value.is_finite() => out.push_str("unknown"),
            Self::Count(count) => match u64::try_from(*count) {
                Ok(count) => push_digits(count, 1, out),
                Err(_) => push(self, out),
            },
            Self::Tenths(tenths) => {
                push_digits((tenths / 10).into(), 1, out);
                out.push(point);
                push_digits((tenths % 10).into(), 1, out);
            }
            Self::Probability(Epss(score)) => {
                push_digits((score / 100_000).into(), 1, out);
                out.push(point);
                push_digits((score % 100_000).into(), 5, out);
            }
            Self::Day(day) => match day.numbers() {
                Some(numbers) => {
                    for (number, (before, places)) in numbers.into_iter().zip(DAY) {
                        out.push_str(before);
                        push_digits(number, places, out);
                    }
                }
                None => push(self, out),
            },
            Self::Address(IpAddr::V4(address)) => {
                for (place, octet) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        out.push('.');
                    }
                    push_digits(octet.into(), 1, out);
                }
            }
            Self::Percent(_) if point != '.' => {
                let number = self.to_string();
                out.extend(number.chars().map(|c| if c == '.' { point } else { c }));
            }
            Self::Signed(_) | Self::Percent(_) | Self::Time(_) | Self::Address(_) => {
                push(self, out);
            }
        }
    }

    /// Whether it is of texts, which may hold anything.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_) | Self::List(_))
    }
}

/// What stands before the numbers of a day, and how many digits each has.
const DAY: [(&str, usize); 3] = [("", 4), ("-", 2), ("-", 2)];

fn push(cell: &Cell<'_>, out: &mut String) {
    let _ = write!(out, "{cell}");
}

/// Appends a number with at least so many digits. Most cells of a fleet are numbers and days, and the
/// formatting machinery costs several times as much.
fn push_digits(number: u64, least: usize, out: &mut String) {
    let mut digits = [b'0'; 20];
    let (mut left, mut used) = (number, 0);
    for digit in digits.iter_mut().rev() {
        if left == 0 && used >= least {
            break;
        }
        *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
        used += 1;
    }
    let digits = digits.get(digits.len() - used..).unwrap_or_default();
    out.push_str(str::from_utf8(digits).unwrap_or_default());
}

impl Cell<'_> {
    /// The cell as a text without any guard.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Unknown => "unknown".to_owned(),
            Self::Text(text) => text.to_string(),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::List(items) => joined(items).into_owned(),
            Self::Percent(value) if !value.is_finite() => "unknown".to_owned(),
            plain => plain.to_string(),
        }
    }
}

/// The first items of a list, and how many more there are.
pub(super) fn joined(items: &[String]) -> Cow<'_, str> {
    if let [only] = items {
        return Cow::Borrowed(only);
    }
    let shown = items.get(..LIST_ITEMS).unwrap_or(items);
    let mut text = shown.join("; ");
    if items.len() > shown.len() {
        let more = items.len() - shown.len();
        let _ = write!(text, "; (+{more})");
    }
    Cow::Owned(text)
}

/// Only the kinds whose text is ours, and so needs no guard.
impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Signed(number) => write!(f, "{number}"),
            Self::Tenths(tenths) => write!(f, "{}.{}", tenths / 10, tenths % 10),
            Self::Probability(score) => write!(f, "{score}"),
            Self::Percent(value) => write!(f, "{value:.2}"),
            Self::Day(day) => write!(f, "{day}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Empty | Self::Unknown | Self::Text(_) | Self::Flag(_) | Self::List(_) => Ok(()),
        }
    }
}

/// As JSON: `null` where there is nothing to say, `"unknown"` where a fact was not learned, lists
/// and texts in full.
impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => to.serialize_unit(),
            Self::Text(text) => to.serialize_str(text),
            Self::Count(count) => to.serialize_u128(*count),
            Self::Signed(number) => to.serialize_i64(*number),
            Self::Tenths(tenths) => to.serialize_f64(f64::from(*tenths) / 10.0),
            Self::Probability(score) => to.serialize_f64(f64::from(score.0) / 100_000.0),
            Self::Percent(value) if value.is_finite() => to.serialize_f64(*value),
            Self::Unknown | Self::Percent(_) => to.serialize_str("unknown"),
            Self::Flag(flag) => to.serialize_bool(*flag),
            Self::List(items) => items.serialize(to),
            Self::Day(_) | Self::Time(_) | Self::Address(_) => to.collect_str(self),
        }
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<Cow<'a, str>> for Cell<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [String]> for Cell<'a> {
    fn from(items: &'a [String]) -> Self {
        Self::List(Cow::Borrowed(items))
    }
}

impl From<Vec<String>> for Cell<'_> {
    fn from(items: Vec<String>) -> Self {
        Self::List(Cow::Owned(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(cell: &Cell<'_>) -> String {
        let mut out = String::new();
        cell.write_csv(Locale::ENGLISH, &mut out, &mut Guards::default());
        out
    }

    fn items(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("i{n}")).collect()
    }

    #[test]
    fn a_list_shows_twenty_items_and_counts_the_rest() {
        assert_eq!(csv(&items(2).into()), "i0; i1");
        let exactly = csv(&items(20).into());
        assert!(exactly.ends_with("; i19"), "{exactly}");
        let more = csv(&items(23).into());
        assert!(more.ends_with("; i19; (+3)"), "{more}");
    }

    #[test]
    fn a_shortened_list_is_counted() {
        let mut guards = Guards::default();
        for count in [1, 20, 21, 40] {
            Cell::from(items(count)).write_csv(Locale::ENGLISH, &mut String::new(), &mut guards);
        }
        let expected = Guards {
            shortened: 2,
            ..Guards::default()
        };
        assert_eq!(guards, expected);
    }

    #[test]
    fn json_has_the_whole_list() {
        let json = serde_json::to_value(Cell::from(items(23))).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 23);
    }

    #[test]
    fn an_unknown_fact_is_not_an_empty_one() {
        assert_eq!(csv(&Cell::Unknown), "unknown");
        assert_eq!(csv(&Cell::Empty), "");
        assert_eq!(csv(&Cell::from("")), "");
        assert_eq!(csv(&Cell::Percent(f64::NAN)), "unknown");
    }

    #[test]
    fn what_is_written_quickly_is_what_is_displayed() {
        let addresses = ["10.0.2.7", "255.255.255.255", "fe80::1"];
        let addresses = addresses.map(|text| Cell::Address(text.parse().unwrap()));
        let days = ["2026-11-30", "0001-01-02", "9999-12-31", "-000004-02-29"];
        let days = days.map(|text| Cell::Day(Date::parse(text).unwrap()));
        let counts = [0, 7, 10, 99, 1_000, u128::from(u64::MAX), u128::MAX].map(Cell::Count);
        let scores = [0, 1, 99_999, 100_000].map(|score| Cell::Probability(Epss(score)));
        let tenths = [0, 9, 10, 98, 100, 255].map(Cell::Tenths);
        let signed = [-5, 0, 5].map(Cell::Signed);
        let cells = addresses.into_iter().chain(days).chain(counts);
        for cell in cells.chain(scores).chain(tenths).chain(signed) {
            assert_eq!(csv(&cell), cell.to_string());
        }
    }

    #[test]
    fn only_numbers_have_a_decimal_comma() {
        let european = |cell: &Cell<'_>| {
            let mut out = String::new();
            cell.write_csv(Locale::EUROPEAN, &mut out, &mut Guards::default());
            out
        };
        let address = Cell::Address([10, 0, 0, 7].into());
        for (cell, written) in [
            (Cell::Tenths(88), "8,8"),
            (Cell::Percent(13.793), "13,79"),
            (Cell::Percent(f64::NAN), "unknown"),
            (Cell::Probability(Epss(97_565)), "0,97565"),
            (Cell::Count(1_000_000), "1000000"),
            (Cell::from("1.1"), "1.1"),
            (address, "10.0.0.7"),
        ] {
            assert_eq!(european(&cell), written);
        }
    }

    #[test]
    fn numbers_are_written_plainly() {
        assert_eq!(csv(&Cell::Tenths(98)), "9.8");
        assert_eq!(csv(&Cell::Tenths(100)), "10.0");
        assert_eq!(csv(&Cell::Percent(1.25)), "1.25");
        assert_eq!(csv(&Cell::Probability(Epss(97_565))), "0.97565");
        let json = serde_json::to_string(&Cell::Probability(Epss(97_565)));
        assert_eq!(json.unwrap(), "0.97565");
        assert_eq!(csv(&Cell::Count(u128::MAX)), u128::MAX.to_string());
    }
}
