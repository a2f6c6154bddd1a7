//! The accepting side of NTLM (MS-NLMP): `NTLMv2` with a message integrity code, and nothing weaker.
//!
//! Written apart from the scanner's own client, so that the one is a test of the other. A peer that
//! does not sign its three messages although the challenge carries a timestamp is refused, and so is
//! an `NTLMv1` answer.

use super::seal::{Direction, Rc4, Way, hmac_md5, md5};
use md4::{Digest as _, Md4};

pub(super) const MAGIC: &[u8] = b"NTLMSSP\0";

/// What an acceptor agrees to, MS-NLMP 2.2.2.5: Unicode, target, sign, seal, NTLM, always sign,
/// extended session security, target info, version, 128 bit, key exchange, 56 bit.
const AGREED: u32 = 0xe288_8235;
/// What it sets whatever the peer wants: Unicode, NTLM, extended session security, target info.
const ALWAYS: u32 = 0x0088_0201;
const TARGET_IS_A_DOMAIN: u32 = 0x0001_0000;
const TARGET_IS_A_SERVER: u32 = 0x0002_0000;
const KEY_EXCHANGE: u32 = 0x4000_0000;

/// A moment for every challenge: who is given one has to sign (MS-NLMP 3.1.5.1.2).
const MOMENT: u64 = 0x01dc_8f6a_0000_0000;

/// What a host says of itself in a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// The `NetBIOS` name of the machine.
    pub(super) computer: String,
    /// The `NetBIOS` name of its domain, where it has one.
    pub(super) domain: Option<String>,
    /// The full name of the machine.
    pub(super) dns_computer: String,
    /// The full name of its domain, where it has one.
    pub(super) dns_domain: Option<String>,
    /// Major, minor and build number of its Windows.
    pub(super) version: (u8, u8, u16),
}

/// A challenge that was given out: the first two messages, and what they agreed on.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    negotiate: Vec<u8>,
    message: Vec<u8>,
    nonce: [u8; 8],
}

/// What a peer sends as its third message, before it is judged.
#[derive(Clone, Debug)]
pub(super) struct Authenticate<'a> {
    message: &'a [u8],
    lm: &'a [u8],
    response: &'a [u8],
    domain: Vec<u8>,
    user: Vec<u8>,
    wrapped_key: &'a [u8],
    flags: u32,
}

/// What a connection's certificate has to do with a logon: MS-NLMP 3.1.5.1.2, `MsvAvChannelBindings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// Not looked at.
    Ignored,
    /// Looked at where there is one.
    Relaxed([u8; 16]),
    /// Has to be there and right.
    Strict([u8; 16]),
}

/// A session that both sides hold the keys of.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) incoming: Direction,
    pub(super) outgoing: Direction,
}

/// Why a third message is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    WrongPassword,
    NotVersion2,
    NoIntegrity,
    WrongIntegrity,
    WrongBinding,
}

/// Whether a token is a message of a type.
pub(super) fn is_message(token: &[u8], number: u32) -> bool {
    token.starts_with(MAGIC) && u32_at(token, 8) == Some(number)
}

impl Challenge {
    /// Answers a first message (MS-NLMP 2.2.1.1) with a second one (2.2.1.2).
    pub(super) fn answer(negotiate: &[u8], nonce: [u8; 8], names: &Names) -> Option<Self> {
        if !is_message(negotiate, 1) {
            return None;
        }
        let wanted = u32_at(negotiate, 12)?;
        let kind = match names.domain {
            Some(_) => TARGET_IS_A_DOMAIN,
            None => TARGET_IS_A_SERVER,
        };
        let flags = wanted & AGREED | ALWAYS | kind;
        let target = utf16(names.domain.as_ref().unwrap_or(&names.computer));
        let info = names.pairs();
        let mut message = MAGIC.to_vec();
        message.extend(2_u32.to_le_bytes());
        message.extend(field(target.len(), 56));
        message.extend(flags.to_le_bytes());
        message.extend(nonce);
        message.extend([0; 8]);
        message.extend(field(info.len(), 56 + target.len()));
        let (major, minor, build) = names.version;
        message.extend([major, minor]);
        message.extend(build.to_le_bytes());
        message.extend([0, 0, 0, 15]);
        message.extend(target);
        message.extend(info);
        Some(Self {
            negotiate: negotiate.to_vec(),
            message,
            nonce,
        })
    }

