//! One walk over a run: what the page keeps of its tables.
//!
//! Rows come from the tables that the CSV files are made of, so that the two never disagree. A fleet has millions of
//! findings: of each only numbers are kept, its texts once for all, and no more rows than the page could ever hold,
//! the best by rank.

use super::super::cell::Cell;
use super::super::tables::{self, Table};
use super::super::{Counts, Options, ReportError, ReportSource};
use super::kept::{
    Exploited, Figure, Gathered, Late, Machine, Row, SEVERITIES, STRAY_TEXTS, Subject,
};
use super::sums::Sums;
use super::texts::Texts;
use crate::model::{FindingState, ManagedState};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

/// What is fewer than any row takes in the page, in bytes.
const LEAST_ROW: usize = 16;

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

const OF_STRAY: [&str; STRAY_TEXTS] = [
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
    strays: Vec<[u32; STRAY_TEXTS]>,
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
    fn stray(&mut self, cells: [&Cell<'_>; STRAY_TEXTS]) {
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
