//! What a Windows host says of itself before it knows us: the `CHALLENGE_MESSAGE` of NTLM (MS-NLMP
//! section 2.2.1.2). Evidence for display and for refusing, never for choosing where a secret goes.

use super::offers::Offers;

/// What a host says of itself. Hostile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Its NetBIOS name.
    pub netbios_name: Option<String>,
    /// The NetBIOS name of its domain; its own where it belongs to none.
    pub netbios_domain: Option<String>,
    /// Its full name.
    pub dns_name: Option<String>,
    /// The full name of its domain.
    pub dns_domain: Option<String>,
    /// The version of Windows: major, minor, build.
    pub os_build: Option<(u8, u8, u16)>,
    /// The schemes it offers in `WWW-Authenticate`.
    pub offers: Vec<String>,
    /// What answers, as in `Identify`: vendor and version.
    pub product: Option<String>,
}

impl Challenge {
    /// Whether an account of a domain may be used here: the host belongs to it, or is itself what
    /// is meant.
    pub(super) fn is_of(&self, domain: &str) -> bool {
        let is = |name: &Option<String>| {
            let name = name.as_deref().map(|name| name.trim_end_matches('.'));
            name.is_some_and(|name| {
                name.to_lowercase() == domain.trim_end_matches('.').to_lowercase()
            })
        };
        is(&self.netbios_domain)
            || is(&self.dns_domain)
            || is(&self.netbios_name)
            || is(&self.dns_name)
    }

    /// Whether the account is one of the host's own.
    pub(super) fn is_local(&self, domain: Option<&str>) -> bool {
        let Some(domain) = domain else {
            return true;
        };
        let own = self.netbios_name.as_deref().unwrap_or_default();
        own.to_lowercase() == domain.to_lowercase()
    }

    /// What to call its domain.
    pub(super) fn domain(&self) -> String {
        let dns = self.dns_domain.as_ref().filter(|name| !name.is_empty());
        let domain = dns.or(self.netbios_domain.as_ref());
        domain.cloned().unwrap_or_default()
    }
}

/// A challenge as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TypeTwo {
    /// What it says.
    pub(super) says: Challenge,
    flags: u32,
    has_target_info: bool,
    /// Whether it says what only a client may say, and what we would repeat under our seal.
    puts_words: bool,
}

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const UNICODE: u32 = 0x1;
const EXTENDED_SECURITY: u32 = 0x8_0000;
const VERSION: u32 = 0x200_0000;
const STRONG_KEYS: u32 = 0x2000_0000;
/// Longer names than DNS allows are none.
const LONGEST_NAME: usize = 255;
const MOST_PAIRS: usize = 32;
/// `MsvAvFlags`, `MsvAvTargetName`, `MsvAvChannelBindings`: a client's to say.
const FLAGS: u16 = 6;
const TARGET_NAME: u16 = 9;
const BINDINGS: u16 = 10;

impl TypeTwo {
    /// Reads a challenge, raw or inside a token of SPNEGO. `None` where there is none, or more than
    /// one: what is judged here has to be what the library answers.
    pub(super) fn parse(token: &[u8], offers: &Offers) -> Option<Self> {
        let mut marks = token.windows(SIGNATURE.len()).enumerate();
        let mut marks = marks.by_ref().filter(|(_, window)| *window == SIGNATURE);
        let (start, _) = marks.next()?;
        if marks.next().is_some() {
            return None;
        }
        let message = token.get(start..)?;
        if u32_at(message, 8)? != 2 {
            return None;
        }
        let flags = u32_at(message, 20)?;
        let mut says = Challenge {
            offers: offers.schemes.clone(),
            ..Challenge::default()
        };
        if flags & VERSION != 0 {
            let build = u16_at(message, 50);
            let version = message.get(48).copied().zip(message.get(49).copied());
            says.os_build = version
                .zip(build)
                .map(|((major, minor), build)| (major, minor, build));
        }
        let info = field(message, 40).unwrap_or_default();
        read_pairs(info, &mut says);
        Some(Self {
            says,
            flags,
            has_target_info: !info.is_empty(),
            puts_words: pairs(info).any(|(id, _)| matches!(id, FLAGS | TARGET_NAME | BINDINGS)),
        })
    }

    /// Whether the message is bare, not in SPNEGO.
    pub(super) fn is_raw(token: &[u8]) -> bool {
        token.starts_with(SIGNATURE)
    }

    /// Why it is too weak to answer; `None` where it is not.
    pub(super) fn weakness(&self) -> Option<&'static str> {
        if self.flags & (UNICODE | EXTENDED_SECURITY) != UNICODE | EXTENDED_SECURITY {
            return Some("it offers less than NTLMv2 session security");
        }
        if self.flags & STRONG_KEYS == 0 {
            return Some("it offers keys of less than 128 bits");
        }
        // The host's domain would take the first of two, which is theirs: no integrity check, or a
        // binding to another channel than ours.
        if self.puts_words {
            return Some("it holds what only we may say, as a relay would need it");
        }
        (!self.has_target_info).then_some("it says nothing of itself, as before NTLMv2")
    }
}

/// `AV_PAIR`s (MS-NLMP section 2.2.2.1), up to the first that cannot be read or ends them.
fn pairs(mut info: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let id = u16_at(info, 0)?;
        let end = 4 + usize::from(u16_at(info, 2)?);
        let value = info.get(4..end)?;
        info = info.get(end..)?;
        (id != 0).then_some((id, value))
    })
}