    /// The second message, to send.
    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Judges a third message by the password of the account that it names.
    pub(super) fn judge(
        &self,
        answer: &Authenticate<'_>,
        password: &str,
        binding: Binding,
    ) -> Result<Session, Refusal> {
        let (proof, blob) = answer
            .response
            .split_at_checked(16)
            .ok_or(Refusal::NotVersion2)?;
        if blob.len() < 28 || !blob.starts_with(&[1, 1]) {
            return Err(Refusal::NotVersion2);
        }
        let key = version_2_key(password, &answer.user, &answer.domain);
        if hmac_md5(&key, &[&self.nonce, blob]) != proof {
            return Err(Refusal::WrongPassword);
        }
        let base = hmac_md5(&key, &[proof]);
        let mut session_key = base;
        if answer.flags & KEY_EXCHANGE != 0 {
            session_key = answer
                .wrapped_key
                .try_into()
                .map_err(|_| Refusal::Malformed)?;
            Rc4::new(&base).apply(&mut session_key);
        }
        let pairs = pairs(blob.get(28..).unwrap_or_default()).ok_or(Refusal::Malformed)?;
        self.integrity(answer, &session_key, &pairs)?;
        binding.judge(&pairs)?;
        Ok(Session {
            incoming: Direction::new(&session_key, answer.flags, Way::ToServer),
            outgoing: Direction::new(&session_key, answer.flags, Way::ToClient),
        })
    }

    /// Whether the LM answer beside the real one is empty or `LMv2` (MS-NLMP 3.3.2): an older one
    /// would give the password away. Clients should leave it empty; some do not.
    pub(super) fn is_modern(&self, answer: &Authenticate<'_>, password: &str) -> bool {
        if answer.lm.iter().all(|byte| *byte == 0) {
            return true;
        }
        let key = version_2_key(password, &answer.user, &answer.domain);
        let parts = answer.lm.split_at_checked(16);
        parts.is_some_and(|(proof, own)| hmac_md5(&key, &[&self.nonce, own]) == proof)
    }

    /// MS-NLMP 3.2.5.1.2: the code over all three messages, its own place taken as zero.
    fn integrity(
        &self,
        answer: &Authenticate<'_>,
        key: &[u8; 16],
        pairs: &[(u16, &[u8])],
    ) -> Result<(), Refusal> {
        let flags = pair(pairs, 6).and_then(|flags| u32_at(flags, 0));
        if flags.is_none_or(|flags| flags & 2 == 0) {
            return Err(Refusal::NoIntegrity);
        }
        let (head, rest) = answer
            .message
            .split_at_checked(72)
            .ok_or(Refusal::NoIntegrity)?;
        let (code, tail) = rest.split_at_checked(16).ok_or(Refusal::NoIntegrity)?;
        let parts: [&[u8]; 5] = [&self.negotiate, &self.message, head, &[0; 16], tail];
        if hmac_md5(key, &parts) != code {
            return Err(Refusal::WrongIntegrity);
        }
        Ok(())
    }
}

impl<'a> Authenticate<'a> {
    /// Reads a third message, MS-NLMP 2.2.1.3.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        if !is_message(message, 3) {
            return None;
        }
        Some(Self {
            message,
            lm: payload(message, 12)?,
            response: payload(message, 20)?,
            domain: payload(message, 28)?.to_vec(),
            user: payload(message, 36)?.to_vec(),
            wrapped_key: payload(message, 52)?,
            flags: u32_at(message, 60)?,
        })
    }

    /// The account that it names.
    pub(super) fn user(&self) -> String {
        from_utf16(&self.user)
    }

    /// The domain that it names, which may be empty.
    pub(super) fn domain(&self) -> String {
        from_utf16(&self.domain)
    }

    /// Whether it proves nothing: an anonymous logon.
    pub(super) fn is_anonymous(&self) -> bool {
        self.user.is_empty() && self.response.is_empty()
    }
}

