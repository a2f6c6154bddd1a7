//! The runs before a run, in a few figures each.
//!
//! Verdicts of identical machines are stored once, and those of a machine that has not changed are the same in every
//! run: each is read once, however many machines of however many runs have it.

use super::source::{artefacts, left_in};
use super::{RunError, changes};
use crate::model::{RunId, RunSummary, TrendPoint, TrendSums};
use crate::store::{Digest, RunRecord, RunState, Store};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// How many runs are told of, with the one in question.
const RUNS: usize = 12;

/// What lists of verdicts come to.
type Known = BTreeMap<Digest, TrendSums>;

/// A run and those before it that can be set beside it: finished, of the same site, kind and targets. The earliest
/// comes first. One that cannot be read is there without figures. Blocks.
pub fn trend(store: &Store, run: &RunId) -> Result<Vec<TrendPoint>, RunError> {
    let all = store.list_runs().wait()?;
    let Some(this) = all.iter().find(|one| one.summary.id == *run) else {
        return Ok(Vec::new());
    };
    let own = targets(&this.summary);
    let same = changes::earlier(&all, &this.summary).filter(|one| {
        one.summary.state == RunState::Complete
            && one.summary.kind == this.summary.kind
            && targets(&one.summary) == own
    });
    let mut runs: Vec<&RunRecord> = std::iter::once(this).chain(same).take(RUNS).collect();
    runs.reverse();
    let mut known = Known::new();
    let points = runs.into_iter().map(|run| TrendPoint {
        run: run.summary.id.clone(),
        started: run.summary.started,
        sums: sums(store, run, &mut known).ok(),
    });
    Ok(points.collect())
}

/// What was to be looked at, in whatever order it was given.
fn targets(run: &RunSummary) -> BTreeSet<&str> {
    run.targets.iter().map(String::as_str).collect()
}

