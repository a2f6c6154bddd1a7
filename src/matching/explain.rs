//! Why a bulletin is reported on a host, or is not.
//!
//! Everything that speaks of an update or a flaw on one host: the verdicts with their evidence, closed
//! ones too, what the catalogue says of it, and, where there is no verdict, the reason.

use super::{Knowledge, Known, findings_with_closed};
use crate::catalog::{CatalogError, Entry, FixOf, Flaw, Month, ProductSlice, Update};
use crate::model::{
    Date, Epss, Finding, Gap, Hotfix, Inventory, KbId, KnownExploited, Nature, Observed,
    PackageState, ProductKey, Restart, Severity, Spoken, UpdateKind, UtcTime,
};
use std::fmt;

/// The most findings that are shown as related.
const RELATED: usize = 20;

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An update: `KB5094123`, or its number alone.
    Kb(KbId),
    /// A CVE or any other id of a publisher's: `CVE-2025-54100`, `ADV990001`, `DSA-5532-1`.
    Id(String),
}

impl Asked {
    /// Reads what an operator typed, in any case; `None` for nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let number = text
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| format!("KB{text}"));
        let kb = KbId::find(number.as_deref().unwrap_or(text));
        match kb.filter(|kb| text.len() <= kb.to_string().len()) {
            Some(kb) => Some(Self::Kb(kb)),
            None if text.is_empty() => None,
            None => Some(Self::Id(text.to_ascii_uppercase())),
        }
    }

    fn is(&self, text: &str) -> bool {
        match self {
            Self::Kb(kb) => text.eq_ignore_ascii_case(&kb.to_string()),
            Self::Id(id) => text.eq_ignore_ascii_case(id),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kb(kb) => kb.fmt(f),
            Self::Id(id) => f.pad(id),
        }
    }
}

/// All that is known of one update or flaw on one host.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What was asked for.
    pub asked: Asked,
    /// What its publishers call it, with the feed and document of each.
    pub titles: Vec<(String, String)>,
    /// The verdicts that concern it: on itself, and those that it is part of.
    pub findings: Vec<Finding>,
    /// Of an update without a verdict: the verdicts on flaws that it fixes, the first 20.
    pub related: Vec<Finding>,
    /// Of an update: what the host itself says of it.
    pub on_host: OnHost,
    /// Its records as an update, for each product of this host.
    pub updates: Vec<UpdateRecord>,
    /// Its records as a flaw, for each product of this host.
    pub flaws: Vec<FlawRecord>,
    /// Its records by source package, of this host's release.
    pub packages: Vec<PackageRecord>,
    /// Products that it is listed for and that are not on this host.
    pub elsewhere: Vec<ProductKey>,
    /// The products that this host is judged by.
    pub own: Vec<ProductKey>,
    /// Verdicts that say why the host was not judged, or not fully.
    pub unjudged: Vec<Finding>,
    /// The questions that the host left open.
    pub gaps: Vec<Gap>,
    /// Why it is not reported, where it is not.
    pub reasons: Vec<Reason>,
}

/// What a host says of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnHost {
    /// It lists the update.
    Listed(Box<Hotfix>),
    /// It lists so many updates, and this one is not among them.
    NotListed(usize),
    /// Which updates it has is not known.
    Unknown(Gap),
    /// The question does not arise: not an update, or no Windows.
    NotAsked,
}

/// Why something is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No document of the catalogue names it.
    NotInCatalogue,
    /// The catalogue has nothing about this host's kind of system.
    EmptyCatalogue,
    /// It is listed for other products only.
    OtherProducts,
    /// It is listed for packages that are not installed here.
    NotInstalled,
    /// It is listed for packages, and which ones are installed here is not known.
    InstalledUnknown,
    /// The publisher has withdrawn it.
    Withdrawn,
    /// The host could not be judged.
    Unjudged,
    /// It is listed for a product of this host, and no rule applies to it.
    NoRule,
}

