//! Rocky Linux's errata, from its tool Apollo: pages of its programming interface, of the present version
//! (`nevra`s with their modules) and of the one before (`nvras` by product), or one advisory a document.

use super::Erratum;
use crate::catalog::feeds::builds::{Build, stream};
use crate::catalog::feeds::records::{RawRecord, each_element, each_record, stated_id};
use crate::catalog::feeds::rpm::{self, Nevra};
use crate::catalog::feeds::stream::{Weaknesses, or_default};
use crate::catalog::feeds::text::{is_cve, moment};
use crate::catalog::feeds::{APOLLO, Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{HEAD_BYTES, Outline, Shape};
use crate::model::{Nature, Severity};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// <https://apollo.build.resf.org/api/v3/advisories/>
#[derive(Debug)]
pub(in crate::catalog::feeds) struct Apollo;

/// The member of a page that has the advisories.
const PAGE: &str = "advisories";

impl Feed for Apollo {
    fn name(&self) -> &'static str {
        APOLLO
    }

    fn recognises(&self, outline: &Outline) -> bool {
        let is_advisory = |depth| outline.has(depth, "synopsis") && outline.has(depth, "name");
        let is_page = outline.has(1, PAGE) && outline.any(3, |key| key == "synopsis");
        outline.shape == Shape::Object
            && (is_page
                || is_advisory(1)
                || (outline.has(1, "affectedProducts") && outline.has(1, "cves")))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let failed = |source| FeedError::Json {
            feed: APOLLO,
            source,
        };
        let mut head = Vec::new();
        let read = (&mut *doc).take(HEAD_BYTES as u64).read_to_end(&mut head);
        read.map_err(|error| failed(serde_json::Error::io(error)))?;
        let is_page = Outline::of(&head).has(1, PAGE);
        let mut report = FeedReport::default();
        let mut take = |raw: RawRecord<'_>| match raw {
            RawRecord::Whole(bytes) => match serde_json::from_slice::<Advisory>(bytes) {
                Ok(advisory) => {
                    let erratum = advisory.into_erratum(&mut report);
                    erratum.hand_out(APOLLO, &mut report, out);
                }
                Err(what) => report.skip(&stated_id(bytes, &["name"]), what),
            },
            RawRecord::TooLong(bytes) => {
                report.skip(&stated_id(bytes, &["name"]), "it is too long");
            }
        };
        let doc = head.chain(doc);
        let end = if is_page {
            each_element(doc, PAGE, &mut take)
        } else {
            each_record(doc, &mut take)
        };
        end.map_err(failed)?;
        Ok(report)
    }
}

/// Apollo's own shape, of both versions. It never leaves this file.
#[derive(Deserialize)]
struct Advisory {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    synopsis: String,
    /// `Security`, or `TYPE_SECURITY` of the version before.
    #[serde(alias = "type")]
    kind: Option<String>,
    /// `Moderate`, or `SEVERITY_MODERATE`.
    severity: Option<String>,
    #[serde(alias = "publishedAt")]
    published_at: Option<String>,
    updated_at: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    cves: Vec<Cve>,
    #[serde(default, deserialize_with = "or_default")]
    packages: Vec<Package>,
    /// By product.
    #[serde(default, deserialize_with = "or_default")]
    rpms: BTreeMap<String, Rpms>,
}

#[derive(Deserialize)]
struct Cve {
    #[serde(rename = "cve", alias = "name")]
    id: Option<String>,
    #[serde(alias = "cvss3BaseScore")]
    cvss3_base_score: Option<String>,
    #[serde(rename = "cwe", default)]
    weakness: Weaknesses,
}

#[derive(Deserialize)]
struct Package {
    nevra: String,
    module_name: Option<String>,
    module_stream: Option<String>,
    product_name: Option<String>,
}

#[derive(Deserialize)]
struct Rpms {
    #[serde(default, deserialize_with = "or_default")]
    nvras: Vec<String>,
}

