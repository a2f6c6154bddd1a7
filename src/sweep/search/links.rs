//! This machine's IPv6 addresses and the prefixes of its links, and on which links a search asks. Pure.

use super::Block;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::sync::Arc;

/// How many links are asked on; a machine with more is a host of containers.
const MOST_LINKS: usize = 64;
/// From how many addresses of ours a link is asked at most.
const MOST_SOURCES: usize = 8;

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// The address.
    pub(super) address: Ipv6Addr,
    /// The number of its interface.
    pub(super) ifindex: u32,
    /// The name of its interface.
    pub(super) device: Arc<str>,
    /// Whether it comes and goes (RFC 8981), or is about to go.
    is_passing: bool,
}

/// A prefix whose addresses are on a link, behind no router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OnLink {
    block: Block,
    device: Arc<str>,
}

/// A link to ask on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The name of the interface.
    pub(super) device: Arc<str>,
    /// Its number.
    pub(super) ifindex: u32,
    /// The addresses of ours to ask from: those of the wanted prefixes, since who is asked answers by the
    /// address that is nearest; and the link's own, which every host can answer to.
    pub(super) sources: Vec<Ipv6Addr>,
    /// Which of the wanted blocks it is for, by their places.
    pub(super) blocks: Vec<usize>,
    /// All prefixes on it: who is there is asked.
    pub(super) prefixes: Vec<Block>,
}

/// Reads `/proc/net/if_inet6`: address, interface, prefix, scope, flags, name. Lines that make no sense, and
/// addresses that are not in use, are left out.
pub(super) fn own(table: &str) -> Vec<Own> {
    const TEMPORARY: u32 = 0x01;
    const DUPLICATE: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    const TENTATIVE: u32 = 0x40;
    let line = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [address, ifindex, _, _, flags, device] = words[..] else {
            return None;
        };
        let flags = number(flags)?;
        (flags & (DUPLICATE | TENTATIVE) == 0).then_some(())?;
        Some(Own {
            address: address_of(address)?,
            ifindex: number(ifindex)?,
            device: device.into(),
            is_passing: flags & (TEMPORARY | DEPRECATED) != 0,
        })
    };
    table.lines().filter_map(line).collect()
}

/// Reads `/proc/net/ipv6_route`: destination, prefix, source, prefix, next hop, metric, uses, uses, flags, name.
/// What leads over a router, to one address or to all is left out.
pub(super) fn on_link(table: &str) -> Vec<OnLink> {
    const UP: u32 = 0x1;
    const GATEWAY: u32 = 0x2;
    const REJECT: u32 = 0x200;
    let line = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [network, prefix, _, _, next_hop, _, _, _, flags, device] = words[..] else {
            return None;
        };
        let (network, prefix) = (address_of(network)?, number(prefix)?);
        let is_direct = number(flags)? & (UP | GATEWAY | REJECT) == UP
            && address_of(next_hop)?.is_unspecified()
            && (1..128).contains(&prefix);
        let is_shared = network.is_multicast() || network.is_unicast_link_local();
        (is_direct && !is_shared).then(|| OnLink {
            block: block(network, prefix),
            device: device.into(),
        })
    };
    table.lines().filter_map(line).collect()
}

/// The links on which the wanted blocks are, and from which of our addresses to ask there. This machine's own
/// link to itself is none.
pub(super) fn choose(own: &[Own], on_link: &[OnLink], wanted: &[Block]) -> Vec<Link> {
    let is_loopback = |device: &str| {
        let mut of_device = own.iter().filter(|own| *own.device == *device);
        of_device.any(|own| own.address.is_loopback())
    };
    let mut links: BTreeMap<Arc<str>, Link> = BTreeMap::new();
    for route in on_link.iter().filter(|route| !is_loopback(&route.device)) {
        let blocks = wanted.iter().enumerate();
        let blocks = blocks.filter(|(_, block)| overlap(block, &route.block));
        let blocks: Vec<usize> = blocks.map(|(at, _)| at).collect();
        let of_device = || own.iter().filter(|own| own.device == route.device);
        let Some(ifindex) = of_device().next().map(|own| own.ifindex) else {
            continue;
        };
        if blocks.is_empty() {
            continue;
        }
        let link = links.entry(Arc::clone(&route.device)).or_insert(Link {
            device: Arc::clone(&route.device),
            ifindex,
            sources: Vec::new(),
            blocks: Vec::new(),
            prefixes: Vec::new(),
        });
        let is_wanted = |own: &Own| wanted.iter().any(|block| block.contains(&own.address));
        let inside = of_device().filter(|own| route.block.contains(&own.address));
        let best = inside.min_by_key(|own| (!is_wanted(own), own.is_passing));
        link.sources.extend(best.map(|own| own.address));
        link.blocks.extend(blocks);
    }
    let mut links: Vec<Link> = links.into_values().take(MOST_LINKS).collect();
    for link in &mut links {
        link.sources.sort_unstable();
        link.sources.dedup();
        link.sources.truncate(MOST_SOURCES);
        link.blocks.sort_unstable();
        link.blocks.dedup();
        let of_device = own.iter().filter(|own| own.device == link.device);
        let mut of_device = of_device.map(|own| own.address);
        let local = of_device.find(Ipv6Addr::is_unicast_link_local);
        link.sources.extend(local);
        let prefixes = on_link.iter().filter(|route| route.device == link.device);
        link.prefixes = prefixes.map(|route| route.block.clone()).collect();
    }
    links.retain(|link| !link.sources.is_empty());
    links
}

