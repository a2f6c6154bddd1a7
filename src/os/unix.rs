//! Unix: Linux, macOS, the BSDs.

use super::Guard;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, setrlimit};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::Path;
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};

/// Files that are made with these options are their owner's alone (mode 0600).
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Opening with these options never waits, as a pipe without a writer would make us, and takes no terminal.
pub(crate) fn never_waits(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    options.custom_flags(flags)
}

/// Makes a folder, and those above it that are not there, for their owner alone. One that is there stays as it is.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Takes a folder that is there from everybody but its owner.
pub(crate) fn close_folder(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// Gives an open file permission bits.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Whose something is, and who may do what with it.
pub(crate) fn guard(meta: &Metadata) -> Guard {
    Guard {
        owner: meta.uid(),
        group: meta.gid(),
        mode: meta.mode() & 0o7777,
    }
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Keeps others who call this out of a folder, as long as what is returned lives.
pub(crate) fn lock_folder(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    flock(&folder, FlockOperation::LockExclusive)?;
    Ok(folder)
}

/// [`lock_folder`] without waiting: `None` where somebody else keeps others out.
pub(crate) fn try_lock_folder(folder: &Path) -> io::Result<Option<File>> {
    let folder = File::open(folder)?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What keeps others from holding a file: here a lock on it, which lives as long as the file is open.
#[derive(Debug)]
pub(crate) struct Hold;

/// Holds an open file that others write to as well, by its place. `None` where somebody else does.
pub(crate) fn hold(file: &File, _: &Path) -> io::Result<Option<Hold>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(Hold)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The number of whom we run as.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Who runs this, where the environment has no name for them.
pub(crate) fn nameless_user() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

/// Raises the limit of file descriptors towards `enough`, as far as the system lets us. Returns how many this
/// process may hold.
pub(crate) fn raise_descriptors(enough: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(enough);
    let wanted = limit.maximum.unwrap_or(enough).min(enough);
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    if wanted > current && setrlimit(Resource::Nofile, raised).is_ok() {
        wanted
    } else {
        current
    }
}

/// A connection to an agent on this machine.
pub(crate) type AgentStream = UnixStream;

/// The agent that is asked where nobody named one; here the environment does (`SSH_AUTH_SOCK`).
pub(crate) const USUAL_AGENT: Option<&str> = None;

/// Connects to an agent's socket.
pub(crate) async fn connect_agent(socket: &Path) -> io::Result<AgentStream> {
    UnixStream::connect(socket).await
}

/// What a text is edited with where nobody said.
pub(crate) const USUAL_EDITOR: &str = "vi";

/// Ends all processes of a group, by its leader's number. Gone already is as good.
pub(crate) fn kill_group(leader: u32) {
    let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(leader) = leader {
        kill_process_group(leader, Signal::KILL).ok();
    }
}

/// Waits for the system's wish that we end (SIGTERM).
pub(crate) async fn terminated() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