impl Advisory {
    fn into_erratum(self, report: &mut FeedReport) -> Erratum {
        let streams = rpm::streams(&self.synopsis);
        let scores = self
            .cves
            .iter()
            .filter_map(|one| tenths(one.cvss3_base_score.as_deref()?));
        let severity = self.severity.as_deref().unwrap_or_default();
        let severity = severity.strip_prefix("SEVERITY_").unwrap_or(severity);
        let kind = self.kind.as_deref().unwrap_or("Security");
        let mut erratum = Erratum {
            page: format!("https://errata.rockylinux.org/{}", self.name),
            title: self.synopsis,
            is_security: kind.to_ascii_lowercase().contains("security"),
            severity: Severity::parse(severity),
            cvss_tenths: scores.max(),
            nature: Nature::of([], self.cves.iter().flat_map(|one| one.weakness.ids())),
            published: self.published_at.as_deref().and_then(moment),
            modified: self.updated_at.as_deref().and_then(moment),
            id: self.name,
            ..Erratum::default()
        };
        if !erratum.is_security {
            return erratum;
        }
        for package in &self.packages {
            let module = package
                .module_name
                .as_deref()
                .zip(package.module_stream.as_deref());
            let module = module.and_then(|(name, number)| stream(&format!("{name}:{number}")));
            let product = package.product_name.as_deref().unwrap_or_default();
            erratum.add_nevra(&package.nevra, product, (module, &streams), report);
        }
        for (product, rpms) in &self.rpms {
            for nevra in &rpms.nvras {
                erratum.add_nevra(nevra, product, (None, &streams), report);
            }
        }
        let cves = self.cves.into_iter().filter_map(|one| one.id);
        erratum.cves = cves.filter(|cve| is_cve(cve)).collect();
        erratum
    }
}

impl Erratum {
    fn add_nevra(
        &mut self,
        nevra: &str,
        product: &str,
        (module, streams): (Option<String>, &[String]),
        report: &mut FeedReport,
    ) {
        let parts = Nevra::parse(nevra);
        let known = parts.and_then(|parts| {
            let evr = rpm::evr(parts.epoch, parts.version, parts.release)?;
            Some((parts, evr))
        });
        let Some((parts, evr)) = known else {
            let nevra = nevra.escape_debug();
            return report.problem(
                &self.id,
                format!("`{nevra}` is no name of a build: left out"),
            );
        };
        let Some((ecosystem, repository)) = place(product) else {
            let product = product.escape_debug();
            let what = format!("`{product}` is no release that we match: its builds are left out");
            return report.problem(&self.id, what);
        };
        let is_known = self.builds.add(
            Build {
                ecosystem,
                package: parts.name.to_owned(),
                evr,
                arch: parts.arch.to_owned(),
                module,
                repository,
            },
            streams,
        );
        if !is_known {
            let what = format!("the module of `{}` is not stated", parts.name);
            report.problem(&self.id, what);
        }
    }
}

/// The ecosystem of `Rocky Linux 8.6 aarch64 (Legacy)`, and the repository of `Rocky Linux SIG Cloud 8
/// x86_64`.
fn place(product: &str) -> Option<(String, Option<String>)> {
    let rest = product.strip_prefix("Rocky Linux ")?;
    let (group, rest) = match rest.strip_prefix("SIG ") {
        None => (None, rest),
        Some(rest) => {
            let (name, rest) = rest.split_once(' ')?;
            (Some(format!("sig-{}", name.to_lowercase())), rest)
        }
    };
    let major = rest.split(['.', ' ']).next()?;
    let is_number =
        !major.is_empty() && major.len() <= 3 && major.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (format!("Rocky Linux:{major}"), group))
}

/// A score in tenths: `7.5`.
fn tenths(score: &str) -> Option<u8> {
    let (whole, tenth) = score.trim().split_once('.').unwrap_or((score.trim(), "0"));
    let (whole, tenth): (u8, u8) = (whole.parse().ok()?, tenth.get(..1)?.parse().ok()?);
    whole
        .checked_mul(10)?
        .checked_add(tenth)
        .filter(|tenths| *tenths <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_a_release_and_perhaps_an_interest_groups() {
        let plain = |major: &str| Some((format!("Rocky Linux:{major}"), None));
        assert_eq!(place("Rocky Linux 10 aarch64"), plain("10"));
        assert_eq!(place("Rocky Linux 8.6 aarch64 (Legacy)"), plain("8"));
        assert_eq!(place("Rocky Linux 8"), plain("8"));
        let cloud = Some(("Rocky Linux:8".to_owned(), Some("sig-cloud".to_owned())));
        assert_eq!(place("Rocky Linux SIG Cloud 8"), cloud);
        assert_eq!(place("Fedora 40"), None);
    }

    #[test]
    fn a_score_is_kept_in_tenths() {
        assert_eq!(tenths("7.5"), Some(75));
        assert_eq!(tenths("10"), Some(100));
        for text in ["", "UNKNOWN", "11.0", "-1", "7."] {
            assert_eq!(tenths(text), None, "{text}");
        }
    }
}
