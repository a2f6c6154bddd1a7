//! Comparisons made by hand: one danger or one state each.

use super::*;
use crate::model::{
    Certainty, DeviceKind, Family, KnownRecord, ListKind, MachineId, ManagedState as State,
    ResultCode, Role, UtcTime,
};
use proptest::prelude::*;

const TODAY: &str = "2026-11-30";

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn ago(days: i64) -> Date {
    UtcTime::parse("2026-11-30T09:00:00Z")
        .map(|time| UtcTime::from_unix(time.unix() - days * 86_400).date())
        .unwrap()
}

fn met(id: &str, run: u32, address: &str) -> Sighted {
    let now = UtcTime::parse("2026-11-30T09:30:00Z").unwrap();
    Sighted {
        id: MachineId::from_key("default", "test", id),
        run,
        seen: UtcTime::from_unix(now.unix() - i64::from(run) * 7 * 86_400),
        first_seen: day("2026-09-01"),
        addresses: vec![address.parse().unwrap()],
        intermediary: None,
        traits: Traits::default(),
        looks: Looks::default(),
        care: Care::default(),
    }
}

/// A Windows of the domain that states who it is.
fn windows(id: &str, run: u32, address: &str, name: &str) -> Sighted {
    let mut one = met(id, run, address);
    one.traits.names = vec![
        SightedName {
            by: NameSource::Stated,
            name: format!("{name}.corp.example"),
        },
        SightedName {
            by: NameSource::NetBios,
            name: name.chars().take(15).collect(),
        },
    ];
    one.traits.domains = vec!["corp".to_owned(), "corp.example".to_owned()];
    one.traits.is_domain_member = Some(true);
    one.looks.family = Some(Family::Windows);
    one.looks.device = DeviceKind::Computer;
    one
}

fn read(mut one: Sighted) -> Sighted {
    one.care.last_assessed = Some(one.seen.date());
    one.care.last_update = Some(one.seen.date());
    one
}

fn row(name: &str) -> KnownRecord {
    KnownRecord {
        name: (!name.is_empty()).then(|| name.to_owned()),
        ..KnownRecord::default()
    }
}

fn full(name: &str) -> KnownRecord {
    KnownRecord {
        fqdn: Some(format!("{name}.corp.example")),
        last_seen: Some(ago(3)),
        ..row(name)
    }
}

fn list(name: &str, kind: ListKind, records: Vec<KnownRecord>) -> KnownList {
    let records = records
        .into_iter()
        .zip(2..)
        .map(|(record, row)| KnownRecord { row, ..record });
    KnownList {
        name: name.to_owned(),
        kind,
        vouches: kind.vouches().to_vec(),
        as_of: Some(day(TODAY)),
        records: records.collect(),
    }
}

fn compare_with(sighted: &[Sighted], lists: &[KnownList], policy: &str, rules: &str) -> Comparison {
    let policy = Policy::parse(policy).unwrap();
    let rules = MergeRules::parse(rules).unwrap();
    compare(&World {
        lists,
        sighted,
        policy: &policy,
        rules: &rules,
        was_swept: &|_, address| address.to_string().starts_with("10.0."),
        runs: 4,
        today: day(TODAY),
        no_merge: false,
    })
}

fn simply(sighted: &[Sighted], lists: &[KnownList]) -> Comparison {
    compare_with(sighted, lists, "", "")
}

fn states(comparison: &Comparison) -> Vec<(State, &str)> {
    let all = comparison.machines.iter().map(|one| &*one.standing);
    let all = all.chain(comparison.entries.iter().map(|one| &one.standing));
    all.map(|one| (one.state, one.reason.as_str())).collect()
}

#[test]
fn without_lists_nothing_is_compared() {
    let seen = [windows("a", 0, "10.0.0.1", "ws-1"), met("b", 0, "10.0.0.2")];
    let comparison = simply(&seen, &[]);
    assert_eq!(
        states(&comparison),
        [(State::NotCompared, ""), (State::NotCompared, "")]
    );
    assert!(comparison.entries.is_empty());
}

#[test]
fn a_lease_makes_nobody_known() {
    let mut rogue = met("r", 0, "10.0.0.9");
    rogue.traits.macs = vec!["f8:b1:56:00:00:09".to_owned()];
    let lease = KnownRecord {
        macs: rogue.traits.macs.clone(),
        addresses: rogue.addresses.clone(),
        last_seen: Some(ago(0)),
        ..row("desktop-x1")
    };
    let lists = [
        list("leases", ListKind::Dhcp, vec![lease, row("gone")]),
        list("ad", ListKind::ActiveDirectory, vec![]),
    ];
    let comparison = simply(&[rogue], &lists);
    assert_eq!(
        states(&comparison),
        [(State::Unmanaged, "unknown_computer")]
    );
    let standing = &comparison.machines[0].standing;
    assert_eq!(standing.lists, ["leases (last seen 2026-11-30)"]);
    assert!(
        standing.merged[0].contains("same MAC f8:b1:56:00:00:09"),
        "{:?}",
        standing.merged
    );
}

