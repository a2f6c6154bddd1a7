//! `export`: the files of a stored run again.

use super::super::args::ExportArguments;
use super::super::config::Settings;
use super::super::{Exit, Stop, output};
use std::sync::Arc;

/// Writes the files of a stored run.
pub(in crate::cli) fn run(settings: &Settings, command: &ExportArguments) -> Result<Exit, Stop> {
    output::check(&command.output)?;
    let store = output::open_store(&settings.store)?;
    let run = output::find_run(&store, command.run.as_deref())?;
    let catalog = if command.output.all {
        Some(Arc::new(output::open_catalog(&settings.catalog)?))
    } else {
        None
    };
    let exits = output::write(&store, &run, &command.output, catalog)?;
    Ok(Exit::worst(exits))
}
