//! The first two messages of NTLM (MS-NLMP): what a client opens with, and what a server answers.
//!
//! The second message tells the server's names, its domain, the version of its Windows and its clock.
//! The third one, `AUTHENTICATE`, is the one that names an account and proves a password. It cannot be
//! written with what is here, so nobody who looks at a host by this module can try a login.

use super::bytes::{cut, u16_le, u32_le, u64_le, unix_of_filetime, utf16};

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// Longer names than DNS allows are none.
const LONGEST_NAME: usize = 255;
const MOST_PAIRS: usize = 32;

/// MS-NLMP 2.2.2.5: Unicode, target, NTLM, always sign, extended session security, version, 128 bit,
/// key exchange, 56 bit.
const WANTED: u32 = 0xe208_8205;
const HAS_VERSION: u32 = 0x0200_0000;
const TARGET_IS_A_DOMAIN: u32 = 0x0001_0000;

/// The `NEGOTIATE_MESSAGE` (MS-NLMP 2.2.1.1). It is the same for every host, and names nobody.
pub fn negotiate() -> Vec<u8> {
    let mut message = SIGNATURE.to_vec();
    message.extend(1_u32.to_le_bytes());
    message.extend(WANTED.to_le_bytes());
    // Neither a domain nor a workstation: two empty fields that point at the end.
    for _ in 0..2 {
        message.extend([0, 0, 0, 0, 40, 0, 0, 0]);
    }
    // Version 10.0, build 19041, revision 15 (2.2.2.10).
    message.extend([10, 0, 0x61, 0x4a, 0, 0, 0, 15]);
    message
}

/// What a server says of itself in its `CHALLENGE_MESSAGE` (MS-NLMP 2.2.1.2). Hostile; names are as
/// they were sent, and `None` where they are not told or too long to be one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// What it wants to be called: its domain, or itself where it belongs to none.
    pub target: Option<String>,
    /// Whether it calls the target a domain.
    pub is_target_a_domain: bool,
    /// Its NetBIOS name.
    pub netbios_computer: Option<String>,
    /// The NetBIOS name of its domain; its own where it belongs to none.
    pub netbios_domain: Option<String>,
    /// Its DNS name.
    pub dns_computer: Option<String>,
    /// The DNS name of its domain.
    pub dns_domain: Option<String>,
    /// The DNS name of its forest.
    pub dns_forest: Option<String>,
    /// Major, minor and build number of its Windows, or of what it takes itself for (2.2.2.10).
    pub version: Option<(u8, u8, u16)>,
    /// Its clock, in Unix seconds.
    pub time: Option<i64>,
}

impl Challenge {
    /// The challenge in a token, whatever it is wrapped in: SPNEGO, `TSRequest`, or nothing. `None`
    /// where there is none, or only the beginning of one.
    pub fn find(token: &[u8]) -> Option<Self> {
        let mut starts = token.windows(SIGNATURE.len()).enumerate();
        let (start, _) = starts.find(|(_, window)| *window == SIGNATURE)?;
        Self::parse(token.get(start..)?)
    }

    /// Reads a bare message.
    pub fn parse(message: &[u8]) -> Option<Self> {
        if !message.starts_with(SIGNATURE) || u32_le(message, 8)? != 2 {
            return None;
        }
        let flags = u32_le(message, 20)?;
        // Before NTLM version 2 a challenge ended here, or after the eight bytes that follow.
        cut(message, 24, 8)?;
        let target = field(message, 12)?;
        let info = match message.get(40..48) {
            Some(_) => field(message, 40)?,
            None => Field::default(),
        };
        let mut challenge = Self {
            target: name(target.bytes),
            is_target_a_domain: flags & TARGET_IS_A_DOMAIN != 0,
            version: version(message, flags, [&target, &info]),
            ..Self::default()
        };
        challenge.read_pairs(info.bytes);
        Some(challenge)
    }

    /// `AV_PAIR`s (MS-NLMP 2.2.2.1), up to the first that cannot be read or ends them.
    fn read_pairs(&mut self, info: &[u8]) {
        for (id, value) in pairs(info).take(MOST_PAIRS) {
            match id {
                1 => self.netbios_computer = name(value),
                2 => self.netbios_domain = name(value),
                3 => self.dns_computer = name(value),
                4 => self.dns_domain = name(value),
                5 => self.dns_forest = name(value),
                7 => self.time = u64_le(value, 0).and_then(unix_of_filetime),
                _ => {}
            }
        }
    }
}

