//! The sweep of a run, in as many parts as there are outages of our own network, and how far it has surely come.

use crate::sweep::{SweepEnd, SweepEvent, SweepPlan, Sweeper};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many events are heard at once at most.
const TOGETHER: usize = 256;

/// A sweep that can rest.
pub(super) struct Sweeping {
    sweeper: Arc<dyn Sweeper>,
    plan: SweepPlan,
    stop: CancellationToken,
    part: Option<Part>,
}

struct Part {
    events: mpsc::Receiver<SweepEvent>,
    task: JoinSet<SweepEnd>,
    stop: CancellationToken,
    /// Whether it was told to rest.
    rests: bool,
}

/// What is heard of it.
pub(super) enum Heard {
    /// One after the other, at least one.
    Events(Vec<SweepEvent>),
    /// It ended by itself, or was stopped for good; `None` where it broke off.
    Ended(Option<SweepEnd>),
    /// It rests, as it was told to.
    Rested(Option<SweepEnd>),
}

impl Sweeping {
    pub(super) fn new(sweeper: Arc<dyn Sweeper>, plan: SweepPlan, stop: CancellationToken) -> Self {
        Self {
            sweeper,
            plan,
            stop,
            part: None,
        }
    }

    /// Whether no part of it is under way.
    pub(super) fn is_resting(&self) -> bool {
        self.part.is_none()
    }

    /// Goes on from a position.
    pub(super) fn go_on(&mut self, from: u64) {
        let (out, events) = mpsc::channel(1_024);
        let stop = self.stop.child_token();
        let (sweeper, plan, its) = (Arc::clone(&self.sweeper), self.plan.clone(), stop.clone());
        let mut task = JoinSet::new();
        task.spawn(async move { sweeper.sweep(&plan, from, out, its).await });
        self.part = Some(Part {
            events,
            task,
            stop,
            rests: false,
        });
    }

    /// Has it send nothing more.
    pub(super) fn rest(&mut self) {
        if let Some(part) = &mut self.part {
            part.rests = true;
            part.stop.cancel();
        }
    }

    /// What comes next; for ever where nothing does. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Heard {
        let Some(part) = &mut self.part else {
            return std::future::pending().await;
        };
        let mut events = Vec::new();
        if part.events.recv_many(&mut events, TOGETHER).await > 0 {
            return Heard::Events(events);
        }
        let ended = part.task.join_next().await.and_then(Result::ok);
        let rests = part.rests && !self.stop.is_cancelled();
        self.part = None;
        if rests {
            Heard::Rested(ended)
        } else {
            Heard::Ended(ended)
        }
    }
}

/// How far a sweep has come. A mark that was passed while there may have been no network is none yet: the silence before
/// it may have been ours.
#[derive(Debug)]
pub(super) struct Marks {
    sure: u64,
    waiting: VecDeque<(Instant, u64)>,
}

impl Marks {
    /// From where an earlier part of the run ended.
    pub(super) fn from(mark: u64) -> Self {
        Self {
            sure: mark,
            waiting: VecDeque::new(),
        }
    }

    /// The sweep passed a mark.
    pub(super) fn pass(&mut self, mark: u64, now: Instant) {
        self.waiting.push_back((now, mark));
    }

    /// The mark up to which silence is silence, given until when there surely was a network.
    pub(super) fn sure(&mut self, until: Instant) -> u64 {
        while let Some((_, mark)) = self.waiting.pop_front_if(|(at, _)| *at <= until) {
            self.sure = self.sure.max(mark);
        }
        self.sure
    }

    /// The network has gone: what is not sure is asked again.
    pub(super) fn forget(&mut self) -> u64 {
        self.waiting.clear();
        self.sure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_was_passed_after_anybody_was_last_heard_is_not_passed_if_the_network_has_gone() {
        let begun = Instant::now();
        let second = |number| begun + Duration::from_secs(number);
        let mut marks = Marks::from(10);
        for number in 1..=5 {
            marks.pass(10 + 100 * number, second(number));
        }
        assert_eq!(marks.sure(second(0)), 10);
        assert_eq!(marks.sure(second(3)), 310);
        assert_eq!(marks.forget(), 310);
        // Asked again, and passed again.
        marks.pass(400, second(9));
        assert_eq!(marks.sure(second(8)), 310);
        assert_eq!(marks.sure(second(9)), 400);
    }
}
