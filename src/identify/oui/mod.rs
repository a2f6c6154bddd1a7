//! Who made a network card, by its hardware address, and which addresses are nobody's: the blocks that the
//! IEEE has assigned, from its own public listing (`make.py` makes the table), and the ranges that
//! hypervisors and redundancy protocols use (`marks.tsv`).

use flate2::read::ZlibDecoder;
use std::io::Read as _;
use std::sync::LazyLock;

/// What a hardware address tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MacFacts {
    /// Who was assigned the block, or what the range marks: `Dell`, `VMware`, `VRRP`; empty where the
    /// IEEE's listing of our table does not have it.
    pub name: &'static str,
    /// What it means for knowing a machine by the address.
    pub kind: MacKind,
}

/// What a hardware address can be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacKind {
    /// Assigned by a maker to one card.
    #[default]
    Universal,
    /// Chosen by software (IEEE 802-2014 8.4, the locally administered bit): may change at any time, and
    /// two machines may have the same.
    Local,
    /// Of a virtual machine: unique within its hypervisor, copied with a clone.
    Virtual,
    /// Of a group of machines (VRRP, HSRP, GLBP, NLB): names no machine.
    Shared,
    /// A group address, or nothing but zeros or ones: of no card.
    NoCard,
}

impl MacFacts {
    /// As it is shown: `Dell`, `VMware (virtual)`, `VRRP (shared)`, `local`; empty where nothing is known.
    pub fn label(&self) -> String {
        match (self.kind, self.name) {
            (MacKind::Universal, name) => name.to_owned(),
            (MacKind::Local, "") => "local".to_owned(),
            (MacKind::Local, name) => format!("{name} (local)"),
            (MacKind::Virtual, name) => format!("{name} (virtual)"),
            (MacKind::Shared, name) => format!("{name} (shared)"),
            (MacKind::NoCard, _) => String::new(),
        }
    }
}

/// What the six bytes of a hardware address tell.
pub fn mac_facts(mac: [u8; 6]) -> MacFacts {
    let number = number(mac);
    if number == 0 || number == ALL_ONES {
        return MacFacts {
            name: "",
            kind: MacKind::NoCard,
        };
    }
    if let Some(mark) = MARKS.iter().find(|mark| mark.block.has(number)) {
        return MacFacts {
            name: mark.name,
            kind: mark.kind,
        };
    }
    let [first, ..] = mac;
    let kind = match (first & 1, first & 2) {
        (1, _) => MacKind::NoCard,
        (_, 2) => MacKind::Local,
        _ => MacKind::Universal,
    };
    // Some blocks were assigned with the bit set before it had its meaning: they have a maker.
    let name = vendor(number).unwrap_or_default();
    MacFacts { name, kind }
}

/// Reads `aa:bb:cc:dd:ee:ff`, with colons, hyphens, dots or nothing between the digits.
pub fn read_mac(text: &str) -> Option<[u8; 6]> {
    let digits = text.chars().filter(|one| !matches!(one, ':' | '-' | '.'));
    let digits = digits.take(13).collect::<String>();
    let number = u64::from_str_radix(&digits, 16).ok();
    let number = number.filter(|_| digits.len() == 12 && !digits.starts_with('+'))?;
    let [_, _, mac @ ..] = number.to_be_bytes();
    Some(mac)
}

/// As it is stored: `aa:bb:cc:dd:ee:ff`.
pub fn write_mac(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

const ALL_ONES: u64 = 0xffff_ffff_ffff;

fn number(mac: [u8; 6]) -> u64 {
    mac.iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    /// The first of them.
    first: u64,
    /// How many bits they share.
    bits: u32,
}

impl Block {
    /// Reads the hex digits with which an address begins.
    fn read(digits: &str) -> Option<Self> {
        let bits = u32::try_from(digits.len()).ok()?.checked_mul(4)?;
        let first = u64::from_str_radix(digits, 16).ok()?;
        let first = first.checked_shl(48_u32.checked_sub(bits)?)?;
        Some(Self { first, bits })
    }

    fn has(self, mac: u64) -> bool {
        Self::around(mac, self.bits) == self
    }

    fn around(mac: u64, bits: u32) -> Self {
        let first = mac & (ALL_ONES << 48_u32.saturating_sub(bits)) & ALL_ONES;
        Self { first, bits }
    }
}

struct Mark {
    block: Block,
    name: &'static str,
    kind: MacKind,
}

static MARKS: LazyLock<Vec<Mark>> = LazyLock::new(|| {
    let rows = super::tables::rows(include_str!("marks.tsv"));
    rows.filter_map(|[prefix, _, name, what]| {
        Some(Mark {
            block: Block::read(prefix)?,
            name,
            kind: match what {
                "virtual" => MacKind::Virtual,
                "shared" => MacKind::Shared,
                _ => return None,
            },
        })
    })
    .collect()
});

/// Who has the longest block that the address is in.
fn vendor(mac: u64) -> Option<&'static str> {
    let vendors = &*VENDORS;
    [36, 28, 24].into_iter().find_map(|bits| {
        let block = Block::around(mac, bits);
        let at = vendors.binary_search_by_key(&block, |row| row.0).ok()?;
        vendors.get(at).map(|row| row.1)
    })
}

