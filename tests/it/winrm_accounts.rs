//! No account is locked over WinRM, and no secret is anywhere but where it belongs: whole runs,
//! counted by what the servers saw.

use crate::support::{ACCOUNT, Office, PASSWORD, assert_clean, logon, proofs, signal, windows};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use underdesk::lab::Seen;

const RECORDING: &str = "windows-server-2022";

/// Eight hosts, half of them over HTTPS, and two credentials: of the domain and of each host.
fn eight(net: u8, credential: &str) -> Office {
    let hosts = (1..=8).map(|last| {
        let ports = if last % 2 == 0 { "5985" } else { "5986" };
        let at = format!("127.95.{net}.{last}");
        windows(&format!("h{last}"), &at, (ports, RECORDING), "")
    });
    let hosts: String = hosts.collect();
    let scope = format!("127.95.{net}.0/24");
    let office = Office::open(&hosts, &logon("windows", &scope, credential));
    office.desk.write("windows-password", "wrong");
    office
}

fn codes(office: &Office) -> Vec<String> {
    let access = office.table("access");
    let mut codes: Vec<_> = access.values("result_code").into_iter().map(str::to_owned).collect();
    codes.sort_unstable();
    codes
}

/// Refused logons, over all hosts.
fn wrong(seen: &Seen) -> usize {
    seen.logins.iter().filter(|one| !one.accepted).count()
}

#[test]
fn a_wrong_password_costs_an_account_of_the_domain_two_tries_at_most_and_the_next_run_none() {
    let office = eight(0, "ntlm_http = true");
    let targets = "127.95.0.1-8";
    let flags = "--tls-ca ca.pem --hands 8";
    office.scan(6, targets, flags);
    let spent = wrong(&office.seen());
    assert!((1..=2).contains(&spent), "{spent} tries");
    let codes = codes(&office);
    let count = |code: &str| codes.iter().filter(|one| *one == code).count();
    assert_eq!(count("auth_rejected"), spent, "{codes:?}");
    assert_eq!(count("breaker_open"), 8 - spent, "{codes:?}");
    for last in 1..=8 {
        assert!(proofs(&office.seen(), &format!("h{last}")) <= 1);
    }
    // A new run, also with the right password, knows of the tries of the one before.
    office.scan(6, targets, flags);
    assert_eq!(wrong(&office.seen()), 2);
    let before = office.seen().logins.len();
    office.desk.write("windows-password", PASSWORD);
    let (ended, access) = office.scan(6, targets, flags);
    assert_eq!(access.values("result_code"), ["breaker_open"; 8], "{}", ended.err);
    assert_eq!(office.seen().logins.len(), before);
}

#[test]
fn a_wrong_password_costs_an_account_of_each_host_one_try_on_each() {
    let office = eight(1, "user = '.\\owner'\nntlm_http = true");
    let (targets, flags) = ("127.95.1.1-8", "--tls-ca ca.pem --hands 8");
    let ended = office.desk.run(&office.words(targets, flags));
    assert!(matches!(ended.code, Some(3 | 6)), "{}", ended.err);
    let again = office.desk.run(&office.words(targets, flags));
    assert_eq!(again.code, Some(6), "{}", again.err);
    let seen = office.seen();
    for last in 1..=8 {
        let tries = proofs(&seen, &format!("h{last}"));
        assert!(tries <= 1, "{tries} tries on h{last}");
    }
    assert!(wrong(&seen) >= 1);
    assert_eq!(codes(&office), ["breaker_open"; 8]);
}

#[test]
fn the_right_password_after_one_refusal_gives_the_account_its_tries_back() {
    let office = eight(2, "ntlm_http = true");
    office.desk.write("windows-password", PASSWORD);
    let (ended, access) = office.scan(3, "127.95.2.1-8", "--tls-ca ca.pem");
    assert_eq!(access.values("result_code"), ["ok"; 8], "{}", ended.err);
    let (tries, stops) = office.desk.store().breaker().wait().unwrap();
    assert_eq!((tries.len(), stops.len()), (0, 0));
    assert_clean(&office.seen());
}

#[test]
fn killed_during_logons_a_wrong_password_is_not_sent_more_often() {
    let hosts: String = (1..=6)
        .map(|last| {
            let at = format!("127.95.3.{last}");
            let slow = "faults = [{ latency = 60 }]";
            windows(&format!("h{last}"), &at, ("5985", RECORDING), slow)
        })
        .collect();
    for after in [120, 260, 400, 700] {
        let office = Office::open(&hosts, &logon("w", "127.95.3.0/24", "ntlm_http = true"));
        office.desk.write("windows-password", "wrong");
        let words = office.words("127.95.3.1-6", "");
        let child = office.desk.command(&words).spawn().unwrap();
        thread::sleep(Duration::from_millis(after));
        signal(child.id(), Signal::KILL);
        office.desk.end(child);
        office.desk.run(&words);
        office.desk.run(&words);
        let seen = office.seen();
        assert!(wrong(&seen) <= 2, "{after} ms: {} tries", wrong(&seen));
        for last in 1..=6 {
            let tries = proofs(&seen, &format!("h{last}"));
            assert!(tries <= 1, "{after} ms: {tries} tries on h{last}");
        }
    }
}
