//! What a TLS server says before any request: its certificate, the newest version that it speaks, and
//! which old ones it still accepts.
//!
//! The newest is learnt by a real handshake. What a library refuses, old versions and servers with old
//! ciphers only, is asked with a hello written by hand, of which only the answer in clear is read.

use super::certificate;
use super::dialogue::{Dialogue, Protocol, Secured, Step, Transport};
use crate::model::Fact;
use crate::wire::Heard;
use crate::wire::tls::{Answer, Version, answer, client_hello};

/// TLS from the first byte.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "tls",
    transport: Transport::Tcp,
    ports: &[443, 465, 636, 990, 993, 995, 3269, 5986, 8443, 9443],
    is_deep: false,
    begin: |_| Some(Box::new(Tls::default())),
};

#[derive(Default)]
struct Tls {
    /// The version that is asked for by hand; `None` during the real handshake.
    asked: Option<Version>,
    heard: Vec<u8>,
    facts: Vec<Fact>,
}

impl Dialogue for Tls {
    fn open(&mut self) -> Step {
        self.heard.clear();
        match self.asked {
            Some(version) => Step::Send(client_hello(version)),
            None => Step::StartTls,
        }
    }

    fn secured(&mut self, tls: &Secured) -> Step {
        if !tls.version.is_empty() {
            self.facts.push(Fact::Tls(tls.version.clone()));
        }
        let certificate = tls.certificate.clone();
        self.facts.extend(certificate.map(Fact::Certificate));
        self.asked = Some(Version::TLS_1_1);
        Step::Again
    }

    fn unsecured(&mut self) -> Step {
        self.asked = Some(Version::TLS_1_2);
        Step::Again
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.heard.extend(bytes);
        match answer(&self.heard) {
            Heard::Part => Step::Listen,
            Heard::Other => Step::Done,
            Heard::Whole(answer) => self.learn(&answer),
        }
    }

    fn facts(&self) -> Vec<Fact> {
        self.facts.clone()
    }
}

impl Tls {
    fn learn(&mut self, answer: &Answer) -> Step {
        // A server chooses the newest of both, so what it skipped it does not speak.
        let chosen = answer
            .version
            .filter(|version| Some(*version) <= self.asked);
        let Some((chosen, name)) = chosen.and_then(|version| Some((version, version.name()?)))
        else {
            return Step::Done;
        };
        let is_first = !self.facts.iter().any(|fact| matches!(fact, Fact::Tls(_)));
        if is_first {
            self.facts.push(Fact::Tls(name.to_owned()));
        }
        self.facts.extend(old(chosen));
        if !self
            .facts
            .iter()
            .any(|fact| matches!(fact, Fact::Certificate(_)))
        {
            let der = answer.certificate.as_deref();
            let read = der.and_then(certificate::read);
            self.facts.extend(read.map(Fact::Certificate));
        }
        self.asked = chosen.older();
        if self.asked.is_some() {
            Step::Again
        } else {
            Step::Done
        }
    }
}

/// Whether a version is one that is no longer safe (RFC 7568, RFC 8996).
pub(super) fn old(version: Version) -> Option<Fact> {
    let name = version.name().filter(|_| version < Version::TLS_1_2)?;
    Some(Fact::OldTls(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::certificate::tests::issued;
    use super::super::dialogue::tests::{play, played, with_tls};
    use super::*;
    use crate::wire::tls::tests::flight;

    const ALERT: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

    fn names(facts: &[Fact]) -> Vec<&str> {
        let names = facts.iter().map(|fact| match fact {
            Fact::Tls(name) | Fact::OldTls(name) => name.as_str(),
            Fact::Certificate(certificate) => &certificate.common_name,
            _ => "?",
        });
        names.collect()
    }

    #[test]
    fn a_modern_server_costs_two_connections() {
        let (der, _) = issued();
        let tls = Secured {
            version: "TLS 1.3".to_owned(),
            certificate: certificate::read(&der),
        };
        let (facts, sent) = with_tls(&PROTOCOL, 443, &[ALERT.to_vec()], Some(&tls));
        assert_eq!(names(&facts), ["TLS 1.3", "web1.contoso.test"]);
        assert_eq!(sent, [client_hello(Version::TLS_1_1)]);
    }

    #[test]
    fn every_old_version_is_found_once() {
        let (der, _) = issued();
        let versions = [Version::TLS_1_2, Version::TLS_1_1, Version::TLS_1_0];
        let mut answers = versions.map(|version| flight(version, &der, 4000)).to_vec();
        answers.push(ALERT.to_vec());
        let (facts, sent) = played(&PROTOCOL, 443, &answers);
        assert_eq!(
            names(&facts),
            ["TLS 1.2", "web1.contoso.test", "TLS 1.1", "TLS 1.0"]
        );
        assert_eq!(sent.len(), 4);
    }

    #[test]
    fn a_server_that_speaks_one_old_version_is_asked_twice() {
        let (der, _) = issued();
        let answers = [flight(Version::TLS_1_0, &der, 90), ALERT.to_vec()];
        let (facts, _) = played(&PROTOCOL, 443, &answers);
        assert_eq!(names(&facts), ["TLS 1.0", "TLS 1.0", "web1.contoso.test"]);
        assert!(facts.contains(&Fact::OldTls("TLS 1.0".to_owned())));
    }

    #[test]
    fn a_newer_version_than_was_asked_for_is_not_believed() {
        let tls = Secured::default();
        let answers = [flight(Version(0x0304), b"", 4000)];
        let (facts, _) = with_tls(&PROTOCOL, 443, &answers, Some(&tls));
        assert!(facts.is_empty());
    }

    #[test]
    fn what_is_no_tls_tells_nothing() {
        let (facts, sent) = played(&PROTOCOL, 443, &[b"HTTP/1.1 400\r\n\r\n".to_vec()]);
        assert_eq!((facts, sent.len()), (Vec::new(), 1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(answers: Vec<Vec<u8>>, der: Vec<u8>, version in 0x02ff_u16..0x0306) {
            play(&PROTOCOL, 443, &answers);
            play(&PROTOCOL, 443, &[flight(Version(version), &der, 50)]);
        }
    }
}