/// All blocks, sorted; unpacked when they are first asked for.
static VENDORS: LazyLock<Vec<(Block, &'static str)>> = LazyLock::new(|| {
    const LONGEST: u64 = 8 << 20;
    let mut text = String::new();
    let packed = ZlibDecoder::new(&include_bytes!("vendors.z")[..]);
    // What does not unpack would be a fault of the build; a test looks at it.
    packed.take(LONGEST).read_to_string(&mut text).ok();
    let text: &'static str = text.leak();
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let rows = lines.flat_map(|(name, prefixes)| {
        let blocks = prefixes.split(' ').filter_map(Block::read);
        blocks.map(move |block| (block, name))
    });
    let mut rows = rows.collect::<Vec<_>>();
    rows.sort_unstable();
    rows
});

#[cfg(test)]
mod tests {
    use super::*;

    fn label(mac: &str) -> String {
        mac_facts(read_mac(mac).unwrap()).label()
    }

    #[test]
    fn makers_are_found_by_the_longest_block() {
        let cases = [
            ("f8:b1:56:00:00:01", "Dell"),
            ("00-00-0C-12-34-56", "Cisco"),
            ("0011.32aa.bbcc", "Synology"),
            // 70:b3:d5 is cut into blocks of 36 bits, which others have.
            ("70:b3:d5:71:90:01", "2M Technology"),
            ("70:b3:d5:f2:f0:01", "TELEPLATFORMS"),
            // 20:85:93 is cut into blocks of 28 bits.
            ("20:85:93:b0:00:01", "IOG Products"),
        ];
        for (mac, expected) in cases {
            assert_eq!(label(mac), expected, "{mac}");
        }
    }

    #[test]
    fn ranges_that_are_no_makers_are_marked() {
        let cases = [
            ("52:54:00:12:34:56", "QEMU (virtual)"),
            ("00:15:5d:01:02:03", "Hyper-V (virtual)"),
            ("00:50:56:01:02:03", "VMware (virtual)"),
            ("00:0c:29:01:02:03", "VMware (virtual)"),
            ("00:16:3e:01:02:03", "Xen (virtual)"),
            ("08:00:27:01:02:03", "VirtualBox (virtual)"),
            ("02:42:ac:11:00:02", "Docker (virtual)"),
            ("00:00:5e:00:01:0a", "VRRP (shared)"),
            ("00:00:5e:00:02:0a", "VRRP (shared)"),
            ("00:00:0c:07:ac:01", "HSRP (shared)"),
            ("00:00:0c:9f:f0:01", "HSRP (shared)"),
            ("00:07:b4:00:01:01", "GLBP (shared)"),
            ("02:bf:0a:00:00:01", "NLB (shared)"),
            ("03:bf:0a:00:00:01", "NLB (shared)"),
            ("da:a1:19:00:00:01", "local"),
            ("00:00:00:00:00:00", ""),
            ("ff:ff:ff:ff:ff:ff", ""),
            ("01:00:5e:00:00:fb", ""),
        ];
        for (mac, expected) in cases {
            assert_eq!(label(mac), expected, "{mac}");
        }
    }

    #[test]
    fn every_row_of_both_tables_is_read() {
        let rows = super::super::tables::rows::<4>(include_str!("marks.tsv"));
        let rows = rows.collect::<Vec<_>>();
        assert_eq!(rows.len(), MARKS.len());
        for ([prefix, bits, ..], mark) in rows.iter().zip(MARKS.iter()) {
            assert_eq!(mark.block.bits.to_string(), *bits, "{prefix}");
        }
        assert!(VENDORS.len() > 40_000, "{}", VENDORS.len());
        assert!(VENDORS.iter().all(|row| [24, 28, 36].contains(&row.0.bits)));
        assert!(VENDORS.iter().all(|row| !row.1.is_empty()));
    }

    #[test]
    fn what_is_no_hardware_address_is_none() {
        for text in [
            "",
            "00:11:22:33:44",
            "00:11:22:33:44:55:66",
            "zz:11:22:33:44:55",
            "+0:11:22:33:44:55",
        ] {
            assert_eq!(read_mac(text), None, "{text}");
        }
        assert_eq!(
            write_mac(read_mac("F8-B1-56-00-00-01").unwrap()),
            "f8:b1:56:00:00:01"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_address_makes_it_panic(mac: [u8; 6]) {
            let _ = mac_facts(mac).label();
            proptest::prop_assert_eq!(read_mac(&write_mac(mac)), Some(mac));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = read_mac(&text);
        }
    }
}
