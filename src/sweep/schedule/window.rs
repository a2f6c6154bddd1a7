//! Which positions are settled: the low-water mark from which a run is resumed.

use std::collections::VecDeque;

/// The positions from the mark on that were begun, and which of them are settled.
#[derive(Debug)]
pub(super) struct Window {
    mark: u64,
    settled: VecDeque<bool>,
}

/// How far a sweep may run ahead of its slowest probe, in positions.
const LIMIT: usize = 1 << 22;

impl Window {
    /// A sweep that starts at a position: everything before it is settled.
    pub(super) fn new(from: u64) -> Self {
        Self {
            mark: from,
            settled: VecDeque::new(),
        }
    }

    /// Every lower position is settled.
    pub(super) fn mark(&self) -> u64 {
        self.mark
    }

    /// The position to begin next.
    pub(super) fn next(&self) -> u64 {
        self.mark + self.settled.len() as u64
    }

    /// Whether it must wait for its slowest probe.
    pub(super) fn is_full(&self) -> bool {
        self.settled.len() >= LIMIT
    }

    /// Begins the next position.
    pub(super) fn begin(&mut self) {
        self.settled.push_back(false);
    }

    /// Whether a position was begun and is not settled.
    pub(super) fn is_open(&self, position: u64) -> bool {
        let place = position.checked_sub(self.mark);
        let place = place.and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.settled.get(place)) == Some(&false)
    }

    /// Settles a position that was begun.
    pub(super) fn settle(&mut self, position: u64) {
        let place = position.checked_sub(self.mark);
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some(settled) = place.and_then(|place| self.settled.get_mut(place)) {
            *settled = true;
        }
        while self.settled.front() == Some(&true) {
            self.settled.pop_front();
            self.mark += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_mark_is_the_lowest_unsettled_position(from in 0_u64..1000, order in Just((0..40_u64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut window = Window::new(from);
            let mut open: BTreeSet<u64> = (0..40).map(|n| from + n).collect();
            for _ in &order {
                window.begin();
            }
            for position in order {
                window.settle(from + position);
                open.remove(&(from + position));
                prop_assert_eq!(window.mark(), open.first().copied().unwrap_or(from + 40));
                prop_assert_eq!(window.next(), from + 40);
            }
        }
    }
}