#[test]
fn a_lease_leads_from_a_card_to_a_name_on_a_list() {
    let mut laptop = met("r", 0, "10.0.0.9");
    laptop.traits.macs = vec!["f8:b1:56:00:00:09".to_owned()];
    let lease = KnownRecord {
        macs: laptop.traits.macs.clone(),
        ..row("lap-7")
    };
    let lists = [
        list("leases", ListKind::Dhcp, vec![lease]),
        list("ad", ListKind::ActiveDirectory, vec![full("lap-7")]),
    ];
    assert_eq!(
        states(&simply(&[laptop], &lists)),
        [(State::Overlooked, "never_assessed")]
    );
}

#[test]
fn a_machine_that_moved_is_one_and_keeps_its_history() {
    let now = read(windows("a", 0, "10.0.0.7", "lap-1"));
    let mut then = windows("b", 1, "10.0.3.9", "lap-1");
    then.first_seen = day("2026-08-01");
    let other = windows("c", 1, "10.0.0.7", "lap-2");
    let ad = list(
        "ad",
        ListKind::ActiveDirectory,
        vec![full("lap-1"), full("lap-2")],
    );
    let comparison = simply(&[now, then, other], &[ad]);
    assert_eq!(
        states(&comparison),
        [
            (State::Managed, ""),
            (State::Unseen, "last_seen_7_days_ago")
        ]
    );
    assert_eq!(comparison.machines[0].first_seen, day("2026-08-01"));
    assert_eq!(
        comparison.machines[0].usual_hours,
        "Mon 09-10 UTC, 2 of 4 runs"
    );
    assert_eq!(comparison.entries[0].name, "lap-2");
}

#[test]
fn a_reimaged_laptop_with_another_name_is_one() {
    let hardware = |mut one: Sighted, id: &str| {
        one.traits.serial = Some("5CG1234XYZ".to_owned());
        one.traits.uuid = Some("4c4c4544-0044-3510-8051-b4c04f4d3132".to_owned());
        one.traits.machine_ids = vec![id.to_owned()];
        read(one)
    };
    let now = hardware(
        windows("a", 0, "10.0.0.7", "lap-new"),
        "0123456789abcdef0123456789abcde1",
    );
    let then = hardware(
        windows("b", 1, "10.0.0.8", "lap-old"),
        "0123456789abcdef0123456789abcde2",
    );
    let cmdb = KnownRecord {
        serial: Some("5cg-1234-xyz".to_owned()),
        ..row("lap-old")
    };
    let comparison = simply(&[now, then], &[list("cmdb", ListKind::Cmdb, vec![cmdb])]);
    assert_eq!(states(&comparison), [(State::Managed, "")]);
}

#[test]
fn a_dock_is_not_the_laptop_in_it() {
    let dock = "f8:b1:56:00:00:77";
    let docked = |mut one: Sighted| {
        one.traits.macs.push(dock.to_owned());
        one
    };
    let seen = [
        docked(windows("a", 0, "10.0.0.7", "lap-1")),
        windows("b", 0, "10.0.0.8", "lap-2"),
        docked(windows("b", 1, "10.0.0.7", "lap-2")),
    ];
    let ad = list(
        "ad",
        ListKind::ActiveDirectory,
        vec![full("lap-1"), full("lap-2")],
    );
    let comparison = simply(&seen, &[ad]);
    assert_eq!(comparison.machines.len(), 2);
    assert!(
        comparison
            .machines
            .iter()
            .all(|one| one.standing.state == State::Overlooked)
    );
    assert!(comparison.entries.is_empty());
}

#[test]
fn clones_stay_apart_and_are_told() {
    let clone = |id: &str, address: &str, name: &str, mac: &str| {
        let mut one = read(windows(id, 0, address, name));
        one.traits.uuid = Some("4c4c4544-0044-3510-8051-b4c04f4d3132".to_owned());
        one.traits.serial = Some("VMware-56 4d 8f 01".to_owned());
        one.traits.machine_ids = vec!["0123456789abcdef0123456789abcde1".to_owned()];
        one.traits.host_keys = vec!["ssh-ed25519 SHA256:same".to_owned()];
        one.traits.macs = vec![mac.to_owned()];
        one
    };
    let seen = [
        clone("a", "10.0.0.7", "vdi-1", "00:50:56:00:00:01"),
        clone("b", "10.0.0.8", "vdi-2", "00:50:56:00:00:02"),
    ];
    let ad = list("ad", ListKind::ActiveDirectory, vec![full("vdi-1")]);
    let comparison = simply(&seen, &[ad]);
    assert_eq!(
        states(&comparison),
        [(State::Managed, ""), (State::Unmanaged, "domain_member")]
    );
    assert!(
        comparison
            .warnings
            .iter()
            .any(|line| line.contains("same uuid")),
        "{:?}",
        comparison.warnings
    );
    assert!(!comparison.machines[0].conflicts.is_empty());
}

