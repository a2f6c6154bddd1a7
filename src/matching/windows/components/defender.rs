//! Microsoft Defender Antivirus: its engine and its platform, which keep themselves up to date.

use super::super::Case;
use super::stream::{self, Files, Judged, Standing, Subject, by_build, dotted};
use super::{Host, System, installed, listed, want};
use crate::catalog::ProductSlice;
use crate::matching::known::Wanted;
use crate::model::{
    Component, ComponentKind, Confidence, Finding, ProductKey, Witness, WitnessKind,
};
use crate::version::WindowsVersion;

/// The engine counts 1.1, the platform 4.18; the records mix them under each other's names.
const PRODUCTS: &[&str] = &[
    "microsoft defender antimalware platform",
    "microsoft malware protection engine",
    "microsoft malware protection platform",
    "windows defender antimalware platform",
];

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    if !listed(host.facts, ComponentKind::Defender).is_empty() {
        want(index, PRODUCTS, wanted);
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    let list = installed(
        case,
        ComponentKind::Defender,
        "Microsoft Defender Antivirus",
        out,
    );
    let slice = |name: &&str| case.known.products.get(&ProductKey::of(name));
    let slices: Vec<&ProductSlice> = PRODUCTS
        .iter()
        .filter_map(slice)
        .map(AsRef::as_ref)
        .collect();
    for component in list {
        let numbers = match component.name.as_str() {
            "Microsoft Defender engine" => "1.1",
            "Microsoft Defender platform" if !component.version.is_empty() => "4.18",
            _ => continue,
        };
        let subject = subject(component, &slices);
        let standing = |update: &_| {
            let judged = by_build(&subject, update);
            let build = judged.build.as_deref().and_then(WindowsVersion::parse);
            let ours = WindowsVersion::parse(numbers);
            let is_ours = build
                .zip(ours)
                .is_some_and(|(build, ours)| build.agrees(ours, 2));
            // What states no version cannot be told to be about engine or platform.
            let standing = if is_ours {
                judged.standing
            } else {
                Standing::Foreign
            };
            Judged { standing, ..judged }
        };
        // A copy that does not run has an old engine: it is replaced when it is switched on.
        if !slices.is_empty() {
            stream::judge(case, &subject, &standing, out);
        }
    }
}

fn subject<'a>(component: &Component, slices: &[&'a ProductSlice]) -> Subject<'a> {
    Subject {
        slices: slices.to_vec(),
        product: component.name.clone(),
        name: component.name.clone(),
        slug: "defender".to_owned(),
        installed: component.version.clone(),
        observed: format!("{} {}", component.name, component.version),
        question: "defender".to_owned(),
        rule: "the version against the first that has the fix".to_owned(),
        confidence: Confidence::High,
        witnesses: vec![Witness {
            kind: WitnessKind::Registry,
            source: component.source.clone(),
            value: component.version.clone(),
            says_fixed: None,
        }],
        prerequisites: Vec::new(),
        order: dotted,
        has_lines: false,
        is_stream: true,
        files: Files::default(),
    }
}
