//! What remote desktop says before any screen: whether a login comes first, its certificate, and, where
//! the operator asked for more, the NTLM challenge.
//!
//! Two connections at most tell the first: whoever is let in with TLS alone sees a screen without a
//! login, and who is not is told so.

use super::dialogue::{Dialogue, Occasion, Protocol, Secured, Step, Transport};
use super::{certificate, challenge, tls};
use crate::model::Fact;
use crate::wire::ntlmssp::{self, Challenge};
use crate::wire::rdp::{self, Confirm, HYBRID_REQUIRED, security};
use crate::wire::tls::{Version, answer, client_hello};
use crate::wire::{Heard, spnego};

const WITH_LOGIN: u32 = security::TLS | security::HYBRID | security::HYBRID_EX;

/// Remote desktop.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "rdp",
    transport: Transport::Tcp,
    ports: &[3389],
    is_deep: false,
    begin: |occasion| Some(Box::new(Rdp::new(occasion))),
};

/// What is heard for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Confirm,
    /// The answer to a hello that is written by hand.
    Hello,
    Challenge,
}

struct Rdp {
    occasion: Occasion,
    /// The ways of protection that are offered.
    offers: u32,
    /// Whether the next handshake is one by hand, since a real one failed.
    is_by_hand: bool,
    awaits: Awaits,
    heard: Vec<u8>,
    facts: Vec<Fact>,
}

impl Dialogue for Rdp {
    fn open(&mut self) -> Step {
        self.heard.clear();
        self.awaits = Awaits::Confirm;
        Step::Send(rdp::connection_request(self.offers))
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.heard.extend(bytes);
        match self.awaits {
            Awaits::Confirm => match rdp::confirm(&self.heard) {
                Heard::Part => Step::Listen,
                Heard::Other => Step::Done,
                Heard::Whole(confirm) => self.confirmed(confirm),
            },
            Awaits::Hello => match answer(&self.heard) {
                Heard::Part => Step::Listen,
                Heard::Other => Step::Done,
                Heard::Whole(answer) => self.greeted(&answer),
            },
            Awaits::Challenge => self.challenged(),
        }
    }

    fn secured(&mut self, tls: &Secured) -> Step {
        if !self.knows_certificate() {
            if !tls.version.is_empty() {
                self.facts.push(Fact::Tls(tls.version.clone()));
            }
            let certificate = tls.certificate.clone();
            self.facts.extend(certificate.map(Fact::Certificate));
        }
        if !self.occasion.is_deep {
            return Step::Done;
        }
        if self.offers == security::TLS {
            // A challenge comes only where a login was offered.
            self.offers = WITH_LOGIN;
            return Step::Again;
        }
        self.heard.clear();
        self.awaits = Awaits::Challenge;
        Step::Send(rdp::ts_request(&spnego::init(&ntlmssp::negotiate())))
    }

    fn unsecured(&mut self) -> Step {
        self.is_by_hand = true;
        Step::Again
    }

    fn facts(&self) -> Vec<Fact> {
        self.facts.clone()
    }
}

impl Rdp {
    fn new(occasion: Occasion) -> Self {
        Self {
            occasion,
            offers: security::TLS,
            is_by_hand: false,
            awaits: Awaits::Confirm,
            heard: Vec::new(),
            facts: Vec::new(),
        }
    }

    fn confirmed(&mut self, confirm: Confirm) -> Step {
        let is_first = self.facts.is_empty();
        if is_first {
            self.facts.push(Fact::Speaks("rdp".to_owned()));
            let comes_first = confirm == Confirm::Refused(HYBRID_REQUIRED);
            self.facts
                .push(Fact::NetworkLevelAuthentication(comes_first));
        }
        match confirm {
            Confirm::Refused(HYBRID_REQUIRED) if is_first => {
                self.offers = WITH_LOGIN;
                Step::Again
            }
            Confirm::Selected(chosen) if chosen & self.offers != 0 => self.start_tls(chosen),
            _ => Step::Done,
        }
    }

    fn start_tls(&mut self, chosen: u32) -> Step {
        if self.is_by_hand {
            self.heard.clear();
            self.awaits = Awaits::Hello;
            return Step::Send(client_hello(Version::TLS_1_2));
        }
        // Without a login in it there is no challenge to come back for.
        if self.knows_certificate() && chosen == security::TLS {
            return Step::Done;
        }
        Step::StartTls
    }