#[test]
fn a_record_between_two_machines_does_not_make_them_one() {
    let hardware = |mut one: Sighted, uuid: &str, serial: &str| {
        one.traits.uuid = Some(format!("{uuid}c4c4544-0044-3510-8051-b4c04f4d3132"));
        one.traits.serial = Some(serial.to_owned());
        one
    };
    let name = "srv-1";
    let sighted = [
        hardware(windows("m-1", 0, "10.0.0.1", name), "5", "SERIAL1"),
        hardware(windows("m-2", 0, "10.0.0.2", name), "4", "SERIAL2"),
        // Others have this uuid and this serial number as well: each by itself proves nothing.
        hardware(met("m-3", 0, "10.0.0.3"), "4", "SERIAL3"),
        hardware(met("m-4", 0, "10.0.0.4"), "6", "SERIAL1"),
        // The earlier record has the uuid of the first and the serial number of the second.
        hardware(met("m-5", 1, "10.0.0.1"), "5", "SERIAL2"),
    ];
    let comparison = simply(&sighted, &[]);
    let both = comparison
        .machines
        .iter()
        .find(|one| one.records.contains(&sighted[0].id) && one.records.contains(&sighted[1].id));
    assert!(both.is_none(), "{both:?}");
}

#[test]
fn a_server_with_two_cards_is_one() {
    let card = |id: &str, address: &str| {
        let mut one = windows(id, 0, address, "srv-1");
        one.traits.server_guids = vec!["11223344-5566-7788-99aa-bbccddeeff00".to_owned()];
        one
    };
    let comparison = simply(&[card("a", "10.0.0.7"), card("b", "10.0.9.7")], &[]);
    assert_eq!(comparison.machines.len(), 1);
    assert_eq!(comparison.machines[0].records.len(), 2);
    assert!(comparison.machines[0].standing.merged[0].contains("same SMB server GUID"));
}

#[test]
fn one_name_with_two_host_keys_is_two_machines() {
    let keyed = |id: &str, address: &str, key: &str| {
        let mut one = windows(id, 0, address, "srv-1");
        one.traits.host_keys = vec![format!("ssh-ed25519 SHA256:{key}")];
        one
    };
    let comparison = simply(
        &[keyed("a", "10.0.0.7", "x"), keyed("b", "10.0.9.7", "y")],
        &[],
    );
    assert_eq!(comparison.machines.len(), 2);
}

#[test]
fn a_short_name_means_the_machine_of_the_own_domain() {
    let own = windows("a", 0, "10.0.0.7", "srv-1");
    let mut other = windows("b", 0, "10.0.0.8", "srv-1");
    other.traits.names[0].name = "srv-1.lab.example".to_owned();
    other.traits.domains = vec!["lab".to_owned(), "lab.example".to_owned()];
    let lists = [
        list(
            "ad",
            ListKind::ActiveDirectory,
            vec![full("srv-1"), full("srv-2")],
        ),
        list("cmdb", ListKind::Cmdb, vec![row("SRV-1")]),
    ];
    let comparison = simply(&[own, other], &lists);
    let expected = [
        (State::Overlooked, "never_assessed"),
        (State::Unmanaged, "foreign_domain"),
    ];
    assert_eq!(states(&comparison)[..2], expected);
    assert_eq!(comparison.machines[0].standing.lists.len(), 2);
}

#[test]
fn a_name_that_was_cut_is_found_on_the_list() {
    let mut one = windows("a", 0, "10.0.0.7", "accounting-server-01");
    one.traits.names.remove(0);
    let ad = list(
        "ad",
        ListKind::ActiveDirectory,
        vec![full("accounting-server-01"), full("accounting-x")],
    );
    let comparison = simply(&[one], &[ad]);
    assert_eq!(comparison.machines[0].standing.state, State::Overlooked);
    assert_eq!(comparison.entries.len(), 1);
}

#[test]
fn default_serial_numbers_join_nobody() {
    let junk = |id: &str, address: &str, name: &str| {
        let mut one = read(windows(id, 0, address, name));
        one.traits.serial = Some("Default string".to_owned());
        one.traits.uuid = Some("03000200-0400-0500-0006-000700080009".to_owned());
        one
    };
    let comparison = simply(
        &[junk("a", "10.0.0.7", "pc-1"), junk("b", "10.0.0.8", "pc-2")],
        &[],
    );
    assert_eq!(comparison.machines.len(), 2);
    assert!(comparison.warnings.is_empty());
}

#[test]
fn an_address_that_machines_share_is_no_machine() {
    let mut vip = met("v", 0, "10.0.0.1");
    vip.traits.macs = vec!["00:00:5e:00:01:0a".to_owned()];
    vip.traits.host_keys = vec!["ssh-ed25519 SHA256:router".to_owned()];
    let mut router = met("r", 0, "10.0.0.2");
    router.traits.macs = vec!["00:00:0c:12:34:56".to_owned()];
    router.traits.host_keys = vip.traits.host_keys.clone();
    router.looks.device = DeviceKind::Router;
    let ad = list("ad", ListKind::ActiveDirectory, vec![]);
    let expected = [
        (State::Artefact, "shared_address"),
        (State::Unmanaged, "device"),
    ];
    assert_eq!(states(&simply(&[vip, router], &[ad])), expected);
}

