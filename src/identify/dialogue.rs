//! What is said on a port to learn who listens there, as a dialogue without I/O: `grab` carries it, and a
//! test or a fuzzer can play the peer.

use crate::model::{Certificate, Fact};
use std::net::IpAddr;

/// What a dialogue wants next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, then listen.
    Send(Vec<u8>),
    /// Listen for more.
    Listen,
    /// Begin TLS on the connection, without a look at who vouches for the certificate; the dialogue hears
    /// of it in [`Dialogue::secured`], or in [`Dialogue::unsecured`].
    StartTls,
    /// Close this connection and open another one to the same port, which begins with
    /// [`Dialogue::open`]. Over TCP only, and only a few times.
    Again,
    /// There is nothing more to learn.
    Done,
}

/// What a dialogue is told before it begins.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// Who is asked.
    pub address: IpAddr,
    /// On which port.
    pub port: u16,
    /// Now, in Unix seconds.
    pub now: i64,
    /// Whether exchanges that leave more than a line in a log are allowed: `--deep-identify`.
    pub is_deep: bool,
}

/// One conversation with one port. It never names an account, and never answers a challenge: what
/// `wire` can write of NTLM ends with the first message.
///
/// Everything heard is hostile. The bytes of all calls together are capped by whoever carries it.
pub trait Dialogue: Send {
    /// What is said first; empty where the other side begins.
    fn open(&mut self) -> Step;

    /// What was heard since the last call: some bytes of a stream, or one whole datagram.
    fn hear(&mut self, bytes: &[u8]) -> Step;

    /// TLS stands. Only after [`Step::StartTls`].
    fn secured(&mut self, tls: &Secured) -> Step {
        let _ = tls;
        Step::Done
    }

    /// TLS could not be agreed on, and the connection is of no more use. Only after
    /// [`Step::StartTls`].
    fn unsecured(&mut self) -> Step {
        Step::Done
    }

    /// What was learnt, whether or not it came to an end.
    fn facts(&self) -> Vec<Fact>;
}

/// What TLS was agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secured {
    /// The version: `TLS 1.3`; empty where it is none that has a name.
    pub version: String,
    /// The certificate that was shown, and that nobody has looked into.
    pub certificate: Option<Certificate>,
}

/// A protocol by which a port tells who is there.
pub struct Protocol {
    /// The word for it, as in `Clue::source`: `smb2`, `ntlm-http`.
    pub name: &'static str,
    /// `tcp` or `udp`.
    pub transport: Transport,
    /// The ports on which it is spoken.
    pub ports: &'static [u16],
    /// Whether it is only spoken where the operator asked for more: `--deep-identify`.
    pub is_deep: bool,
    /// Begins a conversation; `None` where there is nothing to ask on this occasion.
    pub begin: fn(Occasion) -> Option<Box<dyn Dialogue>>,
}

/// What carries a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection of its own.
    Tcp,
    /// A TCP connection on which TLS stands from the first byte.
    Tls,
    /// Single datagrams.
    Udp,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The moment of every dialogue that is played.
    pub(in crate::identify) const NOW: i64 = 1_795_910_400;

    /// Plays the peer with one answer to everything that is sent; TLS is never agreed on. What was
    /// learnt, and what was sent.
    pub(in crate::identify) fn played(
        protocol: &Protocol,
        port: u16,
        answers: &[Vec<u8>],
    ) -> (Vec<Fact>, Vec<Vec<u8>>) {
        with_tls(protocol, port, answers, None)
    }

    /// The same where TLS can be agreed on.
    pub(in crate::identify) fn with_tls(
        protocol: &Protocol,
        port: u16,
        answers: &[Vec<u8>],
        tls: Option<&Secured>,
    ) -> (Vec<Fact>, Vec<Vec<u8>>) {
        let occasion = Occasion {
            address: [192, 0, 2, 7].into(),
            port,
            now: NOW,
            is_deep: true,
        };
        let mut dialogue = (protocol.begin)(occasion).unwrap();
        let mut answers = answers.iter();
        let mut sent = Vec::new();
        let mut step = dialogue.open();
        for _ in 0..200 {
            step = match step {
                Step::Send(bytes) => {
                    sent.push(bytes);
                    Step::Listen
                }
                Step::Listen => match answers.next() {
                    Some(answer) => dialogue.hear(answer),
                    None => break,
                },
                Step::StartTls => match tls {
                    Some(tls) => dialogue.secured(tls),
                    None => dialogue.unsecured(),
                },
                Step::Again => dialogue.open(),
                Step::Done => break,
            };
        }
        (dialogue.facts(), sent)
    }

    /// The same, for its side effects.
    pub(in crate::identify) fn play(protocol: &Protocol, port: u16, answers: &[Vec<u8>]) {
        let tls = Secured::default();
        with_tls(protocol, port, answers, None);
        let (_, sent) = with_tls(protocol, port, answers, Some(&tls));
        let third = b"NTLMSSP\0\x03\0\0\0";
        let is_third = |bytes: &Vec<u8>| bytes.windows(third.len()).any(|part| part == third);
        assert!(!sent.iter().any(is_third), "an AUTHENTICATE was sent");
    }
}
