//! What is swept, in what order: every address with every first probe, once.
//!
//! A position is a place in the order, from 0; a run's whole state is one position. The order is
//! a permutation made from a seed by a Feistel network with cycle-walking (Black and Rogaway,
//! "Ciphers with Arbitrary Finite Domains", 2002), so that neighbours are probed far apart and
//! nothing needs to be remembered.

use crate::model::ProbeKind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// The addresses of a sweep, each with an index.
pub trait AddressSpace: Send + Sync {
    /// How many there are.
    fn len(&self) -> u64;

    /// The address at an index; `None` from `len` on.
    fn nth(&self, index: u64) -> Option<IpAddr>;

    /// The index of an address; `None` for one that is not to be swept.
    fn index_of(&self, address: IpAddr) -> Option<u64>;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A list of addresses in memory, for few of them. Repeated ones are dropped.
#[derive(Clone, Debug, Default)]
pub struct AddressList(Vec<IpAddr>);

impl AddressList {
    /// Takes addresses in any order.
    pub fn new(mut addresses: Vec<IpAddr>) -> Self {
        addresses.sort_unstable();
        addresses.dedup();
        Self(addresses)
    }
}

impl AddressSpace for AddressList {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn nth(&self, index: u64) -> Option<IpAddr> {
        self.0.get(usize::try_from(index).ok()?).copied()
    }

    fn index_of(&self, address: IpAddr) -> Option<u64> {
        self.0.binary_search(&address).ok().map(|at| at as u64)
    }
}

/// A plan that cannot be swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// No port was named.
    #[error("no port to sweep: name one with -p")]
    NoPorts,
    /// Port 0 is no port.
    #[error("port 0 cannot be swept: ports go from 1 to 65535")]
    PortZero,
    /// More probes than can be counted.
    #[error("{addresses} addresses on {ports} ports are too many probes: name fewer")]
    TooMany {
        /// How many addresses.
        addresses: u64,
        /// How many ports.
        ports: usize,
    },
}

/// One thing to try at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Probe {
    /// To which address.
    pub address: IpAddr,
    /// What is tried.
    pub kind: ProbeKind,
}

/// How packets are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// By ordinary connections, without any privilege.
    Connect,
    /// By packets of our own making.
    Raw,
}

/// What is tried at each address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// At every address. An echo is left out where the engine cannot send one.
    pub first: Vec<ProbeKind>,
    /// At addresses that showed life: further TCP ports.
    pub further: Vec<u16>,
}

impl Probes {
    /// Every port at every address.
    pub fn flat(ports: Vec<u16>) -> Self {
        Self {
            first: ports.into_iter().map(ProbeKind::Tcp).collect(),
            further: Vec::new(),
        }
    }

    fn tidy(mut self) -> Result<Self, PlanError> {
        self.first.sort_unstable();
        self.first.dedup();
        self.further.sort_unstable();
        self.further.dedup();
        let first = self.first.clone();
        self.further
            .retain(|port| !first.contains(&ProbeKind::Tcp(*port)));
        let is_zero = |kind: &ProbeKind| kind.port() == Some(0);
        if self.first.iter().any(is_zero) || self.further.contains(&0) {
            return Err(PlanError::PortZero);
        }
        if !self.first.iter().any(|kind| kind.port().is_some()) {
            return Err(PlanError::NoPorts);
        }
        Ok(self)
    }
}

/// The part of a plan that one engine sweeps: some of the addresses, and a range of positions.
#[derive(Clone, Debug)]
pub struct Leg {
    engine: Engine,
    /// Indices of addresses: sorted, disjoint, none empty.
    indices: Vec<Range<u64>>,
    first: Arc<[ProbeKind]>,
    /// Its first position.
    start: u64,
    order: Shuffle,
}

impl Leg {
    /// Which engine sweeps it.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Its positions.
    pub fn positions(&self) -> Range<u64> {
        self.start..self.start + self.order.size
    }

    /// The indices of its addresses: sorted, disjoint, none empty.
    pub fn indices(&self) -> &[Range<u64>] {
        &self.indices
    }

