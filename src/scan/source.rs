//! A stored run, as the exporters read it.

use super::{RunError, RunPlan, judge};
use crate::catalog::Catalog;
use crate::identify;
use crate::model::{
    CoverageRow, Date, FindingState, MachineRecord, RunSummary, SeenBy, Service, Severity,
};
use crate::report::ReportSource;
use crate::store::{Answer, ReportOptions, RunReport, SightingRow, Store};
use crate::sweep::coverage::{self, Progress};
use crate::sweep::{self, Sighting};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A stored run with its coverage, and what the sweep saw beside what the logins saw.
#[derive(Debug)]
pub struct RunSource {
    report: RunReport,
    coverage: Vec<CoverageRow>,
    open: BTreeMap<IpAddr, Vec<SightingRow>>,
    /// The catalogue that also says what is closed, and the day of its verdicts.
    closed_by: Option<(Arc<Catalog>, Date)>,
}

impl RunSource {
    /// Reads a run from the store. Blocks.
    pub fn open(
        store: &Store,
        run: &crate::model::RunId,
        no_merge: bool,
    ) -> Result<Self, RunError> {
        let record = store.load_run(run).wait()?;
        let report = store.report(run, ReportOptions { no_merge }).wait()?;
        let sightings = store.sightings(run).wait()?;
        let plan: Option<RunPlan> = serde_json::from_value(record.settings).ok();
        let mut source = Self {
            report,
            coverage: Vec::new(),
            open: BTreeMap::new(),
            closed_by: None,
        };
        if let Some(plan) = plan.filter(|plan| !plan.scope.targets.is_empty()) {
            source.coverage = source.cover(&plan, record.mark, &sightings)?;
        }
        for row in sightings
            .into_iter()
            .filter(|row| row.answer == Answer::Open)
        {
            source.open.entry(row.address).or_default().push(row);
        }
        Ok(source)
    }

    /// Shows closed findings too, as of a day; `false` where the run's verdicts are another
    /// catalogue's.
    #[must_use]
    pub fn show_closed(&mut self, catalog: &Arc<Catalog>, today: Date) -> bool {
        let same = catalog.digest() == self.report.run().catalog_digest;
        self.closed_by = same.then(|| (Arc::clone(catalog), today));
        same
    }

    fn cover(
        &self,
        plan: &RunPlan,
        mark: u64,
        sightings: &[SightingRow],
    ) -> Result<Vec<CoverageRow>, RunError> {
        let targets = Arc::new(plan.scope.targets()?);
        let sweep = plan.sweep(&targets)?;
        let run = self.report.run();
        let progress = Progress {
            plan: &sweep,
            mark,
            started: Some(run.started),
            finished: run.finished,
        };
        let mut assessed = Vec::new();
        let walk = self.report.visit(&mut |machine| {
            if machine.inventory.is_some() {
                let read = machine
                    .access
                    .iter()
                    .filter(|(_, row)| row.code.is_success());
                assessed.extend(read.map(|(address, _)| *address));
            }
            Ok(())
        });
        walk.map_err(RunError::Read)?;
        let seen = sightings.iter().map(sighting);
        Ok(coverage::rows(&targets.parts(), &progress, seen, assessed))
    }

    /// Whether any machine has an open finding of a severity or worse; `None` is any severity. A
    /// finding without a stated severity counts as worst.
    pub fn has_open_finding(&self, threshold: Option<Severity>) -> bool {
        let mut found = false;
        let walk = self.report.visit(&mut |machine| {
            let mut findings = machine.findings.iter();
            found |=
                findings.any(|finding| is_at_least(finding.state, finding.rating(), threshold));
            Ok(())
        });
        // A store that cannot be read is no reason to call a run clean.
        found || walk.is_err()
    }
}

fn is_at_least(
    state: FindingState,
    severity: Option<Severity>,
    threshold: Option<Severity>,
) -> bool {
    let bad_enough = match (severity, threshold) {
        (Some(severity), Some(threshold)) => severity >= threshold,
        (None, _) | (_, None) => true,
    };
    !state.is_closed() && !state.counts_as_unknown() && bad_enough
}

fn sighting(row: &SightingRow) -> Sighting {
    Sighting {
        index: 0,
        address: row.address,
        port: row.port,
        answer: match row.answer {
            Answer::Open => sweep::Answer::Open,
            Answer::Closed => sweep::Answer::Closed,
            Answer::Unreachable => sweep::Answer::Unreachable,
        },
        round_trip: Duration::from_micros(row.round_trip_us.unwrap_or(0).into()),
        tries: row.tries,
    }
}

impl ReportSource for RunSource {
    fn run(&self) -> &RunSummary {
        self.report.run()
    }

    fn coverage(&self) -> &[CoverageRow] {
        &self.coverage
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.report.visit(&mut |machine| {
            let mut machine = machine.clone();
            self.add_open_ports(&mut machine);
            if let (Some((catalog, today)), Some(inventory)) = (&self.closed_by, &machine.inventory)
            {
                let all = judge::with_closed(catalog, inventory, *today);
                machine.findings = Arc::new(all.map_err(io::Error::other)?);
            }
            visit(&machine)
        })
    }
}

impl RunSource {
    /// A port that the sweep found open is a service, whether or not anybody knows which.
    fn add_open_ports(&self, machine: &mut MachineRecord) {
        for address in machine.addresses.clone() {
            for row in self.open.get(&address).into_iter().flatten() {
                let is_same = |known: &&(IpAddr, Service)| {
                    known.0 == address
                        && known.1.port == row.port
                        && known.1.seen_by == SeenBy::Scan
                };
                if machine.services.iter().any(|known| is_same(&known)) {
                    continue;
                }
                machine.services.push((address, open_port(row)));
            }
        }
        machine.services.sort();
    }
}

fn open_port(row: &SightingRow) -> Service {
    identify::open_service(row.port, row.banner.as_deref().unwrap_or_default())
}
