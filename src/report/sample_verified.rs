//! A run that verified what another had found, made by hand, for tests.

use super::ReportSource;
use super::sample::{self, Run, read};
use crate::model::{
    BulletinId, CoverageRow, FindingId, FindingState, LeftUnverified, MachineId, MachineRecord,
    RunId, RunSummary, Severity, UtcTime, Verdict, Verification, Verified, VerifiedState,
};
use std::io;

/// Such a run.
pub(super) struct VerifiedRun {
    run: Run,
    told: Verification,
}

impl ReportSource for VerifiedRun {
    fn run(&self) -> &RunSummary {
        self.run.run()
    }

    fn coverage(&self) -> &[CoverageRow] {
        self.run.coverage()
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.run.machines(visit)
    }

    fn verification(&self) -> Option<&Verification> {
        Some(&self.told)
    }
}

/// A run that met one machine, and could not say of another what became of it.
pub(super) fn verified_run() -> VerifiedRun {
    let mut run = sample::run(vec![read("10.0.2.1", "web", Vec::new())]);
    "verify".clone_into(&mut run.summary.kind);
    let states = [
        VerifiedState::Judged(FindingState::Missing),
        VerifiedState::Judged(FindingState::Fixed),
        VerifiedState::Unreachable,
    ];
    let rows = states.iter().enumerate().map(|(at, state)| {
        let machine = MachineId::new(format!("m-00000000000{at}"));
        let bulletin = BulletinId::new(format!("CVE-2026-{at}"));
        Verified {
            finding: FindingId::of(&machine, "openssl", &bulletin),
            machine,
            hostname: Some("web".into()),
            address: "10.0.2.1".parse().ok(),
            bulletin,
            title: "openssl: a flaw".to_owned(),
            product: "openssl".to_owned(),
            before: FindingState::Missing,
            installed_before: "3.0.9-1".to_owned(),
            severity: Some(Severity::High),
            is_excepted: false,
            verdict: Verdict {
                state: *state,
                installed: "3.0.10-1".to_owned(),
                fixed: Some("3.0.11-1".to_owned()),
                detail: "a `detail`".to_owned(),
                evidence: None,
            },
        }
    });
    let told = Verification {
        base: RunId::new("r-20261115T180000Z-0001"),
        began: UtcTime::parse("2026-11-15T18:00:00Z").unwrap(),
        is_other_catalog: false,
        left_out: LeftUnverified::default(),
        rows: rows.collect(),
    };
    VerifiedRun { run, told }
}
