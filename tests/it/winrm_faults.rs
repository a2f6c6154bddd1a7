//! Windows hosts that fail in every way of the lab, scanned by the whole program.

use crate::support::{Office, logon, proofs, windows};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use underdesk::lab::Cover;

/// How long a host may take here.
const TIMEOUT: u64 = 8;

/// A fault of a host, the code of its row in `access.csv`, and its outcome.
const FAULTS: &[(&str, &str, &str)] = &[
    ("'wsman_access_denied'", "winrm_access_denied", "failed"),
    ("'wmi_access_denied'", "wmi_denied", "scanned_partial"),
    ("'shell_access_denied'", "shell_denied", "scanned_partial"),
    ("'quota_shells'", "quota", "scanned_partial"),
    ("{ op_timeout_receive = 2 }", "ok", "scanned_full"),
    ("'receive_kills_shell'", "protocol_error", "scanned_partial"),
    ("'http_503'", "quota", "failed"),
    ("'auth_reject'", "auth_rejected", "failed"),
    ("'reset_after_auth'", "protocol_error", "failed"),
    ("'drop_midbody'", "protocol_error", "scanned_partial"),
    (
        "{ drop_after_requests = 6 }",
        "protocol_error",
        "scanned_partial",
    ),
    ("'garbage_xml'", "protocol_error", "scanned_partial"),
    // What comes after the last answer is not waited for.
    ("{ huge_output = 500000000 }", "ok", "scanned_full"),
    ("{ latency = 20 }", "ok", "scanned_full"),
    ("'basic_only'", "winrm_basic_only", "failed"),
    ("'unencrypted'", "ok", "scanned_full"),
    ("'foreign_domain'", "not_attempted_trust", "failed"),
    // The package store tells of updates as well.
    (
        "{ slow_wmi = 'Win32_QuickFixEngineering' }",
        "ok",
        "scanned_full",
    ),
    (
        "{ slow_wmi = 'Win32_Service' }",
        "ok_partial",
        "scanned_partial",
    ),
    ("'reg_denied'", "shell_restricted", "scanned_partial"),
    ("'blackhole'", "timeout", "failed"),
];

/// A network of all faults, and two neighbours without any.
fn faulty(net: u8) -> Office {
    let recording = ("5985", "windows-server-2022");
    let neighbours = [201, 202].map(|last| {
        let at = format!("127.96.{net}.{last}");
        windows(&format!("good-{last}"), &at, recording, "")
    });
    let faults = (1..).zip(FAULTS).map(|(last, (fault, ..))| {
        let at = format!("127.96.{net}.{last}");
        // An account of its own for each: a refusal closes the breaker for no other.
        let host = windows(
            &format!("f{last}"),
            &at,
            recording,
            &format!("faults = [{fault}]"),
        );
        host.replace("svc-audit", &format!("svc-{last}"))
    });
    let hosts = neighbours.concat() + &faults.collect::<String>();
    let scope = |last: usize| format!("127.96.{net}.{last}");
    let credentials = (1..=FAULTS.len()).map(|last| {
        let more = format!("user = 'LARK\\svc-{last}'\nntlm_http = true");
        logon(&format!("w{last}"), &scope(last), &more)
    });
    let good = logon("good", &format!("127.96.{net}.200/29"), "ntlm_http = true");
    Office::open(&hosts, &(credentials.collect::<String>() + &good))
}

#[test]
fn every_fault_of_a_windows_ends_in_its_code_in_time_and_delays_no_neighbour() {
    let office = faulty(0);
    let targets = format!("127.96.0.1-{} 127.96.0.201-202", FAULTS.len());
    let began = Instant::now();
    let flags = format!("--timeout {TIMEOUT} --no-merge");
    let ended = office.desk.run(&office.words(&targets, &flags));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(TIMEOUT + 12), "{took:?}");
    let (access, machines) = (office.table("access"), office.table("machines"));
    let told = |address: &str| {
        (
            access.value(("ip", address), "result_code").to_owned(),
            machines.value(("ip", address), "outcome").to_owned(),
        )
    };
    let mut unlike = String::new();
    for (last, (fault, code, outcome)) in (1..).zip(FAULTS) {
        let address = format!("127.96.0.{last}");
        let found = told(&address);
        if found != ((*code).to_owned(), (*outcome).to_owned()) {
            let detail = access.value(("ip", &address), "detail");
            writeln!(unlike, "{fault}: {found:?}, not {code} {outcome}: {detail}").unwrap();
        }
        let ms: u64 = access.value(("ip", &address), "ms").parse().unwrap();
        assert!(ms < (TIMEOUT + 3) * 1_000, "{fault} took {ms} ms");
    }
    assert!(unlike.is_empty(), "{unlike}\n{}", ended.err);
    for address in ["127.96.0.201", "127.96.0.202"] {
        assert_eq!(told(address).0, "ok");
        let ms: u64 = access.value(("ip", address), "ms").parse().unwrap();
        assert!(ms < 5_000, "{address} took {ms} ms");
    }
    let seen = office.seen();
    assert_eq!(seen.violations, []);
    let plain = seen.requests.iter().find(|one| one.cover == Cover::Plain);
    assert_eq!(plain, None);
    for last in 1..=FAULTS.len() {
        assert!(proofs(&seen, &format!("f{last}")) <= 1, "{last}");
    }
}
