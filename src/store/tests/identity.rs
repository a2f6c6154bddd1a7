//! Which machine is which, through the whole store.

use super::*;
use crate::model::{Clue, Fact};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn begin(store: &Store, number: u32) -> RunId {
    store.begin_run(new_run(number)).wait().unwrap();
    run_id(number)
}

fn put(store: &Store, run: &RunId, outcome: HostOutcome) -> MachineId {
    store.commit_host(run, commit(outcome)).wait().unwrap()
}

/// Every address of a run with the machine that it now belongs to.
fn machines(store: &Store, run: &RunId) -> BTreeMap<IpAddr, MachineId> {
    let report = store.report(run, ReportOptions::default()).wait().unwrap();
    let mut found = BTreeMap::new();
    let mut visit = |record: &crate::model::MachineRecord| {
        let pairs = record
            .addresses
            .iter()
            .map(|address| (*address, record.id.clone()));
        found.extend(pairs);
        Ok(())
    };
    report.visit(&mut visit).unwrap();
    found
}

#[test]
fn the_same_machine_id_and_boot_or_mac_is_one_machine() {
    let (store, run) = store();
    let first = put(&store, &run, read(1, 1, 1, None));
    assert_eq!(put(&store, &run, read(2, 1, 1, None)), first);
    assert_eq!(put(&store, &run, read(3, 1, 1, Some(7))), first);
    assert_eq!(put(&store, &run, read(4, 1, 9, Some(7))), first);
    assert_ne!(put(&store, &run, read(5, 1, 8, Some(8))), first, "a clone");
    assert_ne!(
        put(&store, &run, read(6, 2, 1, Some(7))),
        first,
        "another machine-id"
    );
}

#[test]
fn two_that_turn_out_to_be_one_are_one_from_then_on_and_before() {
    let (store, run) = store();
    let first = put(&store, &run, read(1, 1, 1, None));
    let second = put(&store, &run, read(2, 1, 2, Some(7)));
    assert_ne!(first, second);
    // Boot of the one, MAC of the other.
    assert_eq!(put(&store, &run, read(3, 1, 1, Some(7))), first);
    let found = machines(&store, &run);
    assert_eq!(found.len(), 3);
    assert!(found.values().all(|id| *id == first), "{found:?}");
    let report = store.report(&run, ReportOptions::default()).wait().unwrap();
    let record = report.machine(0).unwrap().unwrap();
    assert_eq!(record.addresses, [address(1), address(2), address(3)]);
    let history: Vec<_> = record.history.values().collect();
    assert_eq!((history.len(), history[0].times_seen), (1, 1));
}

#[test]
fn the_same_host_key_at_two_addresses_merges_nothing() {
    let (store, run) = store();
    let with_key = |last| HostOutcome {
        host_key: Some(key("k")),
        ..bare(last)
    };
    let (one, two) = (
        put(&store, &run, with_key(1)),
        put(&store, &run, with_key(2)),
    );
    assert_ne!(one, two);
    assert_ne!(put(&store, &run, bare(3)), put(&store, &run, bare(4)));
}

#[test]
fn a_reboot_at_the_same_address_keeps_the_machine_and_takes_the_new_address_along() {
    for order in [[1, 2], [2, 1]] {
        let (store, run) = store();
        let first = put(&store, &run, read(1, 1, 1, None));
        let next = begin(&store, 2);
        for last in order {
            let _ = put(&store, &next, read(last, 1, 2, None));
        }
        let found = machines(&store, &next);
        assert!(found.values().all(|id| *id == first), "{order:?} {found:?}");
    }
}

#[test]
fn a_login_at_last_keeps_the_id_that_the_address_had() {
    let (store, run) = store();
    let bare_id = put(&store, &run, bare(1));
    let keyed = HostOutcome {
        host_key: Some(key("k1")),
        ..bare(1)
    };
    let second = begin(&store, 2);
    assert_eq!(put(&store, &second, keyed), bare_id);
    let third = begin(&store, 3);
    assert_eq!(put(&store, &third, read(1, 1, 1, None)), bare_id);
    assert_eq!(put(&store, &third, read(2, 1, 1, None)), bare_id);
}

