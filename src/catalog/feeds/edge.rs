//! The releases of Microsoft Edge, as its makers list them for administrators.
//!
//! <https://edgeupdates.microsoft.com/api/products?view=enterprise>. Each release of the stable channels for Windows
//! is a build row of the product `microsoft edge`, with its package (MSI) by architecture: address, bytes and hash.
//! The branch is the channel, `stable` or `extended stable`. What a release fixes is left to Microsoft's monthly
//! documents, which say it of the advisories' product.

use super::msrc_clean as clean;
use super::stream::or_default;
use super::text::{day, dotted};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Arch, BuildRow, Download, FileHash};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// The list has one or two megabytes.
const MOST_BYTES: u64 = 64 << 20;

/// The channels whose releases close flaws.
const CHANNELS: [&str; 2] = ["stable", "extended stable"];

/// See the module.
#[derive(Debug)]
pub(super) struct EdgeUpdates;

impl Feed for EdgeUpdates {
    fn name(&self) -> &'static str {
        "edge-updates"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Array && outline.has(2, "Product") && outline.has(2, "Releases")
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let document: Vec<Value> =
            serde_json::from_reader(doc.take(MOST_BYTES)).map_err(|source| FeedError::Json {
                feed: self.name(),
                source,
            })?;
        let mut report = FeedReport::default();
        let mut rows: BTreeMap<(String, String), BuildRow> = BTreeMap::new();
        for value in document {
            match Product::deserialize(value) {
                Ok(product) => product.builds(&mut report, &mut rows),
                Err(what) => report.skip("of the list", what),
            }
        }
        for row in rows.into_values() {
            report.read += 1;
            out(Record::Build(row));
        }
        Ok(report)
    }
}

#[derive(Deserialize)]
struct Product {
    #[serde(rename = "Product")]
    name: String,
    #[serde(rename = "Releases", default, deserialize_with = "or_default")]
    releases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Release {
    platform: String,
    architecture: String,
    product_version: String,
    published_time: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Artifact {
    #[serde(rename = "ArtifactName")]
    name: String,
    location: String,
    #[serde(default, deserialize_with = "or_default")]
    hash: String,
    #[serde(default, deserialize_with = "or_default")]
    hash_algorithm: String,
    size_in_bytes: Option<u64>,
}

impl Product {
    fn builds(self, report: &mut FeedReport, rows: &mut BTreeMap<(String, String), BuildRow>) {
        let branch = self
            .name
            .trim()
            .to_lowercase()
            .replace("extendedstable", "extended stable");
        if !CHANNELS.contains(&branch.as_str()) {
            report.irrelevant += 1;
            return;
        }
        for value in self.releases {
            let record = value.get("ProductVersion").and_then(Value::as_str);
            let record = record.unwrap_or("without a version").to_owned();
            let release = match Release::deserialize(value) {
                Ok(release) => release,
                Err(what) => {
                    report.skip(&record, what);
                    continue;
                }
            };
            let arch = Arch::parse(&release.architecture);
            let (true, Some(arch)) = (release.platform == "Windows", arch) else {
                report.irrelevant += 1;
                continue;
            };
            let Some(build) = dotted(&release.product_version) else {
                report.skip(&record, "ProductVersion is no version");
                continue;
            };
            let released = release.published_time.as_deref();
            let released = released.and_then(|time| day(time.split('T').next()?));
            let row = rows.entry((branch.clone(), build.clone()));
            let row = row.or_insert_with(|| BuildRow {
                product: "microsoft edge".to_owned(),
                branch: branch.clone(),
                label: build.clone(),
                build,
                kb: None,
                released,
                supported_until: None,
                is_security: None,
                cves: Vec::new(),
                files: Vec::new(),
            });
            let packages = release
                .artifacts
                .iter()
                .filter(|one| one.name.eq_ignore_ascii_case("msi"));
            for package in packages {
                match package.download(arch) {
                    Ok(file) => row.files.push(file),
                    Err(what) => report.problem(&record, what),
                }
            }
            row.files.sort_unstable();
            row.files.dedup();
        }
    }
}

impl Artifact {
    /// The file, where its address and hash are sound.
    fn download(&self, arch: Arch) -> Result<Download, &'static str> {
        let url = clean::url(&self.location).ok().flatten();
        let hash = FileHash::parse(&self.hash_algorithm, &self.hash);
        Ok(Download {
            arch: Some(arch),
            url: Some(url.ok_or("a package has no sound address: left out")?),
            hash: Some(hash.ok_or("a package has no sound hash: left out")?),
            size: self.size_in_bytes.filter(|size| *size > 0),
            silent: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Date;

    const LIST: &str = include_str!("../../../fixtures/feeds/edge-updates/products.json");

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<BuildRow>), FeedError> {
        let mut rows = Vec::new();
        let report = EdgeUpdates.read(&mut doc, &mut |record| match record {
            Record::Build(row) => rows.push(row),
            other => panic!("{other:?}"),
        })?;
        Ok((report, rows))
    }

    #[test]
    fn a_release_has_a_package_for_each_architecture_of_windows() {
        assert!(EdgeUpdates.recognises(&Outline::of(LIST.as_bytes())));
        let (report, rows) = read(LIST.as_bytes()).unwrap();
        assert_eq!((report.read, report.skipped, report.irrelevant), (2, 1, 2));
        assert_eq!(
            report.problems[0],
            "record 142.0.3595.90: a package has no sound hash: left out"
        );
        let newest = rows
            .iter()
            .find(|row| row.build == "143.0.3650.66")
            .unwrap();
        assert_eq!(
            (&*newest.product, &*newest.branch),
            ("microsoft edge", "stable")
        );
        assert_eq!(newest.released, Date::parse("2025-12-04"));
        let x64 = Download::choose(&newest.files, Some(Arch::X64)).unwrap();
        assert!(
            x64.url
                .as_deref()
                .unwrap()
                .ends_with("MicrosoftEdgeEnterpriseX64.msi")
        );
        assert_eq!(x64.size, Some(189_000_000));
        let hash = x64.hash.as_ref().unwrap().as_str();
        assert!(hash.starts_with("sha256:a1b2"), "{hash}");
        assert_eq!(Download::choose(&newest.files, None), None);
        assert_eq!(Download::choose(&newest.files, Some(Arch::Arm64)), None);
    }

    #[test]
    fn a_list_cut_short_is_an_error() {
        let whole = LIST.trim_end();
        for length in (1..whole.len()).step_by(13) {
            assert!(read(whole.get(..length).unwrap().as_bytes()).is_err());
        }
    }
}
