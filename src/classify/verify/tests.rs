//! Nothing is fixed that nobody looked at.

use super::*;
use crate::model::{Date, Fingerprint, GapCause, MachineId, UtcTime};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

fn finding(bulletin: &str, product: &str, state: &str, cves: &[&str]) -> Finding {
    serde_json::from_value(json!({
        "bulletin": bulletin, "title": bulletin, "product": product, "packages": [product],
        "installed": "1.0", "fixed": "1.1", "state": state, "confidence": "high",
        "severity": null, "cvss_tenths": null, "cves": cves, "kev": [], "kev_due": null,
        "evidence": {
            "observed": "", "question": "dpkg-packages", "rule": "", "record": "", "witnesses": []
        }
    }))
    .unwrap()
}

fn was() -> Finding {
    finding("CVE-2024-1", "openssl", "missing", &["CVE-2024-1"])
}

/// A Debian with these findings, whose packages could be listed or not.
fn machine(findings: Vec<Finding>, gap: Option<GapCause>) -> MachineRecord {
    let mut inventory: Inventory = serde_json::from_value(json!({
        "platform": {
            "family": "debian", "id": "debian", "name": "Debian", "version": "12", "codename": null,
            "ecosystem": "Debian:12", "arch": null,
            "kernel": { "name": "Linux", "running": null, "build": null, "installed": [] }
        }
    }))
    .unwrap();
    inventory.packages = match gap {
        Some(cause) => Observed::gap_of("dpkg-packages", cause),
        None => Observed::Known(Vec::new()),
    };
    inventory.gaps.extend(inventory.packages.gap().cloned());
    MachineRecord {
        id: MachineId::from_key("default", "address", "10.0.0.1"),
        addresses: vec!["10.0.0.1".parse().unwrap()],
        target_name: None,
        tags: Vec::new(),
        outcome: "scanned_full".to_owned(),
        failure: None,
        credential: None,
        host_key: None,
        same_key: Vec::new(),
        inventory: Some(Arc::new(inventory)),
        findings: Arc::new(findings),
        decided: None,
        history: BTreeMap::new(),
        access: Vec::new(),
        services: Vec::new(),
        clues: Vec::new(),
        fingerprint: Fingerprint::default(),
        intermediary: None,
        also: Vec::new(),
        listed_name: String::new(),
        listed_owner: String::new(),
        is_claimed: false,
        standing: None,
        usual_hours: String::new(),
        end_of_life: None,
        first_seen: Date::parse("2026-11-01").unwrap(),
        last_seen: UtcTime::from_unix(1_800_000_000),
    }
}

