//! What is installed on a Windows beside the system itself, and is patched on its own.
//!
//! One file a family; [`FAMILIES`] lists them. A family says which products and tables of the
//! catalogue it needs, and judges what is installed of it. A question that a host left open is one
//! `unknown` row, never silence.

mod defender;
mod dotnet;
mod dotnet_runtime;
mod edge;
mod exchange;
pub(super) mod lifecycle;
mod office;
mod office_click_to_run;
mod office_msi;
mod sql;
pub(super) mod stream;

use super::super::known::Wanted;
use super::Case;
use super::programs::{self, Rules};
use crate::model::{
    BulletinId, Component, ComponentKind, Confidence, Evidence, Finding, FindingState, Hotfix,
    HotfixState, KbId, Observed, ProductKey, WindowsFacts,
};

/// A host, before anything is known of the catalogue.
pub(in crate::matching) struct Host<'a> {
    /// What was read from it.
    pub(in crate::matching) facts: &'a WindowsFacts,
    /// The machine's hardware name.
    pub(in crate::matching) arch: Option<&'a str>,
    /// The names under which advisories speak of its system, as [`ProductKey`]s: `windows server 2019`.
    pub(in crate::matching) os_names: &'a [String],
    /// What programs are taken for.
    pub(in crate::matching) rules: &'a Rules,
}

/// What the rules for the system itself have found out.
pub(in crate::matching) struct System<'a> {
    /// As in [`Host::os_names`].
    pub(in crate::matching) names: &'a [String],
    /// Whether an update that the system itself gets is in: an article named by a component may be
    /// the system's cumulative update. `None` for any other article.
    pub(in crate::matching) has: &'a dyn Fn(KbId) -> Option<bool>,
}

/// A family of products.
struct Family {
    /// What of the catalogue it needs; `index` is sorted.
    wanted: fn(&Host<'_>, &[ProductKey], &mut Wanted),
    /// The verdicts.
    judge: fn(&Case<'_>, &System<'_>, &mut Vec<Finding>),
}

const FAMILIES: &[Family] = &[
    Family {
        wanted: dotnet::wanted,
        judge: dotnet::judge,
    },
    Family {
        wanted: dotnet_runtime::wanted,
        judge: dotnet_runtime::judge,
    },
    Family {
        wanted: office_msi::wanted,
        judge: office_msi::judge,
    },
    Family {
        wanted: office_click_to_run::wanted,
        judge: office_click_to_run::judge,
    },
    Family {
        wanted: sql::wanted,
        judge: sql::judge,
    },
    Family {
        wanted: exchange::wanted,
        judge: exchange::judge,
    },
    Family {
        wanted: edge::wanted,
        judge: edge::judge,
    },
    Family {
        wanted: defender::wanted,
        judge: defender::judge,
    },
    Family {
        wanted: programs::wanted,
        judge: programs::judge,
    },
];

/// The products and tables that what is installed is judged by, of those that the catalogue has
/// (`index`, sorted).
pub(in crate::matching) fn wanted(host: &Host<'_>, index: &[ProductKey]) -> Wanted {
    let mut wanted = Wanted::default();
    for family in FAMILIES {
        (family.wanted)(host, index, &mut wanted);
    }
    wanted.products.sort_unstable();
    wanted.products.dedup();
    wanted.builds.sort_unstable();
    wanted.builds.dedup();
    wanted
}

/// All verdicts on what is installed beside the system.
pub(in crate::matching) fn judge(case: &Case<'_>, system: &System<'_>, out: &mut Vec<Finding>) {
    for family in FAMILIES {
        (family.judge)(case, system, out);
    }
}

/// What is installed of a kind. A question that was left open becomes an `unknown` row.
fn installed<'a>(
    case: &Case<'a>,
    kind: ComponentKind,
    family: &str,
    out: &mut Vec<Finding>,
) -> &'a [Component] {
    match case.facts.components.get(&kind) {
        None => &[],
        Some(Observed::Known(list)) => list,
        Some(Observed::Unknown(gap)) if gap.question.is_empty() => &[],
        Some(Observed::Unknown(gap)) => {
            let why = format!("no answer to {}: {}", gap.question, gap.cause.as_str());
            out.push(unknown(family, &gap.question, &why));
            &[]
        }
    }
}

/// What is installed of a kind, as far as the host said.
fn listed(facts: &WindowsFacts, kind: ComponentKind) -> &[Component] {
    let list = facts.components.get(&kind).and_then(Observed::known);
    list.map_or(&[], Vec::as_slice)
}

/// The row of a product of which the catalogue says too little: the host told all that it was asked.
pub(super) fn uncovered(family: &str, installed: &str, what: &str, why: &str) -> Finding {
    let mut row = unknown(family, "catalogue", why);
    row.bulletin = BulletinId::uncovered(what);
    installed.clone_into(&mut row.installed);
    let observed = format!("{family} {installed}");
    observed.trim_end().clone_into(&mut row.evidence.observed);
    row
}

/// The row of a family that could not be judged.
pub(super) fn unknown(family: &str, question: &str, why: &str) -> Finding {
    Finding {
        bulletin: BulletinId::unjudged(question),
        title: format!("{family} not judged: {why}"),
        product: family.to_owned(),
        packages: Vec::new(),
        installed: String::new(),
        fixed: None,
        state: FindingState::Unknown,
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
        remedy: None,
        evidence: Evidence {
            observed: family.to_owned(),
            question: question.to_owned(),
            rule: why.to_owned(),
            record: String::new(),
            witnesses: Vec::new(),
        },
    }
}

/// The updates that a host knows of; none where it did not say.
fn hotfixes(facts: &WindowsFacts) -> &[Hotfix] {
    facts.hotfixes.known().map_or(&[], Vec::as_slice)
}

/// How far an update is in, where the host knows of it.
fn hotfix_state(facts: &WindowsFacts, kb: KbId) -> Option<HotfixState> {
    let named = hotfixes(facts).iter().filter(|one| one.kb == Some(kb));
    named.map(|one| one.state).min_by_key(|state| match state {
        HotfixState::Installed | HotfixState::Superseded => 0,
        HotfixState::PendingReboot => 1,
        HotfixState::Inconsistent => 2,
        HotfixState::Staged => 3,
        HotfixState::Removed => 4,
    })
}

/// Whether an update is in, or was until a later one replaced it.
fn is_in(facts: &WindowsFacts, kb: KbId) -> bool {
    let state = hotfix_state(facts, kb);
    matches!(
        state,
        Some(HotfixState::Installed | HotfixState::Superseded)
    )
}

/// The keys of the index that begin with a text.
pub(super) fn starting<'a>(
    index: &'a [ProductKey],
    start: &'a str,
) -> impl Iterator<Item = &'a ProductKey> {
    let from = index.partition_point(|key| key.as_str() < start);
    let rest = index.get(from..).unwrap_or_default().iter();
    rest.take_while(move |key| key.as_str().starts_with(start))
}

/// Adds the keys, of those named, that the catalogue has.
pub(super) fn want(index: &[ProductKey], names: &[&str], wanted: &mut Wanted) {
    for name in names {
        let key = ProductKey::of(name);
        if index.binary_search(&key).is_ok() {
            wanted.products.push(key);
        }
    }
}

#[cfg(test)]
mod tests;