#[test]
fn a_login_that_shows_a_known_machine_makes_an_alias() {
    let (store, run) = store();
    let machine = put(&store, &run, read(1, 1, 1, Some(7)));
    let second = begin(&store, 2);
    let bare_id = put(&store, &second, bare(2));
    assert_ne!(bare_id, machine);
    let third = begin(&store, 3);
    assert_eq!(put(&store, &third, read(2, 1, 1, Some(7))), machine);
    // What was nothing but an address then may have been somebody else: it stays apart there.
    assert_eq!(machines(&store, &second)[&address(2)], bare_id);
}

#[test]
fn two_machines_of_an_earlier_run_are_not_one_because_of_an_address() {
    let (store, run) = store();
    let machine = put(&store, &run, read(1, 1, 1, Some(7)));
    let stranger = put(&store, &run, bare(2));
    // The machine moves to where the stranger was.
    let second = begin(&store, 2);
    assert_eq!(put(&store, &second, read(2, 1, 1, Some(7))), machine);
    let then = machines(&store, &run);
    assert_eq!(then[&address(1)], machine);
    assert_eq!(then[&address(2)], stranger);
}

#[test]
fn a_stranger_at_the_address_of_a_machine_that_left_is_not_that_machine() {
    let (store, run) = store();
    let phone = put(&store, &run, bare(2));
    let second = begin(&store, 2);
    let laptop = put(&store, &second, read(2, 1, 1, Some(7)));
    assert_eq!(laptop, phone, "what was there is taken to be what logs in");
    let third = begin(&store, 3);
    let _ = put(&store, &third, read(9, 1, 1, Some(7)));
    let stranger = put(&store, &third, bare(2));
    assert_ne!(stranger, laptop);
    let fourth = begin(&store, 4);
    assert_eq!(put(&store, &fourth, bare(2)), stranger);
}

#[test]
fn committing_an_address_again_changes_nothing() {
    let (store, run) = store();
    let first = put(&store, &run, read(1, 1, 1, None));
    assert_eq!(put(&store, &run, read(1, 1, 1, None)), first);
    let report = store.report(&run, ReportOptions::default()).wait().unwrap();
    let record = report.machine(0).unwrap().unwrap();
    assert_eq!((record.access.len(), record.addresses.len()), (2, 1));
    assert_eq!(record.history.values().next().unwrap().times_seen, 1);
}

#[test]
fn sites_do_not_mix() {
    let (store, run) = store();
    let here = put(&store, &run, read(1, 1, 1, Some(7)));
    let mut elsewhere = new_run(2);
    elsewhere.summary.site = "plant".into();
    store.begin_run(elsewhere).wait().unwrap();
    assert_ne!(put(&store, &run_id(2), read(1, 1, 1, Some(7))), here);
}

#[test]
fn bogus_machine_ids_make_no_machine() {
    let (store, run) = store();
    let ids = ["uninitialized", "00000000000000000000000000000000", ""].map(|text| {
        let mut ids = (1..3).map(|last| {
            let mut outcome = read(last, 1, 1, Some(7));
            let identity = &mut outcome.inventory.as_mut().unwrap().identity;
            identity.machine_id = Observed::Known(text.into());
            put(&store, &run, outcome)
        });
        (ids.next().unwrap(), ids.next().unwrap())
    });
    assert!(ids.iter().all(|(one, two)| one != two), "{ids:?}");
}

/// A Windows that logs in: by its `MachineGuid`, SMBIOS uuid and MAC address.
fn windows(last: u16, guid: u8, uuid: Option<u8>, mac: Option<u8>) -> HostOutcome {
    let mut outcome = read(last, guid, 1, mac);
    outcome.host_key = None;
    let identity = &mut outcome.inventory.as_mut().unwrap().identity;
    identity.machine_id = Observed::default();
    identity.boot_id = Observed::default();
    identity.machine_guid = Observed::Known(format!("{guid:08x}-0000-4000-8000-00000000cafe"));
    identity.product_uuid = match uuid {
        Some(uuid) => Observed::Known(format!("4C4C4544-0044-3510-8051-B4C04F4D31{uuid:02x}")),
        None => Observed::gap_of("hardware", GapCause::Denied),
    };
    outcome
}

