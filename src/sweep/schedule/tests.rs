//! The schedule on a wire that exists only in a table, held against a naive oracle.

use super::neighbours::{Mac, PLACES};
use super::wire::{Run, Wire};
use super::*;
use crate::sweep::budget::SYN;
use crate::sweep::{AddressList, Answer, ProbeKind, Probes, Sighting};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

const MS: Duration = Duration::from_millis(1);

fn address(index: u64) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 + u32::try_from(index).unwrap()).into()
}

fn sightings(events: &[SweepEvent]) -> impl Iterator<Item = &Sighting> {
    events.iter().filter_map(|event| match event {
        SweepEvent::Sighting(sighting) => Some(sighting),
        _ => None,
    })
}

fn seen(events: &[SweepEvent]) -> BTreeSet<(IpAddr, ProbeKind, Answer)> {
    let seen = sightings(events);
    seen.map(|seen| (seen.address, seen.probe, seen.answer))
        .collect()
}

/// The last mark, and what had been sent before it.
fn last_mark(events: &[SweepEvent], from: u64) -> (u64, usize) {
    let marks = events.iter().enumerate().rev();
    let mut marks = marks.filter_map(|(place, event)| match event {
        SweepEvent::Passed(mark) => Some((*mark, place)),
        _ => None,
    });
    marks.next().unwrap_or((from, 0))
}

/// Holds events against their contract: marks grow, no sighting lies below one, each living address is settled
/// once and after its sightings.
fn check_order(plan: &SweepPlan, from: u64, events: &[SweepEvent]) {
    let mut mark = from;
    let mut settled = BTreeSet::new();
    let mut held: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for event in events {
        match event {
            SweepEvent::Sighting(seen) => {
                assert!(seen.index >= mark, "a sighting below the mark");
                assert!(!settled.contains(&seen.address), "a sighting too late");
                if seen.answer.is_life() {
                    held.entry(seen.address).or_insert(seen.index);
                }
                if let ProbeKind::Tcp(port) = seen.probe {
                    let first = plan.at(seen.index).unwrap();
                    assert_eq!(plan.addresses().nth(first.0), Some(seen.address));
                    let further = plan.further().contains(&port);
                    assert!(further || first.1 == seen.probe);
                }
            }
            SweepEvent::Settled(address) => {
                assert!(settled.insert(*address), "settled twice");
                assert!(held.remove(address).is_some(), "settled without life");
            }
            SweepEvent::Passed(passed) => {
                assert!(*passed > mark);
                mark = *passed;
                assert!(
                    held.values().all(|held| *held >= mark),
                    "a host was left behind"
                );
            }
            SweepEvent::Notice(_) => {}
        }
    }
}

/// Holds a run's connections against the limits for one host.
fn check_hosts(run: &Run, profile: Profile) {
    let mut hosts: BTreeMap<IpAddr, Vec<(Duration, Duration)>> = BTreeMap::new();
    for (address, begun, ended) in &run.flights {
        hosts.entry(*address).or_default().push((*begun, *ended));
    }
    let every = Duration::from_secs(1) / profile.host_rate;
    for flights in hosts.values() {
        for pair in flights.windows(2) {
            assert!(pair[1].0 >= pair[0].0 + every, "too fast for a host");
        }
        for (begun, _) in flights {
            let open = |(since, until): &&(Duration, Duration)| since <= begun && begun < until;
            let open = flights.iter().filter(open).count();
            assert!(open <= profile.host_connections, "too many at once");
        }
    }
}

fn plan(addresses: u64, first: &[u16], further: &[u16], seed: u64) -> SweepPlan {
    let list = AddressList::new((0..addresses).map(address).collect());
    let probes = Probes {
        first: first.iter().copied().map(ProbeKind::Tcp).collect(),
        further: further.to_vec(),
    };
    SweepPlan::staged(Arc::new(list), probes, seed, Vec::new()).unwrap()
}

const PORTS: [u16; 6] = [22, 80, 443, 445, 3389, 5985];

fn wires(addresses: u64) -> impl Strategy<Value = Wire> {
    let answer = prop_oneof![
        3 => Just(Answer::Open),
        3 => Just(Answer::Closed),
        1 => Just(Answer::Unreachable),
    ];
    let port = (0..addresses, prop::sample::select(&PORTS[..]));
    let answers = prop::collection::btree_map(port, answer, 0..60);
    (answers, 1_usize..80).prop_map(|(answers, width)| Wire {
        width: Some(width),
        answers: answers
            .into_iter()
            .map(|((index, port), answer)| ((address(index), port), answer))
            .collect(),
        ..Wire::default()
    })
}

