//! Which updates a Windows lacks.
//!
//! A Windows is one product of the publisher's documents (`system`), which name for each flaw the updates
//! that close it; any one does. Most updates follow one another in a `stream`, and what a host has of it
//! (`standing`) is told by its build, its list of updates and its files together. What comes with the system
//! (Internet Explorer, …) is serviced with it; what has a patch level of its own is in `components`.

mod components;
mod doubt;
mod host;
mod lifecycle;
mod programs;
mod row;
mod standing;
mod stream;
mod support;
mod system;
mod updates;
mod words;

pub(super) use lifecycle::release_of;

pub use programs::{Rules, RulesError};

use super::Which;
use super::known::{Known, Wanted};
use crate::catalog::ProductSlice;
use crate::model::{
    BulletinId, ComponentKind, Confidence, Date, Evidence, Finding, FindingState, Inventory, KbId,
    ProductKey, Remedy, WindowsFacts, WindowsRelease,
};
use system::System;
use updates::Serviced;

/// The products and tables that a host is judged by, of those that the catalogue has (`index`, sorted).
/// Nothing for a host that is no Windows.
pub fn wanted(inventory: &Inventory, index: &[ProductKey], rules: &Rules) -> Wanted {
    let mut wanted = Wanted::default();
    let Some(system) = System::of(&inventory.platform) else {
        return wanted;
    };
    let Some(facts) = inventory.windows.as_deref() else {
        return wanted;
    };
    if index.binary_search(&system.key).is_ok() {
        wanted.products.push(system.key.clone());
    }
    wanted.products.extend(parts(&system, facts, index));
    if inventory.platform.windows.is_none() {
        return wanted;
    }
    let names = [system.key.as_str().to_owned()];
    let beside = components::wanted(
        &components::Host {
            facts,
            arch: inventory.platform.arch.as_deref(),
            os_names: &names,
            rules,
        },
        index,
    );
    wanted.products.extend(beside.products);
    wanted.products.sort_unstable();
    wanted.products.dedup();
    wanted.builds = beside.builds;
    wanted
}

/// What every rule looks at.
pub(super) struct Case<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) facts: &'a WindowsFacts,
    pub(super) release: &'a WindowsRelease,
    pub(super) known: &'a Known<'a>,
    pub(super) today: Date,
    pub(super) which: Which,
}

/// What comes with a system and is serviced with it, as the documents call it; Internet Explorer apart, of
/// which there are several versions.
const PARTS: &[&str] = &[
    "adobe flash player",
    "jscript 5.8",
    "microsoft edge (chromium-based) in ie mode",
    "microsoft edge (edgehtml-based)",
    "windows hyperlink object library",
    "microsoft xml core services 3.0",
    "vbscript 5.7",
    "vbscript 5.8",
];

/// The products of the parts of a system.
fn parts<'a>(
    system: &System,
    facts: &WindowsFacts,
    index: impl IntoIterator<Item = &'a ProductKey>,
) -> Vec<ProductKey> {
    let of_system = |key: &&ProductKey| {
        let component = key.component();
        component.is_some_and(|(_, product)| product == system.key.as_str())
    };
    let all: Vec<&ProductKey> = index.into_iter().filter(of_system).collect();
    let name = |key: &ProductKey| key.component().map(|(name, _)| name.to_owned());
    let explorers: Vec<&&ProductKey> = all
        .iter()
        .filter(|key| name(key).is_some_and(|name| name.starts_with("internet explorer ")))
        .collect();
    let version = explorer(facts);
    let explorer = match explorers.as_slice() {
        // Where there was only one, it is that one.
        [only] if version.is_none() => Some(*only),
        several => several.iter().copied().find(|key| {
            let version = version.map(|version| format!("internet explorer {version}"));
            version.is_some() && name(key) == version
        }),
    };
    let others = all
        .iter()
        .filter(|key| name(key).is_some_and(|name| PARTS.contains(&name.as_str())));
    explorer
        .into_iter()
        .chain(others)
        .map(|key| (*key).clone())
        .collect()
}

