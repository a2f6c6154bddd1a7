//! What the operator allows a run to do at once: how fast it talks, and how many hosts of one place it works
//! on. Kept with the run.

use crate::sweep::Profile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU32, NonZeroU64};

/// What a run may do at once, beside its number of hands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunLimits {
    /// Bits a second that are sent and received in all, as they are on the wire.
    pub max_bandwidth: Option<NonZeroU64>,
    /// Hosts of one /24, or over IPv6 of one /64, that are worked on at once.
    pub per_subnet: Option<NonZeroU32>,
    /// Hosts that share the value of a tag and are worked on at once, by the tag's key: `hypervisor`.
    pub per_tag: BTreeMap<String, NonZeroU32>,
}

/// A place that hosts share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// A /24 or a /64, by its first address.
    Subnet(IpAddr),
    /// Those that have a tag.
    Tag(String),
}

/// The bits a second with which a host is read in good time: a login has to be done before the host loses
/// its patience (OpenSSH's `LoginGraceTime` is two minutes), and others talk meanwhile.
const BITS_OF_A_HOST: u64 = 64_000;
/// The least bandwidth that a run can be given: enough for one host.
pub const LEAST_BANDWIDTH: u64 = BITS_OF_A_HOST;

impl RunLimits {
    /// What `--gentle` allows.
    pub fn gentle() -> Self {
        Self {
            max_bandwidth: NonZeroU64::new(4_000_000),
            per_subnet: NonZeroU32::new(4),
            per_tag: BTreeMap::new(),
        }
    }

    /// Where both say something, the stricter; the one that says anything else.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.max_bandwidth = stricter(self.max_bandwidth, other.max_bandwidth);
        self.per_subnet = stricter(self.per_subnet, other.per_subnet);
        for (key, most) in other.per_tag {
            let own = self.per_tag.get(&key).copied();
            self.per_tag.insert(key, own.unwrap_or(most).min(most));
        }
        self
    }

    /// What `other` says, and the rest as it is.
    #[must_use]
    pub fn but(mut self, other: Self) -> Self {
        self.max_bandwidth = other.max_bandwidth.or(self.max_bandwidth);
        self.per_subnet = other.per_subnet.or(self.per_subnet);
        self.per_tag.extend(other.per_tag);
        self
    }

    /// How many of so many hosts the bandwidth can feed at once; at least one.
    pub fn hands(&self, wanted: usize) -> usize {
        let fed = |bits: NonZeroU64| usize::try_from(bits.get() / BITS_OF_A_HOST);
        let fed = self.max_bandwidth.and_then(|bits| fed(bits).ok());
        wanted.min(fed.unwrap_or(wanted)).max(1)
    }

    /// How a sweep leans on the network that has the bandwidth for itself.
    pub fn sweep(&self, profile: Profile) -> Profile {
        self.max_bandwidth
            .map_or(profile, |bits| profile.within(bits))
    }

    /// The limited places that a host is in, each with how many hosts of it are worked on at once.
    pub(super) fn places(&self, address: IpAddr, tags: &[String]) -> Vec<(Place, u32)> {
        let subnet = self.per_subnet;
        let subnet = subnet.map(|most| (Place::Subnet(subnet_of(address)), most.get()));
        let limit = |tag: &String| {
            // A bare word is a key whose only value is that it is there.
            let key = tag.split_once('=').map_or(tag.as_str(), |(key, _)| key);
            let most = self.per_tag.get(key)?;
            Some((Place::Tag(tag.clone()), most.get()))
        };
        subnet
            .into_iter()
            .chain(tags.iter().filter_map(limit))
            .collect()
    }
}

impl fmt::Display for RunLimits {
    /// One clause for each limit, for people; nothing where there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bandwidth = self
            .max_bandwidth
            .map(|bits| format!("at most {bits} bits a second in all (--max-bandwidth)"));
        let subnet = self
            .per_subnet
            .map(|most| format!("at most {most} hosts of a /24 or /64 at once (--max-per-subnet)"));
        let tags = self.per_tag.iter();
        let tags = tags.map(|(key, most)| {
            format!("at most {most} hosts with the same {key} at once (--max-per-tag)")
        });
        let all: Vec<String> = bandwidth.into_iter().chain(subnet).chain(tags).collect();
        f.write_str(&all.join("; "))
    }
}

fn stricter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The first address of a /24 or a /64.
fn subnet_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address) & !0xff).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & (!0 << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(most: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(most)
    }

    fn tagged(limits: &[(&str, u32)]) -> RunLimits {
        let tags = limits.iter();
        let tags = tags.map(|(key, count)| ((*key).to_owned(), most(*count).unwrap()));
        RunLimits {
            per_tag: tags.collect(),
            ..RunLimits::default()
        }
    }

    fn places(limits: &RunLimits, address: &str, tags: &[&str]) -> Vec<(Place, u32)> {
        let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        limits.places(address.parse().unwrap(), &tags)
    }

    #[test]
    fn a_host_is_in_its_subnet_and_where_its_tags_say() {
        let limits = RunLimits {
            per_subnet: most(4),
            ..tagged(&[("hypervisor", 2), ("lab", 1), ("site", 9)])
        };
        let subnet = |text: &str| Place::Subnet(text.parse().unwrap());
        let tag = |text: &str| Place::Tag(text.to_owned());
        assert_eq!(
            places(&limits, "10.0.7.9", &["hypervisor=esx1", "owner=it", "lab"]),
            [
                (subnet("10.0.7.0"), 4),
                (tag("hypervisor=esx1"), 2),
                (tag("lab"), 1)
            ]
        );
        assert_eq!(places(&limits, "fd00::7:1:2", &[]), [(subnet("fd00::"), 4)]);
        // A key is a whole word.
        assert_eq!(
            places(&tagged(&[("hyper", 1)]), "10.0.7.9", &["hypervisor=a"]),
            []
        );
        assert_eq!(places(&RunLimits::default(), "10.0.7.9", &["lab"]), []);
    }

    #[test]
    fn a_configuration_can_only_be_stricter_than_gentle_and_a_flag_says_what_it_says() {
        let file = RunLimits {
            max_bandwidth: NonZeroU64::new(50_000_000),
            per_subnet: most(2),
            ..tagged(&[("site", 3)])
        };
        let both = RunLimits::gentle().and(file);
        assert_eq!(both.max_bandwidth, NonZeroU64::new(4_000_000));
        assert_eq!(both.per_subnet, most(2));
        let flags = RunLimits {
            max_bandwidth: NonZeroU64::new(9_000_000),
            ..tagged(&[("site", 7), ("rack", 1)])
        };
        let all = both.but(flags);
        assert_eq!(all.max_bandwidth, NonZeroU64::new(9_000_000));
        assert_eq!(all.per_subnet, most(2));
        assert_eq!(all.per_tag, tagged(&[("rack", 1), ("site", 7)]).per_tag);
    }

    #[test]
    fn no_more_hosts_are_begun_than_the_bandwidth_feeds() {
        let with = |bits| RunLimits {
            max_bandwidth: NonZeroU64::new(bits),
            ..RunLimits::default()
        };
        assert_eq!(with(LEAST_BANDWIDTH).hands(64), 1);
        assert_eq!(with(2_000_000).hands(64), 31);
        assert_eq!(with(100_000_000).hands(64), 64);
        assert_eq!(RunLimits::default().hands(64), 64);
    }
}
