//! The organisation itself is sound: the same for the same seed, plausible, and its truth without contradiction.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use underdesk::model::{DeviceKind, MachineRecord, ManagedState};
use underdesk::report::ReportSource as _;
use underdesk::scan::RunSource;
use underdesk::{identify, known};

fn all_seeds() -> impl Iterator<Item = u64> {
    SEEDS_DEVELOP.into_iter().chain(SEEDS_JUDGE)
}

#[test]
fn the_same_seed_makes_the_same_organisation_and_another_one_another() {
    let (one, same, other) = (generate(1), generate(1), generate(2));
    let text = |made: &Organisation| format!("{:?} {:?} {}", made.machines, made.runs, made.policy);
    assert!(text(&one) == text(&same));
    assert!(text(&one) != text(&other));
    for (one, same) in one.lists.iter().zip(&same.lists) {
        assert!(one.bytes == same.bytes, "{}", one.name);
    }
}

#[test]
fn every_class_has_members_enough_in_every_seed() {
    let fewest = [
        (ManagedState::Artefact, 3),
        (ManagedState::Expected, 16),
        (ManagedState::Unidentified, 8),
        (ManagedState::Unmanaged, 20),
        (ManagedState::Overlooked, 60),
        (ManagedState::Managed, 180),
        (ManagedState::Unseen, 25),
        (ManagedState::StaleEntry, 20),
        (ManagedState::OutOfScope, 15),
    ];
    let mut sizes = BTreeSet::new();
    for seed in all_seeds() {
        let machines = generate(seed).machines;
        let mut counts: BTreeMap<ManagedState, usize> = BTreeMap::new();
        for state in machines.iter().filter_map(|machine| machine.state) {
            *counts.entry(state).or_default() += 1;
        }
        assert!(counts.values().sum::<usize>() >= 400, "{seed}: {counts:?}");
        for (state, fewest) in fewest {
            assert!(
                counts[&state] >= fewest,
                "{seed} {}: {counts:?}",
                state.as_str()
            );
        }
        sizes.insert(machines.len());
    }
    assert!(sizes.len() > 3, "{sizes:?}");
}

#[test]
fn an_address_belongs_to_one_machine_and_a_row_to_one() {
    for seed in all_seeds() {
        let made = generate(seed);
        let (mut addresses, mut rows) = (BTreeSet::new(), BTreeSet::new());
        for machine in &made.machines {
            assert!(!machine.what.is_empty(), "{machine:?}");
            let is_for_live = machine.state.is_some_and(|state| !state.is_of_list());
            assert_eq!(machine.is_live(), is_for_live, "{machine:?}");
            // Who is an entry is on a list.
            assert!(
                machine.is_live() || machine.state.is_none() || !machine.rows.is_empty(),
                "{machine:?}"
            );
            for address in &machine.addresses {
                assert!(
                    addresses.insert(*address),
                    "{seed}: {address} is two machines'"
                );
            }
            for row in &machine.rows {
                assert!(rows.insert(row.clone()), "{seed}: {row:?} is two machines'");
            }
        }
        for (run, facts) in made.runs.iter().enumerate() {
            let met: BTreeSet<IpAddr> = facts
                .hosts
                .iter()
                .map(|host| host.outcome.host.address)
                .collect();
            assert_eq!(
                met.len(),
                facts.hosts.len(),
                "{seed}: run {run} meets an address twice"
            );
            if run == 0 {
                assert_eq!(met, addresses, "{seed}");
            }
        }
    }
}

