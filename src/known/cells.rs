//! What a cell of a list means: names, addresses, hardware addresses, uuids, keys. Every reader is total.

use crate::model::hex;
use crate::wire::base64;
use sha2::{Digest as _, Sha256};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest text that is kept of one cell, in characters.
const MOST_TEXT: usize = 400;
/// The most values in one cell.
const MOST_VALUES: usize = 64;

/// Words that say that nothing is known.
const NOTHING: &[&str] = &[
    "",
    "-",
    "--",
    "?",
    "n/a",
    "n.a.",
    "na",
    "none",
    "null",
    "(null)",
    "nil",
    "unknown",
    "undefined",
    "not available",
    "not set",
    "(not set)",
    "#n/a",
    "k.a.",
    "unbekannt",
    "keine",
    "inconnu",
    "aucun",
    "s/o",
    "{}",
    "[]",
];

/// What separates several values in one cell.
const SEPARATORS: &[char] = &[
    ',', ';', '|', '\n', '\r', '\t', '{', '}', '[', ']', '"', '\'',
];

/// The text of a cell without what surrounds it; `None` where it says that nothing is known.
pub(super) fn text(cell: &str) -> Option<&str> {
    let is_edge = |one: char| one.is_whitespace() || one == '\0' || one == '\u{feff}';
    let text = cell.trim_matches(is_edge);
    // Spreadsheets' mark of a text, and the guard before what looks like a formula.
    let text = text.strip_prefix('\'').unwrap_or(text);
    let is_nothing = text.chars().count() <= 16 && {
        let lower = text.to_lowercase();
        NOTHING.contains(&lower.as_str())
    };
    (!is_nothing).then_some(text)
}

/// A text as it is kept: in one line and not too long.
pub(super) fn kept(text: &str) -> String {
    let mut kept: String = text.chars().take(MOST_TEXT).collect();
    if kept.contains(char::is_control) {
        let words = kept.split(|one: char| one.is_control() || one == ' ');
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        kept = words.join(" ");
    }
    kept
}

/// A value as it is shown in a problem.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = kept(text).chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The values of a cell.
pub(super) fn values(cell: &str) -> impl Iterator<Item = &str> {
    let parts = cell.split(|one| SEPARATORS.contains(&one));
    parts.filter_map(text).take(MOST_VALUES)
}

/// What a name says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Option<String>,
    pub(super) fqdn: Option<String>,
    pub(super) domain: Option<String>,
}

/// Reads `HOST`, `HOST$`, `DOMAIN\HOST`, `host.corp.example.` or `CN=HOST,OU=…,DC=corp,DC=example`.
pub(super) fn name(text: &str) -> Named {
    if let Some(named) = distinguished(text) {
        return named;
    }
    let (domain, rest) = match text.split_once('\\') {
        Some((domain, rest)) => (self::text(domain), rest),
        None => (None, text),
    };
    // Lansweeper numbers its names: `CORP\PC-1\1`.
    let rest = rest.split('\\').next().unwrap_or_default();
    let rest = rest.strip_suffix('$').unwrap_or(rest);
    let rest = rest.strip_suffix('.').unwrap_or(rest).trim();
    let fqdn = is_fqdn(rest).then(|| kept(rest));
    let short = match &fqdn {
        Some(_) => rest.split('.').next().unwrap_or_default(),
        None => rest,
    };
    let is_name = short.chars().any(char::is_alphanumeric) && short.chars().count() <= 255;
    Named {
        name: is_name.then(|| kept(short)),
        fqdn,
        domain: domain.filter(|domain| *domain != ".").map(kept),
    }
}

/// Reads a distinguished name (RFC 4514): the common name in front, and the domain of its `DC=` parts.
fn distinguished(text: &str) -> Option<Named> {
    let (kind, _) = text.split_once('=')?;
    let is_kind = |kind: &str| ["cn", "ou", "dc"].contains(&kind.trim().to_lowercase().as_str());
    if !is_kind(kind) {
        return None;
    }
    let parts = split_unescaped(text);
    let of = |wanted: &str| -> Vec<String> {
        let parts = parts.iter().filter_map(|part| part.split_once('='));
        let parts = parts.filter(|(kind, _)| kind.trim().eq_ignore_ascii_case(wanted));
        parts
            .map(|(_, value)| value.trim().replace('\\', ""))
            .collect()
    };
    let domain = of("dc").join(".");
    Some(Named {
        name: of("cn").first().map(|name| kept(name)),
        fqdn: None,
        domain: (!domain.is_empty()).then(|| kept(&domain)),
    })
}

/// Splits at commas that no backslash is before.
fn split_unescaped(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_escaped = false;
    for one in text.chars() {
        if one == ',' && !is_escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(one);
        }
        is_escaped = one == '\\' && !is_escaped;
    }
    parts
}

/// The domain in a cell that holds a domain, a distinguished name, or a canonical one.
pub(super) fn domain(text: &str) -> Option<String> {
    if let Some(named) = distinguished(text) {
        return named.domain;
    }
    let text = text.split(['/', '\\']).next()?.trim_end_matches('.').trim();
    self::text(text).map(kept)
}

