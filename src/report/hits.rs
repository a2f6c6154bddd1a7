//! The table of `catalog search`.

use super::cell::Cell;
use super::column::Form;
use super::csv::FormSheet;
use super::tables::columns;
use super::{Options, escape};
use crate::model::{AdvisoryHit, Severity};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::io::{self, Write};

pub(super) const FORM: Form = Form {
    file: "advisories.csv",
    command: "catalog search WORD… -o -",
    says: "one row per advisory and product, or package of a release; in JSON Lines `\"type\": \"advisory\"`",
    columns: columns![
        Text "advisory_id" = "the publisher's id",
        List "cves" = "the flaws that it is about",
        Text "product" = "the product, or the package by the publisher's name",
        Text "release" = "the release that the package is of; empty for a product",
        Text "fix" = "the versions or updates that fix it, any one does; in words where there is none",
        Text "severity" = "the publisher's severity; empty where it states none",
        Tenths "cvss" = "CVSS base score, 0.0 to 10.0",
        Flag "exploited" = "whether one of its flaws is known to be exploited; unknown without CISA's list",
        Day "published_date" = "the day on which it was first published; unknown where it is not said",
        Text "feed" = "the feed that it is of, as catalog info has it",
        Text "document" = "the publisher's document that it stands in, where documents have names",
        Text "title" = "one line for people",
    ],
};

fn cells(hit: &AdvisoryHit) -> Vec<Cell<'_>> {
    vec![
        (&hit.id).into(),
        hit.cves.as_slice().into(),
        (&hit.product).into(),
        (&hit.release).into(),
        hit.fix().into(),
        Cell::maybe(hit.severity.map(Severity::as_str)),
        hit.cvss_tenths.map_or(Cell::Empty, Cell::Tenths),
        hit.exploited.map_or(Cell::Unknown, Cell::Flag),
        Cell::day(hit.published),
        (&hit.feed).into(),
        (&hit.document).into(),
        (&hit.title).into(),
    ]
}

/// Writes the table as CSV.
///
/// # Errors
/// What the writer says.
pub fn hits_csv(hits: &[AdvisoryHit], options: &Options, out: impl Write) -> io::Result<()> {
    let mut sheet = FormSheet::new(&FORM, options, out)?;
    for hit in hits {
        sheet.row(&cells(hit))?;
    }
    sheet.done().map(drop)
}

/// Writes the table as JSON, an object a line.
///
/// # Errors
/// What the writer says.
pub fn hits_jsonl(hits: &[AdvisoryHit], mut out: impl Write) -> io::Result<()> {
    struct Line<'a>(&'a [Cell<'a>]);
    impl Serialize for Line<'_> {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            let mut object = to.serialize_map(Some(self.0.len() + 1))?;
            object.serialize_entry("type", "advisory")?;
            for (column, cell) in FORM.columns.iter().zip(self.0) {
                object.serialize_entry(column.name, cell)?;
            }
            object.end()
        }
    }
    let mut safe = String::new();
    for hit in hits {
        let line = serde_json::to_string(&Line(&cells(hit)))?;
        safe.clear();
        escape::for_json(&line, &mut safe);
        writeln!(out, "{safe}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::super::{Destination, Dialect};
    use super::*;

    fn hit(title: &str) -> AdvisoryHit {
        AdvisoryHit {
            id: "CVE-2023-4911".to_owned(),
            cves: vec!["CVE-2023-4911".to_owned()],
            product: "glibc".to_owned(),
            release: "Debian:12".to_owned(),
            fixes: vec!["2.36-9+deb12u3".to_owned()],
            status: None,
            is_withdrawn: false,
            severity: Some(Severity::High),
            cvss_tenths: Some(78),
            exploited: None,
            published: None,
            feed: "osv".to_owned(),
            document: String::new(),
            title: title.to_owned(),
        }
    }

    #[test]
    fn what_a_publisher_says_is_no_formula_and_a_number_is_one() {
        let options = Options {
            dialect: Dialect::ExcelEu,
            destination: Destination::Stdout,
            ..Options::default()
        };
        let mut out = Vec::new();
        hits_csv(&[hit("=cmd|x")], &options, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let row = text.lines().nth(1).unwrap();
        assert_eq!(
            row,
            "CVE-2023-4911;CVE-2023-4911;glibc;Debian:12;2.36-9+deb12u3;high;7,8;unknown;unknown;osv;;'=cmd|x"
        );
        let mut out = Vec::new();
        hits_jsonl(&[hit("a \"b\"")], &mut out).unwrap();
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["type"], "advisory");
        assert_eq!(line["title"], "a \"b\"");
        assert_eq!(line["exploited"], "unknown");
    }

    #[test]
    fn what_a_publisher_says_moves_nothing_on_a_terminal() {
        let title = "a\u{9b}31mb\u{202e}c";
        let mut out = Vec::new();
        hits_jsonl(&[hit(title)], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["title"], title);
    }
}
