//! EPSS: how likely each CVE is to be exploited within 30 days, as FIRST estimates it every day.
//!
//! A table of all CVEs, a few hundred thousand rows, that has had three headings: `cve,epss` in 2021;
//! with a third column `percentile` since; and since 2022 with a line before it,
//! `#model_version:v2025.03.14,score_date:2026-07-06T12:00:00Z`. Without that line the day is unknown.
//! The percentile is left out: it follows from the scores.

use super::text::{Capped, Ends, is_cve};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Date, Epss as Score, ExploitPrediction};
use std::io::{BufRead, Read as _};

/// The table has about ten megabytes.
const MOST_BYTES: u64 = 512 << 20;

/// No first line is longer.
const LONGEST_LINE: u64 = 1024;

/// <https://www.first.org/epss/data_stats>
#[derive(Debug)]
pub(super) struct Epss;

impl Feed for Epss {
    fn name(&self) -> &'static str {
        "epss"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        let first = &outline.first_line;
        outline.shape == Shape::Text
            && (first == "cve,epss"
                || first.starts_with("cve,epss,")
                || first.starts_with("#model_version:"))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let wrong = |source| FeedError::Table {
            feed: self.name(),
            source,
        };
        let mut first = Vec::new();
        let read = doc.take(LONGEST_LINE).read_until(b'\n', &mut first);
        read.map_err(|source| wrong(source.into()))?;
        let (day, ends) = (score_date(&first), Ends::of(&first));
        let skipped = u64::from(first.starts_with(b"#"));
        if skipped > 0 {
            first.clear();
        }
        let mut table = csv::Reader::from_reader(Capped::new(first.chain(doc), MOST_BYTES));
        let columns = table.byte_headers().map_err(wrong)?;
        let column = |name: &[u8]| columns.iter().position(|column| column == name);
        let (Some(cve), Some(score)) = (column(b"cve"), column(b"epss")) else {
            let what = "no columns `cve` and `epss`".into();
            let feed = self.name();
            return Err(FeedError::Page { feed, source: what });
        };
        let mut report = FeedReport::default();
        let mut row = csv::StringRecord::new();
        while table.read_record(&mut row).map_err(wrong)? {
            let (cve, score) = (row.get(cve), row.get(score));
            match prediction(cve.unwrap_or_default(), score.unwrap_or_default(), day) {
                Ok(prediction) => {
                    report.read += 1;
                    out(Record::Prediction(prediction));
                }
                Err(what) => {
                    // The line before the heading is not the table reader's.
                    let line = ends.line(row.position()) + skipped;
                    report.skip(&format!("in line {line}"), what);
                }
            }
        }
        Ok(report)
    }
}

/// The day in the line before the heading.
fn score_date(line: &[u8]) -> Option<Date> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix('#')?;
    let mut fields = line.split(',');
    let time = fields.find_map(|field| field.trim().strip_prefix("score_date:"))?;
    Date::parse(time.split('T').next()?)
}

fn prediction(cve: &str, score: &str, day: Option<Date>) -> Result<ExploitPrediction, String> {
    if !is_cve(cve) {
        return Err(format!("`{}` is no CVE id", cve.escape_debug()));
    }
    let score = probability(score)
        .ok_or_else(|| format!("`{}` is no probability", score.escape_debug()))?;
    let cve = cve.to_owned();
    Ok(ExploitPrediction { cve, score, day })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 100,000"
)]
fn probability(text: &str) -> Option<Score> {
    let value: f64 = text.parse().ok()?;
    (0.0..=1.0)
        .contains(&value)
        .then(|| Score((value * 100_000.0).round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<ExploitPrediction>), FeedError> {
        let mut rows = Vec::new();
        let report = Epss.read(&mut doc, &mut |record| match record {
            Record::Prediction(row) => rows.push(row),
            other => panic!("{other:?}"),
        })?;
        Ok((report, rows))
    }

    const DOC: &[u8] = include_bytes!("../../../fixtures/feeds/epss/scores.csv");

    #[test]
    fn each_heading_that_it_ever_had_reads_the_same() {
        let rows = "CVE-2020-5902,0.65117\nCVE-2018-19571,4e-05\n";
        let with_percentile = "CVE-2020-5902,0.651170000,0.99\nCVE-2018-19571,0.00004,0.1\n";
        let docs = [
            (format!("cve,epss\n{rows}"), None),
            (format!("cve,epss,percentile\r\n{with_percentile}"), None),
            (
                format!(
                    "#model_version:v2022.01.01,score_date:2022-02-04T00:00:00+0000\ncve,epss,percentile\n{with_percentile}"
                ),
                Date::parse("2022-02-04"),
            ),
        ];
        for (doc, day) in docs {
            assert!(Epss.recognises(&Outline::of(doc.as_bytes())), "{doc}");
            let (report, rows) = read(doc.as_bytes()).unwrap();
            assert_eq!((report.read, report.skipped), (2, 0), "{report:?}");
            let scores: Vec<_> = rows.iter().map(|row| (&*row.cve, row.score.0)).collect();
            assert_eq!(scores, [("CVE-2020-5902", 65_117), ("CVE-2018-19571", 4)]);
            assert!(rows.iter().all(|row| row.day == day));
        }
    }

    #[test]
    fn a_row_that_does_not_read_is_named_by_its_line() {
        let (report, rows) = read(DOC).unwrap();
        assert_eq!((report.read, report.skipped), (3, 2));
        assert_eq!(
            report.problems,
            [
                "record in line 5: `CVE-2024` is no CVE id",
                "record in line 6: `1.5` is no probability"
            ]
        );
        assert_eq!(rows[0].cve, "CVE-2017-0144");
        assert_eq!(rows[0].day, Date::parse("2025-08-25"));
    }

    #[test]
    fn a_row_cut_short_is_an_error() {
        assert!(read(b"cve,epss,percentile\nCVE-2020-5902,0.65117").is_err());
        assert!(read(b"#model_version:v1,score_date:2022-02-04").is_err());
        assert!(read(b"cve,percentile\nCVE-2020-5902,0.65117\n").is_err());
        assert!(read(b"cve,epss\nCVE-2020-5902,NaN\n").unwrap().1.is_empty());
    }
}
