//! `plan.csv`: a row for each step of each machine, and one for what stays open there, by reason. `closes`
//! and `left_open` together are the machine's open and undecided findings.

use super::super::cell::Cell;
use super::super::column::Form;
use super::super::tables::{columns, hashes, sizes, switches};
use super::super::{Options, ReportError};
use super::known;
use super::sheet::Sheet;
use super::{PlanFile, PlanFormat};
use crate::model::{FixId, LeftOpen, MachinePlan, Plan, PlanStep, RunSummary, Severity, Urgency};

#[derive(Debug)]
pub(super) struct Rows;

pub(in crate::report) const FORM: Form = Form {
    file: "plan.csv",
    command: "plan",
    says: "one row per step of each machine, and one for what stays open there, by reason",
    columns: columns![
        Text "run_id" = "the run that the row is of",
        Text "machine_id" = "the machine, the same in every run, whatever its address or name",
        Text "hostname" = "its name, as in machines.csv",
        Address "ip" = "its first address",
        Text "wave" = "the wave that the machine is in",
        Time "window_start" = "when its window to work in begins; empty where none is planned",
        Text "owner" = "who answers for the machine",
        Count "step" = "which of the machine's steps it is, from 1; empty for what stays open",
        Text "kind" = "what is done; not_plannable for what stays open",
        List "fix_id" = "the fixes of it, as in remediation.csv",
        Text "what" = "what is installed, upgraded or restarted; for what stays open: what helps, and the products",
        Text "version" = "the versions that it brings at least; of packages each behind the name of its product",
        Text "reboot_after" = "whether the machine restarts afterwards",
        Count "closes" = "how many findings it closes",
        List "cves" = "the flaws that it closes, or that stay open",
        List "kev" = "those of them that are known to be exploited",
        List "prerequisites" = "what must be there before",
        List "download" = "addresses of its files, or of the page that has them (then there is no size or hash)",
        Text "command" = "what to type on the machine, where one command does it",
        Time "window_end" = "when its window ends",
        Count "left_open" = "how many findings stay open for this reason; 0 for a step",
        Text "reason" = "why they stay open",
        Text "my_severity" = "the worst of these findings, as your policy rates them",
        Day "due_date" = "the earliest day by which your policy wants one of them fixed",
        Count "overdue" = "how many of them should have been fixed by now",
        List "download_size" = "sizes of the files in bytes, in the order of download",
        List "download_hash" = "their hashes, in the order of download",
        List "silent_switch" = "what makes their installers ask nothing, in the order of download",
    ],
};

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
        let mut sheet = Sheet::new(&FORM, options)?;
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
            machine.id.as_str().into(),
            known(&machine.hostname),
            Cell::Address(machine.address),
            self.wave.into(),
            Cell::time(start),
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
