//! The builds of Exchange Server.
//!
//! In two forms: Microsoft's page `build-numbers-and-release-dates.md`, whose tables list name, day and
//! both spellings of the build; and a table `cu,su,build` (`CU14,Nov24SU,15.2.1544.13`), with `released`, `kb`
//! and `supported_until` if it has them.
//!
//! The product follows from the build: 15.0 is 2013, 15.1 is 2016, 15.2 is 2019 and, from 15.2.2562 on,
//! `exchange server subscription edition`. The branch is the cumulative update (`CU14`, `RTM`; of 2010 and
//! 2007 the service pack, `SP3`): an update is made for one, and replaces nothing in another. A name that
//! has `SU` is a security update; one that has `HU` is not one, though it holds those before it.

use super::markdown::{Block, Cell, blocks};
use super::text::{Row, Table, day, day_of, dotted, page};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{BuildRow, KbId};
use std::collections::BTreeMap;
use std::io::BufRead;

/// Either form has some ten kilobytes.
const MOST_BYTES: u64 = 4 << 20;

/// The first build of the Subscription Edition.
const SUBSCRIPTION: [u32; 3] = [15, 2, 2562];

/// <https://learn.microsoft.com/exchange/new-features/build-numbers-and-release-dates>
#[derive(Debug)]
pub(super) struct ExchangeBuilds;

impl Feed for ExchangeBuilds {
    fn name(&self) -> &'static str {
        "exchange-builds"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        let is_page = outline.shape == Shape::FrontMatter
            && outline.has(1, "title")
            && outline.says("Exchange Server")
            && (outline.says("|15.") || outline.says("| 15."));
        is_page || outline.has_columns(&["cu", "su", "build"])
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let is_page = doc.fill_buf().is_ok_and(|head| {
            let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
            head.trim_ascii_start().starts_with(b"---")
        });
        let mut reading = Reading::default();
        if is_page {
            reading.page(&page(self.name(), doc, MOST_BYTES)?);
        } else {
            reading.table(doc).map_err(|source| {
                let feed = self.name();
                FeedError::Table { feed, source }
            })?;
        }
        for row in reading.rows.into_values() {
            reading.report.read += 1;
            out(Record::Build(row));
        }
        Ok(reading.report)
    }
}

#[derive(Default)]
struct Reading {
    report: FeedReport,
    /// By product, branch and build: a build that was released twice is one.
    rows: BTreeMap<(String, String, String), BuildRow>,
}

impl Reading {
    fn table(&mut self, doc: &mut dyn BufRead) -> csv::Result<()> {
        let mut table = Table::open(doc, MOST_BYTES)?;
        while let Some(row) = table.next()? {
            if row.is_blank() {
                continue;
            }
            let record = format!("in line {}", row.line());
            match of_row(&row) {
                Ok(row) => self.add(row),
                Err(what) => self.report.skip(&record, what),
            }
        }
        Ok(())
    }

    fn page(&mut self, page: &str) {
        for block in blocks(page) {
            let Block::Row(cells) = block else {
                continue;
            };
            let name = cells.first().map(|cell| cell.text.trim().to_owned());
            let name = name.unwrap_or_default();
            match of_cells(&name, &cells) {
                Ok(Some(row)) => self.add(row),
                Ok(None) => self.report.irrelevant += 1,
                Err(what) => self.report.skip(&name, what),
            }
        }
    }

    fn add(&mut self, row: BuildRow) {
        let key = (row.product.clone(), row.branch.clone(), row.build.clone());
        self.rows.insert(key, row);
    }
}

fn of_row(row: &Row<'_>) -> Result<BuildRow, String> {
    let text = |column: &str| row.cell(column).unwrap_or_default().into_owned();
    let date = |column: &str| match row.cell(column) {
        None => Ok(None),
        Some(text) => day(&text)
            .map(Some)
            .ok_or_else(|| format!("{column} is no date: `{}`", text.escape_debug())),
    };
    let mut read = build(&text("cu"), &text("su"), &text("build"))?;
    read.released = date("released")?;
    read.supported_until = date("supported_until")?;
    read.kb = KbId::find(&text("kb"));
    Ok(read)
}

/// A row of the page: name, day, build; the long spelling of the build follows, or its first column is not
/// there. `None` for what is no build of a server.
fn of_cells(name: &str, cells: &[Cell]) -> Result<Option<BuildRow>, String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let after = words.iter().position(|word| *word == "Server");
    let (Some("Exchange" | "Microsoft"), Some(after)) = (words.first().copied(), after) else {
        return Ok(None);
    };
    let number = cells.iter().skip(1).find_map(|cell| dotted(&cell.text));
    let number = number.ok_or("no build in its row")?;
    // `2019 CU14 Nov24SUv2`, `SE RTM Oct25SU`, `2010 SP3 RU32`, `2013 Cumulative Update 3`.
    let rest = words.get(after + 1..).unwrap_or_default().join(" ");
    let rest = rest.replace("Cumulative Update ", "CU");
    let mut rest = rest.split(' ').skip(1).filter(|word| !word.is_empty());
    let line = rest.next().unwrap_or("RTM").to_owned();
    let update = rest.collect::<Vec<_>>().join(" ");
    let mut read = build(&line, &update, &number)?;
    let day = cells.get(1).map(|cell| cell.text.replace(',', " "));
    let day = day.unwrap_or_default();
    let mut day = day.split_whitespace();
    read.released = match (day.next(), day.next(), day.next()) {
        (Some(month), Some(day), Some(year)) => day_of(year, month, day),
        _ => None,
    };
    let links = cells.iter().flat_map(|cell| &cell.links);
    read.kb = links.into_iter().find_map(|(_, address)| article(address));
    Ok(Some(read))
}

