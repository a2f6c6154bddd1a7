//! What a file server says before any logon: dialect, signing, clock, and the NTLM challenge.
//!
//! SMB 1 is asked for on a connection of its own: a server that still speaks it has a problem, and an
//! old one speaks nothing else.

use super::challenge;
use super::dialogue::{Dialogue, Occasion, Protocol, Step, Transport};
use crate::model::{Fact, hex};
use crate::wire::ntlmssp::{self, Challenge};
use crate::wire::{Heard, nbss, smb1, smb2, spnego};
use std::net::IpAddr;

const NETBIOS: u16 = 139;
const PENDING: u32 = 0x0000_0103;

/// SMB 2 and 3.
pub(super) const SMB2: Protocol = Protocol {
    name: "smb2",
    transport: Transport::Tcp,
    ports: &[445, NETBIOS],
    is_deep: false,
    begin: |occasion| Some(Box::new(Smb::new(occasion, Generation::Two))),
};

/// SMB 1.
pub(super) const SMB1: Protocol = Protocol {
    name: "smb1",
    transport: Transport::Tcp,
    ports: &[445, NETBIOS],
    is_deep: false,
    begin: |occasion| Some(Box::new(Smb::new(occasion, Generation::One))),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Generation {
    One,
    Two,
}

/// What was asked last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    ForASession,
    Dialect,
    Challenge,
}

struct Smb {
    occasion: Occasion,
    generation: Generation,
    asked: Asked,
    heard: Vec<u8>,
    facts: Vec<Fact>,
    knows_clock: bool,
}

impl Dialogue for Smb {
    fn open(&mut self) -> Step {
        if self.asked == Asked::ForASession {
            return Step::Send(nbss::session_request());
        }
        self.ask_dialect()
    }

    fn hear(&mut self, bytes: &[u8]) -> Step {
        self.heard.extend(bytes);
        let (frame, length) = match nbss::read(&self.heard) {
            Heard::Whole(whole) => whole,
            Heard::Part => return Step::Listen,
            Heard::Other => return Step::Done,
        };
        let message = match frame {
            nbss::Frame::Message(message) => Some(message.to_vec()),
            nbss::Frame::SessionGranted => None,
        };
        self.heard.drain(..length);
        match (self.asked, message, self.generation) {
            (Asked::ForASession, None, _) => self.ask_dialect(),
            (Asked::Dialect, Some(message), Generation::Two) => self.dialect_2(&message),
            (Asked::Dialect, Some(message), Generation::One) => self.dialect_1(&message),
            (Asked::Challenge, Some(message), Generation::Two) => self.challenge_2(&message),
            (Asked::Challenge, Some(message), Generation::One) => self.challenge_1(&message),
            _ => Step::Done,
        }
    }

    fn facts(&self) -> Vec<Fact> {
        self.facts.clone()
    }
}

impl Smb {
    fn new(occasion: Occasion, generation: Generation) -> Self {
        Self {
            occasion,
            generation,
            asked: match occasion.port {
                NETBIOS => Asked::ForASession,
                _ => Asked::Dialect,
            },
            heard: Vec::new(),
            facts: Vec::new(),
            knows_clock: false,
        }
    }

    fn ask_dialect(&mut self) -> Step {
        self.asked = Asked::Dialect;
        let message = match self.generation {
            Generation::One => smb1::negotiate(),
            Generation::Two => smb2::negotiate(client_guid(&self.occasion)),
        };
        Step::Send(nbss::frame(&message))
    }

    fn dialect_2(&mut self, message: &[u8]) -> Step {
        let Some(read) = smb2::Negotiated::parse(message) else {
            return Step::Done;
        };
        self.facts.extend([
            Fact::Speaks("smb".to_owned()),
            Fact::SmbDialect(smb2::dialect_name(read.dialect)),
            Fact::SmbSigningRequired(read.is_signing_required),
            Fact::ServerGuid(guid_text(&read.guid)),
        ]);
        self.facts.extend(read.started.map(Fact::BootTime));
        self.learn_clock(read.time);
        self.ask_challenge(&smb2::session_setup(&spnego::init(&ntlmssp::negotiate())))
    }