fn profiles() -> impl Strategy<Value = Profile> {
    prop::sample::select(vec![Profile::GENTLE, Profile::NORMAL, Profile::FAST])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_staged_sweep_finds_everything_once_and_keeps_its_promises(
        wire in wires(40), cut in 1_usize..6, seed: u64, profile in profiles(),
    ) {
        let plan = plan(40, &PORTS[..cut], &PORTS[cut..], seed);
        let run = wire.sweep(&plan, 0, profile, usize::MAX);
        check_order(&plan, 0, &run.events);
        check_hosts(&run, profile);
        prop_assert_eq!(run.mark, plan.len());
        prop_assert_eq!(seen(&run.events), wire.expected(&plan));
        prop_assert_eq!(sightings(&run.events).count(), wire.expected(&plan).len());
        let living = sightings(&run.events).filter(|seen| seen.answer.is_life());
        let living: BTreeSet<IpAddr> = living.map(|seen| seen.address).collect();
        let settled = run.events.iter().filter(|event| matches!(event, SweepEvent::Settled(_)));
        prop_assert_eq!(settled.count(), living.len());
        let asked: BTreeSet<IpAddr> = run.flights.iter().map(|(address, ..)| *address).collect();
        prop_assert_eq!(asked.len(), 40);
    }

    #[test]
    fn a_sweep_stopped_anywhere_and_resumed_at_its_mark_misses_nothing(
        wire in wires(30), cut in 1_usize..6, seed: u64, stops in prop::collection::vec(0_usize..40, 1..4),
    ) {
        let plan = plan(30, &PORTS[..cut], &PORTS[cut..], seed);
        let (mut all, mut from) = (BTreeSet::new(), 0);
        for most in stops.into_iter().chain([usize::MAX]) {
            let run = wire.sweep(&plan, from, Profile::NORMAL, most);
            check_order(&plan, from, &run.events);
            // What came after the last mark may not have been stored.
            let (mark, place) = last_mark(&run.events, from);
            all.extend(seen(&run.events[..place]));
            from = mark;
        }
        prop_assert_eq!(from, plan.len());
        prop_assert_eq!(all, wire.expected(&plan));
    }

    #[test]
    fn on_the_own_link_the_silent_living_are_found_and_the_empty_are_asked_once(
        mut wire in wires(40), alive in prop::collection::btree_set(0_u64..40, 0..20), cut in 1_usize..6, seed: u64,
    ) {
        let plan = plan(40, &PORTS[..cut], &PORTS[cut..], seed);
        let alive: BTreeMap<IpAddr, Mac> = alive.into_iter().map(|index| (address(index), [2; 6])).collect();
        wire.answers.retain(|(address, _), _| alive.contains_key(address));
        wire.link = Some(alive.clone());
        let run = wire.sweep(&plan, 0, Profile::NORMAL, usize::MAX);
        check_order(&plan, 0, &run.events);
        check_hosts(&run, Profile::NORMAL);
        prop_assert_eq!(seen(&run.events), wire.expected(&plan));
        let named = sightings(&run.events).filter(|seen| seen.mac.is_some());
        prop_assert_eq!(named.count(), alive.len());
        let mut asked: BTreeMap<IpAddr, u32> = BTreeMap::new();
        run.flights.iter().for_each(|(address, ..)| *asked.entry(*address).or_default() += 1);
        prop_assert!(asked.iter().all(|(address, count)| alive.contains_key(address) || *count == 1));
    }
}

/// Everybody lives and answers on every port.
fn everybody(addresses: u64) -> Wire {
    let ports = (0..addresses).flat_map(|index| PORTS.map(|port| (address(index), port)));
    Wire {
        answers: ports.map(|key| (key, Answer::Open)).collect(),
        ..Wire::default()
    }
}

/// Whoever is open costs three packets: where everybody is, 2,000 probes a second.
const QUICK: Profile = Profile {
    rate: 6_000,
    host_rate: 1_000,
    half_open: None,
    ..Profile::FAST
};

#[test]
fn a_range_of_positions_is_swept_alone() {
    let plan = plan(30, &PORTS[..3], &[], 7);
    let reach = |_| Reach::Local;
    let neighbours = Neighbours::new(None, PLACES);
    let schedule = Schedule::new((&plan, 10..20), QUICK, 9, &reach, neighbours);
    assert_eq!((schedule.mark(), schedule.is_done()), (10, false));
    assert_eq!(schedule.end, 20);
}

