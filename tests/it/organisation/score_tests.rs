//! What a score is, on three machines.

use super::score::*;
use super::truth::{RowAt, TrueMachine};
use std::net::IpAddr;
use underdesk::model::ManagedState;

fn machine(name: &str, state: ManagedState, last: &[u8], lines: &[u64]) -> TrueMachine {
    TrueMachine {
        what: name.to_owned(),
        kind: "test",
        state: Some(state),
        reason: String::new(),
        addresses: last
            .iter()
            .map(|last| IpAddr::from([10, 0, 0, *last]))
            .collect(),
        names: vec![name.to_owned()],
        known_at: Vec::new(),
        rows: lines
            .iter()
            .map(|line| RowAt {
                list: "ad",
                line: *line,
            })
            .collect(),
    }
}

fn said_of(machine: &TrueMachine) -> JudgedRow {
    JudgedRow {
        addresses: machine.addresses.clone(),
        name: machine.names[0].clone(),
        rows: machine.rows.clone(),
        state: machine.state.unwrap(),
        reason: machine.reason.clone(),
    }
}

fn three() -> Vec<TrueMachine> {
    vec![
        machine("a", ManagedState::Managed, &[1, 2], &[2]),
        machine("b", ManagedState::Overlooked, &[3], &[3, 4]),
        machine("c", ManagedState::Unseen, &[], &[5]),
    ]
}

#[test]
fn the_truth_itself_is_perfect() {
    let truth = three();
    let rows: Vec<JudgedRow> = truth.iter().map(said_of).collect();
    let score = score(&truth, &rows);
    assert!(score.errors.is_empty(), "{:?}", score.errors);
    assert!((score.worst() - 1.0).abs() < f64::EPSILON);
    // a: three things, b: three, c: one.
    assert_eq!(score.merges.right, 3 + 3);
}

#[test]
fn a_machine_in_two_rows_is_wrong_once_and_misses_pairs() {
    let truth = three();
    let mut rows: Vec<JudgedRow> = truth.iter().map(said_of).collect();
    let mut other = rows[0].clone();
    rows[0].addresses.truncate(1);
    other.addresses.remove(0);
    other.rows.clear();
    rows.push(other);
    let score = score(&truth, &rows);
    let managed = score.classes[&ManagedState::Managed];
    assert_eq!((managed.right, managed.wrong, managed.missed), (1, 1, 0));
    assert_eq!((score.merges.right, score.merges.missed), (1 + 3, 2));
}

#[test]
fn two_machines_in_one_row_miss_one_and_pair_strangers() {
    let truth = three();
    let mut rows: Vec<JudgedRow> = truth.iter().map(said_of).collect();
    let swallowed = rows.remove(1);
    rows[0].addresses.extend(swallowed.addresses);
    rows[0].rows.extend(swallowed.rows);
    let score = score(&truth, &rows);
    let overlooked = score.classes[&ManagedState::Overlooked];
    assert_eq!((overlooked.right, overlooked.missed), (0, 1));
    assert_eq!((score.merges.right, score.merges.wrong), (6, 9));
}

#[test]
fn an_entry_is_known_by_its_name_and_another_reason_is_an_error_of_its_own() {
    let mut truth = three();
    truth[2].reason = "no_answer_in_3_sweeps".to_owned();
    let mut rows: Vec<JudgedRow> = truth.iter().map(said_of).collect();
    rows[2].rows.clear();
    rows[2].name = "C.corp.example".to_owned();
    rows[2].reason = "other".to_owned();
    let score = score(&truth, &rows);
    assert_eq!(score.classes[&ManagedState::Unseen].right, 1);
    assert_eq!(score.reasons.wrong, 1);
    assert_eq!(score.errors.len(), 1);
}
