//! The breaker's memory.

use super::*;

const LIMIT: usize = 2;

fn request(host: usize) -> TryRequest {
    TryRequest {
        account: "ann".into(),
        host: format!("h{host}"),
        run: run_id(1),
        now: time("2026-11-22T18:00:00Z"),
    }
}

fn within_limit(tries: &[TryRow], stops: &[StopRow]) -> Verdict {
    let spent = tries.iter().filter(|row| row.state != TryState::Returned);
    if !stops.is_empty() || spent.count() >= LIMIT {
        return Verdict::Refuse("spent".into());
    }
    Verdict::Grant
}

fn granted(answer: Reservation) -> TryId {
    match answer {
        Reservation::Granted(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn handles_on_one_file_that_race_are_granted_no_more_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let race = |hand: usize| {
        let store = Store::open(&file).unwrap();
        let tries = (0..20).map(|host| {
            let answer = store.reserve_try(request(hand * 100 + host), within_limit);
            usize::from(matches!(answer.wait().unwrap(), Reservation::Granted(_)))
        });
        tries.sum::<usize>()
    };
    let granted: usize = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..6).map(|hand| scope.spawn(move || race(hand))).collect();
        hands.into_iter().map(|hand| hand.join().unwrap()).sum()
    });
    assert_eq!(granted, LIMIT);
}

#[test]
fn a_try_that_nobody_settled_counts_and_one_given_back_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = Store::open(&file).unwrap();
    let first = granted(store.reserve_try(request(1), within_limit).wait().unwrap());
    let _forgotten = granted(store.reserve_try(request(2), within_limit).wait().unwrap());
    store.return_try(first).wait().unwrap();
    drop(store);

    let store = Store::open(&file).unwrap();
    let third = granted(store.reserve_try(request(3), within_limit).wait().unwrap());
    let refused = store.reserve_try(request(4), within_limit).wait().unwrap();
    assert_eq!(refused, Reservation::Refused("spent".into()));
    store.mark_wrong(third).wait().unwrap();
    // What was counted as wrong stays so.
    store.return_try(third).wait().unwrap();
    let (tries, _) = store.breaker().wait().unwrap();
    let states: Vec<_> = tries
        .iter()
        .map(|row| (row.host.as_str(), row.state))
        .collect();
    assert_eq!(
        states,
        [("h2", TryState::Reserved), ("h3", TryState::Wrong)]
    );
}

#[test]
fn the_rules_see_the_canary_that_came_home_in_this_run_only() {
    let (store, _) = store();
    for host in 1..4 {
        let id = granted(
            store
                .reserve_try(request(host), within_limit)
                .wait()
                .unwrap(),
        );
        store.return_try(id).wait().unwrap();
    }
    let states = |run| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let wanted = TryRequest { run, ..request(9) };
        let answer = store.reserve_try(wanted, move |tries, _| {
            let rows: Vec<_> = tries
                .iter()
                .map(|row| (row.host.clone(), row.state))
                .collect();
            sender.send(rows).unwrap();
            Verdict::Wait
        });
        assert_eq!(answer.wait().unwrap(), Reservation::Wait);
        receiver.recv().unwrap()
    };
    assert_eq!(states(run_id(1)), [("h3".to_owned(), TryState::Returned)]);
    assert_eq!(states(run_id(2)), []);
}

#[test]
fn a_stopped_account_stays_stopped_and_others_go_on() {
    let (store, _) = store();
    let at = time("2026-11-22T18:00:00Z");
    store
        .stop_account("ann", "account_locked", at)
        .wait()
        .unwrap();
    store
        .stop_account("ann", "account_locked", at)
        .wait()
        .unwrap();
    let refused = store.reserve_try(request(1), within_limit).wait().unwrap();
    assert!(matches!(refused, Reservation::Refused(_)));
    let other = TryRequest {
        account: "bob".into(),
        ..request(1)
    };
    let _ = granted(store.reserve_try(other, within_limit).wait().unwrap());
    assert_eq!(store.breaker().wait().unwrap().1.len(), 1);
}
