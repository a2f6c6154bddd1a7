//! The accepting side of SPNEGO (RFC 4178, MS-SPNG), as far as NTLM needs it.

/// SPNEGO itself, 1.3.6.1.5.5.2.
const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// NTLM, 1.3.6.1.4.1.311.2.2.10.
const NTLM: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];

/// What a peer said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// The mechanisms it would take, as they stood: what a `mechListMIC` is over.
    pub(super) mechanisms: Option<&'a [u8]>,
    /// Whether NTLM is among them.
    pub(super) knows_ntlm: bool,
    /// Whether NTLM comes first, so that the token is NTLM's.
    pub(super) prefers_ntlm: bool,
    /// The mechanism's own token.
    pub(super) inner: Option<&'a [u8]>,
    /// `mechListMIC`.
    pub(super) code: Option<&'a [u8]>,
}

/// How far a negotiation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Completed,
    Incomplete,
}

/// Reads a `NegTokenInit` or a `NegTokenResp`; `None` for anything else.
pub(super) fn read(bytes: &[u8]) -> Option<Token<'_>> {
    let mut all = Der(bytes);
    match all.next()? {
        (0x60, inside) => {
            let mut inside = Der(inside);
            let (0x06, SPNEGO) = inside.next()? else {
                return None;
            };
            let (0xa0, choice) = inside.next()? else {
                return None;
            };
            init(choice)
        }
        (0xa1, choice) => response(choice),
        _ => None,
    }
}

fn init(choice: &[u8]) -> Option<Token<'_>> {
    let mut token = Token::default();
    let mut fields = Der(choice).only(0x30)?;
    while let Some((tag, field)) = fields.next() {
        match tag {
            0xa0 => {
                token.mechanisms = Some(field);
                let mut kinds = Der(field).only(0x30)?;
                let mut first = true;
                while let Some((0x06, kind)) = kinds.next() {
                    token.knows_ntlm |= kind == NTLM;
                    token.prefers_ntlm |= first && kind == NTLM;
                    first = false;
                }
            }
            0xa2 => token.inner = Some(Der(field).next().filter(|(tag, _)| *tag == 4)?.1),
            0xa3 => token.code = Some(Der(field).next().filter(|(tag, _)| *tag == 4)?.1),
            _ => {}
        }
    }
    token.mechanisms.is_some().then_some(token)
}

fn response(choice: &[u8]) -> Option<Token<'_>> {
    let mut token = Token::default();
    let mut fields = Der(choice).only(0x30)?;
    while let Some((tag, field)) = fields.next() {
        match tag {
            0xa2 => token.inner = Some(Der(field).next().filter(|(tag, _)| *tag == 4)?.1),
            0xa3 => token.code = Some(Der(field).next().filter(|(tag, _)| *tag == 4)?.1),
            _ => {}
        }
    }
    Some(token)
}

/// Writes a `NegTokenResp`: the state, NTLM as the mechanism where the peer has to be told, the
/// mechanism's token and a `mechListMIC`.
pub(super) fn write(
    state: State,
    told: bool,
    inner: Option<&[u8]>,
    code: Option<&[u8]>,
) -> Vec<u8> {
    let state = match state {
        State::Completed => 0,
        State::Incomplete => 1,
    };
    let mut fields = der(0xa0, &der(0x0a, &[state]));
    if told {
        fields.extend(der(0xa1, &der(0x06, NTLM)));
    }
    if let Some(inner) = inner {
        fields.extend(der(0xa2, &der(0x04, inner)));
    }
    if let Some(code) = code {
        fields.extend(der(0xa3, &der(0x04, code)));
    }
    der(0xa1, &der(0x30, &fields))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    let wide = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match (length, wide) {
        (0..=0x7f, [.., low]) => bytes.push(low),
        (0x80..=0xff, [.., low]) => bytes.extend([0x81, low]),
        (_, [_, _, high, low]) => bytes.extend([0x82, high, low]),
    }
    bytes.extend(content);
    bytes
}

/// The elements of DER bytes, one after the other; ends where they are no longer whole.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if *first >= 0x80 {
            // A token has to fit in a header: two bytes of length are plenty.
            let bytes = usize::from(first & 0x7f);
            if !(1..=2).contains(&bytes) {
                return None;
            }
            let (wide, after) = rest.split_at_checked(bytes)?;
            length = wide
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((*tag, content))
    }

    /// The elements inside the one that is here, if it has this tag.
    fn only(mut self, expected: u8) -> Option<Self> {
        let (tag, content) = self.next()?;
        (tag == expected).then_some(Self(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn initial(kinds: &[&[u8]], inner: &[u8]) -> Vec<u8> {
        let kinds: Vec<u8> = kinds.iter().flat_map(|kind| der(6, kind)).collect();
        let mut fields = der(0xa0, &der(0x30, &kinds));
        fields.extend(der(0xa2, &der(4, inner)));
        let mut all = der(6, SPNEGO);
        all.extend(der(0xa0, &der(0x30, &fields)));
        der(0x60, &all)
    }

    #[test]
    fn an_initial_token_tells_its_mechanisms_and_carries_the_first_one_s_token() {
        let kerberos: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
        let bytes = initial(&[NTLM], &[7; 300]);
        let token = read(&bytes).unwrap();
        assert!(token.knows_ntlm && token.prefers_ntlm);
        assert_eq!(token.inner, Some(&[7; 300][..]));
        let bytes = initial(&[kerberos, NTLM], b"x");
        let token = read(&bytes).unwrap();
        assert!(token.knows_ntlm && !token.prefers_ntlm);
        let bytes = initial(&[kerberos], b"x");
        assert!(!read(&bytes).unwrap().knows_ntlm);
    }

    #[test]
    fn what_is_written_reads_back() {
        let bytes = write(State::Incomplete, true, Some(&[3; 200]), Some(b"code"));
        let token = read(&bytes).unwrap();
        assert_eq!(token.inner, Some(&[3; 200][..]));
        assert_eq!(token.code, Some(&b"code"[..]));
        let bytes = write(State::Completed, false, None, None);
        assert_eq!(bytes, [0xa1, 7, 0x30, 5, 0xa0, 3, 0x0a, 1, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            read(&bytes);
        }

        #[test]
        fn a_token_that_was_bent_is_read_without_a_panic(at in 0..60_usize, byte in any::<u8>()) {
            let mut bytes = initial(&[NTLM], &[9; 40]);
            bytes[at] = byte;
            read(&bytes);
            read(&bytes[..at]);
        }
    }
}