/// Who answers for a machine; of a distinguished name the common name.
pub(super) fn owner(text: &str) -> Option<String> {
    distinguished(text).map_or_else(|| Some(kept(text)), |named| named.name)
}

/// Whether a text can be a label of a DNS name, as they are found in practice: also with an underscore.
fn is_label(text: &str) -> bool {
    let inside = |one: char| one.is_alphanumeric() || one == '-' || one == '_';
    !text.is_empty()
        && text.chars().count() <= 63
        && text.chars().all(inside)
        && !text.starts_with('-')
}

/// Whether a text is a DNS name of several labels, and no address.
pub(super) fn is_fqdn(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut labels = text.split('.');
    let last = labels.next_back().unwrap_or_default();
    text.len() <= 253
        && text.contains('.')
        && is_label(last)
        && last.chars().any(char::is_alphabetic)
        && labels.all(is_label)
}

/// Whether a text can be the name of a machine: one label with a letter in it, or several.
pub(super) fn is_hostname(text: &str) -> bool {
    is_fqdn(text) || (is_label(text) && text.chars().any(char::is_alphabetic))
}

/// Reads one address: also with a prefix length, a zone, or in brackets.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches(['[', ']', '(', ')']);
    let text = text.split(['/', '%']).next()?;
    let address: IpAddr = text.parse().ok()?;
    Some(address.to_canonical())
}

/// The addresses in a cell that can tell a machine, and the first value that is none.
pub(super) fn addresses(cell: &str) -> (Vec<IpAddr>, Option<&str>) {
    let mut found = Vec::new();
    let mut bad = None;
    for value in values(cell)
        .flat_map(str::split_whitespace)
        .take(MOST_VALUES)
    {
        match address(value) {
            Some(address) if !is_nobodys(address) => push(&mut found, address),
            Some(_) => {}
            None => bad = bad.or(Some(value)),
        }
    }
    (found, bad)
}