fn word(findings: Vec<Finding>, gap: Option<GapCause>, catalog: Catalog<'_>) -> &'static str {
    let machine = machine(findings, gap);
    verified(&was(), &Now::Read(&machine), catalog)
        .state
        .as_str()
}

#[test]
fn what_is_told_of_the_finding_itself_counts() {
    for state in [
        "missing",
        "pending_reboot",
        "inconsistent",
        "fixed",
        "superseded",
    ] {
        let now = finding("CVE-2024-1", "openssl", state, &["CVE-2024-1"]);
        assert_eq!(word(vec![now], None, Catalog::Same), state);
    }
}

#[test]
fn what_is_not_shown_any_more_is_fixed_only_where_it_was_asked_for() {
    let other = || finding("CVE-2020-9", "openssl", "fixed", &["CVE-2020-9"]);
    assert_eq!(word(vec![other()], None, Catalog::Same), "fixed");
    // Nothing is judged of the product: it is gone.
    assert_eq!(word(Vec::new(), None, Catalog::Same), "not_applicable");
    for cause in [GapCause::Denied, GapCause::TimedOut, GapCause::NotAsked] {
        assert_eq!(word(vec![other()], Some(cause), Catalog::Same), "unknown");
    }
    // Its flaw is told under another name, or nothing of the product could be judged.
    let renamed = finding("KB2", "openssl", "missing", &["CVE-2024-1", "CVE-2024-2"]);
    assert_eq!(word(vec![renamed], None, Catalog::Same), "missing");
    let doubted = finding(
        "unverified:third-party",
        "openssl",
        "unverified",
        &["CVE-2024-1"],
    );
    assert_eq!(word(vec![doubted], None, Catalog::Same), "unverified");
    let blind = finding("unknown:os-release", "debian", "unknown", &[]);
    assert_eq!(word(vec![blind], None, Catalog::Same), "unknown");
}

#[test]
fn what_the_catalogue_withdrew_is_not_verified() {
    let then = [was()];
    let fixed = || vec![finding("CVE-2024-1", "openssl", "fixed", &["CVE-2024-1"])];
    let by = |now| Catalog::Other { now, then: &then };
    // It still holds it against what was read then.
    assert_eq!(word(fixed(), None, by(&then)), "fixed");
    assert_eq!(word(fixed(), None, by(&[])), "unverified");
    let closed = fixed();
    assert_eq!(word(fixed(), None, by(&closed)), "unverified");
    assert_eq!(word(Vec::new(), None, by(&[])), "unverified");
    // It holds nothing about the system at all.
    let blind = [finding("unknown:catalogue", "debian", "unknown", &[])];
    assert_eq!(word(Vec::new(), None, by(&blind)), "unknown");
    // What is open now is open, whatever it makes of then.
    assert_eq!(word(vec![was()], None, by(&[])), "missing");
}

#[test]
fn nobody_else_proves_anything() {
    let told = |now: &Now<'_>| {
        let verdict = verified(&was(), now, Catalog::Same);
        assert_eq!(verdict.state, VerifiedState::Unreachable);
        assert_eq!(verdict.evidence, None);
        verdict.detail
    };
    let refused = Now::Unread(ResultCode::AuthRejected, String::new());
    assert!(told(&refused).starts_with("auth_rejected; "));
    assert!(told(&Now::Other("web-9".to_owned())).contains("web-9"));
    told(&Now::Silent);
    told(&Now::NotVisited("taken out".to_owned()));
    let mut unread = machine(Vec::new(), None);
    unread.inventory = None;
    told(&Now::Read(&unread));
}

proptest! {
    /// Whatever is met: it is fixed only where the question was answered, and no open row has its flaw.
    #[test]
    fn fixed_has_a_proof(
        rows in prop::collection::vec((0_usize..4, 0_usize..2, 0_usize..5, 0_usize..3), 0..6),
        is_open in any::<bool>(),
        other in prop::option::of(any::<bool>()),
    ) {
        let names = ["CVE-2024-1", "KB2", "unknown:x", "unverified:y"];
        let products = ["openssl", "debian"];
        let states = ["missing", "unknown", "fixed", "unverified", "pending_reboot"];
        let cves: [&[&str]; 3] = [&[], &["CVE-2024-1"], &["CVE-2024-7"]];
        let rows: Vec<Finding> = rows
            .into_iter()
            .map(|(name, product, state, own)| {
                finding(names[name], products[product], states[state], cves[own])
            })
            .collect();
        let gap = is_open.then_some(GapCause::Denied);
        let (then, none) = ([was()], []);
        let catalog = match other {
            None => Catalog::Same,
            Some(true) => Catalog::Other { now: &then, then: &then },
            Some(false) => Catalog::Other { now: &none, then: &then },
        };
        let machine = machine(rows.clone(), gap);
        let verdict = verified(&was(), &Now::Read(&machine), catalog);
        if verdict.state == VerifiedState::Judged(FindingState::Fixed) {
            let is_same = |one: &&Finding| one.product == "openssl" && one.bulletin.as_str() == "CVE-2024-1";
            let same: Vec<&Finding> = rows.iter().filter(is_same).collect();
            prop_assert!(other != Some(false));
            prop_assert!(same.iter().all(|one| one.state.is_closed()));
            prop_assert!(!is_open || !same.is_empty());
            let shares = |one: &Finding| !one.state.is_closed() && one.product == "openssl"
                && one.cves.contains(&"CVE-2024-1".to_owned());
            prop_assert!(!same.is_empty() || !rows.iter().any(shares));
        }
    }
}
