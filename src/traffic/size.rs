//! How much of the wire things take up. Pure.
//!
//! A packet counts with the Ethernet around it (14 bytes before it, 4 after it, at least 64 in all: IEEE
//! 802.3), but without the pause and the preamble between frames, which other links do not have.

/// The header of IP: RFC 791, RFC 8200.
fn header(is_v6: bool) -> u64 {
    if is_v6 { 40 } else { 20 }
}

/// A packet of IP with so many bytes after its header.
pub fn packet(is_v6: bool, bytes: u64) -> u64 {
    (header(is_v6) + bytes + 18).max(64)
}

/// A frame as it was handed to the card.
pub fn frame(bytes: usize) -> u64 {
    (count(bytes) + 4).max(64)
}

/// A SYN of the system, with its usual options (20 bytes); or the answer to it.
pub fn syn(is_v6: bool) -> u64 {
    packet(is_v6, 40)
}

/// A segment without data and with timestamps, such as an acknowledgement; or without, such as a reset.
pub fn bare_segment(is_v6: bool) -> u64 {
    packet(is_v6, 32)
}

/// A connection that is opened and closed in order, without what is said on it: SYN, SYN-ACK, ACK, and a FIN with
/// its acknowledgement from each side.
pub fn connection(is_v6: bool) -> u64 {
    2 * syn(is_v6) + 5 * bare_segment(is_v6)
}

/// Bytes of a stream: the segments that they take, each with its acknowledgement.
pub fn stream(is_v6: bool, bytes: usize) -> u64 {
    const SEGMENT: u64 = 1_400;
    let bytes = count(bytes);
    let segments = bytes.div_ceil(SEGMENT).max(1);
    bytes + segments * 2 * bare_segment(is_v6)
}

/// A datagram.
pub fn datagram(is_v6: bool, bytes: usize) -> u64 {
    packet(is_v6, 8 + count(bytes))
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_a_recording_of_the_wire_shows() {
        // Linux: "74" and "94" bytes for a SYN, "66" and "86" for an acknowledgement; the check sum is not
        // recorded.
        assert_eq!((syn(false), syn(true)), (74 + 4, 94 + 4));
        assert_eq!((bare_segment(false), bare_segment(true)), (66 + 4, 86 + 4));
        assert_eq!(packet(false, 20), 64);
        assert_eq!(frame(58), 64);
        assert_eq!(datagram(false, 50), 14 + 20 + 8 + 50 + 4);
        assert_eq!(stream(false, 2_800), 2_800 + 4 * 70);
    }
}
