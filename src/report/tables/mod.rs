//! The tables of a run. Each is one file here: name, columns in order, and how rows are made.
//!
//! To add a table, write one file and add one line to [`TABLES`]. To add a column, append it.

mod access;
mod changes;
mod coverage;
mod drift;
mod exceptions;
mod findings;
mod findings_cve;
mod history;
mod hotfixes;
mod lists;
mod machines;
mod remediation;
mod services;
mod software;
mod subnets;
mod unix;
mod unmanaged;
mod verify;

pub(super) use findings::{evidence, fix};
pub use lists::not_on;
pub(super) use remediation::{hashes, sizes, switches};
pub use unmanaged::seems_to_be;

use super::cell::Cell;
use super::column::Column;
use super::{Counts, Options, ReportError, ReportSource, each_machine};
use crate::model::{
    Decided, Decision, Finding, FindingId, Inventory, MachineRecord, RunSummary, Selection, Trail,
    WindowsFacts,
};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Every table, in the order in which JSON Lines shows them.
pub(super) const TABLES: &[Table] = &[
    coverage::TABLE,
    machines::TABLE,
    access::TABLE,
    software::TABLE,
    hotfixes::TABLE,
    services::TABLE,
    findings::TABLE,
    findings_cve::TABLE,
    exceptions::TABLE,
    remediation::TABLE,
    unmanaged::TABLE,
    lists::TABLE,
    subnets::TABLE,
    drift::TABLE,
    history::TABLE,
    verify::TABLE,
    changes::TABLE,
];

/// The names of the tables: the files without their extension.
pub fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

/// What a run that verified has; of any other it has nothing to say.
const OF_VERIFIED: [&str; 3] = ["coverage", "access", "verify"];

/// The tables of some names, joined by commas, or all that a run has.
pub(super) fn chosen(
    name: Option<&str>,
    source: &dyn ReportSource,
) -> Result<Vec<&'static Table>, ReportError> {
    let Some(name) = name else {
        let has = |table: &&Table| match source.verification() {
            Some(_) => OF_VERIFIED.contains(&table.name),
            None => table.name != verify::TABLE.name,
        };
        return Ok(TABLES.iter().filter(has).collect());
    };
    let mut tables = Vec::new();
    for name in name.split(',').map(str::trim) {
        let table = called(name)?;
        if !tables.iter().any(|one: &&Table| one.name == table.name) {
            tables.push(table);
        }
    }
    Ok(tables)
}

/// The table of a name.
pub(super) fn called(name: &str) -> Result<&'static Table, ReportError> {
    let found = TABLES.iter().find(|table| table.name == name);
    found.ok_or_else(|| ReportError::NoSuchTable {
        name: name.to_owned(),
        known: table_names().collect::<Vec<_>>().join(", "),
    })
}

/// Takes a row, and the place of its table among those that are asked for.
pub(super) type EmitOf<'e> = dyn FnMut(usize, &[Cell<'_>]) -> Result<(), ReportError> + 'e;

/// Takes a row, and what it is made of, too.
pub(super) type EmitAt<'e> = dyn FnMut(Stage, usize, &[Cell<'_>]) -> Result<(), ReportError> + 'e;

/// What a row is made of, in the order in which rows come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The run as a whole.
    Run,
    /// One machine.
    Machine,
    /// All machines together, or what only lists know.
    All,
}

