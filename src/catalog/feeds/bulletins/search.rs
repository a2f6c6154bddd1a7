//! Microsoft's tables of bulletins: `BulletinSearch.xlsx` (MS08-068 to MS17-023) and
//! `BulletinSearch2001-2008.xlsx`, as workbooks or saved as CSV.
//!
//! <https://www.microsoft.com/en-us/download/details.aspx?id=36982>. What gets installed is the
//! *component's* article; the bulletin's own only describes it.

use super::super::month::month;
use super::super::{Feed, FeedError, FeedReport, Record};
use super::table::{Table, names};
use super::text::{articles, cves, day, restart};
use super::{Row, Said, is_left_to_monthly_documents, one_line, read_rows};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Nature, Severity};
use std::io::BufRead;

/// The table that Microsoft kept until March 2017, and the older one.
#[derive(Debug)]
pub(in super::super) struct BulletinSearch;

impl Feed for BulletinSearch {
    fn name(&self) -> &'static str {
        "bulletin-search"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        // To read a row of columns of every document of another kind takes longer than most of them.
        if outline.shape != Shape::Text {
            return false;
        }
        let names = names(&outline.first_line);
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        has("bulletin id") && has("affected product")
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let table = Table::open(doc, self.name())?;
        let columns = Columns::of(&table);
        read_rows(self.name(), table, &|table| columns.row(table), out)
    }
}

/// Where the columns are. Other tables of the same layout may leave some out.
struct Columns {
    posted: Option<usize>,
    bulletin: Option<usize>,
    title: Option<usize>,
    product: Option<usize>,
    component: Option<usize>,
    component_kb: Option<usize>,
    severity: Option<usize>,
    impact: Option<usize>,
    supersedes: Option<usize>,
    reboot: Option<usize>,
    cves: Option<usize>,
}

impl Columns {
    fn of<R: BufRead>(table: &Table<R>) -> Self {
        Self {
            posted: table.column("date posted"),
            bulletin: table.column("bulletin id"),
            title: table.column("title"),
            product: table.column("affected product"),
            component: table.column("affected component"),
            component_kb: table.column("component kb"),
            severity: table.column("severity"),
            impact: table.column("impact"),
            supersedes: table.column("supersedes"),
            reboot: table.column("reboot"),
            cves: table.column("cves"),
        }
    }

    fn row<R: BufRead>(&self, table: &Table<R>) -> Result<Said, String> {
        let bulletin = table.cell(self.bulletin).to_ascii_uppercase();
        let product = one_line(&table.cell(self.product));
        if bulletin.is_empty() && product.is_empty() {
            return Ok(Said::Nothing);
        }
        if !is_bulletin(&bulletin) {
            return Err(format!("`{}` is no bulletin id", bulletin.escape_debug()));
        }
        // Old bulletins have rows of no product.
        if product.is_empty() {
            return Ok(Said::Nothing);
        }
        let date = table.cell(self.posted);
        let posted = day(&date);
        if posted.is_none() && !date.is_empty() {
            return Err(format!("`{}` is no date", date.escape_debug()));
        }
        let cves = cves(&table.cell(self.cves));
        // Of what has no CVE (Adobe's flaws in Flash Player) the monthly documents speak under other names.
        if posted.is_some_and(is_left_to_monthly_documents) && !cves.is_empty() {
            return Ok(Said::LeftToOthers);
        }
        let update = table.cell(self.component_kb);
        let updates = articles(&update);
        if updates.is_empty() && !update.is_empty() {
            return Err(format!("`{}` is no article", update.escape_debug()));
        }
        Ok(Said::Row(Box::new(Row {
            document: posted.map_or_else(|| bulletin.clone(), month),
            id: bulletin,
            title: one_line(&table.cell(self.title)),
            cves,
            posted,
            product,
            component: one_line(&table.cell(self.component)),
            severity: Severity::parse(&table.cell(self.severity)),
            impact: Nature::of([&*table.cell(self.impact)], []),
            updates,
            supersedes: articles(&table.cell(self.supersedes)),
            restart: restart(&table.cell(self.reboot)),
        })))
    }
}