fn read_pairs(info: &[u8], says: &mut Challenge) {
    for (id, value) in pairs(info).take(MOST_PAIRS) {
        let slot = match id {
            1 => &mut says.netbios_name,
            2 => &mut says.netbios_domain,
            3 => &mut says.dns_name,
            4 => &mut says.dns_domain,
            _ => &mut None,
        };
        *slot = text(value);
    }
}

fn text(utf16: &[u8]) -> Option<String> {
    if utf16.is_empty() || utf16.len() > 2 * LONGEST_NAME {
        return None;
    }
    let units = utf16.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    let text = char::decode_utf16(units);
    let text = text.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(text.filter(|letter| !letter.is_control()).collect())
}

/// What a length, a maximum and an offset point at.
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16_at(message, at)?);
    let offset = usize::try_from(u32_at(message, at + 4)?).ok()?;
    message.get(offset..offset.checked_add(length)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let (word, _) = bytes.get(at..)?.split_first_chunk::<2>()?;
    Some(u16::from_le_bytes(*word))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, _) = bytes.get(at..)?.split_first_chunk::<4>()?;
    Some(u32::from_le_bytes(*word))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A challenge, put together after MS-NLMP.
    pub(in crate::session::winrm) fn challenge(pairs: &[(u16, &str)], flags: u32) -> Vec<u8> {
        let mut info = Vec::new();
        for (id, text) in pairs {
            let value: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            info.extend(id.to_le_bytes());
            info.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            info.extend(value);
        }
        info.extend([0; 4]);
        let length = u16::try_from(info.len()).unwrap().to_le_bytes();
        let mut message = SIGNATURE.to_vec();
        message.extend(2_u32.to_le_bytes());
        message.extend([0, 0, 0, 0, 56, 0, 0, 0]);
        message.extend(flags.to_le_bytes());
        message.extend([7; 8]);
        message.extend([0; 8]);
        message.extend(length);
        message.extend(length);
        message.extend(56_u32.to_le_bytes());
        message.extend([10, 0, 0x7c, 0x4f, 0, 0, 0, 15]);
        message.extend(info);
        message
    }

    pub(in crate::session::winrm) const STRONG: u32 = 0xe28a_8235;

    fn parse(token: &[u8]) -> Option<TypeTwo> {
        TypeTwo::parse(token, &Offers::default())
    }

    #[test]
    fn a_host_says_who_it_is() {
        let pairs = [
            (2, "CONTOSO"),
            (1, "WEB1"),
            (4, "contoso.test"),
            (3, "web1.contoso.test"),
        ];
        let message = challenge(&pairs, STRONG);
        let read = parse(&message).unwrap();
        assert_eq!(read.says.netbios_name.as_deref(), Some("WEB1"));
        assert_eq!(read.says.dns_domain.as_deref(), Some("contoso.test"));
        assert_eq!(read.says.os_build, Some((10, 0, 20348)));
        assert_eq!(read.weakness(), None);
        let mut wrapped = vec![0x60, 0x20, 1, 2, 3];
        wrapped.extend(&message);
        assert_eq!(parse(&wrapped), Some(read));
    }

    #[test]
    fn an_account_is_of_the_hosts_domain_or_of_the_host() {
        let pairs = [(2, "CONTOSO"), (1, "WEB1"), (4, "contoso.test")];
        let says = parse(&challenge(&pairs, STRONG)).unwrap().says;
        assert!(says.is_of("contoso") && says.is_of("Contoso.Test") && says.is_of("web1"));
        assert!(!says.is_of("FABRIKAM"));
        assert!(says.is_local(None) && says.is_local(Some("web1")));
        assert!(!says.is_local(Some("CONTOSO")));
    }

    #[test]
    fn a_challenge_of_old_is_too_weak() {
        let weak = challenge(&[(1, "OLD")], STRONG & !EXTENDED_SECURITY);
        assert!(parse(&weak).unwrap().weakness().is_some());
        let weak = challenge(&[(1, "OLD")], STRONG & !STRONG_KEYS);
        assert!(parse(&weak).unwrap().weakness().is_some());
    }

    #[test]
    fn a_host_puts_no_words_into_our_mouth() {
        for (id, value) in [
            (FLAGS, "\0\0"),
            (TARGET_NAME, "HTTP/x"),
            (BINDINGS, "12345678"),
        ] {
            let token = challenge(&[(1, "WEB1"), (2, "CONTOSO"), (id, value)], STRONG);
            assert!(parse(&token).unwrap().weakness().is_some(), "{id}");
        }
    }

    #[test]
    fn of_two_challenges_none_is_read() {
        let mut token = challenge(&[(2, "CONTOSO")], STRONG);
        token.extend(challenge(&[(2, "FABRIKAM")], 0));
        assert_eq!(parse(&token), None);
    }

    #[test]
    fn a_truncated_challenge_says_less_and_never_panics() {
        let whole = challenge(&[(2, "CONTOSO"), (1, "WEB1")], STRONG);
        for length in 0..whole.len() {
            let _ = parse(&whole[..length]);
        }
    }

    proptest! {
        #[test]
        fn anything_reads_without_a_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut message = SIGNATURE.to_vec();
            message.extend([2, 0, 0, 0]);
            message.extend(tail);
            let _ = parse(&message);
        }
    }
}
