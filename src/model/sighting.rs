//! What is tried at an address, and how it answers.

/// A way to find out whether an address answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    /// A connection to a TCP port.
    Tcp(u16),
    /// An ICMP echo request (RFC 792).
    Echo,
    /// A request for the hardware address, on the own link: ARP (RFC 826). In no plan: it comes before
    /// every other probe there.
    Neighbour,
}

impl ProbeKind {
    /// The word used in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Echo => "echo",
            Self::Neighbour => "arp",
        }
    }

    /// Reads the word used in the store, with its port.
    pub fn parse(word: &str, port: u16) -> Option<Self> {
        match word {
            "tcp" => Some(Self::Tcp(port)),
            "echo" => Some(Self::Echo),
            "arp" => Some(Self::Neighbour),
            _ => None,
        }
    }

    /// The TCP port, where it is one.
    pub fn port(self) -> Option<u16> {
        match self {
            Self::Tcp(port) => Some(port),
            Self::Echo | Self::Neighbour => None,
        }
    }
}

/// How an answer looked on the wire: answers of one machine look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Trace {
    /// The time to live that was left.
    pub ttl: u8,
    /// The TCP window; 0 where there is none.
    pub window: u16,
    /// A hash of which TCP options came, in which order; 0 where there are none.
    pub options: u16,
}

/// How a probe was answered. No answer is silence, and is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// A connection was accepted.
    Open,
    /// A connection was refused: nothing listens there, but the host lives.
    Closed,
    /// An echo or an address request was answered.
    Alive,
    /// A packet said that the port is open, but no connection came about: somebody on the way answers
    /// for others. No sign of life.
    Unconfirmed,
    /// A router, or this machine, says that there is no way there. No sign of life.
    Unreachable,
}

impl Answer {
    /// The word used in the store and in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Alive => "alive",
            Self::Unconfirmed => "unconfirmed",
            Self::Unreachable => "unreachable",
        }
    }

    /// Reads the word used in the store and in exports.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::Open,
            Self::Closed,
            Self::Alive,
            Self::Unconfirmed,
            Self::Unreachable,
        ];
        all.into_iter().find(|answer| answer.as_str() == word)
    }

    /// Whether the host itself answered.
    pub fn is_life(self) -> bool {
        matches!(self, Self::Open | Self::Closed | Self::Alive)
    }
}