/// The cells of a list, header first.
fn cells(list: &ListFile) -> Vec<Vec<String>> {
    let (text, delimiter) = match list.name {
        "wsus" => {
            let units = list
                .bytes
                .chunks(2)
                .map(|two| u16::from_le_bytes([two[0], two[1]]));
            (
                String::from_utf16(&units.collect::<Vec<_>>()).unwrap(),
                b'\t',
            )
        }
        "dhcp" => (
            encoding_rs::WINDOWS_1252.decode(&list.bytes).0.into_owned(),
            b';',
        ),
        _ => (String::from_utf8(list.bytes.clone()).unwrap(), b','),
    };
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader
        .has_headers(false)
        .delimiter(delimiter)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

#[test]
fn the_lists_are_tables_whose_lines_the_truth_counts() {
    for seed in SEEDS_DEVELOP {
        let made = generate(seed);
        assert_eq!(made.lists.len(), 5);
        for list in &made.lists {
            let rows = cells(list);
            assert!(rows.len() > 50, "{} {}", list.name, rows.len());
            let header = if list.name == "wsus" { 2 } else { 1 };
            for machine in &made.machines {
                for row in machine.rows.iter().filter(|row| row.list == list.name) {
                    let cells = &rows[usize::try_from(row.line - header).unwrap()];
                    let said = cells.join(" ").to_lowercase();
                    let is_named = machine.names.iter().any(|name| {
                        said.contains(name) || said.contains(&cast::netbios(name).to_lowercase())
                    });
                    assert!(is_named, "{row:?} {said} {:?}", machine.names);
                }
            }
        }
    }
}

#[test]
fn every_row_is_read_by_the_readers_of_lists() {
    for seed in SEEDS_DEVELOP {
        let made = generate(seed);
        for list in &made.lists {
            let options = known::ReadOptions {
                written: Some(made.today),
                ..known::ReadOptions::default()
            };
            let read = known::read(&list.file, &list.bytes, &options).unwrap();
            assert_eq!(
                (read.list.name.as_str(), read.list.kind.as_str()),
                (list.name, list.kind)
            );
            assert_eq!(read.problems, 0, "{} {:?}", list.name, read.unread);
            let rows: BTreeSet<u64> = read.list.records.iter().map(|record| record.row).collect();
            let own = made.machines.iter().flat_map(|machine| &machine.rows);
            let own = own.filter(|row| row.list == list.name).map(|row| row.line);
            assert_eq!(rows, own.collect(), "{}", list.name);
        }
    }
}

#[test]
fn the_policy_is_toml_and_has_an_entry_that_is_over() {
    let made = generate(1);
    let policy: toml::Table = toml::from_str(&made.policy).unwrap();
    let entries = policy["expected"].as_array().unwrap();
    let until = |entry: &toml::Value| Date::parse(entry["until"].as_str().unwrap()).unwrap();
    assert!(entries.iter().any(|entry| until(entry) < made.today));
    assert!(entries.iter().any(|entry| until(entry) > made.today));
}

#[test]
fn the_store_takes_the_runs_and_every_address_counts_as_swept() {
    let made = generate(1);
    let store = Store::in_memory().unwrap();
    made.fill(&store);
    let source = RunSource::open(&store, &run_id(0), false).unwrap();
    for row in source.coverage() {
        assert_eq!((row.swept, row.not_begun), (row.in_scope, 0), "{row:?}");
    }
    let mut met = BTreeSet::new();
    let mut artefacts = Vec::new();
    let visit = &mut |machine: &MachineRecord| {
        met.extend(machine.addresses.iter().copied());
        if machine.intermediary.is_some() {
            artefacts.push(machine.addresses.len());
        }
        Ok(())
    };
    source.machines(visit).unwrap();
    let live: BTreeSet<IpAddr> = made
        .machines
        .iter()
        .flat_map(|machine| machine.addresses.clone())
        .collect();
    assert_eq!(met, live);
    assert_eq!(artefacts, [126]);
    // A subnet that came into scope late.
    let swept = |run| {
        RunSource::open(&store, &run_id(run), false)
            .unwrap()
            .coverage()
            .len()
    };
    assert_eq!((swept(0), swept(1), swept(2), swept(3)), (12, 12, 11, 11));
}

/// The kinds of devices are seen for what they are: the allow list speaks of printers and telephones.
#[test]
fn devices_show_what_they_are() {
    let made = generate(3);
    let kinds = [
        ("printer_", DeviceKind::Printer),
        ("phone_", DeviceKind::Phone),
        ("camera_", DeviceKind::Camera),
        ("consumer_router", DeviceKind::Router),
        ("storage_box", DeviceKind::Nas),
        ("switch_", DeviceKind::Network),
        ("workstation", DeviceKind::Computer),
        ("raspberry_pi", DeviceKind::Computer),
    ];
    for machine in made.machines.iter().filter(|machine| machine.is_live()) {
        let Some((_, kind)) = kinds
            .iter()
            .find(|(start, _)| machine.kind.starts_with(start))
        else {
            continue;
        };
        let of_it = |host: &&underdesk::store::HostCommit| {
            host.outcome.host.address == machine.addresses[0]
        };
        let host = made.runs[0].hosts.iter().find(of_it).unwrap();
        let print = identify::fingerprint(
            &host.outcome.clues,
            &host.outcome.host.open_ports,
            made.today,
        );
        assert_eq!(print.device, *kind, "{machine:?} {:?}", host.outcome.clues);
    }
}

/// What a comparison without a fault says.
fn said(machine: &TrueMachine) -> Option<JudgedRow> {
    Some(JudgedRow {
        addresses: if machine.is_live() {
            machine.addresses.clone()
        } else {
            machine.known_at.clone()
        },
        name: machine.names[0].to_uppercase(),
        rows: machine.rows.clone(),
        state: machine.state?,
        reason: machine.reason.clone(),
    })
}

#[test]
fn the_truth_scores_one_and_a_fault_is_found() {
    let mut total = Score::default();
    for seed in SEEDS_DEVELOP {
        let made = generate(seed);
        let mut rows: Vec<JudgedRow> = made.machines.iter().filter_map(said).collect();
        let found = score(&made.machines, &rows);
        assert!(found.errors.is_empty(), "{:#?}", found.errors);
        // Without the rows of the lists, names and addresses have to do.
        for row in &mut rows {
            row.rows.clear();
        }
        let found = score(&made.machines, &rows);
        assert!(found.errors.is_empty(), "{:#?}", found.errors);
        total.add(&found);
        let unseen = rows
            .iter()
            .position(|row| row.state == ManagedState::Unseen)
            .unwrap();
        rows[unseen].state = ManagedState::StaleEntry;
        let found = score(&made.machines, &rows);
        assert_eq!(found.classes[&ManagedState::StaleEntry].wrong, 1);
        assert_eq!(
            found.classes[&ManagedState::Unseen],
            Tally {
                missed: 1,
                wrong: 0,
                ..found.classes[&ManagedState::Unseen]
            }
        );
    }
    println!("{total}");
    assert!((total.worst() - 1.0).abs() < f64::EPSILON);
}

/// Prints how many of each kind there are: `ORGANISATION_SEED=5 cargo test --test it organisation -- --nocapture`.
#[test]
fn the_kinds_of_a_seed() {
    #[expect(
        clippy::disallowed_methods,
        reason = "only this test has a knob, and no command line"
    )]
    let seed = std::env::var("ORGANISATION_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let made = generate(seed.unwrap_or(1));
    let mut kinds: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
    for machine in &made.machines {
        let state = machine.state.map_or("-", ManagedState::as_str);
        *kinds
            .entry((state, machine.kind, machine.reason.clone()))
            .or_default() += 1;
    }
    for ((state, kind, reason), count) in kinds {
        println!("{count:>4} {state:<14} {kind:<28} {reason}");
    }
}
