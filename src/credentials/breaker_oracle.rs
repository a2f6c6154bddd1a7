//! The breaker against a naive oracle: servers that count what they saw. `scan` asks the same oracle
//! about its own breaker, with a real store.

use super::account::tests::{account, label};
use super::{AccountKey, Ask, Decision, Holder, HostLabel, Limits, Try, TryState, decide};
use crate::model::{RunId, UtcTime};
use proptest::prelude::*;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// The credentials' spellings. Whom they really are, if a bare name means CORP's or LAB's account:
pub(crate) const SPELLINGS: [(&str, [&str; 2]); 6] = [
    (r"user = 'CORP\audit'", ["corp", "corp"]),
    ("user = 'Audit@corp.example'", ["corp", "corp"]),
    ("user = 'audit'", ["corp", "lab"]),
    (r"user = 'LAB\audit'", ["lab", "lab"]),
    ("user = 'root'\naccount = 'local'", ["root", "root"]),
    ("user = 'root'", ["root", "root"]),
];

/// Address, key, and the machine behind: two addresses are one machine.
pub(crate) const HOSTS: [(u8, &str, usize); 4] =
    [(1, "A", 0), (2, "A", 0), (3, "B", 1), (4, "C", 2)];

#[derive(Clone, Debug)]
enum Op {
    /// A process asks for a try.
    Begin {
        process: usize,
        spelling: usize,
        host: usize,
        delay: i64,
    },
    /// One of its tries ends: proven, refused, or nobody knows.
    End {
        process: usize,
        which: usize,
        proven: bool,
    },
    /// It dies and is started again, as a resumed or another run.
    Crash { process: usize },
    /// Time passes.
    Pass(i64),
    /// The clock is set back.
    Back(i64),
}

fn slack() -> i64 {
    i64::try_from(Limits::default().slack.as_secs()).unwrap()
}

fn op() -> impl Strategy<Value = Op> {
    let begin = (0..2usize, 0..SPELLINGS.len(), 0..HOSTS.len(), 0..=slack()).prop_map(
        |(process, spelling, host, delay)| Op::Begin {
            process,
            spelling,
            host,
            delay,
        },
    );
    let end = (0..2usize, 0..4usize, any::<bool>()).prop_map(|(process, which, proven)| Op::End {
        process,
        which,
        proven,
    });
    prop_oneof![
        8 => begin,
        4 => end,
        1 => (0..2usize).prop_map(|process| Op::Crash { process }),
        1 => (0..2 * HOUR).prop_map(Op::Pass),
        2 => (DAY - HOUR..DAY + 2 * HOUR).prop_map(Op::Pass),
        1 => (0..3 * DAY).prop_map(Op::Back),
    ]
}

/// A secret that reached a server, and was not proven right: the server may count it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) spelling: usize,
    pub(crate) host: usize,
    pub(crate) at: i64,
    pub(crate) proven: bool,
}

struct Flight {
    number: usize,
    begun: i64,
    seen: usize,
}

struct Process {
    holder: Holder,
    run: RunId,
    proven: [bool; SPELLINGS.len()],
    flights: Vec<Flight>,
}

impl Process {
    fn new(name: usize) -> Self {
        Self {
            holder: Holder::new(format!("p{name}")),
            // Some go on with a run, some begin one of their own.
            run: RunId::new(format!("r{}", name % 3)),
            proven: [false; SPELLINGS.len()],
            flights: Vec::new(),
        }
    }
}

struct World {
    real: i64,
    clock_error: i64,
    kept: Vec<(usize, Try)>,
    seen: Vec<Seen>,
    processes: Vec<Process>,
    started: usize,
}

impl World {
    fn new() -> Self {
        Self {
            real: 1_800_000_000,
            clock_error: 0,
            kept: Vec::new(),
            seen: Vec::new(),
            processes: vec![Process::new(0), Process::new(1)],
            started: 2,
        }
    }

