//! Microsoft Edge and the `WebView2` runtime, which have no articles: what closes a flaw is a version.

use super::super::Case;
use super::stream::{self, Files, Judged, Subject, dotted};
use super::{Host, System, installed, listed, uncovered, want};
use crate::catalog::{ProductSlice, Update};
use crate::matching::known::Wanted;
use crate::model::{
    BuildRow, Component, ComponentKind, Confidence, Finding, ProductKey, Witness, WitnessKind,
};
use crate::version::WindowsVersion;

/// The advisories; those of the extended channel only add alternatives.
const PRODUCTS: &[&str] = &[
    "microsoft edge (chromium-based)",
    "microsoft edge (chromium-based) extended stable",
];

/// The makers' list of packages.
const TABLE: &str = "microsoft edge";

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    if !listed(host.facts, ComponentKind::Edge).is_empty() {
        want(index, PRODUCTS, wanted);
        wanted.builds.push(TABLE.to_owned());
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    let family = "Microsoft Edge";
    // The advisories are about the stable channel: Beta and Dev have what it gets before it does.
    let list = installed(case, ComponentKind::Edge, family, out);
    let stable = list
        .iter()
        .filter(|one| one.channel.as_deref() == Some("stable"));
    let slice = |name: &&str| case.known.products.get(&ProductKey::of(name));
    let slices: Vec<&ProductSlice> = PRODUCTS
        .iter()
        .filter_map(slice)
        .map(AsRef::as_ref)
        .collect();
    for component in stable {
        if slices.is_empty() {
            if case.known.has_products {
                let why = "the catalogue has no advisory about it; import MSRC's documents";
                out.push(uncovered(
                    &component.name,
                    &component.version,
                    "advisories",
                    why,
                ));
            }
            continue;
        }
        let mut subject = subject(component, &slices);
        // The runtime has packages of its own.
        if !is_webview(component) {
            let rows = case.known.builds.get(TABLE);
            subject.files.rows = rows.map(|rows| packages(rows)).unwrap_or_default();
        }
        stream::judge(case, &subject, &|update| standing(&subject, update), out);
    }
}

/// How an update stands. The first Edge of this kind was 79, and every version has four numbers: what is
/// stated otherwise is none of its versions.
fn standing(subject: &Subject<'_>, update: &Update) -> Judged {
    let is_sound = |build: &&str| {
        let version = WindowsVersion::parse(build).filter(|version| version.part(0) >= 79);
        version.is_some_and(|version| version.as_str().split('.').count() == 4)
    };
    let mut builds = update.builds.iter().map(AsRef::as_ref);
    stream::against(subject, builds.find(is_sound).map(str::to_owned))
}

/// The releases with their packages. What both channels got is that of the stable one.
fn packages(rows: &[BuildRow]) -> Vec<&BuildRow> {
    let is_stable = |row: &BuildRow| row.branch == "stable";
    let has_stable = |build: &str| rows.iter().any(|row| is_stable(row) && row.build == build);
    let own = rows
        .iter()
        .filter(|row| is_stable(row) || !has_stable(&row.build));
    own.collect()
}

fn is_webview(component: &Component) -> bool {
    component.name.contains("WebView2")
}

fn subject<'a>(component: &Component, slices: &[&'a ProductSlice]) -> Subject<'a> {
    let is_webview = is_webview(component);
    Subject {
        slices: slices.to_vec(),
        product: component.name.clone(),
        name: component.name.clone(),
        slug: if is_webview { "webview2" } else { "edge" }.to_owned(),
        installed: component.version.clone(),
        observed: format!("{} {}", component.name, component.version),
        question: "edge".to_owned(),
        rule: "the version against the first that has the fix".to_owned(),
        // What is said of Edge is true of the runtime's engine, not of every part of the browser.
        confidence: if is_webview {
            Confidence::Medium
        } else {
            Confidence::High
        },
        witnesses: vec![Witness {
            kind: WitnessKind::Registry,
            source: component.source.clone(),
            value: component.version.clone(),
            says_fixed: None,
        }],
        prerequisites: Vec::new(),
        order: dotted,
        has_lines: true,
        is_stream: true,
        files: Files::default(),
    }
}
