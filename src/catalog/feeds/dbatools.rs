//! The builds of SQL Server, as dbatools lists them (`dbatools-buildref-index.json`).
//!
//! One array holds all versions. The first build of a version has its `Name`; a build that is a
//! service pack (`RTM` is the first) has `SP` and the end of its support, one that is a cumulative update
//! has `CU`. All others are told by where they stand. Within a service pack Microsoft keeps two lines:
//!
//! - `gdr`: security fixes alone, on top of the service pack. Its builds are below the first
//!   cumulative update of that service pack.
//! - `cu`: cumulative updates and what came on top of them. Once on it, a server stays on it.
//!
//! A third is `azure connect pack`, for SQL Server 2016 SP3 with that pack: builds from 13.0.7000 on.
//!
//! The first word of a label is the service pack, where a version has more than one (up to 2016): `SP3 GDR`,
//! `SP2 CU17`, `RTM CU9`. Lines of different service packs are different lines, though their branch has
//! one name: a `cu` of SP2 and a `gdr` of SP3 do not compare. From 2017 on there is only `RTM`, which is
//! left out: `GDR`, `CU32`. What came on top of a cumulative update is `CU32 + hotfix`; those of a
//! Patch Tuesday hold security fixes, but the list does not say which do.

use super::text::{day, dotted};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{BuildRow, Date, KbId};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// The document has some hundred kilobytes.
const MOST_BYTES: u64 = 64 << 20;

/// The pack's builds stand between those of the service pack and of nothing else.
const AZURE_CONNECT: [u32; 3] = [13, 0, 7000];

/// <https://dataplat.github.io/builds>
#[derive(Debug)]
pub(super) struct DbatoolsBuilds;

impl Feed for DbatoolsBuilds {
    fn name(&self) -> &'static str {
        "dbatools-builds"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Object
            && outline.has(1, "Data")
            && outline.has(3, "Version")
            && (outline.has(1, "LastUpdated") || outline.has(3, "KBList"))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let document: Document =
            serde_json::from_reader(doc.take(MOST_BYTES)).map_err(|source| {
                let feed = self.name();
                FeedError::Json { feed, source }
            })?;
        let mut report = FeedReport::default();
        let mut versions: BTreeMap<(u32, u32), Vec<Listed>> = BTreeMap::new();
        for (index, value) in document.data.into_iter().enumerate() {
            let record = value.get("Version").and_then(Value::as_str);
            let record = record.map_or_else(|| format!("number {}", index + 1), str::to_owned);
            match Listed::read(value) {
                Ok(build) => {
                    let version = versions.entry((build.order[0], build.order[1]));
                    version.or_default().push(build);
                }
                Err(what) => report.skip(&record, what),
            }
        }
        for mut builds in versions.into_values() {
            builds.sort_by_key(|build| build.order);
            version(&builds, &mut report, out);
        }
        Ok(report)
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Data")]
    data: Vec<Value>,
}

/// An entry of the array.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "Version")]
    version: String,
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "SP")]
    pack: Option<OneOrMore>,
    #[serde(rename = "CU")]
    cumulative: Option<String>,
    #[serde(rename = "KBList")]
    articles: Option<OneOrMore>,
    #[serde(rename = "SupportedUntil")]
    supported_until: Option<String>,
    #[serde(rename = "ReleaseDate")]
    released: Option<String>,
    #[serde(rename = "Retired", default)]
    is_retired: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        };
        all.iter().map(String::as_str)
    }
}

/// An entry that reads.
struct Listed {
    order: [u32; 4],
    build: String,
    name: Option<String>,
    pack: Option<String>,
    cumulative: Option<String>,
    kb: Option<KbId>,
    supported_until: Option<Date>,
    released: Option<Date>,
    is_retired: bool,
}

impl Listed {
    fn read(value: Value) -> Result<Self, String> {
        let entry: Entry = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let build = dotted(&entry.version).ok_or("its version is no dotted number")?;
        let mut order = [0; 4];
        for (place, part) in order.iter_mut().zip(build.split('.')) {
            *place = part
                .parse()
                .map_err(|_| "its version is no dotted number")?;
        }
        let date = |field: &str, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => day(&text)
                .map(Some)
                .ok_or_else(|| format!("{field} is no date: `{}`", text.escape_debug())),
        };
        let article = entry.articles.as_ref().and_then(|all| all.iter().next());
        let article = article.filter(|text| (5..=8).contains(&text.len()));
        let mut packs = entry.pack.as_ref().into_iter().flat_map(OneOrMore::iter);
        Ok(Self {
            order,
            build,
            name: entry.name,
            pack: packs.find(|pack| *pack != "LATEST").map(str::to_owned),
            cumulative: entry.cumulative,
            kb: article.and_then(|text| text.parse().ok()).map(KbId),
            supported_until: date("SupportedUntil", entry.supported_until)?,
            released: date("ReleaseDate", entry.released)?,
            is_retired: entry.is_retired,
        })
    }
}

/// Where in a version the reader is.
struct Place<'a> {
    pack: &'a str,
    supported_until: Option<Date>,
    cumulative: Option<&'a str>,
}

