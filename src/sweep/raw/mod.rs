//! The sweep by packets of our own making: SYN, echo and ARP, for root or `CAP_NET_RAW`. Talks.
//!
//! Nothing is remembered of packets that nobody answers: an answer proves by its cookie what it answers
//! to, and the plan's order tells when that was sent. Only hosts that showed life have a state, until all
//! about them is settled; every port that a packet says is open is confirmed by a connection.

mod canary;
mod connects;
pub mod control;
pub mod cookie;
mod courier;
mod driver;
mod filter;
pub mod frame;
mod host;
mod losses;
mod open_ports;
mod pacing;
mod passes;
mod paths;
mod seen;
mod socket;

use super::routes::Routes;
use super::{
    AddressSpace, Canaries, EndReason, Engine, Leg, Profile, SweepEnd, SweepEvent, SweepPlan,
    Sweeper,
};
use crate::traffic::{Allowance, Traffic};
use async_trait::async_trait;
use cookie::Secret;
use courier::Courier;
use driver::{AT_FULL_SPEED, Driver, Job};
use paths::Paths;
use socket::Link;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::thread::Builder;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// Sweeps by packets of our own making.
#[derive(Clone, Debug)]
pub struct RawSweeper {
    profile: Profile,
    traffic: Traffic,
    sockets: Arc<Sockets>,
}

/// What needs the privilege, opened once so that it can be given up afterwards.
#[derive(Debug)]
struct Sockets {
    links: Vec<Link>,
    ports: Ports,
    /// Two sweeps at once would take each other's answers.
    turn: Mutex<()>,
}

impl Drop for Sockets {
    /// Closes the links beside each other and beside what follows: each time the kernel waits until no processor
    /// hears for them any more, for some hundredths of a second (`packet_release`).
    fn drop(&mut self) {
        for link in self.links.drain(..) {
            let close = move || drop(link);
            // Where there is no thread to be had, it is closed here.
            let _closed = Builder::new().name("sweep-close".to_owned()).spawn(close);
        }
    }
}

impl RawSweeper {
    /// Opens every Ethernet of this machine.
    ///
    /// # Errors
    /// Without the privilege, or where there is no Ethernet.
    pub fn open(profile: Profile) -> io::Result<Self> {
        let routes = Routes::read()?;
        let mut links = Vec::new();
        for interface in routes.interfaces().iter().filter(|one| one.mac.is_some()) {
            links.push(Link::open(interface.index)?);
        }
        if links.is_empty() {
            let nothing = "there is no Ethernet to send packets on";
            return Err(io::Error::new(io::ErrorKind::NotFound, nothing));
        }
        let sockets = Sockets {
            links,
            ports: Ports::choose()?,
            turn: Mutex::new(()),
        };
        Ok(Self {
            profile,
            traffic: Traffic::unlimited(),
            sockets: Arc::new(sockets),
        })
    }

    /// Leans on the network as another profile says.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Keeps to a bandwidth, together with whoever else does.
    #[must_use]
    pub fn with_traffic(self, traffic: Traffic) -> Self {
        Self { traffic, ..self }
    }

    /// Which of some addresses, by index, are behind an Ethernet that is open; IPv4 only.
    pub fn reaches(&self, routes: &Routes, space: &dyn AddressSpace) -> Vec<Range<u64>> {
        let all = std::iter::once(0..space.len()).collect::<Vec<_>>();
        let paths = Paths::new(routes);
        let parts = paths.parts(space, &all).into_iter();
        let parts = parts.filter(|(_, path)| path.is_some_and(|path| self.has(path.ifindex)));
        parts.map(|(range, _)| range).collect()
    }

    /// Whether every address of a leg still is.
    pub fn still_reaches(&self, routes: &Routes, plan: &SweepPlan, leg: &Leg) -> bool {
        let paths = Paths::new(routes);
        let parts = paths.parts(plan.addresses(), leg.indices());
        let mut parts = parts.into_iter();
        parts.all(|(_, path)| path.is_some_and(|path| self.has(path.ifindex)))
    }

    /// Sweeps a range of positions of one leg.
    pub async fn sweep_range(
        &self,
        plan: &SweepPlan,
        range: Range<u64>,
        out: &mpsc::Sender<SweepEvent>,
        stop: &CancellationToken,
    ) -> SweepEnd {
        let from = range.start;
        let leg = plan
            .legs()
            .iter()
            .find(|leg| leg.positions().contains(&from));
        let Some(leg) = leg.cloned() else {
            return ended(from, EndReason::Complete);
        };
        let _turn = self.sockets.turn.lock().await;
        // Whoever drops this future wants no more packets to be sent.
        let stop = stop.child_token();
        let guard = stop.clone().drop_guard();
        let (sweeper, plan, out) = (self.clone(), plan.clone(), out.clone());
        let work = move || sweeper.drive((plan, leg, range), out, stop);
        let end = tokio::task::spawn_blocking(work).await;
        drop(guard);
        end.unwrap_or_else(|_| ended(from, EndReason::Stopped))
    }

