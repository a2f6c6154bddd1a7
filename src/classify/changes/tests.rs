//! The cases that the oracle's histories do not have.

use super::*;
use crate::model::{BulletinId, FindingState};

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn machine(id: &str, last: u8) -> Snapshot {
    Snapshot {
        id: MachineId::new(id),
        also: Vec::new(),
        hostname: None,
        addresses: vec![[192, 0, 2, last].into()],
        seen: day("2026-01-02"),
        traits: BTreeMap::new(),
        software: BTreeMap::new(),
        updates: None,
        sight: Sight {
            is_read: true,
            is_asked: true,
            ..Sight::default()
        },
        findings: BTreeMap::new(),
        met_before: None,
        seen_before: BTreeSet::new(),
    }
}

fn with_finding(mut machine: Snapshot, bulletin: &str, question: &str) -> Snapshot {
    let key = FindingKey {
        product: "p".to_owned(),
        bulletin: BulletinId::new(bulletin),
    };
    let reported = Reported {
        state: FindingState::WontFix,
        question: question.to_owned(),
        packages: Vec::new(),
        is_to_come: false,
    };
    machine.findings.insert(key, reported);
    machine
}

fn kinds(before: &[Snapshot], after: &[Snapshot], reach: Reach) -> Vec<&'static str> {
    let between = Between {
        before: day("2026-01-01"),
        was_swept: &|address| address != IpAddr::from([192, 0, 2, 77]),
        reach: &|_| reach,
        is_other_catalog: false,
        is_judged: true,
    };
    let rows = changes(before, after, &between);
    rows.iter().map(|row| row.kind.as_str()).collect()
}

#[test]
fn a_machine_that_another_took_the_address_of_is_gone_and_one_that_nobody_read_is_not() {
    let was = [machine("m-1", 1)];
    assert_eq!(kinds(&was, &[], Reach::Silent), ["machine_gone"]);
    assert_eq!(kinds(&was, &[], Reach::Other), ["machine_gone"]);
    assert_eq!(kinds(&was, &[], Reach::Nameless), ["machine_unrecognised"]);
    assert_eq!(kinds(&was, &[], Reach::NotSwept), ["machine_not_swept"]);
}

/// A machine with a name, read or not.
fn called(id: &str, name: &str, is_read: bool) -> Snapshot {
    let mut machine = with_finding(machine(id, 1), "B", "packages");
    machine.hostname = Some(name.to_owned());
    machine.sight.is_read = is_read;
    if !is_read {
        machine.findings.clear();
    }
    machine
}

#[test]
fn a_machine_that_one_of_two_runs_could_not_read_neither_goes_nor_comes() {
    let (read, unread) = (
        called("m-1", "FILES-1", true),
        called("m-2", "files-1", false),
    );
    let told = |was: &Snapshot, is: &Snapshot, reach| {
        let (was, is) = (std::slice::from_ref(was), std::slice::from_ref(is));
        kinds(was, is, reach)
    };
    assert_eq!(
        told(&read, &unread, Reach::Nameless),
        ["machine_unrecognised", "finding_unobserved"]
    );
    let mut again = read.clone();
    again.seen_before.extend(read.findings.keys().cloned());
    again.met_before = Some(day("2026-01-01"));
    assert_eq!(
        told(&unread, &again, Reach::Other),
        ["machine_unrecognised", "finding_seen_again"]
    );
    // Another name, or another key: somebody else.
    let other = called("m-2", "files-2", false);
    assert_eq!(
        told(&read, &other, Reach::Nameless),
        ["machine_new", "machine_unrecognised", "finding_unobserved"]
    );
    let keyed = |mut one: Snapshot, key: &str| {
        one.traits.insert("host_key", key.to_owned());
        one
    };
    assert_eq!(
        told(&keyed(read, "a"), &keyed(unread, "b"), Reach::Nameless),
        ["machine_new", "machine_unrecognised", "finding_unobserved"]
    );
}

