//! Windows. Who may do what with a file is said by access lists, which are inherited from the folder and not read
//! here: the folders of a user's profile are that user's, the system's and the administrators' alone.

use super::Guard;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeClient};
use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_logoff, ctrl_shutdown};
use tokio::time::sleep;

/// Nothing to say: a file has its folder's access list.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Nothing to say: no file here makes its reader wait for a writer.
pub(crate) fn never_waits(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Makes a folder, and those above it that are not there, with the access list of the one above.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Nothing to do: its access list stays.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn close_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Nothing to do: there are no permission bits.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// Whatever it is, it is taken for ours alone.
pub(crate) fn guard(_: &Metadata) -> Guard {
    Guard {
        owner: user(),
        group: 0,
        mode: 0o600,
    }
}

/// Nothing to do: a folder's names are the file system's to keep.
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Keeps others who call this out of a folder, as long as what is returned lives. A folder itself cannot be locked
/// here: a file in it is, which stays.
pub(crate) fn lock_folder(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join(".underdesk.lock"))?;
    file.lock()?;
    Ok(file)
}

/// [`lock_folder`] without waiting: `None` where somebody else keeps others out.
pub(crate) fn try_lock_folder(folder: &Path) -> io::Result<Option<File>> {
    let file = File::create(folder.join(".underdesk.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What keeps others from holding a file: here another file beside it that nobody else may open, and that is gone
/// when it is closed. A lock on the file itself would keep `SQLite` out too.
#[derive(Debug)]
pub(crate) struct Hold {
    _beside: File,
}

/// Holds an open file that others write to as well, by its place. `None` where somebody else does.
pub(crate) fn hold(_: &File, path: &Path) -> io::Result<Option<Hold>> {
    const NOBODY_ELSE: u32 = 0;
    const DELETE_ON_CLOSE: u32 = 0x0400_0000;
    const SHARING_VIOLATION: i32 = 32;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    options.share_mode(NOBODY_ELSE);
    options.custom_flags(DELETE_ON_CLOSE);
    match options.open(beside) {
        Ok(beside) => Ok(Some(Hold { _beside: beside })),
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

/// There is only one.
pub(crate) fn user() -> u32 {
    0
}

/// Who runs this, where the environment has no name for them.
pub(crate) fn nameless_user() -> String {
    "unknown".to_owned()
}

/// There is no such limit here.
pub(crate) fn raise_descriptors(enough: u64) -> u64 {
    enough
}

/// A connection to an agent on this machine.
pub(crate) type AgentStream = NamedPipeClient;

/// The agent that is asked where nobody named one: the pipe of the OpenSSH that comes with Windows.
pub(crate) const USUAL_AGENT: Option<&str> = Some(r"\\.\pipe\openssh-ssh-agent");

/// Connects to an agent's pipe. One that is talking to others is asked again for a few seconds.
pub(crate) async fn connect_agent(pipe: &Path) -> io::Result<AgentStream> {
    const PIPE_BUSY: i32 = 231;
    const PAUSE: Duration = Duration::from_millis(50);
    for _ in 0..100 {
        match ClientOptions::new().open(pipe) {
            Err(error) if error.raw_os_error() == Some(PIPE_BUSY) => sleep(PAUSE).await,
            opened => return opened,
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// What a text is edited with where nobody said.
pub(crate) const USUAL_EDITOR: &str = "notepad";

/// There are no such groups here, and nothing is started in one.
pub(crate) fn kill_group(_: u32) {}

/// Waits for the system's wish that we end: the window is closed, the user logs off, the machine shuts down.
pub(crate) async fn terminated() {
    let signals = (ctrl_break(), ctrl_close(), ctrl_logoff(), ctrl_shutdown());
    let (Ok(mut stop), Ok(mut close), Ok(mut logoff), Ok(mut shutdown)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = stop.recv() => {}
        _ = close.recv() => {}
        _ = logoff.recv() => {}
        _ = shutdown.recv() => {}
    }
}
