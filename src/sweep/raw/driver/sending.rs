//! What is sent, in which order: canaries, hosts that showed life, and then the next positions.

use super::super::super::{ProbeKind, budget};
use super::super::courier::send_all;
use super::super::frame;
use super::super::socket::BATCH;
use super::{Driver, HOSTS, Halt, OUTBOX};
use crate::traffic::size;
use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What share of the packets goes to canaries.
const CANARIES: f64 = 0.01;
/// How many positions are looked at in one go, those that need no packet included.
const LOOKS: usize = 4_096;
/// How many hosts are looked at in one go.
const HOSTS_AT_ONCE: usize = 64;
/// How long hosts wait for their turn while this machine does not keep up with the rate, and how many of them: a
/// connection that confirms an open port costs as much as ten packets, and time is left when those are sent.
const HOSTS_WAIT: Duration = Duration::from_millis(500);
const HOSTS_WAITING: usize = 4_096;

impl Driver<'_> {
    /// Sends what is due, and says how much that was.
    pub(super) fn send(&mut self, now: Duration) -> Result<usize, Halt> {
        let rate = self.rate();
        let due = self.due(now);
        let due = due.min(self.job.allowance.packets(size::packet(false, 0)));
        if due == 0 || self.outbox.len() >= OUTBOX {
            return Ok(0);
        }
        let before = self.count.packets;
        let until = before + due as u64;
        self.ask_hosts(now, until);
        self.ask_neighbours(now, until);
        // Connections take their time; round trips are counted from when packets really go.
        let now = self.now();
        self.send_canaries(now, until);
        let looked = self.ask_positions(now, until);
        self.deliver()?;
        let wait = self.wait();
        self.passes.sent(now, wait);
        let sent = self.count.packets - before;
        // What the system has sent for connections since the last time is part of the rate.
        let owed = self.count.packets - self.count.paced;
        self.count.paced = self.count.packets;
        self.pacing
            .sent(now, usize::try_from(owed).unwrap_or(usize::MAX), rate);
        Ok(usize::try_from(sent).unwrap_or(usize::MAX) + usize::from(looked))
    }

    fn send_canaries(&mut self, now: Duration, until: u64) {
        while self.canary_credit >= 1.0 && self.count.packets < until && self.has_room(now) {
            let Some((address, kind)) = self.canaries.next(now) else {
                self.canary_credit = self.canary_credit.min(8.0);
                return;
            };
            self.canary_credit -= 1.0;
            self.push(address, kind, 1);
            if !self.is_near(address) {
                self.budget.begin(now, kept(kind));
            }
        }
    }

    fn ask_hosts(&mut self, now: Duration, until: u64) {
        let latest = if self.hosts_wait() {
            now.saturating_sub(HOSTS_WAIT)
        } else {
            now
        };
        for _ in 0..HOSTS_AT_ONCE {
            if self.count.packets >= until || !self.has_room(now) {
                return;
            }
            let due = self.wakes.peek();
            let due = due.filter(|Reverse((at, _))| *at <= latest);
            let Some(Reverse((at, index))) = due.copied() else {
                return;
            };
            self.wakes.pop();
            self.ask_host(index, at, now);
        }
    }

    /// Whether this machine has enough to do with positions for now.
    fn hosts_wait(&self) -> bool {
        let is_limit = self.courier.is_some() && self.pacing.is_behind();
        let has_positions = !self.passes.is_through() && !self.search.is_on();
        is_limit && has_positions && self.hosts.len() < HOSTS_WAITING
    }

    /// Asks the next positions, and says whether there were any, though they may have needed no packet.
    fn ask_positions(&mut self, now: Duration, until: u64) -> bool {
        // While the rate is that of the own link, nobody behind a router is asked.
        if self.hosts.len() >= HOSTS || self.search.is_asking() {
            return false;
        }
        for looked in 0..LOOKS {
            if self.count.packets >= until || !self.has_room(now) {
                return looked > 0;
            }
            let Some((position, pass)) = self.passes.next(now) else {
                return looked > 0;
            };
            let Some((index, kind)) = self.job.plan.at(position) else {
                continue;
            };
            if self.seen.contains(index) {
                continue;
            }
            let Some(IpAddr::V4(address)) = self.job.plan.addresses().nth(index) else {
                continue;
            };
            if pass > 0 && self.budget.is_limited() {
                // The same packet again: it takes no further place in a router's table.
                if let Some((asked, _)) = self.passes.asked(position) {
                    self.budget.ended(asked, kept(kind), now);
                }
            }
            self.push(address, kind, 0);
            self.passes.ask();
            self.budget.begin(now, kept(kind));
        }
        true
    }

    /// Whether routers have room for another connection.
    pub(super) fn has_room(&mut self, now: Duration) -> bool {
        !self.budget.is_limited() || self.budget.room(now) > 0
    }

    /// Puts a packet on its way: a probe, or from the second port a canary's.
    pub(super) fn push(&mut self, address: Ipv4Addr, kind: ProbeKind, port: usize) {
        let Some((ifindex, ends)) = self.paths.ends(address) else {
            return;
        };
        let own_port = self.job.ports.get(port).copied().unwrap_or_default();
        let secret = self.job.secret;
        let frame = match kind {
            ProbeKind::Tcp(port) => {
                let sequence = secret.sequence(address, port, own_port);
                frame::syn(&ends, own_port, port, sequence)
            }
            ProbeKind::Echo => {
                let (identifier, sequence) = secret.echo(address, own_port);
                frame::echo(&ends, identifier, sequence)
            }
            ProbeKind::Neighbour => frame::who_has(&ends),
        };
        self.push_frame(ifindex, frame);
    }

    pub(super) fn push_frame(&mut self, ifindex: u32, frame: frame::Frame) {
        let links = self.job.links.iter().zip(&mut self.batches);
        for (link, batch) in links.filter(|(link, _)| link.ifindex() == ifindex) {
            batch.push(frame);
            let (_, length) = frame;
            self.job.allowance.spend(size::frame(length));
            self.count.packets += 1;
            self.count.tries += 1;
            self.canary_credit += CANARIES;
            debug_assert!(link.ifindex() == ifindex);
        }
    }

    /// Sends what was put on its way.
    pub(super) fn deliver(&mut self) -> Result<(), Halt> {
        let links = self.job.links.iter().zip(&mut self.batches);
        for (place, (link, batch)) in links.enumerate() {
            let is_full = batch.len() >= BATCH;
            let courier = self.courier.as_mut().filter(|_| is_full);
            if let Some(courier) = courier
                && courier.take(place, batch)?
            {
                continue;
            }
            self.count.requeued += send_all(link, batch, &self.job.stop)?;
            batch.clear();
        }
        if self.job.stop.is_cancelled() {
            return Err(Halt::Stop);
        }
        debug_assert!(self.batches.iter().all(|batch| batch.len() <= BATCH * 2));
        Ok(())
    }
}

/// How long a router remembers a packet that nobody answers.
pub(super) fn kept(kind: ProbeKind) -> Duration {
    match kind {
        ProbeKind::Tcp(_) => budget::SYN,
        ProbeKind::Echo | ProbeKind::Neighbour => budget::ECHO,
    }
}