/// An update as the catalogue has it for one product.
#[derive(Clone, Debug)]
pub struct UpdateRecord {
    /// The product.
    pub product: ProductKey,
    /// What sort of update.
    pub kind: UpdateKind,
    /// When it came out.
    pub released: Option<Month>,
    /// The builds that records state for it, the most frequent first.
    pub builds: Vec<String>,
    /// The updates that it replaces, as the publisher says.
    pub supersedes: Vec<KbId>,
    /// The updates that say they replace it.
    pub superseded_by: Vec<String>,
    /// Whether it asks for a restart.
    pub restart: Option<Restart>,
    /// Where the publisher says that it is.
    pub url: Option<String>,
    /// How many flaws of the product it fixes.
    pub flaws: usize,
    /// The update of the same kind before it.
    pub before: Option<Step>,
    /// The one after it.
    pub after: Option<Step>,
}

/// A step of a product's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The update.
    pub update: String,
    /// When it came out.
    pub released: Option<Month>,
    /// Its build.
    pub build: Option<String>,
}

/// A flaw as the catalogue has it for one product.
#[derive(Clone, Debug)]
pub struct FlawRecord {
    /// The product.
    pub product: ProductKey,
    /// The advisories it stands in.
    pub advisories: Vec<String>,
    /// The publisher's severity.
    pub severity: Option<Severity>,
    /// The CVSS base score in tenths.
    pub cvss_tenths: Option<u8>,
    /// What sort of flaw it is.
    pub nature: Nature,
    /// How likely it is to be exploited.
    pub epss: Option<Epss>,
    /// What CISA says of it.
    pub kev: Option<KnownExploited>,
    /// When it was first published.
    pub published: Option<UtcTime>,
    /// What fixes it; any one does.
    pub fixes: Vec<FixRecord>,
}

/// An update that fixes a flaw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixRecord {
    /// The update.
    pub update: String,
    /// What sort of update.
    pub kind: UpdateKind,
    /// When it came out.
    pub released: Option<Month>,
    /// The lowest version that has it.
    pub build: Option<String>,
}

/// A flaw as the catalogue has it for one source package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRecord {
    /// The source package.
    pub package: String,
    /// Whether any of its packages is installed here; what was left open, where nobody knows.
    pub installed: Result<bool, Gap>,
    /// The bulletin, with its feed.
    pub bulletin: String,
    /// The vulnerable versions, in words.
    pub ranges: Vec<String>,
    /// When it was withdrawn.
    pub withdrawn: Option<UtcTime>,
}

/// Explains one update or flaw on one host.
///
/// # Errors
///
/// A part of the catalogue that cannot be read.
pub fn explain(
    knowledge: &Knowledge,
    inventory: &Inventory,
    asked: &Asked,
    today: Date,
) -> Result<Explanation, CatalogError> {
    let catalog = &knowledge.catalog;
    let known = Known::load(knowledge, inventory)?;
    let all = findings_with_closed(inventory, &known, today);
    let name = asked.to_string();
    let listed = catalog.products_of(&name)?;
    let own: Vec<ProductKey> = known.products.keys().cloned().collect();
    let elsewhere = listed
        .into_iter()
        .filter(|key| !own.contains(key))
        .collect();
    let mut explanation = Explanation {
        asked: asked.clone(),
        titles: catalog.titles_of(&name)?,
        related: Vec::new(),
        on_host: on_host(asked, inventory),
        updates: updates(asked, &known),
        flaws: flaws(&name, &known),
        packages: packages(&name, inventory, &known),
        elsewhere,
        own,
        unjudged: all
            .iter()
            .filter(|one| one.leaves_machine_unjudged())
            .cloned()
            .collect(),
        gaps: inventory.gaps.clone(),
        reasons: Vec::new(),
        findings: all
            .iter()
            .filter(|one| concerns(one, asked))
            .cloned()
            .collect(),
    };
    if explanation.findings.is_empty() {
        explanation.related = related(asked, &known, &all);
        explanation.reasons = reasons(&explanation, inventory, &known);
    }
    Ok(explanation)
}

