//! What is remembered from run to run: runs, sightings, machines, inventories, verdicts, the
//! breaker, pins.
//!
//! One `SQLite` file, which several processes may share. A [`Store`] is a handle to a thread that
//! owns the connection; each method sends a job there and gives back a [`Pending`] answer, for
//! `.await` or `.wait()`. An answer means that the change is on the disk.
//!
//! SQL is only here and in `catalog/file.rs`. Which machine an address belongs to is decided by a
//! pure function in `identity.rs`.

mod annotations;
mod blobs;
mod breaker;
mod carry;
mod db;
mod delete;
mod error;
mod evidence;
mod exceptions;
mod hosts;
mod identity;
mod keys;
mod lists;
mod pending;
mod pins;
mod readings;
mod report;
mod rows;
mod runs;
mod sightings;
mod tally;
#[cfg(test)]
mod tests;
mod thread;
mod trails;
mod verdicts;

pub use crate::model::RunState;
pub use annotations::Decisions;
pub use carry::{Imported, PLAN_OF_IMPORTED, is_carried};
pub use db::SCHEMA;
pub use delete::{Deleted, Retention, outdated};
pub use error::StoreError;
pub use pending::Pending;
pub use readings::{LastRead, LastReading};
pub use report::{ReportOptions, RunReport};
pub use rows::{
    Digest, FirstPin, HostCommit, InventoryRef, JudgedBy, Matched, NewRun, Pin, PinImport,
    Reservation, RunRecord, SightingRow, StopRow, TryId, TryRequest, TryRow, TryState, Verdict,
};

use crate::model::{
    Annotation, CredentialId, Exception, ExceptionId, Finding, HostKey, Inventory, KnownList,
    MachineId, RunId, UtcTime,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
pub use tally::MachineTally;
use thread::Thread;

/// A handle to the store; cheap to clone. The last one to go waits for the thread to close the
/// file.
#[derive(Clone, Debug)]
pub struct Store {
    thread: Arc<Thread>,
}

/// Opening.
impl Store {
    /// Opens the file, or makes it (mode 0600) with its folder (0700), and brings its schema up to
    /// date. Blocks. A file that is damaged, another program's, or of a later version of this one
    /// is refused and left as it is.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = db::Db::open(path)?;
        let thread = Arc::new(Thread::start(db)?);
        Ok(Self { thread })
    }

    /// A store that is gone with its last handle: for runs that keep nothing, and for tests.
    pub fn in_memory() -> Result<Self, StoreError> {
        let thread = Arc::new(Thread::start(db::Db::in_memory()?)?);
        Ok(Self { thread })
    }
}

/// Runs.
impl Store {
    /// Writes down a run that begins now, in state [`RunState::Running`].
    pub fn begin_run(&self, new: NewRun) -> Pending<()> {
        self.thread.ask(move |db| runs::begin(db, &new))
    }

    /// One run; an error when there is none of this id.
    pub fn load_run(&self, id: &RunId) -> Pending<RunRecord> {
        let id = id.clone();
        self.thread.ask(move |db| runs::load(db, &id))
    }

    /// All runs, the latest begun last.
    pub fn list_runs(&self) -> Pending<Vec<RunRecord>> {
        self.thread.ask(runs::list)
    }

    /// The run begun last, but for those that only looked whether a host can be read, of whose hosts nothing is
    /// kept, and those that only verified what another one had found.
    pub fn latest_run(&self) -> Pending<Option<RunRecord>> {
        self.thread.ask(runs::latest)
    }

    /// Says how a run stands: finished or interrupted at a time, or running again after
    /// `--resume` (then it has no end).
    pub fn finish_run(&self, id: &RunId, state: RunState, at: UtcTime) -> Pending<()> {
        let id = id.clone();
        self.thread.ask(move |db| runs::finish(db, &id, state, at))
    }

    /// Replaces a run's settings: see [`NewRun::settings`].
    pub fn set_settings(&self, id: &RunId, settings: serde_json::Value) -> Pending<()> {
        let id = id.clone();
        self.thread
            .ask(move |db| runs::set_settings(db, &id, &settings))
    }

    /// Says what the run's verdicts were made by.
    pub fn set_judged_by(&self, id: &RunId, by: JudgedBy) -> Pending<()> {
        let id = id.clone();
        self.thread.ask(move |db| runs::set_judged_by(db, &id, &by))
    }
}

