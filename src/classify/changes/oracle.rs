//! What changed, computed a second time: over everything that may have changed, by definitions, without
//! looking at how it is told.
//!
//! A history is a list of runs over the same few machines, bulletins and packages. What the runs before the
//! earlier one saw is looked up there, run by run.

use super::*;
use crate::model::{BulletinId, FindingState};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::fmt::Write as _;

const MACHINES: u8 = 3;
const BULLETINS: u8 = 3;

/// How one run met one machine.
#[derive(Clone, Debug)]
struct Met {
    read: bool,
    /// Whether the question behind each bulletin was left open.
    gap: [bool; BULLETINS as usize],
    /// Whether a row says that the machine was not fully judged.
    unjudged: bool,
    /// 0 nothing, 1 missing, 2 no fix, 3 unknown, 4 closed.
    verdict: [u8; BULLETINS as usize],
    /// The version of the one package.
    version: Option<u8>,
    /// The state of the one update.
    update: Option<u8>,
}

/// One run: for each machine whether its address was swept, and how it was met.
#[derive(Clone, Debug)]
struct Run {
    swept: [bool; MACHINES as usize],
    met: Vec<Option<Met>>,
    catalog: u8,
}

fn met() -> impl Strategy<Value = Met> {
    let gaps = [any::<bool>(), any::<bool>(), any::<bool>()];
    let verdicts = [0..5_u8, 0..5_u8, 0..5_u8];
    let facts = (option::of(0..3_u8), option::of(0..2_u8));
    (any::<bool>(), gaps, any::<bool>(), verdicts, facts).prop_map(
        |(read, gap, unjudged, verdict, (version, update))| Met {
            read,
            gap,
            unjudged,
            verdict,
            version,
            update,
        },
    )
}

fn run() -> impl Strategy<Value = Run> {
    let machines = vec(option::of(met()), usize::from(MACHINES));
    let swept = [any::<bool>(), any::<bool>(), any::<bool>()];
    (swept, machines, 0..2_u8).prop_map(|(swept, met, catalog)| Run {
        swept,
        met,
        catalog,
    })
}

fn state(word: u8) -> Option<FindingState> {
    match word {
        1 => Some(FindingState::Missing),
        2 => Some(FindingState::NoFixYet),
        3 => Some(FindingState::Unknown),
        4 => Some(FindingState::Fixed),
        _ => None,
    }
}

fn key(bulletin: usize) -> FindingKey {
    FindingKey {
        product: "p".to_owned(),
        bulletin: BulletinId::new(format!("B{bulletin}")),
    }
}

fn day(run: usize) -> Date {
    Date::parse(&format!("2026-01-{:02}", run + 1)).unwrap()
}

fn address(machine: usize) -> IpAddr {
    IpAddr::from([192, 0, 2, u8::try_from(machine).unwrap()])
}

/// A machine of a run, as the code under test gets it.
fn snap(history: &[Run], run: usize, machine: usize, before: usize) -> Option<Snapshot> {
    let met = history[run].met[machine].as_ref()?;
    let numbers = || 0..usize::from(BULLETINS);
    let gaps = numbers()
        .filter(|at| met.gap[*at])
        .map(|at| format!("q{at}"));
    let findings = numbers().filter_map(|at| {
        let reported = Reported {
            state: state(met.verdict[at])?,
            question: format!("q{at}"),
            packages: vec!["pkg".to_owned()],
            is_to_come: false,
        };
        Some((key(at), reported))
    });
    let unjudged = met.unjudged.then(|| "unknown:x".to_owned());
    let earlier = &history[..before];
    let saw = |at: usize| {
        let seen = |one: &Run| {
            matches!(
                one.met[machine].as_ref().map(|m| m.verdict[at]),
                Some(1..=3)
            )
        };
        earlier.iter().any(seen)
    };
    let last_met = earlier.iter().rposition(|one| one.met[machine].is_some());
    let piece = Piece {
        name: "pkg".to_owned(),
        apart: "dpkg all".to_owned(),
    };
    let versions = met
        .version
        .map(|version| (piece, BTreeSet::from([version.to_string()])));
    let update = |word| match word {
        0 => HotfixState::Installed,
        _ => HotfixState::Staged,
    };
    let update = met.update.map(|word| ("KB1".to_owned(), update(word)));
    Some(Snapshot {
        id: MachineId::new(format!("m-{machine}")),
        also: Vec::new(),
        hostname: None,
        addresses: vec![address(machine)],
        seen: day(run),
        traits: BTreeMap::from([("outcome", met.read.to_string())]),
        software: BTreeMap::from([("package", versions.into_iter().collect())]),
        updates: met.read.then(|| update.into_iter().collect()),
        sight: Sight {
            is_read: met.read,
            is_asked: true,
            gaps: gaps.collect(),
            unjudged: unjudged.into_iter().collect(),
            ports: BTreeSet::new(),
        },
        findings: findings.collect(),
        met_before: last_met.map(day),
        seen_before: numbers().filter(|at| saw(*at)).map(key).collect(),
    })
}

