//! Sets of addresses as sorted spans of one number line, so that a /8 is two numbers.
//!
//! IPv4 addresses stand where IPv6 maps them (`::ffff:0:0/96`, RFC 4291 section 2.5.5.2). So
//! `::ffff:10.0.0.1` and `10.0.0.1` are the same point, and nobody gets around an exclusion by
//! writing one for the other. An IPv6 span never covers that block: the grammar cuts it out.

use std::net::{IpAddr, Ipv6Addr};

/// Where IPv4 stands on the line.
pub(super) const IPV4: Span = Span {
    first: 0xffff_0000_0000,
    last: 0xffff_ffff_ffff,
};

/// An address's place on the line.
pub(super) fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address at a place on the line.
pub(super) fn address(key: u128) -> IpAddr {
    Ipv6Addr::from_bits(key).to_canonical()
}

/// Addresses without a gap, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// The first.
    pub(super) first: u128,
    /// The last, never below the first.
    pub(super) last: u128,
}

impl Span {
    /// One address.
    pub(super) const fn one(key: u128) -> Self {
        Self {
            first: key,
            last: key,
        }
    }

    /// The block of addresses that agree with a key in all but the lowest bits.
    pub(super) const fn block(key: u128, free_bits: u32) -> Self {
        // Shifting by all 128 bits at once is not defined, and the block is then everything.
        let free = match u128::MAX.checked_shl(free_bits) {
            Some(mask) => !mask,
            None => u128::MAX,
        };
        Self {
            first: key & !free,
            last: key | free,
        }
    }

    /// The /24 or /64 around a key, without what belongs to the other family.
    pub(super) fn subnet(key: u128) -> Self {
        if IPV4.contains(key) {
            return Self::block(key, 8);
        }
        let mut block = Self::block(key, 64);
        if key < IPV4.first {
            block.last = block.last.min(IPV4.first - 1);
        } else {
            block.first = block.first.max(IPV4.last + 1);
        }
        block
    }

    /// Whether it covers a key.
    pub(super) const fn contains(self, key: u128) -> bool {
        self.first <= key && key <= self.last
    }

    /// How many addresses it covers, at most `u128::MAX`.
    pub(super) const fn count(self) -> u128 {
        (self.last - self.first).saturating_add(1)
    }
}

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    /// Sorted, disjoint, with a gap between any two.
    pieces: Vec<Span>,
    /// For each span, how many addresses stand before it.
    before: Vec<u128>,
    count: u128,
}

impl Spans {
    /// The union of spans in any order.
    pub(super) fn new(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable();
        let mut set = Self::default();
        for span in spans {
            match set.pieces.last_mut() {
                Some(last) if span.first <= last.last.saturating_add(1) => {
                    last.last = last.last.max(span.last);
                }
                _ => set.pieces.push(span),
            }
        }
        set.pieces.shrink_to_fit();
        set.before.reserve_exact(set.pieces.len());
        for span in &set.pieces {
            set.before.push(set.count);
            set.count = set.count.saturating_add(span.count());
        }
        set
    }