#[test]
fn a_windows_is_known_by_its_guid_and_uuid_wherever_it_turns_up() {
    let (store, run) = store();
    let first = put(&store, &run, windows(1, 1, Some(1), None));
    assert_eq!(put(&store, &run, windows(2, 1, Some(1), None)), first);
    let second = begin(&store, 2);
    assert_eq!(put(&store, &second, windows(3, 1, Some(1), Some(7))), first);
    // Once its uuid could not be read, at an address that it has.
    assert_eq!(put(&store, &second, windows(2, 1, None, None)), first);
}

#[test]
fn copies_of_a_windows_image_are_machines_of_their_own() {
    let (store, run) = store();
    let original = put(&store, &run, windows(1, 1, Some(1), Some(7)));
    // The MAC address is that of a docking station.
    let copy = put(&store, &run, windows(2, 1, Some(2), Some(7)));
    assert_ne!(copy, original);
    let second = begin(&store, 2);
    assert_ne!(put(&store, &second, windows(1, 1, Some(3), None)), original);
    // They change places, and stay who they are.
    let third = begin(&store, 3);
    assert_eq!(put(&store, &third, windows(1, 1, Some(2), None)), copy);
    assert_eq!(put(&store, &third, windows(2, 1, Some(1), None)), original);
}

#[test]
fn a_machine_guid_alone_or_with_a_uuid_of_many_merges_nothing() {
    let (store, run) = store();
    let alone = put(&store, &run, windows(1, 1, None, None));
    assert_ne!(put(&store, &run, windows(2, 1, None, None)), alone);
    let second = begin(&store, 2);
    assert_eq!(put(&store, &second, windows(1, 1, None, None)), alone);

    let board = |last, mac| {
        let mut outcome = windows(last, 2, None, Some(mac));
        let identity = &mut outcome.inventory.as_mut().unwrap().identity;
        let uuid = "03000200-0400-0500-0006-000700080009".to_owned();
        identity.product_uuid = Observed::Known(uuid);
        outcome
    };
    let one = put(&store, &run, board(3, 3));
    assert_ne!(put(&store, &run, board(4, 4)), one);
    // One that is not on our list of such uuids: the MAC addresses tell.
    let one = put(&store, &run, windows(5, 3, Some(9), Some(5)));
    assert_ne!(put(&store, &run, windows(6, 3, Some(9), Some(6))), one);
}

#[test]
fn the_order_in_which_windows_machines_finish_changes_no_id() {
    let hosts = [
        windows(1, 1, Some(1), None),
        windows(2, 1, Some(2), None),
        windows(3, 1, Some(1), Some(7)),
        windows(4, 2, Some(3), None),
    ];
    let mut other = hosts.clone();
    other.reverse();
    assert_eq!(
        play(&[(run_id(1), hosts.to_vec())]),
        play(&[(run_id(1), other.to_vec())])
    );
}

#[test]
fn the_certificate_of_a_web_service_is_no_host_key() {
    let (store, run) = store();
    let shown = |last| HostOutcome {
        host_key: Some(HostKey {
            algorithm: "x509".into(),
            fingerprint: "SHA256:c".into(),
        }),
        ..bare(last)
    };
    let first = put(&store, &run, shown(1));
    let second = begin(&store, 2);
    // Without it the address is still all that is known of the machine.
    assert_eq!(put(&store, &second, bare(1)), first);
}

/// Shows a host on a connection as a Windows of a domain shows itself to whoever asks.
pub(super) fn showing(mut outcome: HostOutcome, name: &str, guid: u8) -> HostOutcome {
    let clue = |source: &str, fact| Clue {
        source: source.into(),
        proto: "tcp".into(),
        port: 445,
        fact,
    };
    outcome.host_key = None;
    outcome.clues = vec![
        clue("smb2", Fact::NetbiosComputer(name.to_uppercase())),
        clue("smb2", Fact::NetbiosDomain("CORP".into())),
        clue("smb2", Fact::DnsComputer(format!("{name}.corp.example"))),
        clue(
            "smb2",
            Fact::ServerGuid(format!(
                "{guid:02x}c0ffee-0000-4000-8000-0000000000{guid:02x}"
            )),
        ),
    ];
    outcome
}

