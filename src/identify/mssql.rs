//! What an SQL Server says before any login: its version; and, where it listens in clear, the NTLM
//! challenge to a login that names nobody.

use super::challenge;
use super::dialogue::{Dialogue, Occasion, Protocol, Step, Transport};
use crate::model::Fact;
use crate::wire::ntlmssp::{self, Challenge};
use crate::wire::{Heard, tds};

/// Tabular data stream.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "mssql",
    transport: Transport::Tcp,
    ports: &[1433],
    is_deep: true,
    begin: |occasion| {
        Some(Box::new(Mssql {
            occasion,
            has_logged: false,
            heard: Vec::new(),
            facts: Vec::new(),
        }))
    },
};

struct Mssql {
    occasion: Occasion,
    /// Whether the half of a login was sent.
    has_logged: bool,
    heard: Vec<u8>,
    facts: Vec<Fact>,
}

impl Dialogue for Mssql {
    fn open(&mut self) -> Step {
        Step::Send(tds::prelogin())
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.heard.extend(bytes);
        let body = match tds::response(&self.heard) {
            Heard::Part => return Step::Listen,
            Heard::Other => return Step::Done,
            Heard::Whole(body) => body,
        };
        self.heard.clear();
        if self.has_logged {
            let challenge = Challenge::find(&body);
            let facts = challenge.map(|read| challenge::facts(&read, self.occasion.now));
            self.facts.extend(facts.unwrap_or_default());
            return Step::Done;
        }
        let Some(read) = tds::Prelogin::parse(&body) else {
            return Step::Done;
        };
        self.facts.push(Fact::Speaks("mssql".to_owned()));
        self.facts.push(Fact::SqlInstance {
            instance: String::new(),
            version: read.version,
        });
        if read.wants_encryption {
            return Step::Done;
        }
        self.has_logged = true;
        Step::Send(tds::login(&ntlmssp::negotiate()))
    }

    fn facts(&self) -> Vec<Fact> {
        self.facts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::tests::{play, played};
    use super::*;
    use crate::wire::ntlmssp::tests::challenge;
    use crate::wire::tds::tests::{answered, prelogin_body};

    #[test]
    fn a_server_tells_its_version_and_its_name() {
        let token = challenge((10, 0, 17763), &[(1, "SQL1")], None);
        let sspi = [&[0xed, 0x80, 0][..], &token].concat();
        let answers = [answered(&prelogin_body(2)), answered(&sspi)];
        let (facts, sent) = played(&PROTOCOL, 1433, &answers);
        assert!(facts.contains(&Fact::SqlInstance {
            instance: String::new(),
            version: "15.0.2000".to_owned()
        }));
        assert!(facts.contains(&Fact::NetbiosComputer("SQL1".to_owned())));
        assert_eq!(sent.len(), 2);
    }

    #[test]
    fn a_server_that_wants_encryption_is_asked_no_more() {
        let (facts, sent) = played(&PROTOCOL, 1433, &[answered(&prelogin_body(3))]);
        assert_eq!((facts.len(), sent.len()), (2, 1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bodies: Vec<Vec<u8>>) {
            let mut answers = vec![answered(&prelogin_body(2))];
            answers.extend(bodies.iter().map(|body| answered(body)));
            play(&PROTOCOL, 1433, &answers);
            play(&PROTOCOL, 1433, &bodies);
        }
    }
}
