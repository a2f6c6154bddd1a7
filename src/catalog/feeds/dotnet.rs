//! The releases of .NET, as its makers list them: `releases.json` of each channel, and the index of channels.
//!
//! A channel's document gives build rows of the product `.net 8.0` (up to 3.1 `.net core 3.1`), one for each of the
//! three runtimes: the branch is the folder of `dotnet\shared` in which each version of it lies,
//! `Microsoft.NETCore.App`, `Microsoft.AspNetCore.App` or `Microsoft.WindowsDesktop.App`. The label is the
//! release, whose number its runtimes need not have. Previews are left out.
//!
//! A release names the CVEs that it fixes, not which of its runtimes, its SDK or which system they are in.
//! So no advisory is made of them: a host without ASP.NET Core would be told of every flaw in it. The
//! names stand in the build rows; MSRC's documents say what is affected (`.NET 8.0 installed on Windows`,
//! `ASP.NET Core 8.0`).
//!
//! A row has the installers for Windows, by architecture, with their SHA-512.
//!
//! The end of support becomes a lifecycle row `dotnet 8.0`. endoflife.date calls it `dotnet 8`, so that
//! both may speak and a look-up by `8.0` finds the maker's own first. Channels before 5.0 ended long
//! ago; there both would use one name, so they are left to endoflife.date, whose dates are built in.

use super::msrc_clean as clean;
use super::stream::or_default;
use super::text::{day, dotted, is_cve};
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Arch, BuildRow, Download, FileHash, Lifecycle};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// A channel has one or two megabytes.
const MOST_BYTES: u64 = 64 << 20;

/// The first that is called .NET and not .NET Core.
const FIRST_WITHOUT_CORE: u32 = 5;

/// <https://github.com/dotnet/core/tree/main/release-notes>
#[derive(Debug)]
pub(super) struct DotnetReleases;

