//! The arguments of `findings`, `machines` and `show`.

use super::args::{BeliefArguments, CsvArgument, VerdictArguments};
use super::selection_args::SelectionArguments;
use clap::Args;

/// Which tables and columns are written.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct TableArguments {
    /// Only these tables, by the names of their files: findings, machines, software, … (docs/columns.md)
    #[arg(long, value_name = "TABLES", value_delimiter = ',')]
    pub(super) table: Vec<String>,
    /// Only these columns, in this order, of each table that has them (docs/columns.md); in csv, json and jsonl
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
}

/// How a listing is shown.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct ListingArguments {
    /// Show these columns, in this order (docs/columns.md)
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
    /// Write to standard output as --format says, instead of a table for people
    #[arg(short, long, value_name = "-", value_parser = ["-"])]
    pub(super) output: Option<String>,
    /// The format on standard output
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "jsonl"], default_value = "csv")]
    pub(super) format: String,
    /// How CSV is written
    #[arg(long, value_enum, default_value_t)]
    pub(super) csv: CsvArgument,
    /// One row for each address, even where several are one machine
    #[arg(long)]
    pub(super) no_merge: bool,
    /// Leave account names out
    #[arg(long)]
    pub(super) no_users: bool,
}

#[derive(Debug, Args)]
pub(super) struct FindingsArguments {
    /// The run [default: the latest]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    /// Also findings that are closed: fixed, superseded, not applicable
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    #[command(flatten)]
    pub(super) verdicts: VerdictArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    #[command(flatten)]
    pub(super) listing: ListingArguments,
}

#[derive(Debug, Args)]
pub(super) struct MachinesArguments {
    /// The run [default: the latest]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) selection: SelectionArguments,
    #[command(flatten)]
    pub(super) verdicts: VerdictArguments,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    #[command(flatten)]
    pub(super) listing: ListingArguments,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The machine: its name, an address or its machine id
    #[arg(value_name = "HOST")]
    pub(super) host: String,
    /// The run [default: the latest]
    #[arg(value_name = "RUN")]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) beliefs: BeliefArguments,
    /// Leave account names out
    #[arg(long, help_heading = "Output")]
    pub(super) no_users: bool,
}