impl Binding {
    fn judge(self, pairs: &[(u16, &[u8])]) -> Result<(), Refusal> {
        let given = pair(pairs, 10).filter(|given| given.iter().any(|byte| *byte != 0));
        let holds = match (self, given) {
            (Self::Ignored, _) | (Self::Relaxed(_), None) => true,
            (Self::Strict(_), None) => false,
            (Self::Relaxed(own) | Self::Strict(own), Some(given)) => own == given,
        };
        if holds {
            Ok(())
        } else {
            Err(Refusal::WrongBinding)
        }
    }
}

/// The hash of a `gss_channel_bindings_struct` without addresses (MS-NLMP 2.2.2.1) for a
/// certificate's hash (RFC 5929 section 4).
pub(super) fn binding_of(certificate_hash: &[u8]) -> [u8; 16] {
    let mut data = b"tls-server-end-point:".to_vec();
    data.extend(certificate_hash);
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    md5(&[&[0; 16], &length, &data])
}

impl Names {
    /// The `AV_PAIR`s of MS-NLMP 2.2.2.1.
    fn pairs(&self) -> Vec<u8> {
        let domain = self.domain.as_ref().unwrap_or(&self.computer);
        let dns_domain = self.dns_domain.as_ref().unwrap_or(&self.computer);
        let texts = [
            (2, Some(domain)),
            (1, Some(&self.computer)),
            (4, Some(dns_domain)),
            (3, Some(&self.dns_computer)),
            (5, self.dns_domain.as_ref()),
        ];
        let mut bytes = Vec::new();
        let mut add = |id: u16, value: &[u8]| {
            bytes.extend(id.to_le_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(value);
        };
        for (id, text) in texts {
            if let Some(text) = text {
                add(id, &utf16(text));
            }
        }
        add(7, &MOMENT.to_le_bytes());
        add(0, &[]);
        bytes
    }
}

/// `NTOWFv2` of MS-NLMP 3.3.2; the domain as the peer wrote it.
pub(super) fn version_2_key(password: &str, user: &[u8], domain: &[u8]) -> [u8; 16] {
    let hash: [u8; 16] = Md4::digest(utf16(password)).into();
    let user = utf16(&from_utf16(user).to_uppercase());
    hmac_md5(&hash, &[&user, domain])
}

fn pairs(bytes: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        let id = u16_at(bytes, at)?;
        let length = usize::from(u16_at(bytes, at + 2)?);
        if id == 0 {
            return Some(found);
        }
        found.push((id, bytes.get(at + 4..at + 4 + length)?));
        at += 4 + length;
    }
}

fn pair<'a>(pairs: &[(u16, &'a [u8])], id: u16) -> Option<&'a [u8]> {
    let found = pairs.iter().find(|(known, _)| *known == id);
    found.map(|(_, value)| *value)
}

/// What a length and an offset in a message's head point to.
fn payload(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16_at(message, at)?);
    let from = usize::try_from(u32_at(message, at + 4)?).ok()?;
    if length == 0 {
        return Some(&[]);
    }
    message.get(from..from.checked_add(length)?)
}

pub(super) fn field(length: usize, offset: usize) -> [u8; 8] {
    let length = u16::try_from(length).unwrap_or(0).to_le_bytes();
    let offset = u32::try_from(offset).unwrap_or(0).to_le_bytes();
    let parts = length.into_iter().chain(length).chain(offset);
    let mut field = [0; 8];
    field
        .iter_mut()
        .zip(parts)
        .for_each(|(to, from)| *to = from);
    field
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    two.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    four.try_into().ok().map(u32::from_le_bytes)
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn from_utf16(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().copied().map(u16::from_le_bytes).collect();
    String::from_utf16_lossy(&units)
}
