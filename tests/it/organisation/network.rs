//! The subnets, and who has which address in which run.

use super::dice::Dice;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The runs, the judged one first.
pub(super) const RUNS: usize = 4;

/// A subnet: a /24, but for the one that a firewall answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    /// Its first three bytes.
    start: [u8; 3],
    /// The scanner has a leg in it, and sees hardware addresses.
    pub(super) is_own: bool,
    /// In how many runs it is swept, the judged one first.
    pub(super) swept: usize,
}

const fn subnet(start: [u8; 3], is_own: bool, swept: usize) -> Subnet {
    Subnet {
        start,
        is_own,
        swept,
    }
}

pub(super) const GEAR: Subnet = subnet([10, 20, 5], false, RUNS);
pub(super) const SERVERS: Subnet = subnet([10, 20, 10], true, RUNS);
/// The second leg of some servers.
pub(super) const BACKUP: Subnet = subnet([10, 20, 11], false, RUNS);
pub(super) const OFFICE_A: Subnet = subnet([10, 20, 31], true, RUNS);
pub(super) const OFFICE_B: Subnet = subnet([10, 20, 32], false, RUNS);
/// In scope since the last run but one.
pub(super) const OFFICE_NEW: Subnet = subnet([10, 20, 33], false, 2);
pub(super) const DESKTOPS: Subnet = subnet([10, 20, 36], false, RUNS);
pub(super) const PRINTERS: Subnet = subnet([10, 20, 40], false, RUNS);
pub(super) const VOICE: Subnet = subnet([10, 20, 50], false, RUNS);
pub(super) const VPN: Subnet = subnet([10, 20, 60], false, RUNS);
/// What branches show of themselves.
pub(super) const BRANCHES: Subnet = subnet([10, 20, 70], false, RUNS);
/// Half of a /24, for which a firewall answers.
pub(super) const WALLED: Subnet = subnet([10, 20, 99], false, RUNS);
pub(super) const LABORATORY: Subnet = subnet([10, 20, 200], false, 0);
pub(super) const PLANT: Subnet = subnet([172, 22, 4], false, 0);
pub(super) const HOME: Subnet = subnet([192, 168, 178], false, 0);
pub(super) const BEHIND_NAT: Subnet = subnet([192, 168, 77], false, 0);

/// All that any run sweeps.
const SWEPT: &[Subnet] = &[
    GEAR, SERVERS, BACKUP, OFFICE_A, OFFICE_B, OFFICE_NEW, DESKTOPS, PRINTERS, VOICE, VPN,
    BRANCHES, WALLED,
];

impl Subnet {
    pub(super) fn at(self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.start;
        Ipv4Addr::new(a, b, c, last)
    }

    /// As a target line.
    pub(super) fn line(self) -> String {
        format!("{}/{}", self.at(0), if self == WALLED { 25 } else { 24 })
    }

    /// The subnet that an address is in, where any run sweeps it.
    pub(super) fn of(address: Ipv4Addr) -> Option<Self> {
        let [a, b, c, _] = address.octets();
        SWEPT.iter().copied().find(|one| one.start == [a, b, c])
    }
}

/// The target lines of a run.
pub(super) fn targets(run: usize) -> Vec<String> {
    let swept = SWEPT.iter().filter(|one| one.swept > run);
    swept.map(|one| one.line()).collect()
}

/// Which addresses are taken, in each run.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases {
    taken: [BTreeSet<Ipv4Addr>; RUNS],
}

/// The last bytes that are leased, and those that are given for good.
const LEASED: (i64, i64) = (20, 229);
const FIXED: (i64, i64) = (4, 19);
const FIXED_ABOVE: (i64, i64) = (230, 250);

impl Leases {
    /// An address for good: nobody else has it in any run. A subnet of servers gives all of its addresses so.
    pub(super) fn fixed(&mut self, dice: &mut Dice, subnet: Subnet) -> Ipv4Addr {
        let is_leased = [OFFICE_A, OFFICE_B, OFFICE_NEW, VPN, DESKTOPS].contains(&subnet);
        for _ in 0..10_000 {
            let (first, last) = match (is_leased, dice.chance(40)) {
                (false, _) => (4, 250),
                (true, true) => FIXED,
                (true, false) => FIXED_ABOVE,
            };
            let address = subnet.at(u8::try_from(dice.between(first, last)).unwrap());
            if self.taken.iter().all(|taken| !taken.contains(&address)) {
                for taken in &mut self.taken {
                    taken.insert(address);
                }
                return address;
            }
        }
        panic!("{} is full", subnet.line());
    }

    /// A leased address in one run; the one from before, if it is still free and the dice are kind.
    pub(super) fn lease(
        &mut self,
        dice: &mut Dice,
        subnet: Subnet,
        run: usize,
        before: Option<Ipv4Addr>,
    ) -> Ipv4Addr {
        if let Some(before) = before
            && dice.chance(75)
            && self.taken[run].insert(before)
        {
            return before;
        }
        for _ in 0..10_000 {
            let address = subnet.at(u8::try_from(dice.between(LEASED.0, LEASED.1)).unwrap());
            if self.taken[run].insert(address) {
                return address;
            }
        }
        panic!("{} is full", subnet.line());
    }

    /// An address that a list may have for somebody who is not there: nobody's, or by now somebody else's.
    pub(super) fn stale(dice: &mut Dice, subnet: Subnet) -> Ipv4Addr {
        subnet.at(u8::try_from(dice.between(LEASED.0, LEASED.1)).unwrap())
    }
}
