//! What the catalogue has read, and by which version of this program.

use super::writer::Writer;
use super::{database, meta};
use crate::catalog::error::CatalogError;
use rusqlite::{OptionalExtension as _, params};

/// Other versions may read more of the same document. The number behind is one more whenever readers learn to
/// read more between versions.
const READER: &str = concat!(env!("CARGO_PKG_VERSION"), "+2");

impl Writer {
    /// Whether this version of the program has imported just this document last under its name.
    pub(in crate::catalog) fn has_imported(
        &self,
        name: &str,
        sha256: &str,
    ) -> Result<bool, CatalogError> {
        let sql = "SELECT sha256 FROM import WHERE path = ?1 ORDER BY key DESC LIMIT 1";
        let read = || -> rusqlite::Result<bool> {
            let reader = meta(&self.db, "reader")?;
            let mut statement = self.db.prepare_cached(sql)?;
            let last: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
            let is_same = last.is_some_and(|last| last == sha256);
            Ok(is_same && reader.as_deref() == Some(READER))
        };
        read().map_err(|source| database(&self.path, "read", source))
    }

    /// Notes which version of the program has read all that it was given.
    pub(in crate::catalog) fn note_reader(&self) -> Result<(), CatalogError> {
        let sql = "INSERT OR REPLACE INTO meta VALUES ('reader', ?1)";
        let written = self.db.execute(sql, params![READER]);
        written.map_err(|source| database(&self.path, "write", source))?;
        Ok(())
    }
}
