//! Networks as large as one likes, for tests of what a page holds and of how quick it is.

use super::super::ReportSource;
use super::super::sample;
use crate::model::{
    BulletinId, CoverageRow, Decided, Decision, FindingState, MachineRecord, RunSummary, Severity,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// So many machines with so many findings each.
pub(super) struct Synthetic {
    base: sample::Run,
    template: MachineRecord,
    machines: u32,
    each: u32,
}

impl Synthetic {
    pub(super) fn new(machines: u32, each: u32) -> Self {
        let finding = sample::finding("openssl", "CVE-2026-1", FindingState::Missing);
        let template = sample::read("10.0.0.1", "host", vec![finding]);
        Self {
            base: sample::run(Vec::new()),
            template,
            machines,
            each,
        }
    }

    fn machine(&self, number: u32) -> MachineRecord {
        const SEVERITIES: [Severity; 4] = [
            Severity::Critical,
            Severity::High,
            Severity::Medium,
            Severity::Low,
        ];
        let mut machine = self.template.clone();
        machine.addresses = vec![IpAddr::from(Ipv4Addr::from(0x0a00_0000 + number))];
        machine.id = crate::model::MachineId::from_key(
            "default",
            "address",
            &machine.addresses[0].to_string(),
        );
        machine.target_name = Some(format!("host-{number}.example"));
        if let Some(inventory) = &mut machine.inventory {
            let own = crate::model::Observed::Known(format!("host-{number}"));
            Arc::make_mut(inventory).identity.hostname = own;
        }
        machine.tags = vec![
            format!("owner=team-{}", number % 17),
            format!("site=floor-{}", number % 5),
        ];
        let first = machine.findings[0].clone();
        let numbers = 0..self.each;
        let (mut findings, mut decisions) = (Vec::new(), Vec::new());
        for at in numbers {
            let subject = (number * 7 + at * 131) % 4000;
            let mut finding = first.clone();
            finding.bulletin = BulletinId::new(format!("CVE-2026-{:05}", 10_000 + subject));
            finding.title = format!(
                "flaw {subject} of a library that many programs use, with a title of usual length"
            );
            finding.product = format!("package-{}", subject % 700);
            finding.installed = format!("1.{}.{}-1", subject % 30, number % 9);
            finding.fixed = Some(format!("1.{}.99-1", subject % 30));
            finding.state = FindingState::Missing;
            finding.cves = vec![finding.bulletin.to_string()];
            let severity = SEVERITIES[(subject % 4) as usize];
            decisions.push(Decision {
                my_severity: Some(severity),
                rule: "preset".to_owned(),
                due: Some(sample::day("2026-11-25")),
                days_left: Some(i64::from(subject % 20) - 10),
                rank: Some(u64::from(number) + u64::from(at) * u64::from(self.machines) + 1),
                ..Decision::default()
            });
            findings.push(finding);
        }
        machine.findings = Arc::new(findings);
        machine.decided = Some(Decided {
            has_due_dates: true,
            decisions,
            drift: Vec::new(),
        });
        machine
    }
}

impl ReportSource for Synthetic {
    fn run(&self) -> &RunSummary {
        &self.base.summary
    }

    fn coverage(&self) -> &[CoverageRow] {
        &self.base.coverage
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        (0..self.machines).try_for_each(|number| visit(&self.machine(number)))
    }
}
