//! `plan.csv`: a row for each step of each machine, and one for what stays open there, by reason. `closes`
//! and `left_open` together are the machine's open and undecided findings.

use super::super::cell::Cell;
use super::super::csv::Shape;
use super::super::tables::{hashes, sizes, switches};
use super::super::{Options, ReportError};
use super::{PlanFile, PlanFormat};
use crate::model::{FixId, LeftOpen, MachinePlan, Plan, PlanStep, RunSummary};
use ::csv::{ByteRecord, Writer};

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
        let shape = Shape::of(options);
        let mut sheet = Sheet {
            writer: shape.writer(shape.mark.to_vec()),
            foreign: shape.foreign,
        };
        let header: Vec<Cell<'_>> = COLUMNS.iter().map(|name| Cell::from(*name)).collect();
        sheet.row(&header)?;
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
        let bytes = sheet.writer.into_inner();
        let bytes = bytes.map_err(|error| ReportError::writing(FILE)(error.into_error()))?;
        Ok(vec![PlanFile {
            name: FILE.to_owned(),
            bytes,
        }])
    }
}

struct Sheet {
    writer: Writer<Vec<u8>>,
    foreign: char,
}

impl Sheet {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ReportError> {
        let mut record = ByteRecord::new();
        let mut text = String::new();
        for cell in cells {
            text.clear();
            cell.write_csv(self.foreign, &mut text);
            record.push_field(text.as_bytes());
        }
        let written = self.writer.write_byte_record(&record);
        written.map_err(|error| ReportError::writing(FILE)(error.into()))
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
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
        ]);
        cells
    }
}