    /// Its spans, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.pieces.iter().copied()
    }

    /// How many addresses it holds, at most `u128::MAX`.
    pub(super) fn count(&self) -> u128 {
        self.count
    }

    /// How many of its addresses stand before a key.
    pub(super) fn rank(&self, key: u128) -> u128 {
        let after = self.pieces.partition_point(|span| span.first <= key);
        let place = after.checked_sub(1);
        let here = place.and_then(|at| self.pieces.get(at).zip(self.before.get(at)));
        here.map_or(0, |(span, before)| {
            before.saturating_add((key - span.first).min(span.count()))
        })
    }

    /// How many of its addresses lie within a span.
    pub(super) fn count_in(&self, span: Span) -> u128 {
        let upto = match span.last.checked_add(1) {
            Some(end) => self.rank(end),
            None => self.count,
        };
        upto - self.rank(span.first)
    }

    /// The address at a place in its order.
    pub(super) fn nth(&self, index: u128) -> Option<u128> {
        if index >= self.count {
            return None;
        }
        let after = self.before.partition_point(|before| *before <= index);
        let at = after.checked_sub(1)?;
        let (span, before) = self.pieces.get(at).zip(self.before.get(at))?;
        span.first.checked_add(index - before)
    }

    /// Whether it holds a key.
    pub(super) fn contains(&self, key: u128) -> bool {
        self.from(key) == Some(key)
    }

    /// Its first address that is not before a key.
    pub(super) fn from(&self, key: u128) -> Option<u128> {
        let at = self.pieces.partition_point(|span| span.last < key);
        self.pieces.get(at).map(|span| span.first.max(key))
    }

    /// What it holds and another does not.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for span in self.iter() {
            let mut next = Some(span.first);
            let from = other.pieces.partition_point(|hole| hole.last < span.first);
            for hole in other.pieces.iter().skip(from) {
                if hole.first > span.last {
                    break;
                }
                left.extend(next.and_then(|first| gap(first, hole.first)));
                next = hole.last.checked_add(1);
            }
            let rest = next.filter(|first| *first <= span.last);
            left.extend(rest.map(|first| Span {
                first,
                last: span.last,
            }));
        }
        Self::new(left)
    }
}

/// What lies from one key up to another, without the latter.
fn gap(first: u128, end: u128) -> Option<Span> {
    (first < end).then(|| Span {
        first,
        last: end - 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn naive(spans: &[Span]) -> BTreeSet<u128> {
        spans.iter().flat_map(|s| s.first..=s.last).collect()
    }

    fn some_spans() -> impl Strategy<Value = Vec<Span>> {
        let span = (0_u128..200, 0_u128..20).prop_map(|(first, more)| Span {
            first,
            last: first + more,
        });
        prop::collection::vec(span, 0..12)
    }

    proptest! {
        #[test]
        fn spans_agree_with_a_set_of_addresses(a in some_spans(), b in some_spans(), at in 0_u128..240) {
            let (left, right) = (Spans::new(a.clone()), Spans::new(b.clone()));
            let (set, other) = (naive(&a), naive(&b));
            prop_assert_eq!(left.count(), set.len() as u128);
            prop_assert_eq!(left.contains(at), set.contains(&at));
            prop_assert_eq!(left.rank(at), set.range(..at).count() as u128);
            prop_assert_eq!(left.from(at), set.range(at..).next().copied());
            prop_assert_eq!(left.nth(at), set.iter().nth(usize::try_from(at).unwrap()).copied());
            let minus: Vec<Span> = left.minus(&right).iter().collect();
            prop_assert_eq!(naive(&minus), set.difference(&other).copied().collect::<BTreeSet<_>>());
            let window = Span { first: at, last: at + 30 };
            prop_assert_eq!(left.count_in(window), set.range(at..=at + 30).count() as u128);
        }
    }

    #[test]
    fn the_whole_line_does_not_overflow() {
        let all = Spans::new(vec![Span::block(0, 128)]);
        assert_eq!(all.count(), u128::MAX);
        assert_eq!(all.minus(&all).count(), 0);
        assert_eq!(all.nth(u128::MAX - 1), Some(u128::MAX - 1));
        let rest = all.minus(&Spans::new(vec![Span::one(u128::MAX)]));
        assert_eq!(rest.count(), u128::MAX);
        assert!(!rest.contains(u128::MAX));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(address(key(mapped)), "10.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_subnet_keeps_to_its_family() {
        let loopback = Span::subnet(1);
        assert!(!loopback.contains(IPV4.first));
        assert_eq!(Span::subnet(IPV4.first + 300).count(), 256);
        assert_eq!(Span::subnet(1 << 70).count(), 1 << 64);
    }
}
