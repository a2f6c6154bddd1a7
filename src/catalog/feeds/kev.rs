//! CISA's catalogue of known exploited vulnerabilities.

use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Date, KnownExploited};
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, Read as _};

/// The document has about one megabyte.
const MOST_BYTES: u64 = 64 << 20;

/// <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>
#[derive(Debug)]
pub(super) struct Kev;

impl Feed for Kev {
    fn name(&self) -> &'static str {
        "kev"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Object
            && (outline.has(1, "catalogVersion") || outline.has(3, "cveID"))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let document: Document =
            serde_json::from_reader(doc.take(MOST_BYTES)).map_err(|source| FeedError::Json {
                feed: self.name(),
                source,
            })?;
        let mut report = FeedReport::default();
        for (index, value) in document.vulnerabilities.into_iter().enumerate() {
            let record = value.get("cveID").and_then(Value::as_str);
            let record = record.map_or_else(|| format!("number {}", index + 1), str::to_owned);
            match read_one(value) {
                Ok(known) => {
                    report.read += 1;
                    out(Record::KnownExploited(known));
                }
                Err(what) => report.skip(&record, what),
            }
        }
        Ok(report)
    }
}

#[derive(Deserialize)]
struct Document {
    vulnerabilities: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vulnerability {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: Option<String>,
    due_date: Option<String>,
    known_ransomware_campaign_use: Option<String>,
}

fn read_one(value: Value) -> Result<KnownExploited, String> {
    let read: Vulnerability = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if !read.cve.starts_with("CVE-") {
        return Err(format!("`{}` is no CVE id", read.cve.escape_debug()));
    }
    let day = |field: &str, text: Option<String>| match text {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => Date::parse(&text)
            .map(Some)
            .ok_or_else(|| format!("{field} is no date: `{}`", text.escape_debug())),
    };
    Ok(KnownExploited {
        added: day("dateAdded", read.date_added)?,
        due: day("dueDate", read.due_date)?,
        ransomware: read.known_ransomware_campaign_use.as_deref() == Some("Known"),
        cve: read.cve,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<Record>), FeedError> {
        let mut records = Vec::new();
        let report = Kev.read(&mut doc, &mut |record| records.push(record))?;
        Ok((report, records))
    }

    #[test]
    fn reads_dates_and_ransomware() {
        let doc = include_bytes!("../../../fixtures/feeds/kev/known_exploited.json");
        let (report, records) = read(doc).unwrap();
        assert_eq!((report.read, report.skipped), (2, 1));
        assert_eq!(
            report.problems,
            ["record CVE-2099-0001: dateAdded is no date: `soon`"]
        );
        let expected = KnownExploited {
            cve: "CVE-2021-3156".to_owned(),
            added: Date::parse("2022-04-06"),
            due: Date::parse("2022-04-27"),
            ransomware: false,
        };
        assert_eq!(records[0], Record::KnownExploited(expected));
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        let doc = include_bytes!("../../../fixtures/feeds/kev/known_exploited.json");
        assert!(read(&doc[..doc.len() / 2]).is_err());
    }
}