#[test]
fn a_machine_without_a_strong_identity_is_never_called_unmanaged() {
    let mut one = met("a", 0, "10.0.0.7");
    one.traits.macs = vec!["da:a1:19:00:00:01".to_owned()];
    one.traits.names = vec![SightedName {
        by: NameSource::Reverse,
        name: "dhcp-7.corp.example".to_owned(),
    }];
    let ad = list("ad", ListKind::ActiveDirectory, vec![full("ws-1")]);
    let comparison = simply(&[one], &[ad]);
    assert_eq!(comparison.machines[0].standing.state, State::Unidentified);
    assert!(
        comparison.machines[0]
            .standing
            .suggestion
            .contains("underdesk doctor 10.0.0.7")
    );
}

#[test]
fn whoever_shows_a_changed_key_is_not_said_to_have_none() {
    let evidence = |code| {
        let mut one = met("a", 0, "10.0.0.7");
        one.care.access = vec![WayIn {
            credential: Some("audit".to_owned()),
            was_tried: false,
            code,
        }];
        let known = [list("ad", ListKind::ActiveDirectory, vec![full("ws-1")])];
        let standing = simply(&[one], &known).machines[0].standing.clone();
        assert_eq!(standing.reason, "no_strong_identity");
        (standing.evidence[0].clone(), standing.suggestion.clone())
    };
    let (without, _) = evidence(ResultCode::Timeout);
    assert!(without.ends_with("no key of its own"), "{without}");
    let (changed, todo) = evidence(ResultCode::HostkeyChanged);
    assert!(!changed.contains("no key"), "{changed}");
    assert!(changed.contains("not the one on record"), "{changed}");
    assert!(todo.contains("underdesk trust scan"), "{todo}");
}

#[test]
fn every_reason_to_look_is_found_in_its_order() {
    let ad = || list("ad", ListKind::ActiveDirectory, vec![full("ws-1")]);
    let reason = |one: Sighted, lists: &[KnownList]| {
        let comparison = simply(&[one], lists);
        comparison.machines[0].standing.reason.clone()
    };
    let fine = || read(windows("a", 0, "10.0.0.7", "ws-1"));
    assert_eq!(reason(fine(), &[ad()]), "");
    let mut locked = windows("a", 0, "10.0.0.7", "ws-1");
    locked.care.access = vec![WayIn {
        credential: Some("audit".to_owned()),
        was_tried: true,
        code: ResultCode::AuthRejected,
    }];
    assert_eq!(reason(locked, &[ad()]), "no_credential_works");
    let mut unscoped = windows("a", 0, "10.0.0.7", "ws-1");
    unscoped.care.access = vec![WayIn {
        credential: None,
        was_tried: false,
        code: ResultCode::NoCredentialInScope,
    }];
    assert_eq!(reason(unscoped, &[ad()]), "never_assessed");
    let mut unpatched = fine();
    unpatched.care.last_update = Some(ago(61));
    assert_eq!(reason(unpatched, &[ad()]), "not_patched_for_60_days");
    let silent = KnownRecord {
        last_seen: Some(ago(46)),
        ..full("ws-1")
    };
    assert_eq!(
        reason(
            fine(),
            &[list("ad", ListKind::ActiveDirectory, vec![silent])]
        ),
        "agent_stale"
    );
    let mut lost = fine();
    lost.care.updates = UpdatesFrom::Wsus("http://wsus:8530".to_owned());
    assert_eq!(reason(lost.clone(), &[ad()]), "");
    let wsus = list("wsus", ListKind::Wsus, vec![full("ws-9")]);
    assert_eq!(reason(lost, &[ad(), wsus]), "update_source_dead");
    let mut old = fine();
    old.looks.end_of_life = Some(ago(1));
    assert_eq!(reason(old, &[ad()]), "end_of_life");
    let owned = KnownRecord {
        owner: Some("ada".to_owned()),
        ..full("ws-9")
    };
    let cmdb = list("cmdb", ListKind::Cmdb, vec![owned]);
    assert_eq!(reason(fine(), &[ad(), cmdb]), "no_owner");
}

#[test]
fn a_read_of_an_earlier_run_counts() {
    let now = windows("a", 0, "10.0.0.7", "ws-1");
    let then = read(windows("a", 2, "10.0.0.7", "ws-1"));
    let ad = list("ad", ListKind::ActiveDirectory, vec![full("ws-1")]);
    assert_eq!(states(&simply(&[now, then], &[ad])), [(State::Managed, "")]);
}

#[test]
fn a_disabled_account_whose_machine_answers_is_told() {
    let off = KnownRecord {
        is_disabled: true,
        ..full("ws-1")
    };
    let ad = list("ad", ListKind::ActiveDirectory, vec![off]);
    let comparison = simply(&[windows("a", 0, "10.0.0.7", "ws-1")], &[ad]);
    assert_eq!(
        states(&comparison),
        [(State::Unmanaged, "disabled_on_list")]
    );
}