/// Hands out the builds of one version, which are sorted.
fn version(builds: &[Listed], report: &mut FeedReport, out: &mut dyn FnMut(Record)) {
    let Some(name) = builds.iter().find_map(|build| build.name.as_deref()) else {
        for build in builds {
            report.skip(&build.build, "no entry names its version");
        }
        return;
    };
    // `2008R2` is the only name with letters.
    let name = name.to_lowercase().replace("r2", " r2").replace("  ", " ");
    let product = format!("sql server {name}");
    let is_pack = |pack: &str| pack.starts_with("SP");
    let has_packs = builds.iter().filter_map(|build| build.pack.as_deref());
    let has_packs = has_packs.into_iter().any(is_pack);
    let mut place = None;
    for build in builds {
        match build.pack.as_deref() {
            Some(pack) if pack == "RTM" || is_pack(pack) => {
                place = Some(Place {
                    pack,
                    supported_until: build.supported_until,
                    cumulative: None,
                });
            }
            _ => {}
        }
        // Before the first release, and marked as a candidate for it.
        let is_preview = build
            .pack
            .as_deref()
            .is_some_and(|pack| pack != "RTM" && !is_pack(pack));
        let Some(place) = place.as_mut().filter(|_| !is_preview) else {
            report.irrelevant += 1;
            continue;
        };
        place.cumulative = build.cumulative.as_deref().or(place.cumulative);
        report.read += 1;
        out(Record::Build(row(&product, has_packs, place, build)));
    }
}

fn row(product: &str, has_packs: bool, place: &Place<'_>, build: &Listed) -> BuildRow {
    let is_connect =
        build.order.starts_with(&AZURE_CONNECT[..2]) && build.order[2] >= AZURE_CONNECT[2];
    let (branch, on_branch) = match (place.cumulative, &build.cumulative) {
        _ if is_connect => ("azure connect pack", "ACP".to_owned()),
        (_, Some(cumulative)) => ("cu", cumulative.clone()),
        (Some(cumulative), None) => ("cu", format!("{cumulative} + hotfix")),
        (None, None) if build.pack.is_some() => ("gdr", String::new()),
        (None, None) => ("gdr", "GDR".to_owned()),
    };
    let mut words = Vec::new();
    if has_packs || on_branch.is_empty() {
        words.push(place.pack);
    }
    if !on_branch.is_empty() {
        words.push(&on_branch);
    }
    if build.is_retired {
        words.push("(withdrawn)");
    }
    BuildRow {
        product: product.to_owned(),
        branch: branch.to_owned(),
        build: build.build.clone(),
        label: words.join(" "),
        kb: build.kb,
        released: build.released,
        supported_until: place.supported_until,
        is_security: None,
        files: Vec::new(),
        cves: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<BuildRow>), FeedError> {
        let mut rows = Vec::new();
        let report = DbatoolsBuilds.read(&mut doc, &mut |record| match record {
            Record::Build(row) => rows.push(row),
            other => panic!("{other:?}"),
        })?;
        Ok((report, rows))
    }

    const DOC: &[u8] = include_bytes!("../../../fixtures/feeds/dbatools-builds/builds.json");

    #[test]
    fn the_line_of_a_build_is_told_by_the_cumulative_updates_of_its_service_pack() {
        let (report, rows) = read(DOC).unwrap();
        assert_eq!((report.read, report.skipped, report.irrelevant), (20, 1, 2));
        let found: Vec<_> = rows
            .iter()
            .map(|row| (&*row.product, &*row.branch, &*row.build, &*row.label))
            .collect();
        let expected = [
            ("sql server 2008 r2", "gdr", "10.50.1600", "RTM"),
            ("sql server 2008 r2", "gdr", "10.50.1617", "RTM GDR"),
            ("sql server 2008 r2", "cu", "10.50.1702", "RTM CU1"),
            ("sql server 2008 r2", "gdr", "10.50.2500", "SP1"),
            ("sql server 2016", "gdr", "13.0.1601", "RTM"),
            ("sql server 2016", "cu", "13.0.2149", "RTM CU1"),
            ("sql server 2016", "cu", "13.0.2169", "RTM CU1 + hotfix"),
            ("sql server 2016", "gdr", "13.0.5026", "SP2"),
            ("sql server 2016", "gdr", "13.0.5108", "SP2 GDR"),
            ("sql server 2016", "cu", "13.0.5479", "SP2 CU9 (withdrawn)"),
            ("sql server 2016", "cu", "13.0.5893", "SP2 CU9 + hotfix"),
            ("sql server 2016", "gdr", "13.0.6300", "SP3"),
            ("sql server 2016", "gdr", "13.0.6500", "SP3 GDR"),
            (
                "sql server 2016",
                "azure connect pack",
                "13.0.7000",
                "SP3 ACP",
            ),
            (
                "sql server 2016",
                "azure connect pack",
                "13.0.7095",
                "SP3 ACP",
            ),
            ("sql server 2019", "gdr", "15.0.2000", "RTM"),
            ("sql server 2019", "gdr", "15.0.2180", "GDR"),
            ("sql server 2019", "cu", "15.0.4003", "CU1"),
            ("sql server 2019", "cu", "15.0.4430", "CU32"),
            ("sql server 2019", "cu", "15.0.4480", "CU32 + hotfix"),
        ];
        assert_eq!(found, expected);
        let last = rows.last().unwrap();
        assert_eq!(last.kb, Some(KbId(5_102_335)));
        assert_eq!(last.released, Date::parse("2026-07-14"));
        assert_eq!(last.supported_until, Date::parse("2030-01-08"));
        assert_eq!(rows[6].kb, Some(KbId(3_195_813)), "the first of two");
        assert_eq!(rows[6].supported_until, Date::parse("2018-01-09"));
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        let whole = DOC.trim_ascii_end();
        for length in (1..whole.len()).step_by(31) {
            assert!(read(&whole[..length]).is_err(), "{length}");
        }
    }
}
