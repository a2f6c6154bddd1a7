//! What a sweep would do, for `--dry-run`. Pure, and quick whatever the size of the scope.

use super::{Profile, SweepPlan, budget};
use crate::model::ScopePart;
use std::net::IpAddr;
use std::time::Duration;

/// What a sweep would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// How many addresses it would probe.
    pub addresses: u64,
    /// How many addresses of the targets it would not.
    pub excluded: u128,
    /// How many probes it would begin, second tries not counted.
    pub probes: u64,
    /// How long it would take at the least: every host answers, and the rate is the limit.
    pub at_least: Duration,
    /// How long it would take if nobody answered, where the limit of half-open connections makes that
    /// longer.
    pub if_silent: Option<Duration>,
    /// The first parts of the scope, in its order, at most [`Preview::PARTS`].
    pub parts: Vec<ScopePart>,
    /// How many parts are not among them.
    pub further_parts: usize,
    /// The first hosts that it would probe, in that order, at most [`Preview::HOSTS`].
    pub hosts: Vec<IpAddr>,
}

impl Preview {
    /// How many parts of the scope are kept.
    pub const PARTS: usize = 256;
    /// How many hosts are kept.
    pub const HOSTS: usize = 20;

    /// What the sweep of a plan would do, given the parts of its scope.
    pub fn of(
        plan: &SweepPlan,
        parts: impl IntoIterator<Item = ScopePart>,
        profile: &Profile,
    ) -> Self {
        let mut preview = Self {
            addresses: plan.addresses().len(),
            excluded: 0,
            probes: plan.len(),
            at_least: Duration::from_secs(plan.len() / u64::from(profile.rate.max(1))),
            if_silent: if_silent(plan, profile),
            parts: Vec::new(),
            further_parts: 0,
            hosts: first_hosts(plan),
        };
        for part in parts {
            preview.excluded += part.excluded;
            if preview.parts.len() < Self::PARTS {
                preview.parts.push(part);
            } else {
                preview.further_parts += 1;
            }
        }
        preview
    }
}

/// Each unanswered probe holds its place for three minutes.
fn if_silent(plan: &SweepPlan, profile: &Profile) -> Option<Duration> {
    let most = u64::from(profile.half_open?);
    let tries = plan.len().saturating_mul(u64::from(profile.retries) + 1);
    let rounds = tries / most.max(1);
    (rounds > 0).then(|| budget::SYN * u32::try_from(rounds).unwrap_or(u32::MAX))
}

fn first_hosts(plan: &SweepPlan) -> Vec<IpAddr> {
    /// Where few hosts have many ports, the last of them may come late.
    const LOOK: u64 = 100_000;
    let mut hosts = Vec::with_capacity(Preview::HOSTS);
    for probe in (0..plan.len().min(LOOK)).filter_map(|at| plan.probe(at)) {
        if hosts.len() == Preview::HOSTS {
            break;
        }
        if !hosts.contains(&probe.address) {
            hosts.push(probe.address);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::super::AddressList;
    use super::*;
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    #[test]
    fn a_preview_is_bounded_and_says_what_it_leaves_out() {
        let addresses = (1..=30).map(|last| Ipv4Addr::new(10, 0, 0, last).into());
        let list = Arc::new(AddressList::new(addresses.collect()));
        let plan = SweepPlan::new(list, vec![22, 80], 1).unwrap();
        let part = ScopePart {
            excluded: 2,
            ..ScopePart::default()
        };
        let preview = Preview::of(&plan, vec![part; 300], &Profile::NORMAL);
        assert_eq!(
            (preview.addresses, preview.probes, preview.excluded),
            (30, 60, 600)
        );
        assert_eq!((preview.parts.len(), preview.further_parts), (256, 44));
        assert_eq!(preview.hosts.len(), 20);
        assert_eq!(preview.if_silent, None);
        let narrow = Profile {
            half_open: Some(20),
            ..Profile::NORMAL
        };
        let preview = Preview::of(&plan, [], &narrow);
        assert_eq!(preview.if_silent, Some(Duration::from_mins(18)));
    }
}
