//! What a run goes back to verify, and what it finds: `classify` tells what became of each finding.

use super::plan::{Asked, Verify, Wanted};
use super::{RunError, RunSource, judge};
use crate::classify::{self, Catalog, Now, is_asked, is_named, is_to_be_verified, verified};
use crate::collect;
use crate::matching::Knowledge;
use crate::model::{
    AccessRecord, CoverageRow, Decision, Finding, FindingId, LeftUnverified, MachineId,
    MachineRecord, ResultCode, RunSummary, Verification, Verified,
};
use crate::report::ReportSource;
use crate::session::QuestionSet;
use crate::targets::Description;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
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
        let mut described: BTreeMap<(Option<Arc<str>>, Vec<String>), Vec<IpAddr>> = BTreeMap::new();
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
            match name {
                Some(name) => {
                    visits.targets.push(line(&name, &tags));
                    let own = visits.names.entry(name.to_string()).or_default();
                    own.extend(addresses);
                }
                None => {
                    let lines = addresses.iter().map(|at| line(&at.to_string(), &tags));
                    visits.targets.extend(lines);
                }
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
        self.left_out.add(machine, wanted);
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

impl LeftUnverified {
    fn add(&mut self, machine: &MachineRecord, wanted: &Wanted) {
        let findings = machine.findings.iter();
        for finding in findings.filter(|one| !one.state.is_closed()) {
            let slot = if crate::identify::is_exposure(finding) {
                &mut self.exposures
            } else if !is_to_be_verified(finding, wanted.all) {
                &mut self.without_fix
            } else if !is_asked(finding, &wanted.only, wanted.severity) {
                &mut self.not_asked
            } else {
                continue;
            };
            *slot += 1;
        }
    }
}

/// The findings of a machine that are verified, each with what the policy makes of it.
fn chosen<'a>(
    machine: &'a MachineRecord,
    wanted: &'a Wanted,
) -> impl Iterator<Item = (&'a Finding, Option<&'a Decision>)> {
    machine.judged().filter(|(finding, _)| {
        is_to_be_verified(finding, wanted.all) && is_asked(finding, &wanted.only, wanted.severity)
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
        self.left_out.add(machine, self.wanted);
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
        Now::NotVisited("the run did not get there; underdesk verify --resume goes on".to_owned())
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

impl RunSource {
    /// What the operator said of an address.
    fn described(&self, address: IpAddr) -> Description {
        let swept = self.swept.as_ref();
        swept.map_or_else(Description::default, |swept| {
            swept.targets.describe(address)
        })
    }

    /// Whether an address was not taken out of the run since it began.
    fn is_still_in_scope(&self, address: IpAddr) -> bool {
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
