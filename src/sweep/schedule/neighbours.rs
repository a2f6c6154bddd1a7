//! The own link: the kernel must find a neighbour's hardware address before it can send anything, and its
//! table of neighbours is small. Pure.
//!
//! Linux keeps 1,024 neighbours (`gc_thresh3`, arp(7)). One that does not answer occupies its place for three
//! seconds, while the kernel asks three times; one that does, for up to 45 seconds, while the kernel takes it for
//! reachable (`base_reachable_time`, half as much again). A full table refuses the living as well. So only so
//! many unresolved neighbours are asked for at once, each by one probe. The table itself also says who answered.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// How many places the table has where nobody says otherwise.
pub(in crate::sweep) const PLACES: usize = 1_024;
/// How long the kernel takes a neighbour for reachable, and keeps its place.
const REACHABLE: Duration = Duration::from_secs(45);
/// How long a probe waits for its neighbour: as long as the kernel, and a second in which a full table may have
/// become less full.
pub(super) const PATIENCE: Duration = Duration::from_millis(4_500);
/// From when on the kernel's "host unreachable" is about its own unanswered questions. Sooner, it is somebody's
/// rule.
pub(super) const UNANSWERED: Duration = Duration::from_millis(500);
/// How long after a probe an old entry of the table is known to be true: five seconds until the kernel doubts it
/// (`delay_first_probe_time`), three for its questions.
pub(super) const CONFIRMED: Duration = Duration::from_secs(9);
/// How often the table is read.
pub(in crate::sweep) const READ_EVERY: Duration = Duration::from_millis(250);

/// A hardware address.
pub(in crate::sweep) type Mac = [u8; 6];

/// The neighbours whose hardware address the kernel knows.
pub(in crate::sweep) type Table = HashMap<IpAddr, Mac>;

/// What is known of the own link.
#[derive(Debug, Default)]
pub(in crate::sweep) struct Neighbours {
    /// The last reading; `None` where there is no table to read.
    table: Option<Table>,
    /// Who was in the first one: such an entry may be old.
    before: HashSet<IpAddr>,
    /// The neighbours that are asked for: the index, the address, and the position that asks.
    asking: HashMap<u64, (IpAddr, u64)>,
    /// Hosts that wait until fewer are asked for.
    waiting: VecDeque<u64>,
    /// Living neighbours that are settled but for their hardware address.
    nameless: Vec<u64>,
    /// How many silent neighbours wait until the table can be believed.
    doubted: usize,
    /// How many places the table has.
    places: usize,
    /// When neighbours answered that occupy a place.
    reachable: VecDeque<Duration>,
}

impl Neighbours {
    /// Given the table as it is before anything is asked, and how many places it has.
    pub(in crate::sweep) fn new(table: Option<Table>, places: usize) -> Self {
        let before = table.iter().flatten().map(|(address, _)| *address);
        Self {
            before: before.collect(),
            table,
            places,
            ..Self::default()
        }
    }

    /// Whether there is a table to read.
    pub(super) fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// The table was read again: who answered since.
    pub(super) fn read(&mut self, table: Table) -> Vec<(u64, u64)> {
        let asking = self.asking.iter();
        let asking = asking.filter(|(_, (address, _))| !self.before.contains(address));
        let found = asking.filter(|(_, (address, _))| table.contains_key(address));
        let found = found.map(|(index, (_, position))| (*index, *position));
        let mut found: Vec<(u64, u64)> = found.collect();
        found.sort_unstable();
        self.table = Some(table);
        found
    }

    /// The hardware address of a neighbour, as far as is known.
    pub(super) fn mac(&self, address: IpAddr) -> Option<Mac> {
        self.table.as_ref()?.get(&address).copied()
    }

    /// Whether the entry of a neighbour may be from before the sweep.
    pub(super) fn is_old(&self, address: IpAddr) -> bool {
        self.before.contains(&address)
    }

    /// Whether one more may be asked for: a quarter of the places is for them, or less where the living occupy
    /// most, and an eighth is for others.
    pub(super) fn has_room(&mut self, now: Duration) -> bool {
        while self
            .reachable
            .front()
            .is_some_and(|at| *at + REACHABLE < now)
        {
            self.reachable.pop_front();
        }
        let occupied = self.before.len() + self.reachable.len() + self.places / 8;
        let free = self.places.saturating_sub(occupied);
        self.asking.len() < free.min(self.places / 4).max(1)
    }

    /// A neighbour answered that had not been heard of.
    pub(super) fn answered(&mut self, now: Duration) {
        self.reachable.push_back(now);
    }

    /// Lines a host up until there is room.
    pub(super) fn line_up(&mut self, index: u64) {
        self.waiting.push_back(index);
    }

    /// A neighbour is asked for.
    pub(super) fn ask(&mut self, index: u64, address: IpAddr, position: u64) {
        self.asking.insert(index, (address, position));
    }

    /// A neighbour is not asked for any more, or was never: the host that may be asked for instead.
    pub(super) fn end(&mut self, index: u64) -> Option<u64> {
        self.asking.remove(&index)?;
        self.waiting.pop_front()
    }

    /// Whether somebody waits for the next reading.
    pub(super) fn is_busy(&self) -> bool {
        !self.asking.is_empty() || !self.nameless.is_empty() || self.doubted > 0
    }

    /// A silent neighbour waits until the table can be believed.
    pub(super) fn doubt(&mut self) {
        self.doubted += 1;
    }

    /// A silent neighbour has waited.
    pub(super) fn believe(&mut self) {
        self.doubted = self.doubted.saturating_sub(1);
    }

    /// A living neighbour is settled but for its hardware address: the next reading will have it.
    pub(super) fn wait_for_mac(&mut self, index: u64) {
        self.nameless.push(index);
    }

    /// Those whose hardware address was waited for.
    pub(super) fn take_nameless(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.nameless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn ip(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 97, 0, last).into()
    }

    #[test]
    fn whoever_comes_into_the_table_while_asked_for_answered() {
        let mut neighbours = Neighbours::new(Some(Table::from([(ip(1), [1; 6])])), PLACES);
        neighbours.ask(1, ip(1), 10);
        neighbours.ask(2, ip(2), 20);
        neighbours.ask(3, ip(3), 30);
        let table = Table::from([(ip(1), [1; 6]), (ip(2), [2; 6]), (ip(4), [4; 6])]);
        assert_eq!(neighbours.read(table), [(2, 20)]);
        assert_eq!(neighbours.mac(ip(4)), Some([4; 6]));
        assert!(neighbours.is_old(ip(1)));
    }

    #[test]
    fn only_so_many_are_asked_for_at_once() {
        let mut neighbours = Neighbours::new(None, PLACES);
        for index in 0..256 {
            assert!(neighbours.has_room(Duration::ZERO));
            neighbours.ask(index, ip(1), index);
        }
        assert!(!neighbours.has_room(Duration::ZERO));
        neighbours.line_up(7_000);
        assert_eq!(neighbours.end(256), None);
        assert!(!neighbours.has_room(Duration::ZERO));
        assert_eq!(neighbours.end(3), Some(7_000));
        assert!(neighbours.has_room(Duration::ZERO));
    }

    #[test]
    fn the_living_leave_less_room_until_the_kernel_may_forget_them() {
        let second = Duration::from_secs(1);
        let mut neighbours = Neighbours::new(None, PLACES);
        (0..800).for_each(|_| neighbours.answered(second));
        for index in 0..96 {
            assert!(neighbours.has_room(second));
            neighbours.ask(index, ip(1), index);
        }
        assert!(!neighbours.has_room(second * 46));
        assert!(neighbours.has_room(second * 47));
    }
}
