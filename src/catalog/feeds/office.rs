//! The builds of Office that is installed by Click-to-Run, by update channel.
//!
//! Microsoft keeps them on pages of its documentation, and translates those; a translated page keeps the
//! links and the names of headings in English, and by these it is read. Three kinds of page:
//!
//! - update history of Microsoft 365 Apps, by date: a row a day, a column a channel; and which versions
//!   are supported, and until when.
//! - update history of Office 2016 and later that is bought once: a table for each way of buying it.
//! - release notes of security updates: by month, the builds of all channels, and the CVEs they fix. Only here is
//!   a build marked as a security update.
//!
//! The product of all rows is `office click-to-run`; the branch is the channel by its English name today (`Monthly
//! Channel` is `Current Channel` now, `Semi-Annual Channel (Targeted)` is `Semi-Annual Enterprise Channel (Preview)`),
//! or the edition: `Office 2019 Retail`, `Office 2019 Perpetual Enterprise`, `Office LTSC 2021 Perpetual Enterprise`. The label is the
//! version, `2106`. Several versions are served in one channel at a time: a build of another version
//! is not what the next update brings. The days of security updates are months of their own: a CVE that a
//! version never had is named with its build as well.

use super::markdown::{Block, Cell, blocks};
use super::office_words::{
    Named, branch, day_in_anchor, day_of_anchor, day_of_words, editions, named,
};
use super::text::{is_cve, page};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{BuildRow, Date};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

/// The pages have some hundred kilobytes.
const MOST_BYTES: u64 = 16 << 20;

/// What a page of ours calls itself, in its English heading or in that heading's name.
const TITLES: &[&str] = &[
    "Update history for Microsoft 365 Apps",
    "update-history-for-microsoft-365-apps",
    "Update history for Office",
    "update-history-for-office",
    "Release notes for Microsoft Office security updates",
    "release-notes-for-microsoft-office-security-updates",
];

/// <https://learn.microsoft.com/officeupdates/>
#[derive(Debug)]
pub(super) struct OfficeClickToRun;

impl Feed for OfficeClickToRun {
    fn name(&self) -> &'static str {
        "office-c2r"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::FrontMatter
            && outline.has(1, "title")
            && TITLES.iter().any(|title| outline.says(title))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let page = page(self.name(), doc, MOST_BYTES)?;
        let mut reading = Reading::default();
        for block in blocks(&page) {
            reading.block(&block);
        }
        reading.end_of_month();
        let mut report = reading.report;
        for row in reading.rows.into_values() {
            report.read += 1;
            out(Record::Build(row));
        }
        Ok(report)
    }
}

#[derive(Default)]
struct Reading {
    report: FeedReport,
    /// By branch and build: a build that several tables of a page list is one.
    rows: BTreeMap<(String, String), BuildRow>,
    /// The editions that a heading names.
    editions: Vec<String>,
    /// The channels of the columns of a table, where they name any.
    channels: Vec<Option<String>>,
    /// The year of the rows of the history; a row that leaves it out is of that of the row above.
    year: String,
    /// The day that a heading of the security updates names, and what stands under it.
    month: Option<Month>,
}

/// The security updates of a month.
struct Month {
    day: Date,
    builds: Vec<(String, Named)>,
    cves: BTreeSet<String>,
}

