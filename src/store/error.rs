//! What can go wrong with the store.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the store could not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file or its folder cannot be made or opened.
    #[error("cannot open the store {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file was written by a later version of the program.
    #[error(
        "the store {} has schema version {found}, this program knows {known}; use the newer underdesk that wrote it",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// The file is an `SQLite` database of another program.
    #[error("{} is a database, but not one of underdesk; name another file", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file, or something in it, is damaged.
    #[error("the store {} is damaged ({detail}); restore it from a backup or move it away", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Another process kept the file locked for too long.
    #[error("the store {} is locked by another process; wait for it to finish", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full, fails, or may not be written.
    #[error(
        "the store {} cannot be read or written: see whether its disk is full, read-only or failing; what was saved before is whole",
        .path.display()
    )]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// It failed in another way.
    #[error("the store {} failed", .path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// No run has this id.
    #[error("there is no run {id} in the store; `underdesk runs list` shows them")]
    NoSuchRun {
        /// The id as asked for.
        id: String,
    },
    /// A run with this id exists already.
    #[error("the run {id} exists already")]
    RunExists {
        /// The id.
        id: String,
    },
    /// A run that still goes on cannot be carried.
    #[error(
        "run {id} has not ended: it goes on, or was killed; `underdesk scan --resume {id}` ends it"
    )]
    NotEnded {
        /// The id.
        id: String,
    },
    /// A file to carry a run cannot be read or written.
    #[error("cannot {doing} {}", .path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What a file holds is not taken, and nothing of it is.
    #[error("{path}, line {line}: {what}; nothing was imported")]
    NotImported {
        /// The file.
        path: String,
        /// Which of its lines, counted from 1; 0 for the one that names the format.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A value cannot be written down, or not read back, as JSON.
    #[error("cannot encode {what}")]
    Encode {
        /// What it was.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The store's thread has ended, or what it was asked made it panic.
    #[error("the store's thread failed; what it was doing was rolled back")]
    Stopped,
}

impl StoreError {
    /// Gives an error of `SQLite` its meaning, and the file's name.
    pub(super) fn sql(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                let detail = source.to_string();
                Self::Corrupt { path, detail }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen,
            ) => Self::Disk { path, source },
            _ => Self::Sql { path, source },
        }
    }
}
