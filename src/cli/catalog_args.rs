//! The command line of `catalog`, as typed.

use super::args::{CsvArgument, EventsArgument};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The exit codes of fetching, for `--help`.
const EXITS: &str = "\
Exit codes: 0 everything named is here; 3 done, but something could not be fetched or read (it is named, and \
the rest is imported); 1 nothing could be fetched, or the catalogue cannot be written; 2 wrong usage or \
configuration; 130 interrupted: the catalogue is what it was, and the same command goes on.";

#[derive(Debug, Subcommand)]
pub(super) enum CatalogCommand {
    /// Fetch what publishers say from their own addresses, and import what is new
    Update(UpdateArguments),
    /// Fetch what publishers say into a folder, to be carried to where there is no network; there: catalog
    /// update --mirror DIR
    Mirror(MirrorArguments),
    /// List the sources of update: names, sizes, addresses
    Sources(SourcesArguments),
    /// Read what publishers say: bulletins (OSV, Debian's tracker, MSRC's CVRF, CSAF and update guide,
    /// Microsoft's older tables, wesng's definitions, CSAF of others, a CSV of your own), tables of
    /// builds, lifecycle dates, CISA KEV, EPSS; plain, .gz, .bz2, .xz, .zst, .zip, .tar, .xlsx, or folders of
    /// them. Or take a catalogue that catalog export wrote: it replaces the one that is there
    Import {
        /// What to read; what a newer copy of a document leaves out stays known
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Take an exported catalogue also where it is older than the one that is there, or lacks some of it
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        news: NewsArguments,
    },
    /// Write the catalogue into one file to carry, for catalog import elsewhere
    Export {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Find what publishers say of an update, a CVE, a product or a package: what fixes it, how bad it is, whether it
    /// is exploited
    Search(SearchArguments),
    /// Show what the catalogue holds
    Info {
        /// List the products that Microsoft's bulletins speak of
        #[arg(long)]
        products: bool,
        /// List what could not be read in the last import of each path
        #[arg(long)]
        problems: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct SearchArguments {
    /// An update (KB5094123), a bulletin, a CVE, a product, a package, a release (Debian:12), or words of a title; all of
    /// them must hold. Each is taken as it is, whatever the case of its letters; a number at its end is a whole number
    #[arg(required = true, value_name = "WORD")]
    pub(super) words: Vec<String>,
    /// Show so many at most, the newest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Write to standard output as --format says, instead of a table for people
    #[arg(short, long, value_name = "-", value_parser = ["-"], help_heading = "Output")]
    pub(super) output: Option<String>,
    /// The format on standard output
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "jsonl"], default_value = "csv", help_heading = "Output")]
    pub(super) format: String,
    /// How CSV is written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(super) csv: CsvArgument,
}

#[derive(Debug, Args)]
#[command(after_help = EXITS)]
pub(super) struct UpdateArguments {
    /// Sources, feeds or groups (windows, linux, bsd, common, own), or all; see catalog sources. What is
    /// large or says the same as another is fetched only when it is named [default: all others]
    #[arg(value_name = "FEED")]
    pub(super) names: Vec<String>,
    /// Ask nobody: import what was downloaded before
    #[arg(long, conflicts_with_all = ["mirror", "proxy"])]
    pub(super) offline: bool,
    /// Read also what has not changed since it was imported
    #[arg(long)]
    pub(super) reread: bool,
    #[command(flatten)]
    pub(super) news: NewsArguments,
    #[command(flatten)]
    pub(super) fetch: FetchArguments,
}

/// What is told at the end.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct NewsArguments {
    /// Do not judge the machines that were last read by the new catalogue; otherwise it ends with what is new
    /// and whom it hits (nothing is kept, and no packet is sent)
    #[arg(long)]
    pub(super) no_hits: bool,
    /// Tell what came in and whom it hits on standard output, one JSON object a line, for programs that mail or
    /// post it (docs/feeds.md)
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) events: Option<EventsArgument>,
}

#[derive(Debug, Args)]
#[command(after_help = EXITS)]
pub(super) struct MirrorArguments {
    /// The folder; what is there already is fetched only if it has changed
    #[arg(value_name = "DIR")]
    pub(super) folder: PathBuf,
    /// As for catalog update
    #[arg(value_name = "FEED")]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) fetch: FetchArguments,
}

#[derive(Debug, Args)]
pub(super) struct SourcesArguments {
    /// The file with sources of your own [default: feeds.toml in the user's configuration folder]
    #[arg(long, value_name = "FILE")]
    pub(super) feeds: Option<PathBuf>,
}

/// How documents are fetched.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(super) struct FetchArguments {
    /// Take everything from a mirror instead of from its publisher: a folder that catalog mirror wrote, or
    /// the address of one
    #[arg(long, value_name = "URL|DIR")]
    pub(super) mirror: Option<String>,
    #[arg(
        long,
        value_name = "URL",
        help = "The proxy, as http://proxy.example:3128, or none. One with a password is better given in the environment, \
                where nobody sees it [default: what UNDERDESK_PROXY, HTTPS_PROXY or ALL_PROXY says, but for the hosts of \
                NO_PROXY]"
    )]
    pub(super) proxy: Option<String>,
    /// Files of certificate authorities (PEM) that vouch for servers, beside this machine's own
    #[arg(long, value_name = "FILE")]
    pub(super) tls_ca: Vec<PathBuf>,
    /// The file with sources of your own (docs/feeds.md) [default: feeds.toml in the user's configuration
    /// folder]
    #[arg(long, value_name = "FILE")]
    pub(super) feeds: Option<PathBuf>,
}
