//! The tables of wesng, by CVE: `definitions.zip` with `CVEs_DATE.csv` and `Custom_DATE.csv`, and cuts of them.
//!
//! What is trusted, row by row:
//!
//! - Up to March 2016 the rows are those of Microsoft's table of bulletins, and are read.
//! - Later ones are from Microsoft's monthly documents, without what told their fixes from their known
//!   issues: they are left to the feed of those documents.
//! - By hand its authors added what Microsoft released for systems out of support, where the monthly documents
//!   are silent (MS17-010 on Windows XP): read. What they list for other systems (every later update that holds
//!   the fix) is left to the monthly documents.
//! - Service packs, as flaws with ids of their own (`SP7X64SP1`), are no publisher's statement: not read.

use super::super::month::month;
use super::super::{Feed, FeedError, FeedReport, Record};
use super::table::{Table, names};
use super::text::{articles, cves, day};
use super::{Row, Said, is_left_to_monthly_documents, one_line, read_rows};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Nature, Severity};
use std::io::BufRead;

/// Systems that the monthly documents never spoke of, in lower case: the beginnings of their names.
const SILENT: &[&str] = &[
    "microsoft windows xp",
    "microsoft windows server 2003",
    "windows 8 for ",
];

/// And whole names: releases before their last service pack.
const SILENT_RELEASES: &[&str] = &[
    "windows vista",
    "windows vista x64 edition",
    "windows vista service pack 1",
    "windows vista x64 edition service pack 1",
    "windows server 2008 for 32-bit systems service pack 1",
    "windows server 2008 for x64-based systems service pack 1",
    "windows 7 for 32-bit systems",
    "windows 7 for x64-based systems",
];

/// <https://github.com/bitsadmin/wesng>
#[derive(Debug)]
pub(in super::super) struct Wesng;

impl Feed for Wesng {
    fn name(&self) -> &'static str {
        "wesng"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        // To read a row of columns of every document of another kind takes longer than most of them.
        if outline.shape != Shape::Text {
            return false;
        }
        let names = names(&outline.first_line);
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        has("dateposted") && has("bulletinkb") && has("affectedproduct")
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let table = Table::open(doc, self.name())?;
        let columns = Columns {
            posted: table.column("dateposted"),
            cve: table.column("cve"),
            kb: table.column("bulletinkb"),
            title: table.column("title"),
            product: table.column("affectedproduct"),
            component: table.column("affectedcomponent"),
            severity: table.column("severity"),
            impact: table.column("impact"),
            supersedes: table.column("supersedes"),
        };
        read_rows(self.name(), table, &|table| columns.row(table), out)
    }
}

struct Columns {
    posted: Option<usize>,
    cve: Option<usize>,
    kb: Option<usize>,
    title: Option<usize>,
    product: Option<usize>,
    component: Option<usize>,
    severity: Option<usize>,
    impact: Option<usize>,
    supersedes: Option<usize>,
}

impl Columns {
    fn row<R: BufRead>(&self, table: &Table<R>) -> Result<Said, String> {
        let date = table.cell(self.posted);
        let Some(posted) = day(&date) else {
            return Err(format!("`{}` is no date", date.escape_debug()));
        };
        let product = table.cell(self.product);
        if is_left_to_monthly_documents(posted) && !is_silent(&product) {
            return Ok(Said::LeftToOthers);
        }
        if !table.is_whole() {
            return Err("the row is cut short".to_owned());
        }
        let cve = table.cell(self.cve);
        if product.is_empty() || cve.starts_with("SP") {
            return Ok(Said::Nothing);
        }
        let update = table.cell(self.kb);
        let updates = articles(&update);
        if updates.is_empty() && !update.is_empty() {
            return Err(format!("`{}` is no article", update.escape_debug()));
        }
        let cves = cves(&cve);
        // Some rows have no CVE, or not all of it: they are told apart by what they install.
        let id = match (cves.first(), updates.first()) {
            (Some(cve), _) => cve.clone(),
            (None, Some(kb)) => kb.to_string(),
            (None, None) => return Err("it names neither a CVE nor an article".to_owned()),
        };
        Ok(Said::Row(Box::new(Row {
            id,
            document: month(posted),
            title: one_line(&table.cell(self.title)),
            cves,
            posted: Some(posted),
            product: one_line(&product),
            component: one_line(&table.cell(self.component)),
            severity: Severity::parse(&table.cell(self.severity)),
            impact: Nature::of([&*table.cell(self.impact)], []),
            updates,
            supersedes: articles(&table.cell(self.supersedes)),
            restart: None,
        })))
    }
}

