//! What of a run is shown where a question is asked, and what the answer rests on.
//!
//! Rows about findings are limited by the tables themselves (`tables::View`), sums over findings with them; here are
//! the machines, and what belongs to the run as a whole. [`Tally`] says how many machines there are of which nothing
//! is known: a short answer must not look like a clean one.

mod listing;
mod tally;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_everywhere;

pub use listing::{Listing, listing};
pub(super) use tally::PART;
pub use tally::{Tally, asked, tally};

use super::{Options, ReportError, ReportSource, each_machine};
use crate::model::{
    Change, Changes, Comparison, CoverageRow, ExceptionCount, FindingId, MachineId, MachineRecord,
    RunSummary, Trail, Verification,
};
use std::collections::BTreeSet;
use std::io;

/// A run, with those of its machines only that are asked for. Coverage, lists and exceptions are of the whole run.
pub(super) struct Selected<'a> {
    whole: &'a dyn ReportSource,
    options: &'a Options,
    comparison: Option<Comparison>,
    changes: Option<Changes>,
    part: Option<Tally>,
}

impl<'a> Selected<'a> {
    pub(super) fn of(
        whole: &'a dyn ReportSource,
        options: &'a Options,
    ) -> Result<Self, ReportError> {
        let selection = &options.selection;
        let comparison = whole.comparison().cloned().map(|mut comparison| {
            let entries = &mut comparison.entries;
            entries.retain(|entry| selection.takes_entry(entry));
            comparison
        });
        let changes = match whole.changes() {
            Some(changes) => Some(limited(whole, changes.clone(), options)?),
            None => None,
        };
        Ok(Self {
            whole,
            options,
            comparison,
            changes,
            part: None,
        })
    }

    /// With what the question comes to, for formats that say so.
    pub(super) fn told(self, part: Tally) -> Self {
        let part = Some(part);
        Self { part, ..self }
    }
}

impl ReportSource for Selected<'_> {
    fn run(&self) -> &RunSummary {
        self.whole.run()
    }

    fn coverage(&self) -> &[CoverageRow] {
        self.whole.coverage()
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.whole.machines(&mut |machine| {
            let Options {
                selection,
                all_findings,
                ..
            } = self.options;
            if selection.takes_machine(machine, *all_findings) {
                visit(machine)
            } else {
                Ok(())
            }
        })
    }

    fn comparison(&self) -> Option<&Comparison> {
        self.comparison.as_ref()
    }

    fn changes(&self) -> Option<&Changes> {
        self.changes.as_ref()
    }

    fn verification(&self) -> Option<&Verification> {
        self.whole.verification()
    }

    fn exceptions(&self) -> &[ExceptionCount] {
        self.whole.exceptions()
    }

    // It has no `trend`: what is kept of earlier runs is sums over all of their machines and findings, and would be
    // compared with a part of this one.

    fn part(&self) -> Option<&Tally> {
        self.part.as_ref()
    }

    fn trail(&self, machine: &MachineRecord) -> io::Result<Trail> {
        self.whole.trail(machine)
    }
}

/// The changes of the machines and findings that are shown. A machine that is not there any more is known by its
/// name and address only, a finding by the bulletin that the change names.
fn limited(
    whole: &dyn ReportSource,
    mut changes: Changes,
    options: &Options,
) -> Result<Changes, ReportError> {
    let selection = &options.selection;
    let (mut met, mut shown) = (BTreeSet::<MachineId>::new(), BTreeSet::<MachineId>::new());
    let mut findings = BTreeSet::<FindingId>::new();
    each_machine(whole, options, |machine| {
        met.insert(machine.id.clone());
        if selection.takes_machine(machine, options.all_findings) {
            shown.insert(machine.id.clone());
        }
        let taken = machine.judged();
        let taken = taken.filter(|(one, decision)| selection.takes(machine, one, *decision));
        let ids = taken.map(|(one, _)| FindingId::of(&machine.id, &one.product, &one.bulletin));
        findings.extend(ids);
        Ok(())
    })?;
    let is_named = |change: &Change| {
        let words = || change.object.split([' ', ',']);
        let mut named = selection.bulletins.iter();
        named.any(|name| words().any(|word| word.eq_ignore_ascii_case(name)))
    };
    changes.rows.retain(|change| {
        let is_there = if met.contains(&change.machine) {
            shown.contains(&change.machine)
        } else {
            selection.takes_place(&change.machine, change.hostname.as_deref(), change.address)
        };
        let is_meant = match &change.finding {
            _ if !selection.limits_findings() => true,
            Some(finding) => findings.contains(finding) || is_named(change),
            None => met.contains(&change.machine),
        };
        is_there && is_meant
    });
    Ok(changes)
}
