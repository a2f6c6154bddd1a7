//! Hears what hosts on the link announce by multicast DNS, for as long as it is told. It joins the group and
//! sends nothing; only where the operator asks for it.

use super::mdns::{self, LONGEST, PORT};
use crate::model::{Clue, Fact};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout_at};

/// What was announced, by who sent it.
pub type Announcements = BTreeMap<IpAddr, Vec<Clue>>;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// The most senders that are kept; a link has no more that matter.
const MOST_SENDERS: usize = 4096;
/// The most clues of one of them.
const MOST_CLUES: usize = 128;

/// Listens until a moment on the links of these addresses of ours; with none, on the one that the system chooses.
///
/// Shares the port with whatever else listens there. An error only where not one link could be joined.
pub async fn announcements(links: &[Ipv4Addr], until: Instant) -> io::Result<Announcements> {
    let socket = join(links, PORT)?;
    Ok(hear(&socket, until).await)
}

/// The same over IPv6, on the links with these numbers.
pub async fn announcements_v6(links: &[u32], until: Instant) -> io::Result<Announcements> {
    let socket = join_v6(links, PORT)?;
    Ok(hear(&socket, until).await)
}

/// The IPv6 addresses that were announced: those of senders, and the others of their names.
pub fn announced_v6(announcements: &Announcements) -> Vec<Ipv6Addr> {
    let of_host = |(sender, clues): (&IpAddr, &Vec<Clue>)| {
        let others = clues.iter().filter_map(|clue| match clue.fact {
            Fact::OtherAddress(address) => Some(address),
            _ => None,
        });
        others.chain([*sender]).collect::<Vec<IpAddr>>()
    };
    let all = announcements.iter().flat_map(of_host);
    let all = all.filter_map(|address| match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    });
    all.collect()
}

fn shared(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn join_v6(links: &[u32], port: u16) -> io::Result<UdpSocket> {
    let socket = shared(Domain::IPV6)?;
    socket.set_only_v6(true)?;
    // A group of the link cannot be bound to without naming one link. What comes by unicast is heard as well, and
    // nobody is answered.
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    let joined = links
        .iter()
        .map(|link| socket.join_multicast_v6(&GROUP_V6, *link));
    joined_any(joined.collect(), socket)
}

/// The socket, where at least one link could be joined.
fn joined_any(joined: Vec<io::Result<()>>, socket: Socket) -> io::Result<UdpSocket> {
    let (joined, failed): (Vec<_>, Vec<_>) = joined.into_iter().partition(Result::is_ok);
    match failed.into_iter().next() {
        Some(Err(error)) if joined.is_empty() => Err(error),
        _ => UdpSocket::from_std(socket.into()),
    }
}

fn join(links: &[Ipv4Addr], port: u16) -> io::Result<UdpSocket> {
    let socket = shared(Domain::IPV4)?;
    // Unicast to the port is not for us: a listener answers to nobody. Windows cannot bind to a group.
    let local = if cfg!(unix) {
        GROUP
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    socket.bind(&SocketAddr::from((local, port)).into())?;
    let any = [Ipv4Addr::UNSPECIFIED];
    let links = if links.is_empty() { &any } else { links };
    let joined = links
        .iter()
        .map(|link| socket.join_multicast_v4(&GROUP, link));
    joined_any(joined.collect(), socket)
}

async fn hear(socket: &UdpSocket, until: Instant) -> Announcements {
    let mut heard = Announcements::new();
    let mut buffer = vec![0; LONGEST + 1];
    while let Ok(received) = timeout_at(until, socket.recv_from(&mut buffer)).await {
        // An error of one datagram is not the end of the others; but it must not make us spin.
        let Ok((length, sender)) = received else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        keep(
            &mut heard,
            sender.ip(),
            mdns::announcement(datagram, sender.ip()),
        );
    }
    heard
}

fn keep(heard: &mut Announcements, sender: IpAddr, clues: Vec<Clue>) {
    let is_known = heard.contains_key(&sender);
    if clues.is_empty() || (!is_known && heard.len() >= MOST_SENDERS) {
        return;
    }
    let kept = heard.entry(sender).or_default();
    for clue in clues {
        if kept.len() < MOST_CLUES && !kept.contains(&clue) {
            kept.push(clue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::mdns::tests::printer;

    #[tokio::test]
    async fn what_is_announced_on_the_link_is_heard_once() {
        let port = 25353;
        let listener = join(&[Ipv4Addr::LOCALHOST], port).unwrap();
        let sender = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        sender
            .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
        let group = SocketAddr::from((GROUP, port)).into();
        for message in [
            &printer([127, 0, 0, 1])[..],
            b"nonsense",
            &printer([127, 0, 0, 1]),
        ] {
            sender.send_to(message, &group).unwrap();
        }
        let until = Instant::now() + Duration::from_millis(300);
        let heard = hear(&listener, until).await;
        let clues = &heard[&IpAddr::from(Ipv4Addr::LOCALHOST)];
        assert_eq!(clues.len(), 5);
        let name = Fact::DnsComputer("office.local".to_owned());
        assert!(clues.iter().any(|clue| clue.fact == name));
        assert!(Instant::now() < until + Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_link_that_is_not_ours_is_an_error_only_alone() {
        let foreign = Ipv4Addr::new(192, 0, 2, 1);
        assert!(join(&[foreign], 25354).is_err());
        assert!(join(&[foreign, Ipv4Addr::LOCALHOST], 25354).is_ok());
    }

    #[test]
    fn the_ipv6_addresses_of_announcements_are_those_of_senders_and_of_their_names() {
        let other = |text: &str| Clue {
            source: "mdns".to_owned(),
            proto: "udp".to_owned(),
            port: PORT,
            fact: Fact::OtherAddress(text.parse().unwrap()),
        };
        let heard = Announcements::from([
            (
                "fe80::7".parse().unwrap(),
                vec![other("fd00:1::7"), other("192.0.2.7")],
            ),
            ("192.0.2.8".parse().unwrap(), vec![other("fd00:1::8")]),
        ]);
        let mut all = announced_v6(&heard);
        all.sort_unstable();
        assert_eq!(
            all,
            ["fd00:1::7", "fd00:1::8", "fe80::7"].map(|text| text.parse::<Ipv6Addr>().unwrap())
        );
    }

    #[test]
    fn a_flood_of_senders_is_bounded() {
        let clue = |at: usize| Clue {
            source: "mdns".to_owned(),
            proto: "udp".to_owned(),
            port: PORT,
            fact: Fact::Announces(format!("_{at}._tcp")),
        };
        let mut heard = Announcements::new();
        for at in 0..10_000_u32 {
            keep(&mut heard, IpAddr::from(Ipv4Addr::from(at)), vec![clue(0)]);
        }
        assert_eq!(heard.len(), MOST_SENDERS);
        let first = IpAddr::from(Ipv4Addr::from(0));
        for at in 0..1000 {
            keep(&mut heard, first, vec![clue(at)]);
        }
        assert_eq!(heard[&first].len(), MOST_CLUES);
    }
}
