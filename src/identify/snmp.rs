//! Which SNMP engine answers (RFC 3414 section 4): a question of version 3 that names no user gets the
//! engine's id and clock. Never a community: that would be trying a password.

use super::ber::{self, INTEGER, OCTET_STRING, Reader, SEQUENCE, element};
use super::dialogue::{Dialogue, Protocol, Step, Transport};
use super::oui::write_mac;
use crate::model::Fact;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The discovery of an engine.
pub(super) const PROTOCOL: Protocol = Protocol {
    name: "snmp",
    transport: Transport::Udp,
    ports: &[161],
    is_deep: false,
    begin: |_| Some(Box::new(Snmp(Vec::new()))),
};

/// What was learnt.
struct Snmp(Vec<Fact>);

impl Dialogue for Snmp {
    fn open(&mut self) -> Step {
        Step::Send(question())
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.0 = facts(bytes);
        if self.0.is_empty() {
            Step::Listen
        } else {
            Step::Done
        }
    }

    fn facts(&self) -> Vec<Fact> {
        self.0.clone()
    }
}

const VERSION_3: &[u8] = &[INTEGER, 1, 3];
const USER_BASED: &[u8] = &[INTEGER, 1, 3];
const ZERO: &[u8] = &[INTEGER, 1, 0];
const MESSAGE: u32 = 0x1506;
const REPORT: u8 = 0xa8;

/// A request for nothing, of an engine without a name, for nobody (RFC 3412 section 6).
fn question() -> Vec<u8> {
    const LARGEST: &[u8] = &[INTEGER, 3, 0, 0xff, 0xe3];
    const REPORTABLE: &[u8] = &[OCTET_STRING, 1, 4];
    const GET: u8 = 0xa0;
    let message = &[INTEGER, 2, 0x15, 0x06];
    let empty = element(OCTET_STRING, &[]);
    let header = element(SEQUENCE, &[message, LARGEST, REPORTABLE, USER_BASED]);
    let security = element(SEQUENCE, &[&empty, ZERO, ZERO, &empty, &empty, &empty]);
    let request = element(GET, &[message, ZERO, ZERO, &element(SEQUENCE, &[])]);
    let data = element(SEQUENCE, &[&empty, &empty, &request]);
    element(
        SEQUENCE,
        &[
            VERSION_3,
            &header,
            &element(OCTET_STRING, &[&security]),
            &data,
        ],
    )
}

/// What an answer to [`question`] tells; nothing where it is none.
pub(super) fn facts(datagram: &[u8]) -> Vec<Fact> {
    let Some(engine) = Engine::read(datagram) else {
        return Vec::new();
    };
    let mut facts = vec![Fact::Speaks("snmp".to_owned())];
    facts.extend(engine.facts());
    facts
}

struct Engine<'a> {
    id: &'a [u8],
    boots: u32,
    uptime: u32,
}

impl<'a> Engine<'a> {
    fn read(datagram: &'a [u8]) -> Option<Self> {
        let mut message = Reader(Reader(datagram).take(SEQUENCE)?);
        if message.number()? != 3 {
            return None;
        }
        let mut header = Reader(message.take(SEQUENCE)?);
        if header.number()? != MESSAGE {
            return None;
        }
        let mut security = Reader(Reader(message.take(OCTET_STRING)?).take(SEQUENCE)?);
        let engine = Self {
            id: security.take(OCTET_STRING)?,
            boots: security.number()?,
            uptime: security.number()?,
        };
        let mut data = Reader(message.take(SEQUENCE)?);
        data.take(OCTET_STRING)?;
        data.take(OCTET_STRING)?;
        // A mirror sends back the request.
        let (answer, _) = ber::first(data.0)?;
        (answer.tag == REPORT).then_some(engine)
    }

    /// What the id says of itself (RFC 3411 section 5, `SnmpEngineID`).
    fn facts(&self) -> Vec<Fact> {
        const LONGEST: usize = 32;
        let Some((enterprise, rest)) = self.id.split_first_chunk::<4>() else {
            return Vec::new();
        };
        if self.id.len() > LONGEST {
            return Vec::new();
        }
        let enterprise = u32::from_be_bytes(*enterprise);
        let mut facts = vec![Fact::SnmpEngine {
            id: hex(self.id),
            enterprise: enterprise & 0x7fff_ffff,
            boots: self.boots,
            uptime: self.uptime,
        }];
        // Without the first bit it is in a form of the vendor's own.
        if enterprise >> 31 == 1
            && let Some((format, rest)) = rest.split_first()
        {
            facts.extend(address(*format, rest));
        }
        facts
    }
}

