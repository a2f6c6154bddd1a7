//! A typed cell in a sheet.

use super::super::cell::{Cell, joined};
use super::super::{ReportError, escape};
use super::fault;
use super::look::Look;
use crate::model::{Date, UtcTime};
use rust_xlsxwriter::{Format, Url, Worksheet, XlsxError};
use std::fmt::Write as _;

/// What a spreadsheet keeps of a number: 15 digits.
const LARGEST: u64 = 999_999_999_999_999;
/// The day whose number is 0, for all days that Excel counts right.
const DAY_ZERO: &str = "1899-12-30";
/// The number of 1970-01-01.
const UNIX_ZERO: f64 = 25_569.0;
/// The number of 1900-03-01: before it Excel counts a day that never was.
const FIRST_DAY: f64 = 61.0;
/// Text that is longer gets a format of its own.
const LONG: usize = 255;

/// Writes cells of one workbook.
#[derive(Debug)]
pub(super) struct Pen {
    zero: Option<Date>,
    // Kept between cells for its memory only.
    text: String,
}

impl Pen {
    pub(super) fn new() -> Self {
        Self {
            zero: Date::parse(DAY_ZERO),
            text: String::new(),
        }
    }

    /// Writes one cell, with the format of its column where it needs none of its own.
    pub(super) fn put(
        &mut self,
        (sheet, look): (&mut Worksheet, &Look),
        (row, column): (u32, u16),
        cell: &Cell<'_>,
    ) -> Result<(), ReportError> {
        if let Some(number) = self.number(cell) {
            return done(sheet.write_number(row, column, number));
        }
        if is_unknown(cell) {
            return done(sheet.write_string_with_format(row, column, "unknown", &look.unknown));
        }
        let text = self.shown(cell);
        if text.is_empty() {
            return Ok(());
        }
        match look.text(escape::is_like_formula(text), text.len() > LONG) {
            Some(format) => done(sheet.write_string_with_format(row, column, text, format)),
            None => done(sheet.write_string(row, column, text)),
        }
    }

    /// Writes one cell as a link, where it has a text to click at.
    pub(super) fn put_link(
        &mut self,
        (sheet, look): (&mut Worksheet, &Look),
        (row, column): (u32, u16),
        (cell, to): (&Cell<'_>, String),
    ) -> Result<(), ReportError> {
        let text = self.shown(cell);
        let format = if escape::is_like_formula(text) {
            &look.link_guarded
        } else {
            &look.link
        };
        link(sheet, (row, column), (text, to), format)
    }

    /// The number that a cell is kept as.
    fn number(&self, cell: &Cell<'_>) -> Option<f64> {
        match cell {
            Cell::Count(count) => u64::try_from(*count).ok().and_then(whole),
            Cell::Signed(number) => {
                let size = whole(number.unsigned_abs())?;
                Some(if *number < 0 { -size } else { size })
            }
            Cell::Tenths(tenths) => Some(f64::from(*tenths) / 10.0),
            Cell::Probability(score) => Some(f64::from(score.0) / 100_000.0),
            // As CSV writes it.
            Cell::Percent(value) if value.is_finite() => format!("{value:.2}").parse().ok(),
            Cell::Day(day) => self.day(*day),
            Cell::Time(time) => moment(*time),
            _ => None,
        }
    }

    fn day(&self, day: Date) -> Option<f64> {
        let days = i32::try_from(self.zero?.days_until(day)).ok()?;
        Some(f64::from(days)).filter(|days| *days >= FIRST_DAY)
    }

    /// The text that a cell is kept as; none of numbers that are kept as such.
    fn shown(&mut self, cell: &Cell<'_>) -> &str {
        self.text.clear();
        match cell {
            Cell::Text(text) => escape::for_workbook(text, &mut self.text),
            Cell::List(items) => escape::for_workbook(&joined(items), &mut self.text),
            Cell::Flag(flag) => self.text.push_str(if *flag { "yes" } else { "no" }),
            plain => {
                let _ = write!(self.text, "{plain}");
            }
        }
        &self.text
    }
}

fn is_unknown(cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Unknown => true,
        Cell::Percent(value) => !value.is_finite(),
        _ => false,
    }
}

/// A whole number, where a spreadsheet keeps every digit of it.
fn whole(number: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "at most 15 digits")]
    (number <= LARGEST).then_some(number as f64)
}

/// A moment in days.
pub(super) fn moment(time: UtcTime) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "at most 12 digits")]
    let days = time.unix() as f64 / 86_400.0 + UNIX_ZERO;
    Some(days).filter(|days| *days >= FIRST_DAY)
}

/// Writes a link with its text.
pub(super) fn link(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    (text, to): (&str, String),
    format: &Format,
) -> Result<(), ReportError> {
    if text.is_empty() {
        return Ok(());
    }
    let url = Url::new(to).set_text(text);
    done(sheet.write_url_with_format(row, column, url, format))
}

pub(super) fn done(written: Result<&mut Worksheet, XlsxError>) -> Result<(), ReportError> {
    written.map(drop).map_err(fault)
}
