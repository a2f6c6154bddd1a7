//! A question of the day: which findings, on which machines.

use super::asked::{is_about, is_name, is_named, is_severe, network, severity};
use super::{
    Decision, Entry, Finding, FindingState, MachineId, MachineRecord, Severity, WorkStatus,
};
use ipnetwork::IpNetwork;
use std::net::IpAddr;

/// What is asked for. Each part that names something takes what is one of these; what all parts take is meant. The
/// default names nothing, and takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Updates, bulletins, CVEs; see [`is_about`].
    pub bulletins: Vec<String>,
    /// At least this severe by the policy, or rated by nobody.
    pub my_severity: Option<Severity>,
    /// At least this severe by the publishers, or rated by nobody.
    pub severity: Option<Severity>,
    /// In one of these states.
    pub states: Vec<FindingState>,
    /// About a product or package whose name has one of these texts in it, whatever their case.
    pub products: Vec<String>,
    /// Only what is known to be exploited.
    pub exploited: bool,
    /// Only what should have been fixed by now.
    pub overdue: bool,
    /// As far as people say; what nobody wrote about counts as new.
    pub statuses: Vec<WorkStatus>,
    /// With or without an exception.
    pub excepted: Excepted,
    /// Who sees to it: as people wrote of the finding, else as the machine's tag says, else as lists do.
    pub owners: Vec<String>,
    /// Machines by name, address, network or id.
    pub hosts: Vec<String>,
    /// Machines with one of these tags.
    pub tags: Vec<String>,
    /// Machines that were met in one of these networks.
    pub subnets: Vec<IpNetwork>,
}

/// Whether findings are meant that an exception holds for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Excepted {
    /// These and others.
    #[default]
    Either,
    /// Only these.
    Only,
    /// Only others.
    Without,
}

impl Selection {
    /// Whether it takes everything.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it says anything of findings, an owner included.
    pub fn limits_findings(&self) -> bool {
        let places = Self {
            hosts: self.hosts.clone(),
            tags: self.tags.clone(),
            subnets: self.subnets.clone(),
            ..Self::default()
        };
        *self != places
    }

    /// Whether it asks for findings that are closed.
    pub fn wants_closed(&self) -> bool {
        self.states.iter().any(|state| state.is_closed())
    }

    /// Whether it takes a machine, by what it is and not by what it lacks.
    pub fn is_there(&self, machine: &MachineRecord) -> bool {
        is_named(machine, &self.hosts, &self.tags) && self.is_in_subnet(&machine.addresses)
    }

    /// Whether a machine is one of those that the question is about: it is there, and it or a finding of it is one
    /// of the owners'. Closed findings are as good as others: an end of support that is still to come is somebody's, too.
    pub fn concerns(&self, machine: &MachineRecord) -> bool {
        let mut findings = machine.judged();
        self.is_there(machine)
            && (self.is_owned(machine, None)
                || findings.any(|(_, decision)| self.is_owned(machine, decision)))
    }

    /// Whether it takes a finding of a machine.
    pub fn takes(
        &self,
        machine: &MachineRecord,
        finding: &Finding,
        decision: Option<&Decision>,
    ) -> bool {
        self.is_owned(machine, decision)
            && self.is_meant(finding, decision)
            && self.is_there(machine)
    }

    /// Whether rows about a machine as a whole are shown: it is concerned, and where findings are asked for it has
    /// one that is shown, or nobody can tell whether it has. Closed ones are shown where all are.
    pub fn takes_machine(&self, machine: &MachineRecord, all_findings: bool) -> bool {
        if !self.limits_findings() {
            return self.is_there(machine);
        }
        let mut findings = machine.judged();
        self.concerns(machine)
            && (self.asks_only_whose()
                || is_untold(machine)
                || findings.any(|(finding, decision)| {
                    let is_shown = all_findings || !finding.state.is_closed();
                    is_shown && self.takes(machine, finding, decision)
                }))
    }

    /// Whether it takes what only a list knows.
    pub fn takes_entry(&self, entry: &Entry) -> bool {
        let is_it = |word: &String| {
            let id = entry.id.as_ref().map(MachineId::as_str);
            is_name(&entry.name, word) || id == Some(word) || is_at(&entry.addresses, word)
        };
        self.tags.is_empty()
            && self.owners.is_empty()
            && (self.hosts.is_empty() || self.hosts.iter().any(is_it))
            && self.is_in_subnet(&entry.addresses)
    }