/// Whether a verdict is on it, or it is part of the verdict.
fn concerns(finding: &Finding, asked: &Asked) -> bool {
    let remedy = finding.remedy.as_deref();
    let is_remedy = remedy.is_some_and(|remedy| {
        let kb = remedy.kb.map(|kb| kb.to_string());
        kb.is_some_and(|kb| asked.is(&kb))
            || asked.is(&remedy.update)
            || remedy.supersedes.iter().any(|update| asked.is(update))
    });
    let in_record = || {
        let mut words = finding.evidence.record.split_whitespace();
        words.any(|word| asked.is(word.trim_matches([',', ';', '(', ')'])))
    };
    asked.is(finding.bulletin.as_str())
        || finding.cves.iter().any(|cve| asked.is(cve))
        || is_remedy
        || in_record()
}

fn on_host(asked: &Asked, inventory: &Inventory) -> OnHost {
    let (Asked::Kb(kb), Some(windows)) = (asked, &inventory.windows) else {
        return OnHost::NotAsked;
    };
    match &windows.hotfixes {
        Observed::Unknown(gap) => OnHost::Unknown(gap.clone()),
        Observed::Known(list) => list
            .iter()
            .find(|update| update.kb == Some(*kb))
            .map_or(OnHost::NotListed(list.len()), |update| {
                OnHost::Listed(Box::new(update.clone()))
            }),
    }
}

/// The verdicts on flaws that an update fixes here.
fn related(asked: &Asked, known: &Known<'_>, all: &[Finding]) -> Vec<Finding> {
    let Asked::Kb(kb) = asked else {
        return Vec::new();
    };
    let mut fixed: Vec<&str> = Vec::new();
    for slice in known.products.values() {
        let updates = slice.updates();
        let is_it = |fix: &FixOf| {
            let update = updates.get(fix.update);
            update.is_some_and(|update| update.id.kb() == Some(*kb))
        };
        let flaws = slice.flaws().iter();
        fixed.extend(
            flaws
                .filter(|flaw| flaw.fixes.iter().any(is_it))
                .map(|flaw| flaw.id.as_str()),
        );
    }
    fixed.sort_unstable();
    let has_one = |finding: &&Finding| {
        let is_fixed = |cve: &String| fixed.binary_search(&cve.as_str()).is_ok();
        finding.cves.iter().any(is_fixed)
    };
    all.iter().filter(has_one).take(RELATED).cloned().collect()
}

fn updates(asked: &Asked, known: &Known<'_>) -> Vec<UpdateRecord> {
    let Asked::Kb(kb) = asked else {
        return Vec::new();
    };
    let slices = known.products.values();
    slices
        .filter_map(|slice| update_record(*kb, slice))
        .collect()
}

fn update_record(kb: KbId, slice: &ProductSlice) -> Option<UpdateRecord> {
    let all = slice.updates();
    let update = all.iter().find(|update| update.id.kb() == Some(kb))?;
    let stream: Vec<&Update> = all.iter().filter(|one| one.kind == update.kind).collect();
    let place = stream.iter().position(|one| one.id == update.id)?;
    let step = |place: usize| stream.get(place).map(|one| step(one));
    let replaces = |one: &&Update| one.supersedes.contains(&kb);
    Some(UpdateRecord {
        product: slice.key().clone(),
        kind: update.kind,
        released: update.released,
        builds: update.builds.iter().map(ToString::to_string).collect(),
        supersedes: update.supersedes.clone(),
        superseded_by: all
            .iter()
            .filter(replaces)
            .map(|one| one.id.to_string())
            .collect(),
        restart: update.restart,
        url: update.url.clone(),
        flaws: update.flaws,
        before: place.checked_sub(1).and_then(step),
        after: step(place + 1),
    })
}

fn step(update: &Update) -> Step {
    Step {
        update: update.id.to_string(),
        released: update.released,
        build: update.builds.first().map(ToString::to_string),
    }
}

fn flaws(name: &str, known: &Known<'_>) -> Vec<FlawRecord> {
    let slices = known.products.values();
    let in_slice = slices.flat_map(|slice| {
        let is_it = |flaw: &&Flaw| {
            flaw.id.eq_ignore_ascii_case(name)
                || flaw
                    .advisories
                    .iter()
                    .any(|id| id.as_str().eq_ignore_ascii_case(name))
        };
        let flaws = slice.flaws().iter().filter(is_it);
        flaws.map(|flaw| flaw_record(flaw, slice))
    });
    in_slice.collect()
}

