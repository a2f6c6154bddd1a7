//! The machines of a stored run: to each record is added what all of the run tells of it.

use super::super::judge;
use super::super::standings::{self, Standings, Taken};
use super::{Notice, RunSource};
use crate::classify::{self, Sighted};
use crate::identify;
use crate::model::{MachineId, MachineRecord};
use crate::scan::RunError;
use crate::store::RunReport;
use std::collections::BTreeMap;
use std::io;
use std::iter;
use std::sync::Arc;

/// Reads the machines of a report.
type Walk = fn(&RunReport, &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()>;

impl RunSource {
    pub(super) fn walk(
        &self,
        walk: Walk,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut notice = Notice::default();
        let mut priorities = self.priorities.as_ref().map(|all| (all, all.places()));
        let visit = &mut |machine: &mut MachineRecord| {
            if let Some((priorities, places)) = &mut priorities {
                priorities.place(machine, places);
            }
            self.notice(&mut notice, machine);
            visit(machine)
        };
        walk(&self.report, &mut |record| {
            let machine = match &self.standings {
                Some(standings) => self.whole(record, standings)?,
                None => self.prepare(record.clone())?,
            };
            machine.map_or(Ok(()), |mut machine| visit(&mut machine))
        })?;
        self.notice.set(notice).ok();
        Ok(())
    }

    /// The machines with their findings; of the packages that were read it may show no more than the one that came
    /// in last.
    pub(in crate::scan) fn judged(
        &self,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        // Closed findings are found again in what is installed.
        let walk: Walk = match &self.closed {
            Some(_) => RunReport::visit,
            None => RunReport::visit_sketched,
        };
        self.walk(walk, visit)
    }

    /// The machines as the store tells them apart, without their findings, and with no more of their packages than
    /// the one that came in last.
    pub(in crate::scan) fn records(
        &self,
        visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        self.report
            .visit_unjudged(&mut |record| match self.recognised(record.clone()) {
                Some(machine) => visit(&machine),
                None => Ok(()),
            })
    }

    /// The machine that a record stands for; `None` where another record stands for it.
    fn whole(
        &self,
        record: &MachineRecord,
        standings: &Standings,
    ) -> io::Result<Option<MachineRecord>> {
        let (machine, records) = match standings.take(&self.report, record) {
            // The record at the lowest address stands for all of them.
            Taken::Other => return Ok(None),
            Taken::Alone => {
                let machine = self.prepare(record.clone())?;
                let records = machine.iter().map(sighted).collect();
                (machine, records)
            }
            Taken::With(places) => {
                let others = places.iter().filter_map(|place| {
                    let other = self.report.machine(*place).transpose()?;
                    Some(other.map_err(io::Error::other))
                });
                let others = others.collect::<io::Result<Vec<_>>>()?;
                let records = iter::once(record).chain(&others);
                let records = records.filter_map(|one| self.recognised(one.clone()));
                let records: Vec<Sighted> = records.map(|one| sighted(&one)).collect();
                let machine = self.prepare(standings::fold(record.clone(), others))?;
                (machine, records)
            }
        };
        Ok(machine.map(|mut machine| {
            standings.place(&self.report, &mut machine, &records);
            machine
        }))
    }

    /// The machine whose first record is at a place of the report.
    pub(in crate::scan) fn machine_at(&self, place: usize) -> io::Result<Option<MachineRecord>> {
        let record = self.report.machine(place).map_err(io::Error::other)?;
        let Some(record) = record else {
            return Ok(None);
        };
        match &self.standings {
            Some(standings) => self.whole(&record, standings),
            None => self.prepare(record),
        }
    }

    /// Where each machine's first record is, by every id that the run has for it.
    pub(in crate::scan) fn places_by_id(&self) -> BTreeMap<MachineId, usize> {
        let ids = self.report.machine_ids().cloned().enumerate();
        let first = |id: &MachineId| self.standings.as_ref()?.first_place(&self.report, id);
        ids.map(|(place, id)| {
            let first = first(&id).unwrap_or(place);
            (id, first)
        })
        .collect()
    }

    /// Adds to a record what all of the run tells of it; `None` where another record stands for it.
    fn prepare(&self, machine: MachineRecord) -> io::Result<Option<MachineRecord>> {
        let Some(mut machine) = self.recognised(machine) else {
            return Ok(None);
        };
        self.add_closed(&mut machine).map_err(io::Error::other)?;
        add_exposures(&mut machine);
        Ok(Some(machine))
    }

    /// Adds to a record what all of the run tells of it, but for findings; `None` where another record stands for
    /// it.
    fn recognised(&self, machine: MachineRecord) -> Option<MachineRecord> {
        let mut machine = self.intermediaries.recognise(machine)?;
        self.seen.add_to(&mut machine);
        machine.same_key = self.shared_keys.others(&machine);
        Some(machine)
    }

    fn add_closed(&self, machine: &mut MachineRecord) -> Result<(), RunError> {
        if let (Some(knowledge), Some(inventory)) = (&self.closed, &machine.inventory) {
            let day = machine.last_seen.date();
            machine.findings = Arc::new(judge::with_closed(knowledge, inventory, day)?);
        }
        Ok(())
    }
}

/// A record as the comparison saw it.
fn sighted(record: &MachineRecord) -> Sighted {
    classify::sighted(record, 0)
}

/// What can be seen from outside to be wrong stands beside the verdicts on what was read.
fn add_exposures(machine: &mut MachineRecord) {
    if machine.intermediary.is_some() {
        return;
    }
    let exposures = identify::exposures(&machine.fingerprint, machine.inventory.is_some());
    if !exposures.is_empty() {
        let mut findings = machine.findings.to_vec();
        findings.extend(exposures);
        findings.sort_by(|one, other| {
            (&one.product, &one.bulletin).cmp(&(&other.product, &other.bulletin))
        });
        machine.findings = Arc::new(findings);
    }
}