/// One line for each thing that must be told, by going through everything that there is.
fn naive(history: &[Run], a: usize, b: usize) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for machine in 0..usize::from(MACHINES) {
        let (was, is) = (&history[a].met[machine], &history[b].met[machine]);
        if was.is_none() && is.is_none() {
            continue;
        }
        if is.is_none() {
            let word = if history[b].swept[machine] {
                "machine_gone"
            } else {
                "machine_not_swept"
            };
            told.insert(format!("{machine} {word}"));
        }
        if was.is_none() {
            let ever = (0..a).any(|run| history[run].met[machine].is_some());
            let word = match (ever, history[a].swept[machine]) {
                (true, _) => "machine_back",
                (false, true) => "machine_new",
                (false, false) => "machine_newly_swept",
            };
            told.insert(format!("{machine} {word}"));
        }
        if let (Some(was), Some(is)) = (was, is) {
            facts(machine, was, is, &mut told);
        }
        for bulletin in 0..usize::from(BULLETINS) {
            if let Some(word) = fate(history, (a, b), machine, bulletin) {
                told.insert(format!("{machine} {word} {bulletin}"));
            }
        }
    }
    told
}

fn facts(machine: usize, was: &Met, is: &Met, told: &mut BTreeSet<String>) {
    let mut say = |word: &str| told.insert(format!("{machine} {word}"));
    if was.read != is.read {
        say("machine_changed");
    }
    match (was.version, is.version) {
        (None, Some(_)) => say("software_added"),
        (Some(_), None) => say("software_removed"),
        (Some(from), Some(to)) if from < to => say("software_upgraded"),
        (Some(from), Some(to)) if from > to => say("software_downgraded"),
        _ => false,
    };
    if !(was.read && is.read) {
        return;
    }
    match (was.update, is.update) {
        (None, Some(_)) => say("update_added"),
        (Some(_), None) => say("update_removed"),
        (Some(one), Some(other)) if one != other => say("update_changed"),
        _ => false,
    };
}

/// What became of one bulletin on one machine.
fn fate(
    history: &[Run],
    (a, b): (usize, usize),
    machine: usize,
    bulletin: usize,
) -> Option<&'static str> {
    let verdict = |run: usize| {
        history[run].met[machine]
            .as_ref()
            .map_or(0, |met| met.verdict[bulletin])
    };
    let open = |run: usize| (1..=3).contains(&verdict(run));
    // Whether a run would have shown it: it read the machine, asked, and judged no less than the other run.
    let looked =
        |run: usize, other: usize| match (&history[run].met[machine], &history[other].met[machine])
        {
            (Some(met), Some(theirs)) => {
                met.read && !met.gap[bulletin] && (!met.unjudged || theirs.unjudged)
            }
            _ => false,
        };
    let closed = |run: usize| verdict(run) == 4;
    let word = match (open(a), open(b)) {
        (true, true) if verdict(a) != verdict(b) => "finding_changed",
        (true, true) | (false, false) => return None,
        (true, false) if !closed(b) && !looked(b, a) => "finding_unobserved",
        (true, false) if verdict(a) == 3 => "question_settled",
        (true, false) => {
            let version = |run: usize| {
                history[run].met[machine]
                    .as_ref()
                    .and_then(|met| met.version)
            };
            let same = version(a).is_some() && version(a) == version(b);
            let other = history[a].catalog != history[b].catalog;
            if other && same && !closed(b) {
                "finding_withdrawn"
            } else {
                "finding_fixed"
            }
        }
        (false, true) if verdict(b) == 3 => "question_open",
        (false, true) if closed(a) => "finding_reopened",
        (false, true) => match ((0..a).any(open), looked(a, b)) {
            (true, true) => "finding_reopened",
            (true, false) => "finding_seen_again",
            (false, _) => "finding_new",
        },
    };
    Some(word)
}

/// The rows in the words of [`naive`].
fn line(row: &Change) -> String {
    let machine = row.machine.as_str().trim_start_matches("m-");
    let mut line = format!("{machine} {}", row.kind.as_str());
    if row.finding.is_some() {
        let bulletin = row
            .object
            .trim_start_matches('B')
            .split(' ')
            .next()
            .unwrap();
        write!(line, " {bulletin}").unwrap();
    }
    line
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_told_is_what_a_look_at_everything_gives(
        history in vec(run(), 2..6),
        at in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let b = 1 + at.0.index(history.len() - 1);
        let a = at.1.index(b);
        let of = |run| (0..usize::from(MACHINES)).filter_map(|one| snap(&history, run, one, a)).collect::<Vec<_>>();
        let place = |at: IpAddr| match at { IpAddr::V4(v4) => usize::from(v4.octets()[3]), IpAddr::V6(_) => 0 };
        let reach = |at: IpAddr| if history[b].swept[place(at)] { Reach::Silent } else { Reach::NotSwept };
        let between = Between {
            before: day(a),
            was_swept: &|at| history[a].swept[place(at)],
            reach: &reach,
            is_other_catalog: history[a].catalog != history[b].catalog,
            is_judged: true,
        };
        let rows = changes(&of(a), &of(b), &between);
        let told: Vec<String> = rows.iter().map(line).collect();
        prop_assert_eq!(told.len(), rows.len());
        let once: BTreeSet<String> = told.iter().cloned().collect();
        prop_assert_eq!(once.len(), told.len(), "told twice: {:?}", told);
        prop_assert_eq!(once, naive(&history, a, b));
        // Machine by machine it is the same.
        let mut parts = Vec::new();
        for machine in 0..usize::from(MACHINES) {
            let one = |run| snap(&history, run, machine, a).into_iter().collect::<Vec<_>>();
            parts.extend(changes(&one(a), &one(b), &between));
        }
        sort(&mut parts);
        prop_assert_eq!(parts, rows);
        // A run against itself has nothing to tell.
        prop_assert!(changes(&of(b), &of(b), &between).is_empty());
    }
}
