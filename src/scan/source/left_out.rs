//! What of a run was left out that the operator counts on.

use super::{RunSource, is_unassessed};
use crate::model::{Entry, MachineRecord, ManagedState};
use crate::report::ReportSource as _;
use crate::scan::RunKind;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What was left out of a run that the operator counts on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many names among the targets have no address, and blocks in which none was found.
    pub unresolved: usize,
    /// Whether a machine that was met was not read, though a credential covers it or it looks like a computer.
    pub has_unassessed: bool,
    /// Whether there were credentials, and no machine was read.
    pub is_nobody_read: bool,
    /// The hosts that were named by themselves, that a credential covers, and that were not met: the first address of
    /// each, however often it was named.
    pub named: BTreeSet<IpAddr>,
    /// The same of entries of lists that are not old: what they are called, or the first address.
    pub listed: Vec<String>,
}

impl LeftOut {
    /// Whether nothing was.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What is noticed while all machines of a run go by.
#[derive(Debug, Default)]
pub(in crate::scan) struct Notice {
    has_unassessed: bool,
    is_anybody_read: bool,
    /// The addresses among those of hosts that were named by themselves that were met.
    met: BTreeSet<IpAddr>,
}

impl RunSource {
    /// Notices a machine.
    pub(super) fn notice(&self, notice: &mut Notice, machine: &MachineRecord) {
        notice.has_unassessed |= is_unassessed(machine);
        notice.is_anybody_read |= machine.inventory.is_some();
        let plan = self.swept.as_ref().map(|swept| &swept.plan);
        if plan.is_some_and(|plan| !plan.awaited.named.is_empty()) {
            notice.met.extend(&machine.addresses);
        }
    }

    /// What was left out. A sweep reads nothing, and leaves nothing out.
    pub fn left_out(&self) -> LeftOut {
        if self.run().kind == RunKind::Sweep.as_str() {
            return LeftOut::default();
        }
        if self.notice.get().is_none() {
            self.machines(&mut |_| Ok(())).ok();
        }
        let mut left = LeftOut {
            unresolved: self.unresolved,
            // A store that cannot be read is no reason to call a run complete.
            has_unassessed: true,
            ..LeftOut::default()
        };
        let Some(notice) = self.notice.get() else {
            return left;
        };
        left.has_unassessed = notice.has_unassessed;
        let plan = self.swept.as_ref().map(|swept| &swept.plan);
        let Some(plan) = plan.filter(|plan| plan.kind == RunKind::Scan) else {
            return left;
        };
        left.is_nobody_read = plan.credentials.is_some() && !notice.is_anybody_read;
        let silent = plan.awaited.named.iter().filter(|host| {
            let mut addresses = host.iter();
            !addresses.any(|address| notice.met.contains(address))
        });
        let silent = silent.filter_map(|host| {
            let mut addresses = host.iter().copied();
            addresses.find(|address| self.is_still_in_scope(*address))
        });
        left.named = silent.collect();
        let comparison = self.comparison();
        let entries = comparison.into_iter().flat_map(|one| &one.entries);
        let is_awaited = |entry: &&Entry| {
            let mut addresses = entry.addresses.iter();
            is_missed(entry)
                && addresses.any(|address| {
                    plan.awaited.listed.contains(address) && self.is_still_in_scope(*address)
                })
        };
        left.listed = entries.filter(is_awaited).map(name_of).collect();
        left
    }
}

/// Whether an entry that is not old was not met, and nobody is at its address who may be it.
fn is_missed(entry: &Entry) -> bool {
    let why = entry.standing.reason.as_str();
    entry.standing.state == ManagedState::Unseen
        && (why.starts_with("no_answer_in_")
            || why.starts_with("last_seen_")
            || why == "another_at_its_address")
}

fn name_of(entry: &Entry) -> String {
    let first = || entry.addresses.first().map(ToString::to_string);
    match entry.name.as_str() {
        "" => first().unwrap_or_default(),
        name => name.to_owned(),
    }
}