    /// What is tried at each of its addresses.
    pub fn first(&self) -> &[ProbeKind] {
        &self.first
    }

    /// The index of its n-th address.
    fn nth(&self, mut n: u64) -> Option<u64> {
        for range in &self.indices {
            let length = range.end - range.start;
            if n < length {
                return Some(range.start + n);
            }
            n -= length;
        }
        None
    }

    /// How many of its addresses have a lower index; `None` for an address that is not its own.
    fn rank(&self, index: u64) -> Option<u64> {
        let mut before = 0;
        for range in &self.indices {
            if range.contains(&index) {
                return Some(before + index - range.start);
            }
            before += range.end - range.start;
        }
        None
    }
}

/// What is swept, in what order.
///
/// Every address is tried with the first probes. One that shows life is tried with all of them at once,
/// the further ports included; its later turns in the order are then passed over. The position whose
/// answer was the first sign of life is settled only when the whole host is.
#[derive(Clone)]
pub struct SweepPlan {
    addresses: Arc<dyn AddressSpace>,
    further: Arc<[u16]>,
    ports: Arc<[u16]>,
    seed: u64,
    legs: Arc<[Leg]>,
    /// Indices of addresses that are not sent anything: sorted, disjoint.
    excluded: Arc<[Range<u64>]>,
}

impl SweepPlan {
    /// Plans to try every address on every port by connections, in an order made from a seed.
    /// Repeated ports are dropped.
    pub fn new(
        addresses: Arc<dyn AddressSpace>,
        ports: Vec<u16>,
        seed: u64,
    ) -> Result<Self, PlanError> {
        Self::staged(addresses, Probes::flat(ports), seed, Vec::new())
    }

    /// Plans a sweep in which each engine has its own addresses, by index; addresses that none names are
    /// swept by connections, last.
    pub fn staged(
        addresses: Arc<dyn AddressSpace>,
        probes: Probes,
        seed: u64,
        engines: Vec<(Engine, Vec<Range<u64>>)>,
    ) -> Result<Self, PlanError> {
        let Probes { first, further } = probes.tidy()?;
        let mut ports: Vec<u16> = first.iter().filter_map(|kind| kind.port()).collect();
        ports.extend(&further);
        ports.sort_unstable();
        let too_many = PlanError::TooMany {
            addresses: addresses.len(),
            ports: ports.len(),
        };
        // The network works on an even number of bits, and at most on 64.
        let probes = addresses.len().checked_mul(ports.len() as u64 + 1);
        probes.filter(|probes| *probes <= 1 << 62).ok_or(too_many)?;
        let mut legs = Vec::new();
        let mut start = 0;
        for (engine, indices) in whole(addresses.len(), engines) {
            let of_engine = |kind: &ProbeKind| engine == Engine::Raw || kind.port().is_some();
            let first: Arc<[ProbeKind]> = first.iter().copied().filter(of_engine).collect();
            let count: u64 = indices.iter().map(|range| range.end - range.start).sum();
            let size = count * first.len() as u64;
            let order = Shuffle::new(size, seed);
            legs.push(Leg {
                engine,
                indices,
                first,
                start,
                order,
            });
            start += size;
        }
        Ok(Self {
            addresses,
            further: further.into(),
            ports: ports.into(),
            seed,
            legs: legs.into(),
            excluded: Arc::default(),
        })
    }

    /// Leaves addresses out that were taken out after the run had begun, by index: sorted, disjoint. The
    /// order and all positions stay as they were; theirs are empty.
    #[must_use]
    pub fn without(self, excluded: Vec<Range<u64>>) -> Self {
        Self {
            excluded: excluded.into(),
            ..self
        }
    }

    /// How many addresses of a range of indices are left out.
    pub fn excluded_within(&self, range: &Range<u64>) -> u64 {
        let common = |out: &Range<u64>| {
            let end = out.end.min(range.end);
            end.saturating_sub(out.start.max(range.start))
        };
        self.excluded.iter().map(common).sum()
    }