/// The version of Internet Explorer that is installed: 11 of `11.0.9600.19597` and of `9.11.17763.0`.
fn explorer(facts: &WindowsFacts) -> Option<u32> {
    let components = facts.components.get(&ComponentKind::InternetExplorer)?;
    let version = &components.known()?.first()?.version;
    let mut numbers = version
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    match (numbers.next()?, numbers.next()) {
        (9, Some(real @ 10..=11)) => Some(real),
        (major, _) => Some(major),
    }
}

/// All verdicts on a Windows.
pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(system) = System::of(&case.inventory.platform) else {
        let build = case.release.build;
        let why = format!("no product of the publisher's documents is known for build {build}");
        findings.push(*super::unknown(
            &case.inventory.platform,
            "current-version",
            &why,
        ));
        return findings;
    };
    findings.extend(service_pack(case, &system));
    let serviced = serviced(case, &system);
    match &serviced {
        None => findings.push(unlisted(case, &system)),
        Some((own, serviced)) => {
            findings.extend(serviced.judge(case));
            if own.is_sample() {
                let platform = &case.inventory.platform;
                findings.push(*super::sample(platform, system.key.as_str()));
            }
        }
    }
    // Without any catalogue of the kind one row says it all.
    if case.known.has_products {
        let names = [system.key.as_str().to_owned()];
        let holds = |kb| {
            let (_, serviced) = serviced.as_ref()?;
            serviced.holds(kb)
        };
        let beside = components::System {
            names: &names,
            has: &holds,
        };
        components::judge(case, &beside, &mut findings);
    }
    findings
}

/// A system that the catalogue knows, with its own slice.
fn serviced<'a>(case: &Case<'a>, system: &'a System) -> Option<(&'a ProductSlice, Serviced<'a>)> {
    let products = &case.known.products;
    let own: &ProductSlice = products.get(&system.key)?;
    let keys = parts(system, case.facts, products.keys());
    let parts: Vec<&ProductSlice> = keys
        .iter()
        .filter_map(|key| products.get(key).map(AsRef::as_ref))
        .collect();
    Some((own, Serviced::new(case, system, own, &parts)))
}

/// The row of a system of which the catalogue knows nothing.
fn unlisted(case: &Case<'_>, system: &System) -> Finding {
    let platform = &case.inventory.platform;
    if !case.known.has_products {
        let why = match case.facts.hotfixes.gap() {
            Some(gap) => format!("no answer to {}: {}", gap.question, gap.cause.as_str()),
            None => "the catalogue has no Windows updates; import MSRC's documents".to_owned(),
        };
        return *super::unknown(platform, "windows-updates", &why);
    }
    let why = format!(
        "the catalogue holds nothing about {}; import MSRC's documents",
        system.key
    );
    *super::unknown(platform, "catalogue", &why)
}

/// The row of a system that lacks a service pack: what came out after it is not for this system yet.
fn service_pack(case: &Case<'_>, system: &System) -> Option<Finding> {
    let pack = system.behind?;
    let kb = KbId::find(pack)?;
    let installed = case.inventory.platform.name.clone();
    let remedy = Remedy {
        update: kb.to_string(),
        kb: Some(kb),
        title: format!("{pack} for {installed}"),
        build: None,
        restart: Some(crate::model::Restart::Yes),
        prerequisites: Vec::new(),
        supersedes: Vec::new(),
        download: None,
        download_size: None,
        download_hash: None,
        silent_switch: None,
    };
    Some(Finding {
        bulletin: BulletinId::new(kb.to_string()),
        title: format!("{pack} is missing: no update of later years is for this system before it"),
        product: words::display(&system.key),
        packages: Vec::new(),
        installed,
        fixed: Some(pack.to_owned()),
        state: FindingState::Missing,
        confidence: Confidence::High,
        severity: None,
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: Vec::new(),
        kev: Vec::new(),
        kev_checked: false,
        kev_due: None,
        support_ends: None,
        epss: None,
        remedy: Some(Box::new(remedy)),
        evidence: Evidence {
            observed: format!("build {}", case.release.build),
            question: "current-version".to_owned(),
            rule: "updates are for the last service pack".to_owned(),
            record: system.key.to_string(),
            witnesses: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests;
