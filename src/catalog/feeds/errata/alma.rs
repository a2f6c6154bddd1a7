//! `AlmaLinux`'s errata: `errata.full.json`, and the older `errata.json`.

use super::Erratum;
use crate::catalog::feeds::builds::{Build, stream};
use crate::catalog::feeds::records::{RawRecord, each_element, each_record, stated_id};
use crate::catalog::feeds::rpm;
use crate::catalog::feeds::stream::or_default;
use crate::catalog::feeds::text::is_cve;
use crate::catalog::feeds::{ALMA_ERRATA, Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{HEAD_BYTES, Outline, Shape};
use crate::model::{Severity, UtcTime};
use serde::Deserialize;
use std::io::{BufRead, Read as _};

/// <https://errata.almalinux.org/9/errata.full.json>
#[derive(Debug)]
pub(in crate::catalog::feeds) struct AlmaErrata;

/// The member of the newer document that has the errata.
const DATA: &str = "data";

impl Feed for AlmaErrata {
    fn name(&self) -> &'static str {
        ALMA_ERRATA
    }

    fn recognises(&self, outline: &Outline) -> bool {
        match outline.shape {
            Shape::Object => {
                outline.has(1, DATA) && outline.has(3, "issued_date") && outline.has(3, "id")
            }
            Shape::Array => outline.has(2, "updateinfo_id") && outline.has(2, "issued_date"),
            _ => false,
        }
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let failed = |source| FeedError::Json {
            feed: ALMA_ERRATA,
            source,
        };
        let mut head = Vec::new();
        let read = (&mut *doc).take(HEAD_BYTES as u64).read_to_end(&mut head);
        read.map_err(|error| failed(serde_json::Error::io(error)))?;
        let is_array = Outline::of(&head).shape == Shape::Array;
        let mut report = FeedReport::default();
        let mut take = |raw: RawRecord<'_>| match raw {
            RawRecord::Whole(bytes) => match serde_json::from_slice::<Advisory>(bytes) {
                Ok(advisory) => {
                    let erratum = advisory.into_erratum(&mut report);
                    erratum.hand_out(ALMA_ERRATA, &mut report, out);
                }
                Err(what) => report.skip(&stated_id(bytes, &KEYS), what),
            },
            RawRecord::TooLong(bytes) => report.skip(&stated_id(bytes, &KEYS), "it is too long"),
        };
        let doc = head.chain(doc);
        let end = if is_array {
            each_record(doc, &mut take)
        } else {
            each_element(doc, DATA, &mut take)
        };
        end.map_err(failed)?;
        Ok(report)
    }
}

const KEYS: [&str; 2] = ["updateinfo_id", "id"];

/// The publisher's own shape. It never leaves this file.
#[derive(Deserialize)]
struct Advisory {
    #[serde(alias = "updateinfo_id")]
    id: String,
    issued_date: Option<Stamp>,
    updated_date: Option<Stamp>,
    severity: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    packages: Vec<Package>,
    #[serde(default, deserialize_with = "or_default")]
    pkglist: PackageList,
    #[serde(default, deserialize_with = "or_default")]
    modules: Vec<Module>,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<Reference>,
}

/// A moment: seconds since 1970, or in the older document milliseconds.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stamp {
    Seconds(i64),
    Milliseconds {
        #[serde(rename = "$date")]
        date: i64,
    },
}

impl Stamp {
    fn time(&self) -> UtcTime {
        UtcTime::from_unix(match self {
            Self::Seconds(seconds) => *seconds,
            Self::Milliseconds { date } => date / 1000,
        })
    }
}

#[derive(Default, Deserialize)]
struct PackageList {
    #[serde(default, deserialize_with = "or_default")]
    packages: Vec<Package>,
    module: Option<Module>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    epoch: Option<String>,
    version: String,
    release: String,
    arch: String,
    /// `mariadb:10.3:8050020220427075058:c5368500:x86_64`
    module: Option<String>,
}

#[derive(Deserialize)]
struct Module {
    name: String,
    stream: String,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
}

impl Advisory {
    fn into_erratum(self, report: &mut FeedReport) -> Erratum {
        let mut erratum = Erratum {
            is_security: self.kind.as_deref() == Some("security"),
            severity: self.severity.as_deref().and_then(Severity::parse),
            published: self.issued_date.map(|stamp| stamp.time()),
            modified: self.updated_date.map(|stamp| stamp.time()),
            title: self.title,
            id: self.id,
            ..Erratum::default()
        };
        if !erratum.is_security {
            return erratum;
        }
        let cves = self.references.into_iter().filter_map(|one| one.id);
        erratum.cves = cves.filter(|id| is_cve(id)).collect();
        let modules = self.modules.iter().chain(&self.pkglist.module);
        let mut streams: Vec<_> = modules
            .filter_map(|one| stream(&format!("{}:{}", one.name, one.stream)))
            .chain(rpm::streams(&erratum.title))
            .collect();
        streams.sort_unstable();
        streams.dedup();
        let mut major = None;
        for package in self.packages.iter().chain(&self.pkglist.packages) {
            let found = erratum.add_package(package, &streams, report);
            major = major.or(found);
        }
        let page = erratum.id.replace(':', "-");
        let major = major.unwrap_or_default();
        erratum.page = format!("https://errata.almalinux.org/{major}/{page}.html");
        erratum
    }
}

impl Erratum {
    /// Takes a build. Returns the number of its release.
    fn add_package<'p>(
        &mut self,
        package: &'p Package,
        streams: &[String],
        report: &mut FeedReport,
    ) -> Option<&'p str> {
        let epoch = package.epoch.as_deref().unwrap_or_default();
        let evr = rpm::evr(epoch, &package.version, &package.release);
        // The document does not say of which release it is; each of its builds does.
        let Some((evr, major)) = evr.zip(rpm::dist(&package.release, "el")) else {
            let build = format!("{} {}-{}", package.name, package.version, package.release);
            let build = build.escape_debug();
            let what = format!("`{build}` is no build of a release that we match: left out");
            report.problem(&self.id, what);
            return None;
        };
        let is_known = self.builds.add(
            Build {
                ecosystem: format!("AlmaLinux:{major}"),
                package: package.name.clone(),
                evr,
                arch: package.arch.clone(),
                module: package.module.as_deref().and_then(stream),
                repository: None,
            },
            streams,
        );
        if !is_known {
            let name = package.name.escape_debug();
            report.problem(&self.id, format!("the module of `{name}` is not stated"));
        }
        Some(major)
    }
}
