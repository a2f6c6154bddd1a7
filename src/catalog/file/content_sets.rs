//! Red Hat's repositories in the file.

use super::{CatalogFile, Writer, collect, section};
use crate::catalog::error::CatalogError;
use crate::catalog::intake::Digest;
use crate::catalog::said::Change;
use crate::model::ContentSet;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// All of them, by repository, with their digest.
pub(super) fn read(db: &Connection) -> rusqlite::Result<(BTreeMap<String, Vec<String>>, String)> {
    let sql = "SELECT repository, ecosystems FROM content_set ORDER BY repository";
    let rows: Vec<(String, String)> = collect(db, sql, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut digest = Digest::default();
    let mut sets = BTreeMap::new();
    for (repository, ecosystems) in rows {
        digest.text(&repository);
        digest.text(&ecosystems);
        let ecosystems = ecosystems.lines().map(str::to_owned).collect();
        sets.insert(repository, ecosystems);
    }
    Ok((sets, digest.finish()))
}

impl Writer {
    pub(super) fn put_content_set(&self, set: &ContentSet) -> rusqlite::Result<Change> {
        let find = "SELECT 1 FROM content_set WHERE repository = ?1";
        let sql = "INSERT INTO content_set VALUES (?1, ?2) ON CONFLICT DO UPDATE SET \
                   ecosystems = excluded.ecosystems WHERE ecosystems <> excluded.ecosystems";
        let values = params![set.repository, set.ecosystems.join("\n")];
        self.upsert(find, &[&set.repository], sql, values)
    }

    /// Computes their digest, where there are any.
    pub(super) fn seal_content_sets(&self) -> rusqlite::Result<()> {
        let (sets, digest) = read(&self.db)?;
        if sets.is_empty() {
            return Ok(());
        }
        self.put_section(
            "content_set",
            "",
            &digest,
            (sets.len() as u64).cast_signed(),
        )
    }
}

impl CatalogFile {
    /// All of them, digest checked. None in a file that is older than they are.
    pub(in crate::catalog) fn content_sets(
        &self,
    ) -> Result<BTreeMap<String, Vec<String>>, CatalogError> {
        let stated = section(&self.db, "content_set", "").map_err(self.failed("read"))?;
        let Some(stated) = stated else {
            return Ok(BTreeMap::new());
        };
        let (sets, found) = read(&self.db).map_err(self.failed("read"))?;
        if found != stated {
            return Err(self.corrupt("its content_set table"));
        }
        Ok(sets)
    }
}