#[test]
fn a_night_without_a_login_makes_no_other_machine_of_a_windows() {
    let (store, run) = store();
    let name = "files-1";
    let id = put(&store, &run, showing(windows(1, 1, Some(1), None), name, 1));
    let second = begin(&store, 2);
    put(&store, &second, showing(bare(1), name, 1));
    let third = begin(&store, 3);
    // Remote desktop tells no GUID.
    let mut other_port = showing(bare(1), name, 1);
    other_port.clues.truncate(3);
    put(&store, &third, other_port);
    let fourth = begin(&store, 4);
    put(
        &store,
        &fourth,
        showing(windows(1, 1, Some(1), None), name, 1),
    );
    for run in [&run, &second, &third, &fourth] {
        assert_eq!(
            machines(&store, run),
            BTreeMap::from([(address(1), id.clone())])
        );
    }
    let report = store
        .report(&second, ReportOptions::default())
        .wait()
        .unwrap();
    let record = report.machine(0).unwrap().unwrap();
    assert!(record.is_claimed);
    assert_eq!(record.first_seen, new_run(1).summary.started.date());
}

#[test]
fn whoever_shows_anything_else_than_the_machine_of_its_name_is_another() {
    let base = || {
        let (store, run) = store();
        let original = showing(windows(1, 1, Some(1), Some(7)), "files-1", 1);
        let id = put(&store, &run, original);
        (store, id)
    };
    let card = |mac: &str| Clue {
        source: "arp".into(),
        proto: String::new(),
        port: 0,
        fact: Fact::Mac(mac.into()),
    };
    let mut with_card = showing(bare(1), "files-1", 1);
    with_card.clues.push(card("00:15:5d:00:00:08"));
    let mut with_key = showing(bare(1), "files-1", 1);
    with_key.host_key = Some(key("k"));
    let mut called_out = showing(bare(1), "files-1", 1);
    for clue in &mut called_out.clues {
        clue.source = "nbstat".into();
    }
    let others = [
        showing(bare(1), "files-2", 1),
        showing(bare(1), "files-1", 2),
        showing(bare(2), "files-1", 1),
        with_card,
        with_key,
        called_out,
        bare(1),
    ];
    for (at, other) in others.into_iter().enumerate() {
        let (store, id) = base();
        let second = begin(&store, 2);
        let address = other.host.address;
        put(&store, &second, other);
        assert_ne!(machines(&store, &second)[&address], id, "{at}");
    }
    // Its own card.
    let (store, id) = base();
    let second = begin(&store, 2);
    let mut own = showing(bare(1), "files-1", 1);
    own.clues.push(card("00:15:5d:00:00:07"));
    put(&store, &second, own);
    assert_eq!(machines(&store, &second)[&address(1)], id);
}

#[test]
fn nobody_hides_behind_a_machine_that_proves_to_be_elsewhere_by_claiming_its_name() {
    for order in [[0, 1], [1, 0]] {
        let (store, run) = store();
        let original = || windows(1, 1, Some(1), None);
        let id = put(&store, &run, showing(original(), "files-1", 1));
        let second = begin(&store, 2);
        let mut moved = showing(original(), "files-1", 1);
        moved.host.address = address(9);
        let hosts = [moved, showing(bare(1), "files-1", 1)];
        for at in order {
            put(&store, &second, hosts[at].clone());
        }
        let found = machines(&store, &second);
        assert_eq!(found[&address(9)], id);
        assert_ne!(found[&address(1)], id, "{order:?}");
        // It was read elsewhere since: its former address is nobody's.
        let third = begin(&store, 3);
        put(&store, &third, showing(bare(1), "files-1", 1));
        put(&store, &third, showing(bare(9), "files-1", 1));
        let third = machines(&store, &third);
        assert_eq!(third[&address(9)], id);
        assert_eq!(third[&address(1)], found[&address(1)]);
    }
}