impl Feed for DotnetReleases {
    fn name(&self) -> &'static str {
        "dotnet-releases"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Object
            && (outline.has(1, "releases-index")
                || (outline.has(1, "channel-version") && outline.has(1, "releases")))
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let wrong = |source| {
            let feed = self.name();
            FeedError::Json { feed, source }
        };
        let document: Value = serde_json::from_reader(doc.take(MOST_BYTES)).map_err(wrong)?;
        let mut report = FeedReport::default();
        if let Some(Value::Array(channels)) = document.get("releases-index") {
            for value in channels {
                match Channel::deserialize(value) {
                    Ok(channel) => channel.lifecycle(&mut report, out),
                    Err(what) => report.skip("of the index", what),
                }
            }
            return Ok(report);
        }
        let channel = Channel::deserialize(&document).map_err(wrong)?;
        channel.lifecycle(&mut report, out);
        channel.builds(&mut report, out);
        Ok(report)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Channel {
    #[serde(rename = "channel-version")]
    name: String,
    eol_date: Option<String>,
    #[serde(default)]
    releases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Release {
    #[serde(rename = "release-version")]
    label: String,
    #[serde(rename = "release-date")]
    released: Option<String>,
    security: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    cve_list: Vec<Cve>,
    runtime: Option<Runtime>,
    aspnetcore_runtime: Option<Runtime>,
    windowsdesktop: Option<Runtime>,
}

#[derive(Deserialize)]
struct Cve {
    #[serde(rename = "cve-id")]
    id: String,
}

#[derive(Deserialize)]
struct Runtime {
    version: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    files: Vec<Value>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    rid: String,
    url: String,
    hash: String,
}

impl Runtime {
    /// The installers for Windows, of those whose hash and address are sound.
    fn installers(&self, problem: &mut dyn FnMut(String)) -> Vec<Download> {
        let files = self
            .files
            .iter()
            .filter_map(|file| File::deserialize(file).ok());
        let installers = files.filter(|file| {
            let name = file.name.rsplit_once('.');
            name.is_some_and(|(_, end)| end == "exe")
        });
        let installers = installers.filter_map(|file| {
            let arch = Arch::parse(file.rid.strip_prefix("win-")?)?;
            let url = clean::url(&file.url).ok().flatten();
            let hash = FileHash::parse("sha512", &file.hash);
            if url.is_none() || hash.is_none() {
                let name = file.name.escape_debug();
                problem(format!(
                    "`{name}` has no sound address and SHA-512: left out"
                ));
                return None;
            }
            Some(Download {
                arch: Some(arch),
                url,
                hash,
                ..Download::default()
            })
        });
        installers.collect()
    }
}

impl Channel {
    fn major(&self) -> Option<u32> {
        self.name.split('.').next()?.parse().ok()
    }

    fn lifecycle(&self, report: &mut FeedReport, out: &mut dyn FnMut(Record)) {
        let name = &self.name;
        let Some(major) = self.major().filter(|_| dotted(name).is_some()) else {
            report.skip(name, "channel-version is no number");
            return;
        };
        let end = self.eol_date.as_deref().filter(|text| !text.is_empty());
        let end_of_life = end.and_then(day);
        if let (Some(text), None) = (end, end_of_life) {
            let what = format!("eol-date is no date: `{}`", text.escape_debug());
            report.skip(name, what);
            return;
        }
        if major < FIRST_WITHOUT_CORE {
            report.irrelevant += 1;
            return;
        }
        report.read += 1;
        out(Record::Lifecycle(Lifecycle {
            product: "dotnet".to_owned(),
            version: name.clone(),
            codename: None,
            released: None,
            end_of_life,
            end_of_extended: None,
        }));
    }

    fn builds(self, report: &mut FeedReport, out: &mut dyn FnMut(Record)) {
        let is_core = self.major().is_some_and(|major| major < FIRST_WITHOUT_CORE);
        let family = if is_core { ".net core" } else { ".net" };
        let product = format!("{family} {}", self.name);
        // One runtime may come with several releases of the SDK.
        let mut rows: BTreeMap<(String, String), BuildRow> = BTreeMap::new();
        for value in self.releases {
            let record = value.get("release-version").and_then(Value::as_str);
            let record = record.unwrap_or("without a version").to_owned();
            match Release::deserialize(value) {
                Ok(release) => release.builds(&product, report, &mut rows),
                Err(what) => report.skip(&record, what),
            }
        }
        for row in rows.into_values() {
            report.read += 1;
            out(Record::Build(row));
        }
    }
}

impl Release {
    fn builds(
        self,
        product: &str,
        report: &mut FeedReport,
        rows: &mut BTreeMap<(String, String), BuildRow>,
    ) {
        let released = self.released.as_deref().and_then(day);
        if released.is_none() {
            report.problem(&self.label, "release-date is no date");
        }
        let cves = self
            .cve_list
            .into_iter()
            .map(|cve| cve.id.trim().to_owned());
        let (mut cves, wrong): (Vec<_>, Vec<_>) = cves.partition(|id| is_cve(id));
        cves.sort_unstable();
        for id in wrong.iter().filter(|id| !id.is_empty()) {
            let what = format!("`{}` is no CVE id", id.escape_debug());
            report.problem(&self.label, what);
        }
        let runtimes = [
            ("Microsoft.NETCore.App", self.runtime),
            ("Microsoft.AspNetCore.App", self.aspnetcore_runtime),
            ("Microsoft.WindowsDesktop.App", self.windowsdesktop),
        ];
        for (branch, runtime) in runtimes {
            let Some((runtime, version)) =
                runtime.and_then(|mut one| one.version.take().map(|version| (one, version)))
            else {
                continue;
            };
            // `8.0.0-rc.2.23479.6`: nothing that should run anywhere.
            let Some(build) = dotted(&version) else {
                report.irrelevant += 1;
                continue;
            };
            let key = (branch.to_owned(), build.clone());
            let row = rows.entry(key).or_insert_with(|| BuildRow {
                product: product.to_owned(),
                branch: branch.to_owned(),
                build,
                label: self.label.clone(),
                kb: None,
                released,
                supported_until: None,
                is_security: self.security,
                files: Vec::new(),
                cves: Vec::new(),
            });
            let label = &self.label;
            row.files
                .extend(runtime.installers(&mut |what| report.problem(label, what)));
            row.files.sort_unstable();
            row.files.dedup();
            row.is_security = row.is_security.max(self.security);
            row.released = match (row.released, released) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            row.cves.extend(cves.iter().cloned());
            row.cves.sort_unstable();
            row.cves.dedup();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Date;

    type Rows = (FeedReport, Vec<BuildRow>, Vec<Lifecycle>);

    fn read(mut doc: &[u8]) -> Result<Rows, FeedError> {
        let (mut builds, mut lifecycles) = (Vec::new(), Vec::new());
        let report = DotnetReleases.read(&mut doc, &mut |record| match record {
            Record::Build(row) => builds.push(row),
            Record::Lifecycle(row) => lifecycles.push(row),
            other => panic!("{other:?}"),
        })?;
        Ok((report, builds, lifecycles))
    }

    const CHANNEL: &[u8] = include_bytes!("../../../fixtures/feeds/dotnet-releases/8.0.json");
    const INDEX: &[u8] = include_bytes!("../../../fixtures/feeds/dotnet-releases/index.json");

    #[test]
    fn each_runtime_of_a_release_is_a_row_and_previews_are_none() {
        let (report, builds, lifecycles) = read(CHANNEL).unwrap();
        assert_eq!((report.read, report.skipped, report.irrelevant), (8, 1, 3));
        let of = |branch: &str| -> Vec<_> {
            let rows = builds.iter().filter(|row| row.branch == branch);
            rows.map(|row| (&*row.build, &*row.label, row.is_security))
                .collect()
        };
        assert_eq!(
            of("Microsoft.AspNetCore.App"),
            [
                ("8.0.16", "8.0.16", Some(true)),
                ("8.0.23", "8.0.23", Some(false))
            ]
        );
        assert_eq!(of("Microsoft.NETCore.App").len(), 3);
        let row = builds.iter().find(|row| row.build == "8.0.17").unwrap();
        assert_eq!(row.product, ".net 8.0");
        assert_eq!(row.cves, ["CVE-2025-26646", "CVE-2025-30399"]);
        assert_eq!(row.released, Date::parse("2025-06-10"));
        assert_eq!(row.is_security, Some(true));
        assert_eq!(
            (&*lifecycles[0].product, &*lifecycles[0].version),
            ("dotnet", "8.0")
        );
        assert_eq!(lifecycles[0].end_of_life, Date::parse("2026-11-10"));
    }

    #[test]
    fn a_runtime_has_its_installers_by_architecture() {
        let (report, builds, _) = read(CHANNEL).unwrap();
        let row = builds
            .iter()
            .find(|row| row.build == "8.0.23" && row.branch == "Microsoft.NETCore.App");
        let files = &row.unwrap().files;
        let arches: Vec<_> = files.iter().filter_map(|file| file.arch).collect();
        assert_eq!(arches, [Arch::X86, Arch::X64]);
        let x64 = Download::choose(files, Some(Arch::X64)).unwrap();
        let url = "https://builds.dotnet.microsoft.com/dotnet/Runtime/8.0.23/dotnet-runtime-8.0.23-win-x64.exe";
        assert_eq!(x64.url.as_deref(), Some(url));
        let hash = x64.hash.as_ref().unwrap().as_str();
        assert!(hash.starts_with("sha512:b4798b0023a0"), "{hash}");
        assert_eq!(
            report.problems.first().map(String::as_str),
            Some(
                "record 8.0.23: `dotnet-runtime-win-arm64.exe` has no sound address and SHA-512: left out"
            )
        );
        let other = builds.iter().find(|row| row.build == "8.0.17").unwrap();
        assert!(other.files.is_empty());
    }

    #[test]
    fn the_index_has_the_end_of_support_of_each_channel() {
        let (report, builds, lifecycles) = read(INDEX).unwrap();
        assert_eq!((report.read, report.irrelevant, builds.len()), (3, 1, 0));
        let ends: Vec<_> = lifecycles
            .iter()
            .map(|row| (&*row.version, row.end_of_life.map(|day| day.to_string())))
            .collect();
        let expected = [
            ("11.0", None),
            ("8.0", Some("2026-11-10".to_owned())),
            ("7.0", Some("2024-05-14".to_owned())),
        ];
        assert_eq!(ends, expected);
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        for doc in [CHANNEL, INDEX] {
            let whole = doc.trim_ascii_end();
            for length in (1..whole.len()).step_by(31) {
                assert!(read(&whole[..length]).is_err(), "{length}");
            }
        }
        assert!(read(b"{\"channel-version\": 8, \"releases\": []}").is_err());
    }
}
