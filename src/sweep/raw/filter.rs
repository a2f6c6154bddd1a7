//! What the kernel passes on to us of all that an interface hears: classic BPF programs (socket(7)). Pure.

use super::frame::SNAP;

/// Hears nothing.
pub(super) fn nothing() -> Vec<libc::sock_filter> {
    vec![return_bytes(0)]
}

/// Hears what may be an answer: ARP replies, ICMP, TCP to one of our two ports, and every SYN with an ACK,
/// for those may answer to a connection of ours.
pub(super) fn answers(ports: [u16; 2]) -> Vec<libc::sock_filter> {
    const OUTGOING: u32 = 4;
    let [one, other] = ports.map(u32::from);
    // Where to go on is said by name and resolved below.
    let program = [
        (Step::Load(Size::Byte, PACKET_TYPE), None, None),
        (Step::Is(OUTGOING), Some(DROP), None),
        (Step::Load(Size::Half, 12), None, None),
        (Step::Is(0x0806), Some(NEIGHBOUR), None),
        (Step::Is(0x0800), None, Some(DROP)),
        (Step::Load(Size::Half, 20), None, None),
        (Step::Has(0x1fff), Some(DROP), None),
        (Step::Load(Size::Byte, 23), None, None),
        (Step::Is(1), Some(PASS), None),
        (Step::Is(6), None, Some(DROP)),
        (Step::HeaderLength(14), None, None),
        (Step::LoadAfter(Size::Half, 14 + 2), None, None),
        (Step::Is(one), Some(PASS), None),
        (Step::Is(other), Some(PASS), None),
        (Step::LoadAfter(Size::Byte, 14 + 13), None, None),
        (Step::Only(0x3f), None, None),
        (Step::Is(0x12), Some(PASS), Some(DROP)),
        // NEIGHBOUR
        (Step::Load(Size::Half, 20), None, None),
        (Step::Is(2), Some(PASS), Some(DROP)),
        // PASS
        (Step::Return(SNAP), None, None),
        // DROP
        (Step::Return(0), None, None),
    ];
    program
        .into_iter()
        .enumerate()
        .map(|(place, (step, yes, no))| {
            let distance = |to: Option<usize>| {
                let to = to.map_or(0, |to| to.saturating_sub(place + 1));
                u8::try_from(to).unwrap_or(u8::MAX)
            };
            step.instruction(distance(yes), distance(no))
        })
        .collect()
}

const NEIGHBOUR: usize = 17;
const PASS: usize = 19;
const DROP: usize = 20;
/// Whether a frame came or goes, among the kernel's own data: `SKF_AD_OFF + SKF_AD_PKTTYPE`.
const PACKET_TYPE: u32 = 0xffff_f000 + 4;

enum Size {
    Byte,
    Half,
}

enum Step {
    Load(Size, u32),
    /// From behind the IPv4 header.
    LoadAfter(Size, u32),
    HeaderLength(u32),
    Only(u32),
    Is(u32),
    Has(u32),
    Return(usize),
}

impl Step {
    fn instruction(self, yes: u8, no: u8) -> libc::sock_filter {
        use libc::{
            BPF_ABS, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K,
            BPF_LD, BPF_LDX, BPF_MSH,
        };
        let size = |size| match size {
            Size::Byte => BPF_B,
            Size::Half => BPF_H,
        };
        let (code, k) = match self {
            Self::Load(bytes, at) => (BPF_LD | size(bytes) | BPF_ABS, at),
            Self::LoadAfter(bytes, at) => (BPF_LD | size(bytes) | BPF_IND, at),
            Self::HeaderLength(at) => (BPF_LDX | BPF_B | BPF_MSH, at),
            Self::Only(mask) => (BPF_ALU | BPF_AND | BPF_K, mask),
            Self::Is(value) => (BPF_JMP | BPF_JEQ | BPF_K, value),
            Self::Has(mask) => (BPF_JMP | BPF_JSET | BPF_K, mask),
            Self::Return(bytes) => return return_bytes(bytes),
        };
        libc::sock_filter {
            code: u16::try_from(code).unwrap_or(0),
            jt: yes,
            jf: no,
            k,
        }
    }
}

fn return_bytes(bytes: usize) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::try_from(libc::BPF_RET | libc::BPF_K).unwrap_or(0),
        jt: 0,
        jf: 0,
        k: u32::try_from(bytes).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_jump_leaves_the_program() {
        let program = answers([40_000, 40_001]);
        assert_eq!(program.len(), DROP + 1);
        for (place, step) in program.iter().enumerate() {
            let furthest = place + 1 + usize::from(step.jt.max(step.jf));
            let is_last = step.code == 6;
            assert!(is_last || furthest <= DROP, "{place}");
        }
        assert_eq!(program[PASS].k, 192);
        assert_eq!(program[DROP].k, 0);
        assert_eq!(program[NEIGHBOUR].k, 20);
    }
}
