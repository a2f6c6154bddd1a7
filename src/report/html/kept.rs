//! What the page keeps of a run: of every row only numbers, its texts once for all.

use super::super::Counts;
use super::super::cell::Cell;
use super::sums::Sums;
use super::texts::Texts;
use crate::model::FindingState;
use std::rc::Rc;

/// The severities, the worst first; the last is none. A severity is its place here.
pub(super) const SEVERITIES: [&str; 6] = ["critical", "high", "medium", "low", "negligible", ""];

/// How many texts are kept of a machine that nobody looks after.
pub(super) const STRAY_TEXTS: usize = 6;

/// What the page keeps of a run.
pub(super) struct Gathered {
    /// Every text of the rows.
    pub(super) texts: Texts,
    /// What findings are about.
    pub(super) subjects: Vec<Rc<Subject>>,
    /// The machines, in the order of the run.
    pub(super) machines: Vec<Machine>,
    /// The findings that may fit, the first to see to first.
    pub(super) findings: Vec<Row>,
    /// The first of the live machines that nobody looks after, by the numbers of their texts.
    pub(super) strays: Vec<[u32; STRAY_TEXTS]>,
    /// What is counted over all rows.
    pub(super) sums: Sums,
    /// What is counted over all machines.
    pub(super) counts: Counts,
}

/// What a finding is about, the same on every machine. All but the severity are numbers of texts.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub(super) bulletin: u32,
    pub(super) title: u32,
    pub(super) product: u32,
    pub(super) fix: u32,
    pub(super) fixed: u32,
    pub(super) cvss: u32,
    pub(super) epss: u32,
    pub(super) cves: Box<[u32]>,
}

/// A machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: u32,
    pub(super) ip: u32,
    pub(super) os: u32,
    pub(super) owner: u32,
    pub(super) outcome: u32,
    pub(super) managed: u32,
    pub(super) end_of_life: u32,
    pub(super) reboot: u32,
    pub(super) tags: Box<[u32]>,
    /// Its worst severity.
    pub(super) worst: u8,
    pub(super) missing: Figure,
    pub(super) unknown: Figure,
    pub(super) exploited: Figure,
    pub(super) overdue: Figure,
    /// The place of its best finding among all; [`u64::MAX`] where it has none.
    pub(super) best: u64,
}

/// A count of a machine, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    /// Nobody knows.
    Unknown,
    /// Nothing to say.
    None,
    /// So many.
    Count(u32),
}

impl Figure {
    pub(super) fn of(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Count(count) => Self::Count(u32::try_from(*count).unwrap_or(u32::MAX)),
            Cell::Empty => Self::None,
            _ => Self::Unknown,
        }
    }
}

/// A finding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Where it stands among all: by rank, then those without one.
    pub(super) order: u64,
    /// Its rank; 0 for none.
    pub(super) rank: u32,
    pub(super) machine: u32,
    pub(super) subject: u32,
    pub(super) installed: u32,
    pub(super) due: u32,
    pub(super) owner: u32,
    pub(super) status: u32,
    pub(super) state: u8,
    pub(super) severity: u8,
    pub(super) exploited: Exploited,
    pub(super) late: Late,
}

/// Whether a flaw of a finding is known to be exploited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exploited {
    Yes,
    No,
    /// Nobody looked.
    Unknown,
    /// It names no flaw.
    None,
}

impl Exploited {
    pub(super) fn of(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Flag(true) => Self::Yes,
            Cell::Flag(false) => Self::No,
            Cell::Unknown => Self::Unknown,
            _ => Self::None,
        }
    }
}

/// How a finding stands to its due date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// It should have been fixed by now.
    Overdue,
    /// Somebody was allowed to leave it.
    Excepted,
    /// Neither.
    No,
}

impl Late {
    pub(super) fn of(exception: &Cell<'_>, days_left: &Cell<'_>) -> Self {
        match (exception, days_left) {
            (Cell::Text(_), _) => Self::Excepted,
            (_, Cell::Signed(days)) if *days < 0 => Self::Overdue,
            _ => Self::No,
        }
    }
}

impl Row {
    /// Whether it is open: neither closed nor undecided.
    pub(super) fn is_open(&self) -> bool {
        let state = FindingState::ALL.get(usize::from(self.state));
        state.is_some_and(|state| !state.is_closed() && !state.counts_as_unknown())
    }

    /// The word of its state.
    pub(super) fn state_word(&self) -> &'static str {
        let state = FindingState::ALL.get(usize::from(self.state));
        state.map_or("", |state| state.as_str())
    }
}

impl Gathered {
    /// The machine of a finding, and what it is about.
    pub(super) fn of(&self, row: &Row) -> Option<(&Machine, &Subject)> {
        let at = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let subject = self.subjects.get(at(row.subject))?;
        Some((self.machines.get(at(row.machine))?, subject))
    }

    /// What a machine is called: by its name, else by its address.
    pub(super) fn name(&self, machine: &Machine) -> String {
        let name = self.texts.text(machine.name);
        let name = if name.is_empty() {
            self.texts.text(machine.ip)
        } else {
            name
        };
        name.to_owned()
    }
}
