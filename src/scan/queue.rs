//! Whose turn it is: hosts begin in the order in which they came, but for those whose place is full, who let
//! others go before. Pure.
//!
//! A host that finds a place of it full is parked there, so that nobody looks at ten thousand waiting hosts
//! of a full subnet again and again. What holds: of every place that has room and where hosts are parked, the
//! first of them is in line again. So it is always the first who may begin that does, and nobody is
//! forgotten.

use super::limits::Place;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// The hosts that wait, and which places those that are worked on take up.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Those in line, by when they came.
    line: BTreeMap<u64, Waiting>,
    /// Those that met a full place, there.
    parked: HashMap<Place, BTreeMap<u64, Waiting>>,
    /// How many hosts of each place are worked on.
    inside: HashMap<Place, u32>,
    /// The places of those that are.
    begun: HashMap<IpAddr, Vec<(Place, u32)>>,
    arrived: u64,
}

#[derive(Debug)]
struct Waiting {
    address: IpAddr,
    /// The places it takes up, and how many may be in each.
    places: Vec<(Place, u32)>,
}

impl Queue {
    /// Puts a host at the end of the line.
    pub(super) fn push(&mut self, address: IpAddr, places: Vec<(Place, u32)>) {
        self.line.insert(self.arrived, Waiting { address, places });
        self.arrived += 1;
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty() && self.parked.is_empty()
    }

    /// The first whose places all have room: it begins. `None` where nobody may, for now.
    pub(super) fn next(&mut self) -> Option<IpAddr> {
        while let Some((arrived, host)) = self.line.pop_first() {
            let full = host.places.iter().find(|place| !self.has_room(place));
            let full = full.map(|(place, _)| place.clone());
            let (address, places) = (host.address, host.places.clone());
            if let Some(place) = &full {
                let parked = self.parked.entry(place.clone()).or_default();
                parked.insert(arrived, host);
            } else {
                for (place, _) in &places {
                    *self.inside.entry(place.clone()).or_default() += 1;
                }
                if !places.is_empty() {
                    self.begun.insert(address, places.clone());
                }
            }
            // It may have stood in line for others who are parked where there is room.
            for place in &places {
                self.call(place);
            }
            if full.is_none() {
                return Some(address);
            }
        }
        None
    }

    /// A host is done: its places have room for another.
    pub(super) fn left(&mut self, address: IpAddr) {
        let places = self.begun.remove(&address).unwrap_or_default();
        for (place, _) in &places {
            if let Some(inside) = self.inside.get_mut(place) {
                *inside -= 1;
                if *inside == 0 {
                    self.inside.remove(place);
                }
            }
        }
        for place in &places {
            self.call(place);
        }
    }

    fn has_room(&self, (place, most): &(Place, u32)) -> bool {
        self.inside.get(place).is_none_or(|inside| inside < most)
    }

    /// Puts the first who is parked at a place back in line, if it has room.
    fn call(&mut self, place: &(Place, u32)) {
        if !self.has_room(place) {
            return;
        }
        let Some(parked) = self.parked.get_mut(&place.0) else {
            return;
        };
        if let Some((arrived, host)) = parked.pop_first() {
            self.line.insert(arrived, host);
        }
        if parked.is_empty() {
            self.parked.remove(&place.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn at(number: u16) -> IpAddr {
        let [high, low] = number.to_be_bytes();
        [10, 0, high, low].into()
    }

    fn tag(name: &str) -> Place {
        Place::Tag(name.to_owned())
    }

    /// Looks at all who wait, in their order, each time.
    #[derive(Default)]
    struct Oracle {
        waiting: Vec<(IpAddr, Vec<(Place, u32)>)>,
        inside: Vec<(IpAddr, Vec<(Place, u32)>)>,
    }

    impl Oracle {
        fn count(&self, place: &Place) -> usize {
            let places = self.inside.iter().flat_map(|(_, places)| places);
            places.filter(|(other, _)| other == place).count()
        }

        fn next(&mut self) -> Option<IpAddr> {
            let has_room =
                |(place, most): &(Place, u32)| self.count(place) < usize::try_from(*most).unwrap();
            let first = self
                .waiting
                .iter()
                .position(|(_, places)| places.iter().all(has_room))?;
            let host = self.waiting.remove(first);
            self.inside.push(host.clone());
            Some(host.0)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<u8>),
        Next,
        /// The n-th of those that are worked on is done.
        Leave(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => prop::collection::vec(0_u8..6, 0..4).prop_map(Step::Push),
            3 => Just(Step::Next),
            2 => any::<usize>().prop_map(Step::Leave),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// The places of a host: place `n` takes `n % 3 + 1` hosts.
    fn places(numbers: &[u8]) -> Vec<(Place, u32)> {
        let distinct: BTreeSet<u8> = numbers.iter().copied().collect();
        let distinct = distinct.into_iter();
        let place = |n: u8| (tag(&format!("p={n}")), u32::from(n % 3 + 1));
        distinct.map(place).collect()
    }

    proptest! {
        #[test]
        fn the_first_who_may_begin_does_and_no_place_is_ever_too_full(steps in steps()) {
            let (mut queue, mut oracle) = (Queue::default(), Oracle::default());
            let (mut came, mut begun) = (0_u16, Vec::new());
            for step in steps {
                match step {
                    Step::Push(numbers) => {
                        let (address, places) = (at(came), places(&numbers));
                        came += 1;
                        queue.push(address, places.clone());
                        oracle.waiting.push((address, places));
                    }
                    Step::Next => {
                        let next = queue.next();
                        prop_assert_eq!(next, oracle.next());
                        begun.extend(next);
                    }
                    Step::Leave(which) if !oracle.inside.is_empty() => {
                        let which = which % oracle.inside.len();
                        let (address, _) = oracle.inside.remove(which);
                        queue.left(address);
                    }
                    Step::Leave(_) => {}
                }
                prop_assert_eq!(queue.is_empty(), oracle.waiting.is_empty());
                for (place, most) in oracle.inside.iter().flat_map(|(_, places)| places) {
                    prop_assert!(oracle.count(place) <= usize::try_from(*most).unwrap());
                }
            }
            // Whoever is left gets in once the others are done: each once, nobody twice.
            while !queue.is_empty() {
                while let Some(next) = queue.next() {
                    prop_assert_eq!(Some(next), oracle.next());
                    begun.push(next);
                }
                let (address, _) = oracle.inside.pop().expect("somebody is worked on");
                queue.left(address);
            }
            let distinct: BTreeSet<IpAddr> = begun.iter().copied().collect();
            prop_assert_eq!((begun.len(), distinct.len()), (usize::from(came), usize::from(came)));
        }
    }

    #[test]
    fn a_full_subnet_holds_nobody_else_up() {
        let mut queue = Queue::default();
        let full = || vec![(tag("site=full"), 1)];
        for number in 0..10_000 {
            queue.push(at(number), full());
        }
        queue.push(at(10_000), Vec::new());
        assert_eq!(queue.next(), Some(at(0)));
        assert_eq!(queue.next(), Some(at(10_000)));
        // Each is looked at once, and not all of them whenever one is done.
        for number in 0..9_999 {
            assert_eq!(queue.next(), None);
            assert!(queue.line.is_empty());
            queue.left(at(number));
            assert_eq!(queue.line.len(), 1);
            assert_eq!(queue.next(), Some(at(number + 1)));
        }
        assert!(queue.is_empty());
    }
}