/// `MS08-067`.
fn is_bulletin(id: &str) -> bool {
    let number = id.strip_prefix("MS").and_then(|rest| rest.split_once('-'));
    let is_digits =
        |text: &str| (2..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    number.is_some_and(|(year, number)| is_digits(year) && is_digits(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Advisory, KbId, Restart, UpdateId};

    const TABLE: &str = include_str!("../../../../fixtures/feeds/bulletin-search/bulletins.csv");

    fn read(doc: &[u8]) -> Result<(FeedReport, Vec<Advisory>), FeedError> {
        let mut advisories = Vec::new();
        let report = BulletinSearch.read(&mut &*doc, &mut |record| match record {
            Record::Advisory(advisory) => advisories.push(advisory),
            other => panic!("{other:?}"),
        })?;
        Ok((report, advisories))
    }

    fn find<'a>(advisories: &'a [Advisory], id: &str) -> &'a Advisory {
        let mut all = advisories.iter();
        all.find(|one| one.id.as_str() == id).unwrap()
    }

    #[test]
    fn the_article_of_the_component_is_what_gets_installed() {
        let (_, advisories) = read(TABLE.as_bytes()).unwrap();
        let xml = find(&advisories, "MS08-069");
        assert_eq!(xml.document, "2008-Nov");
        assert_eq!(
            xml.cves,
            ["CVE-2007-0099", "CVE-2008-4029", "CVE-2008-4033"]
        );
        assert_eq!(xml.published.unwrap().to_string(), "2008-11-11T00:00:00Z");
        let affected = &xml.affected[0];
        assert_eq!(affected.nature.as_str(), "remote_code_execution");
        assert_eq!(
            affected.product,
            "Microsoft XML Core Services 3.0 on Microsoft Windows 2000 Service Pack 4"
        );
        assert_eq!(affected.severity, Some(Severity::Critical));
        let fix = &affected.fixes[0];
        assert_eq!(fix.update, UpdateId::Kb(KbId(955_069)));
        assert_eq!(fix.supersedes, [KbId(936_021)]);
        assert_eq!(fix.restart, Some(Restart::Maybe));
    }

    #[test]
    fn the_conficker_bulletin_is_read_for_every_product() {
        let (_, advisories) = read(TABLE.as_bytes()).unwrap();
        let server = find(&advisories, "MS08-067");
        let products: Vec<_> = server.affected.iter().map(|one| &*one.product).collect();
        assert_eq!(
            products,
            [
                "Microsoft Windows Server 2003 Service Pack 1",
                "Microsoft Windows XP Service Pack 2",
                "Windows XP Professional x64 Edition Service Pack 2",
            ]
        );
        for affected in &server.affected {
            assert_eq!(affected.fixes[0].update, UpdateId::Kb(KbId(958_644)));
        }
    }

    #[test]
    fn what_the_monthly_documents_say_better_is_left_to_them() {
        let (report, advisories) = read(TABLE.as_bytes()).unwrap();
        assert_eq!((report.read, report.skipped, report.irrelevant), (4, 2, 3));
        assert!(advisories.iter().all(|one| one.id.as_str() != "MS16-118"));
        let flash = find(&advisories, "MS17-023");
        assert_eq!(flash.cves, [""; 0]);
        assert_eq!(
            report.problems,
            [
                "record in line 10: `HOTFIX` is no bulletin id",
                "record in line 11: `soon` is no date",
                "record of April 2016 and later: 1 row left to the monthly documents (msrc-cvrf), which name the update for each CVE",
            ]
        );
    }

    #[test]
    fn a_flaw_without_an_update_is_kept_without_one() {
        let (_, advisories) = read(TABLE.as_bytes()).unwrap();
        let old = find(&advisories, "MS01-050");
        assert_eq!(old.cves, ["CVE-2001-0718"]);
        assert_eq!(old.affected[0].fixes, []);
    }

    #[test]
    fn the_header_may_have_lines_in_it_and_semicolons_between_columns() {
        let doc = "\"Date\nPosted\";\"Bulletin\nID\";Bulletin KB;Severity;Impact;Title;Affected Product;\
            Component KB;Affected Component;Impact;Severity;Supersedes;Reboot;CVEs\n\
            39763;MS08-068;957097;Low;x;A;Windows Vista;957097;;x;Moderate;;Yes;CVE-2008-4037\n";
        assert!(BulletinSearch.recognises(&Outline::of(doc.as_bytes())));
        let (report, advisories) = read(doc.as_bytes()).unwrap();
        assert_eq!((report.read, report.skipped), (1, 0));
        // The product's severity, not the bulletin's.
        assert_eq!(advisories[0].affected[0].severity, Some(Severity::Medium));
    }

    #[test]
    fn bytes_cut_anywhere_are_read_or_refused() {
        for end in 0..TABLE.len() {
            let _ = read(&TABLE.as_bytes()[..end]);
        }
        assert!(read(b"\xff\xfe\0\0\"").is_ok());
    }
}
