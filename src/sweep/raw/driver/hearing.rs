//! What is heard: answers are told from noise by their cookies.

use super::super::super::{Answer, ProbeKind, Trace};
use super::super::frame::{Heard, Quoted, parse};
use super::asking::Said;
use super::{Driver, Halt};
use crate::traffic::size;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How many loads of frames are taken in before anything is sent.
const LOADS: usize = 16;

impl Driver<'_> {
    /// Takes in what was heard.
    pub(super) fn hear(&mut self) -> Result<(), Halt> {
        let mut heard: Vec<(u32, Heard, Duration)> = Vec::new();
        for link in self.job.links {
            for _ in 0..LOADS {
                if link.receive(&mut self.inbox)? == 0 {
                    break;
                }
                let now = self.begun.elapsed();
                for (frame, age) in self.inbox.frames() {
                    self.job.allowance.spend(size::frame(frame.len()));
                    let frame = parse(frame);
                    let arrived = now.saturating_sub(age);
                    heard.extend(frame.map(|frame| (link.ifindex(), frame, arrived)));
                }
            }
        }
        for (ifindex, heard, arrived) in heard {
            self.take(ifindex, heard, arrived);
        }
        Ok(())
    }

    fn take(&mut self, ifindex: u32, heard: Heard, arrived: Duration) {
        match heard {
            Heard::Tcp {
                from,
                port,
                own_port,
                acknowledges,
                is_open,
                trace,
                ..
            } => {
                if !self.job.ports.contains(&own_port) {
                    self.note_trace(from, port, trace);
                    return;
                }
                let sequence = self.job.secret.sequence(from, port, own_port);
                if acknowledges != sequence.wrapping_add(1) {
                    return;
                }
                let said = if is_open { Said::Open } else { Said::Closed };
                self.answer(
                    own_port,
                    (from, ProbeKind::Tcp(port)),
                    (said, trace),
                    arrived,
                );
            }
            Heard::Echo {
                from,
                identifier,
                sequence,
                trace,
                ..
            } => {
                let ours = self.job.ports.into_iter().find(|own_port| {
                    self.job.secret.echo(from, *own_port) == (identifier, sequence)
                });
                if let Some(own_port) = ours {
                    let probe = (from, ProbeKind::Echo);
                    self.answer(own_port, probe, (Said::Alive, trace), arrived);
                }
            }
            Heard::Unreachable {
                by,
                theirs,
                quoted,
                trace,
                ..
            } => {
                if let Some(kind) = self.quoted(theirs, quoted) {
                    self.unreachable(by, (theirs, kind), trace, arrived);
                }
            }
            Heard::Neighbour { address, mac } => self.neighbour(ifindex, address, mac, arrived),
        }
    }

    fn answer(
        &mut self,
        own_port: u16,
        probe: (Ipv4Addr, ProbeKind),
        heard: (Said, Trace),
        arrived: Duration,
    ) {
        let (address, kind) = probe;
        let [_, canaries] = self.job.ports;
        if own_port != canaries {
            if let Some(index) = self.index_of(address) {
                self.heard(index, probe, heard, arrived);
            }
            return;
        }
        if let Some(asked) = self.canaries.answered(address) {
            self.control
                .answered(address, asked, arrived.saturating_sub(asked));
            self.outcome(asked, false);
            let (said, _) = heard;
            self.give_back(address, kind, said, (asked, arrived));
        }
    }

    /// Which of our probes a router sends back.
    fn quoted(&self, theirs: Ipv4Addr, quoted: Quoted) -> Option<ProbeKind> {
        let [own, _] = self.job.ports;
        let secret = self.job.secret;
        match quoted {
            Quoted::Syn {
                own_port,
                port,
                sequence,
            } => {
                let ours = own_port == own && sequence == secret.sequence(theirs, port, own);
                ours.then_some(ProbeKind::Tcp(port))
            }
            Quoted::Echo {
                identifier,
                sequence,
            } => {
                let ours = (identifier, sequence) == secret.echo(theirs, own);
                ours.then_some(ProbeKind::Echo)
            }
        }
    }

    fn unreachable(
        &mut self,
        by: Ipv4Addr,
        probe: (Ipv4Addr, ProbeKind),
        trace: Trace,
        arrived: Duration,
    ) {
        let (address, kind) = probe;
        let Some(index) = self.index_of(address) else {
            return;
        };
        if by == address {
            // The host's own firewall refuses: it is there.
            self.heard(index, probe, (Said::Closed, trace), arrived);
            return;
        }
        // One word for all probes of an address: there may be very many.
        if self.seen.contains(index) || !self.refused.insert(index) {
            return;
        }
        let Some(position) = self.position_of(index, kind) else {
            return;
        };
        let (sent, tries) = self.passes.asked(position).unwrap_or((arrived, 1));
        let trip = arrived.saturating_sub(sent);
        self.emit(
            (position, address, kind),
            Answer::Unreachable,
            (trip, tries),
            Some(trace),
        );
    }
}