/// Runs that go, and runs that are carried.
impl Store {
    /// Takes runs away, with what no other run needs: all of them, or none where one is not there. Machines,
    /// what is remembered of their findings, pins and the breaker's tries stay.
    pub fn delete_runs(&self, ids: Vec<RunId>) -> Pending<Deleted> {
        let known = self.thread.known.clone();
        self.thread.ask(move |db| delete::delete(db, &ids, &known))
    }

    /// Writes a run that has ended into one file, to be carried to another store. The file must not be there
    /// yet.
    pub fn export_run(&self, id: &RunId, path: &Path) -> Pending<()> {
        let (id, path) = (id.clone(), path.to_path_buf());
        self.thread.ask(move |db| carry::export(db, &id, &path))
    }

    /// Takes a run from a file that [`Self::export_run`] wrote, wholly or not at all. It keeps its id and
    /// site; its machines keep theirs, unless this store knows them by another. `check` looks at what the
    /// store does not understand: its kind and settings. Such a run is never resumed: its plan is
    /// [`PLAN_OF_IMPORTED`].
    pub fn import_run(
        &self,
        path: &Path,
        check: impl Fn(&RunRecord) -> Result<(), String> + Send + 'static,
    ) -> Pending<Imported> {
        let (path, known) = (path.to_path_buf(), self.thread.known.clone());
        self.thread
            .ask(move |db| carry::import(db, &path, &check, &known))
    }
}

/// The lists that a run is compared with.
impl Store {
    /// Keeps the lists that a run is compared with, in the order given, in place of those it had.
    pub fn keep_lists(&self, run: &RunId, lists: Vec<KnownList>) -> Pending<()> {
        let run = run.clone();
        self.thread.ask(move |db| lists::keep(db, &run, &lists))
    }

    /// The lists that a run is compared with, in the order given.
    pub fn lists(&self, run: &RunId) -> Pending<Vec<KnownList>> {
        let run = run.clone();
        self.thread.ask(move |db| lists::of(db, &run))
    }
}

/// Findings that somebody was allowed to leave for a while.
impl Store {
    /// Keeps an exception of a site. One of the same id stays as it is; says whether it is new.
    pub fn add_exception(&self, site: &str, exception: Exception) -> Pending<bool> {
        let site = site.to_owned();
        self.thread
            .ask(move |db| exceptions::add(db, &site, &exception))
    }

    /// The exceptions of a site, also those that have ended, the first granted first.
    pub fn exceptions(&self, site: &str) -> Pending<Vec<Exception>> {
        let site = site.to_owned();
        self.thread.ask(move |db| exceptions::of_site(db, &site))
    }

    /// Takes an exception of a site back at a time. `None` where there is none of this id; else whether it had
    /// not been before.
    pub fn take_back_exception(
        &self,
        site: &str,
        id: &ExceptionId,
        at: UtcTime,
    ) -> Pending<Option<bool>> {
        let (site, id) = (site.to_owned(), id.clone());
        self.thread
            .ask(move |db| exceptions::take_back(db, &site, &id, at))
    }
}

/// What the people of a site write down about findings.
impl Store {
    /// What is written down at a site, sorted by finding. It outlives the runs.
    pub fn annotations(&self, site: &str) -> Pending<Vec<Annotation>> {
        let site = site.to_owned();
        self.thread.ask(move |db| annotations::of_site(db, &site))
    }

    /// Writes down what was decided at a time: all of it, or nothing.
    pub fn write_decisions(&self, site: &str, decisions: Decisions, at: UtcTime) -> Pending<()> {
        let site = site.to_owned();
        self.thread
            .ask(move |db| annotations::write(db, &site, &decisions, at))
    }
}

/// The sweep.
impl Store {
    /// Writes down answered probes and how far the sweep is, both or neither. The mark never goes
    /// back.
    pub fn record_sightings(
        &self,
        run: &RunId,
        sightings: Vec<SightingRow>,
        mark: u64,
    ) -> Pending<()> {
        let run = run.clone();
        self.thread
            .ask(move |db| sightings::record(db, &run, &sightings, mark))
    }

    /// The answered probes of a run, sorted by address and port.
    pub fn sightings(&self, run: &RunId) -> Pending<Vec<SightingRow>> {
        let run = run.clone();
        self.thread.ask(move |db| sightings::all(db, &run))
    }

    /// Adds to how often hosts that are known to live were asked while the sweep went on, and how often
    /// they did not answer.
    pub fn record_canaries(&self, run: &RunId, asked: u64, lost: u64) -> Pending<()> {
        let run = run.clone();
        self.thread
            .ask(move |db| sightings::record_canaries(db, &run, (asked, lost)))
    }