/// Makes every row of some tables in one walk over the machines, which it counts: first what belongs to the run as
/// a whole, then machine by machine, then what only all machines together give; within each in the order of `tables`.
/// Where a part of the run is shown, the counts are of that part.
pub(super) fn each_row(
    source: &dyn ReportSource,
    options: &Options,
    tables: &[&'static Table],
    emit: &mut EmitOf<'_>,
) -> Result<Counts, ReportError> {
    each_row_at(source, options, tables, &mut |_, at, cells| emit(at, cells))
}

/// The same, with what each row is made of.
pub(super) fn each_row_at(
    source: &dyn ReportSource,
    options: &Options,
    tables: &[&'static Table],
    emit: &mut EmitAt<'_>,
) -> Result<Counts, ReportError> {
    let walk = Walk {
        source,
        options,
        tables,
    };
    walk.run_rows(emit)?;
    let counts = walk.machines(&mut |machine, trail| {
        let emit = &mut |at, cells: &[Cell<'_>]| emit(Stage::Machine, at, cells);
        walk.of_machines().rows(machine, &trail, emit)
    })?;
    walk.sum_rows(&counts, emit)?;
    Ok(counts)
}

/// The walk of [`each_row`], step by step, for a format that makes the rows of machines on several threads.
pub(super) struct Walk<'a> {
    pub(super) source: &'a dyn ReportSource,
    pub(super) options: &'a Options,
    pub(super) tables: &'a [&'static Table],
}

impl<'a> Walk<'a> {
    /// What makes the rows of the machines that it shows.
    pub(super) fn of_machines(&self) -> OfMachines<'a> {
        OfMachines {
            run: self.source.run(),
            options: self.options,
            tables: self.tables,
        }
    }

    /// Makes the rows that belong to the run as a whole.
    pub(super) fn run_rows(&self, emit: &mut EmitAt<'_>) -> Result<(), ReportError> {
        for (at, table) in self.tables.iter().enumerate() {
            let emit = &mut |cells: &[Cell<'_>]| emit(Stage::Run, at, cells);
            table.run_rows(self.source, self.options, emit)?;
        }
        Ok(())
    }

    /// Shows every machine, with what was ever told of its updates where a table tells it, and counts it.
    pub(super) fn machines(
        &self,
        visit: &mut dyn FnMut(&MachineRecord, Trail) -> Result<(), ReportError>,
    ) -> Result<Counts, ReportError> {
        let has_trail = self.tables.iter().any(|table| table.tells_trail());
        let selection = &self.options.selection;
        let mut asked = Counts::default();
        let counts = each_machine(self.source, self.options, |machine| {
            if selection.limits_findings() {
                asked.add(&trimmed(machine, selection), self.options.all_findings);
            }
            let trail = if has_trail {
                self.source.trail(machine).map_err(ReportError::Read)?
            } else {
                Trail::default()
            };
            visit(machine, trail)
        })?;
        let counts = if selection.limits_findings() {
            counts.with_findings_of(asked)
        } else {
            counts
        };
        Ok(match self.source.part() {
            Some(part) => counts.of_part(part),
            None => counts,
        })
    }

    /// Makes the rows that only all machines together give.
    pub(super) fn sum_rows(
        &self,
        counts: &Counts,
        emit: &mut EmitAt<'_>,
    ) -> Result<(), ReportError> {
        for (at, table) in self.tables.iter().enumerate() {
            let emit = &mut |cells: &[Cell<'_>]| emit(Stage::All, at, cells);
            table.sum_rows(self.source, counts, emit)?;
        }
        Ok(())
    }
}

/// What makes the rows of machines: on any thread.
#[derive(Clone, Copy)]
pub(super) struct OfMachines<'a> {
    run: &'a RunSummary,
    options: &'a Options,
    tables: &'a [&'static Table],
}

impl OfMachines<'_> {
    /// Makes the rows of one machine.
    pub(super) fn rows(
        &self,
        machine: &MachineRecord,
        trail: &Trail,
        emit: &mut EmitOf<'_>,
    ) -> Result<(), ReportError> {
        let view = View::new(self.run, self.options, machine);
        for (at, table) in self.tables.iter().enumerate() {
            table.machine_rows(&view, trail, &mut |cells| emit(at, cells))?;
        }
        Ok(())
    }
}

/// Takes a row, and the columns of its table.
pub(super) type EmitRow<'e> =
    dyn FnMut(&'static [Column], &[Cell<'_>]) -> Result<(), ReportError> + 'e;

/// The software of one machine: its rows in `software.csv`.
pub(super) fn software_of(
    run: &RunSummary,
    options: &Options,
    machine: &MachineRecord,
    emit: &mut EmitRow<'_>,
) -> Result<(), ReportError> {
    let view = View::new(run, options, machine);
    software::rows(&view, &mut |cells| emit(software::TABLE.columns, cells))
}

/// A machine as if it had no findings but those that are asked for.
fn trimmed(machine: &MachineRecord, selection: &Selection) -> MachineRecord {
    let taken = machine.judged();
    let taken = taken.filter(|(finding, decision)| selection.takes(machine, finding, *decision));
    let decisions = taken.clone().filter_map(|(_, decision)| decision.cloned());
    MachineRecord {
        decided: machine.decided.as_ref().map(|decided| Decided {
            has_due_dates: decided.has_due_dates,
            decisions: decisions.collect(),
            drift: Vec::new(),
        }),
        findings: Arc::new(taken.map(|(finding, _)| finding.clone()).collect()),
        // That it waits for a restart is no answer, unless a finding that is asked for does.
        inventory: None,
        ..machine.clone()
    }
}

