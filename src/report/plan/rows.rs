//! `plan.csv`: a row for each step of each machine, and one for what stays open there, by reason. `closes`
//! and `left_open` together are the machine's open and undecided findings.

use super::super::cell::Cell;
use super::super::tables::{hashes, sizes, switches};
use super::super::{Options, ReportError};
use super::sheet::Sheet;
use super::{PlanFile, PlanFormat};
use crate::model::{FixId, LeftOpen, MachinePlan, Plan, PlanStep, RunSummary, Severity, Urgency};

#[derive(Debug)]
pub(super) struct Rows;

const COLUMNS: &[&str] = &[
    "run_id",
    "wave",
    "window_start",
    "machine_id",
    "hostname",
    "ip",
    "owner",
    "step",
    "kind",
    "fix_id",
    "what",
    "version",
    "reboot_after",
    "closes",
    "cves",
    "kev",
    "prerequisites",
    "download",
    "command",
    "window_end",
    "left_open",
    "reason",
    "my_severity",
    "due_date",
    "overdue",
    "download_size",
    "download_hash",
    "silent_switch",
];
const FILE: &str = "plan.csv";

impl PlanFormat for Rows {
    fn format(&self) -> &'static str {
        "csv"
    }

    fn write(
        &self,
        plan: &Plan,
        run: &RunSummary,
        options: &Options,
    ) -> Result<Vec<PlanFile>, ReportError> {
        let mut sheet = Sheet::new(FILE, COLUMNS, options)?;
        for machine in &plan.machines {
            let wave = plan.waves.get(machine.wave).map(String::as_str);
            let lead = Lead {
                run: run.id.as_str(),
                wave: wave.unwrap_or_default(),
                machine,
            };
            for (number, step) in (1_u128..).zip(&machine.work.steps) {
                sheet.row(&lead.step(number, step))?;
            }
            for left in &machine.work.left {
                sheet.row(&lead.left(left))?;
            }
        }
        Ok(vec![sheet.done()?])
    }
}

/// What every row of a machine begins with.
struct Lead<'a> {
    run: &'a str,
    wave: &'a str,
    machine: &'a MachinePlan,
}

impl<'a> Lead<'a> {
    fn cells(&self) -> Vec<Cell<'a>> {
        let machine = self.machine;
        let start = machine.window.map(|(start, _)| start);
        vec![
            self.run.into(),
            self.wave.into(),
            Cell::time(start),
            machine.id.as_str().into(),
            (&machine.hostname).into(),
            Cell::Address(machine.address),
            (&machine.owner).into(),
        ]
    }

    fn step(&self, number: u128, step: &'a PlanStep) -> Vec<Cell<'a>> {
        let fixes: Vec<String> = step.fixes.iter().map(FixId::to_string).collect();
        let mut cells = self.cells();
        cells.extend([
            Cell::Count(number),
            step.kind.as_str().into(),
            fixes.into(),
            (&step.what).into(),
            (&step.version).into(),
            step.reboot.as_str().into(),
            Cell::Count(step.closes.into()),
            step.cves.as_slice().into(),
            step.kev.as_slice().into(),
            step.prerequisites.as_slice().into(),
            step.downloads.as_slice().into(),
            (&step.command).into(),
            Cell::time(self.machine.window.map(|(_, end)| end)),
            Cell::Count(0),
            Cell::Empty,
        ]);
        cells.extend(urgent(&step.urgency));
        cells.extend([
            sizes(&step.downloads, &step.files),
            hashes(&step.downloads, &step.files),
            switches(&step.downloads, &step.files),
        ]);
        cells
    }

    fn left(&self, left: &'a LeftOpen) -> Vec<Cell<'a>> {
        let mut cells = self.cells();
        let what = format!("{}: {}", left.why.advice(), left.products.join(", "));
        cells.extend([
            Cell::Empty,
            "not_plannable".into(),
            Cell::Empty,
            what.into(),
            Cell::Empty,
            Cell::Empty,
            Cell::Count(0),
            left.cves.as_slice().into(),
            left.kev.as_slice().into(),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::time(self.machine.window.map(|(_, end)| end)),
            Cell::Count(left.findings.into()),
            left.why.as_str().into(),
        ]);
        cells.extend(urgent(&left.urgency));
        cells.extend([Cell::Empty, Cell::Empty, Cell::Empty]);
        cells
    }
}

/// `my_severity`, `due_date`, `overdue`.
fn urgent(urgency: &Urgency) -> [Cell<'static>; 3] {
    [
        Cell::maybe(urgency.severity.map(Severity::as_str)),
        urgency.due.map_or(Cell::Empty, Cell::Day),
        Cell::Count(urgency.overdue.into()),
    ]
}