#[test]
fn whom_the_earlier_run_did_not_come_to_neither_goes_nor_comes() {
    let unasked = |id: &str, last| {
        let mut one = machine(id, last);
        one.sight = Sight::default();
        one.traits.insert("outcome", "not_begun".to_owned());
        one
    };
    let (one, other) = (unasked("m-1", 1), unasked("m-2", 2));
    let is = [called("m-9", "files-1", true)];
    let met = |was: &[Snapshot], reach| kinds(was, &is, reach);
    assert_eq!(
        met(std::slice::from_ref(&one), Reach::Other),
        ["machine_unrecognised", "finding_new"]
    );
    // The machine has both addresses.
    let mut both = is.clone();
    both[0].addresses.push([192, 0, 2, 2].into());
    let was = [one.clone(), other.clone()];
    assert_eq!(
        kinds(&was, &both, Reach::Other),
        [
            "machine_unrecognised",
            "finding_new",
            "machine_unrecognised"
        ]
    );
    // Whoever has its name is it, whoever else was at its addresses.
    let mut named = called("m-3", "files-1", false);
    named.addresses = vec![[192, 0, 2, 2].into()];
    for was in [[one.clone(), named.clone()], [named, one.clone()]] {
        assert_eq!(
            kinds(&was, &both, Reach::Other),
            [
                "machine_unrecognised",
                "machine_unrecognised",
                "finding_new"
            ]
        );
    }
    // Nobody answers there any more.
    assert_eq!(kinds(&[other], &[], Reach::Silent), ["machine_gone"]);
}

#[test]
fn a_machine_that_was_installed_anew_is_gone_and_its_successor_is_new() {
    let was = called("m-1", "files-1", true);
    let mut is = called("m-2", "files-1", true);
    is.findings.clear();
    assert_eq!(
        kinds(&[was], &[is], Reach::Other),
        ["machine_new", "machine_gone", "finding_unobserved"]
    );
}

#[test]
fn a_machine_where_the_earlier_run_did_not_look_is_not_new() {
    assert_eq!(
        kinds(&[], &[machine("m-1", 77)], Reach::Silent),
        ["machine_newly_swept"]
    );
    assert_eq!(
        kinds(&[], &[machine("m-1", 7)], Reach::Silent),
        ["machine_new"]
    );
}

#[test]
fn a_machine_is_recognised_by_any_id_that_its_run_has_for_it() {
    let mut is = machine("m-2", 9);
    is.also.push(MachineId::new("m-1"));
    assert!(kinds(&[machine("m-1", 1)], &[is], Reach::Silent).is_empty());
}

#[test]
fn two_that_became_one_are_one_that_stayed_and_one_that_went() {
    let mut is = machine("m-1", 1);
    is.also.push(MachineId::new("m-2"));
    let was = [machine("m-1", 1), machine("m-2", 2)];
    assert_eq!(kinds(&was, &[is], Reach::Other), ["machine_gone"]);
}

#[test]
fn a_weakness_behind_a_port_that_does_not_answer_any_more_is_not_called_fixed() {
    let mut was = with_finding(machine("m-1", 1), "exposed:smb1", "network");
    was.sight.ports.insert(445);
    let mut is = machine("m-1", 1);
    assert_eq!(
        kinds(
            std::slice::from_ref(&was),
            std::slice::from_ref(&is),
            Reach::Silent
        ),
        ["finding_unobserved"]
    );
    is.sight.ports.insert(445);
    assert_eq!(
        kinds(
            std::slice::from_ref(&was),
            std::slice::from_ref(&is),
            Reach::Silent
        ),
        ["finding_fixed"]
    );
    is.sight.is_asked = false;
    assert_eq!(kinds(&[was], &[is], Reach::Silent), ["finding_unobserved"]);
}

#[test]
fn the_end_of_a_system_that_was_seen_from_outside_is_not_fixed_by_reading_it() {
    let was = with_finding(machine("m-1", 1), "exposed:end_of_life", "network");
    assert_eq!(
        kinds(&[was], &[machine("m-1", 1)], Reach::Silent),
        ["finding_unobserved"]
    );
}