/// Only where the flag says so, and where the first thing pointed at leaves room for it: old servers
/// set the flag and begin with the target's name.
fn version(message: &[u8], flags: u32, fields: [&Field<'_>; 2]) -> Option<(u8, u8, u16)> {
    let pointed = fields.iter().filter(|field| !field.bytes.is_empty());
    let has_room = pointed.map(|field| field.offset).all(|offset| offset >= 56);
    if flags & HAS_VERSION == 0 || !has_room {
        return None;
    }
    let [major, minor] = cut(message, 48, 2)?.try_into().ok()?;
    Some((major, minor, u16_le(message, 50)?))
}

fn pairs(mut info: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let id = u16_le(info, 0)?;
        let end = 4 + usize::from(u16_le(info, 2)?);
        let value = info.get(4..end)?;
        info = info.get(end..)?;
        (id != 0).then_some((id, value))
    })
}

fn name(bytes: &[u8]) -> Option<String> {
    let fits = !bytes.is_empty() && bytes.len() <= 2 * LONGEST_NAME;
    fits.then(|| utf16(bytes))
}

#[derive(Default)]
struct Field<'a> {
    offset: usize,
    bytes: &'a [u8],
}

/// What a length, a maximum and an offset point at; `None` where that is not there.
fn field(message: &[u8], at: usize) -> Option<Field<'_>> {
    let length = usize::from(u16_le(message, at)?);
    let offset = usize::try_from(u32_le(message, at + 4)?).ok()?;
    if length == 0 {
        return Some(Field::default());
    }
    let bytes = cut(message, offset, length)?;
    Some(Field { offset, bytes })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The `CHALLENGE_MESSAGE` of MS-NLMP 4.2.4.3, byte for byte: `Server` in `Domain`, 6.0 build 6000.
    pub(crate) const SPECIFIED: &[u8] = &[
        0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00, 0x02, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x0c,
        0x00, 0x38, 0x00, 0x00, 0x00, 0x33, 0x82, 0x8a, 0xe2, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
        0xcd, 0xef, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x24, 0x00, 0x24, 0x00, 0x44,
        0x00, 0x00, 0x00, 0x06, 0x00, 0x70, 0x17, 0x00, 0x00, 0x00, 0x0f, 0x53, 0x00, 0x65, 0x00,
        0x72, 0x00, 0x76, 0x00, 0x65, 0x00, 0x72, 0x00, 0x02, 0x00, 0x0c, 0x00, 0x44, 0x00, 0x6f,
        0x00, 0x6d, 0x00, 0x61, 0x00, 0x69, 0x00, 0x6e, 0x00, 0x01, 0x00, 0x0c, 0x00, 0x53, 0x00,
        0x65, 0x00, 0x72, 0x00, 0x76, 0x00, 0x65, 0x00, 0x72, 0x00, 0x00, 0x00, 0x00, 0x00,
    ];

    /// The `CHALLENGE_MESSAGE` of MS-NLMP 4.2.2.3, of NTLM version 1: no target information.
    const SPECIFIED_OLD: &[u8] = &[
        0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00, 0x02, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x0c,
        0x00, 0x38, 0x00, 0x00, 0x00, 0x33, 0x82, 0x02, 0xe2, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
        0xcd, 0xef, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x06, 0x00, 0x70, 0x17, 0x00, 0x00, 0x00, 0x0f, 0x53, 0x00, 0x65, 0x00,
        0x72, 0x00, 0x76, 0x00, 0x65, 0x00, 0x72, 0x00,
    ];

    /// A challenge put together after MS-NLMP 2.2.1.2, as a Windows sends it.
    pub(crate) fn challenge(
        version: (u8, u8, u16),
        names: &[(u16, &str)],
        time: Option<u64>,
    ) -> Vec<u8> {
        let mut info = Vec::new();
        let mut add = |id: u16, value: &[u8]| {
            info.extend(id.to_le_bytes());
            info.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            info.extend(value);
        };
        let units =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        for (id, text) in names {
            add(*id, &units(text));
        }
        if let Some(time) = time {
            add(7, &time.to_le_bytes());
        }
        add(0, &[]);
        let target = units(names.first().map_or("", |(_, text)| text));
        let field = |length: usize, offset: usize| -> Vec<u8> {
            let length = u16::try_from(length).unwrap().to_le_bytes();
            let offset = u32::try_from(offset).unwrap().to_le_bytes();
            length.into_iter().chain(length).chain(offset).collect()
        };
        let mut message = SIGNATURE.to_vec();
        message.extend(2_u32.to_le_bytes());
        message.extend(field(target.len(), 56));
        message.extend(0xe289_8215_u32.to_le_bytes());
        message.extend([7; 8]);
        message.extend([0; 8]);
        message.extend(field(info.len(), 56 + target.len()));
        message.extend([version.0, version.1]);
        message.extend(version.2.to_le_bytes());
        message.extend([0, 0, 0, 15]);
        message.extend(target);
        message.extend(info);
        message
    }

    #[test]
    fn the_first_message_is_as_specified_and_names_nobody() {
        let message = negotiate();
        assert_eq!(message.len(), 40);
        assert_eq!(message.get(..12), Some(&b"NTLMSSP\0\x01\0\0\0"[..]));
        assert_eq!(u32_le(&message, 12), Some(0xe208_8205));
        let empty: &[u8] = &[0, 0, 0, 0, 40, 0, 0, 0];
        assert_eq!(message.get(16..24), Some(empty));
        assert_eq!(message.get(24..32), Some(empty));
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        let read = Challenge::parse(SPECIFIED).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(read.target, text("Server"));
        assert_eq!(read.netbios_computer, text("Server"));
        assert_eq!(read.netbios_domain, text("Domain"));
        assert_eq!((read.dns_computer, read.time), (None, None));
        assert_eq!(read.version, Some((6, 0, 6000)));
        let old = Challenge::parse(SPECIFIED_OLD).unwrap();
        assert_eq!((old.target, old.netbios_domain), (text("Server"), None));
        assert_eq!(old.version, Some((6, 0, 6000)));
    }

    #[test]
    fn a_windows_says_who_it_is_and_what_time_it_has() {
        let names = [
            (2, "CONTOSO"),
            (1, "WEB1"),
            (4, "contoso.test"),
            (3, "web1.contoso.test"),
            (5, "contoso.test"),
        ];
        // 2026-11-29 00:00:00 UTC.
        let moment = (1_795_910_400 + 11_644_473_600) * 10_000_000;
        let mut wrapped = vec![0xa1, 0x81, 0xf0, 0x30];
        wrapped.extend(challenge((10, 0, 17763), &names, Some(moment)));
        let read = Challenge::find(&wrapped).unwrap();
        assert_eq!(read.version, Some((10, 0, 17763)));
        assert!(read.is_target_a_domain);
        assert_eq!(read.time, Some(1_795_910_400));
        assert_eq!(read.dns_computer.as_deref(), Some("web1.contoso.test"));
        assert_eq!(read.dns_forest.as_deref(), Some("contoso.test"));
    }

    #[test]
    fn a_version_without_room_for_it_is_none() {
        // The target's name begins where the version would stand.
        let mut message = SPECIFIED.to_vec();
        message[16] = 48;
        message[42] = 0;
        assert_eq!(Challenge::parse(&message).unwrap().version, None);
        let mut message = SPECIFIED.to_vec();
        message[23] &= !0x02;
        assert_eq!(Challenge::parse(&message).unwrap().version, None);
    }

    #[test]
    fn the_other_messages_are_no_challenge() {
        assert_eq!(Challenge::find(&negotiate()), None);
        let mut third = SPECIFIED.to_vec();
        third[8] = 3;
        assert_eq!(Challenge::parse(&third), None);
        assert_eq!(Challenge::find(b""), None);
    }

    #[test]
    fn a_name_longer_than_dns_allows_is_none() {
        let long = "x".repeat(256);
        let read = Challenge::parse(&challenge((10, 0, 1), &[(3, &long), (1, "A")], None));
        let read = read.unwrap();
        assert_eq!((read.dns_computer, read.target), (None, None));
        assert_eq!(read.netbios_computer.as_deref(), Some("A"));
    }

    #[test]
    fn a_truncated_challenge_is_no_challenge() {
        for length in 0..SPECIFIED.len() {
            assert_eq!(Challenge::find(&SPECIFIED[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut message = SIGNATURE.to_vec();
            message.extend([2, 0, 0, 0]);
            message.extend(tail);
            let _ = Challenge::find(&message);
        }

        #[test]
        fn no_byte_changed_makes_it_panic(at in 0..SPECIFIED.len(), byte: u8) {
            let mut message = SPECIFIED.to_vec();
            message[at] = byte;
            let _ = Challenge::find(&message);
        }
    }
}
