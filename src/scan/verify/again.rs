//! The machines of the earlier run, met again.

use super::{add, chosen, hostname};
use crate::classify::{Catalog, Now, verified};
use crate::matching::Knowledge;
use crate::model::{
    AccessRecord, CoverageRow, FindingId, LeftUnverified, MachineId, MachineRecord, ResultCode,
    RunSummary, Verification, Verified, is_named,
};
use crate::report::ReportSource;
use crate::scan::plan::{Verify, Wanted};
use crate::scan::{RunError, RunSource, judge};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// Tells what became of the findings that a run verified: `base` is the earlier run, `now` the one that verified, with
/// its closed findings as `knowledge` finds them. Blocks.
///
/// # Errors
/// The store or the catalogue cannot be read.
pub fn verification(
    base: &RunSource,
    now: &RunSource,
    verify: &Verify,
    knowledge: &Knowledge,
) -> Result<Verification, RunError> {
    let run = base.run();
    let is_other_catalog = knowledge.catalog.digest() != run.catalog_digest
        || knowledge.rules.digest() != run.programs_digest;
    let mut again = Again {
        base,
        now,
        wanted: &verify.wanted,
        knowledge: is_other_catalog.then_some(knowledge),
        places: now.places_by_id(),
        met: met(now)?,
        left_out: LeftUnverified::default(),
        rows: Vec::new(),
    };
    let mut fault = None;
    let walk = base.machines(&mut |machine| {
        again.machine(machine).map_err(|error| {
            fault = Some(error);
            io::Error::other("stopped")
        })
    });
    match (fault, walk) {
        (Some(error), _) => return Err(error),
        (None, walked) => walked.map_err(RunError::Read)?,
    }
    let mut rows = again.rows;
    rows.sort_by(|one, other| {
        (one.address, &one.machine, &one.product, &one.bulletin).cmp(&(
            other.address,
            &other.machine,
            &other.product,
            &other.bulletin,
        ))
    });
    Ok(Verification {
        base: run.id.clone(),
        began: run.started,
        is_other_catalog,
        left_out: again.left_out,
        rows,
    })
}

/// What is said of a machine that the run has not come to.
const NOT_THERE: &str = "the run did not get there; underdesk verify --resume goes on";

/// Who was met at an address.
#[derive(Clone)]
struct Who {
    /// What he is called, where he was read.
    read: Option<String>,
    /// Why he was not.
    code: Option<ResultCode>,
    detail: String,
}

/// Who was met at each address.
fn met(now: &RunSource) -> Result<BTreeMap<IpAddr, Who>, RunError> {
    let mut met = BTreeMap::new();
    let walk = now.machines(&mut |machine| {
        let who = who(machine);
        met.extend(machine.addresses.iter().map(|at| (*at, who.clone())));
        Ok(())
    });
    walk.map_err(RunError::Read)?;
    Ok(met)
}

fn who(machine: &MachineRecord) -> Who {
    let rows = machine.access.iter().map(|(_, row)| row);
    let telling = AccessRecord::telling(rows);
    let failure = machine.failure.as_ref();
    let code = failure.map(|one| one.code).or(telling.map(|row| row.code));
    let detail = failure.map(|one| one.detail.clone());
    let detail = detail.or_else(|| Some(telling?.detail.clone()));
    let name = || hostname(machine).unwrap_or_else(|| machine.id.to_string());
    Who {
        read: machine.inventory.as_ref().map(|_| name()),
        code,
        detail: detail.unwrap_or_default(),
    }
}

/// The machines of the earlier run, met again.
struct Again<'a> {
    base: &'a RunSource,
    now: &'a RunSource,
    wanted: &'a Wanted,
    /// By what the verdicts are made, where it is not what made those of the earlier run.
    knowledge: Option<&'a Knowledge>,
    places: BTreeMap<MachineId, usize>,
    met: BTreeMap<IpAddr, Who>,
    left_out: LeftUnverified,
    rows: Vec<Verified>,
}

