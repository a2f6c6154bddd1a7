//! What others say: the answers to our frames.

use super::super::super::Trace;
use super::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ICMP, TCP};
use std::net::Ipv4Addr;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A connection was accepted (SYN and ACK), or refused (RST).
    Tcp {
        /// Who says so.
        from: Ipv4Addr,
        /// To whom.
        to: Ipv4Addr,
        /// Their port.
        port: u16,
        /// Our port.
        own_port: u16,
        /// What it answers to: our sequence number and one.
        acknowledges: u32,
        /// Whether it was accepted.
        is_open: bool,
        /// What it looks like.
        trace: Trace,
    },
    /// An echo came back.
    Echo {
        /// Who sent it.
        from: Ipv4Addr,
        /// To whom.
        to: Ipv4Addr,
        /// The identifier of the request.
        identifier: u16,
        /// The sequence number of the request.
        sequence: u16,
        /// What it looks like.
        trace: Trace,
    },
    /// A packet of ours did not arrive.
    Unreachable {
        /// Who says so: a router, or the host itself.
        by: Ipv4Addr,
        /// The source of our packet.
        own: Ipv4Addr,
        /// Where it was to go.
        theirs: Ipv4Addr,
        /// What it was.
        quoted: Quoted,
        /// What the message looks like.
        trace: Trace,
    },
    /// A machine on the own link says which hardware address it has.
    Neighbour {
        /// Its address.
        address: Ipv4Addr,
        /// Its hardware address.
        mac: [u8; 6],
    },
}

/// The head of one of our packets, as a router sends it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// A SYN.
    Syn {
        /// From our port.
        own_port: u16,
        /// To this port.
        port: u16,
        /// Its sequence number.
        sequence: u32,
    },
    /// An echo request.
    Echo {
        /// Its identifier.
        identifier: u16,
        /// Its sequence number.
        sequence: u16,
    },
}

/// Reads a frame, or the beginning of one; `None` for what is no answer.
pub fn parse(frame: &[u8]) -> Option<Heard> {
    let mut reader = Reader(frame);
    reader.skip(12)?;
    match reader.u16()? {
        ETHERTYPE_IPV4 => datagram(&mut reader),
        ETHERTYPE_ARP => neighbour(&mut reader),
        _ => None,
    }
}

fn neighbour(reader: &mut Reader<'_>) -> Option<Heard> {
    const REPLY: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];
    if reader.array()? != REPLY {
        return None;
    }
    let mac: [u8; 6] = reader.array()?;
    let address = reader.address()?;
    // A group address is nobody's own.
    let is_one = mac != [0; 6] && mac.first().is_some_and(|first| first & 1 == 0);
    is_one.then_some(Heard::Neighbour { address, mac })
}

fn datagram(reader: &mut Reader<'_>) -> Option<Heard> {
    let head = head(reader)?;
    match head.protocol {
        TCP => tcp(reader, &head),
        ICMP => icmp(reader, &head),
        _ => None,
    }
}

/// What is of interest of an IPv4 header.
struct Head {
    protocol: u8,
    time_to_live: u8,
    from: Ipv4Addr,
    to: Ipv4Addr,
}

fn head(reader: &mut Reader<'_>) -> Option<Head> {
    let first = reader.u8()?;
    let words = first & 0xf;
    if first >> 4 != 4 || words < 5 {
        return None;
    }
    reader.skip(5)?;
    // Only the first fragment has the header that follows.
    if reader.u16()? & 0x1fff != 0 {
        return None;
    }
    let time_to_live = reader.u8()?;
    let protocol = reader.u8()?;
    reader.skip(2)?;
    let from = reader.address()?;
    let to = reader.address()?;
    reader.skip(usize::from(words - 5) * 4)?;
    Some(Head {
        protocol,
        time_to_live,
        from,
        to,
    })
}

fn tcp(reader: &mut Reader<'_>, head: &Head) -> Option<Heard> {
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;
    let port = reader.u16()?;
    let own_port = reader.u16()?;
    reader.skip(4)?;
    let acknowledges = reader.u32()?;
    let length = reader.u8()? >> 4;
    let is_open = match reader.u8()? & (SYN | RST | ACK) {
        flags if flags == SYN | ACK => true,
        flags if flags == RST | ACK => false,
        _ => return None,
    };
    let window = reader.u16()?;
    reader.skip(4)?;
    let options = usize::from(length.checked_sub(5)?) * 4;
    let trace = Trace {
        ttl: head.time_to_live,
        window,
        options: kinds(reader.take_up_to(options)),
    };
    Some(Heard::Tcp {
        from: head.from,
        to: head.to,
        port,
        own_port,
        acknowledges,
        is_open,
        trace,
    })
}

/// A hash of which TCP options there are, in which order; 0 for none.
fn kinds(mut options: &[u8]) -> u16 {
    let mut hash: u16 = 0;
    while let Some((kind, rest)) = options.split_first() {
        // Never 0, and the order counts: a multiplication and an addition, as in FNV.
        hash = (hash ^ (u16::from(*kind) + 1))
            .wrapping_mul(0x6255)
            .wrapping_add(1);
        options = match (kind, rest.split_first()) {
            (0, _) => break,
            (1, _) => rest,
            (_, Some((length, _))) => {
                let length = usize::from(*length).max(2);
                options.get(length..).unwrap_or_default()
            }
            (_, None) => break,
        };
    }
    hash
}

fn icmp(reader: &mut Reader<'_>, head: &Head) -> Option<Heard> {
    let trace = Trace {
        ttl: head.time_to_live,
        window: 0,
        options: 0,
    };
    let kind = reader.u8()?;
    reader.skip(3)?;
    match kind {
        0 => Some(Heard::Echo {
            from: head.from,
            to: head.to,
            identifier: reader.u16()?,
            sequence: reader.u16()?,
            trace,
        }),
        // Destination unreachable; time exceeded, as where routes go in circles.
        3 | 11 => {
            reader.skip(4)?;
            let ours = self::head(reader)?;
            let quoted = quoted(reader, ours.protocol)?;
            (ours.from == head.to).then_some(Heard::Unreachable {
                by: head.from,
                own: ours.from,
                theirs: ours.to,
                quoted,
                trace,
            })
        }
        _ => None,
    }
}

/// The eight bytes of ours that every router sends back.
fn quoted(reader: &mut Reader<'_>, protocol: u8) -> Option<Quoted> {
    match protocol {
        TCP => Some(Quoted::Syn {
            own_port: reader.u16()?,
            port: reader.u16()?,
            sequence: reader.u32()?,
        }),
        ICMP if reader.u8()? == 8 => {
            reader.skip(3)?;
            Some(Quoted::Echo {
                identifier: reader.u16()?,
                sequence: reader.u16()?,
            })
        }
        _ => None,
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn address(&mut self) -> Option<Ipv4Addr> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    fn take_up_to(&self, bytes: usize) -> &[u8] {
        self.0.get(..bytes.min(self.0.len())).unwrap_or_default()
    }
}
