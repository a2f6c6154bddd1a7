//! Trails, computed a second time by definitions, and what must hold of them in whatever order they come.

use super::order::is_better;
use super::*;
use crate::model::{
    Inventory, Observed, Package, PackageManager, PackageState, Platform, SourcePackage,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A moment of a few days, on the half-day.
fn moment() -> impl Strategy<Value = UtcTime> {
    (0..14_i64).prop_map(|half| UtcTime::from_unix(1_790_000_000 + half * 43_200))
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        Just(When::Unknown),
        moment().prop_map(|at| When::Day(at.date())),
        moment().prop_map(When::At),
        (moment(), 1..8_i64).prop_map(|(at, halves)| {
            When::Between(at, UtcTime::from_unix(at.unix() + halves * 43_200))
        }),
    ]
}

fn event() -> impl Strategy<Value = TrailEvent> {
    let action = prop_oneof![
        Just(TrailAction::Installed),
        Just(TrailAction::Upgraded),
        Just(TrailAction::Removed),
        Just(TrailAction::InstallFailed),
    ];
    let source = prop_oneof![
        Just(TrailSource::Qfe),
        Just(TrailSource::Apt),
        Just(TrailSource::Package),
        Just(TrailSource::Runs),
    ];
    let versions = (option::of(0..2_u8), option::of(0..2_u8));
    let told = (option::of("[ab]"), option::of("[ab]"), 0..3_i64);
    (0..2_u8, action, when(), source, versions, told).prop_map(
        |(update, action, when, source, (before, after), (title, by, run))| TrailEvent {
            update: format!("p{update}"),
            action,
            when,
            before: before.map(|version| version.to_string()),
            after: after.map(|version| version.to_string()),
            source,
            title,
            by,
            command: None,
            code: None,
            first: first(run),
        },
    )
}

fn first(run: i64) -> FirstTold {
    FirstTold {
        at: UtcTime::from_unix(1_790_000_000 + run),
        run: RunId::new(format!("r-{run}")),
    }
}

/// Every distinct event that none of all the others says better, by trying each against each.
fn naive(all: &[TrailEvent]) -> BTreeSet<String> {
    let kept = all
        .iter()
        .filter(|event| !all.iter().any(|other| is_better(other, event)));
    kept.map(|event| format!("{:?}", event.key())).collect()
}

fn keys(trail: &Trail) -> BTreeSet<String> {
    let events = trail.events().iter();
    events.map(|event| format!("{:?}", event.key())).collect()
}

