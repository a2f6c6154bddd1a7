//! Which way packets go from this machine, and who its neighbours are: Linux' tables. Talks in
//! [`Routes::read`] and [`neighbours`]; what they read is parsed by pure functions.
//!
//! Only the main table is read. Where rules choose another one (policy routing), the kernel is asked which
//! address it would send from, and a route whose address is elsewhere is no Ethernet route to us: what
//! goes there goes by ordinary connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The routing table at one moment, IPv4 only.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// The longest prefix first, of equals the lowest metric.
    routes: Vec<Route>,
    interfaces: Vec<Interface>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: Arc<str>,
    /// Its number.
    pub index: u32,
    /// Its hardware address, where it is an Ethernet that resolves addresses by ARP.
    pub mac: Option<[u8; 6]>,
    /// Whether it leads to this machine itself.
    pub is_loopback: bool,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<(Ipv4Addr, u8)>,
}

/// A way to some addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The first address that it leads to.
    pub network: Ipv4Addr,
    /// How many leading bits of an address it looks at.
    pub prefix: u8,
    /// The interface's name.
    pub device: Arc<str>,
    /// The interface's number.
    pub ifindex: u32,
    /// The router, unless the addresses are on the link itself.
    pub gateway: Option<Ipv4Addr>,
    /// The address that packets are sent from.
    pub source: Ipv4Addr,
    /// Where it leads.
    pub way: Way,
    metric: u32,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over an Ethernet that resolves addresses by ARP, from an interface with this hardware address:
    /// frames of our own can be sent there.
    Ethernet([u8; 6]),
    /// Over another interface: a tunnel, a modem.
    Other,
    /// To this machine itself.
    Loopback,
    /// Nothing may be sent there.
    Reject,
}

impl Route {
    /// Whether frames of our own can be sent there.
    pub fn is_ethernet(&self) -> bool {
        matches!(self.way, Way::Ethernet(_))
    }

    /// Whether it leads to this machine itself.
    pub fn is_loopback(&self) -> bool {
        self.way == Way::Loopback
    }

    /// Whether the addresses are on the own link, behind no router: each of them costs an entry of the
    /// neighbour table, and nothing on the way.
    pub fn is_on_link(&self) -> bool {
        self.gateway.is_none() && matches!(self.way, Way::Ethernet(_) | Way::Other)
    }

    fn covers(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix) == u32::from(self.network)
    }
}

/// This machine's own addresses on links to others; none where that is not to be learnt.
pub fn own_addresses() -> Vec<Ipv4Addr> {
    let routes = Routes::read().unwrap_or_else(|_| Routes::parse("", Vec::new()));
    let links = routes.interfaces.iter().filter(|link| link.mac.is_some());
    let all = links.flat_map(|link| link.addresses.iter());
    all.map(|(address, _)| *address).collect()
}

