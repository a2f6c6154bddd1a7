//! `completions`: what completes the command line in a shell, made of the same definitions that read it.

use super::super::args::Arguments;
use super::super::setup_args::ShellArguments;
use super::super::{Exit, Stop};
use clap::CommandFactory as _;
use std::io::{self, Write as _};

/// Prints the script for a shell.
pub(in crate::cli) fn run(command: &ShellArguments) -> Result<Exit, Stop> {
    // Into memory first: whoever reads only the beginning is no reason to panic.
    let mut script = Vec::new();
    let mut program = Arguments::command();
    clap_complete::generate(command.shell, &mut program, "underdesk", &mut script);
    io::stdout()
        .write_all(&script)
        .map_err(|error| Stop::failed(&error))?;
    Ok(Exit::Clean)
}
