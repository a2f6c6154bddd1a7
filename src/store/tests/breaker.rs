//! The breaker's memory.

use super::*;

const LIMIT: usize = 2;
const NOW: &str = "2026-11-22T18:00:00Z";

fn request(host: usize) -> TryRequest {
    TryRequest {
        account: "ann".into(),
        record: format!("h{host}"),
        run: run_id(1),
        now: time(NOW),
        horizon: time("2026-11-21T18:00:00Z"),
    }
}

fn within_limit(tries: &[TryRow], stops: &[StopRow]) -> Verdict {
    if !stops.is_empty() || tries.len() >= LIMIT {
        return Verdict::Refuse(ResultCode::BreakerOpen, "spent".into());
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
    assert_eq!(
        refused,
        Reservation::Refused(ResultCode::BreakerOpen, "spent".into())
    );
    store.mark_wrong(third, time(NOW)).wait().unwrap();
    // What was counted as wrong stays so.
    store.return_try(third).wait().unwrap();
    let (tries, _) = store.breaker().wait().unwrap();
    let states: Vec<_> = tries
        .iter()
        .map(|row| (row.record.as_str(), row.state))
        .collect();
    assert_eq!(
        states,
        [("h2", TryState::Reserved), ("h3", TryState::Wrong)]
    );
}

#[test]
fn the_rules_see_every_account_and_nothing_from_before_the_horizon() {
    let (store, _) = store();
    let long_ago = TryRequest {
        now: time("2026-11-20T18:00:00Z"),
        ..request(1)
    };
    let other = TryRequest {
        account: "Ann".into(),
        ..request(2)
    };
    for wanted in [long_ago, other] {
        let at = wanted.now;
        let answer = store.reserve_try(wanted, |_, _| Verdict::Grant);
        let id = granted(answer.wait().unwrap());
        store.mark_wrong(id, at).wait().unwrap();
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let answer = store.reserve_try(request(3), move |tries, _| {
        let rows: Vec<_> = tries.iter().map(|row| row.record.clone()).collect();
        sender.send(rows).unwrap();
        Verdict::Wait
    });
    assert_eq!(answer.wait().unwrap(), Reservation::Wait);
    assert_eq!(receiver.recv().unwrap(), ["h2"]);
}

#[test]
fn a_try_that_slept_with_the_laptop_is_still_shown() {
    let (store, _) = store();
    let long_ago = TryRequest {
        now: time("2026-11-20T18:00:00Z"),
        ..request(1)
    };
    let answer = store.reserve_try(long_ago, |_, _| Verdict::Grant);
    let _asleep = granted(answer.wait().unwrap());
    let answer = store.reserve_try(request(2), |tries, _| {
        assert_eq!(tries.len(), 1);
        Verdict::Refuse(ResultCode::BreakerOpen, "seen".into())
    });
    assert_eq!(
        answer.wait().unwrap(),
        Reservation::Refused(ResultCode::BreakerOpen, "seen".into())
    );
}

#[test]
fn a_stop_is_remembered_once_and_seen_by_the_rules() {
    let (store, _) = store();
    let stop = StopRow {
        account: "ann".into(),
        record: "locked".into(),
        at: time(NOW),
    };
    store.stop_account(stop.clone()).wait().unwrap();
    store.stop_account(stop).wait().unwrap();
    let refused = store.reserve_try(request(1), within_limit).wait().unwrap();
    assert!(matches!(refused, Reservation::Refused(..)));
    assert_eq!(store.breaker().wait().unwrap().1.len(), 1);
}
