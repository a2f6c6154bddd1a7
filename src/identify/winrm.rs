//! What Windows' remote management (MS-WSMV) says to a first message of NTLM: the challenge.

use super::dialogue::{Dialogue, Occasion, Protocol, Step, Transport};
use super::http::{authorization, challenge_facts, request, schemes};
use super::pages;
use crate::model::Fact;
use crate::wire::Heard;
use crate::wire::http::Head;

/// In clear.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "winrm",
    transport: Transport::Tcp,
    ports: &[5985],
    is_deep: false,
    begin: |occasion| Some(Box::new(WinRm::new(occasion))),
};

/// Over TLS.
pub(super) const OVER_TLS: Protocol = Protocol {
    name: "winrm-tls",
    transport: Transport::Tls,
    ports: &[5986],
    is_deep: false,
    begin: |occasion| Some(Box::new(WinRm::new(occasion))),
};

struct WinRm {
    occasion: Occasion,
    heard: Vec<u8>,
}

impl Dialogue for WinRm {
    fn open(&mut self) -> Step {
        let authorization = authorization("Negotiate");
        Step::Send(request(
            "POST",
            "/wsman",
            &self.occasion,
            Some(authorization),
        ))
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.heard.extend(bytes);
        match Head::read(&self.heard) {
            Heard::Part => Step::Listen,
            Heard::Whole(_) | Heard::Other => Step::Done,
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let Heard::Whole(head) = Head::read(&self.heard) else {
            return Vec::new();
        };
        let mut facts = Vec::new();
        if is_management(&head) {
            facts.push(Fact::Speaks("winrm".to_owned()));
        } else {
            facts.push(Fact::Speaks("http".to_owned()));
        }
        let server = head.first("server").unwrap_or_default();
        facts.extend(pages::product(server));
        facts.extend(challenge_facts(&head, self.occasion.now));
        facts
    }
}

impl WinRm {
    fn new(occasion: Occasion) -> Self {
        Self {
            occasion,
            heard: Vec::new(),
        }
    }
}

/// Whether a refusal is that of remote management and not of any web server (MS-WSMV 2.2.9).
fn is_management(head: &Head) -> bool {
    const SCHEMES: [&str; 3] = ["Negotiate", "Kerberos", "CredSSP"];
    let mut offers = schemes(head);
    head.status == 401
        && offers.any(|(scheme, rest)| {
            let is_known = SCHEMES
                .iter()
                .any(|known| known.eq_ignore_ascii_case(scheme));
            is_known || rest.contains("WSMAN")
        })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::dialogue::tests::{play, played};
    use super::*;
    use crate::wire::base64;
    use crate::wire::ntlmssp::tests::challenge;

    pub(in crate::identify) fn refusal(fields: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 401 \r\nServer: Microsoft-HTTPAPI/2.0\r\n{fields}\
             Date: Sun, 29 Nov 2026 00:00:00 GMT\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn one_request_brings_the_challenge() {
        let names = [(2, "WEB1"), (1, "WEB1"), (3, "web1")];
        let token = base64::encode_padded(&challenge((10, 0, 20348), &names, None));
        let answer = refusal(&format!("WWW-Authenticate: Negotiate {token}\r\n"));
        let (facts, sent) = played(&PROTOCOL, 5985, &[answer]);
        let expected = [
            Fact::Speaks("winrm".to_owned()),
            Fact::Product {
                name: "Microsoft-HTTPAPI".to_owned(),
                version: "2.0".to_owned(),
            },
            Fact::NetbiosComputer("WEB1".to_owned()),
            Fact::NetbiosDomain("WEB1".to_owned()),
            Fact::DnsComputer("web1".to_owned()),
            Fact::WindowsBuild {
                major: 10,
                minor: 0,
                build: 20348,
            },
        ];
        assert_eq!(facts, expected);
        let request = String::from_utf8(sent.concat()).unwrap();
        assert!(request.starts_with("POST /wsman HTTP/1.1\r\n"));
        assert!(request.contains("\r\nContent-Length: 0\r\n"));
        assert!(request.contains("\r\nAuthorization: Negotiate TlRMTVNTUAABAAAA"));
    }

    #[test]
    fn another_web_server_is_no_remote_management() {
        let answer = b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\n\r\n".to_vec();
        let (facts, _) = played(&PROTOCOL, 5985, &[answer]);
        assert!(facts.contains(&Fact::Speaks("http".to_owned())));
        let answer = refusal("WWW-Authenticate: Basic realm=\"WSMAN\"\r\n");
        let (facts, _) = played(&PROTOCOL, 5985, &[answer]);
        assert!(facts.contains(&Fact::Speaks("winrm".to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(token: Vec<u8>, answers: Vec<Vec<u8>>) {
            let token = base64::encode_padded(&token);
            play(&PROTOCOL, 5985, &[refusal(&format!("WWW-Authenticate: Negotiate {token}\r\n"))]);
            play(&PROTOCOL, 5985, &answers);
        }
    }
}
