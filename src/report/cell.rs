//! A typed cell: what a table says, before a format decides how to write it.

use super::column::Kind;
use super::escape;
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

    /// Appends the cell as a spreadsheet may see it. `foreign` is the separator that this file does
    /// not use and that another locale would split at.
    pub(super) fn write_csv(&self, foreign: char, out: &mut String) {
        match self {
            Self::Empty => {}
            Self::Unknown => out.push_str("unknown"),
            Self::Text(text) => escape::for_csv(text, foreign, out),
            Self::Flag(flag) => out.push_str(if *flag { "yes" } else { "no" }),
            Self::List(items) => escape::for_csv(&joined(items), foreign, out),
            Self::Percent(value) if !value.is_finite() => out.push_str("unknown"),
            plain => {
                let _ = write!(out, "{plain}");
            }
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
        cell.write_csv(';', &mut out);
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
