//! A wire that exists only in a table, for tests of the schedule.

use super::neighbours::{Mac, PLACES, READ_EVERY, Table};
use super::*;
use crate::sweep::{Answer, ProbeKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const MS: Duration = Duration::from_millis(1);

/// A network: what each port of each address answers; whatever is not in it is silent.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    pub(super) answers: BTreeMap<(IpAddr, u16), Answer>,
    /// Neighbours with their hardware addresses, where the sweep is on the own link.
    pub(super) link: Option<BTreeMap<IpAddr, Mac>>,
    /// Of so many probes one is lost, whichever.
    pub(super) loses_one_in: Option<u64>,
    /// More probes than so many in a second are lost.
    pub(super) bears: Option<u64>,
    /// How many connections there may be at once.
    pub(super) width: Option<usize>,
}

/// What a sweep did.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) events: Vec<SweepEvent>,
    /// When each connection began and ended.
    pub(super) flights: Vec<(IpAddr, Duration, Duration)>,
    pub(super) end: Duration,
    pub(super) tries: u64,
    pub(super) mark: u64,
    pub(super) canaries: crate::sweep::Canaries,
}

impl Wire {
    /// Sweeps a plan from a position on, until its end, or until so many events were sent.
    pub(super) fn sweep(&self, plan: &SweepPlan, from: u64, profile: Profile, most: usize) -> Run {
        let on_link = self.link.is_some();
        let reach = move |_| {
            if on_link {
                Reach::OnLink
            } else {
                Reach::Routed
            }
        };
        let neighbours = Neighbours::new(self.link.as_ref().map(|_| Table::new()), PLACES);
        let (range, width) = ((plan, from..plan.len()), self.width.unwrap_or(4_096));
        let mut schedule = Schedule::new(range, profile, width, &reach, neighbours);
        let mut run = Run::default();
        let mut flying: BTreeMap<(Duration, u64), (Work, Outcome)> = BTreeMap::new();
        let (mut now, mut number, mut read) = (Duration::ZERO, 0_u64, Duration::ZERO);
        let mut second: HashMap<u64, u64> = HashMap::new();
        let mut known = Table::new();
        for _ in 0..2_000_000 {
            while let Some(entry) = flying.first_entry() {
                if entry.key().0 > now {
                    break;
                }
                let (work, outcome) = entry.remove();
                schedule.ended(work, outcome, now);
            }
            while let Some((work, timeout)) = schedule.next(now) {
                number += 1;
                let sent = second.entry(now.as_secs()).or_default();
                *sent += 1;
                let lost = self
                    .loses_one_in
                    .is_some_and(|one| mixed(number).is_multiple_of(one))
                    || self.bears.is_some_and(|most| *sent > most);
                let (after, outcome) = self.outcome(&work, timeout, lost);
                known.extend(self.mac(work.address).map(|mac| (work.address, mac)));
                flying.insert((now + after, number), (work, outcome));
                run.flights.push((work.address, now, now + after));
            }
            if schedule.wants_neighbours() && now >= read + READ_EVERY {
                read = now;
                schedule.read_neighbours(known.clone(), now);
            }
            schedule.judge(now);
            run.events.extend(schedule.events(now));
            run.mark = schedule.mark();
            if schedule.is_done() || run.events.len() >= most {
                run.events.truncate(most);
                run.end = now;
                run.tries = schedule.tries();
                run.canaries = schedule.canary_count();
                return run;
            }
            let mut until = now + MS * 50;
            until = schedule.wake(now).map_or(until, |wake| wake.min(until));
            if let Some(((at, _), _)) = flying.first_key_value() {
                until = until.min(*at);
            }
            now = until.max(now + Duration::from_micros(10));
        }
        panic!("the sweep does not end: {now:?}, mark {}", schedule.mark())
    }

    fn mac(&self, address: IpAddr) -> Option<Mac> {
        self.link.as_ref()?.get(&address).copied()
    }

    fn outcome(&self, work: &Work, timeout: Duration, lost: bool) -> (Duration, Outcome) {
        let nobody = |link: &BTreeMap<IpAddr, Mac>| !link.contains_key(&work.address);
        if self.link.as_ref().is_some_and(nobody) {
            return (MS * 3_050, Outcome::NoHost(MS * 3_050));
        }
        match self.answers.get(&(work.address, work.port)) {
            Some(answer) if !lost => (MS * 3, Outcome::Answered(*answer, MS * 3)),
            _ => (timeout, Outcome::Silent),
        }
    }

    /// The sightings that a sweep of a plan must have: everything that answers, at addresses where a first probe
    /// does.
    pub(super) fn expected(&self, plan: &SweepPlan) -> BTreeSet<(IpAddr, ProbeKind, Answer)> {
        let mut expected = BTreeSet::new();
        for index in 0..plan.addresses().len() {
            let address = plan.addresses().nth(index).unwrap();
            let answer = |port: u16| self.answers.get(&(address, port)).copied();
            let firsts = plan
                .positions_of(index)
                .filter_map(|at| plan.at(at)?.1.port());
            let firsts: Vec<u16> = firsts.collect();
            let mac = self.mac(address);
            let life = |port: &u16| answer(*port).is_some_and(Answer::is_life);
            if mac.is_some() {
                expected.insert((address, ProbeKind::Neighbour, Answer::Alive));
            }
            let lives = mac.is_some() || firsts.iter().any(life);
            let further = plan.further().iter().filter(|_| lives).copied();
            let ports = firsts.into_iter().chain(further);
            let seen =
                ports.filter_map(|port| Some((address, ProbeKind::Tcp(port), answer(port)?)));
            expected.extend(seen);
        }
        expected
    }
}

/// A number that depends on another one in no simple way (splitmix64), for a loss at regular intervals could fall into
/// step with that of the retries.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
