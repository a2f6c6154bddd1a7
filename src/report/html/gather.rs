//! One walk over a run: what the page keeps of its tables.
//!
//! Rows come from the tables that the CSV files are made of, so that the two never disagree. A fleet has millions of
//! findings: of each only numbers are kept, its texts once for all, and no more rows than the page could ever hold,
//! the best by rank.

use super::super::cell::Cell;
use super::super::tables::{self, Table};
use super::super::{Counts, Options, ReportError, ReportSource};
use super::sums::Sums;
use super::texts::Texts;
use crate::model::{FindingState, ManagedState};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

/// The severities, the worst first; the last is none. A severity is its place here.
pub(super) const SEVERITIES: [&str; 6] = ["critical", "high", "medium", "low", "negligible", ""];

/// What is fewer than any row takes in the page, in bytes.
const LEAST_ROW: usize = 16;

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
    pub(super) strays: Vec<[u32; OF_STRAY.len()]>,
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
    fn of(cell: &Cell<'_>) -> Self {
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
    fn of(cell: &Cell<'_>) -> Self {
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
    fn of(exception: &Cell<'_>, days_left: &Cell<'_>) -> Self {
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

/// The columns of a table that somebody wants, by their places.
struct Columns<const N: usize>([usize; N]);

impl<const N: usize> Columns<N> {
    fn of(table: &Table, names: [&str; N]) -> Self {
        Self(names.map(|name| {
            let mut columns = table.columns.iter();
            columns
                .position(|column| column.name == name)
                .unwrap_or(usize::MAX)
        }))
    }

    fn pick<'c, 'a>(&self, cells: &'c [Cell<'a>]) -> [&'c Cell<'a>; N] {
        self.0.map(|at| cells.get(at).unwrap_or(&Cell::Empty))
    }
}

const OF_FINDING: [&str; 20] = [
    "rank",
    "bulletin_id",
    "title",
    "product",
    "fix",
    "installed_version",
    "fixed_version",
    "state",
    "vendor_severity",
    "my_severity",
    "policy_rule",
    "cvss",
    "epss",
    "cves",
    "kev",
    "due_date",
    "days_left",
    "exception_id",
    "owner",
    "status",
];

const OF_MACHINE: [&str; 17] = [
    "hostname",
    "ip",
    "os_name",
    "os_version",
    "owner",
    "outcome",
    "managed_state",
    "eol_date",
    "reboot_pending",
    "tags",
    "my_worst_severity",
    "worst_severity",
    "missing_count",
    "unknown_count",
    "kev_count",
    "overdue_count",
    "device_kind",
];

/// The tables that the page shows rows of, the machines before their findings.
const SHOWN: [&str; 3] = ["machines", "findings", "unmanaged"];

const OF_STRAY: [&str; 6] = [
    "hostname",
    "ip",
    "managed_state",
    "seems_to_be",
    "managed_reason",
    "suggestion",
];

/// How many machines that nobody looks after are told of.
const STRAYS: usize = 15;

/// Walks over a run. `longest` is how long the page may become.
pub(super) fn gather(
    source: &dyn ReportSource,
    options: &Options,
    longest: usize,
) -> Result<Gathered, ReportError> {
    let mut tables = Vec::new();
    for name in SHOWN {
        tables.extend(tables::chosen(Some(name), source)?);
    }
    let [machines, findings, unmanaged] = tables.as_slice() else {
        return Err(ReportError::NoSuchTable {
            name: SHOWN.join(" "),
            known: String::new(),
        });
    };
    let machine_columns = Columns::of(machines, OF_MACHINE);
    let finding_columns = Columns::of(findings, OF_FINDING);
    let stray_columns = Columns::of(unmanaged, OF_STRAY);
    let mut gatherer = Gatherer::new(longest);
    let counts = tables::each_row(source, options, &tables, &mut |at, cells| {
        match at {
            0 => gatherer.machine(machine_columns.pick(cells)),
            1 => gatherer.finding(finding_columns.pick(cells)),
            _ => gatherer.stray(stray_columns.pick(cells)),
        }
        Ok(())
    })?;
    Ok(gatherer.finish(counts))
}

/// The walk.
struct Gatherer {
    texts: Texts,
    subjects: Vec<Rc<Subject>>,
    places: HashMap<Rc<Subject>, u32>,
    machines: Vec<Machine>,
    findings: Vec<Row>,
    strays: Vec<[u32; OF_STRAY.len()]>,
    /// How many rows could fit at most.
    most: usize,
    sums: Sums,
}

impl Gatherer {
    fn new(longest: usize) -> Self {
        Self {
            texts: Texts::new(),
            subjects: Vec::new(),
            places: HashMap::new(),
            machines: Vec::new(),
            findings: Vec::new(),
            strays: Vec::new(),
            most: longest / LEAST_ROW,
            sums: Sums::default(),
        }
    }

    fn text(&mut self, cell: &Cell<'_>) -> u32 {
        match cell {
            Cell::Empty => 0,
            Cell::Text(text) => self.texts.place(text),
            Cell::Unknown => self.texts.place("unknown"),
            Cell::Flag(flag) => self.texts.place(if *flag { "yes" } else { "no" }),
            plain => self.texts.place(&plain.to_string()),
        }
    }

    /// A text; nothing where nobody knows it.
    fn known(&mut self, cell: &Cell<'_>) -> u32 {
        match cell {
            Cell::Unknown => 0,
            known => self.text(known),
        }
    }

    /// What a machine runs, else what kind of device it is.
    fn system(&mut self, os: &Cell<'_>, version: &Cell<'_>, device: &Cell<'_>) -> u32 {
        match (os, version) {
            (Cell::Text(os), Cell::Text(version)) if !os.contains(version.as_ref()) => {
                self.texts.place(&format!("{os} {version}"))
            }
            (Cell::Text(os), _) => self.texts.place(os),
            _ => self.text(device),
        }
    }

    fn list(&mut self, cell: &Cell<'_>) -> Box<[u32]> {
        match cell {
            Cell::List(items) => items.iter().map(|item| self.texts.place(item)).collect(),
            _ => Box::default(),
        }
    }

    fn machine(&mut self, cells: [&Cell<'_>; OF_MACHINE.len()]) {
        let [
            name,
            ip,
            os,
            version,
            owner,
            outcome,
            managed,
            end_of_life,
            reboot,
            tags,
            mine,
            worst,
            rest @ ..,
        ] = cells;
        let [missing, unknown, exploited, overdue, device] = rest;
        let read = matches!(outcome, Cell::Text(word) if word.starts_with("scanned"));
        let machine = Machine {
            name: self.known(name),
            ip: self.text(ip),
            os: self.system(os, version, device),
            owner: self.text(owner),
            outcome: self.text(outcome),
            managed: self.text(managed),
            end_of_life: self.known(end_of_life),
            reboot: self.text(reboot),
            tags: self.list(tags),
            worst: severity(mine, worst),
            missing: Figure::of(missing),
            unknown: Figure::of(unknown),
            exploited: Figure::of(exploited),
            overdue: Figure::of(overdue),
            best: u64::MAX,
        };
        let address = match ip {
            Cell::Address(address) => Some(*address),
            _ => None,
        };
        // Who answers for others is no machine.
        let is_machine =
            !matches!(managed, Cell::Text(word) if word == ManagedState::Artefact.as_str());
        if is_machine {
            let address = address.as_ref().map(IpAddr::to_canonical);
            self.sums.add_machine(address, read);
        } else {
            self.sums.leave();
        }
        self.machines.push(machine);
    }

    fn finding(&mut self, cells: [&Cell<'_>; OF_FINDING.len()]) {
        let [
            rank,
            bulletin,
            title,
            product,
            fix,
            installed,
            fixed,
            state,
            vendor,
            mine,
            rule,
            rest @ ..,
        ] = cells;
        let [cvss, epss, cves, kev, due, left, exception, owner, status] = rest;
        let subject = Subject {
            bulletin: self.text(bulletin),
            title: self.text(title),
            product: self.text(product),
            fix: self.text(fix),
            fixed: self.text(fixed),
            cvss: self.text(cvss),
            epss: self.text(epss),
            cves: self.list(cves),
        };
        let rank = match rank {
            Cell::Count(rank) => u32::try_from(*rank).unwrap_or(u32::MAX),
            _ => 0,
        };
        let mut row = Row {
            order: 0,
            rank,
            machine: place(self.machines.len().saturating_sub(1)),
            subject: self.subject(subject),
            installed: self.text(installed),
            due: self.text(due),
            owner: self.text(owner),
            status: self.text(status),
            state: state_of(state),
            severity: severity(mine, vendor),
            exploited: Exploited::of(kev),
            late: Late::of(exception, left),
        };
        self.sums.has_rules |= matches!(rule, Cell::Text(_));
        row.order = order(&row, self.sums.rows);
        self.sums.add_finding(&row);
        self.keep(row);
    }

    /// Live machines come before what only lists have.
    fn stray(&mut self, cells: [&Cell<'_>; OF_STRAY.len()]) {
        if self.strays.len() < STRAYS {
            let texts = cells.map(|cell| self.text(cell));
            self.strays.push(texts);
        }
    }

    fn subject(&mut self, subject: Subject) -> u32 {
        if let Some(place) = self.places.get(&subject) {
            return *place;
        }
        let (subject, at) = (Rc::new(subject), place(self.subjects.len()));
        self.subjects.push(Rc::clone(&subject));
        self.places.insert(subject, at);
        at
    }

    /// Keeps a row, and drops the last ones when there are more than could ever fit.
    fn keep(&mut self, row: Row) {
        if let Some(machine) = self.machines.last_mut() {
            machine.best = machine.best.min(row.order);
        }
        self.findings.push(row);
        if self.findings.len() > self.most + self.most / 4 + 1 {
            self.findings
                .select_nth_unstable_by_key(self.most, |row| row.order);
            self.findings.truncate(self.most);
        }
    }

    fn finish(mut self, counts: Counts) -> Gathered {
        self.findings.sort_unstable_by_key(|row| row.order);
        Gathered {
            texts: self.texts,
            subjects: self.subjects,
            machines: self.machines,
            findings: self.findings,
            strays: self.strays,
            sums: self.sums,
            counts,
        }
    }
}

/// Where a finding stands: by its rank; without one the open before the closed, the exploited and the worst first.
fn order(row: &Row, number: u64) -> u64 {
    if row.rank > 0 {
        return u64::from(row.rank);
    }
    let is_closed = FindingState::ALL
        .get(usize::from(row.state))
        .is_none_or(|state| state.is_closed());
    let class = [
        u64::from(is_closed),
        u64::from(!row.is_open()),
        u64::from(row.exploited != Exploited::Yes),
        u64::from(row.severity),
    ];
    let class = class.iter().fold(1, |all, one| all * 8 + one);
    (class << 48) | (number & ((1 << 48) - 1))
}

/// A state as its place among all.
fn state_of(cell: &Cell<'_>) -> u8 {
    let word = match cell {
        Cell::Text(word) => word.as_ref(),
        _ => "",
    };
    let at = FindingState::ALL
        .iter()
        .position(|state| state.as_str() == word);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

/// The operator's severity, else the publisher's.
fn severity(mine: &Cell<'_>, publisher: &Cell<'_>) -> u8 {
    let word = match (mine, publisher) {
        (Cell::Text(word), _) | (Cell::Empty, Cell::Text(word)) => word.as_ref(),
        _ => "",
    };
    let at = SEVERITIES.iter().position(|one| *one == word);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(5)
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_the_page_wants_is_there() {
        let of = |name: &str| {
            tables::TABLES
                .iter()
                .find(|table| table.name == name)
                .unwrap()
        };
        assert!(
            !Columns::of(of("machines"), OF_MACHINE)
                .0
                .contains(&usize::MAX)
        );
        assert!(
            !Columns::of(of("findings"), OF_FINDING)
                .0
                .contains(&usize::MAX)
        );
        assert!(
            !Columns::of(of("unmanaged"), OF_STRAY)
                .0
                .contains(&usize::MAX)
        );
    }
}