impl Again<'_> {
    fn machine(&mut self, machine: &MachineRecord) -> Result<(), RunError> {
        let is_meant = is_named(machine, &self.wanted.hosts, &self.wanted.tags);
        if machine.intermediary.is_some() || machine.inventory.is_none() || !is_meant {
            return Ok(());
        }
        add(&mut self.left_out, machine, self.wanted);
        if chosen(machine, self.wanted).next().is_none() {
            return Ok(());
        }
        let read = self.read(machine).map_err(RunError::Read)?;
        let now = match &read {
            Some(read) => Now::Read(read),
            None => self.missed(machine),
        };
        let by_present = match (self.knowledge, &machine.inventory) {
            (Some(knowledge), Some(inventory)) => {
                let day = machine.last_seen.date();
                Some(judge::with_closed(knowledge, inventory, day)?)
            }
            _ => None,
        };
        let catalog = by_present
            .as_ref()
            .map_or(Catalog::Same, |now| Catalog::Other {
                now,
                then: &machine.findings,
            });
        let hostname = hostname(machine).map(Arc::from);
        for (finding, decision) in chosen(machine, self.wanted) {
            let rating = || finding.rating();
            self.rows.push(Verified {
                machine: machine.id.clone(),
                hostname: hostname.clone(),
                address: machine.addresses.first().copied(),
                finding: FindingId::of(&machine.id, &finding.product, &finding.bulletin),
                bulletin: finding.bulletin.clone(),
                title: finding.title.clone(),
                product: finding.product.clone(),
                before: finding.state,
                installed_before: finding.installed.clone(),
                severity: decision.map_or_else(rating, |one| one.my_severity),
                is_excepted: decision.is_some_and(|one| one.exception.is_some()),
                verdict: verified(finding, &now, catalog),
            });
        }
        Ok(())
    }

    /// The same machine, where it was read now. Whoever has its address only is not the same.
    fn read(&self, machine: &MachineRecord) -> io::Result<Option<MachineRecord>> {
        let ids = [&machine.id].into_iter().chain(&machine.also);
        let places: BTreeSet<usize> = ids.filter_map(|id| self.places.get(id)).copied().collect();
        for place in places {
            let now = self.now.machine_at(place)?;
            if let Some(now) = now.filter(|now| now.inventory.is_some()) {
                return Ok(Some(now));
            }
        }
        Ok(None)
    }

    /// Why a machine was not read.
    fn missed(&self, machine: &MachineRecord) -> Now<'static> {
        let addresses = &machine.addresses;
        let met: Vec<&Who> = addresses.iter().filter_map(|at| self.met.get(at)).collect();
        // It may be whoever was not read.
        if let Some(who) = met.iter().find(|who| who.read.is_none()) {
            return match who.code {
                Some(ResultCode::Interrupted) => Now::NotVisited(NOT_THERE.to_owned()),
                Some(code) => Now::Unread(code, who.detail.clone()),
                None => {
                    Now::NotVisited("somebody answers there, and there is no way in".to_owned())
                }
            };
        }
        if let Some(name) = met.iter().find_map(|who| who.read.clone()) {
            return Now::Other(name);
        }
        let mut addresses = addresses.iter().copied();
        if !addresses
            .clone()
            .any(|at| self.base.is_still_in_scope(at) && self.now.is_target(at))
        {
            return Now::NotVisited(
                "its addresses are taken out (never_scan, --exclude), or were not in the scope"
                    .to_owned(),
            );
        }
        if addresses.all(|at| self.now.has_swept(at) || !self.now.is_target(at)) {
            return Now::Silent;
        }
        Now::NotVisited(NOT_THERE.to_owned())
    }
}

/// A run that verified, with what it found; the verdicts on its machines beyond that are nobody's business.
#[derive(Debug)]
pub struct VerifySource {
    run: RunSource,
    verification: Verification,
}

impl VerifySource {
    /// Puts both together.
    pub fn new(run: RunSource, verification: Verification) -> Self {
        Self { run, verification }
    }

    /// What was found.
    pub fn told(&self) -> &Verification {
        &self.verification
    }
}

impl ReportSource for VerifySource {
    fn run(&self) -> &RunSummary {
        self.run.run()
    }

    fn coverage(&self) -> &[CoverageRow] {
        self.run.coverage()
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.run.machines(&mut |machine| {
            let mut machine = machine.clone();
            machine.findings = Arc::default();
            machine.decided = None;
            visit(&machine)
        })
    }

    fn verification(&self) -> Option<&Verification> {
        Some(&self.verification)
    }
}
