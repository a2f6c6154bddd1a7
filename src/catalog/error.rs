//! What can be wrong with a catalogue file.

use std::path::PathBuf;

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// There is no such file.
    #[error("no catalogue at {}: make one with `underdesk catalog update`", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not an underdesk catalogue", path.display())]
    NotACatalog {
        /// The file.
        path: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error("{} has format {found}, and this program reads up to {known}: update underdesk", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: i64,
        /// The latest format this program knows.
        known: i64,
    },
    /// What is in it is not what was imported.
    #[error("the catalogue {} is damaged in {part}: import the feeds into a new file", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The slice or part whose digest does not hold.
        part: String,
    },
    /// `SQLite` reports an error.
    #[error("cannot {doing} the catalogue {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What `SQLite` said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The catalogue that is built in does not read: a defect of this program.
    #[error("the built-in catalogue does not read: {what}")]
    Starter {
        /// What is wrong with it.
        what: String,
    },
}