    /// How far the sweep of a run is: every probe with a lower index is settled.
    pub fn mark(&self, run: &RunId) -> Pending<u64> {
        let run = run.clone();
        self.thread.ask(move |db| Ok(runs::load(db, &run)?.mark))
    }
}

/// Hosts.
impl Store {
    /// Writes down all of a host that is done with, in one transaction, and says which machine it
    /// is, as far as is known now: a host that finishes later may show that it is one with
    /// another. Committing an address of a run again replaces what was there.
    pub fn commit_host(&self, run: &RunId, commit: HostCommit) -> Pending<MachineId> {
        let run = run.clone();
        // Encoding is the caller's work: the thread is shared by all hosts.
        let known = self.thread.known.clone();
        let encoded = hosts::encode(commit, &known);
        self.thread
            .ask(move |db| hosts::commit(db, &run, &encoded?, &known))
    }

    /// [`Self::commit_host`] of many hosts, all of them or none.
    pub fn commit_hosts(&self, run: &RunId, commits: Vec<HostCommit>) -> Pending<()> {
        let run = run.clone();
        let known = self.thread.known.clone();
        let encoded = commits
            .into_iter()
            .map(|commit| hosts::encode(commit, &known));
        let encoded: Result<Vec<_>, StoreError> = encoded.collect();
        self.thread
            .ask(move |db| hosts::commit_all(db, &run, &encoded?, &known))
    }

    /// The addresses of a run that are done with: what `--resume` leaves out. Who was not begun, or showed
    /// a changed key, is not.
    pub fn finished_addresses(&self, run: &RunId) -> Pending<BTreeSet<IpAddr>> {
        let run = run.clone();
        self.thread.ask(move |db| hosts::finished(db, &run))
    }

    /// The addresses of a run that showed a changed key when they were last met.
    pub fn changed_hosts(&self, run: &RunId) -> Pending<BTreeSet<IpAddr>> {
        let run = run.clone();
        self.thread.ask(move |db| hosts::changed(db, &run))
    }

    /// Where each SSH host key was seen in any run of a site, by fingerprint.
    pub fn host_keys(&self, site: &str) -> Pending<BTreeMap<String, BTreeSet<IpAddr>>> {
        let site = site.to_owned();
        self.thread.ask(move |db| hosts::host_keys(db, &site))
    }

    /// The credential that last worked, in a run before this one, for whoever shows this host key
    /// (first at this address, then anywhere in the site); without a host key, at this address. A
    /// hint which to try first, never a reason to trust. This run's own logins are left out, so
    /// that the order in which hosts finish changes nothing.
    pub fn remembered_credential(
        &self,
        run: &RunId,
        address: IpAddr,
        host_key: Option<HostKey>,
    ) -> Pending<Option<CredentialId>> {
        let run = run.clone();
        self.thread
            .ask(move |db| hosts::remembered(db, &run, address, host_key.as_ref()))
    }
}

/// What is known of hosts between runs.
impl Store {
    /// The credential that last worked at an address of a site: what the next run tries first.
    pub fn last_credential(&self, site: &str, address: IpAddr) -> Pending<Option<CredentialId>> {
        let site = site.to_owned();
        self.thread
            .ask(move |db| hosts::last_credential(db, &site, address))
    }
}

/// Verdicts, apart from the facts.
impl Store {
    /// The distinct inventories of a run: each needs to be matched only once.
    pub fn inventories(&self, run: &RunId) -> Pending<Vec<InventoryRef>> {
        let run = run.clone();
        self.thread.ask(move |db| verdicts::inventories(db, &run))
    }

    /// One inventory.
    pub fn inventory(&self, digest: Digest) -> Pending<Arc<Inventory>> {
        self.thread.ask(move |db| db.inventory(&digest, false))
    }

    /// One list of verdicts.
    pub fn findings(&self, digest: Digest) -> Pending<Arc<Vec<Finding>>> {
        self.thread.ask(move |db| db.findings(&digest, false))
    }

    /// The machines of a run, each with what was read of it and what its verdicts are, neither of them read out.
    pub fn tally(&self, run: &RunId) -> Pending<Vec<MachineTally>> {
        let run = run.clone();
        self.thread.ask(move |db| tally::of(db, &run))
    }

