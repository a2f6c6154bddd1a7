//! Pages of Microsoft's Security Update Guide: what its web page shows, as rows.
//!
//! <https://api.msrc.microsoft.com/sug/v2.0/en-US/affectedProduct> and its neighbours answer in `OData` pages:
//! `value[]`, one row for each CVE and product, with the updates that fix it. The same facts stand in
//! the monthly documents ([`super::msrc_cvrf`]), which are to be preferred: a page has no titles.
//! Rows of its other tables name no product with a flaw (`vulnerability`, `advisory`) or no flaw
//! (`deployment`), and are left out.

use super::month::month;
use super::msrc_clean as clean;
use super::stream::{Weaknesses, or_default};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Advisory, AffectedProduct, Fix, Nature, Severity, UpdateKind, UtcTime};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// A page has at most 500 rows, about one megabyte.
const MOST_BYTES: u64 = 64 << 20;

/// The pages of the guide's interface.
#[derive(Debug)]
pub(super) struct MsrcSug;

impl Feed for MsrcSug {
    fn name(&self) -> &'static str {
        "msrc-sug"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        const ROW: &[&str] = &["cveNumber", "kbArticles", "advisoryNumber", "articleName"];
        outline.shape == Shape::Object
            && outline.has(1, "value")
            && ROW.iter().any(|key| outline.has(3, key))
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
        let mut advisories = BTreeMap::new();
        for (index, value) in document.value.into_iter().enumerate() {
            let name = format!("number {}", index + 1);
            let row = match serde_json::from_value::<Row>(value) {
                Ok(row) => row,
                Err(what) => {
                    report.skip(&name, what);
                    continue;
                }
            };
            if row.names_nothing() {
                report.irrelevant += 1;
            } else if let Err(what) = row.lay_down(self.name(), &mut advisories, &mut report) {
                report.skip(&name, what);
            }
        }
        for advisory in advisories.into_values() {
            report.read += 1;
            out(Record::Advisory(advisory));
        }
        Ok(report)
    }
}

