//! What Kerberos refuses with: `KRB-ERROR` (RFC 4120 section 5.9.1), and the reason that Windows
//! adds to it (`KERB-ERROR-DATA`, MS-KILE section 2.2.1).

use super::der;
use crate::session::KerberosRefusal;

/// An error of Kerberos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KrbError {
    /// Its code (RFC 4120 section 7.5.9).
    pub(super) code: u32,
    /// The `NTSTATUS` that Windows adds.
    pub(super) status: Option<u32>,
}

/// The KDC wants the password proven first: the usual first answer.
pub(super) const PREAUTH_REQUIRED: u32 = 25;

const APPLICATION_30: u8 = 0x7e;
const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;

impl KrbError {
    /// Reads an error; `None` where it is something else.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let body = der::inside(der::inside(message, APPLICATION_30)?, SEQUENCE)?;
        let field = |tag: u8| der::elements(body).find(|element| element.tag == tag);
        let code = der::integer(field(0xa6)?.contents)?;
        let data = field(0xac).and_then(|data| der::inside(data.contents, OCTET_STRING));
        let status = data.and_then(status_in);
        Some(Self { code, status })
    }

    /// Finds an error in what a host answered: wrapped for GSS-API, perhaps for SPNEGO.
    pub(super) fn find(token: &[u8]) -> Option<Self> {
        const DEEPEST: usize = 64;
        (0..token.len().min(DEEPEST)).find_map(|at| Self::parse(token.get(at..)?))
    }

    /// What an error of the initial exchange means.
    pub(super) fn of_the_account(self) -> KerberosRefusal {
        use KerberosRefusal as Why;
        match self.code {
            1 => Why::AccountExpired,
            6 => Why::NoSuchUser,
            7 | 68 => Why::WrongRealm,
            12 | 18 => self.revoked(),
            23 => Why::PasswordExpired,
            24 | 31 => Why::PreauthFailed,
            37 => Why::Skew,
            14 => Why::Other("no kind of encryption in common with the directory".to_owned()),
            code => Why::Other(format!("the directory answers with error {code}")),
        }
    }

    /// What an error of the exchange for the service means.
    pub(super) fn of_the_service(self) -> KerberosRefusal {
        use KerberosRefusal as Why;
        match self.code {
            7 => Why::NoSpn,
            68 => Why::WrongRealm,
            37 => Why::Skew,
            code => Why::Other(format!(
                "the directory refuses a ticket for the host with error {code}"
            )),
        }
    }

    /// MS-ERREF section 2.3.1.
    fn revoked(self) -> KerberosRefusal {
        use KerberosRefusal as Why;
        match self.status {
            Some(0xc000_0234) => Why::Locked,
            Some(0xc000_0072) => Why::Disabled,
            Some(0xc000_0193) => Why::AccountExpired,
            Some(0xc000_0071 | 0xc000_0224) => Why::PasswordExpired,
            Some(0xc000_006f) => Why::LogonTime,
            Some(0xc000_0070) => {
                Why::Other("the account may not log on from this machine".to_owned())
            }
            _ if self.code == 12 => Why::Other("the directory's policy forbids it".to_owned()),
            _ => Why::Revoked,
        }
    }
}

/// The status in the error's data: `{[1] type 3, [2] {status, reserved, flags}}`, bare or as one of
/// a list.
fn status_in(data: &[u8]) -> Option<u32> {
    let outer = der::inside(data, SEQUENCE)?;
    status_of(outer).or_else(|| {
        let mut inner = der::elements(outer).filter(|element| element.tag == SEQUENCE);
        inner.find_map(|element| status_of(element.contents))
    })
}

fn status_of(pair: &[u8]) -> Option<u32> {
    const EXTENDED: u32 = 3;
    let field = |tag: u8| der::elements(pair).find(|element| element.tag == tag);
    if der::integer(field(0xa1)?.contents)? != EXTENDED {
        return None;
    }
    let value = der::inside(field(0xa2)?.contents, OCTET_STRING)?;
    let (status, _) = value.split_first_chunk::<4>()?;
    Some(u32::from_le_bytes(*status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
        let mut element = vec![tag, u8::try_from(contents.len()).unwrap()];
        element.extend(contents);
        element
    }

    fn error(code: u8, data: Option<&[u8]>) -> Vec<u8> {
        let mut body = wrap(0xa0, &[2, 1, 5]);
        body.extend(wrap(0xa1, &[2, 1, 30]));
        body.extend(wrap(0xa6, &[2, 1, code]));
        if let Some(data) = data {
            body.extend(wrap(0xac, &wrap(0x04, data)));
        }
        wrap(0x7e, &wrap(0x30, &body))
    }

    fn reason(status: u32) -> Vec<u8> {
        let mut value = status.to_le_bytes().to_vec();
        value.extend([0; 8]);
        let mut pair = wrap(0xa1, &[2, 1, 3]);
        pair.extend(wrap(0xa2, &wrap(0x04, &value)));
        wrap(0x30, &pair)
    }

    #[test]
    fn each_error_of_the_account_means_one_thing() {
        let cases = [
            (1, KerberosRefusal::AccountExpired),
            (6, KerberosRefusal::NoSuchUser),
            (18, KerberosRefusal::Revoked),
            (23, KerberosRefusal::PasswordExpired),
            (24, KerberosRefusal::PreauthFailed),
            (37, KerberosRefusal::Skew),
            (68, KerberosRefusal::WrongRealm),
        ];
        for (code, meaning) in cases {
            let read = KrbError::parse(&error(code, None)).unwrap();
            assert_eq!(read.of_the_account(), meaning, "{code}");
        }
        let read = KrbError::parse(&error(7, None)).unwrap();
        assert_eq!(read.of_the_service(), KerberosRefusal::NoSpn);
    }

    #[test]
    fn windows_says_why_an_account_is_revoked() {
        let cases = [
            (0xc000_0234, KerberosRefusal::Locked),
            (0xc000_0072, KerberosRefusal::Disabled),
            (0xc000_0193, KerberosRefusal::AccountExpired),
            (0xc000_006f, KerberosRefusal::LogonTime),
        ];
        for (status, meaning) in cases {
            let bare = error(18, Some(&reason(status)));
            assert_eq!(KrbError::parse(&bare).unwrap().of_the_account(), meaning);
            let listed = error(18, Some(&wrap(0x30, &reason(status))));
            assert_eq!(KrbError::parse(&listed).unwrap().of_the_account(), meaning);
        }
    }

    #[test]
    fn an_error_is_found_inside_a_token() {
        let mut token = vec![0x60, 0x20, 6, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 0];
        token.extend(error(37, None));
        assert_eq!(KrbError::find(&token).unwrap().code, 37);
    }

    proptest! {
        #[test]
        fn anything_reads_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = KrbError::find(&bytes);
            let _ = KrbError::parse(&wrap(0x7e, &wrap(0x30, &bytes)));
        }
    }
}
