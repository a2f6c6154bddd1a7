//! What the page counts over rows, beside what every format counts over machines.

use super::kept::{Exploited, Late, Row, SEVERITIES};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The sums.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// All rows of findings.
    pub(super) rows: u64,
    /// The open ones, by severity.
    pub(super) severities: [OfSeverity; SEVERITIES.len()],
    /// By subnet: a /24 or /64.
    pub(super) subnets: BTreeMap<IpAddr, OfSubnet>,
    /// Whether a rule of a policy decided anything.
    pub(super) has_rules: bool,
    /// The subnet of the machine whose rows come.
    here: Option<IpAddr>,
    /// How many machines have come.
    machines: u64,
}

/// What is open of one severity.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfSeverity {
    pub(super) findings: u64,
    pub(super) machines: u64,
    pub(super) exploited: u64,
    pub(super) overdue: u64,
    /// The machine that was counted last, by its number from 1.
    last: u64,
}

/// What a subnet comes to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfSubnet {
    pub(super) machines: u64,
    pub(super) read: u64,
    pub(super) open: u64,
    pub(super) worst: u64,
    pub(super) exploited: u64,
    pub(super) overdue: u64,
}

impl Sums {
    pub(super) fn add_machine(&mut self, address: Option<IpAddr>, is_read: bool) {
        self.machines += 1;
        self.here = address.map(subnet);
        if let Some(here) = self.here {
            let sum = self.subnets.entry(here).or_default();
            sum.machines += 1;
            sum.read += u64::from(is_read);
        }
    }

    /// What follows is of nobody who is counted.
    pub(super) fn leave(&mut self) {
        self.here = None;
    }

    pub(super) fn add_finding(&mut self, row: &Row) {
        self.rows += 1;
        if !row.is_open() {
            return;
        }
        let exploited = u64::from(row.exploited == Exploited::Yes);
        let overdue = u64::from(row.late == Late::Overdue);
        if let Some(sum) = self.severities.get_mut(usize::from(row.severity)) {
            sum.findings += 1;
            sum.exploited += exploited;
            sum.overdue += overdue;
            sum.machines += u64::from(sum.last != self.machines);
            sum.last = self.machines;
        }
        if let Some(sum) = self.here.and_then(|here| self.subnets.get_mut(&here)) {
            sum.open += 1;
            sum.exploited += exploited;
            sum.overdue += overdue;
            sum.worst += u64::from(row.severity < 2);
        }
    }

    /// Open findings of all severities.
    pub(super) fn open(&self) -> u64 {
        self.severities.iter().map(|sum| sum.findings).sum()
    }
}

/// The first address of the /24 or /64 around an address.
fn subnet(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let [a, b, c, _] = four.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

/// A subnet as people write it.
pub(super) fn subnet_name(first: IpAddr) -> String {
    let bits = if first.is_ipv4() { 24 } else { 64 };
    format!("{first}/{bits}")
}