#[test]
fn who_is_known_by_a_key_is_not_known_by_a_name() {
    let (store, run) = store();
    let mut samba = showing(read(1, 1, 1, None), "nas-1", 1);
    samba.host_key = Some(key("k1"));
    let id = put(&store, &run, samba);
    let second = begin(&store, 2);
    put(&store, &second, showing(bare(1), "nas-1", 1));
    assert_ne!(machines(&store, &second)[&address(1)], id);
}

#[test]
fn an_address_that_calls_itself_otherwise_is_another_machine() {
    let (store, run) = store();
    let phone = put(&store, &run, showing(bare(1), "phone", 1));
    let second = begin(&store, 2);
    let laptop = put(&store, &second, showing(bare(1), "laptop", 2));
    assert_ne!(laptop, phone);
    let third = begin(&store, 3);
    assert_eq!(put(&store, &third, showing(bare(1), "phone", 1)), phone);
    // Nor is it whoever logs in there.
    let fourth = begin(&store, 4);
    let server = showing(windows(1, 1, Some(1), None), "server", 3);
    let server = put(&store, &fourth, server);
    assert!(server != phone && server != laptop);
}

#[test]
fn a_claim_is_carried_with_the_run() {
    let (store, run) = store();
    let id = put(
        &store,
        &run,
        showing(windows(1, 1, Some(1), None), "files-1", 1),
    );
    let second = begin(&store, 2);
    put(&store, &second, showing(bare(1), "files-1", 1));
    let folder = tempfile::tempdir().unwrap();
    let there = Store::in_memory().unwrap();
    for (run, name) in [(&run, "one"), (&second, "two")] {
        let file = folder.path().join(name);
        store
            .finish_run(run, RunState::Complete, time("2027-01-20T00:00:00Z"))
            .wait()
            .unwrap();
        store.export_run(run, &file).wait().unwrap();
        let _ = there.import_run(&file, |_| Ok(())).wait().unwrap();
        assert_eq!(machines(&there, run)[&address(1)], id);
    }
}

/// A host of a run: how it shows itself at an address.
fn any_host(last: u16) -> impl Strategy<Value = HostOutcome> {
    // One machine-id has one boot and no clones: what the rules promise an order for.
    let logged_in = (1..4_u8, prop::option::of(Just(())))
        .prop_map(move |(machine, mac)| read(last, machine, machine, mac.map(|()| machine)));
    let keyed = (1..4_u8).prop_map(move |machine| HostOutcome {
        host_key: Some(key(&format!("k{machine}"))),
        ..bare(last)
    });
    prop_oneof![3 => logged_in, 1 => keyed, 1 => Just(bare(last))]
}

fn any_run() -> impl Strategy<Value = Vec<HostOutcome>> {
    (0..7_u16).map(any_host).collect::<Vec<_>>()
}

/// A Windows of a run: read, or showing its name, or somebody else's.
fn any_windows() -> impl Strategy<Value = Vec<HostOutcome>> {
    let host = |last| {
        (1..4_u8, 1..4_u8, any::<bool>()).prop_map(move |(machine, name, is_read)| {
            let outcome = if is_read {
                windows(last, machine, Some(machine), Some(machine))
            } else {
                bare(last)
            };
            let name = if is_read { machine } else { name };
            showing(outcome, &format!("ws-{name}"), machine)
        })
    };
    (0..6_u16).map(host).collect::<Vec<_>>()
}

/// The second run's machines have rebooted, or not.
fn reboot(hosts: &mut [HostOutcome]) {
    for inventory in hosts.iter_mut().filter_map(|host| host.inventory.as_mut()) {
        let boot = inventory
            .identity
            .boot_id
            .known()
            .unwrap()
            .replace('0', "a");
        inventory.identity.boot_id = Observed::Known(boot);
    }
}

/// Every machine that was read has a MAC address of its own.
fn give_macs(hosts: &mut [HostOutcome]) {
    for read in hosts.iter_mut().filter_map(|host| host.inventory.as_mut()) {
        let machine_id = read.identity.machine_id.known().unwrap();
        let machine = machine_id.as_bytes()[1] - b'0';
        read.identity.interfaces = inventory(machine, 1, Some(machine)).identity.interfaces;
    }
}