fn overlap(one: &Block, other: &Block) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

fn block(network: Ipv6Addr, prefix: u32) -> Block {
    let free = u128::MAX.checked_shr(prefix).unwrap_or(0);
    let first = network.to_bits() & !free;
    Ipv6Addr::from_bits(first)..=Ipv6Addr::from_bits(first | free)
}

fn number(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

fn address_of(text: &str) -> Option<Ipv6Addr> {
    let is_whole = text.len() == 32;
    u128::from_str_radix(text, 16)
        .ok()
        .filter(|_| is_whole)
        .map(Ipv6Addr::from_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a Linux with a SLAAC address, a temporary one and an address by DHCP has it.
    const OWN: &str = "\
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000001000000000000000000000a01 04 40 00 01     eth0
fd000001000000000000000000000a02 04 40 00 00     eth0
fd000002000000000000000000000b01 05 80 00 80     eth1
fd000002000000000000000000000b02 05 80 00 c0     eth1
00000000000000000000000000000001 01 80 10 80       lo
nonsense
";
    const ROUTES: &str = "\
fd000001000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fd000002000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1
fd000003000000000000000000000000 40 00000000000000000000000000000000 00 fd000001000000000000000000000001 00000400 00000002 00000000 00000003     eth0
fd000004000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001       lo
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00000001     eth0
";

    fn wanted(texts: &[(&str, u32)]) -> Vec<Block> {
        let blocks = texts.iter();
        blocks
            .map(|(network, prefix)| block(network.parse().unwrap(), *prefix))
            .collect()
    }

    fn chosen(texts: &[(&str, u32)]) -> Vec<(String, Vec<String>, Vec<usize>)> {
        let links = choose(&own(OWN), &on_link(ROUTES), &wanted(texts));
        let short = links.into_iter().map(|link| {
            let sources = link.sources.iter().map(ToString::to_string).collect();
            (link.device.to_string(), sources, link.blocks)
        });
        short.collect()
    }

    #[test]
    fn the_links_of_the_wanted_prefixes_are_asked_from_an_address_that_stays_and_the_links_own() {
        let expected = [(
            "eth0".to_owned(),
            vec!["fd00:1::a02".to_owned(), "fe80::fc:ff:fe00:1".to_owned()],
            vec![0],
        )];
        assert_eq!(chosen(&[("fd00:1::", 64)]), expected);
    }

    #[test]
    fn a_wider_block_is_asked_for_on_all_of_its_links() {
        let found = chosen(&[("fd00:9::", 64), ("fd00::", 16)]);
        let devices: Vec<_> = found
            .iter()
            .map(|(name, _, at)| (name.as_str(), &at[..]))
            .collect();
        assert_eq!(devices, [("eth0", &[1][..]), ("eth1", &[1][..])]);
        // An address that is still being tried is not asked from.
        assert_eq!(found[1].1, ["fd00:2::b01"]);
    }

    #[test]
    fn what_is_behind_a_router_or_on_this_machine_is_asked_for_nowhere() {
        assert_eq!(chosen(&[("fd00:3::", 64), ("fd00:4::", 64)]), []);
    }

    #[test]
    fn blocks_are_cut_at_their_prefix() {
        let all = block("fd00::5".parse().unwrap(), 128);
        assert_eq!(all.start(), all.end());
        let half = block("fd00::ffff".parse().unwrap(), 112);
        assert_eq!(half.start().to_string(), "fd00::");
        assert_eq!(half.end().to_string(), "fd00::ffff");
    }
}