/// The address that this machine would send from to another. No packet is sent.
///
/// # Errors
/// Where there is no way to it.
pub fn source_towards(address: IpAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match address {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect((address, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// As [`source_towards`], over a link that is connected.
///
/// # Errors
/// Where there is no way to it, or the link on the way is not connected.
pub fn way_to(address: IpAddr) -> io::Result<IpAddr> {
    let source = source_towards(address)?;
    // What is this machine's own needs no link.
    if source == address || source.is_loopback() {
        return Ok(source);
    }
    match unplugged(source) {
        Some(link) => Err(io::Error::new(
            io::ErrorKind::NetworkDown,
            format!("{link} is not connected"),
        )),
        None => Ok(source),
    }
}

/// The link that has an address and is not connected: its cable is out, its radio out of reach. Where that is not to
/// be learnt it counts as connected.
#[cfg(target_os = "linux")]
fn unplugged(address: IpAddr) -> Option<String> {
    let has = |part: &nix::ifaddrs::InterfaceAddress| {
        let storage = part.address.as_ref();
        match address {
            IpAddr::V4(v4) => storage
                .and_then(|at| at.as_sockaddr_in())
                .is_some_and(|at| at.ip() == v4),
            IpAddr::V6(v6) => storage
                .and_then(|at| at.as_sockaddr_in6())
                .is_some_and(|at| at.ip() == v6),
        }
    };
    let owner = nix::ifaddrs::getifaddrs().ok()?.find(has)?;
    let state = || {
        let path = format!("/sys/class/net/{}/operstate", owner.interface_name);
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let is_connected = is_connected(owner.flags, state);
    (!is_connected).then_some(owner.interface_name)
}

/// Whether packets come through a link, by its flags and, where they do not say it, its state (operstates.rst of the
/// kernel's documentation). The kernel's word that a link runs comes up to a second after the cable is in; a link
/// that waits to be let in (802.1X, WPA) or is being tested has its cable in, too.
#[cfg(target_os = "linux")]
fn is_connected(flags: nix::net::if_::InterfaceFlags, state: impl FnOnce() -> String) -> bool {
    use nix::net::if_::InterfaceFlags;
    let waits = |state: String| matches!(state.trim(), "dormant" | "testing");
    flags.contains(InterfaceFlags::IFF_RUNNING)
        || (flags.contains(InterfaceFlags::IFF_LOWER_UP) && !waits(state()))
}

#[cfg(not(target_os = "linux"))]
fn unplugged(_: IpAddr) -> Option<String> {
    None
}

/// A machine on the own link, as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its hardware address; zeros where it is not known.
    pub mac: [u8; 6],
    /// The interface that it is behind.
    pub device: Arc<str>,
    /// Whether it answered. The others hold a place in the kernel's table all the same.
    pub is_complete: bool,
    /// Whether somebody wrote it there for good: no sign that anybody answers.
    pub is_permanent: bool,
}

impl Routes {
    /// Reads the kernel's tables. No packet is sent.
    ///
    /// # Errors
    /// Where there are no such tables: on systems other than Linux.
    pub fn read() -> io::Result<Self> {
        let table = std::fs::read_to_string("/proc/net/route")?;
        let mut routes = Self::parse(&table, interfaces()?);
        let sources: Vec<Option<Ipv4Addr>> = routes
            .routes
            .iter()
            .map(|route| routes.ask_source(route))
            .collect();
        for (route, source) in routes.routes.iter_mut().zip(sources) {
            let Some(source) = source else { continue };
            let owner = |owner: &&Interface| owner.has(source);
            let owner = routes.interfaces.iter().find(owner);
            // An address of the loopback device may stand for the whole machine.
            let elsewhere =
                owner.is_some_and(|owner| owner.name != route.device && !owner.is_loopback);
            if elsewhere {
                route.way = Way::Other;
            }
            route.source = source;
        }
        Ok(routes)
    }

    /// Reads `/proc/net/route` of proc(5): addresses are hexadecimal numbers in the machine's order of
    /// bytes. Lines that make no sense are left out.
    pub fn parse(table: &str, interfaces: Vec<Interface>) -> Self {
        let mut routes: Vec<Route> = table
            .lines()
            .skip(1)
            .filter_map(|line| route(line, &interfaces))
            .collect();
        for interface in &interfaces {
            let own = interface.addresses.iter();
            // What the kernel's local table says and the main table does not.
            routes.extend(own.map(|(address, prefix)| {
                let prefix = if interface.is_loopback { *prefix } else { 32 };
                let loopback = interfaces.iter().find(|other| other.is_loopback);
                local(*address, prefix, loopback.unwrap_or(interface))
            }));
        }
        routes.sort_by_key(|route| (std::cmp::Reverse(route.prefix), route.metric));
        Self { routes, interfaces }
    }

    /// The way to an address; `None` where there is none.
    pub fn of(&self, address: Ipv4Addr) -> Option<&Route> {
        self.routes.iter().find(|route| route.covers(address))
    }

    /// The whole range of addresses in pieces that go one way each, sorted.
    pub fn pieces(&self) -> impl Iterator<Item = (RangeInclusive<Ipv4Addr>, Option<&Route>)> {
        let mut starts = vec![0];
        for route in &self.routes {
            let first = u32::from(route.network);
            starts.push(first);
            starts.extend((first | !mask(route.prefix)).checked_add(1));
        }
        starts.sort_unstable();
        starts.dedup();
        let ends: Vec<u32> = starts
            .iter()
            .skip(1)
            .map(|next| next - 1)
            .chain([u32::MAX])
            .collect();
        starts.into_iter().zip(ends).map(|(first, last)| {
            let first = Ipv4Addr::from(first);
            (first..=Ipv4Addr::from(last), self.of(first))
        })
    }

    /// The interfaces.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The addresses of this machine, and the connected networks' own and broadcast addresses: no other
    /// machine has them.
    pub fn nobodys(&self) -> Vec<Ipv4Addr> {
        let mut nobodys = Vec::new();
        for (own, prefix) in self.interfaces.iter().flat_map(|one| &one.addresses) {
            nobodys.push(*own);
            // A link of two has no broadcast address (RFC 3021).
            if *prefix <= 30 {
                let network = u32::from(*own) & mask(*prefix);
                nobodys.extend([network, network | !mask(*prefix)].map(Ipv4Addr::from));
            }
        }
        nobodys.sort_unstable();
        nobodys.dedup();
        nobodys
    }

    /// The address that the kernel sends from on a route: that of a socket which is bound to no address
    /// and connected to one behind the route; a datagram socket sends nothing by that.
    fn ask_source(&self, route: &Route) -> Option<Ipv4Addr> {
        if matches!(route.way, Way::Loopback | Way::Reject) {
            return None;
        }
        let first = u32::from(route.network);
        let size = !mask(route.prefix);
        // The documentation's networks (RFC 5737) stand for the Internet.
        let documentation = [0xc000_0201, 0xc633_6401, 0xcb00_7101];
        let inside = [1, size / 2, size.saturating_sub(1), 0].map(|step| first | (step & size));
        let candidates = documentation.into_iter().chain(inside).map(Ipv4Addr::from);
        let mine = candidates
            .filter(|candidate| !candidate.is_unspecified() && !candidate.is_broadcast())
            .find(|candidate| self.of(*candidate) == Some(route))?;
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((mine, 9)).ok()?;
        match socket.local_addr().ok()? {
            SocketAddr::V4(source) => Some(*source.ip()),
            SocketAddr::V6(_) => None,
        }
    }
}

impl Interface {
    fn has(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == address)
    }

    /// The address that is nearest to another: of the same network, or else the first.
    fn source_for(&self, other: Ipv4Addr) -> Option<Ipv4Addr> {
        let near = |(own, prefix): &&(Ipv4Addr, u8)| {
            (u32::from(*own) ^ u32::from(other)) & mask(*prefix) == 0
        };
        let first = || self.addresses.first();
        let found = self.addresses.iter().find(near).or_else(first);
        found.map(|(own, _)| *own)
    }
}

/// Asks the kernel for the machines that it knows on its links. No packet is sent.
///
/// # Errors
/// Where there is no such table: on systems other than Linux.
pub fn neighbours() -> io::Result<Vec<Neighbour>> {
    std::fs::read_to_string("/proc/net/arp").map(|table| parse_neighbours(&table))
}

/// Reads `/proc/net/arp` of proc(5). Lines that make no sense are left out.
pub fn parse_neighbours(table: &str) -> Vec<Neighbour> {
    const COMPLETE: u32 = 2;
    const PERMANENT: u32 = 4;
    let neighbour = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        let flags = hexadecimal(words.nth(1)?.strip_prefix("0x")?)?;
        let mac = parse_mac(words.next()?)?;
        let device = words.nth(1)?.into();
        Some(Neighbour {
            address,
            mac,
            device,
            is_complete: flags & COMPLETE != 0 && mac != [0; 6],
            is_permanent: flags & PERMANENT != 0,
        })
    };
    table.lines().skip(1).filter_map(neighbour).collect()
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut parts = text.split(':');
    let mut mac = [0; 6];
    for byte in &mut mac {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

/// A line of the table: interface, destination, gateway, flags, …, metric, mask.
fn route(line: &str, interfaces: &[Interface]) -> Option<Route> {
    const UP: u32 = 0x1;
    const GATEWAY: u32 = 0x2;
    const REJECT: u32 = 0x200;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let word = |place: usize| words.get(place).copied();
    let address = |place| Some(Ipv4Addr::from(hexadecimal(word(place)?)?.to_ne_bytes()));
    let device: Arc<str> = word(0)?.into();
    let network: Ipv4Addr = address(1)?;
    let gateway: Ipv4Addr = address(2)?;
    let flags = hexadecimal(word(3)?)?;
    let metric = word(6)?.parse().ok()?;
    let prefix = u8::try_from(u32::from(address(7)?).leading_ones()).ok()?;
    let is_reject = flags & REJECT != 0;
    let interface = interfaces.iter().find(|one| one.name == device);
    if flags & UP == 0 || (interface.is_none() && !is_reject) {
        return None;
    }
    let gateway = (flags & GATEWAY != 0).then_some(gateway);
    let towards = gateway.unwrap_or(network);
    let source = interface.and_then(|interface| interface.source_for(towards));
    let mac = interface.and_then(|interface| interface.mac);
    let way = match (interface, mac) {
        _ if is_reject => Way::Reject,
        (Some(interface), _) if interface.is_loopback => Way::Loopback,
        (_, Some(mac)) if source.is_some() => Way::Ethernet(mac),
        _ => Way::Other,
    };
    Some(Route {
        network: Ipv4Addr::from(u32::from(network) & mask(prefix)),
        prefix,
        ifindex: interface.map_or(0, |interface| interface.index),
        gateway,
        source: source.unwrap_or(Ipv4Addr::UNSPECIFIED),
        way,
        metric,
        device,
    })
}

/// The way from this machine to itself.
fn local(address: Ipv4Addr, prefix: u8, loopback: &Interface) -> Route {
    Route {
        network: Ipv4Addr::from(u32::from(address) & mask(prefix)),
        prefix,
        device: loopback.name.clone(),
        ifindex: loopback.index,
        gateway: None,
        source: address,
        way: Way::Loopback,
        metric: 0,
    }
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

fn mask(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix.min(32)))
        .unwrap_or(0)
}

/// Asks the kernel for its interfaces.
#[cfg(target_os = "linux")]
fn interfaces() -> io::Result<Vec<Interface>> {
    use nix::net::if_::InterfaceFlags;
    let mut found: Vec<Interface> = Vec::new();
    for part in nix::ifaddrs::getifaddrs()? {
        if !part.flags.contains(InterfaceFlags::IFF_UP) {
            continue;
        }
        // An alias such as eth0:1 is a label of an address, and no interface.
        let name = part.interface_name.split(':').next().unwrap_or_default();
        let place = found.iter().position(|one| *one.name == *name);
        let place = place.unwrap_or_else(|| {
            found.push(Interface {
                name: name.into(),
                is_loopback: part.flags.contains(InterfaceFlags::IFF_LOOPBACK),
                ..Interface::default()
            });
            found.len() - 1
        });
        let Some(interface) = found.get_mut(place) else {
            continue;
        };
        let resolves = !part.flags.contains(InterfaceFlags::IFF_NOARP);
        if let Some(link) = part.address.as_ref().and_then(|at| at.as_link_addr()) {
            interface.index = u32::try_from(link.ifindex()).unwrap_or(0);
            let is_ethernet = link.hatype() == ARPHRD_ETHER && resolves;
            interface.mac = link.addr().filter(|_| is_ethernet);
        }
        if let Some(address) = part.address.as_ref().and_then(|at| at.as_sockaddr_in()) {
            let mask = part.netmask.as_ref().and_then(|at| at.as_sockaddr_in());
            let ones = mask.map_or(32, |mask| u32::from(mask.ip()).leading_ones());
            let prefix = u8::try_from(ones).unwrap_or(32);
            interface.addresses.push((address.ip(), prefix));
        }
    }
    Ok(found)
}

/// An Ethernet among the kinds of links (`linux/if_arp.h`).
#[cfg(target_os = "linux")]
const ARPHRD_ETHER: u16 = 1;

#[cfg(not(target_os = "linux"))]
fn interfaces() -> io::Result<Vec<Interface>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests;
