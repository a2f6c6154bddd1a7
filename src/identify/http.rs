//! What a web server says at `/`: product, title, and, where it offers Windows' own login, the NTLM
//! challenge.
//!
//! One request that is the same for every host, and where NTLM is offered a second one. Nothing is
//! followed: where a server sends us, it alone has chosen.

use super::challenge;
use super::dialogue::{Dialogue, Occasion, Protocol, Step, Transport};
use super::pages;
use crate::model::Fact;
use crate::wire::http::Head;
use crate::wire::ntlmssp::{self, Challenge};
use crate::wire::{Heard, base64};
use std::fmt::Write as _;
use std::net::IpAddr;

/// How much of a page is worth waiting for a title, in bytes.
const MOST_OF_A_PAGE: usize = 16 << 10;

/// HTTP in clear.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "http",
    transport: Transport::Tcp,
    ports: &[80, 8000, 8008, 8080, 8888],
    is_deep: false,
    begin: |occasion| Some(Box::new(Http::new(occasion))),
};

/// HTTP over TLS.
pub(super) const OVER_TLS: Protocol = Protocol {
    name: "https",
    transport: Transport::Tls,
    ports: &[443, 8443, 9443],
    is_deep: false,
    begin: |occasion| Some(Box::new(Http::new(occasion))),
};

struct Http {
    occasion: Occasion,
    /// What was heard to the first request.
    page: Vec<u8>,
    /// The scheme of the second request, once it is to be made.
    scheme: Option<&'static str>,
    /// What was heard to that.
    refusal: Vec<u8>,
}

impl Dialogue for Http {
    fn open(&mut self) -> Step {
        let authorization = self.scheme.map(authorization);
        Step::Send(request("GET", "/", &self.occasion, authorization))
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        if self.scheme.is_some() {
            self.refusal.extend(bytes);
            return match Head::read(&self.refusal) {
                Heard::Part => Step::Listen,
                Heard::Whole(_) | Heard::Other => Step::Done,
            };
        }
        self.page.extend(bytes);
        loop {
            match Head::read(&self.page) {
                Heard::Part => return Step::Listen,
                Heard::Other => return Step::Done,
                // An answer before the answer (RFC 9110 15.2).
                Heard::Whole(head) if head.status < 200 => drop(self.page.drain(..head.length)),
                Heard::Whole(head) => return self.hear_page(&head),
            }
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let Heard::Whole(head) = Head::read(&self.page) else {
            return Vec::new();
        };
        let (body, _) = head.body(&self.page);
        let mut facts = pages::facts(&head, &body);
        if let Heard::Whole(refusal) = Head::read(&self.refusal) {
            facts.extend(challenge_facts(&refusal, self.occasion.now));
        }
        facts
    }
}

impl Http {
    fn new(occasion: Occasion) -> Self {
        Self {
            occasion,
            page: Vec::new(),
            scheme: None,
            refusal: Vec::new(),
        }
    }

