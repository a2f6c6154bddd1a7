//! A plan as documents: a table for people, rows for spreadsheets, and files for the tools that deploy.
//! Nothing here deploys anything.
//!
//! What comes from hosts never becomes code in any of them. Into files for tools go only words of a strict
//! charset: the operator's names or addresses, numbers of articles, names of packages that passed
//! [`Tool::is_package_name`], names of waves. What a host calls itself is shown to people, escaped, and
//! chooses nothing.
//!
//! To add a format, write one file and add one line to [`PLAN_FORMATS`].

mod ansible;
mod overdue;
mod page;
mod playbook;
mod rows;
mod sheet;
#[cfg(test)]
mod tests;
mod text;
mod wsus;

pub(super) use overdue::FORM as OVERDUE_FORM;
pub use page::plan_page;
pub(super) use rows::FORM as PLAN_FORM;

use super::cell::Cell;
use super::{Options, ReportError};
use crate::model::{MachinePlan, Plan, RunSummary};

/// Every format of a plan.
pub const PLAN_FORMATS: &[&dyn PlanFormat] = &[
    &rows::Rows,
    &overdue::Overdue,
    &ansible::Ansible,
    &text::Text,
    &wsus::Wsus,
];

/// Writes a plan in one format.
pub trait PlanFormat: Sync {
    /// The name on the command line.
    fn format(&self) -> &'static str;

    /// The documents.
    fn write(
        &self,
        plan: &Plan,
        run: &RunSummary,
        options: &Options,
    ) -> Result<Vec<PlanFile>, ReportError>;
}

/// A document of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFile {
    /// Its file name: `[a-z0-9_.-]` only.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The format of a name.
pub fn plan_format(name: &str) -> Result<&'static dyn PlanFormat, ReportError> {
    let found = PLAN_FORMATS.iter().find(|one| one.format() == name);
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = PLAN_FORMATS.iter().map(|one| one.format()).collect();
        ReportError::NoSuchFormat {
            name: name.to_owned(),
            known: known.join(", "),
        }
    })
}

/// Whether a document of a plan has such a name.
pub fn is_plan_file(name: &str) -> bool {
    let of_wave = || name.strip_prefix("plan-")?.rsplit_once('.');
    let is_of_tool = |(_, ending): (&str, &str)| ["yml", "txt", "ps1"].contains(&ending);
    [PLAN_FORM.file, OVERDUE_FORM.file].contains(&name) || of_wave().is_some_and(is_of_tool)
}

/// A name that nobody may know, as in `machines.csv`.
fn known(name: &str) -> Cell<'_> {
    Cell::known(Some(name).filter(|name| !name.is_empty()))
}

/// What every document for a tool says of itself, as comments.
const NOTE: &str = "\
# Made by underdesk plan. It is a plan: underdesk deploys nothing. Read it before you run it.\n";

/// The machines of a wave that have something to do, and the wave's name.
fn waves(plan: &Plan) -> impl Iterator<Item = (&str, Vec<&MachinePlan>)> {
    plan.waves.iter().enumerate().map(|(at, name)| {
        let own = plan.machines.iter().filter(|one| one.wave == at);
        let busy = own.filter(|one| !one.work.steps.is_empty());
        (name.as_str(), busy.collect())
    })
}