#[test]
fn old_registers_make_every_verdict_less_sure() {
    let mut ad = list("ad", ListKind::ActiveDirectory, vec![full("ws-1")]);
    ad.as_of = Some(ago(20));
    let comparison = simply(&[windows("a", 0, "10.0.0.7", "ws-2")], &[ad]);
    let standing = &comparison.machines[0].standing;
    assert_eq!(
        (standing.state, standing.confidence),
        (State::Unmanaged, Certainty::Likely)
    );
    assert!(
        standing
            .evidence
            .iter()
            .any(|line| line.starts_with("register old"))
    );
}

#[test]
fn entries_are_unseen_stale_or_out_of_scope() {
    let at = |name: &str, address: &str, days: i64| KnownRecord {
        addresses: vec![address.parse().unwrap()],
        last_seen: Some(ago(days)),
        ..full(name)
    };
    let cmdb = list(
        "cmdb",
        ListKind::Cmdb,
        vec![
            at("fresh", "10.0.0.1", 2),
            at("nowhere", "10.9.0.1", 2),
            at("old", "10.0.0.2", 200),
            KnownRecord {
                last_seen: None,
                ..full("placeless")
            },
        ],
    );
    let comparison = simply(&[], &[cmdb]);
    let expected = [
        (State::Unseen, "no_answer_in_3_sweeps"),
        (State::OutOfScope, "not_swept"),
        (State::StaleEntry, "old_on_every_list"),
        (State::OutOfScope, "no_address"),
    ];
    assert_eq!(states(&comparison), expected);
    let states = &comparison.subnets[0].states;
    assert_eq!(states[..], [(State::Unseen, 1), (State::StaleEntry, 1)]);
}

#[test]
fn the_allow_list_holds_until_its_day() {
    let mut printer = met("p", 0, "10.0.0.7");
    printer.traits.macs = vec!["00:1b:a9:00:00:01".to_owned()];
    printer.looks.device = DeviceKind::Printer;
    let ad = list("ad", ListKind::ActiveDirectory, vec![]);
    let policy = |until: &str| {
        format!(
            "[[expected]]\ndevice = \"printer\"\naddress = \"10.0.0.0/24\"\nowner = \"ada\"\nuntil = \"{until}\"\n"
        )
    };
    let seen = [printer];
    let lists = [ad];
    let expected = compare_with(&seen, &lists, &policy(TODAY), "");
    assert_eq!(states(&expected), [(State::Expected, "")]);
    let past = compare_with(&seen, &lists, &policy("2026-11-29"), "");
    assert_eq!(states(&past), [(State::Unmanaged, "device")]);
    assert!(
        past.machines[0]
            .standing
            .evidence
            .iter()
            .any(|line| line.contains("that is past"))
    );
}

#[test]
fn the_operator_joins_and_keeps_apart() {
    let seen = [
        windows("a", 0, "10.0.0.7", "ws-1"),
        windows("b", 0, "10.0.0.8", "ws-2"),
    ];
    let same = "[[same]]\nmachines = [\"ws-1\", \"10.0.0.8\"]\nreason = \"two cards\"\n";
    let comparison = compare_with(&seen, &[], "", same);
    assert_eq!(comparison.machines.len(), 1);
    assert!(comparison.machines[0].standing.merged[0].contains("merge.toml line 1"));
    let ad = [list("ad", ListKind::ActiveDirectory, vec![full("ws-1")])];
    let seen = [windows("a", 0, "10.0.0.7", "ws-1")];
    let comparison = compare_with(
        &seen,
        &ad,
        "",
        "[[same]]\nmachines = [\"ws-9\", \"ws-1\"]\n",
    );
    assert!(
        comparison.warnings[0].contains("ws-9"),
        "{:?}",
        comparison.warnings
    );
}

#[test]
fn a_list_of_addresses_knows_addresses() {
    let mut one = met("a", 0, "10.0.0.7");
    one.traits.macs = vec!["f8:b1:56:00:00:09".to_owned()];
    let bare = KnownRecord {
        addresses: vec!["10.0.0.7".parse().unwrap()],
        ..KnownRecord::default()
    };
    let comparison = simply(&[one], &[list("plain", ListKind::Plain, vec![bare])]);
    let standing = &comparison.machines[0].standing;
    assert_eq!(
        (standing.state, standing.confidence),
        (State::Overlooked, Certainty::Guess)
    );
}

