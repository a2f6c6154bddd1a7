//! Carries dialogues over real connections: opens them one after the other, bounds how long and how
//! much they take, and closes them.

mod onlooker;

use super::clean;
use super::dialogue::{Dialogue, Occasion, Protocol, Step, Transport};
use super::rules::is_fragile;
use crate::model::{Clue, Fact};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

/// The most that is heard in one dialogue, in bytes.
const MOST_HEARD: usize = 64 << 10;
/// The most pieces in which it may come: each is looked at together with all before it.
const MOST_PIECES: usize = 512;
const MOST_CONNECTIONS: usize = 6;
const MOST_FACTS: usize = 64;
/// Two ports of one server: the older one is not asked where the newer one is open.
const NETBIOS: u16 = 139;
const SMB: u16 = 445;

/// The ports of a host that may be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports<'a> {
    /// Those that are open.
    pub tcp: &'a [u16],
    /// Those that the operator allows: whether they are open is seen when they are asked.
    pub udp: &'a [u16],
    /// TCP ports on which the operator expects what usually is on another: the port, and the usual one.
    pub expected: &'a [(u16, u16)],
}

impl Ports<'_> {
    /// Whether a protocol may be spoken on a TCP port.
    fn suits(&self, protocol: &Protocol, port: u16) -> bool {
        let mut others = self.expected.iter().filter(|(real, _)| *real == port);
        protocol.ports.contains(&port) || others.any(|(_, usual)| protocol.ports.contains(usual))
    }
}

/// How a host is asked.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Now, in Unix seconds.
    pub now: i64,
    /// Whether exchanges that leave more than a line in a log are allowed: `--deep-identify`.
    pub is_deep: bool,
    /// Whether what a question may end is asked all the same: `--include-fragile`.
    pub include_fragile: bool,
    /// The moment at which we are done with the host, whatever it does.
    pub deadline: Instant,
    /// How long one connection may take, from its first packet to its last.
    pub patience: Duration,
}

impl How {
    /// The usual patience of three seconds a connection, and nothing deep.
    pub fn until(deadline: Instant, now: i64) -> Self {
        Self {
            now,
            is_deep: false,
            include_fragile: false,
            deadline,
            patience: Duration::from_secs(3),
        }
    }
}

/// Asks a host who it is, by every protocol that one of its ports is known for ([`super::PROTOCOLS`]);
/// one connection at a time, until the deadline, and no further once it shows itself to be fragile. On
/// ports that no protocol claims nothing is said. Attacker-controlled.
pub async fn identify(address: IpAddr, ports: &Ports<'_>, how: &How) -> Vec<Clue> {
    identify_by(super::PROTOCOLS, address, ports, how).await
}

async fn identify_by(
    protocols: &[&Protocol],
    address: IpAddr,
    ports: &Ports<'_>,
    how: &How,
) -> Vec<Clue> {
    let mut clues = Vec::new();
    // A port that lets one conversation run out of time gets no other.
    let mut silent = Vec::new();
    for (protocol, port) in questions(ports, protocols, how.is_deep) {
        let began = Instant::now();
        let is_done = began >= how.deadline;
        if is_done || (!how.include_fragile && is_fragile(&clues, ports.tcp)) {
            break;
        }
        if silent.contains(&port) {
            continue;
        }
        let facts = converse(SocketAddr::new(address, port), protocol, how).await;
        if facts.is_empty() && began.elapsed() >= how.patience {
            silent.push(port);
        }
        clues.extend(facts.into_iter().map(|fact| Clue {
            source: protocol.name.to_owned(),
            proto: proto(protocol.transport).to_owned(),
            port,
            fact,
        }));
    }
    clues
}

/// By which protocols [`identify`] asks which ports, by name; fewer where a host shows itself to be fragile,
/// or does not answer.
pub fn planned(ports: &Ports<'_>, is_deep: bool) -> Vec<(&'static str, u16)> {
    let all = questions(ports, super::PROTOCOLS, is_deep).into_iter();
    all.map(|(protocol, port)| (protocol.name, port)).collect()
}

/// Who is asked what, in the order of the protocols.
fn questions<'a>(
    ports: &Ports<'_>,
    protocols: &[&'a Protocol],
    is_deep: bool,
) -> Vec<(&'a Protocol, u16)> {
    let allowed = protocols
        .iter()
        .filter(|protocol| is_deep || !protocol.is_deep);
    let questions = allowed.flat_map(|protocol| {
        let is_twice = |port: u16| port == NETBIOS && ports.tcp.contains(&SMB);
        let own: Vec<u16> = match protocol.transport {
            Transport::Tcp | Transport::Tls => {
                let open = ports.tcp.iter().copied();
                open.filter(|port| ports.suits(protocol, *port) && !is_twice(*port))
                    .collect()
            }
            Transport::Udp => {
                let allowed = protocol.ports.iter().copied();
                allowed.filter(|port| ports.udp.contains(port)).collect()
            }
        };
        own.into_iter().map(|port| (*protocol, port))
    });
    questions.collect()
}

fn proto(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp | Transport::Tls => "tcp",
        Transport::Udp => "udp",
    }
}