fn is_silent(product: &str) -> bool {
    let name = product.to_lowercase();
    let name = name.trim_end();
    SILENT.iter().any(|start| name.starts_with(start)) || SILENT_RELEASES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Advisory, KbId, UpdateId};

    const TABLE: &str = include_str!("../../../../fixtures/feeds/wesng/CVEs.csv");

    fn read(doc: &[u8]) -> Result<(FeedReport, Vec<Advisory>), FeedError> {
        let mut advisories = Vec::new();
        let report = Wesng.read(&mut &*doc, &mut |record| match record {
            Record::Advisory(advisory) => advisories.push(advisory),
            other => panic!("{other:?}"),
        })?;
        Ok((report, advisories))
    }

    #[test]
    fn rows_of_the_time_of_bulletins_are_read_by_cve_and_month() {
        let (report, advisories) = read(TABLE.as_bytes()).unwrap();
        assert_eq!((report.read, report.skipped, report.irrelevant), (4, 2, 4));
        let ids = advisories
            .iter()
            .map(|one| (one.id.as_str(), &*one.document));
        assert_eq!(
            ids.collect::<Vec<_>>(),
            [
                ("CVE-2008-4037", "2008-Nov"),
                ("CVE-2012-0159", "2012-May"),
                ("CVE-2017-0143", "2017-Mar"),
                ("KB3135782", "2016-Feb"),
            ]
        );
        assert_eq!(advisories[0].cves, ["CVE-2008-4037"]);
        assert_eq!(advisories[0].affected.len(), 2);
        let impact = advisories[0].affected[0].nature.as_str();
        assert_eq!(impact, "remote_code_execution");
        assert_eq!(advisories[3].cves, [""; 0]);
    }

    #[test]
    fn eternal_blue_on_systems_out_of_support_is_read_and_later_rollups_are_not() {
        let (_, advisories) = read(TABLE.as_bytes()).unwrap();
        let affected = &advisories[2].affected;
        assert_eq!(affected.len(), 1);
        assert_eq!(affected[0].product, "Microsoft Windows XP Service Pack 3");
        assert_eq!(affected[0].fixes[0].update, UpdateId::Kb(KbId(4_012_598)));
    }

    #[test]
    fn an_update_does_not_replace_itself() {
        let (_, advisories) = read(TABLE.as_bytes()).unwrap();
        let fixes = &advisories[1].affected[0].fixes;
        assert_eq!(fixes[0].update, UpdateId::Kb(KbId(2_636_927)));
        assert_eq!(fixes[0].supersedes, [KbId(2_617_986)]);
    }

    #[test]
    fn bytes_cut_anywhere_are_read_or_refused() {
        for end in 0..TABLE.len() {
            let _ = read(&TABLE.as_bytes()[..end]);
        }
    }

    #[test]
    fn a_million_rows_are_refused_before_they_fill_the_memory() {
        let header = TABLE.lines().next().unwrap();
        let row = "\n20081111,CVE-2008-4037,957097,T,Windows Vista,,,,,";
        let doc = format!("{header}{}", row.repeat(500_001));
        let error = read(doc.as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the wesng document has more than 500000 records that belong together, which is more than any of its kind has"
        );
    }
}