/// One table.
pub(super) struct Table {
    /// Its file's name without extension.
    pub(super) name: &'static str,
    /// What its rows are, as a fragment.
    pub(super) says: &'static str,
    /// The `type` of its objects in JSON Lines.
    pub(super) kind: &'static str,
    /// Its columns; every row has as many cells.
    pub(super) columns: &'static [Column],
    rows: Rows,
}

/// Takes a row.
type Emit<'e> = dyn FnMut(&[Cell<'_>]) -> Result<(), ReportError> + 'e;

/// Makes rows of the run as a whole.
type OfRun = fn(&dyn ReportSource, &mut Emit<'_>) -> Result<(), ReportError>;
/// The same, as the user wants it to be shown.
type OfRunFor = fn(&dyn ReportSource, &Options, &mut Emit<'_>) -> Result<(), ReportError>;
/// Makes the rows of one machine.
type OfMachine = fn(&View<'_>, &mut Emit<'_>) -> Result<(), ReportError>;

/// Makes the rows of one machine of what was ever told of its updates.
type OfTrail = fn(&View<'_>, &Trail, &mut Emit<'_>) -> Result<(), ReportError>;

/// What rows are made of.
enum Rows {
    /// The run as a whole.
    Run(OfRun),
    /// The run as a whole, as the user wants it to be shown.
    RunFor(OfRunFor),
    /// One machine.
    Machine(OfMachine),
    /// What was ever told of the updates of one machine.
    Trail(OfTrail),
    /// One machine, and behind all of them what only lists know.
    MachineAndEntry(OfMachine, OfRun),
    /// What all machines come to.
    Sum(fn(&RunSummary, &Counts, &mut Emit<'_>) -> Result<(), ReportError>),
}

impl Table {
    /// What its rows are made of.
    pub(super) fn stages(&self) -> &'static [Stage] {
        match self.rows {
            Rows::Run(_) | Rows::RunFor(_) => &[Stage::Run],
            Rows::Machine(_) | Rows::Trail(_) => &[Stage::Machine],
            Rows::MachineAndEntry(..) => &[Stage::Machine, Stage::All],
            Rows::Sum(_) => &[Stage::All],
        }
    }

    /// Makes the rows that belong to the run as a whole.
    fn run_rows(
        &self,
        source: &dyn ReportSource,
        options: &Options,
        emit: &mut Emit<'_>,
    ) -> Result<(), ReportError> {
        match self.rows {
            Rows::Run(rows) => rows(source, emit),
            Rows::RunFor(rows) => rows(source, options, emit),
            Rows::Machine(_) | Rows::Trail(_) | Rows::MachineAndEntry(..) | Rows::Sum(_) => Ok(()),
        }
    }

    /// Whether its rows are of what was ever told of a machine.
    fn tells_trail(&self) -> bool {
        matches!(self.rows, Rows::Trail(_))
    }

    /// Makes the rows of one machine.
    fn machine_rows(
        &self,
        view: &View<'_>,
        trail: &Trail,
        emit: &mut Emit<'_>,
    ) -> Result<(), ReportError> {
        match self.rows {
            Rows::Run(_) | Rows::RunFor(_) | Rows::Sum(_) => Ok(()),
            Rows::Machine(rows) | Rows::MachineAndEntry(rows, _) => rows(view, emit),
            Rows::Trail(rows) => rows(view, trail, emit),
        }
    }

    /// Makes the rows that only all machines together give, and those that come behind them.
    fn sum_rows(
        &self,
        source: &dyn ReportSource,
        counts: &Counts,
        emit: &mut Emit<'_>,
    ) -> Result<(), ReportError> {
        match self.rows {
            Rows::Run(_) | Rows::RunFor(_) | Rows::Machine(_) | Rows::Trail(_) => Ok(()),
            Rows::MachineAndEntry(_, rows) => rows(source, emit),
            Rows::Sum(rows) => rows(source.run(), counts, emit),
        }
    }
}

/// The columns of a table: of each its kind, its name, and what it tells.
macro_rules! columns {
    ($($kind:ident $name:literal = $says:literal,)*) => {
        &[$($crate::report::column::Column {
            name: $name,
            kind: $crate::report::column::Kind::$kind,
            says: $says,
        },)*]
    };
}
pub(in crate::report) use columns;

/// The columns of a table about machines, behind those that every such table begins with.
macro_rules! machine_columns {
    ($($kind:ident $name:literal = $says:literal,)*) => {
        $crate::report::tables::columns![
            Text "run_id" = "the run that the row is of",
            Text "machine_id" = "the machine, the same in every run, whatever its address or name",
            Text "hostname" =
                "its own name for itself, else the operator's, else the one that it shows without a login, else a list's",
            Address "ip" = "the address that the row speaks of; the first, where it speaks of the whole machine",
            $($kind $name = $says,)*
        ]
    };
}
use machine_columns;

/// A finding as the tables read it.
pub(super) struct Shown<'a> {
    pub(super) id: FindingId,
    pub(super) finding: &'a Finding,
    /// What the policy makes of it.
    pub(super) decision: Option<&'a Decision>,
}

impl<'a> Shown<'a> {
    /// The findings of a machine that are to be shown, sorted by product and bulletin.
    pub(super) fn of(machine: &'a MachineRecord, options: &Options) -> Vec<Self> {
        let findings = machine.judged();
        let findings = findings.filter(|(finding, decision)| {
            (options.all_findings || !finding.state.is_closed())
                && options.selection.takes(machine, finding, *decision)
        });
        let mut findings: Vec<_> = findings
            .map(|(finding, decision)| Self {
                id: FindingId::of(&machine.id, &finding.product, &finding.bulletin),
                finding,
                decision,
            })
            .collect();
        findings.sort_by_key(|shown| (&shown.finding.product, &shown.finding.bulletin));
        findings
    }
}

/// One machine as the tables read it.
struct View<'a> {
    run: &'a RunSummary,
    options: &'a Options,
    machine: &'a MachineRecord,
    /// The findings to show, sorted by product and bulletin.
    findings: Vec<Shown<'a>>,
}

impl<'a> View<'a> {
    /// Prepares a machine.
    fn new(run: &'a RunSummary, options: &'a Options, machine: &'a MachineRecord) -> Self {
        Self {
            run,
            options,
            machine,
            findings: Shown::of(machine, options),
        }
    }

    fn inventory(&self) -> Option<&'a Inventory> {
        self.machine.inventory.as_deref()
    }

    /// What only Windows has.
    fn windows(&self) -> Option<&'a WindowsFacts> {
        self.inventory()?.windows.as_deref()
    }

    /// The address by which the machine goes.
    fn first_address(&self) -> Option<IpAddr> {
        self.machine.addresses.first().copied()
    }

    /// The cells that a row about this machine begins with; `address` is the one it speaks of.
    fn lead(&self, address: Option<IpAddr>) -> [Cell<'a>; 4] {
        [
            self.run.id.as_str().into(),
            self.machine.id.as_str().into(),
            self.hostname(),
            address.map_or(Cell::Unknown, Cell::Address),
        ]
    }

    /// What kind of device it is: whoever was read is a computer.
    fn device_kind(&self) -> Cell<'a> {
        let kind = self.machine.fingerprint.device.as_str();
        match self.machine.inventory {
            Some(_) => "computer".into(),
            None => Cell::maybe(Some(kind).filter(|kind| !kind.is_empty())),
        }
    }

    /// What it is called.
    fn hostname(&self) -> Cell<'a> {
        Cell::known(hostname(self.machine))
    }
}

