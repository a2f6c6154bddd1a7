//! Values that are no identity: what makers leave in a field that nobody filled, and what software makes up.

use std::collections::HashSet;
use std::sync::LazyLock;

static JUNK: LazyLock<HashSet<(&'static str, String)>> = LazyLock::new(|| {
    let lines = include_str!("junk.tsv").lines();
    let rows = lines.filter(|line| !line.starts_with('#'));
    let rows = rows.filter_map(|line| line.split_once('\t'));
    let plain = |kind, value: &str| match kind {
        "serial" => letters(value),
        "uuid" => one_order(value).unwrap_or_default(),
        _ => value.to_lowercase(),
    };
    rows.map(|(kind, value)| (kind, plain(kind, value)))
        .collect()
});

fn is_listed(kind: &'static str, value: &str) -> bool {
    JUNK.contains(&(kind, value.to_owned()))
}

/// A serial number as it is compared: upper case, letters and digits only; `None` where it tells no machine
/// apart.
pub(super) fn serial(text: &str) -> Option<String> {
    const LONGEST: usize = 128;
    let plain = letters(text);
    let mut digits = plain.chars();
    let first = digits.next()?;
    let is_one_digit = digits.all(|digit| digit == first);
    let fits = (5..=LONGEST).contains(&plain.len());
    (fits && !is_one_digit && !is_listed("serial", &plain)).then_some(plain)
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(|one| one.is_alphanumeric());
    letters.flat_map(char::to_uppercase).collect()
}

/// An SMBIOS uuid as it is compared; `None` where it tells no machine apart.
pub(super) fn uuid(text: &str) -> Option<String> {
    let plain = one_order(text)?;
    let first = plain.chars().next()?;
    let is_one_digit = plain.chars().all(|digit| digit == first);
    (!is_one_digit && !is_listed("uuid", &plain)).then_some(plain)
}

/// The 32 digits in the lower of two orders: the first three fields are written with their bytes in either order,
/// by the version of SMBIOS and by the tool (DSP0134 7.2.1).
fn one_order(text: &str) -> Option<String> {
    let digits = text
        .chars()
        .filter(|one| !matches!(one, '-' | '{' | '}' | ' '));
    let digits = digits.take(33).collect::<String>().to_lowercase();
    let number = u128::from_str_radix(&digits, 16).ok();
    let number = number.filter(|_| digits.len() == 32 && !digits.starts_with('+'))?;
    let mut swapped = number.to_be_bytes();
    for field in [0..4, 4..6, 6..8] {
        if let Some(field) = swapped.get_mut(field) {
            field.reverse();
        }
    }
    let lower = number.min(u128::from_be_bytes(swapped));
    Some(format!("{lower:032x}"))
}

/// A machine-id as it is compared; `None` where it tells no machine apart.
pub(super) fn machine_id(text: &str) -> Option<String> {
    let plain = text.trim().trim_matches(['{', '}']).to_lowercase();
    let digits = plain.chars().filter(char::is_ascii_alphanumeric);
    let first = digits.clone().next()?;
    let is_one_digit = digits.clone().all(|digit| digit == first);
    let fits = (16..=128).contains(&digits.count());
    (fits && !is_one_digit && !is_listed("machine_id", &plain)).then_some(plain)
}

/// Whether many machines are called so.
pub(super) fn is_common_name(short: &str) -> bool {
    short.len() < 2 || is_listed("name", short) || short.chars().all(|one| one.is_ascii_digit())
}

/// Whether a hardware address, `aa:bb:cc:dd:ee:ff`, is one that software makes up for everybody.
pub(super) fn is_made_up_mac(mac: &str) -> bool {
    is_listed("mac", mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_filled_in_is_no_serial_number() {
        for text in [
            "To be filled by O.E.M.",
            "default STRING",
            "0",
            "0000000",
            "",
            "....",
            "123456789",
        ] {
            assert_eq!(serial(text), None, "{text}");
        }
        assert_eq!(serial("5cg-123 4xyz").as_deref(), Some("5CG1234XYZ"));
    }

    #[test]
    fn a_uuid_is_the_same_in_either_byte_order() {
        let one = uuid("4C4C4544-0044-3510-8051-B4C04F4D3132");
        assert_eq!(one, uuid("44454c4c-4400-1035-8051-b4c04f4d3132"));
        assert!(one.is_some());
        assert_eq!(uuid("03000200-0400-0500-0006-000700080009"), None);
        assert_eq!(uuid("00020003-0004-0005-0006-000700080009"), None);
        assert_eq!(uuid("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"), None);
        assert_eq!(uuid("no uuid"), None);
    }

    #[test]
    fn every_row_is_read() {
        let rows = include_str!("junk.tsv").lines();
        let rows = rows.filter(|line| !line.starts_with('#'));
        for row in rows {
            let (kind, value) = row.split_once('\t').unwrap();
            assert!(
                ["serial", "uuid", "machine_id", "name", "mac"].contains(&kind),
                "{row}"
            );
            assert!(!value.is_empty(), "{row}");
        }
        assert!(is_common_name("localhost") && !is_common_name("ws-0042"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = (serial(&text), uuid(&text), machine_id(&text), is_common_name(&text));
        }
    }
}