    fn dialect_1(&mut self, message: &[u8]) -> Step {
        let Some(read) = smb1::Negotiated::parse(message) else {
            return Step::Done;
        };
        self.facts.extend([
            Fact::Speaks("smb".to_owned()),
            Fact::Smb1,
            Fact::SmbSigningRequired(read.is_signing_required),
        ]);
        self.learn_clock(read.time);
        self.facts.extend(read.server.map(Fact::NetbiosComputer));
        self.facts.extend(read.domain.map(Fact::NetbiosDomain));
        if !read.is_extended {
            // The next message would have to hold a name and a password.
            return Step::Done;
        }
        self.ask_challenge(&smb1::session_setup(&spnego::init(&ntlmssp::negotiate())))
    }

    fn ask_challenge(&mut self, message: &[u8]) -> Step {
        self.asked = Asked::Challenge;
        Step::Send(nbss::frame(message))
    }

    fn challenge_2(&mut self, message: &[u8]) -> Step {
        let Some((status, token)) = smb2::session_answer(message) else {
            return Step::Done;
        };
        if status == PENDING {
            return Step::Listen;
        }
        self.learn_challenge(status, token);
        Step::Done
    }

    fn challenge_1(&mut self, message: &[u8]) -> Step {
        let Some(answer) = smb1::SessionAnswer::parse(message) else {
            return Step::Done;
        };
        self.learn_challenge(answer.status, answer.token);
        let version = answer.native_server.strip_prefix("Samba ");
        if version.is_some() {
            self.facts
                .retain(|fact| *fact != Fact::Samba(String::new()));
        }
        let version = version.map(str::to_owned).map(Fact::Samba);
        let is_told = !answer.native_os.is_empty() && version.is_none();
        let system = is_told.then_some(answer.native_os).map(Fact::Banner);
        self.facts.extend(version.or(system));
        Step::Done
    }

    fn learn_challenge(&mut self, status: u32, token: &[u8]) {
        if status == smb2::NOT_SUPPORTED {
            self.facts.push(Fact::NtlmOff);
        }
        let Some(mut challenge) = Challenge::find(token) else {
            return;
        };
        if self.knows_clock {
            challenge.time = None;
        }
        let facts = challenge::facts(&challenge, self.occasion.now);
        self.facts.extend(facts);
    }

    fn learn_clock(&mut self, time: Option<i64>) {
        self.knows_clock = time.is_some();
        let now = self.occasion.now;
        self.facts
            .extend(time.map(|time| challenge::skew(time, now)));
    }
}

/// Who we say we are: another one for every host and second, since a server may take equal ones for
/// one client (MS-SMB2 3.3.5.4).
fn client_guid(occasion: &Occasion) -> [u8; 16] {
    let address = match occasion.address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let now = occasion.now.to_be_bytes();
    let mut guid = address;
    for (byte, with) in guid.iter_mut().zip(now) {
        *byte ^= with;
    }
    guid
}