/// One conversation with one port, whichever port that is. What was learnt of it, its texts cleaned.
/// Attacker-controlled.
pub async fn converse(socket: SocketAddr, protocol: &Protocol, how: &How) -> Vec<Fact> {
    let occasion = Occasion {
        address: socket.ip(),
        port: socket.port(),
        now: how.now,
        is_deep: how.is_deep,
    };
    let Some(mut dialogue) = (protocol.begin)(occasion) else {
        return Vec::new();
    };
    match protocol.transport {
        Transport::Udp => {
            let until = how.deadline.min(Instant::now() + how.patience);
            let talk = datagrams(socket, dialogue.as_mut(), how.patience / 2);
            // What was heard before the time was up counts; so does what came before an error.
            timeout_at(until, talk).await.ok();
        }
        Transport::Tcp | Transport::Tls => {
            connections(socket, protocol, dialogue.as_mut(), how).await;
        }
    }
    let facts = dialogue.facts().into_iter();
    facts.filter_map(clean::fact).take(MOST_FACTS).collect()
}

/// As many connections as the dialogue asks for, each with its own time.
async fn connections(
    socket: SocketAddr,
    protocol: &Protocol,
    dialogue: &mut dyn Dialogue,
    how: &How,
) {
    let mut quota = Quota {
        bytes: MOST_HEARD,
        pieces: MOST_PIECES,
    };
    for _ in 0..MOST_CONNECTIONS {
        let until = how.deadline.min(Instant::now() + how.patience);
        let talk = connection(socket, protocol.transport, dialogue, &mut quota);
        match timeout_at(until, talk).await {
            Ok(Ok(End::Again)) => {}
            Ok(Ok(End::Over) | Err(_)) | Err(_) => return,
        }
    }
}

/// What may still be heard.
struct Quota {
    bytes: usize,
    pieces: usize,
}

/// How a connection ended.
enum End {
    Over,
    Again,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn connection(
    socket: SocketAddr,
    transport: Transport,
    dialogue: &mut dyn Dialogue,
    quota: &mut Quota,
) -> io::Result<End> {
    let tcp = TcpStream::connect(socket).await?;
    tcp.set_nodelay(true)?;
    let (reader, writer) = tcp.into_split();
    // TLS reads for itself: it is bounded below it.
    let most = u64::try_from(quota.bytes).unwrap_or(u64::MAX);
    let mut stream: Box<dyn Stream> = Box::new(tokio::io::join(reader.take(most), writer));
    let mut step = match transport {
        Transport::Tls => match onlooker::look(stream).await {
            Ok((inside, _)) => {
                stream = Box::new(inside);
                dialogue.open()
            }
            Err(_) => return Ok(after(&dialogue.unsecured())),
        },
        Transport::Tcp | Transport::Udp => dialogue.open(),
    };
    loop {
        step = match step {
            Step::Send(bytes) => {
                stream.write_all(&bytes).await?;
                stream.flush().await?;
                Step::Listen
            }
            Step::Listen => match hear(&mut stream, dialogue, quota).await? {
                Some(step) => step,
                None => Step::Done,
            },
            Step::StartTls => match onlooker::look(stream).await {
                Ok((inside, secured)) => {
                    stream = Box::new(inside);
                    dialogue.secured(&secured)
                }
                Err(_) => return Ok(after(&dialogue.unsecured())),
            },
            step @ (Step::Again | Step::Done) => {
                // A moment to say goodbye is all that an unfinished host gets.
                timeout(Duration::from_millis(100), stream.shutdown())
                    .await
                    .ok();
                return Ok(after(&step));
            }
        };
    }
}

fn after(step: &Step) -> End {
    match step {
        Step::Again => End::Again,
        _ => End::Over,
    }
}

/// The step after the next piece; `None` where none comes any more, or enough came.
async fn hear(
    stream: &mut Box<dyn Stream>,
    dialogue: &mut dyn Dialogue,
    quota: &mut Quota,
) -> io::Result<Option<Step>> {
    let mut piece = [0; 4096];
    let count = stream.read(&mut piece).await?;
    if count == 0 || count > quota.bytes || quota.pieces == 0 {
        return Ok(None);
    }
    quota.bytes -= count;
    quota.pieces -= 1;
    let heard = piece.get(..count).unwrap_or_default();
    Ok(Some(dialogue.hear(heard)))
}

/// A conversation in datagrams: what is lost is said again once.
async fn datagrams(
    socket: SocketAddr,
    dialogue: &mut dyn Dialogue,
    wait: Duration,
) -> io::Result<()> {
    let any: IpAddr = match socket {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let own = UdpSocket::bind((any, 0)).await?;
    // Only who was asked is heard.
    own.connect(socket).await?;
    let mut piece = vec![0; MOST_HEARD];
    let mut left = MOST_HEARD;
    let mut step = dialogue.open();
    for _ in 0..MOST_PIECES {
        let count = match &step {
            Step::Send(bytes) => {
                own.send(bytes).await?;
                if let Ok(count) = timeout(wait, own.recv(&mut piece)).await {
                    count?
                } else {
                    own.send(bytes).await?;
                    own.recv(&mut piece).await?
                }
            }
            Step::Listen => own.recv(&mut piece).await?,
            Step::StartTls | Step::Again | Step::Done => return Ok(()),
        };
        let Some(rest) = left.checked_sub(count) else {
            return Ok(());
        };
        left = rest;
        step = dialogue.hear(piece.get(..count).unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
