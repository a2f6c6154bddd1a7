//! `overdue.csv`: what should have been fixed by now, owner by owner: a list that can be cut into mails. A row
//! for each step of a machine that closes something overdue, and for what no step closes. Who has no owner comes
//! first: somebody has to be found.

use super::super::cell::Cell;
use super::super::column::Form;
use super::super::{Options, ReportError};
use super::super::{tables, terminal};
use super::sheet::Sheet;
use super::{PlanFile, PlanFormat, known};
use crate::model::{self, Date, MachinePlan, Plan, RunSummary, Severity, UtcTime};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(super) struct Overdue;

pub(in crate::report) const FORM: Form = Form {
    file: "overdue.csv",
    command: "plan --format overdue",
    says: "one row per step that closes something overdue, and per reason why none does; by owner",
    columns: tables::columns![
        Text "run_id" = "the run that the row is of",
        Text "machine_id" = "the machine, the same in every run, whatever its address or name",
        Text "hostname" = "its name, as in machines.csv",
        Address "ip" = "its first address",
        Text "owner" = "who sees to it: whom people named for the finding, else whoever answers for the machine; empty where nobody is known",
        Day "due_date" = "the day by which your policy wanted it fixed",
        Text "my_severity" = "the worst of it, as your policy rates it",
        Count "overdue" = "how many findings should have been fixed by now",
        Text "what" = "the step that closes them; where none does: what helps, and the products",
        Text "closed_by" = "the kind of that step, or the reason why they stay open",
        Text "wave" = "the wave that the machine is in",
        Time "window_start" = "when its window to work in begins; empty where none is planned",
    ],
};

impl PlanFormat for Overdue {
    fn format(&self) -> &'static str {
        "overdue"
    }

    fn write(
        &self,
        plan: &Plan,
        run: &RunSummary,
        options: &Options,
    ) -> Result<Vec<PlanFile>, ReportError> {
        let mut sheet = Sheet::new(&FORM, options)?;
        for late in late(plan) {
            let Late { machine, said, .. } = &late;
            let wave = plan.waves.get(machine.wave).map(String::as_str);
            sheet.row(&[
                run.id.as_str().into(),
                machine.id.as_str().into(),
                known(&machine.hostname),
                Cell::Address(machine.address),
                late.owner().into(),
                said.due.map_or(Cell::Empty, Cell::Day),
                Cell::maybe(said.severity.map(Severity::as_str)),
                Cell::Count(said.findings.into()),
                (&late.what).into(),
                late.closed_by.into(),
                wave.unwrap_or_default().into(),
                Cell::time(machine.window.map(|(start, _)| start)),
            ])?;
        }
        Ok(vec![sheet.done()?])
    }
}

/// Something overdue on a machine.
struct Late<'a> {
    machine: &'a MachinePlan,
    said: &'a model::Late,
    what: String,
    /// The step that closes it, or the reason why none does.
    closed_by: &'static str,
}

impl<'a> Late<'a> {
    /// Who sees to it: whom people named for the finding, else whoever answers for the machine.
    fn owner(&self) -> &'a str {
        self.said.owner.as_deref().unwrap_or(&self.machine.owner)
    }
}

/// All that is overdue: by owner, the oldest and the worst first.
fn late(plan: &Plan) -> Vec<Late<'_>> {
    let mut all = Vec::new();
    for machine in &plan.machines {
        for step in &machine.work.steps {
            all.extend(step.late.iter().map(|said| Late {
                machine,
                said,
                what: step.what.clone(),
                closed_by: step.kind.as_str(),
            }));
        }
        for left in &machine.work.left {
            all.extend(left.late.iter().map(|said| Late {
                machine,
                said,
                what: format!("{}: {}", left.why.advice(), left.products.join(", ")),
                closed_by: left.why.as_str(),
            }));
        }
    }
    all.sort_by(|one, other| {
        let key = |late: &Late<'_>| {
            let said = late.said;
            (said.due, Reverse(said.severity), late.machine.address)
        };
        let owners = one.owner().cmp(other.owner());
        owners.then_with(|| key(one).cmp(&key(other)))
    });
    all
}

/// What is overdue on the terminal, a row an owner; empty where nothing is.
pub(super) fn page(plan: &Plan) -> String {
    #[derive(Default)]
    struct Sum {
        machines: BTreeSet<String>,
        findings: u64,
        worst: Option<Severity>,
        oldest: Option<Date>,
        window: Option<UtcTime>,
    }
    let mut owners = BTreeMap::<&str, Sum>::new();
    for late in late(plan) {
        let sum = owners.entry(late.owner()).or_default();
        sum.machines.insert(late.machine.id.to_string());
        sum.findings += late.said.findings;
        sum.worst = sum.worst.max(late.said.severity);
        sum.oldest = sum.oldest.into_iter().chain(late.said.due).min();
        let start = late.machine.window.map(|(start, _)| start);
        sum.window = sum.window.into_iter().chain(start).min();
    }
    if owners.is_empty() {
        return String::new();
    }
    let rows = owners.into_iter().map(|(owner, sum)| {
        vec![
            if owner.is_empty() {
                "nobody known"
            } else {
                owner
            }
            .to_owned(),
            sum.machines.len().to_string(),
            sum.findings.to_string(),
            sum.worst.map_or("", Severity::as_str).to_owned(),
            sum.oldest.map_or_else(String::new, |day| day.to_string()),
            sum.window
                .map_or_else(|| "none".to_owned(), |at| at.to_string()),
        ]
    });
    let header = [
        "OVERDUE: OWNER",
        "MACHINES",
        "FINDINGS",
        "WORST",
        "SINCE",
        "NEXT WINDOW",
    ];
    terminal::columns(&header, &rows.collect::<Vec<_>>())
}
