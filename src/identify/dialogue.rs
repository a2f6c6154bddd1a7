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
    /// of it in [`Dialogue::secured`].
    StartTls,
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

/// One conversation with one port. It never names an account, and never answers a challenge.
///
/// Everything heard is hostile. The bytes of all calls together are capped by whoever carries it.
pub trait Dialogue: Send {
    /// What is said first; empty where the other side begins.
    fn open(&mut self) -> Step;

    /// What was heard since the last call: some bytes of a stream, or one whole datagram.
    fn hear(&mut self, bytes: &[u8]) -> Step;

    /// TLS stands. Only after [`Step::StartTls`].
    fn secured(&mut self, certificate: Option<&Certificate>) -> Step {
        let _ = certificate;
        Step::Done
    }

    /// What was learnt, whether or not it came to an end.
    fn facts(&self) -> Vec<Fact>;
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
