//! The kernel's table of IPv6 neighbours, as rtnetlink(7) tells it: `RTM_GETNEIGH`. Pure.

use std::io;
use std::net::Ipv6Addr;

/// A machine on an own link, as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Neighbour {
    /// Its address.
    pub(super) address: Ipv6Addr,
    /// The number of the interface that it is behind.
    pub(super) ifindex: u32,
    /// Its hardware address.
    pub(super) mac: Vec<u8>,
}

const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const AF_INET6: u8 = 10;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// States in which a hardware address is known: reachable, stale, delay, probe, permanent. The others are
/// addresses that somebody asked for in vain, and groups.
const KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
/// The lengths of `nlmsghdr`, `ndmsg` and `rtattr`.
const HEADER: usize = 16;
const MESSAGE: usize = 12;
const ATTRIBUTE: usize = 4;

/// Asks for all of the table.
pub(super) fn request() -> Vec<u8> {
    let length = u32::try_from(HEADER + MESSAGE).unwrap_or(0);
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(RTM_GETNEIGH.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    bytes.resize(HEADER, 0);
    bytes.push(AF_INET6);
    bytes.resize(HEADER + MESSAGE, 0);
    bytes
}

/// Reads a datagram of the answer; `true` says that it was the last.
///
/// # Errors
/// What the kernel says instead of an answer.
pub(super) fn read(mut datagram: &[u8], into: &mut Vec<Neighbour>) -> io::Result<bool> {
    while let Some((kind, body, rest)) = message(datagram) {
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let code = word(body, 0).map_or(0, u32::cast_signed);
                return Err(io::Error::from_raw_os_error(code.saturating_neg()));
            }
            RTM_NEWNEIGH => into.extend(neighbour(body)),
            _ => {}
        }
        datagram = rest;
    }
    Ok(false)
}

/// The first message: its kind, its body, and what is behind it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(word(bytes, 0)?).ok()?;
    let body = bytes.get(HEADER..length)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((half(bytes, 4)?, body, rest))
}

/// A neighbour whose hardware address is known.
fn neighbour(body: &[u8]) -> Option<Neighbour> {
    let ifindex = word(body, 4)?;
    if half(body, 8)? & KNOWN == 0 {
        return None;
    }
    let (mut address, mut mac) = (None, Vec::new());
    let mut attributes = body.get(MESSAGE..)?;
    while let Some(length) = half(attributes, 0).map(usize::from) {
        let Some(value) = attributes.get(ATTRIBUTE..length) else {
            break;
        };
        match half(attributes, 2)? {
            NDA_DST => address = value.try_into().ok().map(|octets: [u8; 16]| octets.into()),
            NDA_LLADDR => mac = value.to_vec(),
            _ => {}
        }
        let next = length.next_multiple_of(4);
        attributes = attributes.get(next..).unwrap_or_default();
    }
    address.map(|address| Neighbour {
        address,
        ifindex,
        mac,
    })
}

/// Numbers are in the machine's order of bytes.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with_header(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(ATTRIBUTE + value.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn entry(address: &str, state: u16) -> Vec<u8> {
        let mut body = vec![AF_INET6, 0, 0, 0];
        body.extend(7_u32.to_ne_bytes());
        body.extend(state.to_ne_bytes());
        body.extend([0, 1]);
        let address: Ipv6Addr = address.parse().unwrap();
        body.extend(attribute(NDA_DST, &address.octets()));
        body.extend(attribute(NDA_LLADDR, &[2, 0, 0, 0, 0, 1]));
        // Statistics that do not matter.
        body.extend(attribute(3, &[0; 16]));
        with_header(RTM_NEWNEIGH, &body)
    }

    #[test]
    fn neighbours_whose_hardware_address_is_known_are_read() {
        let datagram = [
            entry("fd00::5", 0x04),
            entry("fd00::6", 0x20),
            entry("fe80::7", 0x02),
        ]
        .concat();
        let mut found = Vec::new();
        assert!(!read(&datagram, &mut found).unwrap());
        assert!(read(&with_header(NLMSG_DONE, &[0; 4]), &mut found).unwrap());
        let addresses: Vec<String> = found.iter().map(|one| one.address.to_string()).collect();
        assert_eq!(addresses, ["fd00::5", "fe80::7"]);
        assert_eq!(
            (found[0].ifindex, &found[0].mac[..]),
            (7, &[2, 0, 0, 0, 0, 1][..])
        );
    }

    #[test]
    fn what_the_kernel_refuses_is_an_error_with_its_reason() {
        let refused = with_header(NLMSG_ERROR, &(-1_i32).to_ne_bytes());
        let error = read(&refused, &mut Vec::new()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(1));
    }

    #[test]
    fn the_request_asks_for_all_ipv6_neighbours() {
        let request = request();
        assert_eq!(request.len(), 28);
        let (kind, body, rest) = message(&request).unwrap();
        assert_eq!((kind, body[0], rest.len()), (RTM_GETNEIGH, AF_INET6, 0));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_hang(at: usize, new: Vec<u8>, more: Vec<u8>) {
            let _ = read(&more, &mut Vec::new());
            let mut datagram = entry("fd00::5", 2);
            let at = at % datagram.len();
            datagram.splice(at..(at + new.len()).min(datagram.len()), new);
            let _ = read(&datagram, &mut Vec::new());
        }
    }
}
