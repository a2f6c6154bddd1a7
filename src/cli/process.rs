//! What the process forbids itself: core files, before any secret is read; files that others may read; and
//! privileges that it does not need, or not any more.

use std::io;

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, setrlimit};

/// Makes sure that no core file can hold a secret: the size limit is zero and cannot be raised
/// again, and on Linux the process is not dumpable at all (prctl(2), `PR_SET_DUMPABLE`), which also
/// keeps other processes of the same account from reading its memory.
pub(super) fn forbid_core_dumps() -> io::Result<()> {
    #[cfg(unix)]
    {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, none)?;
    }
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Lets nobody but the owner read or enter what is made from now on, by us and by what we start, whatever the
/// umask was: files that are made in passing too, such as a database's log.
pub(super) fn keep_files_private() {
    #[cfg(unix)]
    {
        use rustix::fs::Mode;
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
    }
}

/// What a command needs beyond what everybody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// Sockets for packets of its own, opened before it talks to anybody.
    RawSockets,
    /// What it was given: it reads this machine as whoever started it.
    All,
}

/// Gives up, before there is a second thread, what a command does not need (capabilities(7)). What is left is
/// not handed on to programs that are started.
pub(super) fn keep_only(need: Need) -> io::Result<()> {
    match need {
        Need::Nothing => give_up_privileges(),
        Need::RawSockets => linux::restrict_to_raw(),
        Need::All => Ok(()),
    }
}

/// Gives up every privilege of this thread, and of those that it starts. Of root what remains is its power over
/// files and accounts, without which it could not write into the folder of the user who called sudo.
pub(super) fn give_up_privileges() -> io::Result<()> {
    linux::give_up()
}

/// Does something in a thread without privileges, and so do the threads that it starts.
pub(super) fn without_privileges<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let done = std::thread::scope(|scope| {
        let unprivileged = scope.spawn(|| {
            // It fails only where there is nothing to give up with.
            give_up_privileges().ok();
            work()
        });
        unprivileged.join()
    });
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::geteuid;
    use rustix::thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    };
    use std::io;

    /// For packet sockets, and for the long buffers that they should have.
    const RAW: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);
    /// Root's power over files and accounts.
    const FILES: CapabilitySet = CapabilitySet::CHOWN
        .union(CapabilitySet::DAC_OVERRIDE)
        .union(CapabilitySet::DAC_READ_SEARCH)
        .union(CapabilitySet::FOWNER)
        .union(CapabilitySet::FSETID)
        .union(CapabilitySet::KILL)
        .union(CapabilitySet::SETGID)
        .union(CapabilitySet::SETUID);

    pub(super) fn give_up() -> io::Result<()> {
        restrict(always())
    }

    pub(super) fn restrict_to_raw() -> io::Result<()> {
        restrict(always() | RAW)
    }

    fn always() -> CapabilitySet {
        if geteuid().is_root() {
            FILES
        } else {
            CapabilitySet::empty()
        }
    }

    /// Capabilities are a thread's own: other threads keep theirs.
    fn restrict(to: CapabilitySet) -> io::Result<()> {
        let held = capabilities(None)?;
        let less = CapabilitySets {
            // A file's capability may be permitted and not effective: then it need not be there to start.
            effective: (held.effective | RAW) & held.permitted & to,
            permitted: held.permitted & to,
            inheritable: CapabilitySet::empty(),
        };
        // Kernels before 4.3 have no ambient ones.
        clear_ambient_capability_set().ok();
        if less.permitted != held.permitted
            || less.effective != held.effective
            || !held.inheritable.is_empty()
        {
            set_capabilities(None, less)?;
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_runs_without_privileges_and_what_it_starts_can_open_no_packet_socket() {
            let mine = capabilities(None).unwrap();
            let (there, below) = crate::cli::process::without_privileges(|| {
                let below = std::thread::spawn(|| capabilities(None).unwrap());
                (capabilities(None).unwrap(), below.join().unwrap())
            });
            for held in [there, below] {
                assert!(!held.permitted.intersects(RAW) && !held.effective.intersects(RAW));
                assert!(always().contains(held.permitted));
                assert!(held.inheritable.is_empty());
            }
            let now = capabilities(None).unwrap();
            assert_eq!(now.permitted, mine.permitted);
        }

        #[test]
        fn what_sweeps_keeps_the_right_to_raw_sockets_and_no_other_but_those_over_files() {
            let held = std::thread::spawn(|| {
                let before = capabilities(None).unwrap();
                restrict_to_raw().unwrap();
                (before, capabilities(None).unwrap())
            });
            let (before, after) = held.join().unwrap();
            assert_eq!(after.permitted, before.permitted & (always() | RAW));
            assert!(!after.permitted.contains(CapabilitySet::SYS_ADMIN));
        }
    }
}

/// Elsewhere there is nothing to give up: no engine needs a privilege.
#[cfg(not(target_os = "linux"))]
mod linux {
    use std::io;

    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn give_up() -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn restrict_to_raw() -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_cannot_dump_core() {
        forbid_core_dumps().unwrap();
        let dumpable = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(dumpable, rustix::process::DumpableBehavior::NotDumpable);
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
