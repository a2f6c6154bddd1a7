//! One file a wave, one host a line: for `--limit @FILE` and other lists of hosts.

use super::super::{Options, ReportError};
use super::{PlanFile, PlanFormat, waves};
use crate::model::{Plan, RunSummary};
use std::collections::BTreeSet;

#[derive(Debug)]
pub(super) struct Text;

impl PlanFormat for Text {
    fn format(&self) -> &'static str {
        "txt"
    }

    fn write(
        &self,
        plan: &Plan,
        _run: &RunSummary,
        _options: &Options,
    ) -> Result<Vec<PlanFile>, ReportError> {
        // An empty file, too: an older one of the same name may have hosts that are done.
        let files = waves(plan).map(|(wave, machines)| {
            let mut seen = BTreeSet::new();
            let places = machines.iter().map(|machine| machine.place.as_str());
            let lines = places
                .filter(|place| seen.insert(*place))
                .map(|place| format!("{place}\n"));
            PlanFile {
                name: format!("plan-{wave}.txt"),
                bytes: lines.collect::<String>().into_bytes(),
            }
        });
        Ok(files.collect())
    }
}
