//! What a document says of its components.

use super::super::rpm::is_evr;
use super::super::stream::{Weaknesses, opening, or_default};
use super::super::{FeedReport, REDHAT_CSAF, msrc_clean as clean};
use super::FixStatus;
use super::tree::{Component, Package, Tree};
use crate::model::{
    Affected, Bulletin, BulletinId, Nature, PackageScope, Severity, Spoken, UtcTime, VersionRange,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a document says of itself.
#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    tracking: Tracking,
    #[serde(default, deserialize_with = "or_default")]
    aggregate_severity: Word,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    initial_release_date: Option<String>,
    current_release_date: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Word {
    text: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Flaw {
    cve: Option<String>,
    cwe: Weaknesses,
    /// CSAF 2.1 has several.
    cwes: Weaknesses,
    #[serde(deserialize_with = "or_default")]
    product_status: Statuses,
    #[serde(deserialize_with = "or_default")]
    remediations: Vec<Remediation>,
    #[serde(deserialize_with = "or_default")]
    scores: Vec<Score>,
    #[serde(deserialize_with = "or_default")]
    threats: Vec<Threat>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Statuses {
    fixed: Vec<String>,
    known_affected: Vec<String>,
    under_investigation: Vec<String>,
    known_not_affected: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Remediation {
    category: String,
    #[serde(deserialize_with = "or_default")]
    details: String,
    #[serde(deserialize_with = "or_default")]
    product_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Score {
    cvss_v3: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Threat {
    category: String,
    #[serde(deserialize_with = "or_default")]
    details: String,
}

impl Head {
    pub(super) fn id(&self) -> &str {
        &self.tracking.id
    }
}

/// Reads a document. `None` where it speaks of nothing that we match.
pub(super) fn bulletin(
    head: Head,
    flaws: &[Flaw],
    tree: &Tree,
    report: &mut FeedReport,
) -> Result<Option<Bulletin>, String> {
    let id = head.tracking.id;
    let is_id = |char: char| char.is_ascii_alphanumeric() || "-:._".contains(char);
    if id.is_empty() || id.len() > 100 || !id.chars().all(is_id) {
        return Err("its id is missing or no word".to_owned());
    }
    if head.tracking.status == "draft" {
        return Ok(None);
    }
    let mut rows = Rows::default();
    for flaw in flaws {
        rows.flaw(flaw, tree, &mut |what| report.problem(&id, what));
    }
    let affected = rows.affected();
    if affected.is_empty() {
        return Ok(None);
    }
    let day = |text: Option<String>| -> Result<Option<UtcTime>, String> {
        let Some(text) = text else { return Ok(None) };
        let time = UtcTime::parse(&text).map(Some);
        time.ok_or_else(|| format!("`{}` is no time", text.escape_debug()))
    };
    let kind = if id.starts_with("CVE-") {
        "security/cve"
    } else {
        "errata"
    };
    let words = [&head.aggregate_severity.text].into_iter();
    let threats = flaws.iter().flat_map(|flaw| &flaw.threats);
    let threats = threats.filter(|threat| threat.category == "impact");
    let cwes = flaws
        .iter()
        .flat_map(|flaw| flaw.cwe.ids().chain(flaw.cwes.ids()));
    Ok(Some(Bulletin {
        feed: REDHAT_CSAF.to_owned(),
        title: opening(if head.title.is_empty() {
            &id
        } else {
            &head.title
        }),
        cves: cves(&id, flaws),
        severity: words
            .chain(threats.map(|threat| &threat.details))
            .filter_map(|word| Severity::parse(word))
            .max(),
        cvss_tenths: flaws
            .iter()
            .flat_map(|flaw| &flaw.scores)
            .filter_map(tenths)
            .max(),
        nature: Nature::of([], cwes),
        published: day(head.tracking.initial_release_date)?,
        modified: day(head.tracking.current_release_date)?,
        withdrawn: None,
        references: vec![format!("https://access.redhat.com/{kind}/{id}")],
        affected,
        id: BulletinId::new(id),
    }))
}

fn cves(id: &str, flaws: &[Flaw]) -> Vec<String> {
    let cves = flaws.iter().filter_map(|flaw| flaw.cve.as_deref());
    let cves = cves.filter(|cve| cve.starts_with("CVE-") && !cve.contains(char::is_whitespace));
    let own = Some(id).filter(|id| id.starts_with("CVE-"));
    let cves: BTreeSet<_> = cves.chain(own).map(str::to_owned).collect();
    cves.into_iter().collect()
}

fn tenths(score: &Score) -> Option<u8> {
    clean::tenths(&score.cvss_v3.get("baseScore")?.to_string())
}

/// What is said of packages, put together where only the architecture differs.
#[derive(Default)]
struct Rows(BTreeMap<Row, Said>);

/// What is said once.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    ecosystem: String,
    package: String,
    spoken: Spoken,
    module: Option<String>,
    status: FixStatus,
    fixed: Option<String>,
}

#[derive(Default)]
struct Said {
    arches: BTreeSet<String>,
    urgency: Option<String>,
}

/// A package that is built for all of these is built for every architecture of its release.
const EVERY: [&str; 4] = ["aarch64", "ppc64le", "s390x", "x86_64"];

impl Rows {
    fn flaw(&mut self, flaw: &Flaw, tree: &Tree, problem: &mut dyn FnMut(String)) {
        let plans = plans(flaw);
        let statuses = &flaw.product_status;
        for id in &statuses.fixed {
            if let Some(component) = tree.component(id) {
                self.fixed(component, problem);
            }
        }
        for id in &statuses.known_affected {
            let (status, words) = plans
                .get(&**id)
                .copied()
                .unwrap_or((FixStatus::Stated, None));
            self.unfixed(tree.component(id), status, words);
        }
        for id in &statuses.under_investigation {
            self.unfixed(tree.component(id), FixStatus::Undetermined, None);
        }
        for id in &statuses.known_not_affected {
            let component = tree.component(id);
            let component = component.filter(|one| one.package.version.is_none());
            self.unfixed(component, FixStatus::NotAffected, None);
        }
    }

    fn fixed(&mut self, component: Component, problem: &mut dyn FnMut(String)) {
        let Component { ecosystem, package } = component;
        let Package {
            name,
            version,
            arch,
            module,
        } = package;
        let is_symbols = name.ends_with("-debuginfo") || name.ends_with("-debugsource");
        if arch.as_deref() == Some("src") || is_symbols || name.contains("-debuginfo-") {
            return;
        }
        let Some(fixed) = version.filter(|version| is_evr(version)) else {
            problem(format!("the fix of {name} names no version"));
            return;
        };
        let row = Row {
            ecosystem,
            package: name,
            spoken: Spoken::Binary,
            module,
            status: FixStatus::Stated,
            fixed: Some(fixed),
        };
        self.0.entry(row).or_default().arches.extend(arch);
    }

    fn unfixed(&mut self, component: Option<Component>, status: FixStatus, words: Option<&str>) {
        let Some(Component { ecosystem, package }) = component else {
            return;
        };
        let is_source = package.arch.as_deref() == Some("src");
        let row = Row {
            ecosystem,
            package: package.name,
            spoken: if is_source {
                Spoken::Source
            } else {
                Spoken::Binary
            },
            module: package.module,
            status,
            fixed: None,
        };
        let said = self.0.entry(row).or_default();
        said.arches.extend(package.arch.filter(|_| !is_source));
        said.urgency = words.map(opening);
    }

    fn affected(self) -> Vec<Affected> {
        let affected = |(row, said): (Row, Said)| {
            let is_all = said.arches.contains("noarch")
                || EVERY.iter().all(|arch| said.arches.contains(*arch));
            let arches = said.arches.into_iter().filter(|_| !is_all).collect();
            let range = VersionRange {
                introduced: None,
                fixed: row.fixed,
                last_affected: None,
            };
            Affected {
                ecosystem: row.ecosystem,
                package: row.package,
                scope: PackageScope {
                    spoken: row.spoken,
                    arches,
                    module: row.module,
                    repository: None,
                },
                ranges: match row.status {
                    FixStatus::NotAffected => Vec::new(),
                    _ => vec![range],
                },
                status: row.status,
                urgency: said.urgency,
            }
        };
        self.0.into_iter().map(affected).collect()
    }
}

/// What Red Hat plans for what is not fixed, by product.
fn plans(flaw: &Flaw) -> HashMap<&str, (FixStatus, Option<&str>)> {
    let mut plans = HashMap::new();
    for plan in &flaw.remediations {
        let words = plan.details.trim();
        let status = match (&*plan.category, words) {
            ("no_fix_planned", _) => FixStatus::WontFix,
            ("none_available", "Fix deferred") => FixStatus::Postponed,
            ("none_available", _) => FixStatus::Stated,
            _ => continue,
        };
        let words = (!words.is_empty()).then_some(words);
        let ids = plan.product_ids.iter().map(String::as_str);
        plans.extend(ids.map(|id| (id, (status, words))));
    }
    plans
}
