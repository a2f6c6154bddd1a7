//! `runs`: what the store remembers.

use super::super::args::RunsCommand;
use super::super::config::Settings;
use super::super::{Exit, Stop, output};
use crate::report::{columns, for_terminal};
use std::io::{self, Write as _};

/// Lists runs, or shows one.
pub(in crate::cli) fn run(settings: &Settings, command: &RunsCommand) -> Result<Exit, Stop> {
    let store = output::open_store(&settings.store)?;
    let text = match command {
        RunsCommand::List => {
            let runs = store
                .list_runs()
                .wait()
                .map_err(|error| Stop::failed(&error))?;
            let rows = runs.iter().rev().map(|run| {
                vec![
                    run.summary.id.to_string(),
                    run.summary.kind.clone(),
                    run.state.as_str().to_owned(),
                    run.summary.started.to_string(),
                    for_terminal(&run.summary.operator).into_owned(),
                    for_terminal(&run.summary.targets.join(" "))
                        .chars()
                        .take(60)
                        .collect(),
                ]
            });
            let rows: Vec<Vec<String>> = rows.collect();
            columns(
                &["run", "kind", "state", "started", "operator", "targets"],
                &rows,
            )
        }
        RunsCommand::Show { run } => {
            let id = output::find_run(&store, run.as_deref())?;
            let run = store
                .load_run(&id)
                .wait()
                .map_err(|error| Stop::failed(&error))?;
            let shown = serde_json::json!({
                "summary": run.summary,
                "state": run.state.as_str(),
                "probes_passed": run.mark,
                "seed": run.seed,
                "settings": run.settings,
            });
            serde_json::to_string_pretty(&shown).map_err(|error| Stop::failed(&error))?
        }
    };
    writeln!(io::stdout(), "{}", text.trim_end()).map_err(|error| Stop::failed(&error))?;
    Ok(Exit::Clean)
}
