//! The command line of `completions` and `man`, as typed: what a package or an administrator sets up once.

use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ShellArguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(super) shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The command whose page is printed, as it is typed: catalog update [default: the program]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub(super) command: Vec<String>,
    /// Write the pages of the program and of every command into this folder, for a folder man1
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}