#[derive(Deserialize)]
struct Document {
    value: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Row {
    cve_number: Option<String>,
    product: Option<String>,
    is_mariner: Option<bool>,
    severity: Option<String>,
    impact: Option<String>,
    cwe_list: Weaknesses,
    base_score: Value,
    initial_release_date: Option<String>,
    release_date: Option<String>,
    release_number: Option<String>,
    #[serde(deserialize_with = "or_default")]
    kb_articles: Vec<Article>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Article {
    #[serde(rename = "articleName", deserialize_with = "or_default")]
    name: String,
    #[serde(rename = "articleUrl", deserialize_with = "or_default")]
    url: String,
    #[serde(deserialize_with = "or_default")]
    download_name: String,
    #[serde(deserialize_with = "or_default")]
    download_url: String,
    #[serde(deserialize_with = "or_default")]
    fixed_build_number: String,
    #[serde(deserialize_with = "or_default")]
    reboot_required: String,
    #[serde(deserialize_with = "or_default")]
    supercedence: String,
}

impl Row {
    /// Whether the row is of another table, or of a package of Microsoft's Linux.
    fn names_nothing(&self) -> bool {
        let product = self.product.as_deref().unwrap_or_default();
        let is_linux = self.is_mariner == Some(true) || clean::is_linux_package(product);
        self.cve_number.is_none() || self.product.is_none() || is_linux
    }

    /// Adds what the row says to what is known of its flaw.
    fn lay_down(
        self,
        feed: &str,
        advisories: &mut BTreeMap<(String, String), Advisory>,
        report: &mut FeedReport,
    ) -> Result<(), String> {
        let cve = self.cve_number.unwrap_or_default();
        let id = clean::flaw_id(&cve);
        let (id, is_cve) = id.ok_or_else(|| format!("`{}` is no CVE", cve.escape_debug()))?;
        let product = clean::words(&self.product.unwrap_or_default());
        if product.is_empty() {
            return Err(format!("{id} names no product"));
        }
        let published = time("initialReleaseDate", self.initial_release_date.as_deref())?;
        let modified = time("releaseDate", self.release_date.as_deref())?;
        let document = self.release_number.filter(|name| !name.trim().is_empty());
        let document = document.map(|name| clean::words(&name));
        let document = document.or_else(|| published.map(|time| month(time.date())));
        let impact = clean::words(&self.impact.unwrap_or_default());
        let fixes = self.kb_articles.into_iter();
        let fixes = fixes.filter_map(|article| article.fix(id.as_str(), report));
        let affected = AffectedProduct {
            product,
            severity: self.severity.as_deref().and_then(Severity::parse),
            cvss_tenths: tenths(&self.base_score),
            nature: Nature::of([impact.as_str()], self.cwe_list.ids()),
            fixes: fixes.collect(),
        };
        let document = document.unwrap_or_default();
        let key = (id.as_str().to_owned(), document.clone());
        let advisory = advisories.entry(key).or_insert_with(|| Advisory {
            feed: feed.to_owned(),
            document,
            title: if impact.is_empty() {
                id.to_string()
            } else {
                impact
            },
            cves: is_cve.then(|| id.as_str().to_owned()).into_iter().collect(),
            published,
            modified,
            affected: Vec::new(),
            id,
        });
        advisory.modified = advisory.modified.max(modified);
        advisory.affected.push(affected);
        Ok(())
    }
}

impl Article {
    /// The update that it names, if it names one.
    fn fix(self, id: &str, report: &mut FeedReport) -> Option<Fix> {
        let update = clean::update(&self.name, &self.download_name, &self.url)?;
        let name = format!("{id} {update}");
        let kind = clean::kind(&self.download_name).unwrap_or_else(|| {
            let kind = self.download_name.escape_debug();
            report.problem(
                &name,
                format!("`{kind}` is a sort of update that is new to us"),
            );
            UpdateKind::Other
        });
        let build = clean::build(&self.fixed_build_number).unwrap_or_else(|_| {
            let build = self.fixed_build_number.escape_debug();
            report.problem(&name, format!("`{build}` is no build"));
            None
        });
        let (supersedes, _) = clean::superseded(&self.supercedence);
        let own = update.kb();
        let url = [&self.download_url, &self.url];
        let mut url = url.into_iter().filter_map(|url| clean::url(url).ok()?);
        Some(Fix {
            together_with: Vec::new(),
            files: Vec::new(),
            kind,
            build,
            since: None,
            supersedes: supersedes
                .into_iter()
                .filter(|kb| own != Some(*kb))
                .collect(),
            restart: clean::restart(&self.reboot_required).unwrap_or_default(),
            url: url.next(),
            update,
        })
    }
}

fn time(field: &str, text: Option<&str>) -> Result<Option<UtcTime>, String> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let time = clean::time(text).map(Some);
    time.ok_or_else(|| format!("{field} is no time: `{}`", text.escape_debug()))
}

/// A score, which is a number or text.
fn tenths(score: &Value) -> Option<u8> {
    match score {
        Value::String(text) => clean::tenths(text),
        Value::Number(number) => clean::tenths(&number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KbId, Restart, UpdateId};

    const PAGE: &str = include_str!("../../../fixtures/feeds/msrc-sug/affectedProduct.json");

    fn read(doc: &str) -> Result<(FeedReport, Vec<Advisory>), FeedError> {
        let mut advisories = Vec::new();
        let report = MsrcSug.read(&mut doc.as_bytes(), &mut |record| match record {
            Record::Advisory(advisory) => advisories.push(advisory),
            other => panic!("{other:?}"),
        })?;
        Ok((report, advisories))
    }

    #[test]
    fn rows_of_one_flaw_are_one_advisory_with_its_products() {
        assert!(MsrcSug.recognises(&Outline::of(PAGE.as_bytes())));
        let (report, advisories) = read(PAGE).unwrap();
        assert_eq!((report.read, report.skipped, report.irrelevant), (2, 2, 2));
        assert_eq!(advisories.len(), 2);
        let kernel = &advisories[1];
        assert_eq!(kernel.id.as_str(), "CVE-2025-24066");
        assert_eq!(kernel.document, "2025-Mar");
        assert_eq!(kernel.cves, ["CVE-2025-24066"]);
        let products = kernel.affected.iter().map(|one| &*one.product);
        assert_eq!(
            products.collect::<Vec<_>>(),
            [
                "Windows Server 2016",
                "Windows 10 Version 1607 for x64-based Systems"
            ]
        );
        let server = &kernel.affected[0];
        assert_eq!(
            (server.severity, server.cvss_tenths),
            (Some(Severity::High), Some(78))
        );
        assert_eq!(server.nature.as_str(), "elevation_of_privilege CWE-122");
        let fix = &server.fixes[0];
        assert_eq!(fix.update, UpdateId::Kb(KbId(5_053_594)));
        assert_eq!(fix.kind, UpdateKind::Security);
        assert_eq!(fix.build.as_deref(), Some("10.0.14393.7876"));
        assert_eq!(fix.supersedes, [KbId(5_052_006)]);
        assert_eq!(fix.restart, Some(Restart::Yes));
        assert_eq!(server.fixes.len(), 1);
    }

    #[test]
    fn a_flaw_of_a_service_has_no_update() {
        let (_, advisories) = read(PAGE).unwrap();
        assert_eq!(advisories[0].id.as_str(), "CVE-2025-21384");
        assert_eq!(advisories[0].affected[0].fixes, []);
    }

    #[test]
    fn other_tables_of_the_guide_are_known_and_left_out() {
        let deployment = r#"{"value": [{"articleName": "3147461", "product": "Windows 10 for 32-bit Systems"}]}"#;
        let advisory =
            r#"{"value": [{"advisoryNumber": "ADV236618", "title": "T", "body": "<p>"}]}"#;
        for doc in [deployment, advisory] {
            assert!(MsrcSug.recognises(&Outline::of(doc.as_bytes())));
            let (report, _) = read(doc).unwrap();
            assert_eq!((report.read, report.irrelevant), (0, 1));
        }
        let index = r#"{"value": [{"ID": "2025-Mar", "CvrfUrl": "https://example.org"}]}"#;
        assert!(!MsrcSug.recognises(&Outline::of(index.as_bytes())));
    }

    #[test]
    fn a_page_cut_short_is_an_error() {
        for end in (1..PAGE.trim_end().len()).step_by(7) {
            assert!(read(PAGE.get(..end).unwrap_or_default()).is_err());
        }
    }
}