fn sums(store: &Store, run: &RunRecord, known: &mut Known) -> Result<TrendSums, RunError> {
    let machines = store.tally(&run.summary.id).wait()?;
    let nobody = artefacts(store, run)?;
    let mut sums = TrendSums {
        is_judged: !run.summary.catalog_digest.is_empty(),
        ..TrendSums::default()
    };
    let mut times = BTreeMap::<Digest, u64>::new();
    let done = machines
        .iter()
        .flat_map(|one| one.addresses.iter().copied());
    let left = left_in(store, run, &done.collect())?;
    let left = left.difference(&nobody).count();
    sums.machines += u64::try_from(left).unwrap_or(u64::MAX);
    for machine in machines {
        if machine
            .addresses
            .iter()
            .all(|address| nobody.contains(address))
        {
            continue;
        }
        sums.machines += 1;
        sums.read += u64::from(machine.is_read);
        if let Some(digest) = machine.findings {
            *times.entry(digest).or_default() += 1;
        }
    }
    for (digest, machines) in times {
        let of_one = match known.entry(digest) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let findings = store.findings(digest).wait()?;
                place.insert(TrendSums::of(&findings))
            }
        };
        sums.add(of_one, machines);
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        AccessRecord, Canaries, Family, Finding, HostIdentity, HostOutcome, HostTrust, Inventory,
        Kernel, LiveHost, Observed, Platform, Protocol, ResultCode, Severity, UtcTime,
    };
    use crate::store::{HostCommit, Matched, NewRun};
    use std::net::IpAddr;
    use std::sync::Arc;

    fn begin(store: &Store, number: i64, targets: &[&str], catalog: &str) -> RunId {
        let id = RunId::new(format!("r-{number}"));
        let summary = RunSummary {
            id: id.clone(),
            kind: "scan".to_owned(),
            started: UtcTime::from_unix(number * 86_400),
            finished: None,
            operator: "op".to_owned(),
            authorised_by: None,
            targets: targets.iter().map(|one| (*one).to_owned()).collect(),
            guards_lifted: Vec::new(),
            site: "default".to_owned(),
            catalog_digest: catalog.to_owned(),
            catalog_imported: None,
            catalog_feed: String::new(),
            programs_digest: String::new(),
            simulated: false,
            canaries: Canaries::default(),
            state: RunState::Running,
        };
        let new = NewRun {
            summary,
            settings: serde_json::Value::Null,
            plan_fingerprint: String::new(),
            seed: 0,
        };
        store.begin_run(new).wait().unwrap();
        id
    }

    fn finish(store: &Store, run: &RunId) {
        let at = UtcTime::from_unix(0);
        store
            .finish_run(run, RunState::Complete, at)
            .wait()
            .unwrap();
    }

    fn finding(bulletin: &str, severity: &str, state: &str) -> Finding {
        let kev: &[&str] = if severity == "critical" {
            &["CVE-2026-0001"]
        } else {
            &[]
        };
        serde_json::from_value(serde_json::json!({
            "bulletin": bulletin, "title": "t", "product": "openssl", "packages": [], "installed": "1", "fixed": "2",
            "state": state, "confidence": "high", "severity": severity, "cvss_tenths": null,
            "cves": ["CVE-2026-0001"], "kev": kev, "kev_checked": true, "kev_due": null,
            "evidence": {"observed": "", "question": "", "rule": "", "record": ""},
        }))
        .unwrap()
    }

    fn read() -> Inventory {
        Inventory {
            collector: String::new(),
            platform: Platform {
                family: Family::Debian,
                id: "debian".to_owned(),
                name: "Debian".to_owned(),
                version: None,
                codename: None,
                ecosystem: None,
                arch: None,
                kernel: Kernel::default(),
                windows: None,
            },
            identity: HostIdentity::default(),
            packages: Observed::default(),
            windows: None,
            unix: None,
            services: Observed::default(),
            reboot: Observed::default(),
            gaps: Vec::new(),
        }
    }

    /// A machine with some findings; none for one that was not read.
    fn commit(store: &Store, run: &RunId, last: u8, findings: Option<Vec<Finding>>) {
        let inventory = findings.as_ref().map(|_| Inventory {
            identity: HostIdentity {
                machine_id: Observed::Known(format!("{last:02x}").repeat(15) + "77"),
                ..HostIdentity::default()
            },
            ..read()
        });
        let code = if inventory.is_some() {
            ResultCode::Ok
        } else {
            ResultCode::Filtered
        };
        let outcome = HostOutcome {
            host: LiveHost {
                address: IpAddr::from([192, 0, 2, last]),
                name: None,
                tags: Arc::default(),
                open_ports: Vec::new(),
                round_trip: None,
            },
            host_key: None,
            inventory,
            credential: None,
            failure: None,
            access: vec![AccessRecord {
                protocol: Protocol::Ssh,
                port: Some(22),
                credential: None,
                attempted: true,
                code,
                detail: String::new(),
                trust: HostTrust::None,
                elapsed_ms: 0,
            }],
            services: Vec::new(),
            clues: Vec::new(),
            elapsed_ms: 0,
        };
        let matched = findings.map(|findings| Matched {
            findings: Arc::new(findings),
            catalog_digest: "c".to_owned(),
            end_of_life: None,
            age: None,
        });
        let commit = HostCommit {
            outcome,
            matched,
            exposures: Vec::new(),
            pins: Vec::new(),
            finished: UtcTime::from_unix(0),
        };
        store.commit_host(run, commit).wait().unwrap();
    }

    #[test]
    fn the_runs_before_of_the_same_targets_are_counted_machine_by_machine() {
        let store = Store::in_memory().unwrap();
        let worst = || finding("CVE-2026-0001", "critical", "missing");
        let closed = || finding("CVE-2026-0002", "high", "fixed");
        let undecided = || finding("CVE-2026-0003", "high", "unknown");
        let first = begin(&store, 1, &["a", "b"], "c");
        for last in 1..=3 {
            commit(
                &store,
                &first,
                last,
                Some(vec![worst(), closed(), undecided()]),
            );
        }
        commit(&store, &first, 4, None);
        finish(&store, &first);
        finish(&store, &begin(&store, 2, &["elsewhere"], "c"));
        begin(&store, 3, &["a", "b"], "c");
        let last = begin(&store, 4, &["b", "a"], "c");
        commit(&store, &last, 1, Some(vec![worst()]));
        commit(&store, &last, 2, Some(Vec::new()));
        finish(&store, &last);

        let points = trend(&store, &last).unwrap();
        // Neither the run of other targets nor the one that never ended.
        let runs: Vec<&str> = points.iter().map(|point| point.run.as_str()).collect();
        assert_eq!(runs, ["r-1", "r-4"]);
        let before = points[0].sums.as_ref().unwrap();
        assert_eq!((before.machines, before.read), (4, 3));
        assert_eq!(before.open, BTreeMap::from([(Some(Severity::Critical), 3)]));
        assert_eq!(
            (before.missing, before.exploited, before.unchecked),
            (3, 3, 0)
        );
        let now = points[1].sums.as_ref().unwrap();
        assert_eq!((now.machines, now.read, now.all_open()), (2, 2, 1));
    }

    #[test]
    fn a_run_that_read_nobody_or_had_no_catalogue_says_nothing_of_findings() {
        let store = Store::in_memory().unwrap();
        let run = begin(&store, 1, &["a"], "c");
        commit(&store, &run, 1, None);
        finish(&store, &run);
        let blind = begin(&store, 2, &["a"], "");
        commit(&store, &blind, 1, Some(Vec::new()));
        finish(&store, &blind);
        let points = trend(&store, &blind).unwrap();
        let says: Vec<bool> = points
            .iter()
            .map(|point| point.sums.as_ref().unwrap().says_findings())
            .collect();
        assert_eq!(says, [false, false]);
    }

    #[test]
    fn no_more_runs_are_looked_at_than_are_shown() {
        let store = Store::in_memory().unwrap();
        let mut last = None;
        for number in 1..=15 {
            let run = begin(&store, number, &["a"], "c");
            finish(&store, &run);
            last = Some(run);
        }
        let points = trend(&store, &last.unwrap()).unwrap();
        assert_eq!(points.len(), RUNS);
        assert_eq!(points[0].run.as_str(), "r-4");
        assert_eq!(points[11].run.as_str(), "r-15");
    }
}
