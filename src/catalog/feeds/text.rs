//! Documents that are tables or pages: read with a cap, by the names of columns, in the words of dates.

use super::FeedError;
use crate::model::{Date, UtcTime};
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// A reader that fails where a document is longer than it may be. To stop in silence would be to take
/// half of a table for the whole.
pub(super) struct Capped<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R: BufRead> Capped<R> {
    pub(super) fn new(inner: R, most: u64) -> Self {
        let left = most;
        Self { inner, left, most }
    }
}

impl<R: BufRead> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if self.inner.fill_buf()?.is_empty() {
                return Ok(0);
            }
            return Err(io::Error::other(format!("more than {} bytes", self.most)));
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let room = room.min(buffer.len());
        let read = self
            .inner
            .read(buffer.get_mut(..room).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// A whole page as text, without a byte-order mark. What is no UTF-8 is replaced.
pub(super) fn page(
    feed: &'static str,
    doc: &mut dyn BufRead,
    most: u64,
) -> Result<String, FeedError> {
    let mut bytes = Vec::new();
    let read = Capped::new(doc, most).read_to_end(&mut bytes);
    read.map_err(|source| FeedError::Page {
        feed,
        source: Box::new(source),
    })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// A table whose columns may stand in any order, in any case, and be separated by commas, semicolons
/// or tabs: as people write them, and as Excel saves them.
pub(super) struct Table<'a> {
    rows: csv::Reader<Capped<&'a mut dyn BufRead>>,
    columns: Vec<String>,
    record: csv::ByteRecord,
    ends: Ends,
}

/// How lines end, as the first one does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Lf,
    CrLf,
}

impl Ends {
    pub(super) fn of(line: &[u8]) -> Self {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match line.last() {
            Some(b'\r') => Self::CrLf,
            _ => Self::Lf,
        }
    }

    /// The line in which a row begins, from 1. The reader of rows counts from the end of the row before,
    /// which it takes to be before the line feed.
    pub(super) fn line(self, position: Option<&csv::Position>) -> u64 {
        position.map_or(0, csv::Position::line) + u64::from(self == Self::CrLf)
    }
}

impl<'a> Table<'a> {
    /// Reads the first row.
    pub(super) fn open(doc: &'a mut dyn BufRead, most: u64) -> csv::Result<Self> {
        let head = doc.fill_buf()?;
        let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |separator: u8| first.split(|byte| *byte == separator).count();
        let separator = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|one| count(*one));
        let ends = Ends::of(first);
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(separator.unwrap_or(b','))
            .flexible(true)
            .from_reader(Capped::new(doc, most));
        let columns = rows.byte_headers()?.iter();
        let columns = columns.map(|name| {
            let name = decoded(name);
            name.trim_start_matches('\u{feff}').trim().to_lowercase()
        });
        let columns = columns.collect();
        let record = csv::ByteRecord::new();
        Ok(Self {
            rows,
            columns,
            record,
            ends,
        })
    }

    /// Reads the next row; an empty line is none.
    pub(super) fn next(&mut self) -> csv::Result<Option<Row<'_>>> {
        if !self.rows.read_byte_record(&mut self.record)? {
            return Ok(None);
        }
        Ok(Some(Row {
            columns: &self.columns,
            record: &self.record,
            ends: self.ends,
        }))
    }
}

/// A row of a [`Table`].
pub(super) struct Row<'a> {
    columns: &'a [String],
    record: &'a csv::ByteRecord,
    ends: Ends,
}

impl Row<'_> {
    /// A cell by the name of its column, without the blanks around it; `None` where it is empty, or
    /// where the column or the cell is not there.
    pub(super) fn cell(&self, column: &str) -> Option<Cow<'_, str>> {
        let at = self.columns.iter().position(|name| name == column)?;
        let text = decoded(self.record.get(at)?.trim_ascii());
        (!text.is_empty()).then_some(text)
    }

    /// Whether nothing is in it: spreadsheets save rows of separators.
    pub(super) fn is_blank(&self) -> bool {
        self.record.iter().all(|cell| cell.trim_ascii().is_empty())
    }

    /// The line it begins in, from 1.
    pub(super) fn line(&self) -> u64 {
        self.ends.line(self.record.position())
    }
}

/// Text as UTF-8, or else as the Windows code page of western Europe, in which Excel saves.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0
        }
    }
}

/// Reads a day as publishers write it: `2024-11-12`, `2024-11-12T00:00:00`.
pub(super) fn day(text: &str) -> Option<Date> {
    Date::parse(text.split('T').next()?)
}

