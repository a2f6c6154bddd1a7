//! Whose turn it is: hosts that showed a changed key in an earlier part of the run come first, and until each of
//! them was looked at again nobody else begins.

use crate::scan::limits::Place;
use crate::scan::queue::Queue;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Those who wait to be worked on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: Queue,
    /// Hosts that showed a changed key, and were not looked at again so far.
    alarming: BTreeSet<IpAddr>,
    /// Those who come after them, with their places.
    later: Vec<(IpAddr, Vec<(Place, u32)>)>,
}

impl Turns {
    /// Where these showed a changed key.
    pub(super) fn after(alarming: BTreeSet<IpAddr>) -> Self {
        Self {
            alarming,
            ..Self::default()
        }
    }

    /// Puts a host in line, which takes up these places.
    pub(super) fn push(&mut self, address: IpAddr, places: Vec<(Place, u32)>) {
        if self.alarming.is_empty() || self.alarming.contains(&address) {
            self.waiting.push(address, places);
        } else {
            self.later.push((address, places));
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.later.is_empty()
    }

    /// Who begins next; `None` where nobody may, for now.
    pub(super) fn next(&mut self) -> Option<IpAddr> {
        self.waiting.next()
    }

    /// A host is done.
    pub(super) fn left(&mut self, address: IpAddr) {
        self.waiting.left(address);
        if self.alarming.remove(&address) && self.alarming.is_empty() {
            for (address, places) in std::mem::take(&mut self.later) {
                self.waiting.push(address, places);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn nobody_begins_until_each_host_with_a_changed_key_was_looked_at_again() {
        let mut turns = Turns::after([at(5), at(7)].into());
        for last in [1, 5, 2, 7] {
            turns.push(at(last), Vec::new());
        }
        assert_eq!(turns.next(), Some(at(5)));
        turns.left(at(5));
        turns.push(at(3), Vec::new());
        assert_eq!(turns.next(), Some(at(7)));
        assert_eq!(turns.next(), None);
        assert!(!turns.is_empty(), "the others still wait");
        turns.left(at(7));
        let rest: Vec<IpAddr> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(rest, [at(1), at(2), at(3)]);
        assert!(turns.is_empty());
    }
}