/// The address that an id was made of.
fn address(format: u8, rest: &[u8]) -> Option<Fact> {
    match format {
        1 => {
            let octets = <[u8; 4]>::try_from(rest).ok()?;
            other(IpAddr::from(Ipv4Addr::from(octets)))
        }
        2 => {
            let octets = <[u8; 16]>::try_from(rest).ok()?;
            other(IpAddr::from(Ipv6Addr::from(octets)))
        }
        3 => {
            let mac = <[u8; 6]>::try_from(rest).ok()?;
            (mac != [0; 6]).then(|| Fact::Mac(write_mac(mac)))
        }
        _ => None,
    }
}

fn other(address: IpAddr) -> Option<Fact> {
    let is_of_a_network = !address.is_unspecified() && !address.is_loopback();
    is_of_a_network.then_some(Fact::OtherAddress(address))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A report of an engine.
    pub(in crate::identify) fn report(id: &[u8], pdu: u8) -> Vec<u8> {
        let message = &[INTEGER, 2, 0x15, 0x06];
        let empty = element(OCTET_STRING, &[]);
        let header = element(
            SEQUENCE,
            &[
                message,
                &[INTEGER, 2, 5, 0xdc],
                &[OCTET_STRING, 1, 0],
                USER_BASED,
            ],
        );
        let security = element(
            SEQUENCE,
            &[
                &element(OCTET_STRING, &[id]),
                &[INTEGER, 1, 7],
                &[INTEGER, 2, 1, 0],
                &empty,
                &empty,
                &empty,
            ],
        );
        let request = element(pdu, &[message, ZERO, ZERO, &element(SEQUENCE, &[])]);
        let data = element(SEQUENCE, &[&element(OCTET_STRING, &[id]), &empty, &request]);
        element(
            SEQUENCE,
            &[
                VERSION_3,
                &header,
                &element(OCTET_STRING, &[&security]),
                &data,
            ],
        )
    }

    #[test]
    fn an_engine_tells_its_maker_and_its_hardware_address() {
        let id = [0x80, 0, 0, 9, 3, 0, 0x1b, 0x54, 1, 2, 3];
        let expected = [
            Fact::Speaks("snmp".to_owned()),
            Fact::SnmpEngine {
                id: "8000000903001b54010203".to_owned(),
                enterprise: 9,
                boots: 7,
                uptime: 256,
            },
            Fact::Mac("00:1b:54:01:02:03".to_owned()),
        ];
        assert_eq!(facts(&report(&id, REPORT)), expected);
    }

    #[test]
    fn other_forms_of_an_id_tell_an_address_or_nothing() {
        let told = |id: &[u8]| facts(&report(id, REPORT)).get(2).cloned();
        let address = [0x80, 0, 0, 9, 1, 192, 0, 2, 7];
        let expected = Fact::OtherAddress("192.0.2.7".parse().unwrap());
        assert_eq!(told(&address), Some(expected));
        assert_eq!(told(&[0x80, 0, 0, 9, 1, 127, 0, 0, 1]), None);
        assert_eq!(told(&[0x80, 0, 0, 9, 3, 0, 0, 0, 0, 0, 0]), None);
        // Without the first bit: eight octets of the vendor's own.
        assert_eq!(told(&[0, 0, 0, 9, 3, 0, 0, 0, 1, 2, 3, 4]), None);
        assert_eq!(facts(&report(&[1, 2], REPORT)).len(), 1);
        assert_eq!(facts(&report(&[0x80; 40], REPORT)).len(), 1);
    }

    #[test]
    fn a_mirror_and_another_ones_answer_are_nothing() {
        assert_eq!(facts(&question()), []);
        assert_eq!(facts(&report(&[0x80, 0, 0, 9, 4, 65], 0xa0)), []);
        let mut dialogue = Snmp(Vec::new());
        assert_eq!(dialogue.hear(b"no"), Step::Listen);
        assert_eq!(
            dialogue.hear(&report(&[0x80, 0, 0, 9, 4, 65], REPORT)),
            Step::Done
        );
    }

    #[test]
    fn no_community_is_ever_named() {
        let question = question();
        assert!(!question.windows(6).any(|part| part == b"public"));
        assert_eq!(question[2..5], *VERSION_3);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(at: usize, new: Vec<u8>, more: Vec<u8>) {
            let _ = facts(&more);
            let mut answer = report(&[0x80, 0, 0, 9, 3, 1, 2, 3, 4, 5, 6], REPORT);
            let at = at % answer.len();
            answer.splice(at..(at + new.len()).min(answer.len()), new);
            let _ = facts(&answer);
        }
    }
}
