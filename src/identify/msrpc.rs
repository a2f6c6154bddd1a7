//! What the endpoint mapper of a Windows tells: the machine's other addresses, and the NTLM challenge.

use super::challenge;
use super::dialogue::{Dialogue, Occasion, Protocol, Step, Transport};
use crate::model::Fact;
use crate::wire::Heard;
use crate::wire::dcerpc::{self, Bindings, Fragment};
use crate::wire::ntlmssp::{self, Challenge};

/// The longest name that NetBIOS has.
const LONGEST_NETBIOS: usize = 15;

/// DCE/RPC on the endpoint mapper's port.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "msrpc",
    transport: Transport::Tcp,
    ports: &[135],
    is_deep: true,
    begin: |occasion| {
        Some(Box::new(Msrpc {
            occasion,
            asked: Asked::Bind,
            heard: Vec::new(),
            facts: Vec::new(),
        }))
    },
};

/// What was asked last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Bind,
    Alive,
    /// A bind of its own, on a connection of its own: what follows on this one would be a logon.
    Challenge,
}

struct Msrpc {
    occasion: Occasion,
    asked: Asked,
    heard: Vec<u8>,
    facts: Vec<Fact>,
}

impl Dialogue for Msrpc {
    fn open(&mut self) -> Step {
        self.heard.clear();
        Step::Send(match self.asked {
            Asked::Challenge => dcerpc::bind_with(&ntlmssp::negotiate()),
            Asked::Bind | Asked::Alive => dcerpc::bind(),
        })
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.heard.extend(bytes);
        let heard = std::mem::take(&mut self.heard);
        match dcerpc::fragment(&heard) {
            Heard::Part => {
                self.heard = heard;
                Step::Listen
            }
            Heard::Other => Step::Done,
            Heard::Whole((fragment, _)) => self.learn(&fragment),
        }
    }

    fn facts(&self) -> Vec<Fact> {
        self.facts.clone()
    }
}

impl Msrpc {
    fn learn(&mut self, fragment: &Fragment<'_>) -> Step {
        if self.facts.is_empty() {
            self.facts.push(Fact::Speaks("msrpc".to_owned()));
        }
        match (self.asked, fragment) {
            (Asked::Bind, Fragment::Bound(_)) => {
                self.asked = Asked::Alive;
                Step::Send(dcerpc::server_alive())
            }
            (Asked::Bind | Asked::Alive, fragment) => {
                if let Fragment::Result(stub) = fragment {
                    self.learn_places(Bindings::parse(stub).unwrap_or_default());
                }
                self.asked = Asked::Challenge;
                Step::Again
            }
            (Asked::Challenge, fragment) => {
                if let Fragment::Bound(body) = fragment {
                    let challenge = Challenge::find(body);
                    let facts = challenge.map(|read| challenge::facts(&read, self.occasion.now));
                    self.facts.extend(facts.unwrap_or_default());
                }
                Step::Done
            }
        }
    }

    fn learn_places(&mut self, places: Bindings) {
        let own = self.occasion.address;
        let others = places
            .addresses
            .into_iter()
            .filter(|address| *address != own);
        self.facts.extend(others.map(Fact::OtherAddress));
        let names = places.names.into_iter();
        self.facts.extend(names.map(|name| {
            if name.contains('.') || name.len() > LONGEST_NETBIOS {
                Fact::DnsComputer(name)
            } else {
                Fact::NetbiosComputer(name)
            }
        }));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::dialogue::tests::{play, played};
    use super::*;
    use crate::wire::dcerpc::tests::{alive, answered};
    use crate::wire::ntlmssp::tests::challenge;

    pub(in crate::identify) const ACCEPTED: u8 = 12;
    const RESULT: u8 = 2;

    pub(in crate::identify) fn result(stub: &[u8]) -> Vec<u8> {
        answered(RESULT, &[&[0; 8], stub].concat())
    }

    #[test]
    fn a_machine_tells_its_other_addresses_and_its_names() {
        let token = challenge(
            (10, 0, 17763),
            &[(1, "WEB1"), (3, "web1.contoso.test")],
            None,
        );
        let answers = [
            answered(ACCEPTED, &[0; 44]),
            result(&alive(&["WEB1", "192.0.2.7", "10.0.0.7"])),
            answered(ACCEPTED, &[&[0; 44][..], &token].concat()),
        ];
        let (facts, sent) = played(&PROTOCOL, 135, &answers);
        let expected = [
            Fact::Speaks("msrpc".to_owned()),
            Fact::OtherAddress([10, 0, 0, 7].into()),
            Fact::NetbiosComputer("WEB1".to_owned()),
            Fact::NetbiosComputer("WEB1".to_owned()),
            Fact::DnsComputer("web1.contoso.test".to_owned()),
            Fact::WindowsBuild {
                major: 10,
                minor: 0,
                build: 17763,
            },
        ];
        assert_eq!(facts, expected);
        let asked = [
            dcerpc::bind(),
            dcerpc::server_alive(),
            dcerpc::bind_with(&ntlmssp::negotiate()),
        ];
        assert_eq!(sent, asked);
    }

    #[test]
    fn who_refuses_the_first_bind_may_still_answer_the_other() {
        let token = challenge((10, 0, 17763), &[(1, "WEB1")], None);
        let refusal = answered(13, &[0; 8]);
        let answers = [refusal, answered(ACCEPTED, &token)];
        let (facts, sent) = played(&PROTOCOL, 135, &answers);
        assert!(facts.contains(&Fact::NetbiosComputer("WEB1".to_owned())));
        assert_eq!(sent.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bodies: Vec<(u8, Vec<u8>)>) {
            let answers: Vec<_> = bodies.iter().map(|(kind, body)| answered(kind % 16, body)).collect();
            play(&PROTOCOL, 135, &answers);
            let answers: Vec<_> = bodies.into_iter().map(|(_, body)| body).collect();
            play(&PROTOCOL, 135, &answers);
        }
    }
}