    /// Whether the address at an index is left out.
    pub fn is_excluded(&self, index: u64) -> bool {
        let after = self.excluded.partition_point(|range| range.end <= index);
        let range = self.excluded.get(after);
        range.is_some_and(|range| range.contains(&index))
    }

    /// How many probes there are, those of live hosts' further ports not counted; positions go from 0
    /// up to this.
    pub fn len(&self) -> u64 {
        self.legs.last().map_or(0, |leg| leg.positions().end)
    }

    /// Whether there is nothing to sweep.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses.
    pub fn addresses(&self) -> &dyn AddressSpace {
        &*self.addresses
    }

    /// All TCP ports, sorted: those of the first probes and the further ones.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// The ports that only live hosts are tried on, sorted.
    pub fn further(&self) -> &[u16] {
        &self.further
    }

    /// The seed of the order.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What each engine sweeps, in the order of positions.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The probe at a position; `None` where there is nothing to send.
    pub fn probe(&self, position: u64) -> Option<Probe> {
        let (index, kind) = self.at(position)?;
        Some(Probe {
            address: self.addresses.nth(index)?,
            kind,
        })
    }

    /// The index of the address at a position, and what is tried there; `None` where there is nothing to
    /// send. Asked when a probe is about to be sent: exclusions count at that moment.
    pub fn at(&self, position: u64) -> Option<(u64, ProbeKind)> {
        let leg = self
            .legs
            .iter()
            .find(|leg| leg.positions().contains(&position))?;
        let first = leg.first.len() as u64;
        let pair = leg.order.forward(position - leg.start);
        let kind = leg.first.get(usize::try_from(pair % first).ok()?)?;
        let index = leg.nth(pair / first)?;
        (!self.is_excluded(index)).then_some((index, *kind))
    }

    /// The positions of all first probes of the address at an index, in the order of the probes. Made
    /// one by one, so that whoever asks may stop at the first.
    pub fn positions_of(&self, index: u64) -> impl Iterator<Item = u64> + '_ {
        let index = (index < self.addresses.len()).then_some(index);
        let mut legs = self.legs.iter();
        let found =
            index.and_then(|index| legs.find_map(|leg| leg.rank(index).map(|rank| (leg, rank))));
        found.into_iter().flat_map(|(leg, rank)| {
            let first = leg.first.len() as u64;
            let pairs = rank * first..(rank + 1) * first;
            pairs.map(|pair| leg.start + leg.order.backward(pair))
        })
    }
}

/// Gives every address to one engine: what is named twice to the first, what none names to connections.
fn whole(
    addresses: u64,
    engines: Vec<(Engine, Vec<Range<u64>>)>,
) -> Vec<(Engine, Vec<Range<u64>>)> {
    let mut left: Vec<Range<u64>> = std::iter::once(0..addresses).collect();
    let mut legs = Vec::new();
    for (engine, wanted) in engines {
        let mut given = Vec::new();
        for wanted in wanted {
            let mut rest = Vec::new();
            for range in left {
                let start = wanted.start.clamp(range.start, range.end);
                let end = wanted.end.clamp(start, range.end);
                given.push(start..end);
                rest.extend([range.start..start, end..range.end]);
            }
            left = rest;
            left.retain(|range| !range.is_empty());
        }
        legs.push((engine, given));
    }
    legs.push((Engine::Connect, left));
    for (_, ranges) in &mut legs {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.start);
    }
    legs.retain(|(_, ranges)| !ranges.is_empty());
    legs
}

impl fmt::Debug for SweepPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SweepPlan")
            .field("addresses", &self.addresses.len())
            .field("ports", &self.ports)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// A permutation of the numbers below a size, forwards and backwards.
#[derive(Clone, Copy, Debug)]
struct Shuffle {
    size: u64,
    /// Half the bits of the smallest square power of two that is not below the size.
    half_bits: u32,
    keys: [u64; ROUNDS],
}

/// As many as are needed for a permutation that looks random (Luby and Rackoff, 1988).
const ROUNDS: usize = 4;

