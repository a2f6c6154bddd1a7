//! A run and its machines, read for export.

use super::db::Db;
use super::{Store, StoreError};
use crate::model::{MachineId, MachineRecord, RunId, RunSummary};
use std::io;

/// How a run is read for export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// One record for every address, with a machine id made from the address.
    pub no_merge: bool,
}

/// A run, ready for export: its machines are read one at a time.
#[derive(Clone, Debug)]
pub struct RunReport {
    store: Store,
    run: RunSummary,
    machines: Vec<MachineId>,
}

impl RunReport {
    /// What exports see of the run.
    pub fn run(&self) -> &RunSummary {
        &self.run
    }

    /// Its machines, sorted by their first address of the run.
    pub fn machine_ids(&self) -> &[MachineId] {
        &self.machines
    }

    /// Reads the machines in that order and shows each to `visit`; one is in memory at a time.
    /// Blocks. Errors of the store come out as [`io::Error`]s of kind `Other`.
    pub fn visit(
        &self,
        _visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        Err(io::Error::other(StoreError::Stopped))
    }

    pub(super) fn plan(
        _db: &mut Db,
        _store: Store,
        run: &RunId,
        _options: ReportOptions,
    ) -> Result<Self, StoreError> {
        let id = run.to_string();
        Err(StoreError::NoSuchRun { id })
    }
}
