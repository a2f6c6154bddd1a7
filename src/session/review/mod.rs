//! The table of `trust scan`, as it comes back from a person and a spreadsheet: which rows are ticked, and
//! whether each still says what it said.
//!
//! Spreadsheets change what they save: the separator, the quotes, the order of columns, the encoding, an
//! apostrophe before a cell. Columns are found by their names, and a cell is believed only where it proves
//! itself: a fingerprint is that of its key.

use super::pins::{ParsedPin, X509, certificate_fingerprint, one_host, read_public_key};
use crate::model::HostKey;
use crate::tabular::encoding::shown_or_western;
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;

/// What a review amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// The keys of the ticked rows, with the line of each.
    pub pins: Vec<(u64, ParsedPin)>,
    /// Rows that are not ticked.
    pub unticked: usize,
    /// Rows that cannot be used, by line, and why.
    pub problems: Vec<(u64, String)>,
}

/// Words by which a row is ticked. Spreadsheets write the truth in their own language.
const YES: &[&str] = &[
    "x",
    "y",
    "yes",
    "1",
    "true",
    "ok",
    "trust",
    "j",
    "ja",
    "wahr",
    "oui",
    "vrai",
    "si",
    "sí",
    "sì",
    "sim",
    "verdadero",
    "vero",
    "verdadeiro",
    "tak",
    "ano",
    "✓",
    "✔",
    "☑",
    "√",
];
/// Words by which it is not.
const NO: &[&str] = &[
    "", "-", "n", "no", "0", "false", "nein", "falsch", "non", "faux", "não", "nao", "falso",
    "nie", "ne", "☐",
];

/// Reads a file as spreadsheets save them: UTF-8, UTF-16, or the code page of western Europe.
pub fn review_text(bytes: &[u8]) -> String {
    // Whatever is not ASCII is not needed.
    shown_or_western(bytes).0
}

/// Whether a text is a table of `trust scan`, by its header.
pub fn is_review(text: &str) -> bool {
    Layout::of(text).is_some()
}

/// Reads a table of `trust scan`. `None` where it is none.
pub fn parse_review(text: &str) -> Option<Reviewed> {
    let layout = Layout::of(text)?;
    let mut reviewed = Reviewed::default();
    let lines = Lines::of(text, &layout);
    let mut keys: BTreeMap<(String, u16, String), (u64, String)> = BTreeMap::new();
    for record in layout.reader(text).records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = lines.number(error.position());
                let why = "the row cannot be read".to_owned();
                reviewed.problems.push((line, why));
                continue;
            }
        };
        let line = lines.number(record.position());
        let Some(row) = layout.row(&record) else {
            continue;
        };
        match row.read() {
            Ok(None) => reviewed.unticked += 1,
            Ok(Some(pin)) => {
                let place = (pin.host.clone(), pin.port, pin.key.algorithm.clone());
                let shown = pin.key.fingerprint.clone();
                let (first, known) = keys.entry(place).or_insert((line, shown));
                if *known == pin.key.fingerprint {
                    reviewed.pins.push((line, pin));
                } else {
                    let why = format!("line {first} ticks another key of this host, port and kind");
                    reviewed.problems.push((line, why));
                }
            }
            Err(why) => reviewed.problems.push((line, why)),
        }
    }
    Some(reviewed)
}

/// Where the columns are.
struct Layout {
    separator: u8,
    /// How many lines come before the header.
    before: usize,
    columns: [usize; COLUMNS.len()],
    public_key: Option<usize>,
}

/// The columns that every review needs.
const COLUMNS: [&str; 5] = ["trust", "host", "port", "algorithm", "fingerprint"];

impl Layout {
    fn of(text: &str) -> Option<Self> {
        let is_other = |line: &&str| line.trim().is_empty() || line.starts_with("sep=");
        let before = text.lines().take_while(is_other).count();
        let header = text.lines().nth(before)?;
        [b',', b';', b'\t', b'|'].into_iter().find_map(|separator| {
            let mut reader = ReaderBuilder::new()
                .delimiter(separator)
                .has_headers(false)
                .flexible(true)
                .from_reader(header.as_bytes());
            let names = reader.records().next()?.ok()?;
            let find = |wanted: &str| {
                let mut names = names.iter();
                names.position(|name| plain(name).eq_ignore_ascii_case(wanted))
            };
            let mut columns = [0; COLUMNS.len()];
            for (column, wanted) in columns.iter_mut().zip(COLUMNS) {
                *column = find(wanted)?;
            }
            Some(Self {
                separator,
                before,
                columns,
                public_key: find("public_key"),
            })
        })
    }