impl Shuffle {
    fn new(size: u64, seed: u64) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        let mut state = seed;
        let mut key = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        };
        Self {
            size,
            half_bits: bits.div_ceil(2).max(1),
            keys: std::array::from_fn(|_| key()),
        }
    }

    /// Where a number goes. The number must be below the size.
    fn forward(&self, number: u64) -> u64 {
        self.walk(number, |number| {
            let (left, right) = self.split(number);
            let (left, right) = self.keys.iter().fold((left, right), |(left, right), key| {
                (right, left ^ self.round(right, *key))
            });
            self.join(left, right)
        })
    }

    /// Where a number comes from. The number must be below the size.
    fn backward(&self, number: u64) -> u64 {
        self.walk(number, |number| {
            let (left, right) = self.split(number);
            let keys = self.keys.iter().rev();
            let (left, right) = keys.fold((left, right), |(left, right), key| {
                (right ^ self.round(left, *key), left)
            });
            self.join(left, right)
        })
    }

    /// Follows a permutation of a larger set until it comes back among the numbers below the
    /// size, at most four steps on average. It always comes back: the number's own cycle is in reach.
    fn walk(&self, number: u64, step: impl Fn(u64) -> u64) -> u64 {
        if number >= self.size {
            return number;
        }
        let mut number = step(number);
        while number >= self.size {
            number = step(number);
        }
        number
    }

    fn split(&self, number: u64) -> (u64, u64) {
        (number >> self.half_bits, number & self.mask())
    }

    fn join(&self, left: u64, right: u64) -> u64 {
        (left << self.half_bits) | right
    }

    fn round(&self, half: u64, key: u64) -> u64 {
        mix(half ^ key) & self.mask()
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }
}

