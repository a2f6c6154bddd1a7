//! Why a run could not be shown.

use std::io;
use thiserror::Error;

/// Why an export stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A document could not be written.
    #[error("cannot write {file}: check that the folder is there, writable and not full")]
    Write {
        /// Its file name.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The run could not be read.
    #[error("cannot read the run from the store: run `underdesk doctor`")]
    Read(#[source] io::Error),
    /// There is no such format.
    #[error("no format is called `{name}`: choose among {known}")]
    NoSuchFormat {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// There is no such table.
    #[error("no table is called `{name}`: choose among {known}")]
    NoSuchTable {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A format has a document for each machine that was read, and there is one place only.
    #[error(
        "{format} is one document a machine, and {count} machines were read: write them into a folder with --out, not to standard output"
    )]
    ManyDocuments {
        /// The format.
        format: &'static str,
        /// How many machines were read.
        count: u64,
    },
    /// A format says what a whole machine has, and the run read only what its findings ask after.
    #[error(
        "a run that verified read only what its findings ask after, and {format} says what a whole machine has: export the scan instead"
    )]
    NotOfVerified {
        /// The format.
        format: &'static str,
    },
    /// No table that is asked for has such a column.
    #[error("no column is called `{name}`{nearest}: choose among {known}")]
    NoSuchColumn {
        /// What was asked for.
        name: String,
        /// `, perhaps …`; empty where none is like it.
        nearest: String,
        /// What there is.
        known: String,
    },
    /// A table has none of the columns that are asked for.
    #[error(
        "{table} has none of these columns: leave it out with --table, or choose among {known}"
    )]
    NoColumns {
        /// The table.
        table: String,
        /// What it has.
        known: String,
    },
}

impl ReportError {
    /// What went wrong in writing, where that is what ended the export.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Write { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Says which document an error belongs to.
    pub(super) fn writing(file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Write { file, source }
    }
}
