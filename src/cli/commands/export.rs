//! `export`: the files of a stored run again.

use super::super::args::ExportArguments;
use super::super::asked::Asked;
use super::super::config::Settings;
use super::super::{Exit, Stop, beliefs, knowledge, output, verified};

/// Writes the files of a stored run.
pub(in crate::cli) fn run(settings: &Settings, command: &ExportArguments) -> Result<Exit, Stop> {
    output::check(&command.output)?;
    let asked = Asked::read(&command.selection, &command.tables)?;
    asked.check(&command.output.format, command.output.output.is_some())?;
    let store = output::open_store(&settings.store)?;
    let run = output::find_run(&store, command.run.as_deref())?;
    let record = store.load_run(&run).wait();
    let record = record.map_err(|error| Stop::failed(&error))?;
    let known = if verified::is_of(&record) {
        Some(verified::knowledge(settings, &record)?)
    } else if command.output.all || asked.selection.wants_closed() {
        Some(knowledge::open_for(
            settings,
            &command.verdicts,
            &record.summary,
        )?)
    } else {
        None
    };
    let given = beliefs::read(settings, &command.beliefs)?;
    let exits = output::write_asked(&store, &run, (&command.output, &asked), known, given)?;
    Ok(Exit::worst(exits))
}