    /// A reader of the rows behind the header.
    fn reader<'a>(&self, text: &'a str) -> csv::Reader<&'a [u8]> {
        let start = self.start(text);
        ReaderBuilder::new()
            .delimiter(self.separator)
            .flexible(true)
            .from_reader(text.get(start..).unwrap_or_default().as_bytes())
    }

    /// Where the header begins.
    fn start(&self, text: &str) -> usize {
        let lines = text.split_inclusive('\n').take(self.before);
        lines.map(str::len).sum()
    }

    /// A row that has anything in it.
    fn row<'a>(&self, record: &'a StringRecord) -> Option<Row<'a>> {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        let cell = |column: usize| plain(record.get(column).unwrap_or_default());
        let [trust, host, port, algorithm, fingerprint] = self.columns.map(cell);
        Some(Row {
            trust,
            host,
            port,
            algorithm,
            fingerprint,
            public_key: self.public_key.map_or("", cell),
        })
    }
}

/// The lines of a file. (The reader counts on from the end of the row before, which is a line too few where rows
/// end in CRLF or blank lines follow.)
struct Lines<'a> {
    text: &'a str,
    start: usize,
    breaks: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str, layout: &Layout) -> Self {
        Self {
            text,
            start: layout.start(text),
            breaks: text.match_indices('\n').map(|(at, _)| at).collect(),
        }
    }

    /// The number, from 1, of the line on which what the reader found here begins.
    fn number(&self, position: Option<&csv::Position>) -> u64 {
        let byte = position.and_then(|position| usize::try_from(position.byte()).ok());
        let at = self.start + byte.unwrap_or(0);
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        let at = at + blank.count();
        let line = self.breaks.partition_point(|end| *end < at) + 1;
        u64::try_from(line).unwrap_or(u64::MAX)
    }
}

/// A cell without blanks around it, and without the apostrophe that guards it.
fn plain(cell: &str) -> &str {
    // A byte-order mark, also as a spreadsheet shows it that has not known it for one.
    let cell = cell.trim().trim_start_matches(['\u{feff}', 'ï', '»', '¿']);
    cell.strip_prefix('\'').unwrap_or(cell).trim()
}

struct Row<'a> {
    trust: &'a str,
    host: &'a str,
    port: &'a str,
    algorithm: &'a str,
    fingerprint: &'a str,
    public_key: &'a str,
}

impl Row<'_> {
    /// The pin of a ticked row.
    fn read(&self) -> Result<Option<ParsedPin>, String> {
        let word = self.trust.to_lowercase();
        if NO.contains(&word.as_str()) {
            return Ok(None);
        }
        if !YES.contains(&word.as_str()) {
            return Err("trust says neither yes nor no; tick with x, or leave it empty".to_owned());
        }
        let host = one_host(self.host)?;
        let port = self.port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or("the port is no port")?;
        let (key, public_key) = self.key()?;
        Ok(Some(ParsedPin {
            host,
            port,
            key,
            public_key,
        }))
    }

    fn key(&self) -> Result<(HostKey, String), String> {
        let fingerprint = certificate_fingerprint(self.fingerprint)
            .ok_or("the fingerprint is no SHA-256 (SHA256:…)")?;
        if self.algorithm == X509 {
            let algorithm = X509.to_owned();
            let key = HostKey {
                algorithm,
                fingerprint,
            };
            return Ok((key, String::new()));
        }
        if self.public_key.is_empty() {
            return Err("the row has lost its public_key, and nothing shows what it is".to_owned());
        }
        let read = read_public_key(self.public_key);
        let (key, public_key) = read.ok_or("the public_key does not read")?;
        if key.algorithm != self.algorithm {
            return Err("the public_key is of another algorithm than the row says".to_owned());
        }
        if key.fingerprint != fingerprint {
            return Err("the fingerprint is not that of the public_key".to_owned());
        }
        Ok((key, public_key))
    }
}

#[cfg(test)]
mod tests;