#[test]
fn an_address_on_a_list_names_nobody_and_is_no_more_than_a_guess() {
    let jump = KnownRecord {
        addresses: vec!["10.0.0.7".parse().unwrap()],
        os: Some("Debian 12".to_owned()),
        owner: Some("ann".to_owned()),
        ..row("jump")
    };
    let lists = [list("cmdb", ListKind::Cmdb, vec![jump])];
    let shown = || {
        let mut one = met("a", 0, "10.0.0.7");
        one.looks.family = Some(Family::Debian);
        one.traits.host_keys = vec!["ssh-ed25519 SHA256:k".to_owned()];
        one
    };
    let comparison = simply(&[shown()], &lists);
    let machine = &comparison.machines[0];
    assert_eq!((machine.name.as_str(), machine.owner.as_str()), ("", "ann"));
    assert_eq!(
        (machine.standing.state, machine.standing.confidence),
        (State::Overlooked, Certainty::Guess)
    );
    let said = machine.standing.merged.join(" ");
    assert!(said.contains("only the list calls it jump"), "{said}");
    let evidence = machine.standing.evidence.join(" ");
    assert!(evidence.contains("nothing but its address"), "{evidence}");

    // Whoever calls himself otherwise is not it, and the list's machine was not met.
    for by in [NameSource::Stated, NameSource::Announced] {
        let mut other = shown();
        let name = "evil".to_owned();
        other.traits.names = vec![SightedName { by, name }];
        let comparison = simply(&[other], &lists);
        assert_eq!(comparison.machines[0].name, "evil");
        assert_eq!(comparison.machines[0].standing.state, State::Unmanaged);
        assert_eq!(
            states(&comparison).last(),
            Some(&(State::Unseen, "another_at_its_address"))
        );
    }
    // Who says its name is it.
    let mut own = shown();
    let (by, name) = (NameSource::Announced, "jump".to_owned());
    own.traits.names = vec![SightedName { by, name }];
    let comparison = simply(&[own], &lists);
    assert_eq!(comparison.machines[0].name, "jump");
}

#[test]
fn the_name_that_another_list_has_for_an_address_is_nobodys_either() {
    let at = |record: KnownRecord| KnownRecord {
        addresses: vec!["10.0.0.7".parse().unwrap()],
        ..record
    };
    let plain = list("plain", ListKind::Plain, vec![at(KnownRecord::default())]);
    let mut record = at(full("jump"));
    record.os = Some("Debian 12".to_owned());
    let cmdb = list("cmdb", ListKind::Cmdb, vec![record]);
    let agent = list("edr", ListKind::ActiveDirectory, vec![full("jump")]);
    let mut one = met("a", 0, "10.0.0.7");
    one.looks.family = Some(Family::Debian);
    one.traits.host_keys = vec!["ssh-ed25519 SHA256:k".to_owned()];
    let comparison = simply(&[one], &[plain, cmdb, agent]);
    assert_eq!(comparison.machines[0].rows.len(), 3);
    assert_eq!(comparison.machines[0].name, "");
    assert_eq!(comparison.machines[0].standing.confidence, Certainty::Guess);
}

#[test]
fn what_is_odd_and_what_is_near_is_told() {
    let mut seen = Vec::new();
    let mut rows = Vec::new();
    for number in 1..=12 {
        let name = format!("ws-{number:04}");
        let mut one = read(windows(&name, 0, &format!("10.0.0.{number}"), &name));
        one.traits.macs = vec![format!("f8:b1:56:00:00:{number:02x}")];
        seen.push(one);
        rows.push(full(&name));
    }
    let mut odd = windows("odd", 0, "10.0.0.99", "bobs-pc");
    odd.traits.macs = vec!["00:11:32:aa:bb:cc".to_owned()];
    odd.looks.is_server = Some(false);
    odd.looks.roles = vec![Role::Iis];
    let mut near = windows("near", 0, "10.0.0.98", "ws-0098");
    near.traits.macs = vec!["f8:b1:56:00:00:10".to_owned()];
    seen.extend([odd, near]);
    let comparison = simply(&seen, &[list("ad", ListKind::ActiveDirectory, rows)]);
    let near = &comparison.machines[12].standing.nearest;
    assert_eq!(
        near[0],
        "same MAC batch as ws-0012 (f8:b1:56:00:00:10, 4 apart)"
    );
    assert!(near[1].starts_with("named like its subnet 10.0.0.0/24: WS-####, 12 known"));
    let hints = &comparison.machines[13].standing.rogue_hints;
    let words = hints.iter().map(|hint| hint.split(':').next().unwrap());
    let expected = [
        "mac_vendor_seen_nowhere_else",
        "name_breaks_pattern",
        "web_server_on_desktop",
    ];
    assert_eq!(words.collect::<Vec<_>>(), expected);
    let counts = &comparison.lists[0];
    assert_eq!(
        (counts.machines, counts.live, counts.lacks, counts.alone),
        (12, 12, 2, 12)
    );
}

#[test]
fn policies_and_rules_say_where_they_are_wrong() {
    let policy = |text: &str| Policy::parse(text).unwrap_err().to_string();
    assert!(
        policy("[severities]\n").contains(
            "expected one of `classes`, `expected`, `plan`, `windows`, `severity`, `due`"
        ),
        "{}",
        policy("[severities]\n")
    );
    assert!(policy("[classes]\nassessed_days = 0\n").starts_with("line 2:"));
    assert!(policy("[classes.fresh_days]\nsccm = 3\n").contains("config_mgr"));
    assert!(
        policy("\n[[expected]]\nname = \"x\"\nowner = \"a\"\n")
            .starts_with("line 2: an [[expected]] needs until")
    );
    assert!(policy("[[expected]]\nowner = \"a\"\nuntil = 2027-01-01\n").contains("say"));
    let given = Policy::parse(
        "[classes]\npatched_days = 45\n[classes.fresh_days]\nedr = 3\n[[expected]]\nmac = \"00-1B-A9\"\nowner = \"a\"\nuntil = 2027-01-01\n",
    );
    let given = given.unwrap();
    assert_eq!(
        (
            given.patched_days,
            given.fresh_days_of(ListKind::Edr),
            given.expected[0].mac.as_deref()
        ),
        (45, 3, Some("001ba9"))
    );
    let rules = |text: &str| MergeRules::parse(text).unwrap_err().to_string();
    assert!(rules("[[same]]\nmachines = [\"a\"]\n").starts_with("line 1: machines needs"));
    assert!(
        rules("\n[[glue]]\n").starts_with("line 2:"),
        "{}",
        rules("\n[[glue]]\n")
    );
}

