//! Frames, built and read, and frames that nobody should believe.

use super::*;
use proptest::prelude::*;

fn ends() -> Ends {
    Ends {
        own_mac: [2, 0, 0, 0, 0, 1],
        their_mac: [2, 0, 0, 0, 0, 2],
        own: Ipv4Addr::new(192, 0, 2, 1),
        theirs: Ipv4Addr::new(192, 0, 2, 2),
    }
}

fn bytes(frame: &Frame) -> &[u8] {
    &frame.0[..frame.1]
}

/// An Ethernet frame around an IPv4 datagram from them to us.
fn answer(protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 57, protocol, 0, 0]);
    frame.extend(ends().theirs.octets());
    frame.extend(ends().own.octets());
    frame.extend(body);
    frame
}

fn segment(flags: u8, options: &[u8]) -> Vec<u8> {
    let mut tcp = vec![0, 22, 0x40, 0, 0, 0, 0, 9, 1, 2, 3, 4];
    tcp.extend([u8::try_from(5 + options.len() / 4).unwrap() << 4, flags]);
    tcp.extend([0xfa, 0xf0, 0, 0, 0, 0]);
    tcp.extend(options);
    tcp
}

#[test]
fn checksums_of_what_is_sent_add_up() {
    let syn = syn(&ends(), 40_000, 443, 0x1234_5678);
    let frame = bytes(&syn);
    assert_eq!(frame.len(), LONGEST);
    assert_eq!(fold(sum(&frame[14..34])), 0);
    let pseudo = sum(&frame[26..34]) + 6 + 32;
    assert_eq!(fold(sum(&frame[34..]) + pseudo), 0);
    let echo = echo(&ends(), 7, 8);
    let frame = bytes(&echo);
    assert_eq!(usize::from(frame[17]), frame.len() - 14);
    assert_eq!((fold(sum(&frame[14..34])), fold(sum(&frame[34..]))), (0, 0));
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    // The example of RFC 1071, section 3.
    assert_eq!(
        !fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])),
        0xddf2
    );
    assert_eq!(!fold(sum(&[0x12, 0x34, 0x56])), 0x6834);
}

#[test]
fn accepted_and_refused_are_two_things() {
    let options = [2, 4, 5, 0xb4, 1, 3, 3, 7];
    let heard = parse(&answer(6, &segment(0x12, &options))).unwrap();
    let Heard::Tcp {
        from,
        to,
        port,
        own_port,
        acknowledges,
        is_open: true,
        trace,
    } = heard
    else {
        panic!("{heard:?}")
    };
    assert_eq!((from, to), (ends().theirs, ends().own));
    assert_eq!((port, own_port, acknowledges), (22, 0x4000, 0x0102_0304));
    assert_eq!((trace.ttl, trace.window), (57, 0xfaf0));
    let Some(Heard::Tcp { trace: other, .. }) =
        parse(&answer(6, &segment(0x12, &[1, 3, 3, 7, 2, 4, 5, 0xb4])))
    else {
        panic!("an answer")
    };
    assert_ne!(trace.options, other.options);
    let Some(Heard::Tcp {
        is_open: false,
        trace,
        ..
    }) = parse(&answer(6, &segment(0x14, &[])))
    else {
        panic!("a refusal")
    };
    assert_eq!(trace.options, 0);
    for no_answer in [0x02, 0x10, 0x18, 0x04, 0x11] {
        assert_eq!(parse(&answer(6, &segment(no_answer, &[]))), None);
    }
}

#[test]
fn a_router_sends_our_own_packet_back() {
    let ours = syn(&ends(), 40_000, 443, 99);
    let mut body = vec![3, 1, 0, 0, 0, 0, 0, 0];
    body.extend(&bytes(&ours)[14..42]);
    let heard = parse(&answer(1, &body)).unwrap();
    let Heard::Unreachable { theirs, quoted, .. } = heard else {
        panic!("{heard:?}")
    };
    let syn = Quoted::Syn {
        own_port: 40_000,
        port: 443,
        sequence: 99,
    };
    assert_eq!((theirs, quoted), (ends().theirs, syn));
    let ours = echo(&ends(), 7, 8);
    let mut body = vec![11, 0, 0, 0, 0, 0, 0, 0];
    body.extend(&bytes(&ours)[14..42]);
    let Some(Heard::Unreachable { quoted, .. }) = parse(&answer(1, &body)) else {
        panic!("time exceeded")
    };
    let echo = Quoted::Echo {
        identifier: 7,
        sequence: 8,
    };
    assert_eq!(quoted, echo);
}

#[test]
fn an_echo_comes_back_with_its_numbers() {
    let body = [0, 0, 0, 0, 1, 2, 3, 4, 0, 0];
    let Some(Heard::Echo {
        identifier,
        sequence,
        from,
        ..
    }) = parse(&answer(1, &body))
    else {
        panic!("an echo")
    };
    assert_eq!(
        (identifier, sequence, from),
        (0x0102, 0x0304, ends().theirs)
    );
}

#[test]
fn a_neighbour_says_its_hardware_address() {
    let request = who_has(&ends());
    assert_eq!(parse(bytes(&request)), None);
    let mut reply = bytes(&request).to_vec();
    reply[21] = 2;
    let heard = Heard::Neighbour {
        address: ends().own,
        mac: ends().own_mac,
    };
    assert_eq!(parse(&reply), Some(heard));
    // A group address is nobody's own.
    reply[22] |= 1;
    assert_eq!(parse(&reply), None);
}

#[test]
fn a_later_fragment_is_no_answer() {
    let mut frame = answer(6, &segment(0x12, &[]));
    frame[21] = 1;
    assert_eq!(parse(&frame), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse(&bytes);
        parse(&answer(6, &bytes));
        parse(&answer(1, &bytes));
    }

    #[test]
    fn a_cut_frame_is_no_other_answer(cut in 0_usize..80, flags in prop::sample::select(vec![0x12_u8, 0x14])) {
        let whole = answer(6, &segment(flags, &[2, 4, 5, 0xb4]));
        let cut = cut.min(whole.len());
        if let Some(Heard::Tcp { is_open, port, acknowledges, .. }) = parse(&whole[..cut]) {
            prop_assert_eq!((is_open, port, acknowledges), (flags == 0x12, 22, 0x0102_0304));
        }
    }
}