fn play(runs: &[(RunId, Vec<HostOutcome>)]) -> Vec<BTreeMap<IpAddr, MachineId>> {
    let store = Store::in_memory().unwrap();
    for (number, (run, hosts)) in (1..).zip(runs) {
        let _ = begin(&store, number);
        for host in hosts {
            let _ = put(&store, run, host.clone());
        }
    }
    runs.iter().map(|(run, _)| machines(&store, run)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_order_in_which_hosts_finish_changes_no_id(
        hosts in any_run(),
        shuffled in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let other = shuffled.iter().map(|place| hosts[*place].clone()).collect();
        prop_assert_eq!(play(&[(run_id(1), hosts)]), play(&[(run_id(1), other)]));
    }

    #[test]
    fn nor_does_it_when_the_host_that_shows_two_to_be_one_finishes_late(
        shown in prop::collection::vec((1..3_u8, any::<bool>()), 5),
        shuffled in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let part = |(last, (machine, by_boot)): (u16, &(u8, bool))| match by_boot {
            true => read(last, *machine, *machine, None),
            false => read(last, *machine, *machine + 40, Some(*machine)),
        };
        let parts = (0..).zip(&shown).map(part);
        // Each machine has one address that agrees with all its others.
        let whole = (1..3_u8).map(|machine| read(100 + u16::from(machine), machine, machine, Some(machine)));
        let hosts: Vec<HostOutcome> = parts.chain(whole).collect();
        let other = shuffled.iter().map(|place| hosts[*place].clone()).collect();
        let found = play(&[(run_id(1), hosts)]);
        prop_assert_eq!(found[0].values().collect::<BTreeSet<_>>().len(), 2);
        prop_assert_eq!(found, play(&[(run_id(1), other)]));
    }

    #[test]
    fn nor_does_it_in_a_second_run_when_all_have_rebooted(
        first in any_run(),
        mut second in any_run(),
        shuffled in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut first = first;
        // Without MACs a machine that rebooted and moved cannot be told from a clone.
        give_macs(&mut first);
        give_macs(&mut second);
        reboot(&mut second);
        let other: Vec<_> = shuffled.iter().map(|place| second[*place].clone()).collect();
        let one = play(&[(run_id(1), first.clone()), (run_id(2), second)]);
        prop_assert_eq!(one, play(&[(run_id(1), first), (run_id(2), other)]));
    }

    #[test]
    fn nor_does_it_where_names_are_claimed(
        first in any_windows(),
        second in any_windows(),
        third in any_windows(),
        shuffled in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let other = |hosts: &[HostOutcome]| shuffled.iter().map(|place| hosts[*place].clone()).collect::<Vec<_>>();
        let others = [other(&first), other(&second), other(&third)];
        let named = |[one, two, three]: [Vec<HostOutcome>; 3]| [(run_id(1), one), (run_id(2), two), (run_id(3), three)];
        let found = play(&named([first, second, third.clone()]));
        prop_assert_eq!(&found, &play(&named(others)));
        // Nobody who was read has a stranger beside him.
        let own = |host: &HostOutcome| found[2][&host.host.address].clone();
        let is_read = |host: &&HostOutcome| host.inventory.is_some();
        let read: BTreeSet<MachineId> = third.iter().filter(is_read).map(own).collect();
        prop_assert!(third.iter().filter(|host| !is_read(host)).all(|host| !read.contains(&own(host))));
    }

    #[test]
    fn addresses_share_a_machine_only_when_they_say_the_same_machine_id(hosts in any_run()) {
        let found = play(&[(run_id(1), hosts.clone())]).remove(0);
        for one in &hosts {
            for two in &hosts {
                let ids = [one, two].map(|host| {
                    let inventory = host.inventory.as_ref()?;
                    inventory.identity.machine_id.known().cloned()
                });
                let same = found[&one.host.address] == found[&two.host.address];
                let alike = ids[0].is_some() && ids[0] == ids[1];
                prop_assert_eq!(same, alike || one.host.address == two.host.address);
            }
        }
    }
}
