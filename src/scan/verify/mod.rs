//! What a run goes back to verify, and what it finds: `classify` tells what became of each finding.

mod again;
#[cfg(test)]
mod tests;

pub use again::{VerifySource, verification};

use super::plan::{Asked, Wanted};
use super::{RunError, RunSource};
use crate::classify::{self, is_to_be_verified};
use crate::collect;
use crate::identify;
use crate::model::{Decision, Finding, LeftUnverified, MachineRecord, is_asked, is_named};
use crate::report::ReportSource as _;
use crate::session::QuestionSet;
use crate::targets::Description;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Whom a run visits to verify what another one found.
#[derive(Debug, Default)]
pub struct Visits {
    /// The machines with something to verify, sorted by address.
    pub machines: Vec<Visit>,
    /// Findings that are not asked after.
    pub left_out: LeftUnverified,
    /// Machines that are meant, and that the earlier run had not read.
    pub unread: u64,
    /// How many machines are meant.
    pub meant: u64,
    /// The targets, as lines of a target list: with the names and tags that they had.
    pub targets: Vec<String>,
    /// The addresses of these names.
    pub names: BTreeMap<String, Vec<IpAddr>>,
}

/// What the operator said of an address: its name and its tags.
type Said = (Option<Arc<str>>, Vec<String>);

/// A machine that is visited again.
#[derive(Debug)]
pub struct Visit {
    /// What it is called.
    pub hostname: Option<String>,
    /// Its addresses, but for those that were taken out of the scope of the earlier run.
    pub addresses: Vec<IpAddr>,
    /// How many findings are verified.
    pub findings: u64,
    /// The words of their evidence.
    pub evidence: BTreeSet<String>,
    /// What it is asked.
    pub questions: &'static QuestionSet,
}

impl Visits {
    /// Chooses the machines of a run. Blocks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of(base: &RunSource, wanted: &Wanted) -> Result<Self, RunError> {
        let mut visits = Self::default();
        let mut described: BTreeMap<Said, Vec<IpAddr>> = BTreeMap::new();
        let walk = base.machines(&mut |machine| {
            if let Some(visit) = visits.visit(base, machine, wanted) {
                for address in &visit.addresses {
                    let said = base.described(*address);
                    let key = (said.name, said.tags.to_vec());
                    described.entry(key).or_default().push(*address);
                }
                visits.machines.push(visit);
            }
            Ok(())
        });
        walk.map_err(RunError::Read)?;
        for ((name, tags), addresses) in described {
            if let Some(name) = name {
                visits.targets.push(line(&name, &tags));
                let own = visits.names.entry(name.to_string()).or_default();
                own.extend(addresses);
            } else {
                let lines = addresses.iter().map(|at| line(&at.to_string(), &tags));
                visits.targets.extend(lines);
            }
        }
        Ok(visits)
    }

    fn visit(
        &mut self,
        base: &RunSource,
        machine: &MachineRecord,
        wanted: &Wanted,
    ) -> Option<Visit> {
        if machine.intermediary.is_some() || !is_named(machine, &wanted.hosts, &wanted.tags) {
            return None;
        }
        self.meant += 1;
        let Some(inventory) = &machine.inventory else {
            self.unread += 1;
            return None;
        };
        add(&mut self.left_out, machine, wanted);
        let chosen: Vec<&Finding> = chosen(machine, wanted).map(|(one, _)| one).collect();
        let addresses = machine.addresses.iter().copied();
        let addresses: Vec<IpAddr> = addresses.filter(|at| base.is_still_in_scope(*at)).collect();
        if chosen.is_empty() {
            return None;
        }
        let words = chosen
            .iter()
            .flat_map(|one| collect::words_of(&one.evidence));
        let evidence: BTreeSet<String> = words.map(str::to_owned).collect();
        let set: &'static QuestionSet = match inventory.platform.windows {
            Some(_) => &collect::WINDOWS,
            None => &collect::UNIX,
        };
        Some(Visit {
            hostname: hostname(machine),
            addresses,
            findings: count(chosen.len()),
            questions: collect::narrowed(set, &evidence),
            evidence,
        })
    }

    /// What is asked where.
    pub fn asks(&self) -> Vec<Asked> {
        let mut asks: BTreeMap<&BTreeSet<String>, Vec<IpAddr>> = BTreeMap::new();
        for visit in &self.machines {
            let own = asks.entry(&visit.evidence).or_default();
            own.extend(&visit.addresses);
        }
        let asks = asks.into_iter().map(|(evidence, mut addresses)| {
            addresses.sort_unstable();
            Asked {
                evidence: evidence.clone(),
                addresses,
            }
        });
        asks.collect()
    }

    /// How many findings are verified.
    pub fn findings(&self) -> u64 {
        self.machines.iter().map(|visit| visit.findings).sum()
    }
}

/// Counts the findings of a machine that are left out.
fn add(left_out: &mut LeftUnverified, machine: &MachineRecord, wanted: &Wanted) {
    let findings = machine.judged();
    for (finding, decision) in findings.filter(|(one, _)| !one.state.is_closed()) {
        let slot = if identify::is_exposure(finding) {
            &mut left_out.exposures
        } else if !is_to_be_verified(finding, wanted.all) {
            &mut left_out.without_fix
        } else if !is_asked((finding, decision), &wanted.only, wanted.severity) {
            &mut left_out.not_asked
        } else {
            continue;
        };
        *slot += 1;
    }
}

/// The findings of a machine that are verified, each with what the policy makes of it.
fn chosen<'a>(
    machine: &'a MachineRecord,
    wanted: &'a Wanted,
) -> impl Iterator<Item = (&'a Finding, Option<&'a Decision>)> {
    machine.judged().filter(|(finding, decision)| {
        is_to_be_verified(finding, wanted.all)
            && is_asked((finding, *decision), &wanted.only, wanted.severity)
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A line of a target list.
fn line(place: &str, tags: &[String]) -> String {
    const WORDS: [&str; 3] = ["criticality=", "owner=", "exposure="];
    let is_word = |tag: &&String| WORDS.iter().any(|word| tag.starts_with(word));
    let (words, tags): (Vec<&String>, Vec<&String>) = tags.iter().partition(is_word);
    let tags: Vec<&str> = tags.into_iter().map(String::as_str).collect();
    let listed = (!tags.is_empty()).then(|| format!("tags={}", tags.join(",")));
    let parts = [place.to_owned()].into_iter().chain(listed);
    let parts = parts.chain(words.into_iter().cloned());
    parts.collect::<Vec<_>>().join(" ")
}

/// What a machine is called, for people.
fn hostname(machine: &MachineRecord) -> Option<String> {
    classify::changes::snapshot(machine, false).and_then(|one| one.hostname)
}

impl RunSource {
    /// What the operator said of an address.
    fn described(&self, address: IpAddr) -> Description {
        let swept = self.swept.as_ref();
        swept.map_or_else(Description::default, |swept| {
            swept.targets.describe(address)
        })
    }

    /// Whether an address was not taken out of the run since it began.
    pub(in crate::scan) fn is_still_in_scope(&self, address: IpAddr) -> bool {
        let Some(swept) = &self.swept else {
            return true;
        };
        let index = swept.targets.index_of(address);
        let index = index.and_then(|index| u64::try_from(index).ok());
        index.is_some_and(|index| !swept.sweep.is_excluded(index))
    }

    /// Whether an address is in the run's scope.
    fn is_target(&self, address: IpAddr) -> bool {
        let swept = self.swept.as_ref();
        swept.is_some_and(|swept| swept.targets.contains(address))
            && self.is_still_in_scope(address)
    }
}