impl Reading {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading { anchor } => self.heading(anchor),
            Block::Columns(cells) => {
                self.channels = cells.iter().map(|cell| branch(&cell.text)).collect();
                self.year.clear();
            }
            Block::Row(cells) => self.row(cells),
            Block::Line(line) => self.line(line),
        }
    }

    fn heading(&mut self, anchor: &str) {
        if let Some(day) = day_of_anchor(anchor) {
            self.end_of_month();
            self.month = Some(Month {
                day,
                builds: Vec::new(),
                cves: BTreeSet::new(),
            });
        }
        let editions = editions(anchor);
        if !editions.is_empty() {
            self.editions = editions;
        }
    }

    /// A line of the security updates: `Current Channel: Version 2106 (Build 14131.20320)`, or a CVE.
    fn line(&mut self, line: &Cell) {
        let Some(month) = &mut self.month else {
            return;
        };
        let words = line
            .text
            .split(|letter: char| letter.is_whitespace() || "()[],;".contains(letter));
        month
            .cves
            .extend(words.filter(|word| is_cve(word)).map(str::to_owned));
        let Some((channel, rest)) = line.text.split_once(':') else {
            return;
        };
        let Some(named) = named(rest) else {
            return;
        };
        match branch(channel) {
            Some(branch) => month.builds.push((branch, named)),
            None => self.report.skip(channel.trim(), "no channel that we know"),
        }
    }

    fn end_of_month(&mut self) {
        let Some(month) = self.month.take() else {
            return;
        };
        let cves: Vec<_> = month.cves.into_iter().collect();
        for (branch, named) in month.builds {
            let row = self.of(&branch, &named);
            row.released = row.released.or(Some(month.day));
            row.is_security = Some(true);
            row.cves.extend(cves.iter().cloned());
            row.cves.sort_unstable();
            row.cves.dedup();
        }
    }

    fn row(&mut self, cells: &[Cell]) {
        if self.supported(cells) || self.history(cells) || self.edition(cells) {
            return;
        }
        match cells.iter().find_map(|cell| named(&cell.text)) {
            Some(named) => self
                .report
                .skip(&named.build, "a table of a kind we do not know"),
            None => self.report.irrelevant += 1,
        }
    }

    /// A row of the supported versions: channel, version, build, day of the build, end of support.
    fn supported(&mut self, cells: &[Cell]) -> bool {
        let [channel, version, build, released, end, ..] = cells else {
            return false;
        };
        let text = format!("{} {}", version.text.trim(), build.text.trim());
        let (Some(named), true) = (named(&text), build.links.is_empty()) else {
            return false;
        };
        if build.text.contains('(') {
            return false;
        }
        let Some(branch) = branch(&channel.text) else {
            self.report
                .skip(channel.text.trim(), "no channel that we know");
            return true;
        };
        let (released, end) = (day_of_words(&released.text), day_of_words(&end.text));
        let row = self.of(&branch, &named);
        row.released = row.released.or(released);
        row.supported_until = end;
        true
    }

    /// A row of the history by date: year, day, then a cell for each channel.
    fn history(&mut self, cells: &[Cell]) -> bool {
        let year = cells
            .first()
            .map(|cell| cell.text.trim())
            .unwrap_or_default();
        match year {
            "" if !self.year.is_empty() => {}
            _ if year.len() == 4 && year.parse::<u16>().is_ok() => year.clone_into(&mut self.year),
            _ => return false,
        }
        let year = self.year.clone();
        let written = cells.get(1).map(|cell| format!("{} {year}", cell.text));
        let written = written.as_deref().and_then(day_of_words);
        for (at, cell) in cells.iter().enumerate().skip(2) {
            let column = self.channels.get(at).cloned().flatten();
            for (words, address) in &cell.links {
                let Some(named) = named(words) else {
                    continue;
                };
                let (file, anchor) = address.split_once('#').unwrap_or((address, ""));
                let Some(branch) = branch(file).or_else(|| column.clone()) else {
                    self.report.skip(words, "no channel that we know");
                    continue;
                };
                let day = day_in_anchor(&year, anchor).or(written);
                let row = self.of(&branch, &named);
                row.released = row.released.or(day);
            }
            // Without links: a version a line.
            let lines = cell.text.lines().filter(|_| cell.links.is_empty());
            for named in lines.filter_map(named) {
                let Some(branch) = &column else {
                    self.report.skip(&named.build, "no channel that we know");
                    continue;
                };
                let row = self.of(branch, &named);
                row.released = row.released.or(written);
            }
        }
        true
    }

    /// A row of the history of an edition: day, version.
    fn edition(&mut self, cells: &[Cell]) -> bool {
        let [day, version, ..] = cells else {
            return false;
        };
        let Some(named) = named(&version.text) else {
            return false;
        };
        let released = day_of_words(&day.text);
        if self.editions.is_empty() {
            self.report
                .skip(&named.build, "no heading says of which Office");
        }
        for branch in self.editions.clone() {
            let row = self.of(&branch, &named);
            row.released = row.released.or(released);
        }
        true
    }

    /// The row of a build.
    fn of(&mut self, branch: &str, named: &Named) -> &mut BuildRow {
        let key = (branch.to_owned(), named.build.clone());
        self.rows.entry(key).or_insert_with(|| BuildRow {
            product: "office click-to-run".to_owned(),
            branch: branch.to_owned(),
            build: named.build.clone(),
            label: named.version.clone(),
            kb: None,
            released: None,
            supported_until: None,
            is_security: None,
            files: Vec::new(),
            cves: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut doc: &[u8]) -> (FeedReport, Vec<BuildRow>) {
        let mut rows = Vec::new();
        let report = OfficeClickToRun.read(&mut doc, &mut |record| match record {
            Record::Build(row) => rows.push(row),
            other => panic!("{other:?}"),
        });
        (report.unwrap(), rows)
    }

    fn row<'a>(rows: &'a [BuildRow], branch: &str, build: &str) -> &'a BuildRow {
        let mut rows = rows.iter();
        let found = rows.find(|row| row.branch == branch && row.build.ends_with(build));
        found.unwrap_or_else(|| panic!("{branch} {build}"))
    }

    const HISTORY: &[u8] = include_bytes!("../../../fixtures/feeds/office-c2r/by-date.md");
    const TRANSLATED: &[u8] = include_bytes!("../../../fixtures/feeds/office-c2r/by-date.pt-BR.md");
    const SECURITY: &[u8] = include_bytes!("../../../fixtures/feeds/office-c2r/security.md");
    const EDITIONS: &[u8] = include_bytes!("../../../fixtures/feeds/office-c2r/editions.md");

    #[test]
    fn the_history_reads_the_same_in_english_and_translated() {
        let (report, english) = read(HISTORY);
        assert_eq!((report.read, report.skipped), (8, 0), "{report:?}");
        let (report, translated) = read(TRANSLATED);
        assert_eq!((report.read, report.skipped), (8, 0), "{report:?}");
        assert_eq!(english, translated);
        let newest = row(&english, "Current Channel", "14131.20320");
        assert_eq!(newest.product, "office click-to-run");
        assert_eq!(
            (&*newest.build, &*newest.label),
            ("16.0.14131.20320", "2106")
        );
        assert_eq!(newest.released, Date::parse("2021-07-13"));
        let older = row(&english, "Monthly Enterprise Channel", "13929.20434");
        assert_eq!(older.supported_until, Date::parse("2021-08-10"));
        assert_eq!(older.is_security, None);
        let early = row(
            &english,
            "Semi-Annual Enterprise Channel (Preview)",
            "13801.20808",
        );
        assert_eq!(early.label, "2102");
        assert_eq!(
            english
                .iter()
                .filter(|row| row.build == early.build)
                .count(),
            2
        );
    }

    #[test]
    fn security_updates_name_the_flaws_of_their_month() {
        let (report, rows) = read(SECURITY);
        assert_eq!((report.read, report.skipped), (6, 1), "{report:?}");
        let july = row(&rows, "Current Channel", "14131.20320");
        assert_eq!(july.cves, ["CVE-2021-34452", "CVE-2021-34501"]);
        assert_eq!(july.is_security, Some(true));
        assert_eq!(july.released, Date::parse("2021-07-13"));
        let june = row(&rows, "Office 2019 Perpetual Enterprise", "10375.20036");
        assert_eq!(june.cves, ["CVE-2021-31939"]);
        row(
            &rows,
            "Office LTSC 2021 Perpetual Enterprise",
            "14332.20145",
        );
        row(&rows, "Microsoft 365 Apps on Windows 7", "12527.21986");
    }

    #[test]
    fn an_edition_that_is_bought_once_has_a_table_of_its_own() {
        let (report, rows) = read(EDITIONS);
        assert_eq!((report.read, report.skipped), (5, 0), "{report:?}");
        let volume = row(&rows, "Office 2019 Perpetual Enterprise", "10376.20033");
        assert_eq!(volume.released, Date::parse("2021-07-13"));
        row(&rows, "Office 2016 Retail", "14131.20320");
        let first = row(&rows, "Office 2019 Retail", "12527.20242");
        assert_eq!(first.released, Date::parse("2020-03-01"));
    }

    #[test]
    fn nothing_that_is_cut_short_makes_it_panic() {
        for doc in [HISTORY, TRANSLATED, SECURITY, EDITIONS] {
            for length in (0..doc.len()).step_by(3) {
                let mut doc = &doc[..length];
                let _ = OfficeClickToRun.read(&mut doc, &mut |_| ());
            }
        }
    }
}
