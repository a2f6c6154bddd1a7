//! What comes of what the sweep says: who is there, and when all of it is seen.

use super::Runner;
use crate::model::{Answer, Canaries};
use crate::scan::{Event, RunError, RunKind};
use crate::store::SightingRow;
use crate::sweep::{EndReason, Sighting, SweepEnd, SweepEvent};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use tokio::time::Instant;

impl Runner {
    /// The sweep has said all of this.
    pub(super) async fn sweep_events(&mut self, events: Vec<SweepEvent>) -> Result<(), RunError> {
        let cx = Arc::clone(&self.cx);
        // One look, after all of it: each costs as much as a connection.
        let has_network = LazyLock::new(|| cx.network.look());
        for event in events {
            self.sweep_event(event, &has_network).await?;
        }
        Ok(())
    }

    async fn sweep_event(
        &mut self,
        event: SweepEvent,
        has_network: &LazyLock<bool, impl FnOnce() -> bool>,
    ) -> Result<(), RunError> {
        match event {
            SweepEvent::Sighting(sighting) => self.sighted(&sighting, has_network),
            SweepEvent::Notice(text) => self.cx.tell(Event::Warning { text }),
            // Without a network nothing is settled; it is asked again when there is one.
            SweepEvent::Settled(_) | SweepEvent::Passed(_) if !**has_network => {}
            SweepEvent::Settled(address) => self.settled(address),
            SweepEvent::Passed(mark) => {
                self.marks.pass(mark, Instant::now());
                self.flush().await?;
                self.settle_recalled();
                self.cx.tell(Event::SweepProgress {
                    passed: mark,
                    total: self.plan.len(),
                });
            }
        }
        if self.backlog.is_full() {
            self.flush().await?;
        }
        Ok(())
    }

    /// The sweep has come to an end; `None` where it goes on when our network is back.
    pub(super) async fn sweep_ended(
        &mut self,
        ended: Option<SweepEnd>,
    ) -> Result<Option<SweepEnd>, RunError> {
        let stopped = SweepEnd {
            mark: self.mark(),
            reason: EndReason::Starved("the sweep broke off".to_owned()),
            tries: 0,
            requeued: 0,
            canaries: Canaries::default(),
        };
        let end = ended.unwrap_or(stopped);
        self.count_canaries(Some(&end)).await?;
        if !self.stop.is_cancelled() && !self.cx.network.is_sound().await {
            // Of one that has not come back whoever watches it speaks.
            if self.cx.network.is_up() {
                let text = "the network was away for a moment when the sweep ended: what may have been missed is asked again"
                    .to_owned();
                self.cx.tell(Event::Warning { text });
            }
            return Ok(None);
        }
        self.marks.pass(end.mark, Instant::now());
        self.marks.sure(Instant::now());
        self.flush().await?;
        if end.reason == EndReason::Complete {
            let unsettled: Vec<IpAddr> = self.live.keys().copied().collect();
            for address in unsettled {
                self.settled(address);
            }
            self.question_held();
            self.go_behind();
        }
        self.cx.tell(Event::SweepFinished);
        Ok(Some(end))
    }

    pub(super) async fn count_canaries(&self, end: Option<&SweepEnd>) -> Result<(), RunError> {
        let canaries = end.map(|end| end.canaries).unwrap_or_default();
        let Canaries { asked, lost } = canaries;
        if asked > 0 {
            let store = &self.cx.store;
            store.record_canaries(&self.cx.run, asked, lost).await?;
        }
        Ok(())
    }

    /// Has everything written down.
    pub(super) async fn flush(&mut self) -> Result<(), RunError> {
        let mark = self.mark();
        self.backlog.flush(mark).await
    }

    /// Up to where silence is silence.
    fn mark(&mut self) -> u64 {
        self.marks.sure(self.cx.network.sure())
    }

    fn sighted(
        &mut self,
        sighting: &Sighting,
        has_network: &LazyLock<bool, impl FnOnce() -> bool>,
    ) {
        match sighting.answer {
            // That may be the system's own word.
            Answer::Unreachable if !**has_network => return,
            answer if answer.is_life() => {
                if let Some(port) = sighting.probe.port() {
                    let at = SocketAddr::new(sighting.address, port);
                    self.cx.network.heard(at);
                }
            }
            _ => {}
        }
        let row = SightingRow {
            address: sighting.address,
            probe: sighting.probe,
            answer: sighting.answer,
            round_trip_us: u32::try_from(sighting.round_trip.as_micros()).ok(),
            tries: sighting.tries,
            seen_at: (self.cx.clock)(),
            trace: sighting.trace,
            mac: sighting.mac,
            banner: None,
        };
        if !self.finished.contains(&row.address) {
            self.note(&row);
        }
        self.backlog.saw([row]);
    }

    pub(super) fn note(&mut self, row: &SightingRow) {
        let address = row.address;
        // It may have been taken out since it answered.
        let index = self.plan.addresses().index_of(address);
        if index.is_none_or(|index| self.plan.is_excluded(index)) {
            return;
        }
        let is_known = self.live.contains_key(&address);
        // A hollow answer is kept, too: somebody answers there.
        if !is_known && row.answer == Answer::Unreachable {
            return;
        }
        if !is_known && row.answer.is_life() {
            self.cx.tell(Event::HostFound { address });
        }
        self.live.entry(address).or_default().note(row);
    }

    /// Every probe of a host is settled: it is worked on next, unless it is too good to be true.
    fn settled(&mut self, address: IpAddr) {
        self.recalled.remove(&address);
        let Some(live) = self.live.get_mut(&address) else {
            return;
        };
        if live.is_begun || !live.shows_life() {
            return;
        }
        live.is_begun = true;
        // Where nobody may be asked who he is, a login is the better question.
        let may_ask = self.cx.plan.kind == RunKind::Sweep || !self.cx.plan.look.off;
        if may_ask && live.answers(address).is_open_throughout(self.plan.ports()) {
            self.suspects.hold(address);
        } else {
            self.enqueue(address);
        }
    }

    /// What an earlier part of the run saw in full is not seen again.
    pub(super) fn settle_recalled(&mut self) {
        let mark = self.mark();
        let plan = &self.plan;
        let is_passed = |address: &&IpAddr| {
            let index = plan.addresses().index_of(**address);
            index.is_none_or(|index| plan.positions_of(index).all(|position| position < mark))
        };
        let passed: Vec<IpAddr> = self.recalled.iter().filter(is_passed).copied().collect();
        for address in passed {
            self.settled(address);
        }
    }
}