    /// Whether it takes an address or a name of which nothing else is known.
    pub fn takes_place(&self, id: &MachineId, name: Option<&str>, address: Option<IpAddr>) -> bool {
        let addresses: Vec<IpAddr> = address.into_iter().collect();
        let is_it = |word: &String| {
            id.as_str() == word
                || name.is_some_and(|name| is_name(name, word))
                || is_at(&addresses, word)
        };
        self.tags.is_empty()
            && self.owners.is_empty()
            && (self.hosts.is_empty() || self.hosts.iter().any(is_it))
            && self.is_in_subnet(&addresses)
    }

    /// Whether nothing but an owner is asked of findings.
    fn asks_only_whose(&self) -> bool {
        let others = Self {
            owners: Vec::new(),
            ..self.clone()
        };
        !others.limits_findings()
    }

    fn is_in_subnet(&self, addresses: &[IpAddr]) -> bool {
        let is_in = |net: &IpNetwork| addresses.iter().any(|at| net.contains(*at));
        self.subnets.is_empty() || self.subnets.iter().any(is_in)
    }

    fn is_owned(&self, machine: &MachineRecord, decision: Option<&Decision>) -> bool {
        if self.owners.is_empty() {
            return true;
        }
        match decision.and_then(Decision::owner).or(machine.owner()) {
            Some(owner) => self
                .owners
                .iter()
                .any(|one| one.eq_ignore_ascii_case(owner)),
            None => false,
        }
    }

    /// Whether a finding is meant, wherever it is and whosoever it is.
    fn is_meant(&self, finding: &Finding, decision: Option<&Decision>) -> bool {
        let is_product = |text: &String| {
            let text = text.to_lowercase();
            let names = [&finding.product].into_iter().chain(&finding.packages);
            names
                .into_iter()
                .any(|name| name.to_lowercase().contains(&text))
        };
        let status = decision.and_then(Decision::status);
        let has_exception = decision.is_some_and(|one| one.exception.is_some());
        (self.bulletins.is_empty() || self.bulletins.iter().any(|one| is_about(finding, one)))
            && is_severe(severity(finding, decision), self.my_severity)
            && is_severe(finding.rating(), self.severity)
            && (self.states.is_empty() || self.states.contains(&finding.state))
            && (self.products.is_empty() || self.products.iter().any(is_product))
            && (!self.exploited || finding.is_exploited() == Some(true))
            && (!self.overdue || decision.is_some_and(Decision::is_overdue))
            && (self.statuses.is_empty()
                || self.statuses.contains(&status.unwrap_or(WorkStatus::New)))
            && match self.excepted {
                Excepted::Either => true,
                Excepted::Only => has_exception,
                Excepted::Without => !has_exception,
            }
    }

    /// Whether severe findings are asked for, and nobody rates this one.
    pub fn takes_unrated(&self, finding: &Finding, decision: Option<&Decision>) -> bool {
        (self.my_severity.is_some() && severity(finding, decision).is_none())
            || (self.severity.is_some() && finding.rating().is_none())
    }

    /// What is asked, as it would be typed.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |flag: &str, values: Vec<String>| {
            if !values.is_empty() {
                words.push(format!("--{flag} {}", values.join(",")));
            }
        };
        let severity = |one: Option<Severity>| {
            let one = one.map(|one| one.as_str().to_owned());
            one.into_iter().collect::<Vec<_>>()
        };
        let of = |words: &mut dyn Iterator<Item = &'static str>| {
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        say("bulletin", self.bulletins.clone());
        say("my-severity", severity(self.my_severity));
        say("severity", severity(self.severity));
        say("state", of(&mut self.states.iter().map(|one| one.as_str())));
        say("product", self.products.clone());
        say(
            "status",
            of(&mut self.statuses.iter().map(|one| one.as_str())),
        );
        say("owner", self.owners.clone());
        say("host", self.hosts.clone());
        say("tag", self.tags.clone());
        say(
            "subnet",
            self.subnets.iter().map(ToString::to_string).collect(),
        );
        let flags = [
            (self.exploited, "--kev"),
            (self.overdue, "--overdue"),
            (self.excepted == Excepted::Only, "--excepted"),
            (self.excepted == Excepted::Without, "--not-excepted"),
        ];
        let set = flags.iter().filter(|(is_set, _)| *is_set);
        words.extend(set.map(|(_, flag)| (*flag).to_owned()));
        words
    }
}

/// Whether nobody can tell all that a machine lacks: it was not read, or not judged in full. Who only answers for
/// others lacks nothing.
fn is_untold(machine: &MachineRecord) -> bool {
    let mut findings = machine.findings.iter();
    machine.intermediary.is_none()
        && (machine.inventory.is_none() || findings.any(Finding::leaves_machine_unjudged))
}

fn is_at(addresses: &[IpAddr], word: &str) -> bool {
    match network(word) {
        Some(network) => addresses.iter().any(|at| network.contains(*at)),
        None => addresses.iter().any(|at| at.to_string() == word),
    }
}