    /// Replaces the verdicts on some addresses of a run.
    pub fn store_verdict(
        &self,
        run: &RunId,
        addresses: Vec<IpAddr>,
        matched: &Matched,
    ) -> Pending<()> {
        let run = run.clone();
        let known = self.thread.known.clone();
        let verdict = verdicts::encode(matched, &known);
        self.thread
            .ask(move |db| verdicts::replace(db, &run, &addresses, &verdict?, &known))
    }

    /// Reads a run for export: its summary and which machines it has. The machines themselves are
    /// read one at a time by [`RunReport::visit`].
    pub fn report(&self, run: &RunId, options: ReportOptions) -> Pending<RunReport> {
        let (run, store) = (run.clone(), self.clone());
        self.thread
            .ask(move |db| RunReport::plan(db, store, &run, options))
    }

    /// Where the machines of a site were last read that recent runs did not read, the latest first. Who never
    /// said who he is is left out.
    pub fn last_readings(&self, asked: LastRead) -> Pending<Vec<LastReading>> {
        self.thread.ask(move |db| readings::last(db, &asked))
    }

    /// The machines as they were last read.
    pub fn last_read(
        &self,
        readings: Vec<LastReading>,
    ) -> Pending<Vec<crate::model::MachineRecord>> {
        self.thread.ask(move |db| readings::records(db, readings))
    }
}

/// The breaker. The rules are the caller's; here they see every process's tries at once.
impl Store {
    /// Lets `decide` look at all tries and stops since the request's horizon (and older tries that
    /// nobody settled), oldest first and whosever they are (one account has many spellings), and,
    /// if it grants one, writes the try down before this returns, in one transaction that no other
    /// process can come between. `decide` runs on the store's thread, so it may not wait for an
    /// answer of the store itself.
    pub fn reserve_try(
        &self,
        request: TryRequest,
        decide: impl FnOnce(&[TryRow], &[StopRow]) -> Verdict + Send + 'static,
    ) -> Pending<Reservation> {
        self.thread
            .ask(move |db| breaker::reserve(db, &request, decide))
    }

    /// Gives a try back after a proven success.
    pub fn return_try(&self, id: TryId) -> Pending<()> {
        self.thread.ask(move |db| breaker::give_back(db, id))
    }

    /// Says that a try was refused at a time. (One that nobody settles counts the same.)
    pub fn mark_wrong(&self, id: TryId, at: UtcTime) -> Pending<()> {
        self.thread.ask(move |db| breaker::mark_wrong(db, id, at))
    }

    /// Leaves an account alone from now on: it is locked, disabled, or expired.
    pub fn stop_account(&self, stop: StopRow) -> Pending<()> {
        self.thread.ask(move |db| breaker::stop(db, &stop))
    }

    /// Every try not given back, and every stop, oldest first.
    pub fn breaker(&self) -> Pending<(Vec<TryRow>, Vec<StopRow>)> {
        self.thread.ask(breaker::all)
    }
}

/// Pins.
impl Store {
    /// Adds pins; those that are there already stay as they are. Says how many are new.
    pub fn add_pins(&self, pins: Vec<Pin>) -> Pending<usize> {
        self.thread.ask(move |db| pins::add(db, &pins))
    }

    /// Pins keys that a person has checked: all of them, or none where a host has a pin of another key of
    /// the same algorithm and `replace` is not set. `rehearse` changes nothing and says what would be done.
    pub fn import_pins(&self, pins: Vec<Pin>, replace: bool, rehearse: bool) -> Pending<PinImport> {
        self.thread
            .ask(move |db| pins::import(db, &pins, (replace, rehearse)))
    }

    /// Pins a stranger's key, unless its host and port have a pin already.
    pub fn pin_first_use(&self, pin: Pin) -> Pending<FirstPin> {
        self.thread.ask(move |db| pins::first_use(db, &pin))
    }

    /// All pins of a site, sorted by host, port and key.
    pub fn pins(&self, site: &str) -> Pending<Vec<Pin>> {
        let site = site.to_owned();
        self.thread.ask(move |db| pins::list(db, &site))
    }

    /// The pins of one port of a host, by any of its names and addresses.
    pub fn pins_of(&self, site: &str, hosts: Vec<String>, port: u16) -> Pending<Vec<Pin>> {
        let site = site.to_owned();
        self.thread.ask(move |db| pins::of(db, &site, &hosts, port))
    }

    /// Takes a pin away; `false` when it was not there.
    pub fn remove_pin(&self, pin: Pin) -> Pending<bool> {
        self.thread.ask(move |db| pins::remove(db, &pin))
    }
}
