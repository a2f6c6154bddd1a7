//! Microsoft's bulletins before 2017: tables with a row for each update of each product.
//!
//! Two layouts are read: Microsoft's own ([`search`]) and wesng's ([`wesng`]). From April 2016 on
//! Microsoft's monthly documents say by CVE which update fixes it. The tables say it by bulletin, and name
//! of the systems with rollups the security-only update alone; so of that time they are left to those
//! documents.

pub(super) mod search;
mod table;
mod text;
pub(super) mod wesng;

use super::{FeedError, FeedReport, Record};
use crate::model::{
    Advisory, AffectedProduct, BulletinId, Date, Fix, KbId, Nature, Restart, Severity, UpdateId,
    UpdateKind, UtcTime, plural,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use table::Table;

/// Rows that are kept until the end of a document: what is said of one bulletin is handed out at once. Five times
/// the largest table.
const MOST_ROWS: usize = 500_000;

/// Since when Microsoft's monthly documents are whole.
fn is_left_to_monthly_documents(posted: Date) -> bool {
    Date::parse("2016-04-01").is_some_and(|start| posted >= start)
}

/// What a row is to us.
enum Said {
    /// An update, or a flaw without one.
    Row(Box<Row>),
    /// Something else.
    Nothing,
    /// What the monthly documents say better.
    LeftToOthers,
}

/// Reads all rows of a table, and hands out what they say.
fn read_rows<R: BufRead>(
    feed: &'static str,
    mut table: Table<R>,
    one: &dyn Fn(&Table<R>) -> Result<Said, String>,
    out: &mut dyn FnMut(Record),
) -> Result<FeedReport, FeedError> {
    let mut report = FeedReport::default();
    let mut gathered = Gathered::default();
    let mut later = 0u64;
    while table.advance()? {
        match one(&table) {
            Err(what) => report.skip(&table.line(), what),
            Ok(Said::Nothing) => report.irrelevant += 1,
            Ok(Said::LeftToOthers) => later += 1,
            Ok(Said::Row(_)) if gathered.rows == MOST_ROWS => {
                let most = MOST_ROWS;
                return Err(FeedError::TooMany { feed, most });
            }
            Ok(Said::Row(row)) => gathered.add(feed, *row),
        }
    }
    report.irrelevant += later;
    if later > 0 {
        let what = format!(
            "{} left to the monthly documents (msrc-cvrf), which name the update for each CVE",
            plural(later, "row")
        );
        report.problem("of April 2016 and later", what);
    }
    gathered.hand_out(&mut report, out);
    Ok(report)
}

/// One row, whatever its layout.
struct Row {
    /// What the advisory is called: `MS08-067`, else the CVE.
    id: String,
    document: String,
    title: String,
    cves: Vec<String>,
    posted: Option<Date>,
    product: String,
    component: String,
    severity: Option<Severity>,
    impact: Nature,
    updates: Vec<KbId>,
    supersedes: Vec<KbId>,
    restart: Option<Restart>,
}

/// What the rows of a document say, by advisory and product.
#[derive(Default)]
struct Gathered {
    advisories: BTreeMap<(String, String), Gathering>,
    rows: usize,
}

struct Gathering {
    head: Advisory,
    products: BTreeMap<String, Listed>,
}

/// What the rows say of one product.
struct Listed {
    affected: AffectedProduct,
    /// The updates that a bulletin lists, by the day and title of the bulletin.
    bulletins: BTreeMap<(Option<Date>, String), BTreeSet<KbId>>,
    is_alternative: bool,
}

impl Gathered {
    fn add(&mut self, feed: &str, row: Row) {
        self.rows += 1;
        let is_alternative = lists_alternatives(&row);
        let bulletin = (row.posted, row.title.clone());
        let time = row
            .posted
            .and_then(|day| UtcTime::parse(&format!("{day}T00:00:00Z")));
        let key = (row.id.clone(), row.document.clone());
        let gathering = self.advisories.entry(key).or_insert_with(|| Gathering {
            head: Advisory {
                id: BulletinId::new(row.id),
                feed: feed.to_owned(),
                document: row.document,
                title: row.title,
                cves: Vec::new(),
                published: time,
                modified: time,
                affected: Vec::new(),
            },
            products: BTreeMap::new(),
        });
        let head = &mut gathering.head;
        head.cves.extend(row.cves);
        head.published = head.published.into_iter().chain(time).min();
        head.modified = head.modified.max(time);
        let name = product_name(&row.product, &row.component);
        let products = &mut gathering.products;
        let product = products.entry(name).or_insert_with_key(|name| Listed {
            affected: AffectedProduct {
                product: name.clone(),
                severity: None,
                cvss_tenths: None,
                nature: Nature::default(),
                fixes: Vec::new(),
            },
            bulletins: BTreeMap::new(),
            is_alternative,
        });
        product
            .bulletins
            .entry(bulletin)
            .or_default()
            .extend(&row.updates);
        let product = &mut product.affected;
        product.severity = product.severity.max(row.severity);
        product.nature = Nature::union([&product.nature, &row.impact]);
        for kb in row.updates {
            add_fix(&mut product.fixes, kb, &row.supersedes, row.restart);
        }
    }

    /// Hands out the advisories.
    fn hand_out(self, report: &mut FeedReport, out: &mut dyn FnMut(Record)) {
        for gathering in self.advisories.into_values() {
            let mut advisory = gathering.head;
            advisory.cves.sort_unstable();
            advisory.cves.dedup();
            advisory.affected = gathering
                .products
                .into_values()
                .map(Listed::bound)
                .collect();
            report.read += 1;
            out(Record::Advisory(advisory));
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Listed {
    /// The product, with the updates of each bulletin bound together.
    fn bound(mut self) -> AffectedProduct {
        for fix in &mut self.affected.fixes {
            let Some(kb) = fix.update.kb().filter(|_| !self.is_alternative) else {
                continue;
            };
            let mut bulletins = self.bulletins.values();
            let listed = bulletins.find(|listed| listed.contains(&kb));
            let others = listed.into_iter().flatten();
            fix.together_with = others.copied().filter(|other| *other != kb).collect();
        }
        self.affected
    }
}

/// From May to July 2014 Windows 8.1, and Internet Explorer 11 everywhere, had one update for machines
/// with the update that spring brought (KB2919355, KB2929437) and another for those without.
fn lists_alternatives(row: &Row) -> bool {
    let months = ["2014-05", "2014-06", "2014-07"];
    let posted = row.posted.map(|day| day.to_string()).unwrap_or_default();
    let systems = ["8.1", "2012 R2", "Internet Explorer 11"];
    let speaks_of = |name: &str| row.product.contains(name) || row.component.contains(name);
    months.iter().any(|month| posted.starts_with(month)) && systems.into_iter().any(speaks_of)
}

/// An update may stand in several rows of a product.
fn add_fix(fixes: &mut Vec<Fix>, kb: KbId, supersedes: &[KbId], restart: Option<Restart>) {
    let update = UpdateId::Kb(kb);
    let known = fixes.iter().position(|fix| fix.update == update);
    let place = known.unwrap_or_else(|| {
        fixes.push(Fix {
            together_with: Vec::new(),
            files: Vec::new(),
            update,
            kind: UpdateKind::Security,
            build: None,
            since: None,
            supersedes: Vec::new(),
            restart: None,
            url: None,
        });
        fixes.len() - 1
    });
    let Some(fix) = fixes.get_mut(place) else {
        return;
    };
    fix.restart = fix.restart.max(restart);
    fix.supersedes
        .extend(supersedes.iter().filter(|old| **old != kb));
    fix.supersedes.sort_unstable();
    fix.supersedes.dedup();
}

/// The product, as the monthly documents would call it: a component of Windows is `COMPONENT on PRODUCT`,
/// while a part of Office, or the product in more words, stands for itself.
fn product_name(product: &str, component: &str) -> String {
    const SYSTEMS: &[&str] = &["1", "2", "7", "8", "nt", "rt", "server", "vista", "xp"];
    let lower = |text: &str| text.to_lowercase();
    let (product_key, component_key) = (lower(product), lower(component));
    let is_windows = |key: &str| {
        let key = key.strip_prefix("microsoft ").unwrap_or(key);
        let rest = key.strip_prefix("windows ");
        rest.is_some_and(|rest| SYSTEMS.iter().any(|system| rest.starts_with(system)))
    };
    if component_key.is_empty() || component_key == product_key {
        return product.to_owned();
    }
    // Some rows have the two in the wrong columns.
    if is_windows(&component_key) && !is_windows(&product_key) {
        return format!("{product} on {component}");
    }
    let is_office = product_key.starts_with("microsoft office ");
    let names_itself = is_office && component_key.starts_with("microsoft ");
    if names_itself || component_key.starts_with(&product_key) {
        return component.to_owned();
    }
    format!("{component} on {product}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(posted: &str, product: &str, component: &str, updates: &[u32]) -> Vec<Vec<u32>> {
        let mut gathered = Gathered::default();
        for update in updates {
            let row = Row {
                id: "CVE".to_owned(),
                document: "D".to_owned(),
                title: "T".to_owned(),
                cves: Vec::new(),
                posted: Date::parse(posted),
                product: product.to_owned(),
                component: component.to_owned(),
                severity: None,
                impact: Nature::default(),
                updates: vec![KbId(*update)],
                supersedes: Vec::new(),
                restart: None,
            };
            gathered.add("f", row);
        }
        let mut found = Vec::new();
        gathered.hand_out(&mut FeedReport::default(), &mut |record| {
            if let Record::Advisory(advisory) = record {
                let fixes = &advisory.affected[0].fixes;
                let others = fixes
                    .iter()
                    .map(|fix| fix.together_with.iter().map(|kb| kb.0));
                found.extend(others.map(Iterator::collect));
            }
        });
        found
    }

    #[test]
    fn of_several_updates_in_a_bulletin_each_is_needed() {
        // MS16-007.
        let windows = "Windows 8.1 for x64-based systems";
        let found = bound(
            "2016-01-12",
            windows,
            "",
            &[3_109_560, 3_110_329, 3_121_918],
        );
        assert_eq!(
            found,
            [
                [3_110_329, 3_121_918],
                [3_109_560, 3_121_918],
                [3_109_560, 3_110_329]
            ]
        );
        assert_eq!(bound("2016-01-12", windows, "", &[3_121_918]), [[0u32; 0]]);
    }

    #[test]
    fn in_the_spring_of_2014_one_of_two_was_enough() {
        // MS14-035.
        let windows = "Windows 7 for x64-based Systems Service Pack 1";
        let updates = [2_957_689, 2_963_950];
        let none = [[0u32; 0], [0u32; 0]];
        let browser = "Windows Internet Explorer 11";
        assert_eq!(bound("2014-06-10", windows, browser, &updates), none);
        let old = "Windows Internet Explorer 8";
        assert_ne!(bound("2014-06-10", windows, old, &updates), none);
    }

    #[test]
    fn components_are_named_as_the_monthly_documents_name_them() {
        let named = [
            ("Windows Server 2016", "", "Windows Server 2016"),
            (
                "Windows 7 for x64-based Systems Service Pack 1",
                "Windows Internet Explorer 8",
                "Windows Internet Explorer 8 on Windows 7 for x64-based Systems Service Pack 1",
            ),
            (
                "Microsoft Office 2010",
                "Microsoft Office 2010 Service Pack 2 (32-bit editions)",
                "Microsoft Office 2010 Service Pack 2 (32-bit editions)",
            ),
            (
                "Microsoft Office 2007 Service Pack 3",
                "Microsoft Word 2007 Service Pack 3",
                "Microsoft Word 2007 Service Pack 3",
            ),
            (
                "Microsoft SharePoint Server 2010 Service Pack 2",
                "Word Automation Services",
                "Word Automation Services on Microsoft SharePoint Server 2010 Service Pack 2",
            ),
            (
                "Microsoft Edge",
                "Windows 10 for x64-based Systems",
                "Microsoft Edge on Windows 10 for x64-based Systems",
            ),
        ];
        for (product, component, name) in named {
            assert_eq!(product_name(product, component), name);
        }
    }
}