proptest! {
    #[test]
    fn what_is_said_better_by_something_said_better_is_said_better_by_that(
        all in vec(event(), 1..14),
    ) {
        for one in &all {
            prop_assert!(!is_better(one, one));
            for two in &all {
                for three in &all {
                    if is_better(one, two) && is_better(two, three) {
                        prop_assert!(is_better(one, three), "{one:#?}\n{two:#?}\n{three:#?}");
                    }
                }
            }
        }
    }

    #[test]
    fn merging_loses_nothing_in_whatever_order(
        (parts, order) in vec(vec(event(), 0..6), 1..6).prop_flat_map(|parts| {
            let order: Vec<usize> = (0..parts.len()).collect();
            (Just(parts), Just(order).prop_shuffle())
        }),
    ) {
        let mut one = Trail::default();
        for part in &parts {
            one.merge(Trail::new(part.clone()));
        }
        let mut other = Trail::default();
        for place in order {
            other.merge(Trail::new(parts[place].clone()));
        }
        prop_assert_eq!(&one, &other);
        // Whoever takes in more is another, and whoever is another took in more.
        let mut whole = Trail::new(parts[0].clone());
        for part in &parts {
            let before = whole.clone();
            let grew = whole.merge(Trail::new(part.clone()));
            prop_assert_eq!(grew, before != whole);
        }
        let all: Vec<TrailEvent> = parts.concat();
        prop_assert_eq!(keys(&one), naive(&all));
        // Merging it with itself or a part of it, and reading it back, changes nothing.
        let mut again = one.clone();
        prop_assert!(!again.merge(one.clone()));
        prop_assert!(!again.merge(Trail::new(parts[0].clone())));
        prop_assert_eq!(&again, &one);
        let read: Trail = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        prop_assert_eq!(read, one);
    }

    /// Logs only: there is nothing that another says better.
    #[test]
    fn the_newest_are_kept_in_whatever_order_and_the_rest_is_counted(
        (times, order) in vec(0..40_i64, 1..24).prop_flat_map(|times| {
            let order: Vec<usize> = (0..times.len()).collect();
            (Just(times), Just(order).prop_shuffle())
        }),
    ) {
        let log = |time: i64| TrailEvent {
            update: "p".to_owned(),
            action: TrailAction::Upgraded,
            when: When::At(UtcTime::from_unix(1_790_000_000 + time)),
            before: None,
            after: None,
            source: TrailSource::Dnf,
            title: None,
            by: None,
            command: None,
            code: None,
            first: first(0),
        };
        let of = |time: i64| Trail { events: vec![log(time)], ..Trail::default() };
        let (mut one, mut other) = (Trail::default(), Trail::default());
        for time in &times {
            one.merge_up_to(of(*time), 5);
        }
        for place in order {
            other.merge_up_to(of(times[place]), 5);
        }
        prop_assert_eq!(one.events(), other.events());
        prop_assert_eq!(&one.edge, &other.edge);
        let distinct: BTreeSet<i64> = times.iter().copied().collect();
        let newest: Vec<TrailEvent> = distinct.iter().rev().take(5).rev().map(|time| log(*time)).collect();
        prop_assert_eq!(one.events(), &newest[..]);
        let gone = distinct.len().saturating_sub(5);
        prop_assert!(one.dropped <= gone as u64);
        prop_assert_eq!(one.dropped().is_some(), gone > 0);
    }

    /// A machine with one package whose version is read now and then, from a store that sees the readings in
    /// any order and compares each with its neighbours.
    #[test]
    fn readings_in_any_order_tell_each_change_between_neighbours(
        (versions, order) in vec(0..3_u8, 2..8).prop_flat_map(|versions| {
            let order: Vec<usize> = (0..versions.len()).collect();
            (Just(versions), Just(order).prop_shuffle())
        }),
    ) {
        let at = |place: usize| {
            let days = i64::try_from(place).unwrap();
            UtcTime::from_unix(1_790_000_000 + days * 86_400)
        };
        let reading = |place: usize| Reading::of(&inventory(versions[place]));
        let mut read: BTreeSet<usize> = BTreeSet::new();
        let mut trail = Trail::default();
        for place in order {
            let mut pairs = Vec::new();
            pairs.extend(read.range(..place).next_back().map(|before| (*before, place)));
            pairs.extend(read.range(place..).next().map(|after| (place, *after)));
            for (was, is) in pairs {
                trail.merge(between((&reading(was), at(was)), (&reading(is), at(is)), &first(0)));
            }
            read.insert(place);
        }
        let mut changes = Vec::new();
        for (was, pair) in versions.windows(2).enumerate() {
            if pair[0] != pair[1] {
                let when = When::Between(at(was), at(was + 1));
                changes.push((when, format!("1.{}-1", pair[0]), format!("1.{}-1", pair[1])));
            }
        }
        let told = trail.events().iter().map(|event| {
            let version = |text: &Option<String>| text.clone().unwrap_or_default();
            (event.when, version(&event.before), version(&event.after))
        });
        prop_assert_eq!(told.collect::<Vec<_>>(), changes);
    }
}

fn inventory(version: u8) -> Inventory {
    let package = Package {
        manager: PackageManager::Dpkg,
        name: "p".to_owned(),
        version: format!("1.{version}-1"),
        arch: "amd64".to_owned(),
        source: SourcePackage::default(),
        state: PackageState::Installed,
        held: false,
        installed_at: None,
        vendor: None,
        module: None,
        repository: None,
    };
    Inventory {
        collector: String::new(),
        platform: platform(),
        identity: crate::model::HostIdentity::default(),
        packages: Observed::Known(vec![package]),
        windows: None,
        unix: None,
        services: Observed::default(),
        reboot: Observed::default(),
        gaps: Vec::new(),
    }
}