    fn now(&self) -> UtcTime {
        UtcTime::from_unix(self.real + self.clock_error)
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Begin {
                process,
                spelling,
                host,
                delay,
            } => self.begin(process, spelling, host, delay),
            Op::End {
                process,
                which,
                proven,
            } => self.end(process, which, proven),
            Op::Crash { process } => {
                self.processes[process] = Process::new(self.started);
                self.started += 1;
            }
            Op::Pass(seconds) => self.real += seconds,
            Op::Back(seconds) => self.clock_error -= seconds,
        }
    }

    fn begin(&mut self, process: usize, spelling: usize, host: usize, delay: i64) {
        let (account, label) = key(spelling, host);
        let who = &self.processes[process];
        let ask = Ask {
            account: &account,
            host: &label,
            holder: &who.holder,
            run: &who.run,
            proven: who.proven[spelling],
            now: self.now(),
        };
        let tries: Vec<Try> = self.kept.iter().map(|(_, it)| it.clone()).collect();
        match decide(&tries, &[], &ask, &Limits::default()) {
            Decision::Go => {
                assert!(
                    ask.proven
                        || who
                            .flights
                            .iter()
                            .all(|it| self.seen[it.seen].spelling != spelling),
                    "a canary flies alone"
                );
                let flight = Flight {
                    number: self.seen.len(),
                    begun: self.real,
                    seen: self.seen.len(),
                };
                self.kept.push((flight.number, Try::reserve(&ask)));
                self.seen.push(Seen {
                    spelling,
                    host,
                    at: self.real + delay,
                    proven: false,
                });
                self.processes[process].flights.push(flight);
            }
            Decision::Wait(None) => assert!(!who.flights.is_empty(), "waiting for nobody"),
            Decision::Wait(Some(_)) => {
                let is_others = |it: &&(usize, Try)| {
                    matches!(it.1.state, TryState::Reserved { .. }) && it.1.run != who.run
                };
                assert!(
                    self.kept.iter().any(|it| is_others(&it)),
                    "waiting for nobody"
                );
            }
            Decision::Open(_) => {}
        }
    }

    fn end(&mut self, process: usize, which: usize, proven: bool) {
        let now = self.now();
        let who = &mut self.processes[process];
        if which >= who.flights.len() {
            return;
        }
        let flight = who.flights.remove(which);
        let seen = &mut self.seen[flight.seen];
        // At the last moment that the deadline of a host allows.
        seen.at = self.real.min(flight.begun + slack());
        seen.proven = proven;
        let place = self.kept.iter().position(|(n, _)| *n == flight.number);
        let (number, kept) = self.kept.remove(place.unwrap());
        if proven {
            who.proven[seen.spelling] = true;
        } else {
            self.kept.push((number, kept.spent(now)));
        }
    }
}

/// The most wrong tries that any account saw within a day, on one machine and in all, if a bare name
/// is `world`'s account.
pub(crate) fn worst(seen: &[Seen], world: usize) -> (usize, usize) {
    let (mut on_one, mut in_all) = (0, 0);
    let bad: Vec<&Seen> = seen.iter().filter(|it| !it.proven).collect();
    for first in &bad {
        let same_account = |it: &&&Seen| {
            // `root` is another account on every machine.
            SPELLINGS[it.spelling].1[world] == SPELLINGS[first.spelling].1[world]
                && (SPELLINGS[it.spelling].1[world] != "root" || machine(it) == machine(first))
        };
        let day: Vec<&&Seen> = bad
            .iter()
            .filter(|it| (first.at..first.at + DAY).contains(&it.at))
            .filter(same_account)
            .collect();
        let here = day.iter().filter(|it| machine(it) == machine(first));
        on_one = on_one.max(here.count());
        in_all = in_all.max(day.len());
    }
    (on_one, in_all)
}

fn machine(seen: &Seen) -> usize {
    HOSTS[seen.host].2
}

pub(crate) fn key(spelling: usize, host: usize) -> (AccountKey, HostLabel) {
    let (last, fingerprint, _) = HOSTS[host];
    let label = label(last, fingerprint);
    (account(SPELLINGS[spelling].0, &label), label)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_account_sees_more_than_its_limit_whatever_happens(ops in prop::collection::vec(op(), 1..80)) {
        let mut world = World::new();
        for op in &ops {
            world.step(op);
        }
        for meaning in 0..2 {
            let (on_one, in_all) = worst(&world.seen, meaning);
            prop_assert!(on_one <= 1, "{on_one} on one machine: {:?}", world.seen);
            prop_assert!(in_all <= 2, "{in_all} in a day: {:?}", world.seen);
        }
    }

    #[test]
    fn a_right_secret_is_never_refused(hosts in prop::collection::vec(0..HOSTS.len(), 1..40)) {
        let mut world = World::new();
        for host in hosts {
            world.begin(0, 0, host, 0);
            prop_assert_eq!(world.processes[0].flights.len(), 1);
            world.end(0, 0, true);
        }
    }
}