/// Addresses that every machine has or none. Other addresses of loopback are those of simulated networks.
fn is_nobodys(address: IpAddr) -> bool {
    address.is_unspecified()
        || address == IpAddr::V4(Ipv4Addr::LOCALHOST)
        || address == IpAddr::V6(Ipv6Addr::LOCALHOST)
        || address.is_multicast()
        || match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

fn push<T: PartialEq>(found: &mut Vec<T>, one: T) {
    if !found.contains(&one) {
        found.push(one);
    }
}

/// Reads one hardware address in any of its spellings, as `aa:bb:cc:dd:ee:ff`. A DHCP client's id with the
/// hardware type before it (RFC 2132 section 9.14) is one.
pub(super) fn mac(text: &str) -> Option<String> {
    let text = text.trim();
    let is_separator = |one: char| matches!(one, ':' | '-' | '.' | ' ');
    let digits: String = text.chars().filter(|one| !is_separator(*one)).collect();
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let digits = match (digits.len(), digits.strip_prefix("01")) {
        (12, _) => digits.as_str(),
        (14, Some(rest)) if text.contains(is_separator) => rest,
        _ => return None,
    };
    let digits = digits.to_ascii_lowercase();
    let pairs: Vec<_> = digits.as_bytes().chunks(2).collect();
    let pairs: Vec<_> = pairs.into_iter().map(String::from_utf8_lossy).collect();
    Some(pairs.join(":"))
}

/// The hardware addresses in a cell that can tell a machine, and the first value that is none.
pub(super) fn macs(cell: &str) -> (Vec<String>, Option<&str>) {
    let mut found = Vec::new();
    let mut bad = None;
    for value in values(cell) {
        if let Some(mac) = mac(value) {
            keep_mac(&mut found, mac);
            continue;
        }
        for word in value.split_whitespace().take(MOST_VALUES) {
            match mac(word) {
                Some(mac) => keep_mac(&mut found, mac),
                None => bad = bad.or(Some(word)),
            }
        }
    }
    (found, bad)
}

fn keep_mac(found: &mut Vec<String>, mac: String) {
    if mac != "00:00:00:00:00:00" && mac != "ff:ff:ff:ff:ff:ff" {
        push(found, mac);
    }
}

/// Reads a uuid, with or without hyphens and braces, as lower case with hyphens.
pub(super) fn uuid(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("urn:uuid:").unwrap_or(text);
    let text = text.trim_matches(['{', '}', '(', ')']);
    let digits: String = text.chars().filter(|one| *one != '-').collect();
    let is_hex = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_grouped = text.len() == 32 || text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    if !is_hex || !is_grouped {
        return None;
    }
    hyphenated(&digits.to_ascii_lowercase())
}

fn hyphenated(digits: &str) -> Option<String> {
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let parts: Option<Vec<_>> = parts.into_iter().map(|part| digits.get(part)).collect();
    Some(parts?.join("-"))
}

/// A uuid of 16 bytes as Windows keeps it: the first three groups with their lowest byte first.
pub(super) fn uuid_of_bytes(bytes: &[u8]) -> Option<String> {
    let mut bytes: [u8; 16] = bytes.try_into().ok()?;
    for group in [0..4, 4..6, 6..8] {
        bytes.get_mut(group)?.reverse();
    }
    hyphenated(&hex(&bytes))
}

/// Reads an SSH host key, or its fingerprint, as `SHA256:…`.
pub(super) fn host_key(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    if let Some(fingerprint) = words.clone().find(|word| word.starts_with("SHA256:")) {
        let digest = fingerprint.strip_prefix("SHA256:")?.trim_end_matches('=');
        return (base64::decode(digest)?.len() == 32).then(|| format!("SHA256:{digest}"));
    }
    let key = words.find(|word| word.starts_with("AAAA"))?;
    let digest = Sha256::digest(base64::decode(key)?);
    let digest = base64::encode(&digest);
    Some(format!("SHA256:{}", digest.trim_end_matches('=')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_in_many_ways() {
        for cell in ["", " - ", "N/A", "Unknown", "null", "'", "\u{feff}", "{}"] {
            assert_eq!(text(cell), None, "{cell:?}");
        }
        assert_eq!(text(" '=PC-1 "), Some("=PC-1"));
    }

    #[test]
    fn a_name_is_taken_apart() {
        let read = |text: &str| {
            let named = name(text);
            let plain = |part: Option<String>| part.unwrap_or_default();
            [plain(named.name), plain(named.fqdn), plain(named.domain)]
        };
        assert_eq!(read("PC-1$"), ["PC-1", "", ""]);
        assert_eq!(read(r"CORP\PC-1\1"), ["PC-1", "", "CORP"]);
        assert_eq!(read(r".\PC-1"), ["PC-1", "", ""]);
        assert_eq!(
            read("pc-1.corp.example."),
            ["pc-1", "pc-1.corp.example", ""]
        );
        assert_eq!(read("Anna's MacBook"), ["Anna's MacBook", "", ""]);
        let distinguished = r"CN=PC\,1,OU=Büro,DC=corp,DC=example";
        assert_eq!(read(distinguished), ["PC,1", "", "corp.example"]);
        assert_eq!(read("$"), ["", "", ""]);
    }

    #[test]
    fn several_addresses_stand_in_one_cell() {
        let (found, bad) = addresses("{10.0.0.5, fe80::1%eth0, 2001:db8::5/64, 127.0.0.1}");
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.5", "2001:db8::5"]);
        assert_eq!(bad, None);
        assert_eq!(addresses("10.0.0.5 dhcp").1, Some("dhcp"));
        assert_eq!(addresses("::ffff:10.0.0.5").0, addresses("10.0.0.5").0);
    }

    #[test]
    fn a_mac_is_read_in_every_spelling() {
        for text in [
            "00-15-5D-0A-0B-0C",
            "00:15:5d:0a:0b:0c",
            "0015.5d0a.0b0c",
            "00155D0A0B0C",
            "00 15 5d 0a 0b 0c",
            "01-00-15-5d-0a-0b-0c",
        ] {
            assert_eq!(mac(text).as_deref(), Some("00:15:5d:0a:0b:0c"), "{text}");
        }
        for text in [
            "",
            "00-15",
            "52-41-53-20-00-00-00-00",
            "0100155d0a0b0c",
            "gg:15:5d:0a:0b:0c",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
        let (found, bad) = macs("00155D0A0B0C;00:00:00:00:00:00, 00-15-5d-0a-0b-0d x");
        assert_eq!(found, ["00:15:5d:0a:0b:0c", "00:15:5d:0a:0b:0d"]);
        assert_eq!(bad, Some("x"));
    }

    #[test]
    fn a_uuid_is_lower_case_with_hyphens() {
        let expected = Some("4c4c4544-0042-3510-8051-b4c04f4a4b32");
        for text in [
            "{4C4C4544-0042-3510-8051-B4C04F4A4B32}",
            "4C4C454400423510805 1B4C04F4A4B32",
            "urn:uuid:4c4c4544-0042-3510-8051-b4c04f4a4b32",
        ] {
            assert_eq!(uuid(&text.replace(' ', "")).as_deref(), expected, "{text}");
        }
        assert_eq!(uuid("4C4C-45440042351080 51B4C04F4A4B32"), None);
        let bytes = b"\x44\x45\x4c\x4c\x42\x00\x10\x35\x80\x51\xb4\xc0\x4f\x4a\x4b\x32";
        assert_eq!(uuid_of_bytes(bytes).as_deref(), expected);
    }

    #[test]
    fn a_key_becomes_its_fingerprint() {
        let blob =
            base64::encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20................................");
        let digest = Sha256::digest(base64::decode(&blob).unwrap());
        let digest = base64::encode(&digest);
        let expected = format!("SHA256:{}", digest.trim_end_matches('='));
        assert_eq!(
            host_key(&format!("ssh-ed25519 {blob}")),
            Some(expected.clone())
        );
        assert_eq!(host_key(&expected), Some(expected));
        assert_eq!(host_key("SHA256:short"), None);
        assert_eq!(host_key("aa:bb"), None);
    }
}
