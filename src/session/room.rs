//! How much memory the answers of all hosts that are read at the same time may take up together.
//!
//! Each host has a part that nobody can take from it, enough for what an ordinary machine answers. What goes
//! beyond comes out of one pool. Where the pool is empty the host is cut short and says so: nobody waits for
//! room that others hold, so nobody waits for ever, and a host that answers what hosts answer is never cut
//! because others answer too much.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The memory for answers of a whole run.
#[derive(Clone, Debug)]
pub struct Memory {
    each: usize,
    pool: Arc<AtomicUsize>,
}

/// What all hosts may hold that are read at once, each an equal part.
const PARTS: usize = 128 << 20;
/// The most and the least that such a part is.
const LARGEST_PART: usize = 4 << 20;
const SMALLEST_PART: usize = 64 << 10;
/// What hosts may hold beyond, all together.
const POOL: usize = 96 << 20;

impl Memory {
    /// For so many hosts at once.
    pub fn for_hosts(hosts: usize) -> Self {
        let each = PARTS / hosts.max(1);
        Self {
            each: each.clamp(SMALLEST_PART, LARGEST_PART),
            pool: Arc::new(AtomicUsize::new(POOL)),
        }
    }

    /// The room of one host.
    pub fn room(&self) -> Room {
        Room(Some(Arc::new(Taken {
            memory: self.clone(),
            bytes: Mutex::new(0),
        })))
    }
}

/// The room of one host; the default is without a limit. It is given back when the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub struct Room(Option<Arc<Taken>>);

#[derive(Debug)]
struct Taken {
    memory: Memory,
    bytes: Mutex<usize>,
}

impl Room {
    /// Takes room for so many bytes more; `false` where there is none.
    pub(super) fn take(&self, more: usize) -> bool {
        let Some(taken) = &self.0 else {
            return true;
        };
        let mut bytes = taken.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let each = taken.memory.each;
        let now = bytes.saturating_add(more);
        let beyond = now.saturating_sub(each) - bytes.saturating_sub(each);
        let left = |left: usize| left.checked_sub(beyond);
        let pool = &taken.memory.pool;
        let found = pool.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        if found.is_ok() {
            *bytes = now;
        }
        found.is_ok()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut().unwrap_or_else(PoisonError::into_inner);
        let beyond = bytes.saturating_sub(self.memory.each);
        self.memory.pool.fetch_add(beyond, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_host_has_its_part_whatever_others_hold() {
        let memory = Memory::for_hosts(64);
        let greedy = memory.room();
        assert!(greedy.take(2 << 20));
        while greedy.take(1 << 20) {}
        let modest = memory.room();
        assert!(modest.take(2 << 20));
        assert!(!modest.take(1));
        drop(greedy);
        assert!(modest.take(10 << 20));
    }

    #[test]
    fn many_hosts_have_smaller_parts_and_few_no_larger_ones() {
        let part = |hosts| Memory::for_hosts(hosts).each;
        assert_eq!(part(1), 4 << 20);
        assert_eq!(part(64), 2 << 20);
        assert_eq!(part(128), 1 << 20);
        assert_eq!(part(100_000), 64 << 10);
    }

    proptest! {
        #[test]
        fn all_together_never_hold_more_than_their_parts_and_the_pool(
            steps in prop::collection::vec((0_usize..8, 0_usize..(40 << 20), prop::bool::weighted(0.2)), 1..200),
        ) {
            let memory = Memory::for_hosts(8);
            let mut rooms: Vec<(Room, usize)> = (0..8).map(|_| (memory.room(), 0)).collect();
            for (host, bytes, leaves) in steps {
                let (room, held) = &mut rooms[host];
                if leaves {
                    *room = memory.room();
                    *held = 0;
                } else if room.take(bytes) {
                    *held += bytes;
                }
                let all: usize = rooms.iter().map(|(_, held)| *held).sum();
                prop_assert!(all <= 8 * memory.each + POOL);
            }
            rooms.clear();
            prop_assert_eq!(memory.pool.load(Ordering::Relaxed), POOL);
        }
    }
}
