//! What is swept, in what order: every address with every port, once.
//!
//! A position is a place in the order, from 0; a run's whole state is one position. The order is
//! a permutation made from a seed by a Feistel network with cycle-walking (Black and Rogaway,
//! "Ciphers with Arbitrary Finite Domains", 2002), so that neighbours are probed far apart and
//! nothing needs to be remembered.

use std::fmt;
use std::net::IpAddr;
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

/// One connection to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Probe {
    /// To which address.
    pub address: IpAddr,
    /// On which port.
    pub port: u16,
}

/// What is swept, in what order.
#[derive(Clone)]
pub struct SweepPlan {
    addresses: Arc<dyn AddressSpace>,
    ports: Arc<[u16]>,
    seed: u64,
    order: Shuffle,
}

impl SweepPlan {
    /// Plans to try every address on every port, in an order made from a seed. Repeated ports
    /// are dropped.
    pub fn new(
        addresses: Arc<dyn AddressSpace>,
        mut ports: Vec<u16>,
        seed: u64,
    ) -> Result<Self, PlanError> {
        ports.sort_unstable();
        ports.dedup();
        match ports.first() {
            None => return Err(PlanError::NoPorts),
            Some(0) => return Err(PlanError::PortZero),
            Some(_) => {}
        }
        let too_many = PlanError::TooMany {
            addresses: addresses.len(),
            ports: ports.len(),
        };
        let probes = addresses.len().checked_mul(ports.len() as u64);
        // The network works on an even number of bits, and at most on 64.
        let probes = probes.filter(|probes| *probes <= 1 << 62).ok_or(too_many)?;
        Ok(Self {
            addresses,
            ports: ports.into(),
            seed,
            order: Shuffle::new(probes, seed),
        })
    }

    /// How many probes there are; positions go from 0 up to this.
    pub fn len(&self) -> u64 {
        self.order.size
    }

    /// Whether there is nothing to sweep.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses.
    pub fn addresses(&self) -> &dyn AddressSpace {
        &*self.addresses
    }

    /// The ports, sorted.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// The seed of the order.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The probe at a position.
    pub fn probe(&self, position: u64) -> Option<Probe> {
        if position >= self.len() {
            return None;
        }
        let ports = self.ports.len() as u64;
        let pair = self.order.forward(position);
        let port = usize::try_from(pair % ports).ok()?;
        Some(Probe {
            address: self.addresses.nth(pair / ports)?,
            port: *self.ports.get(port)?,
        })
    }

    /// The positions of all probes of the address at an index, in the order of the ports. Made
    /// one by one, so that whoever asks may stop at the first.
    pub fn positions_of(&self, index: u64) -> impl Iterator<Item = u64> + '_ {
        let ports = self.ports.len() as u64;
        let index = (index < self.addresses.len()).then_some(index);
        let pairs = index.into_iter().flat_map(move |index| {
            let first = index * ports;
            first..first + ports
        });
        pairs.map(|pair| self.order.backward(pair))
    }
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
                .flat_map(|address| [22, 80, 443].map(|port| Some(Probe { address, port }))).collect();
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
