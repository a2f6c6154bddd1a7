//! Logging in with what goes along with every request, inside TLS that is verified: Basic (RFC 7617)
//! or a client's certificate (DSP0226 annex C.3.4).

use super::http::{Link, Post};
use super::{IDENTIFY, SOAP};
use crate::session::{Limits, LoginError, Password, WindowsLogon};
use hyper::header::HeaderValue;
use secrecy::zeroize::Zeroizing;

/// What says that the certificate of the TLS connection is the logon.
const MUTUAL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

/// The header that tells the password.
pub(super) fn header(
    logon: &WindowsLogon<'_>,
    password: &Password,
) -> Result<HeaderValue, LoginError> {
    let user = logon.user;
    // A colon would end the user's name and begin the password.
    if user.contains(':') {
        return Err(LoginError::NoSuchMethod {
            wanted: "user name with a colon",
            refusal: crate::session::LoginRefusal::default(),
        });
    }
    let who = Zeroizing::new(match logon.domain {
        Some(domain) => format!("{domain}\\{user}:{}", password.expose()),
        None => format!("{user}:{}", password.expose()),
    });
    super::http::authorization("Basic", who.as_bytes())
}

/// The header that points at the certificate.
pub(super) fn mutual() -> HeaderValue {
    HeaderValue::from_static(MUTUAL)
}

/// Asks the host who it is, as the account: changes nothing, and shows whether we are let in.
pub(super) async fn prove(
    link: &mut Link,
    header: &HeaderValue,
    method: &'static str,
    limits: &Limits,
) -> Result<(), LoginError> {
    let secret_sent = method == "basic";
    let post = Post {
        authorization: Some(header.clone()),
        content_type: Some(SOAP),
        body: IDENTIFY.as_bytes().to_vec(),
    };
    let answer = link.post(post, limits.within(limits.login)).await;
    let answer = answer.map_err(|error| error.during_logon(secret_sent))?;
    match answer.status {
        status if is_from_behind(status, &answer.body) => Ok(()),
        401 => Err(LoginError::Refused {
            method,
            secret_sent,
        }),
        status => Err(LoginError::Http {
            status,
            secret_sent,
        }),
    }
}

/// Whether an answer inside TLS comes from behind the logon: a fault of SOAP does, and a web server
/// that merely breaks (HTTP 500, too) may never have looked at it.
pub(super) fn is_from_behind(status: u16, body: &[u8]) -> bool {
    let mark = b"Envelope";
    let is_soap = || body.windows(mark.len()).any(|window| window == mark);
    status == 200 || (status == 500 && is_soap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{WindowsSecret, base64};

    #[test]
    fn basic_tells_user_and_password_in_utf8() {
        let password = Password::new("pä:ss");
        let logon = WindowsLogon {
            user: "jürgen",
            domain: None,
            secret: WindowsSecret::Password(&password),
            kerberos: None,
            ntlm: false,
            basic: true,
        };
        let value = header(&logon, &password).unwrap();
        assert!(value.is_sensitive());
        let told = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(base64::decode(told).unwrap(), "jürgen:pä:ss".as_bytes());
        let user = "a:b";
        assert!(header(&WindowsLogon { user, ..logon }, &password).is_err());
    }
}