fn platform() -> Platform {
    serde_json::from_str(r#"{"family":"debian","id":"debian","name":"Debian"}"#).unwrap()
}

#[test]
fn what_a_log_tells_is_not_guessed_from_two_runs() {
    let at = |day: &str| UtcTime::parse(&format!("{day}T12:00:00Z")).unwrap();
    let mut trail = between(
        (&Reading::of(&inventory(1)), at("2026-09-01")),
        (&Reading::of(&inventory(2)), at("2026-09-08")),
        &first(2),
    );
    let [guess] = trail.events() else {
        panic!("{trail:?}")
    };
    assert_eq!(guess.action, TrailAction::Upgraded);
    assert_eq!(guess.when.not_before(), Date::parse("2026-09-01"));
    assert_eq!(guess.when.day(), Date::parse("2026-09-08"));
    let log = TrailEvent {
        source: TrailSource::Apt,
        when: When::At(at("2026-09-05")),
        by: Some("ada".to_owned()),
        ..guess.clone()
    };
    // Another version, or another week, is another event.
    for other in [
        TrailEvent {
            after: Some("1.7-1".to_owned()),
            ..log.clone()
        },
        TrailEvent {
            when: When::At(at("2026-08-01")),
            ..log.clone()
        },
    ] {
        let mut both = trail.clone();
        both.merge(Trail::new(vec![other]));
        assert_eq!(both.events().len(), 2);
    }
    trail.merge(Trail::new(vec![log.clone()]));
    assert_eq!(trail.events(), [log]);
}

#[test]
fn a_line_that_is_read_before_and_after_the_clock_is_put_back_is_shown_once() {
    let event = |hour: &str, run| TrailEvent {
        update: "p".to_owned(),
        action: TrailAction::Upgraded,
        when: When::At(UtcTime::parse(&format!("2026-09-05T{hour}:15:00Z")).unwrap()),
        before: Some("1".to_owned()),
        after: Some("2".to_owned()),
        source: TrailSource::Apt,
        title: None,
        by: None,
        command: None,
        code: None,
        first: first(run),
    };
    let trail = Trail::new(vec![event("10", 0), event("11", 1), event("13", 2)]);
    let shown = |run: i64| trail.shown(first(run).at).len();
    assert_eq!((shown(0), shown(1), shown(2)), (1, 1, 2));
    let mut zoned = vec![event("10", 0), event("11", 0)];
    for one in &mut zoned {
        one.source = TrailSource::Dnf;
    }
    assert_eq!(Trail::new(zoned).shown(first(0).at).len(), 2);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a host with six updates")]
fn a_windows_tells_of_each_update_once_a_source_and_says_unknown() {
    use crate::model::{
        Hotfix, HotfixSource, HotfixState, KbId, UpdateEvent, UpdateOutcome, WindowsFacts,
    };
    let day = Date::parse("2026-09-08");
    let at = UtcTime::parse("2026-09-08T03:00:00Z").unwrap();
    let hotfix = |kb: u32, state, seen_in: &[HotfixSource]| Hotfix {
        id: KbId(kb).to_string(),
        kb: Some(KbId(kb)),
        title: None,
        kind: None,
        state,
        build: None,
        installed_on: day,
        installed_at: None,
        installed_by: Some(r"CORP\ada".to_owned()),
        seen_in: seen_in.to_vec(),
    };
    let (qfe, wua) = (HotfixSource::Qfe, HotfixSource::Wua);
    let mut undated = hotfix(5_000_002, HotfixState::Superseded, &[qfe]);
    undated.installed_on = None;
    undated.installed_by = None;
    let log = |kb: u32, outcome| UpdateEvent {
        at,
        kb: Some(KbId(kb).to_string()),
        title: "t".to_owned(),
        outcome,
        code: (outcome == UpdateOutcome::InstallFailed).then(|| "0x80070643".to_owned()),
    };
    let windows = WindowsFacts {
        hotfixes: Observed::Known(vec![
            hotfix(5_000_001, HotfixState::Installed, &[qfe, wua]),
            undated,
            hotfix(5_000_003, HotfixState::Staged, &[qfe]),
            hotfix(5_000_004, HotfixState::Installed, &[HotfixSource::Build]),
            hotfix(5_000_005, HotfixState::Installed, &[wua]),
            hotfix(5_000_006, HotfixState::Removed, &[qfe]),
        ]),
        update_log: vec![
            log(5_000_005, UpdateOutcome::Installed),
            log(5_000_007, UpdateOutcome::InstallFailed),
        ],
        ..WindowsFacts::default()
    };
    let inventory = Inventory {
        packages: Observed::default(),
        windows: Some(Box::new(windows)),
        ..inventory(1)
    };
    let trail = Trail::told(&inventory, &first(0));
    let told: Vec<_> = trail
        .events()
        .iter()
        .map(|event| {
            let by = event.by.as_deref();
            let code = event.code.as_deref();
            (
                event.update.as_str(),
                event.action.as_str(),
                event.source.as_str(),
                event.when,
                by.or(code),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("KB5000002", "installed", "qfe", When::Unknown, None),
            ("KB5000006", "removed", "qfe", When::Unknown, None),
            (
                "KB5000001",
                "installed",
                "qfe",
                When::Day(day.unwrap()),
                Some(r"CORP\ada")
            ),
            ("KB5000005", "installed", "wua", When::At(at), None),
            (
                "KB5000007",
                "install_failed",
                "wua",
                When::At(at),
                Some("0x80070643")
            ),
        ]
    );
}
