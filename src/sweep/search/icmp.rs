//! What all hosts of a link are asked, and what they answer: ICMP of IPv6 (RFC 4443). Pure.
//!
//! An echo request to all nodes is what most systems answer. Windows does not; but like every host it must
//! report an option of a type that it does not know and whose two highest bits are 10, also where the packet
//! was sent to a group (RFC 8200 section 4.2, RFC 4443 section 3.4). Each answer carries a token of ours, so
//! that nobody who has not heard the question can answer it.

use std::net::Ipv6Addr;

/// All nodes on a link (RFC 4291 section 2.7.1).
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What only those know who heard the question.
pub type Token = [u8; 16];

const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
const PARAMETER_PROBLEM: u8 = 4;
const UNKNOWN_OPTION: u8 = 2;
const DESTINATION_OPTIONS: u8 = 60;
const ICMPV6: u8 = 58;
/// The option type of RFC 4727 section 3.2 that is set aside for experiments and must be reported where it is
/// not known: 10 0 11110.
const EXPERIMENT: u8 = 0x9e;
/// Lengths of an IPv6 header, of the shortest extension header, and of an ICMP message without its data.
const HEADER: usize = 40;
const EXTENSION: usize = 8;
const MESSAGE: usize = 8;

/// An echo request. The kernel fills in the checksum, and on an unprivileged socket the identifier.
pub(super) fn echo_request(token: &Token) -> Vec<u8> {
    let [high, low, ..] = *token;
    let mut message = vec![ECHO_REQUEST, 0, 0, 0, high, low, 0, 1];
    message.extend(token);
    message
}

/// A whole packet: the same request to all nodes, behind an option that nobody knows.
pub(super) fn unknown_option(source: Ipv6Addr, token: &Token) -> Vec<u8> {
    let mut message = echo_request(token);
    let checksum = checksum(source, ALL_NODES, &message).to_be_bytes();
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&checksum);
    }
    // Version 6, no class, no flow; it does not leave the link.
    let mut packet = vec![0x60, 0, 0, 0];
    let length = u16::try_from(EXTENSION + message.len()).unwrap_or(u16::MAX);
    packet.extend(length.to_be_bytes());
    packet.extend([DESTINATION_OPTIONS, 1]);
    packet.extend(source.octets());
    packet.extend(ALL_NODES.octets());
    // Eight bytes: what follows, no further eight, the option, its four bytes.
    packet.extend([ICMPV6, 0, EXPERIMENT, 4, 0, 0, 0, 0]);
    packet.extend(message);
    packet
}

/// Whether a message, from its type on, answers what was asked with a token.
pub fn is_answer(message: &[u8], token: &Token) -> bool {
    let data = message.get(MESSAGE..).unwrap_or_default();
    match message {
        [ECHO_REPLY, 0, ..] => data.starts_with(token),
        [PARAMETER_PROBLEM, UNKNOWN_OPTION, ..] => is_ours(data, token),
        _ => false,
    }
}

/// Whether what a report quotes is the packet of [`unknown_option`].
fn is_ours(quoted: &[u8], token: &Token) -> bool {
    let byte = |at: usize| quoted.get(at).copied();
    let (extension, message) = (HEADER, HEADER + EXTENSION);
    byte(0).is_some_and(|first| first >> 4 == 6)
        && byte(6) == Some(DESTINATION_OPTIONS)
        && quoted.get(24..HEADER) == Some(&ALL_NODES.octets()[..])
        && byte(extension) == Some(ICMPV6)
        && byte(message) == Some(ECHO_REQUEST)
        && quoted
            .get(message + MESSAGE..)
            .is_some_and(|data| data.starts_with(token))
}

/// The checksum of an ICMP message (RFC 4443 section 2.3), its own field being zero.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + message.len());
    bytes.extend(source.octets());
    bytes.extend(destination.octets());
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0, 0, ICMPV6]);
    bytes.extend(message);
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: Token = *b"a token of ours!";

    fn source() -> Ipv6Addr {
        "fd00:1::5".parse().unwrap()
    }

    fn reply(token: &Token) -> Vec<u8> {
        let mut message = echo_request(token);
        message[0] = ECHO_REPLY;
        message
    }

    fn problem(quoted: &[u8]) -> Vec<u8> {
        let mut message = vec![PARAMETER_PROBLEM, UNKNOWN_OPTION, 0, 0, 0, 0, 0, 42];
        message.extend(quoted);
        message
    }

    #[test]
    fn the_packet_with_the_option_is_what_the_rfcs_say() {
        let packet = unknown_option(source(), &TOKEN);
        assert_eq!(packet.len(), 40 + 8 + 8 + 16);
        assert_eq!(&packet[..8], [0x60, 0, 0, 0, 0, 32, 60, 1]);
        assert_eq!(packet[8..24], source().octets());
        assert_eq!(&packet[40..48], [58, 0, 0x9e, 4, 0, 0, 0, 0]);
        // With its checksum in place, a message sums up to nothing.
        assert_eq!(checksum(source(), ALL_NODES, &packet[48..]), 0);
        // To be reported also where it came to a group, and never changed on the way.
        assert_eq!((EXPERIMENT >> 6, EXPERIMENT & 0x20), (0b10, 0));
    }

    #[test]
    fn the_checksum_is_that_of_a_recorded_packet() {
        // fe80::a -> ff02::1, an echo request with identifier 1, sequence 1 and no data: 0xffff less
        // 0xfe80 + 0xa + 0xff02 + 0x1 + 8 + 0x3a + 0x8000 + 1 + 1, folded.
        let message = [128, 0, 0, 0, 0, 1, 0, 1];
        let sum = checksum("fe80::a".parse().unwrap(), ALL_NODES, &message);
        assert_eq!(sum, 0x822c);
    }

    #[test]
    fn replies_and_reports_with_our_token_are_answers() {
        assert!(is_answer(&reply(&TOKEN), &TOKEN));
        assert!(is_answer(
            &problem(&unknown_option(source(), &TOKEN)),
            &TOKEN
        ));
    }

    #[test]
    fn whoever_has_not_heard_the_question_cannot_answer_it() {
        let other = *b"a token of other";
        assert!(!is_answer(&reply(&other), &TOKEN));
        assert!(!is_answer(
            &problem(&unknown_option(source(), &other)),
            &TOKEN
        ));
        assert!(!is_answer(&problem(&reply(&TOKEN)), &TOKEN));
        // Our own question, which the link may bring back, is none.
        assert!(!is_answer(&echo_request(&TOKEN), &TOKEN));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_none_but_the_token_count(cut: usize, bytes: Vec<u8>) {
            prop_assert!(!is_answer(&bytes, &TOKEN));
            let whole = problem(&unknown_option(source(), &TOKEN));
            let part = &whole[..cut % whole.len()];
            prop_assert!(!is_answer(part, &TOKEN));
        }
    }
}