fn flaw_record(flaw: &Flaw, slice: &ProductSlice) -> FlawRecord {
    let fix = |fix: &FixOf| {
        let update = slice.updates().get(fix.update)?;
        Some(FixRecord {
            update: update.id.to_string(),
            kind: update.kind,
            released: update.released,
            build: fix.build.as_deref().map(str::to_owned),
        })
    };
    FlawRecord {
        product: slice.key().clone(),
        advisories: flaw.advisories.iter().map(ToString::to_string).collect(),
        severity: flaw.severity,
        cvss_tenths: flaw.cvss_tenths,
        nature: flaw.nature.clone(),
        epss: flaw.epss,
        kev: slice.kev(&flaw.id).cloned(),
        published: flaw.published,
        fixes: flaw.fixes.iter().filter_map(fix).collect(),
    }
}

fn packages(name: &str, inventory: &Inventory, known: &Known<'_>) -> Vec<PackageRecord> {
    let installed = |name: &str, spoken: Spoken| {
        let packages = match &inventory.packages {
            Observed::Known(packages) => packages,
            Observed::Unknown(gap) => return Err(gap.clone()),
        };
        Ok(packages.iter().any(|package| {
            let own = super::packages::source(package, &inventory.platform);
            let is_it = match spoken {
                Spoken::Source => own == name,
                Spoken::Binary => package.name == name,
            };
            is_it && package.state != PackageState::ConfigFiles
        }))
    };
    let slices = known.pockets.iter().map(|pocket| &pocket.slice);
    let records = slices.flat_map(|slice| slice.entries_about(name));
    records
        .map(|(package, entry)| PackageRecord {
            package: package.to_owned(),
            installed: installed(package, entry.scope.spoken),
            bulletin: format!("{} {}", entry.bulletin.feed, entry.bulletin.id),
            ranges: ranges(entry),
            withdrawn: entry.bulletin.withdrawn,
        })
        .collect()
}

fn ranges(entry: &Entry) -> Vec<String> {
    let ranges = entry.ranges.iter().map(|range| {
        let from = range.introduced.as_deref().filter(|text| *text != "0");
        let from = from.unwrap_or("the first");
        match (&range.fixed, &range.last_affected) {
            (Some(fixed), _) => format!("from {from} to before {fixed}"),
            (None, Some(last)) => format!("from {from} to {last}"),
            (None, None) => format!("from {from} on"),
        }
    });
    ranges.collect()
}