    fn drive(
        &self,
        (plan, leg, range): (SweepPlan, Leg, Range<u64>),
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd {
        let from = range.start;
        std::thread::scope(|scope| {
            let links = &self.sockets.links;
            let is_fast = self.profile.rate >= AT_FULL_SPEED;
            // Where there is no second thread, one sends.
            let courier = is_fast.then(|| Courier::start(scope, links, stop.clone()).ok());
            let driver = self.driver((plan, leg, range), out, stop, courier.flatten());
            match driver {
                Ok(driver) => driver.run(),
                Err(error) => ended(from, EndReason::Starved(error.to_string())),
            }
        })
    }

    fn driver(
        &self,
        (plan, leg, range): (SweepPlan, Leg, Range<u64>),
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
        courier: Option<Courier>,
    ) -> io::Result<Driver<'_>> {
        let routes = Routes::read()?;
        let job = Job {
            plan,
            range,
            profile: self.profile,
            allowance: Allowance::new(self.traffic.clone()),
            links: &self.sockets.links,
            ports: self.sockets.ports.numbers,
            secret: Secret::new(rand::random()),
            out,
            stop,
        };
        Driver::new(job, leg, Paths::new(&routes), courier)
    }

    fn has(&self, ifindex: u32) -> bool {
        self.sockets
            .links
            .iter()
            .any(|link| link.ifindex() == ifindex)
    }
}

#[async_trait]
impl Sweeper for RawSweeper {
    async fn sweep(
        &self,
        plan: &SweepPlan,
        from: u64,
        out: mpsc::Sender<SweepEvent>,
        stop: CancellationToken,
    ) -> SweepEnd {
        let mut all = ended(from.min(plan.len()), EndReason::Complete);
        for leg in plan.legs() {
            let positions = leg.positions();
            let range = positions.start.max(from)..positions.end;
            if range.is_empty() {
                continue;
            }
            if leg.engine() == Engine::Raw {
                let end = self.sweep_range(plan, range, &out, &stop).await;
                all.add(end);
            } else {
                all.mark = range.end;
            }
            if all.reason != EndReason::Complete {
                return all;
            }
        }
        all
    }
}

/// A sweep that ended without having sent anything.
fn ended(mark: u64, reason: EndReason) -> SweepEnd {
    SweepEnd {
        mark,
        reason,
        tries: 0,
        requeued: 0,
        canaries: Canaries::default(),
    }
}

/// Two ports that nobody else on this machine sends from as long as this lives.
#[derive(Debug)]
struct Ports {
    numbers: [u16; 2],
    /// Bound, and never listened on.
    _held: [Socket; 2],
}

impl Ports {
    fn choose() -> io::Result<Self> {
        const TRIES: usize = 200;
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let range = range.unwrap_or_default();
        let mut ends = range.split_ascii_whitespace().map(str::parse::<u16>);
        let (low, high) = match (ends.next(), ends.next()) {
            (Some(Ok(low)), Some(Ok(high))) => (low, high),
            _ => (32_768, 60_999),
        };
        let mut error = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            // An even one and the odd one after it.
            let port = candidate(low, high, rand::random());
            match (hold(port), hold(port + 1)) {
                (Ok(one), Ok(other)) => {
                    return Ok(Self {
                        numbers: [port, port + 1],
                        _held: [one, other],
                    });
                }
                (Err(one), _) | (_, Err(one)) => error = one,
            }
        }
        Err(error)
    }
}

/// A port outside the range that connections are made from; anyone where there is no room outside it.
fn candidate(low: u16, high: u16, random: u32) -> u16 {
    const FIRST: u16 = 10_240;
    const LAST: u16 = 65_533;
    // Both ends of the range belong to it.
    let below = FIRST..low.saturating_sub(2).max(FIRST);
    let above = high.saturating_add(1).clamp(FIRST, LAST)..LAST;
    let room = if above.len() >= 512 { above } else { below };
    let room = if room.len() >= 512 { room } else { FIRST..LAST };
    let offset = random % u32::try_from(room.len()).unwrap_or(1).max(1);
    (room.start + u16::try_from(offset).unwrap_or(0)).next_multiple_of(2)
}

fn hold(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn our_ports_are_outside_the_range_of_connections(low in 1_024_u16..60_000, more in 0_u16..40_000, random: u32) {
            let high = low.saturating_add(more);
            let port = candidate(low, high, random);
            prop_assert!((10_240..65_535).contains(&port) && port.is_multiple_of(2));
            let (below, above) = (u32::from(low).saturating_sub(10_240), 65_533_u32.saturating_sub(u32::from(high) + 1));
            if below.max(above) >= 520 {
                prop_assert!(port + 1 < low || port > high);
            }
        }
    }
}
