//! The kernel's tables, and the sockets by which a search asks. Talks.

use super::icmp::{self, ALL_NODES, Token};
use super::links::{self, Link, OnLink, Own};
use super::neighbours::{self, Neighbour};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

/// How many datagrams a search reads at most, whoever sends them.
const MOST_READ: usize = 1 << 18;
/// How many neighbours are read at most.
const MOST_NEIGHBOURS: usize = 1 << 20;
/// `IPPROTO_RAW`: packets with a header of our own.
const WITH_HEADER: i32 = 255;

/// This machine's addresses, and the prefixes of its links. No packet is sent.
pub(super) fn links() -> io::Result<(Vec<Own>, Vec<OnLink>)> {
    let own = std::fs::read_to_string("/proc/net/if_inet6")?;
    let routes = std::fs::read_to_string("/proc/net/ipv6_route")?;
    Ok((links::own(&own), links::on_link(&routes)))
}

/// The machines that the kernel knows on its links. No packet is sent.
pub(super) fn neighbours() -> io::Result<Vec<Neighbour>> {
    let flags = SocketFlags::CLOEXEC;
    // No protocol is NETLINK_ROUTE.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    // From then on, nobody but the kernel is heard.
    rustix::net::connect(&socket, &SocketAddrNetlink::new(0, 0))?;
    rustix::net::send(&socket, &neighbours::request(), SendFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while found.len() < MOST_NEIGHBOURS {
        let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        let datagram = buffer.get(..length).unwrap_or_default();
        if length == 0 || neighbours::read(datagram, &mut found)? {
            break;
        }
    }
    Ok(found)
}

/// How a link was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// By an echo request, and by an option that nobody knows.
    InFull,
    /// By an echo request only.
    ByEcho,
}

/// A socket that has asked and now listens.
struct Ear {
    socket: UdpSocket,
    ifindex: u32,
}

/// Asks all nodes of each link, each of our addresses once, and tells who answers for as long as is waited. Says
/// of each link how it was asked, or why not.
pub(super) fn ask(
    links: &[Link],
    token: &Token,
    wait: Duration,
    heard: &mut dyn FnMut(Ipv6Addr, u32),
) -> Vec<io::Result<Asked>> {
    let mut ears = Vec::new();
    let mut asked = Vec::new();
    for link in links {
        let mut best = Err(io::ErrorKind::AddrNotAvailable.into());
        for source in &link.sources {
            match ask_from(*source, link.ifindex, token) {
                Ok((ear, how)) => {
                    ears.push(ear);
                    best = Ok(how);
                }
                Err(error) if best.is_err() => best = Err(error),
                // The link was asked from another address.
                Err(_) => {}
            }
        }
        asked.push(best);
    }
    listen(&ears, token, Instant::now() + wait, heard);
    asked
}

fn ask_from(source: Ipv6Addr, ifindex: u32, token: &Token) -> io::Result<(Ear, Asked)> {
    let (socket, is_raw) = open()?;
    let scope = if source.is_unicast_link_local() {
        ifindex
    } else {
        0
    };
    socket.set_nonblocking(true)?;
    socket.set_multicast_if_v6(ifindex)?;
    // This machine knows its own addresses.
    socket.set_multicast_loop_v6(false)?;
    socket.bind(&SocketAddrV6::new(source, 0, 0, scope).into())?;
    let socket = UdpSocket::from(socket);
    let everybody = SocketAddrV6::new(ALL_NODES, 0, 0, ifindex);
    // A firewall of this machine's own refuses in the words of a missing privilege.
    let refused = |error: io::Error| io::Error::other(format!("it cannot be sent: {error}"));
    let sent = socket.send_to(&icmp::echo_request(token), everybody);
    sent.map_err(refused)?;
    let mut how = Asked::ByEcho;
    if is_raw {
        let raw = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(WITH_HEADER)))?;
        raw.set_multicast_if_v6(ifindex)?;
        raw.set_multicast_loop_v6(false)?;
        let sent = raw.send_to(&icmp::unknown_option(source, token), &everybody.into());
        sent.map_err(refused)?;
        how = Asked::InFull;
    }
    Ok((Ear { socket, ifindex }, how))
}

/// A raw socket with the privilege, or else one for echoes only, where the system lets everybody have one
/// (`net.ipv4.ping_group_range`, which is for IPv6 as well).
fn open() -> io::Result<(Socket, bool)> {
    if let Ok(raw) = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)) {
        return Ok((raw, true));
    }
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::ICMPV6))?;
    Ok((socket, false))
}

fn listen(ears: &[Ear], token: &Token, until: Instant, heard: &mut dyn FnMut(Ipv6Addr, u32)) {
    let mut left = MOST_READ;
    while left > 0 && !ears.is_empty() {
        let wait = until.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            break;
        }
        let mut ready: Vec<PollFd<'_>> = ears
            .iter()
            .map(|ear| PollFd::new(&ear.socket, PollFlags::IN))
            .collect();
        let wait = Timespec::try_from(wait).ok();
        match poll(&mut ready, wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
        for ear in ears {
            left = left.saturating_sub(drain(ear, token, left, heard));
        }
    }
}

/// Reads what waits at a socket; says how many datagrams that were.
fn drain(ear: &Ear, token: &Token, most: usize, heard: &mut dyn FnMut(Ipv6Addr, u32)) -> usize {
    let mut buffer = [0; 1_500];
    for count in 0..most {
        match ear.socket.recv_from(&mut buffer) {
            Ok((length, SocketAddr::V6(sender))) => {
                let message = buffer.get(..length).unwrap_or_default();
                if icmp::is_answer(message, token) {
                    heard(*sender.ip(), ear.ifindex);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return count,
            // One report of an error counts as a datagram: it must not make us spin.
            Ok(_) | Err(_) => {}
        }
    }
    most
}