fn reasons(explanation: &Explanation, inventory: &Inventory, known: &Known<'_>) -> Vec<Reason> {
    let packages = &explanation.packages;
    let is_own = !explanation.updates.is_empty() || !explanation.flaws.is_empty();
    let is_known = is_own || !packages.is_empty() || !explanation.elsewhere.is_empty();
    let is_empty = match inventory.windows {
        Some(_) => !known.has_products,
        None => known.pockets.is_empty(),
    };
    let live = || packages.iter().filter(|record| record.withdrawn.is_none());
    let mut reasons = Vec::new();
    if is_empty {
        reasons.push(Reason::EmptyCatalogue);
    } else if !is_known && explanation.titles.is_empty() {
        reasons.push(Reason::NotInCatalogue);
    }
    if !packages.is_empty() && live().next().is_none() {
        reasons.push(Reason::Withdrawn);
    } else if !packages.is_empty() && live().all(|record| record.installed == Ok(false)) {
        reasons.push(Reason::NotInstalled);
    } else if !packages.is_empty() && live().all(|record| record.installed != Ok(true)) {
        reasons.push(Reason::InstalledUnknown);
    }
    if !is_own && packages.is_empty() && !explanation.elsewhere.is_empty() {
        reasons.push(Reason::OtherProducts);
    }
    if !explanation.unjudged.is_empty() {
        reasons.push(Reason::Unjudged);
    }
    if reasons.is_empty() {
        reasons.push(Reason::NoRule);
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Advisory, AffectedProduct, BulletinId, Fix, UpdateId};

    const PRODUCT: &str = "Windows Server 2019";

    /// A month's flaw and the cumulative update that fixes it, as MSRC's documents have them.
    fn month(document: &str, cve: &str, kb: u32, build: &str, supersedes: u32) -> Advisory {
        Advisory {
            id: BulletinId::new(cve),
            feed: "msrc-cvrf".to_owned(),
            document: document.to_owned(),
            title: "A flaw".to_owned(),
            cves: vec![cve.to_owned()],
            published: None,
            modified: None,
            affected: vec![AffectedProduct {
                product: PRODUCT.to_owned(),
                severity: Some(Severity::High),
                cvss_tenths: Some(78),
                nature: Nature::default(),
                fixes: vec![Fix {
                    together_with: Vec::new(),
                    files: Vec::new(),
                    update: UpdateId::Kb(KbId(kb)),
                    kind: UpdateKind::Security,
                    build: Some(build.to_owned()),
                    since: None,
                    supersedes: vec![KbId(supersedes)],
                    restart: Some(Restart::Yes),
                    url: None,
                }],
            }],
        }
    }

    /// August to October 2021.
    fn slice() -> ProductSlice {
        let months = [
            month(
                "2021-Aug",
                "CVE-2021-36936",
                5_005_030,
                "10.0.17763.2114",
                5_004_244,
            ),
            month(
                "2021-Sep",
                "CVE-2021-36965",
                5_005_568,
                "10.0.17763.2183",
                5_005_030,
            ),
            month(
                "2021-Oct",
                "CVE-2021-40449",
                5_006_672,
                "10.0.17763.2237",
                5_005_568,
            ),
        ];
        ProductSlice::new(&ProductKey::of(PRODUCT), months, [])
    }

    #[test]
    fn the_record_of_an_update_has_its_place_in_the_timeline() {
        let record = update_record(KbId(5_005_568), &slice()).unwrap();
        assert_eq!(record.released.unwrap().to_string(), "2021-09");
        assert_eq!(record.builds, ["10.0.17763.2183"]);
        assert_eq!(record.supersedes, [KbId(5_005_030)]);
        assert_eq!(record.superseded_by, ["KB5006672"]);
        assert_eq!(record.before.unwrap().update, "KB5005030");
        let after = record.after.unwrap();
        assert_eq!(after.update, "KB5006672");
        assert_eq!(after.build.as_deref(), Some("10.0.17763.2237"));
        let last = update_record(KbId(5_006_672), &slice()).unwrap();
        assert_eq!((last.after, last.superseded_by.len()), (None, 0));
        assert!(update_record(KbId(5_004_244), &slice()).is_none());
    }

    #[test]
    fn the_record_of_a_flaw_names_what_fixes_it() {
        let slice = slice();
        let record = flaw_record(slice.flaw("CVE-2021-40449").unwrap(), &slice);
        let fix = &record.fixes[0];
        assert_eq!(
            (fix.update.as_str(), fix.build.as_deref()),
            ("KB5006672", Some("10.0.17763.2237"))
        );
        assert_eq!(record.advisories, ["CVE-2021-40449"]);
    }

    #[test]
    fn what_was_typed_is_an_update_or_an_id() {
        let kb = |text| match Asked::parse(text) {
            Some(Asked::Kb(kb)) => Some(kb.0),
            _ => None,
        };
        assert_eq!(kb("KB5094123"), Some(5_094_123));
        assert_eq!(kb(" kb5094123 "), Some(5_094_123));
        assert_eq!(kb("5094123"), Some(5_094_123));
        let id = |text: &str| Asked::parse(text).map(|asked| asked.to_string());
        assert_eq!(id("cve-2025-54100").as_deref(), Some("CVE-2025-54100"));
        assert_eq!(id("ms17-010").as_deref(), Some("MS17-010"));
        assert_eq!(id("  "), None);
    }
}