/// The article in an address: `https://support.microsoft.com/help/5044062`, `…/kb/5001779`, `…-kb5049233-…`.
fn article(address: &str) -> Option<KbId> {
    KbId::find(address).or_else(|| {
        let (_, rest) = address
            .rsplit_once("/help/")
            .or(address.rsplit_once("/kb/"))?;
        let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
        KbId::find(&format!("KB{digits}"))
    })
}

fn build(line: &str, update: &str, number: &str) -> Result<BuildRow, String> {
    let build = dotted(number).ok_or_else(|| format!("`{}` is no build", number.escape_debug()))?;
    let parts: Vec<u32> = build
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    let version = match parts.as_slice() {
        [8, ..] => "2007",
        [14, ..] => "2010",
        [15, 0, ..] => "2013",
        [15, 1, ..] => "2016",
        [15, 2, ..] if parts.as_slice() >= &SUBSCRIPTION[..] => "subscription edition",
        [15, 2, ..] => "2019",
        _ => return Err(format!("{build} is of no Exchange Server we know")),
    };
    let branch = if line.is_empty() { "RTM" } else { line };
    Ok(BuildRow {
        product: format!("exchange server {version}"),
        branch: branch.to_owned(),
        build,
        label: if update.is_empty() { branch } else { update }.to_owned(),
        kb: None,
        released: None,
        supported_until: None,
        is_security: match update {
            "" => None,
            _ if update.contains("SU") => Some(true),
            _ if update.contains("HU") => Some(false),
            _ => None,
        },
        cves: Vec::new(),
        files: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Date;

    fn read(mut doc: &[u8]) -> (FeedReport, Vec<BuildRow>) {
        let mut rows = Vec::new();
        let report = ExchangeBuilds.read(&mut doc, &mut |record| match record {
            Record::Build(row) => rows.push(row),
            other => panic!("{other:?}"),
        });
        (report.unwrap(), rows)
    }

    fn told(row: &BuildRow) -> (&str, &str, &str, &str, Option<bool>) {
        let product = row.product.strip_prefix("exchange server ").unwrap();
        (
            product,
            &row.branch,
            &row.build,
            &row.label,
            row.is_security,
        )
    }

    const TABLE: &[u8] = include_bytes!("../../../fixtures/feeds/exchange-builds/builds.csv");
    const PAGE: &[u8] = include_bytes!("../../../fixtures/feeds/exchange-builds/builds.md");

    #[test]
    fn the_product_follows_from_the_build_and_the_line_is_the_cumulative_update() {
        let (report, rows) = read(TABLE);
        assert_eq!((report.read, report.skipped), (6, 2), "{report:?}");
        let found: Vec<_> = rows.iter().map(told).collect();
        let expected = [
            ("2013", "CU22", "15.0.1473.3", "Feb19SU", Some(true)),
            ("2016", "CU23", "15.1.2507.6", "CU23", None),
            ("2019", "CU14", "15.2.1544.11", "Apr24HU", Some(false)),
            ("2019", "CU14", "15.2.1544.13", "Nov24SU", Some(true)),
            ("2019", "RTM", "15.2.221.12", "RTM", None),
            (
                "subscription edition",
                "RTM",
                "15.2.2562.20",
                "Aug25SU",
                Some(true),
            ),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            report.problems,
            [
                "record in line 9: 16.0.1 is of no Exchange Server we know",
                "record in line 10: `soon` is no build"
            ]
        );
    }

    #[test]
    fn the_page_has_days_and_articles_as_well() {
        let (report, rows) = read(PAGE);
        assert_eq!(
            (report.read, report.skipped, report.irrelevant),
            (5, 1, 1),
            "{report:?}"
        );
        let found: Vec<_> = rows.iter().map(told).collect();
        let expected = [
            ("2010", "SP3", "14.3.513.0", "RU32", None),
            ("2013", "CU3", "15.0.775.38", "CU3", None),
            ("2019", "CU14", "15.2.1544.14", "Nov24SUv2", Some(true)),
            ("2019", "CU14", "15.2.1544.4", "CU14", None),
            (
                "subscription edition",
                "RTM",
                "15.2.2562.29",
                "Oct25SU",
                Some(true),
            ),
        ];
        assert_eq!(found, expected);
        assert_eq!(rows[2].released, Date::parse("2024-11-27"));
        assert_eq!(rows[2].kb, Some(KbId(5_049_233)));
        assert_eq!(rows[3].kb, Some(KbId(5_035_606)));
    }

    #[test]
    fn nothing_that_is_cut_short_makes_it_panic() {
        for doc in [TABLE, PAGE] {
            for length in 0..doc.len() {
                let mut doc = &doc[..length];
                let _ = ExchangeBuilds.read(&mut doc, &mut |_| ());
            }
        }
    }
}