    fn greeted(&mut self, answer: &crate::wire::tls::Answer) -> Step {
        let version = answer.version;
        let name = version.and_then(Version::name);
        self.facts
            .extend(name.map(|name| Fact::Tls(name.to_owned())));
        self.facts.extend(version.and_then(tls::old));
        let read = answer.certificate.as_deref().and_then(certificate::read);
        self.facts.extend(read.map(Fact::Certificate));
        Step::Done
    }

    fn challenged(&mut self) -> Step {
        let Some(challenge) = Challenge::find(&self.heard) else {
            return Step::Listen;
        };
        let facts = challenge::facts(&challenge, self.occasion.now);
        self.facts.extend(facts);
        Step::Done
    }

    fn knows_certificate(&self) -> bool {
        let mut facts = self.facts.iter();
        facts.any(|fact| matches!(fact, Fact::Certificate(_)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::certificate::tests::issued;
    use super::super::dialogue::tests::{play, played, with_tls};
    use super::*;
    use crate::wire::ntlmssp::tests::challenge;
    use crate::wire::tls::tests::flight;

    pub(in crate::identify) fn confirm(kind: u8, value: u8) -> Vec<u8> {
        vec![
            3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, kind, 0, 8, 0, value, 0, 0, 0,
        ]
    }

    fn tls() -> Secured {
        Secured {
            version: "TLS 1.2".to_owned(),
            certificate: certificate::read(&issued().0),
        }
    }

    #[test]
    fn a_server_that_wants_a_login_first_says_so_and_shows_its_certificate() {
        let names = [(2, "CONTOSO"), (1, "WEB1")];
        let token = rdp::ts_request(&challenge((10, 0, 17763), &names, None));
        let answers = [confirm(3, 5), confirm(2, 8), token];
        let (facts, sent) = with_tls(&PROTOCOL, 3389, &answers, Some(&tls()));
        assert!(facts.contains(&Fact::NetworkLevelAuthentication(true)));
        assert!(facts.contains(&Fact::Tls("TLS 1.2".to_owned())));
        assert!(facts.contains(&Fact::NetbiosComputer("WEB1".to_owned())));
        let requests = [1, 11].map(rdp::connection_request);
        assert_eq!(sent.get(..2), Some(&requests[..]));
        assert_eq!(sent.len(), 3);
    }

    #[test]
    fn a_server_that_shows_a_screen_to_anybody_is_one_without_a_login() {
        let answers = [confirm(2, 1), confirm(2, 1)];
        let (facts, _) = with_tls(&PROTOCOL, 3389, &answers, Some(&tls()));
        assert!(facts.contains(&Fact::NetworkLevelAuthentication(false)));
        let certificates = facts
            .iter()
            .filter(|fact| matches!(fact, Fact::Certificate(_)));
        assert_eq!(certificates.count(), 1);
    }

    #[test]
    fn an_old_server_has_neither_tls_nor_a_login() {
        for answer in [
            vec![3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0],
            confirm(3, 2),
            confirm(2, 0),
        ] {
            let (facts, sent) = played(&PROTOCOL, 3389, &[answer]);
            let expected = [
                Fact::Speaks("rdp".to_owned()),
                Fact::NetworkLevelAuthentication(false),
            ];
            assert_eq!((facts, sent.len()), (expected.to_vec(), 1));
        }
    }

    #[test]
    fn an_old_tls_still_shows_its_certificate() {
        let (der, _) = issued();
        let hello = flight(Version::TLS_1_0, &der, 4000);
        let answers = [confirm(3, 5), confirm(2, 2), confirm(2, 2), hello];
        let (facts, _) = played(&PROTOCOL, 3389, &answers);
        assert!(facts.contains(&Fact::OldTls("TLS 1.0".to_owned())));
        let is_certificate = |fact: &Fact| matches!(fact, Fact::Certificate(shown) if shown.common_name == "web1.contoso.test");
        assert!(facts.iter().any(is_certificate));
    }

    #[test]
    fn a_server_that_always_refuses_is_asked_twice_at_most() {
        let answers = vec![confirm(3, 5); 9];
        let (_, sent) = played(&PROTOCOL, 3389, &answers);
        assert_eq!(sent.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(kinds: Vec<(u8, u8)>, tail: Vec<Vec<u8>>) {
            let confirms = kinds.into_iter().map(|(kind, value)| confirm(kind, value));
            let answers: Vec<_> = confirms.chain(tail.clone()).collect();
            play(&PROTOCOL, 3389, &answers);
            play(&PROTOCOL, 3389, &tail);
        }
    }
}
