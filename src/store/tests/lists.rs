//! The lists that a run is compared with.

use super::*;
use crate::model::{KnownList, KnownRecord, ListKind, Vouch};

fn list(name: &str, machine: &str) -> KnownList {
    KnownList {
        name: name.into(),
        kind: ListKind::Cmdb,
        vouches: vec![Vouch::Managed],
        as_of: None,
        records: vec![KnownRecord {
            row: 2,
            name: Some(machine.into()),
            ..KnownRecord::default()
        }],
    }
}

#[test]
fn a_run_keeps_its_lists_in_their_order() {
    let (store, run) = store();
    assert!(store.lists(&run).wait().unwrap().is_empty());
    let lists = vec![list("zeta", "a"), list("alpha", "b")];
    store.keep_lists(&run, lists.clone()).wait().unwrap();
    assert_eq!(store.lists(&run).wait().unwrap(), lists);
    let others = vec![list("alpha", "c")];
    store.keep_lists(&run, others.clone()).wait().unwrap();
    assert_eq!(store.lists(&run).wait().unwrap(), others);
}

#[test]
fn two_runs_may_have_the_same_list_and_one_run_has_its_own() {
    let (store, first) = store();
    store.begin_run(new_run(2)).wait().unwrap();
    let second = run_id(2);
    let same = list("ad", "a");
    store.keep_lists(&first, vec![same.clone()]).wait().unwrap();
    let both = vec![same.clone(), list("dhcp", "b")];
    store.keep_lists(&second, both.clone()).wait().unwrap();
    assert_eq!(store.lists(&first).wait().unwrap(), [same]);
    assert_eq!(store.lists(&second).wait().unwrap(), both);
}

#[test]
fn lists_of_a_run_that_is_not_there_are_an_error() {
    let (store, _) = store();
    let nobody = RunId::new("r-none");
    assert!(store.lists(&nobody).wait().is_err());
    assert!(store.keep_lists(&nobody, Vec::new()).wait().is_err());
}
