//! Tables in text, by the names of their columns.

use crate::catalog::feeds::FeedError;
use crate::catalog::outline::first_line;
use csv::ByteRecord;
use std::borrow::Cow;
use std::io::BufRead;

/// A table whose first row names its columns.
pub(super) struct Table<R> {
    rows: csv::Reader<R>,
    names: Vec<String>,
    row: ByteRecord,
    feed: &'static str,
}

/// The separators of the world's Excels.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Reads names of columns as they are compared: one blank between words, lower case.
pub(super) fn names(line: &str) -> Vec<String> {
    let line = line.trim_start_matches('\u{feff}');
    let mut row = ByteRecord::new();
    let mut reader = csv::ReaderBuilder::new();
    reader
        .has_headers(false)
        .delimiter(separator(line.as_bytes()));
    let read = reader
        .from_reader(line.as_bytes())
        .read_byte_record(&mut row);
    match read {
        Ok(_) => row.iter().map(name).collect(),
        Err(_) => Vec::new(),
    }
}

fn name(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell).to_lowercase();
    let text = text.trim_start_matches('\u{feff}');
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn separator(line: &[u8]) -> u8 {
    let count = |separator: &u8| line.split(|byte| byte == separator).count();
    SEPARATORS
        .into_iter()
        .rev()
        .max_by_key(count)
        .unwrap_or(b',')
}

impl<R: BufRead> Table<R> {
    /// Reads the names of the columns. Lines that begin with `#` are comments.
    pub(super) fn open(mut doc: R, feed: &'static str) -> Result<Self, FeedError> {
        let head = doc.fill_buf().map_err(csv::Error::from);
        let head = head.map_err(|source| FeedError::Table { feed, source })?;
        let separator = separator(first_line(head));
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(separator)
            .comment(Some(b'#'))
            .flexible(true)
            .from_reader(doc);
        let header = rows.byte_headers();
        let header = header.map_err(|source| FeedError::Table { feed, source })?;
        let names = header.iter().map(name).collect();
        Ok(Self {
            rows,
            names,
            row: ByteRecord::new(),
            feed,
        })
    }

    /// The place of a column; where a name stands twice (a bulletin's severity, then the product's), of
    /// the last.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().rposition(|found| found == name)
    }

    /// Goes to the next row; `false` after the last.
    pub(super) fn advance(&mut self) -> Result<bool, FeedError> {
        let read = self.rows.read_byte_record(&mut self.row);
        read.map_err(|source| FeedError::Table {
            feed: self.feed,
            source,
        })
    }

    /// A cell of the row, without blanks around it; empty where there is none.
    pub(super) fn cell(&self, column: Option<usize>) -> Cow<'_, str> {
        let bytes = column.and_then(|column| self.row.get(column));
        String::from_utf8_lossy(bytes.unwrap_or_default().trim_ascii())
    }

    /// Whether the row has as many cells as there are columns; one cut short has fewer.
    pub(super) fn is_whole(&self) -> bool {
        self.row.len() >= self.names.len()
    }

    /// The line in which the row begins.
    pub(super) fn line(&self) -> String {
        let line = self.row.position().map_or(0, csv::Position::line);
        format!("in line {line}")
    }
}