#[test]
fn without_loss_nothing_is_asked_twice_and_the_canaries_all_answer() {
    let mut wire = everybody(300);
    wire.answers
        .retain(|(address, _), _| address.to_string().ends_with('1'));
    let plan = plan(3_000, &PORTS, &[], 7);
    let run = wire.sweep(&plan, 0, QUICK, usize::MAX);
    assert_eq!(run.tries, plan.len());
    assert!(run.canaries.asked > 50, "{:?}", run.canaries);
    assert_eq!(run.canaries.lost, 0);
    assert!(
        !run.events
            .iter()
            .any(|event| matches!(event, SweepEvent::Notice(_)))
    );
}

#[test]
fn random_loss_is_measured_and_cured_by_asking_again() {
    let mut wire = everybody(1_000);
    wire.loses_one_in = Some(23);
    let plan = plan(1_000, &PORTS, &[], 7);
    let run = wire.sweep(&plan, 0, QUICK, usize::MAX);
    let found = sightings(&run.events).count();
    assert!(found >= 5_990, "{found} of 6000, {:?}", run.canaries);
    assert!(run.tries < 6_700, "{}", run.tries);
}

#[test]
fn a_router_that_is_too_slow_is_noticed_and_nothing_is_missed() {
    let mut wire = everybody(2_000);
    wire.bears = Some(1_000);
    let plan = plan(2_000, &PORTS, &[], 7);
    let run = wire.sweep(&plan, 0, QUICK, usize::MAX);
    let found = sightings(&run.events).count();
    assert!(found >= 11_940, "{found} of 12000, {:?}", run.canaries);
    let notices = run.events.iter();
    let notices = notices.filter(|event| matches!(event, SweepEvent::Notice(_)));
    assert!((1..6).contains(&notices.count()));
}

#[test]
fn no_more_is_left_half_open_than_allowed_and_that_is_said_once() {
    let profile = Profile {
        half_open: Some(500),
        ..QUICK
    };
    let plan = plan(400, &PORTS[..2], &[], 7);
    let run = Wire::default().sweep(&plan, 0, profile, usize::MAX);
    let begun: Vec<Duration> = run.flights.iter().map(|(_, begun, _)| *begun).collect();
    for (place, at) in begun.iter().enumerate() {
        let recent = begun[..place].iter().filter(|begun| **begun + SYN > *at);
        assert!(recent.count() < 500);
    }
    let notices = run.events.iter().filter_map(|event| match event {
        SweepEvent::Notice(notice) => Some(notice.as_str()),
        _ => None,
    });
    let notices: Vec<&str> = notices.collect();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains("at most 500 connections"));
}

#[test]
fn a_living_host_is_asked_its_further_ports_at_once() {
    let mut wire = everybody(1);
    wire.answers.remove(&(address(0), 22));
    let plan = plan(5_000, &PORTS[1..2], &PORTS[2..], 7);
    let run = wire.sweep(&plan, 0, Profile::NORMAL, usize::MAX);
    let to_it = run.flights.iter().filter(|(to, ..)| *to == address(0));
    let begun: Vec<Duration> = to_it.map(|(_, begun, _)| *begun).collect();
    // Later it is a canary.
    assert!(begun[4] < begun[0] + MS * 300);
}

#[test]
fn in_the_end_everybody_is_met_before_the_living_are_asked_more() {
    let wire = everybody(4_000);
    let plan = plan(4_000, &PORTS[..1], &PORTS[1..], 7);
    let slower = Profile {
        rate: 2_000,
        ..QUICK
    };
    let run = wire.sweep(&plan, 0, slower, usize::MAX);
    let mut met = BTreeMap::new();
    for (address, begun, _) in &run.flights {
        met.entry(*address).or_insert(*begun);
    }
    let met: BTreeSet<Duration> = met.into_values().collect();
    let last: Vec<&Duration> = met.iter().rev().take(1_500).collect();
    // At 2,000 a second, three for each, and one in twenty or more is a canary.
    let stretch = last.first().unwrap().saturating_sub(**last.last().unwrap());
    assert!(stretch < MS * 2_700, "{stretch:?}");
    // The first half was met in turns with what each was asked further.
    let first: Vec<&Duration> = met.iter().take(1_500).collect();
    assert!(**first.last().unwrap() > MS * 9_000, "{:?}", first.last());
}