#[test]
fn an_end_of_support_that_comes_is_new_and_one_that_is_put_off_is_nobodys_work() {
    let id = "end-of-life:mssqlserver:14.0";
    let mut to_come = with_finding(machine("m-1", 1), id, "sql-server");
    let mut over = to_come.clone();
    for (machine, state) in [
        (&mut to_come, FindingState::NotApplicable),
        (&mut over, FindingState::EndOfLife),
    ] {
        for reported in machine.findings.values_mut() {
            reported.state = state;
            reported.is_to_come = state.is_closed();
        }
    }
    let told = |was: &Snapshot, is: &Snapshot| {
        let (was, is) = (std::slice::from_ref(was), std::slice::from_ref(is));
        kinds(was, is, Reach::Other)
    };
    assert_eq!(told(&to_come, &over), ["finding_new"]);
    assert_eq!(told(&over, &to_come), ["finding_withdrawn"]);
    // It was over, was put off, and is over again.
    let mut again = over.clone();
    again.seen_before.extend(over.findings.keys().cloned());
    assert_eq!(told(&to_come, &again), ["finding_reopened"]);
    // An upgrade ends it.
    assert_eq!(told(&over, &machine("m-1", 1)), ["finding_fixed"]);
}

#[test]
fn a_kernel_that_comes_beside_another_replaces_none() {
    let kernels = |versions: &[&str]| {
        let mut one = machine("m-1", 1);
        let piece = Piece {
            name: "kernel".to_owned(),
            apart: "rpm x86_64".to_owned(),
        };
        let versions = versions.iter().map(|one| (*one).to_owned()).collect();
        one.software
            .insert("package", BTreeMap::from([(piece, versions)]));
        [one]
    };
    let told = |was: &[&str], is: &[&str]| kinds(&kernels(was), &kernels(is), Reach::Silent);
    assert_eq!(told(&["5.14-1"], &["5.14-1", "5.14-2"]), ["software_added"]);
    assert_eq!(told(&["5.14-9"], &["5.14-10"]), ["software_upgraded"]);
    assert_eq!(told(&["5.14-10"], &["5.14-9"]), ["software_downgraded"]);
}

#[test]
fn a_flaw_of_a_kernel_that_runs_no_more_is_fixed_though_its_package_stays() {
    const OLD: &str = "linux-image-6.1.0-11-amd64";
    let of = |running: &str| {
        let mut one = machine("m-1", 1);
        one.traits.insert("kernel", running.to_owned());
        let piece = Piece {
            name: OLD.to_owned(),
            apart: "dpkg amd64".to_owned(),
        };
        let versions = BTreeSet::from(["6.1.38-4".to_owned()]);
        one.software
            .insert("package", BTreeMap::from([(piece, versions)]));
        one
    };
    let mut was = with_finding(of("6.1.0-11-amd64"), "CVE-2023-3777", "dpkg-packages");
    for reported in was.findings.values_mut() {
        reported.state = FindingState::PendingReboot;
        reported.packages = vec![OLD.to_owned()];
    }
    let told = |is: Snapshot| {
        let between = Between {
            before: day("2026-01-01"),
            was_swept: &|_| true,
            reach: &|_| Reach::Silent,
            is_other_catalog: true,
            is_judged: true,
        };
        let rows = changes(std::slice::from_ref(&was), &[is], &between);
        let kinds = rows.iter().map(|row| row.kind.as_str());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(
        told(of("6.1.0-12-amd64")),
        ["machine_changed", "finding_fixed"]
    );
    assert_eq!(told(of("6.1.0-11-amd64")), ["finding_withdrawn"]);
}

#[test]
fn what_nobody_knows_did_not_change() {
    let mut was = machine("m-1", 1);
    was.traits.insert("build", "17763.1".to_owned());
    was.updates = Some(BTreeMap::from([("KB1".to_owned(), HotfixState::Installed)]));
    let is = machine("m-1", 1);
    assert!(
        kinds(
            std::slice::from_ref(&was),
            std::slice::from_ref(&is),
            Reach::Silent
        )
        .is_empty()
    );
    assert!(kinds(&[is], &[was], Reach::Silent).is_empty());
}
