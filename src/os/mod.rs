//! What differs between the systems that underdesk itself runs on: files for their owner alone, whose a file is,
//! the agent's socket, limits, signals.
//!
//! One file a system, with the same functions; nobody else need ask which it is. What a system has not is said
//! there: on Windows files have no modes, so that nothing of them is checked, and they are as private as the
//! folder that they are in.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// Whose a file or folder is, and what others may do with it, as chmod(1) and stat(2) have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// The owner's number.
    pub(crate) owner: u32,
    /// The group's number.
    pub(crate) group: u32,
    /// The permission bits, with the sticky one.
    pub(crate) mode: u32,
}

impl Guard {
    /// Whether it belongs to whom we run as, or to root.
    pub(crate) fn is_ours(self) -> bool {
        self.owner == 0 || self.owner == user()
    }
}
