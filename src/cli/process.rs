//! What the process forbids itself before any secret is read.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// Makes sure that no core file can hold a secret: the size limit is zero and cannot be raised
/// again, and on Linux the process is not dumpable at all (prctl(2), `PR_SET_DUMPABLE`), which also
/// keeps other processes of the same account from reading its memory.
pub(super) fn forbid_core_dumps() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
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