    fn hear_page(&mut self, head: &Head) -> Step {
        let (body, is_whole) = head.body(&self.page);
        if let Some(scheme) = ntlm_scheme(head) {
            if !head.is_kept() {
                self.scheme = Some(scheme);
                return Step::Again;
            }
            if is_whole {
                self.scheme = Some(scheme);
                return self.open();
            }
        }
        let is_enough = body.len() >= MOST_OF_A_PAGE || pages::title(&body).is_some();
        if is_whole || (is_enough && ntlm_scheme(head).is_none()) {
            Step::Done
        } else {
            Step::Listen
        }
    }
}

/// A request: what differs from host to host is only its address.
pub(super) fn request(
    method: &str,
    path: &str,
    occasion: &Occasion,
    authorization: Option<String>,
) -> Vec<u8> {
    let host = match occasion.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}:{}\r\n",
        occasion.port
    );
    text.push_str("User-Agent: underdesk\r\nAccept: */*\r\n");
    if method != "GET" {
        text.push_str("Content-Length: 0\r\n");
    }
    if let Some(authorization) = authorization {
        let _ = write!(text, "Authorization: {authorization}\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// The first message of NTLM, as HTTP carries it (RFC 4559 5). It names nobody.
pub(super) fn authorization(scheme: &str) -> String {
    let token = base64::encode_padded(&ntlmssp::negotiate());
    format!("{scheme} {token}")
}

/// The scheme by which a refusal offers NTLM.
fn ntlm_scheme(head: &Head) -> Option<&'static str> {
    let offers = |scheme: &str| {
        let mut schemes = schemes(head);
        schemes.any(|(offered, _)| offered.eq_ignore_ascii_case(scheme))
    };
    let known = ["NTLM", "Negotiate"].into_iter();
    known
        .filter(|_| head.status == 401)
        .find(|scheme| offers(scheme))
}

/// The schemes of a refusal, each with what follows it.
pub(super) fn schemes(head: &Head) -> impl Iterator<Item = (&str, &str)> {
    let fields = head.all("www-authenticate");
    fields.map(|value| value.split_once(' ').unwrap_or((value, "")))
}

/// What the challenge of a refusal tells.
pub(super) fn challenge_facts(head: &Head, now: i64) -> Vec<Fact> {
    let tokens = schemes(head).filter_map(|(_, token)| base64::decode(token.trim()));
    let mut challenges = tokens.filter_map(|token| Challenge::find(&token));
    let first = challenges.next();
    first.map_or_else(Vec::new, |first| challenge::facts(&first, now))
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::tests::{play, played};
    use super::*;
    use crate::wire::ntlmssp::tests::challenge;

    fn refusal(extra: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!(
            "HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-IIS/10.0\r\n{extra}Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn challenged() -> Vec<u8> {
        let names = [(2, "CONTOSO"), (1, "WEB1")];
        let token = base64::encode_padded(&challenge((10, 0, 17763), &names, None));
        refusal(&format!("WWW-Authenticate: NTLM {token}\r\n"), "")
    }

    #[test]
    fn a_page_tells_product_and_title() {
        let page = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nTransfer-Encoding: chunked\r\n\r\n\
            22\r\n<html><TITLE>\n Wiki &amp; more </t\r\n0B\r\nitle></html\r\n0\r\n\r\n";
        let (facts, sent) = played(&PROTOCOL, 80, &[page.into()]);
        let expected = [
            Fact::Speaks("http".to_owned()),
            Fact::Banner("nginx/1.22.1".to_owned()),
            Fact::Product {
                name: "nginx".to_owned(),
                version: "1.22.1".to_owned(),
            },
            Fact::Title("Wiki & more".to_owned()),
        ];
        assert_eq!(facts, expected);
        let request = String::from_utf8(sent.concat()).unwrap();
        assert!(request.starts_with("GET / HTTP/1.1\r\nHost: 192.0.2.7:80\r\n"));
    }

    #[test]
    fn where_ntlm_is_offered_a_second_request_brings_the_challenge() {
        let offer = refusal(
            "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n",
            "no",
        );
        let (facts, sent) = played(&PROTOCOL, 80, &[offer, challenged()]);
        assert!(facts.contains(&Fact::NetbiosComputer("WEB1".to_owned())));
        assert!(facts.contains(&Fact::Product {
            name: "Microsoft-IIS".to_owned(),
            version: "10.0".to_owned()
        }));
        let second = String::from_utf8(sent[1].clone()).unwrap();
        assert!(second.contains("\r\nAuthorization: NTLM TlRMTVNTUAABAAAA"));
    }

    #[test]
    fn a_closed_connection_is_opened_again_for_it() {
        let offer = refusal("WWW-Authenticate: Negotiate\r\nConnection: close\r\n", "no");
        let (facts, sent) = played(&PROTOCOL, 80, &[offer, challenged()]);
        assert!(facts.contains(&Fact::NetbiosDomain("CONTOSO".to_owned())));
        assert_eq!(sent.len(), 2);
    }

    #[test]
    fn a_page_that_never_ends_is_read_as_far_as_it_came() {
        let page = b"HTTP/1.0 200 OK\r\nServer: GoAhead-Webs\r\n\r\n<html>".to_vec();
        let (facts, _) = played(&PROTOCOL, 80, &[page]);
        assert!(facts.contains(&Fact::Banner("GoAhead-Webs".to_owned())));
    }

    #[test]
    fn answers_before_the_answer_are_passed_over() {
        let early = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(150);
        let page = b"HTTP/1.1 200 OK\r\nServer: x/1\r\nContent-Length: 0\r\n\r\n".to_vec();
        let (facts, _) = played(&PROTOCOL, 80, &[[early, page].concat()]);
        assert!(facts.contains(&Fact::Banner("x/1".to_owned())));
    }

    #[test]
    fn what_is_no_http_tells_nothing() {
        let (facts, sent) = played(&PROTOCOL, 8080, &[b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()]);
        assert_eq!((facts, sent.len()), (Vec::new(), 1));
    }

    #[test]
    fn a_truncated_challenge_is_no_challenge() {
        let offer = refusal("WWW-Authenticate: NTLM\r\n", "");
        let whole = challenged();
        for length in 0..whole.len() {
            let (facts, _) = played(&PROTOCOL, 80, &[offer.clone(), whole[..length].to_vec()]);
            assert_eq!(facts.len(), 3, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(answers: Vec<Vec<u8>>, text in "(HTTP/1.1 (200|401|100) x\r\n)?[ -~\r\n]{0,80}") {
            play(&PROTOCOL, 80, &answers);
            let lines = text.into_bytes();
            play(&PROTOCOL, 80, &[lines.clone(), lines]);
        }
    }
}
