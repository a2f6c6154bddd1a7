//! Frames: how ours are built, and what others say. Pure, and hostile input ends in `None`.
//!
//! Ethernet II, ARP (RFC 826), IPv4 (RFC 791), ICMP (RFC 792), TCP (RFC 9293). Checksums of what comes in
//! are not looked at: network cards leave them out of what never leaves the machine, and the cookie
//! proves more.

mod parse;

pub use parse::{Heard, Quoted, parse};

use std::net::Ipv4Addr;

/// The most bytes that a frame of ours has.
pub const LONGEST: usize = 66;
/// How many bytes of a frame are looked at: the headers at their longest.
pub const SNAP: usize = 192;

/// Who a frame goes to, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Our hardware address.
    pub own_mac: [u8; 6],
    /// That of the host or of the router before it.
    pub their_mac: [u8; 6],
    /// Our address.
    pub own: Ipv4Addr,
    /// The host's address.
    pub theirs: Ipv4Addr,
}

/// A frame of ours.
pub type Frame = ([u8; LONGEST], usize);

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ICMP: u8 = 1;
const TCP: u8 = 6;
/// What a machine starts counting down from.
const TIME_TO_LIVE: u8 = 64;

/// A request for a connection, with the options that ordinary machines send.
pub fn syn(ends: &Ends, own_port: u16, port: u16, sequence: u32) -> Frame {
    const SYN: u8 = 2;
    /// The largest segment is 1460 bytes; window scale; selective acknowledgements.
    const OPTIONS: [u8; 12] = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
    let mut tcp = Writer::new();
    tcp.u16(own_port);
    tcp.u16(port);
    tcp.u32(sequence);
    tcp.u32(0);
    tcp.bytes(&[8 << 4, SYN]);
    tcp.u16(64_240);
    tcp.u32(0);
    tcp.bytes(&OPTIONS);
    let length = u32::try_from(tcp.length).unwrap_or(0);
    let pseudo = sum(&ends.own.octets()) + sum(&ends.theirs.octets()) + u32::from(TCP) + length;
    tcp.checksum(16, pseudo);
    datagram(ends, TCP, &tcp)
}

/// An echo request.
pub fn echo(ends: &Ends, identifier: u16, sequence: u16) -> Frame {
    let mut icmp = Writer::new();
    icmp.bytes(&[8, 0, 0, 0]);
    icmp.u16(identifier);
    icmp.u16(sequence);
    icmp.bytes(&[0; 8]);
    icmp.checksum(2, 0);
    datagram(ends, ICMP, &icmp)
}

/// A request for a hardware address, to everybody or to one whose address may have changed.
pub fn who_has(ends: &Ends) -> Frame {
    let mut frame = Writer::new();
    frame.bytes(&ends.their_mac);
    frame.bytes(&ends.own_mac);
    frame.u16(ETHERTYPE_ARP);
    // Ethernet, IPv4, the lengths of their addresses, a request.
    frame.bytes(&[0, 1, 8, 0, 6, 4, 0, 1]);
    frame.bytes(&ends.own_mac);
    frame.bytes(&ends.own.octets());
    frame.bytes(&[0; 6]);
    frame.bytes(&ends.theirs.octets());
    frame.finish()
}

/// Everybody on the link.
pub const BROADCAST: [u8; 6] = [0xff; 6];

fn datagram(ends: &Ends, protocol: u8, body: &Writer) -> Frame {
    let length = 20 + body.length;
    let mut ip = Writer::new();
    ip.bytes(&[0x45, 0]);
    ip.u16(u16::try_from(length).unwrap_or(0));
    // Not to be fragmented, so that no number is needed (RFC 6864).
    ip.u32(0x4000);
    ip.bytes(&[TIME_TO_LIVE, protocol, 0, 0]);
    ip.bytes(&ends.own.octets());
    ip.bytes(&ends.theirs.octets());
    ip.checksum(10, 0);
    let mut frame = Writer::new();
    frame.bytes(&ends.their_mac);
    frame.bytes(&ends.own_mac);
    frame.u16(ETHERTYPE_IPV4);
    frame.bytes(ip.written());
    frame.bytes(body.written());
    frame.finish()
}

/// Writes into a frame's space; what does not fit is left out.
struct Writer {
    space: [u8; LONGEST],
    length: usize,
}

impl Writer {
    fn new() -> Self {
        Self {
            space: [0; LONGEST],
            length: 0,
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(place) = self.space.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
    }

    fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    fn written(&self) -> &[u8] {
        self.space.get(..self.length).unwrap_or_default()
    }

    /// Puts the checksum (RFC 1071) of what was written, and of more, at a place.
    fn checksum(&mut self, place: usize, more: u32) {
        let checksum = fold(sum(self.written()) + more);
        if let Some(place) = self.space.get_mut(place..place + 2) {
            place.copy_from_slice(&checksum.to_be_bytes());
        }
    }

    fn finish(self) -> Frame {
        (self.space, self.length)
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let pairs: u32 = pairs
        .iter()
        .map(|pair| u32::from(u16::from_be_bytes(*pair)))
        .sum();
    pairs + rest.iter().map(|byte| u32::from(*byte) << 8).sum::<u32>()
}

fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