/// The names of months, from January on.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The day of a month that is named in English, in full or by at least three letters.
pub(super) fn day_of(year: &str, month: &str, day: &str) -> Option<Date> {
    let month = month.to_ascii_lowercase();
    let of_month = |name: &&str| month.len() >= 3 && name.starts_with(&month);
    let month = MONTHS.iter().position(of_month)? + 1;
    let day: u8 = day.parse().ok()?;
    Date::parse(&format!("{year:0>4}-{month:02}-{day:02}"))
}

/// A moment in one of the ways that errata state it, in UTC: `2022-06-06 17:58`, with seconds or a zone,
/// only the day, or seconds since 1970.
pub(super) fn moment(text: &str) -> Option<UtcTime> {
    let text = text.trim();
    if text.len() <= 12
        && text
            .parse::<u32>()
            .is_ok_and(|seconds| seconds > 100_000_000)
    {
        return text.parse().ok().map(UtcTime::from_unix);
    }
    let zoned = || UtcTime::parse(text);
    let bare = || {
        let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
        let seconds = if time.matches(':').count() == 1 {
            ":00"
        } else {
            ""
        };
        UtcTime::parse(&format!("{day}T{time}{seconds}Z"))
    };
    zoned().or_else(bare)
}

/// A version of dotted numbers without leading zeros: `15.02.1544.014` is `15.2.1544.14`. `None` for
/// anything else.
pub(super) fn dotted(text: &str) -> Option<String> {
    let text = text.trim();
    let mut parts = Vec::new();
    for part in text.split('.') {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || part.len() > 10 {
            return None;
        }
        let number = part.trim_start_matches('0');
        parts.push(if number.is_empty() { "0" } else { number });
    }
    ((2..=6).contains(&parts.len())).then(|| parts.join("."))
}

/// Whether a text is a CVE's id.
pub(super) fn is_cve(text: &str) -> bool {
    let Some((year, number)) = text
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
    else {
        return false;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    year.len() == 4 && digits(year) && (4..=12).contains(&number.len()) && digits(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_too_long_is_an_error_and_not_its_beginning() {
        let read = |text: &str| {
            let mut bytes = text.as_bytes();
            page("x", &mut bytes, 4).map_err(|error| format!("{error:?}"))
        };
        assert_eq!(read("\u{feff}a").unwrap(), "a");
        assert_eq!(read("abcd").unwrap(), "abcd");
        assert!(read("abcde").unwrap_err().contains("more than 4 bytes"));
    }

    #[test]
    fn a_table_is_read_by_its_columns_however_it_was_saved() {
        for text in [
            &b"\xef\xbb\xbfTitle;Product\r\n\"a; b\";M\xfcller\r\n;\r\n"[..],
            b"product,TITLE\nM\xc3\xbcller,a; b\n,\n",
            b"product\ttitle\nM\xfcller\t a; b",
        ] {
            let mut doc = text;
            let mut table = Table::open(&mut doc, 1000).unwrap();
            let row = table.next().unwrap().unwrap();
            assert_eq!(row.cell("product").unwrap(), "Müller");
            assert_eq!(row.cell("title").unwrap(), "a; b");
            assert_eq!(row.cell("severity"), None);
            assert_eq!(row.line(), 2);
            if let Some(row) = table.next().unwrap() {
                assert!(row.is_blank());
            }
        }
    }

    #[test]
    fn numbers_lose_leading_zeros_and_what_is_no_number_is_none() {
        assert_eq!(dotted("15.02.1544.014").as_deref(), Some("15.2.1544.14"));
        assert_eq!(dotted(" 8.0.0 ").as_deref(), Some("8.0.0"));
        for text in ["", "8", "8..0", "8.0.0-rc.1", "1.2.3.4.5.6.7", "v8.0"] {
            assert_eq!(dotted(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_is_read_however_errata_state_it() {
        let read = |text: &str| moment(text).map(|time| time.to_string());
        for text in [
            "2022-06-06 17:58",
            "2022-06-06 17:58:00",
            "2022-06-06T17:58:00.00+00:00",
            "1654538280",
        ] {
            assert_eq!(
                read(text).as_deref(),
                Some("2022-06-06T17:58:00Z"),
                "{text}"
            );
        }
        assert_eq!(read("2022-06-06").as_deref(), Some("2022-06-06T00:00:00Z"));
        for text in ["", "soon", "2022-13-01", "2022-06-06 x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_read_by_the_name_of_their_month() {
        let expected = Date::parse("2024-11-05");
        assert_eq!(day_of("2024", "November", "05"), expected);
        assert_eq!(day_of("2024", "nov", "5"), expected);
        assert_eq!(day_of("2024", "no", "5"), None);
        assert_eq!(day_of("2024", "février", "5"), None);
        assert_eq!(day_of("2023", "February", "29"), None);
        assert_eq!(day("2024-11-05T00:00:00"), expected);
    }
}