/// As MS-DTYP 2.3.4.3 writes it: the first three numbers are little-endian.
fn guid_text(guid: &[u8; 16]) -> String {
    let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, e @ ..] = *guid;
    let numbers: [&[u8]; 5] = [&[a3, a2, a1, a0], &[b1, b0], &[c1, c0], &[d0, d1], &e];
    numbers.map(hex).join("-")
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::tests::{play, played};
    use super::*;
    use crate::wire::ntlmssp::tests::challenge;

    const NOW: i64 = 1_795_910_400;

    fn filetime(unix: i64) -> u64 {
        u64::try_from(unix + 11_644_473_600).unwrap() * 10_000_000
    }

    fn windows() -> Vec<u8> {
        let names = [(2, "CONTOSO"), (1, "WEB1"), (3, "web1.contoso.test")];
        challenge((10, 0, 17763), &names, Some(filetime(NOW + 9)))
    }

    #[test]
    fn a_windows_tells_all_in_two_messages() {
        let negotiated =
            smb2::tests::negotiated(0x0302, 1, (filetime(NOW + 2), filetime(NOW - 60)));
        let answers = [
            nbss::frame(&negotiated),
            nbss::frame(&smb2::tests::set_up(
                smb2::MORE_PROCESSING_REQUIRED,
                &windows(),
            )),
        ];
        let (facts, sent) = played(&SMB2, 445, &answers);
        let expected = [
            Fact::Speaks("smb".to_owned()),
            Fact::SmbDialect("3.0.2".to_owned()),
            Fact::SmbSigningRequired(false),
            Fact::ServerGuid("03020100-0504-0706-0809-0a0b0c0d0e0f".to_owned()),
            Fact::BootTime(NOW - 60),
            Fact::ClockSkew(2),
            Fact::NetbiosComputer("WEB1".to_owned()),
            Fact::NetbiosDomain("CONTOSO".to_owned()),
            Fact::DnsComputer("web1.contoso.test".to_owned()),
            Fact::WindowsBuild {
                major: 10,
                minor: 0,
                build: 17763,
            },
        ];
        assert_eq!(facts, expected);
        assert_eq!(sent.len(), 2);
    }

    #[test]
    fn a_server_without_ntlm_says_so() {
        let answers = [
            nbss::frame(&smb2::tests::negotiated(0x0311, 3, (0, 0))),
            nbss::frame(&smb2::tests::set_up(smb2::NOT_SUPPORTED, b"")),
        ];
        let (facts, _) = played(&SMB2, 445, &answers);
        assert!(facts.contains(&Fact::NtlmOff));
        assert!(facts.contains(&Fact::SmbSigningRequired(true)));
    }

    #[test]
    fn on_port_139_a_session_is_asked_for_first() {
        let answers = [
            vec![0x82, 0, 0, 0],
            nbss::frame(&smb2::tests::negotiated(0x0210, 1, (0, 0))),
        ];
        let (facts, sent) = played(&SMB2, 139, &answers);
        assert!(facts.contains(&Fact::SmbDialect("2.1".to_owned())));
        assert_eq!(sent.first(), Some(&nbss::session_request()));
        assert_eq!(sent.len(), 3);
        let (facts, sent) = played(&SMB2, 139, &[vec![0x83, 0, 0, 1, 0x82]]);
        assert_eq!((facts, sent.len()), (Vec::new(), 1));
    }

    #[test]
    fn an_old_windows_tells_its_name_in_plain_words() {
        let texts = [
            "Windows Server 2003 3790 Service Pack 2",
            "Windows Server 2003 5.2",
        ];
        let token = challenge((5, 2, 3790), &[(1, "OLD")], None);
        let answers = [
            nbss::frame(&smb1::tests::negotiated(0, 3, None)),
            nbss::frame(&smb1::tests::set_up(
                smb2::MORE_PROCESSING_REQUIRED,
                &token,
                texts,
            )),
        ];
        let (facts, _) = played(&SMB1, 445, &answers);
        assert!(facts.contains(&Fact::Smb1));
        assert!(facts.contains(&Fact::Banner(texts[0].to_owned())));
        assert!(facts.contains(&Fact::NetbiosComputer("OLD".to_owned())));
    }

    #[test]
    fn a_server_that_would_want_a_password_gets_none() {
        let answers = [nbss::frame(&smb1::tests::negotiated(
            0,
            3,
            Some(["GROUP", "NT4"]),
        ))];
        let (facts, sent) = played(&SMB1, 445, &answers);
        assert!(facts.contains(&Fact::NetbiosComputer("NT4".to_owned())));
        assert_eq!(sent, [nbss::frame(&smb1::negotiate())]);
    }

    #[test]
    fn a_truncated_exchange_tells_only_what_came() {
        let negotiated = nbss::frame(&smb2::tests::negotiated(0x0311, 1, (0, 0)));
        let set_up = nbss::frame(&smb2::tests::set_up(
            smb2::MORE_PROCESSING_REQUIRED,
            &windows(),
        ));
        for length in 0..negotiated.len() {
            let (facts, _) = played(&SMB2, 445, &[negotiated[..length].to_vec()]);
            assert!(facts.is_empty(), "{length}");
        }
        for length in 0..set_up.len() {
            let answers = [negotiated.clone(), set_up[..length].to_vec()];
            let (facts, _) = played(&SMB2, 445, &answers);
            assert_eq!(facts.len(), 4, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(answers: Vec<Vec<u8>>, old: bool, port in proptest::sample::select(vec![139_u16, 445])) {
            let framed: Vec<_> = answers.iter().map(|bytes| nbss::frame(bytes)).collect();
            let protocol = if old { &SMB1 } else { &SMB2 };
            play(protocol, port, &framed);
            play(protocol, port, &answers);
        }
    }
}
