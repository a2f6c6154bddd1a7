//! How many sockets this process may hold: the limit of file descriptors, raised as far as the
//! system lets us.

use crate::os;

/// What is kept for everything else: logins, the store, files.
const RESERVE: u64 = 512;
/// More descriptors than a sweep and its run can use. Some systems have no limit, and programs
/// that we start would close a billion descriptors one by one.
const ENOUGH: u64 = 32_768;

/// Raises the limit, and says how many sockets a sweep may hold.
pub(super) fn budget() -> usize {
    share(os::raise_descriptors(ENOUGH))
}

/// The sweep's share of the descriptors: all but the reserve, or half where there are few.
fn share(descriptors: u64) -> usize {
    let share = if descriptors >= 2 * RESERVE {
        descriptors - RESERVE
    } else {
        descriptors / 2
    };
    usize::try_from(share).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_keep_their_descriptors() {
        assert_eq!(share(20_000), 19_488);
        assert_eq!(share(1_024), 512);
        assert_eq!(share(256), 128);
        assert_eq!(share(0), 1);
    }
}
