//! A document's flaws, with the versions that fix them.

use super::super::month::month;
use super::super::stream::{Weaknesses, or_default};
use super::super::{FeedReport, msrc_clean as clean};
use super::range::{Range, range};
use super::tree::{Product, Tree, Version};
use crate::model::{
    Advisory, AffectedProduct, BulletinId, Fix, IMPACTS, Nature, Restart, Severity, UpdateId,
    UpdateKind, UtcTime, impact_word,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Whose document it is, and the name of the feed.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Microsoft(&'static str),
    Other(&'static str),
}

impl Source {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Microsoft(name) | Self::Other(name) => name,
        }
    }
}

/// What is known of a document before its flaws.
pub(super) struct Place<'a> {
    pub(super) source: Source,
    pub(super) head: &'a Head,
    pub(super) tree: &'a Tree,
}

/// What a document says of itself.
#[derive(Deserialize)]
pub(super) struct Head {
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    tracking: Tracking,
    #[serde(default, deserialize_with = "or_default")]
    aggregate_severity: Text,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    initial_release_date: Option<String>,
    current_release_date: Option<String>,
    status: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Text {
    text: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Flaw {
    cve: Option<String>,
    cwe: Weaknesses,
    /// CSAF 2.1 has several.
    cwes: Weaknesses,
    title: Option<String>,
    #[serde(deserialize_with = "or_default")]
    ids: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    product_status: Status,
    #[serde(deserialize_with = "or_default")]
    remediations: Vec<Remediation>,
    #[serde(deserialize_with = "or_default")]
    scores: Vec<Score>,
    #[serde(deserialize_with = "or_default")]
    threats: Vec<Threat>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(rename = "known_affected")]
    known: Vec<String>,
    #[serde(rename = "first_affected")]
    first: Vec<String>,
    #[serde(rename = "last_affected")]
    last: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Remediation {
    category: String,
    #[serde(deserialize_with = "or_default")]
    details: String,
    #[serde(deserialize_with = "or_default")]
    url: String,
    #[serde(deserialize_with = "or_default")]
    product_ids: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    group_ids: Vec<String>,
    restart_required: Option<RestartRequired>,
}

#[derive(Deserialize)]
struct RestartRequired {
    category: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Score {
    cvss_v3: Value,
    products: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Threat {
    category: String,
    #[serde(deserialize_with = "or_default")]
    details: String,
    #[serde(deserialize_with = "or_default")]
    product_ids: Vec<String>,
}

impl Head {
    pub(super) fn id(&self) -> &str {
        &self.tracking.id
    }
}

/// Reads a flaw. `None` where it speaks of nothing that we match.
pub(super) fn read_flaw(
    place: &Place<'_>,
    index: usize,
    flaw: &Flaw,
    report: &mut FeedReport,
) -> Result<Option<Advisory>, String> {
    let Place { source, head, .. } = place;
    if head.tracking.status.as_deref() == Some("draft") {
        return Ok(None);
    }
    let (id, cves) = name(head, flaw, index)?;
    let published = time(
        "initial_release_date",
        head.tracking.initial_release_date.as_deref(),
    )?;
    let modified = time(
        "current_release_date",
        head.tracking.current_release_date.as_deref(),
    )?;
    let affected = affected(place, flaw, &mut |what| {
        report.problem(&id, what);
    })?;
    if affected.is_empty() {
        return Ok(None);
    }
    // Microsoft has a document for each flaw, and the month is what its other documents are called by.
    let monthly = published.map(|time| month(time.date()));
    let document = match (source, monthly) {
        (Source::Microsoft(_), Some(month)) => month,
        _ => clean::words(head.id()),
    };
    let title = flaw.title.as_deref().unwrap_or(&head.title);
    Ok(Some(Advisory {
        id: BulletinId::new(id),
        feed: source.name().to_owned(),
        document,
        title: clean::words(title),
        cves,
        published,
        modified,
        affected,
    }))
}

/// The id of a flaw, and its CVE: the CVE, the publisher's own id, or the document's.
fn name(head: &Head, flaw: &Flaw, index: usize) -> Result<(String, Vec<String>), String> {
    if let Some(cve) = flaw.cve.as_deref() {
        let id = clean::flaw_id(cve).filter(|(_, is_cve)| *is_cve);
        let (id, _) = id.ok_or_else(|| format!("`{}` is no CVE", cve.escape_debug()))?;
        return Ok((id.to_string(), vec![id.to_string()]));
    }
    let own = flaw.ids.first().map(|id| clean::words(&id.text));
    let tracking = clean::words(head.id());
    let tracking = tracking.strip_prefix("msrc_").unwrap_or(&tracking);
    let of_document = match index {
        0 => tracking.to_owned(),
        _ => format!("{tracking}#{}", index + 1),
    };
    let id = own.filter(|id| !id.is_empty()).unwrap_or(of_document);
    if id.is_empty() {
        return Err("neither the flaw nor the document has an id".to_owned());
    }
    Ok((id, Vec::new()))
}

fn time(field: &str, text: Option<&str>) -> Result<Option<UtcTime>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let time = clean::time(text).map(Some);
    time.ok_or_else(|| format!("{field} is no time: `{}`", text.escape_debug()))
}

/// The products that a flaw is in, and what fixes it there. An error where none of them can be read.
fn affected(
    place: &Place<'_>,
    flaw: &Flaw,
    problem: &mut dyn FnMut(String),
) -> Result<Vec<AffectedProduct>, String> {
    let tree = place.tree;
    let about = About::of(place, flaw);
    let status = &flaw.product_status;
    let ids = status.known.iter().chain(&status.first);
    let mut found: BTreeMap<String, AffectedProduct> = BTreeMap::new();
    let mut unread = None;
    for id in ids.chain(&status.last) {
        let Some(product) = tree.product(id) else {
            problem(format!(
                "product `{id}` is not among the document's products"
            ));
            continue;
        };
        if clean::is_linux_package(&product.name) {
            continue;
        }
        let fixes = match place.source {
            Source::Microsoft(_) => Ok(microsoft_fixes(product, about.remedies(id))),
            Source::Other(_) => other_fixes(product, about.remedies(id)),
        };
        let fixes = match fixes {
            Ok(Some(fixes)) => fixes,
            Ok(None) => continue,
            Err(what) => {
                problem(what.clone());
                unread = Some(what);
                continue;
            }
        };
        let entry = found.entry(product.name.clone());
        let one = entry.or_insert_with_key(|name| AffectedProduct {
            product: name.clone(),
            severity: None,
            cvss_tenths: None,
            nature: about.weaknesses.clone(),
            fixes: Vec::new(),
        });
        one.severity = one.severity.max(about.severity(id));
        one.cvss_tenths = one.cvss_tenths.max(about.scores.get(id.as_str()).copied());
        let impacts = about
            .impacts
            .iter()
            .filter(|(ids, _)| ids.is_empty() || ids.contains(id));
        for (_, impact) in impacts {
            one.nature = Nature::union([&one.nature, impact]);
        }
        for fix in fixes {
            if !one.fixes.contains(&fix) {
                one.fixes.push(fix);
            }
        }
    }
    match unread {
        Some(what) if found.is_empty() => Err(what),
        _ => Ok(found.into_values().collect()),
    }
}

/// What a flaw's remediations, scores and threats say, by product.
struct About<'a> {
    remedies: HashMap<&'a str, Vec<&'a Remediation>>,
    scores: HashMap<&'a str, u8>,
    severities: HashMap<&'a str, Severity>,
    severity: Option<Severity>,
    weaknesses: Nature,
    /// Each with its products; of all where none are named.
    impacts: Vec<(&'a [String], Nature)>,
}

impl<'a> About<'a> {
    fn of(place: &Place<'a>, flaw: &'a Flaw) -> Self {
        let Place { source, head, tree } = place;
        let cwes = flaw.cwe.ids().chain(flaw.cwes.ids());
        let mut about = About {
            remedies: HashMap::new(),
            scores: HashMap::new(),
            severities: HashMap::new(),
            severity: Severity::parse(&head.aggregate_severity.text),
            weaknesses: Nature::of([], cwes),
            impacts: Vec::new(),
        };
        for remedy in flaw
            .remediations
            .iter()
            .filter(|one| one.category == "vendor_fix")
        {
            let groups = remedy.group_ids.iter().flat_map(|id| tree.group(id));
            for id in remedy.product_ids.iter().chain(groups) {
                about.remedies.entry(id).or_default().push(remedy);
            }
        }
        for score in &flaw.scores {
            let base = score.cvss_v3.get("baseScore");
            let Some(tenths) = base.and_then(|base| clean::tenths(&base.to_string())) else {
                continue;
            };
            for id in &score.products {
                let known = about.scores.entry(id).or_default();
                *known = tenths.max(*known);
            }
        }
        for threat in flaw.threats.iter().filter(|one| one.category == "impact") {
            let Some(severity) = Severity::parse(&threat.details) else {
                // Others write whole sentences here.
                let word = impact_word(&threat.details);
                if matches!(source, Source::Microsoft(_)) || IMPACTS.contains(&word.as_str()) {
                    let impact = Nature::of([word.as_str()], []);
                    about.impacts.push((&threat.product_ids, impact));
                }
                continue;
            };
            for id in &threat.product_ids {
                about.severities.insert(id, severity);
            }
        }
        about
    }

    fn remedies(&self, id: &str) -> &[&'a Remediation] {
        self.remedies.get(id).map_or(&[], Vec::as_slice)
    }

    fn severity(&self, id: &str) -> Option<Severity> {
        self.severities.get(id).copied().or(self.severity)
    }
}

/// Microsoft's updates: each remediation is one, as `BUILD:SORT:ADDRESS`.
fn microsoft_fixes(product: &Product, remedies: &[&Remediation]) -> Option<Vec<Fix>> {
    let end = match &product.version {
        Version::Range(text) => text.trim().strip_prefix('<'),
        Version::Any => None,
        // What this names is the version that is good.
        Version::One(_) => return None,
    };
    let end = end.and_then(|end| clean::build(end).ok().flatten());
    let fix = |remedy: &&Remediation| {
        let mut parts = remedy.details.splitn(3, ':');
        let build = parts.next().and_then(|text| clean::build(text).ok()?);
        let sort = parts.next().unwrap_or_default();
        // The monthly documents call by these words what no article describes.
        let words = || UpdateId::Named("Release Notes".to_owned());
        Fix {
            together_with: Vec::new(),
            files: Vec::new(),
            update: clean::update("", sort, &remedy.url).unwrap_or_else(words),
            kind: clean::kind(sort).unwrap_or(UpdateKind::Other),
            build: build.or_else(|| end.clone()),
            since: None,
            supersedes: Vec::new(),
            restart: restart(remedy),
            url: clean::url(&remedy.url).unwrap_or_default(),
        }
    };
    Some(remedies.iter().map(fix).collect())
}

/// Any other publisher's: the version before which a range ends.
fn other_fixes(product: &Product, remedies: &[&Remediation]) -> Result<Option<Vec<Fix>>, String> {
    let text = match &product.version {
        Version::Range(text) => text,
        Version::One(_) | Version::Any => return Ok(None),
    };
    let unread = || {
        format!(
            "`{}` of {} is no range that ends before a version",
            text.escape_debug(),
            product.name
        )
    };
    let Range { since, fixed } = range(text).ok_or_else(unread)?;
    let mut urls = remedies.iter().filter_map(|one| clean::url(&one.url).ok()?);
    Ok(Some(vec![Fix {
        together_with: Vec::new(),
        files: Vec::new(),
        update: UpdateId::Named(format!("{} {fixed}", product.name)),
        kind: UpdateKind::Other,
        build: Some(fixed),
        since,
        supersedes: Vec::new(),
        restart: remedies.iter().filter_map(|one| restart(one)).max(),
        url: urls.next(),
    }]))
}

fn restart(remedy: &Remediation) -> Option<Restart> {
    match remedy.restart_required.as_ref()?.category.as_str() {
        "none" => Some(Restart::No),
        "machine" | "system" => Some(Restart::Yes),
        "connected" | "dependencies" | "parent" | "service" | "vulnerable_component" | "zone" => {
            Some(Restart::Maybe)
        }
        _ => None,
    }
}
