//! How long releases of Debian and Ubuntu are supported: Debian's `distro-info-data` tables.

use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Date, Lifecycle};
use std::collections::HashMap;
use std::io::{BufRead, Read as _};

/// These documents have kilobytes.
const MOST_BYTES: u64 = 64 << 20;

/// `debian.csv` and `ubuntu.csv` of <https://salsa.debian.org/debian/distro-info-data>. The columns
/// after `eol` tell them apart: Debian has `eol-lts` and `eol-elts`, Ubuntu `eol-server`, `eol-esm`
/// and `eol-legacy`.
#[derive(Debug)]
pub(super) struct DistroInfo;

impl Feed for DistroInfo {
    fn name(&self) -> &'static str {
        "distro-info"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Text && outline.first_line.starts_with("version,codename,series,")
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
        let mut table = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(doc.take(MOST_BYTES));
        let columns = table.headers().map_err(wrong)?.clone();
        let product = if columns.iter().any(|column| column == "eol-lts") {
            "debian"
        } else {
            "ubuntu"
        };
        let mut report = FeedReport::default();
        for row in table.records() {
            let row = row.map_err(wrong)?;
            let cells: HashMap<&str, &str> = columns.iter().zip(row.iter()).collect();
            let record = cells.get("series").copied().unwrap_or("without a series");
            match release(product, &cells) {
                Ok(None) => report.irrelevant += 1,
                Ok(Some(lifecycle)) => {
                    report.read += 1;
                    out(Record::Lifecycle(lifecycle));
                }
                Err(what) => report.skip(record, what),
            }
        }
        Ok(report)
    }
}

/// One row; `None` for what has no version (`sid`).
fn release(product: &str, cells: &HashMap<&str, &str>) -> Result<Option<Lifecycle>, String> {
    let text = |column: &str| cells.get(column).copied().filter(|text| !text.is_empty());
    // Ubuntu writes `22.04 LTS`, its os-release `22.04`.
    let version = text("version").and_then(|version| version.split(' ').next());
    let Some(version) = version else {
        return Ok(None);
    };
    let day = |column: &str| match text(column) {
        None => Ok(None),
        Some(text) => Date::parse(text)
            .map(Some)
            .ok_or_else(|| format!("{column} is no date: `{}`", text.escape_debug())),
    };
    let free = [day("eol")?, day("eol-server")?, day("eol-lts")?];
    let paid = [day("eol-esm")?, day("eol-elts")?, day("eol-legacy")?];
    Ok(Some(Lifecycle {
        product: product.to_owned(),
        version: version.to_owned(),
        codename: text("series").map(str::to_lowercase),
        released: day("release")?,
        end_of_life: free.into_iter().flatten().max(),
        end_of_extended: paid.into_iter().flatten().max(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(feed: &dyn Feed, doc: &str) -> (FeedReport, Vec<Lifecycle>) {
        let mut rows = Vec::new();
        let report = feed.read(&mut doc.as_bytes(), &mut |record| match record {
            Record::Lifecycle(row) => rows.push(row),
            other => panic!("{other:?}"),
        });
        (report.unwrap(), rows)
    }

    fn dates(row: &Lifecycle) -> (&str, &str, String, String) {
        let text = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let end = (text(row.end_of_life), text(row.end_of_extended));
        (&row.product, &row.version, end.0, end.1)
    }

    fn expect(row: &Lifecycle, expected: (&str, &str, &str, &str)) {
        let (product, version, end, extended) = dates(row);
        assert_eq!((product, version, &*end, &*extended), expected);
    }

    #[test]
    fn debian_is_supported_until_the_end_of_its_long_term_support() {
        let doc = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
            2.0,Hamm,hamm,1997-06-05,1998-07-24,2000-03-09\n\
            12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30\n\
            15,Duke,duke,2027-08-01\n,Sid,sid,1993-08-16\n1,X,x,no,soon\n";
        let (report, rows) = read(&DistroInfo, doc);
        assert_eq!((report.read, report.irrelevant, report.skipped), (3, 1, 1));
        expect(&rows[0], ("debian", "2.0", "2000-03-09", ""));
        expect(&rows[1], ("debian", "12", "2028-06-30", "2033-06-30"));
        expect(&rows[2], ("debian", "15", "", ""));
        assert_eq!(rows[1].codename.as_deref(), Some("bookworm"));
    }

    #[test]
    fn ubuntu_is_named_as_os_release_names_it() {
        let doc = "version,codename,series,created,release,eol,eol-server,eol-esm,eol-legacy\n\
            18.04 LTS,Bionic Beaver,bionic,2017-10-19,2018-04-26,2023-05-31,2023-05-31,2028-04-26,2030-04-30\n";
        let (_, rows) = read(&DistroInfo, doc);
        expect(&rows[0], ("ubuntu", "18.04", "2023-05-31", "2030-04-30"));
    }
}
