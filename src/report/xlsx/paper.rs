//! The page that the summary is written on: a column of labels, one of numbers, and room for words.

use super::super::ReportError;
use super::super::escape;
use super::cells::done;
use super::look::Look;
use rust_xlsxwriter::{Format, Worksheet};

/// The last column of words.
pub(super) const LAST: u16 = 7;
/// The width of labels, and of each other column.
const WIDTHS: (f64, f64) = (26.0, 13.0);
/// The width of all.
pub(super) const DIGITS: f64 = 26.0 + 7.0 * 13.0;
/// What a line is high, in points.
const LINE: f64 = 15.0;

/// A page, written from above.
pub(super) struct Paper<'a> {
    sheet: Worksheet,
    look: &'a Look,
    row: u32,
}

impl<'a> Paper<'a> {
    pub(super) fn new(name: &str, look: &'a Look) -> Result<Self, ReportError> {
        let mut sheet = Worksheet::new();
        done(sheet.set_name(name))?;
        let (label, other) = WIDTHS;
        done(sheet.set_column_width(0, label))?;
        done(sheet.set_column_range_width(1, LAST, other))?;
        sheet.set_screen_gridlines(false);
        Ok(Self {
            sheet,
            look,
            row: 0,
        })
    }

    /// The row that comes next.
    pub(super) fn row(&self) -> u32 {
        self.row
    }

    pub(super) fn sheet(&mut self) -> (&mut Worksheet, &Look) {
        (&mut self.sheet, self.look)
    }

    pub(super) fn into_sheet(self) -> Worksheet {
        self.sheet
    }

    pub(super) fn gap(&mut self) {
        self.row += 1;
    }

    pub(super) fn title(&mut self, text: &str, below: &str) -> Result<(), ReportError> {
        self.words((0, LAST), text, |look| &look.title)?;
        done(self.sheet.set_row_height(self.row, 26))?;
        self.row += 1;
        self.remark(below)
    }

    pub(super) fn remark(&mut self, text: &str) -> Result<(), ReportError> {
        self.words((0, LAST), text, |look| &look.remark)?;
        self.row += 1;
        Ok(())
    }

    pub(super) fn warn(&mut self, text: &str) -> Result<(), ReportError> {
        self.words((0, LAST), text, |look| &look.warning)?;
        self.row += 1;
        Ok(())
    }

    pub(super) fn section(&mut self, text: &str) -> Result<(), ReportError> {
        self.row += 1;
        self.words((0, LAST), text, |look| &look.section)?;
        done(self.sheet.set_row_height(self.row, 19))?;
        self.row += 1;
        Ok(())
    }

    /// A line of words over the whole width.
    pub(super) fn text(&mut self, text: &str) -> Result<(), ReportError> {
        self.words((0, LAST), text, |look| &look.wrapped)?;
        self.row += 1;
        Ok(())
    }

    /// A label, and words.
    pub(super) fn detail(&mut self, label: &str, text: &str) -> Result<(), ReportError> {
        self.label(label)?;
        self.words((1, LAST), text, |look| &look.wrapped)?;
        self.row += 1;
        Ok(())
    }

    /// A label, and a moment, which is text where no spreadsheet counts it.
    pub(super) fn time(
        &mut self,
        label: &str,
        number: Option<f64>,
        text: &str,
    ) -> Result<(), ReportError> {
        let Some(number) = number else {
            return self.detail(label, text);
        };
        self.label(label)?;
        let format = self
            .look
            .plain
            .clone()
            .set_num_format("yyyy-mm-dd hh:mm:ss");
        done(
            self.sheet
                .merge_range(self.row, 1, self.row, 2, "", &format),
        )?;
        done(
            self.sheet
                .write_number_with_format(self.row, 1, number, &format),
        )?;
        self.row += 1;
        Ok(())
    }

    /// A label, a number, and what is to be said of it.
    pub(super) fn line(
        &mut self,
        label: &str,
        number: impl Into<u128>,
        said: &str,
    ) -> Result<(), ReportError> {
        self.label(label)?;
        self.number(1, number.into())?;
        if !said.is_empty() {
            self.words((2, LAST), said, |look| &look.said)?;
        }
        self.row += 1;
        Ok(())
    }

    /// A label, and a number in each of the columns behind it.
    pub(super) fn sums(&mut self, label: &str, sums: &[u64]) -> Result<(), ReportError> {
        self.label(label)?;
        for (at, sum) in (1u16..).zip(sums) {
            self.number(at, u128::from(*sum))?;
        }
        self.row += 1;
        Ok(())
    }

    /// The headers of a small table.
    pub(super) fn head(&mut self, names: &[&str]) -> Result<(), ReportError> {
        for (at, name) in (0u16..).zip(names) {
            let format = if at == 0 {
                &self.look.head
            } else {
                &self.look.head_right
            };
            done(
                self.sheet
                    .write_string_with_format(self.row, at, *name, format),
            )?;
        }
        self.row += 1;
        Ok(())
    }

    fn label(&mut self, label: &str) -> Result<(), ReportError> {
        let shown = shown(label);
        let format = &self.look.label;
        done(
            self.sheet
                .write_string_with_format(self.row, 0, shown, format),
        )
    }

    fn number(&mut self, at: u16, number: u128) -> Result<(), ReportError> {
        // A spreadsheet keeps 15 digits; the addresses of IPv6 may be more.
        #[expect(clippy::cast_precision_loss, reason = "a round number of them will do")]
        let number = number as f64;
        done(
            self.sheet
                .write_number_with_format(self.row, at, number, &self.look.number),
        )
    }

    /// Words over some columns, in as many lines as they need.
    fn words(
        &mut self,
        (first, last): (u16, u16),
        text: &str,
        format: impl Fn(&Look) -> &Format,
    ) -> Result<(), ReportError> {
        let shown = shown(text);
        let room = match first {
            0 => DIGITS,
            first => f64::from(last - first + 1) * WIDTHS.1,
        };
        #[expect(clippy::cast_precision_loss, reason = "a few thousand letters")]
        let lines = (shown.chars().count() as f64 / (room * 1.1)).ceil();
        if lines > 1.0 {
            let height = LINE * lines.min(20.0);
            done(self.sheet.set_row_height(self.row, height))?;
        }
        let format = format(self.look);
        done(
            self.sheet
                .merge_range(self.row, first, self.row, last, &shown, format),
        )
    }
}

fn shown(text: &str) -> String {
    let mut shown = String::new();
    escape::for_workbook(text, &mut shown);
    shown
}
