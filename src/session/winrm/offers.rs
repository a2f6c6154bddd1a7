//! What a host says it would take: `WWW-Authenticate` (RFC 9110 section 11.6.1).

use crate::session::base64;

/// The schemes that a host offers, and what it hands us along with one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// The schemes' names, as written, at most [`MOST`].
    pub(super) schemes: Vec<String>,
    /// What came with `Negotiate`, decoded.
    pub(super) token: Option<Vec<u8>>,
}

const MOST: usize = 8;
const LONGEST_NAME: usize = 20;
/// HTTP.sys takes 16 KB of headers; a token larger than this is no answer to anything.
const LONGEST_TOKEN: usize = 64 << 10;

impl Offers {
    /// Reads all header values; what cannot be read is left out.
    pub(super) fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut offers = Self::default();
        for value in values.flat_map(challenges) {
            let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
            offers.add(scheme, rest.trim());
        }
        offers
    }

    fn add(&mut self, scheme: &str, rest: &str) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if scheme.is_empty() || scheme.len() > LONGEST_NAME || !scheme.bytes().all(is_name) {
            return;
        }
        if self.schemes.len() < MOST && !self.has(scheme) {
            self.schemes.push(scheme.to_owned());
        }
        let is_ours = scheme.eq_ignore_ascii_case("Negotiate") && self.token.is_none();
        if is_ours && !rest.is_empty() && rest.len() <= LONGEST_TOKEN {
            self.token = base64::decode(rest);
        }
    }

    /// Whether a scheme is offered.
    pub(super) fn has(&self, scheme: &str) -> bool {
        let mut schemes = self.schemes.iter();
        schemes.any(|name| name.eq_ignore_ascii_case(scheme))
    }
}

/// The challenges in one value: a comma parts them where a scheme's name follows, and else the
/// parameters of one.
fn challenges(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|part| {
        let name = part.split(' ').next().unwrap_or_default();
        !name.contains(['=', '"'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offers(values: &[&str]) -> Offers {
        Offers::parse(values.iter().copied())
    }

    #[test]
    fn schemes_are_read_from_several_headers_and_from_one() {
        let several = offers(&["Negotiate", "Kerberos", r#"Basic realm="WSMAN""#]);
        assert_eq!(several.schemes, ["Negotiate", "Kerberos", "Basic"]);
        let one = offers(&[r#"Negotiate, Kerberos, Basic realm="WSMAN", charset="UTF-8""#]);
        assert_eq!(one.schemes, ["Negotiate", "Kerberos", "Basic"]);
        assert_eq!(one.token, None);
        assert!(one.has("basic") && !one.has("NTLM"));
    }

    #[test]
    fn a_token_is_decoded_and_a_broken_one_is_none() {
        assert_eq!(
            offers(&["negotiate Zm9vYg=="]).token.unwrap(),
            b"foob".to_vec()
        );
        assert_eq!(offers(&["Negotiate !!"]).token, None);
        assert_eq!(offers(&["Kerberos Zm9v"]).token, None);
    }

    proptest! {
        #[test]
        fn anything_reads_without_a_panic(values in prop::collection::vec(".{0,80}", 0..20)) {
            let offers = Offers::parse(values.iter().map(String::as_str));
            prop_assert!(offers.schemes.len() <= MOST);
        }
    }
}