/// What a machine is called in every table.
pub(super) fn hostname(machine: &MachineRecord) -> Option<&str> {
    machine.called()
}

/// A path or command line, without the account in whose home it is where names are left out.
pub(super) fn path_for(text: &str, no_users: bool) -> Cow<'_, str> {
    const HOMES: &[&str] = &[r"\users\", "/home/", r"\documents and settings\"];
    if !no_users {
        return Cow::Borrowed(text);
    }
    // ASCII only: every byte stays where it is.
    let lower = text.to_ascii_lowercase();
    let ends = HOMES
        .iter()
        .filter_map(|home| Some(lower.find(home)? + home.len()));
    let Some((before, rest)) = ends.min().and_then(|end| text.split_at_checked(end)) else {
        return Cow::Borrowed(text);
    };
    let rest = rest.find(['\\', '/']).and_then(|end| rest.get(end..));
    Cow::Owned(format!("{before}…{}", rest.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::path_for;

    #[test]
    fn a_path_tells_no_account_where_names_are_left_out() {
        let hidden = |text| path_for(text, true).into_owned();
        assert_eq!(hidden(r"C:\Users\ada\app.exe -x"), r"C:\Users\…\app.exe -x");
        assert_eq!(hidden("/home/ada/bin/app"), "/home/…/bin/app");
        assert_eq!(hidden(r"C:\USERS\ada"), r"C:\USERS\…");
        assert_eq!(
            hidden(r"C:\Program Files\Ünïcode\a.exe"),
            r"C:\Program Files\Ünïcode\a.exe"
        );
        assert_eq!(path_for("/home/ada/x", false), "/home/ada/x");
    }
}