/// Few values of each kind, so that records share and contradict at random.
fn any_sighted() -> impl Strategy<Value = Sighted> {
    let text =
        |values: &'static [&'static str]| proptest::option::of(proptest::sample::select(values));
    (
        (0..40_u8, 0..3_u32, 1..12_u8),
        text(&["ws-1", "ws-2", "ws-3", "srv-1"]),
        text(&["SERIAL1", "SERIAL2", "SERIAL3"]),
        text(&[
            "4c4c4544-0044-3510-8051-b4c04f4d3132",
            "5c4c4544-0044-3510-8051-b4c04f4d3132",
        ]),
        text(&[
            "f8:b1:56:00:00:01",
            "f8:b1:56:00:00:02",
            "00:50:56:00:00:03",
        ]),
        text(&["ssh-ed25519 SHA256:one", "ssh-ed25519 SHA256:two"]),
    )
        .prop_map(|((id, run, at), name, serial, uuid, mac, key)| {
            let id = format!("{id}-{run}-{at}");
            let address = format!("10.0.0.{at}");
            let mut one = match name {
                Some(name) => windows(&id, run, &address, name),
                None => met(&id, run, &address),
            };
            one.traits.serial = serial.map(str::to_owned);
            one.traits.uuid = uuid.map(str::to_owned);
            one.traits.macs = mac.map(str::to_owned).into_iter().collect();
            one.traits.host_keys = key.map(str::to_owned).into_iter().collect();
            one
        })
}

fn any_row() -> impl Strategy<Value = KnownRecord> {
    let text =
        |values: &'static [&'static str]| proptest::option::of(proptest::sample::select(values));
    (
        text(&["ws-1", "ws-2", "ws-3", "srv-1"]),
        text(&["SERIAL1", "SERIAL2", "Default string"]),
        text(&["f8:b1:56:00:00:01", "f8:b1:56:00:00:02"]),
        text(&["10.0.0.1", "10.0.0.2", "10.9.0.1"]),
        proptest::bool::ANY,
    )
        .prop_map(|(name, serial, mac, address, is_full)| {
            let mut one = row(name.unwrap_or_default());
            one.fqdn = name
                .filter(|_| is_full)
                .map(|name| format!("{name}.corp.example"));
            one.serial = serial.map(str::to_owned);
            one.macs = mac.map(str::to_owned).into_iter().collect();
            one.addresses = address
                .map(|text| text.parse().unwrap())
                .into_iter()
                .collect();
            one
        })
}

/// A world of which each machine id is met once a run.
fn any_world() -> impl Strategy<Value = (Vec<Sighted>, Vec<KnownList>)> {
    let sighted = proptest::collection::vec(any_sighted(), 0..14);
    let rows = || proptest::collection::vec(any_row(), 0..8);
    (sighted, rows(), rows()).prop_map(|(mut sighted, one, other)| {
        sighted.sort_by_key(|one| (one.run, one.addresses.clone(), one.id.clone()));
        sighted.dedup_by_key(|one| (one.run, one.addresses.clone()));
        let lists = vec![
            list("ad", ListKind::ActiveDirectory, one),
            list("cmdb", ListKind::Cmdb, other),
        ];
        (sighted, lists)
    })
}

