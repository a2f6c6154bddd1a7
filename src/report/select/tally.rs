//! How much of a run an answer rests on, in numbers and in words.

use super::super::escape::for_terminal;
use super::super::{Options, ReportError, ReportSource, each_machine};
use crate::model::{Finding, FindingState, MachineRecord, ManagedState, is_about, plural};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a question comes to over the machines of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What was asked, as it would be typed.
    pub asked: Vec<String>,
    /// Machines that the question is about, whatever they lack.
    pub machines: u64,
    /// All machines of the run.
    pub of_machines: u64,
    /// Those that the question is about and that were read.
    pub read: u64,
    /// Those that were not: nothing is known of what they lack.
    pub not_assessed: u64,
    /// Those that were read and could not be judged, or not in full.
    pub unjudged: u64,
    /// Of the others those with a product that no catalogue covers.
    pub uncovered: u64,
    /// Those with a finding that is asked for.
    pub with_findings: u64,
    /// Findings that are asked for.
    pub findings: u64,
    /// Those of them that nobody rates, where severe ones are asked for.
    pub unrated: u64,
    /// Findings of which nobody looked up whether they are exploited, where that is asked.
    pub unchecked: u64,
    /// Of each update, bulletin or CVE that is named the machines, by what is worst about it there; whatever else
    /// is asked of findings.
    pub named: BTreeMap<String, BTreeMap<FindingState, u64>>,
}

/// What a document of a part of a run says of its figures.
pub(in crate::report) const PART: &str = "What is shown and counted of findings and machines is what was asked for, besides machines of which nobody can tell. \
    Addresses, exceptions and the figures of a single machine are whole.";

/// Counts what is asked for.
pub fn tally(source: &dyn ReportSource, options: &Options) -> Result<Tally, ReportError> {
    let selection = &options.selection;
    let named = selection.bulletins.iter();
    let mut tally = Tally {
        asked: selection.words(),
        named: named.map(|name| (name.clone(), BTreeMap::new())).collect(),
        ..Tally::default()
    };
    each_machine(source, options, |machine| {
        tally.add(machine, options);
        Ok(())
    })?;
    Ok(tally)
}

impl Tally {
    fn add(&mut self, machine: &MachineRecord, options: &Options) {
        if is_nobody(machine) {
            return;
        }
        self.of_machines += 1;
        let selection = &options.selection;
        if !selection.concerns(machine) {
            return;
        }
        self.machines += 1;
        let is_read = machine.inventory.is_some();
        self.read += u64::from(is_read);
        self.not_assessed += u64::from(!is_read);
        let mut findings = machine.findings.iter();
        let unjudged = findings.any(Finding::leaves_machine_unjudged);
        self.unjudged += u64::from(unjudged && is_read);
        let uncovered = machine.findings.iter().any(Finding::is_uncovered);
        self.uncovered += u64::from(uncovered && !unjudged && is_read);
        let mut taken = 0;
        for (finding, decision) in machine.judged() {
            let is_shown = options.all_findings || !finding.state.is_closed();
            if is_shown && selection.takes(machine, finding, decision) {
                taken += 1;
                self.unrated += u64::from(selection.takes_unrated(finding, decision));
            }
            let is_unchecked = !finding.cves.is_empty() && finding.is_exploited().is_none();
            self.unchecked += u64::from(selection.exploited && is_unchecked);
        }
        self.findings += taken;
        self.with_findings += u64::from(taken > 0);
        for (name, states) in &mut self.named {
            let about = machine.findings.iter().filter(|one| is_about(one, name));
            let shown = about.filter(|one| options.all_findings || !one.state.is_closed());
            if let Some(worst) = shown.map(|one| one.state).min() {
                *states.entry(worst).or_default() += 1;
            }
        }
    }
}

/// Whether no machine answered, but somebody who answers for others.
fn is_nobody(machine: &MachineRecord) -> bool {
    let state = machine.standing.as_ref().map(|standing| standing.state);
    machine.intermediary.is_some() || state == Some(ManagedState::Artefact)
}

/// The answer in a few lines: each update that is named, then all that is asked for, and of how many machines
/// nothing is known.
pub fn asked(tally: &Tally) -> String {
    let mut text = String::new();
    for (name, states) in &tally.named {
        let _ = writeln!(text, "{}", named(tally, &for_terminal(name), states));
    }
    let findings = plural(tally.findings, "finding");
    let (on, read) = (tally.with_findings, plural(tally.read, "machine"));
    let _ = writeln!(
        text,
        "{findings} on {}; {read} read, {}",
        plural(on, "machine"),
        blind(tally)
    );
    if tally.unrated > 0 {
        let _ = writeln!(
            text,
            "{} of these {} rated by nobody, and shown because of that: they may be as severe as what was asked for",
            tally.unrated,
            if tally.unrated == 1 { "is" } else { "are" }
        );
    }
    if tally.unchecked > 0 {
        let _ = writeln!(
            text,
            "{} not looked up: the catalogue has no list of exploited flaws (CISA KEV)",
            plural(tally.unchecked, "finding")
        );
    }
    text
}

/// `KB5094123 is missing on 3 of 22 machines; 7 of 29 not assessed`.
fn named(tally: &Tally, name: &str, states: &BTreeMap<FindingState, u64>) -> String {
    let missing = states.iter().filter(|(state, _)| state.counts_as_missing());
    let missing: u64 = missing.map(|(_, count)| count).sum();
    let others = states
        .iter()
        .filter(|(state, _)| !state.counts_as_missing());
    let others = others.map(|(state, count)| format!(", {} on {count}", state.as_str()));
    let others: String = others.collect();
    if states.is_empty() {
        return format!(
            "{name}: no finding on any of {}: there already, not for them, or not in the catalogue (underdesk explain HOST {name}); {}",
            plural(tally.read, "machine"),
            blind(tally)
        );
    }
    format!(
        "{name} is missing on {missing} of {}{others}; {}",
        plural(tally.read, "machine"),
        blind(tally)
    )
}

/// Of how many nothing is known, or not all.
fn blind(tally: &Tally) -> String {
    let mut said = format!("{} of {} not assessed", tally.not_assessed, tally.machines);
    let partly = tally.unjudged + tally.uncovered;
    if partly > 0 {
        let _ = write!(said, ", {partly} not judged in full");
    }
    said
}