/// Spreads each bit over all of them: the finaliser of `SplitMix64` (Steele, Lea and Flood, 2014).
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    fn list(count: u32) -> Arc<dyn AddressSpace> {
        let address = |n: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n));
        Arc::new(AddressList::new((0..count).map(address).collect()))
    }

    proptest! {
        #[test]
        fn the_order_is_a_permutation_and_knows_its_way_back(size in 0_u64..3000, seed: u64) {
            let shuffle = Shuffle::new(size, seed);
            let seen: BTreeSet<u64> = (0..size).map(|at| shuffle.forward(at)).collect();
            prop_assert_eq!(seen.len() as u64, size);
            prop_assert!(seen.iter().all(|at| *at < size));
            prop_assert!((0..size).all(|at| shuffle.backward(shuffle.forward(at)) == at));
        }

        #[test]
        fn large_orders_know_their_way_back(size in 1_u64..=1 << 62, at: u64, seed: u64) {
            let shuffle = Shuffle::new(size, seed);
            let at = at % size;
            prop_assert!(shuffle.forward(at) < size);
            prop_assert_eq!(shuffle.backward(shuffle.forward(at)), at);
        }

        #[test]
        fn every_pair_is_probed_once_wherever_a_run_was_resumed(
            addresses in 1_u32..60, ports in prop::collection::btree_set(1_u16.., 1..6), seed: u64, cut in 0_u64..300,
        ) {
            let ports: Vec<u16> = ports.into_iter().collect();
            let plan = SweepPlan::new(list(addresses), ports.clone(), seed).unwrap();
            let cut = cut.min(plan.len());
            let probes: Vec<Probe> = (0..cut).chain(cut..plan.len()).filter_map(|at| plan.probe(at)).collect();
            let distinct: BTreeSet<Probe> = probes.iter().copied().collect();
            prop_assert_eq!(probes.len(), distinct.len());
            prop_assert_eq!(probes.len(), addresses as usize * ports.len());
        }

        #[test]
        fn the_positions_of_an_address_are_those_of_its_probes(addresses in 1_u32..40, seed: u64, index in 0_u64..50) {
            let plan = SweepPlan::new(list(addresses), vec![22, 80, 443], seed).unwrap();
            let probes: Vec<Option<Probe>> = plan.positions_of(index).map(|at| plan.probe(at)).collect();
            let expected: Vec<Option<Probe>> = plan.addresses().nth(index).into_iter()
                .flat_map(|address| [22, 80, 443].map(|port| Some(Probe { address, kind: ProbeKind::Tcp(port) }))).collect();
            prop_assert_eq!(probes, expected);
        }
    }

    #[test]
    fn neighbours_are_probed_apart() {
        let plan =
            SweepPlan::new(list(254), vec![22, 80, 135, 443, 445, 3389, 5985, 5986], 7).unwrap();
        let probes: Vec<Probe> = (0..plan.len()).filter_map(|at| plan.probe(at)).collect();
        let number = |probe: &Probe| match probe.address {
            IpAddr::V4(address) => i64::from(u32::from(address)),
            IpAddr::V6(_) => 0,
        };
        let near = probes
            .windows(2)
            .filter(|pair| (number(&pair[0]) - number(&pair[1])).abs() <= 1);
        // At random, 3 of 254.
        assert!(near.count() < probes.len() / 30);
    }

    #[test]
    fn another_seed_is_another_order() {
        let plan = |seed| SweepPlan::new(list(100), vec![22], seed).unwrap();
        let order = |plan: SweepPlan| (0..100).map(|at| plan.probe(at)).collect::<Vec<_>>();
        assert_eq!(order(plan(1)), order(plan(1)));
        assert_ne!(order(plan(1)), order(plan(2)));
    }

    #[test]
    fn each_engine_has_its_own_addresses_and_probes_and_what_is_left_is_connected_to() {
        let probes = Probes {
            first: vec![ProbeKind::Echo, ProbeKind::Tcp(445), ProbeKind::Tcp(22)],
            further: vec![80, 22],
        };
        let raw = vec![(Engine::Raw, vec![10..20, 15..30])];
        let plan = SweepPlan::staged(list(40), probes, 3, raw).unwrap();
        let legs: Vec<_> = plan.legs().iter().collect();
        assert_eq!(
            (legs[0].engine(), legs[0].positions()),
            (Engine::Raw, 0..60)
        );
        assert_eq!(legs[1].indices(), [0..10, 30..40]);
        assert_eq!(legs[1].positions(), 60..100);
        assert_eq!(
            (plan.ports(), plan.further()),
            (&[22, 80, 445][..], &[80][..])
        );
        let all: BTreeSet<(u64, ProbeKind)> =
            (0..plan.len()).filter_map(|at| plan.at(at)).collect();
        let echoes = all.iter().filter(|(_, kind)| *kind == ProbeKind::Echo);
        assert!(echoes.clone().all(|(index, _)| (10..30).contains(index)));
        assert_eq!((all.len(), echoes.count()), (100, 20));
        let own: Vec<_> = plan
            .positions_of(35)
            .map(|at| plan.at(at).unwrap())
            .collect();
        assert_eq!(own, [(35, ProbeKind::Tcp(22)), (35, ProbeKind::Tcp(445))]);
    }

    #[test]
    fn what_is_taken_out_later_leaves_its_positions_empty() {
        let plan = SweepPlan::new(list(10), vec![22], 3).unwrap();
        let order: Vec<_> = (0..10).map(|at| plan.at(at).unwrap().0).collect();
        let plan = plan.without(vec![2..4, 9..10]);
        let left: Vec<_> = (0..10)
            .map(|at| plan.at(at).map(|(index, _)| index))
            .collect();
        let out = |index: &u64| [2, 3, 9].contains(index);
        let expected: Vec<_> = order
            .iter()
            .map(|index| (!out(index)).then_some(*index))
            .collect();
        assert_eq!(left, expected);
        assert_eq!((plan.excluded_within(&(3..10)), plan.len()), (2, 10));
    }

    #[test]
    fn a_plan_without_sense_is_refused() {
        assert_eq!(
            SweepPlan::new(list(1), vec![], 0).unwrap_err(),
            PlanError::NoPorts
        );
        assert_eq!(
            SweepPlan::new(list(1), vec![22, 0], 0).unwrap_err(),
            PlanError::PortZero
        );
        assert!(SweepPlan::new(list(0), vec![22], 0).unwrap().is_empty());
    }
}