proptest! {
    #[test]
    fn the_order_of_the_input_decides_nothing((sighted, lists) in any_world(), seed: u64) {
        let straight = simply(&sighted, &lists);
        let mut mixed = sighted.clone();
        let mut turned = lists.clone();
        let mix = |length: usize, at: usize| {
            let step = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(at as u64);
            usize::try_from(step % length.max(1) as u64).unwrap()
        };
        for at in 0..mixed.len() {
            let other = mix(mixed.len(), at);
            mixed.swap(at, other);
        }
        for list in &mut turned {
            list.records.reverse();
        }
        turned.reverse();
        let other = simply(&mixed, &turned);
        prop_assert_eq!(straight.machines, other.machines);
        prop_assert_eq!(straight.entries, other.entries);
        prop_assert_eq!(straight.warnings, other.warnings);
        prop_assert_eq!(straight.subnets, other.subnets);
    }

    #[test]
    fn what_only_one_record_has_decides_nothing((sighted, lists) in any_world()) {
        // A rule about somebody who is not there makes all of it count.
        let rule = "[[same]]\nmachines = [\"10.99.0.1\", \"10.99.0.2\"]\n";
        let (all, common) = (compare_with(&sighted, &lists, "", rule), simply(&sighted, &lists));
        prop_assert_eq!(all.machines, common.machines);
        prop_assert_eq!(all.entries, common.entries);
        let others = all.warnings.into_iter().filter(|warning| !warning.starts_with("merge.toml"));
        prop_assert_eq!(others.collect::<Vec<_>>(), common.warnings);
    }

    #[test]
    fn other_hardware_is_another_machine((sighted, lists) in any_world()) {
        let comparison = simply(&sighted, &lists);
        for machine in &comparison.machines {
            let live = sighted.iter().filter(|one| one.run == 0 && machine.records.contains(&one.id));
            let live = live.collect::<Vec<_>>();
            for (one, other) in live.iter().flat_map(|one| live.iter().map(move |other| (one, other))) {
                let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
                let serials = differ(&one.traits.serial, &other.traits.serial);
                let uuids = differ(&one.traits.uuid, &other.traits.uuid);
                prop_assert!(!(serials && uuids), "{:?}", machine.standing.merged);
            }
        }
    }

    #[test]
    fn every_machine_stands_once_and_every_join_says_why((sighted, lists) in any_world()) {
        let comparison = simply(&sighted, &lists);
        let live = sighted.iter().filter(|one| one.run == 0).count();
        let records = comparison.machines.iter().map(|one| one.records.len()).sum::<usize>();
        prop_assert_eq!(records, live);
        for machine in &comparison.machines {
            prop_assert!(machine.records.len() < 2 || !machine.standing.merged.is_empty());
            prop_assert!(!machine.standing.suggestion.is_empty());
        }
    }
}

/// `count` machines of four runs on five lists.
fn crowd(count: u32) -> (Vec<Sighted>, Vec<KnownList>) {
    let mut sighted = Vec::new();
    let mut rows = Vec::new();
    for number in 0..count {
        let name = format!("ws-{number:05}");
        let [_, high, middle, low] = number.to_be_bytes();
        let mac = format!("f8:b1:56:{high:02x}:{middle:02x}:{low:02x}");
        for run in 0..4 {
            let address = format!("10.{run}.{middle}.{low}");
            let mut one = read(windows(&format!("{name}-{run}"), run, &address, &name));
            one.traits.macs = vec![mac.clone()];
            one.traits.serial = Some(format!("SN{number:06}"));
            one.traits.uuid = Some(format!("4c4c4544-0044-3510-8051-b4c0{number:08x}"));
            // One image for all of them.
            one.traits.machine_ids = vec!["0123456789abcdef0123456789abcde1".to_owned()];
            one.traits.host_keys = vec!["ssh-ed25519 SHA256:image".to_owned()];
            sighted.push(one);
        }
        rows.push(KnownRecord {
            macs: vec![mac],
            serial: Some("Same For All".to_owned()),
            ..full(&name)
        });
    }
    let kinds = [
        ListKind::ActiveDirectory,
        ListKind::Wsus,
        ListKind::Edr,
        ListKind::Dhcp,
        ListKind::Cmdb,
    ];
    let lists = kinds.map(|kind| list(kind.as_str(), kind, rows.clone()));
    (sighted, lists.to_vec())
}

#[test]
fn a_crowd_with_one_image_is_told_apart_in_time_that_grows_with_it() {
    let count = std::option_env!("UNDERDESK_CROWD").map_or(600, |count| count.parse().unwrap());
    let (sighted, lists) = crowd(count);
    let comparison = simply(&sighted, &lists);
    assert_eq!(comparison.machines.len(), count as usize);
    assert!(
        comparison
            .machines
            .iter()
            .all(|one| one.standing.state == State::Managed)
    );
    assert!(comparison.entries.is_empty());
    assert_eq!(comparison.warnings.len(), 2, "{:?}", comparison.warnings);
}

#[test]
fn whoever_calls_himself_like_a_machine_that_was_read_does_not_hide_behind_it() {
    let mut real = read(windows("m-real", 0, "10.0.0.5", "srv-1"));
    real.traits.other_addresses = vec!["10.0.0.5".parse().unwrap(), "10.0.9.5".parse().unwrap()];
    let impostor = windows("m-other", 0, "10.0.0.66", "srv-1");
    let second_card = windows("m-card", 0, "10.0.9.5", "srv-1");
    let comparison = simply(&[real, impostor, second_card], &[]);
    let records = comparison.machines.iter().map(|one| one.records.len());
    assert_eq!(records.collect::<Vec<_>>(), [2, 1]);
    let conflicts = &comparison.machines[1].conflicts;
    assert!(
        conflicts
            .iter()
            .any(|one| one.to_string().contains("does not have that address")),
        "{conflicts:?}"
    );
}

#[test]
fn an_address_that_a_machine_calls_its_own_makes_it_nobody_who_is_called_otherwise() {
    let mut gateway = read(windows("m-gateway", 0, "10.0.0.5", "gw-1"));
    gateway.traits.other_addresses = vec!["10.0.0.5".parse().unwrap(), "10.0.9.5".parse().unwrap()];
    let other = windows("m-other", 0, "10.0.9.5", "ws-2");
    // The gateway has nothing else in common with anybody.
    let comparison = simply(&[gateway, other], &[]);
    assert_eq!(comparison.machines.len(), 2);
}
