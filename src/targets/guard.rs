//! What may not be swept, and what only when the operator says so.

use super::error::Exclusion;
use super::spans::{IPV4, Span, Spans, address, key};
use crate::model::{number, plural};
use std::net::{IpAddr, Ipv4Addr};

/// How many addresses are swept without a question. An IPv6 block of more is not swept but searched.
pub const PLAIN_LIMIT: u128 = 65_536;

/// What the operator allows on top of the ordinary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// `--allow-public`: addresses that belong to the internet.
    pub allow_public: bool,
    /// `--yes`: more than [`PLAIN_LIMIT`] addresses.
    pub yes: bool,
}

/// A scope that is not swept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// Nothing is left to sweep.
    #[error(
        "no address is in scope: {excluded} excluded{}, {} without an address",
        listed(.by),
        plural(*.unresolved, "name")
    )]
    Empty {
        /// How many addresses the exclusions took out.
        excluded: u128,
        /// By which rules, the first of them.
        by: Vec<Exclusion>,
        /// How many names have no address.
        unresolved: usize,
    },
    /// Addresses of the internet.
    #[error(
        "{count} of {} {} public, {example} among them: exclude them, or sweep them with --allow-public if you may",
        plural(*.total, "address"),
        are(*.count)
    )]
    Public {
        /// How many.
        count: u128,
        /// Of how many.
        total: u128,
        /// The first of them.
        example: IpAddr,
    },
    /// More addresses than is swept without a question.
    #[error(
        "{} in scope, more than {}: narrow the targets, or say --yes",
        plural(*.count, "address"),
        number(*.limit)
    )]
    TooMany {
        /// How many.
        count: u128,
        /// How many are swept without a question.
        limit: u128,
    },
}

/// `: 2 by 10.0.0.0/31 (never_scan 1)`; empty for none.
fn listed(rules: &[Exclusion]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
    format!(": {}", rules.join("; "))
}

fn are(count: u128) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// Holds a scope, and the blocks that are searched for more of it, against the guards.
pub(super) fn check(
    scope: &Spans,
    searched: &Spans,
    (excluded, by): (u128, &[Exclusion]),
    unresolved: usize,
    allowed: Permissions,
) -> Result<(), GuardError> {
    let count = scope.count();
    if count == 0 && searched.count() == 0 {
        return Err(GuardError::Empty {
            excluded,
            by: by.to_vec(),
            unresolved,
        });
    }
    // Who is asked to answer from a block is asked something, too.
    let all = Spans::new(scope.iter().chain(searched.iter()).collect());
    let public = all.minus(&private());
    if let (Some(first), false) = (public.nth(0), allowed.allow_public) {
        return Err(GuardError::Public {
            count: public.count(),
            total: all.count(),
            example: address(first),
        });
    }
    if count > PLAIN_LIMIT && !allowed.yes {
        let limit = PLAIN_LIMIT;
        return Err(GuardError::TooMany { count, limit });
    }
    Ok(())
}

/// Addresses that no host has, or that reach more than one.
pub(super) fn refused() -> Spans {
    Spans::new(REFUSED.iter().map(|(span, _)| *span).collect())
}

/// What an address is that is refused.
pub(super) fn refused_as(key: u128) -> &'static str {
    let row = REFUSED.iter().find(|(span, _)| span.contains(key));
    row.map_or("reserved", |(_, kind)| kind)
}

/// Addresses that do not belong to the internet.
fn private() -> Spans {
    Spans::new(PRIVATE.to_vec())
}

/// Whether a block is searched rather than swept: IPv6 addresses that nobody can walk through.
pub(super) fn is_searched(span: Span) -> bool {
    !IPV4.contains(span.first) && span.count() > PLAIN_LIMIT
}

/// Whether all addresses of a block are link-local: without their interface they mean nothing, and a target
/// names none.
pub(super) fn is_link_local(span: Span) -> bool {
    let block = v6(0xfe80, 0, 10);
    block.contains(span.first) && block.contains(span.last)
}

/// Whether an address does not belong to the internet.
pub fn is_private(address: IpAddr) -> bool {
    PRIVATE.iter().any(|span| span.contains(key(address)))
}

/// The IANA special-purpose registries for IPv4 and IPv6; the first that holds an address says what it is.
const REFUSED: &[(Span, &str)] = &[
    (v4(255, 255, 255, 255, 32), "the broadcast address"),
    (v4(0, 0, 0, 0, 8), "\"this network\""),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
    (v6(0xff00, 0, 8), "multicast"),
    (v6(0, 0, 128), "the unspecified address"),
    // 0000::/8 is reserved but for ::1 and the block where IPv4 is mapped.
    (span(2, 0xfffe_ffff_ffff), "reserved"),
    (span(1 << 48, (1 << 120) - 1), "reserved"),
    (v6(0x0100, 0, 64), "discard-only"),
];

const PRIVATE: &[Span] = &[
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(100, 64, 0, 0, 10),
    Span::one(1),
    v6(0xfc00, 0, 7),
    v6(0xfe80, 0, 10),
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> Span {
    let key = Ipv4Addr::new(a, b, c, d).to_ipv6_mapped().to_bits();
    Span::block(key, 32 - prefix)
}

const fn v6(first: u16, second: u16, prefix: u32) -> Span {
    let key = ((first as u128) << 112) | ((second as u128) << 96);
    Span::block(key, 128 - prefix)
}

const fn span(first: u128, last: u128) -> Span {
    Span { first, last }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_no_single_host_are_refused() {
        let refused = refused();
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::2",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "ff02::1",
            "100::1",
        ] {
            assert!(refused.contains(key(parsed(text))), "{text}");
        }
        for text in [
            "1.0.0.0",
            "10.0.0.1",
            "127.0.0.1",
            "223.255.255.255",
            "::1",
            "fe80::1",
            "2001:db8::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "100:1::1",
        ] {
            assert!(!refused.contains(key(parsed(text))), "{text}");
        }
        assert_eq!(
            refused_as(key(parsed("255.255.255.255"))),
            "the broadcast address"
        );
        assert_eq!(refused_as(key(parsed("ff02::1"))), "multicast");
    }

    #[test]
    fn private_means_what_the_registries_say() {
        for text in [
            "10.255.0.1",
            "172.31.0.1",
            "192.168.0.1",
            "127.9.9.9",
            "169.254.1.1",
            "100.127.0.1",
            "::1",
            "fd12::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(parsed(text)), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.2.1",
            "2001:db8::1",
            "2002:a00:1::",
        ] {
            assert!(!is_private(parsed(text)), "{text}");
        }
    }
}
