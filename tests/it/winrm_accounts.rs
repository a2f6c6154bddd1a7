//! No account is locked over WinRM, and no secret is anywhere but where it belongs: whole runs,
//! counted by what the servers saw.

use crate::support::{Ended, Office, PASSWORD, assert_clean, logon, proofs, signal, windows};
use md4::{Digest as _, Md4};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
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
    let mut codes: Vec<_> = access
        .values("result_code")
        .into_iter()
        .map(str::to_owned)
        .collect();
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
    assert_eq!(
        access.values("result_code"),
        ["breaker_open"; 8],
        "{}",
        ended.err
    );
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
    let (ended, access) = office.scan(0, "127.95.2.1-8", "--tls-ca ca.pem");
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

// ---- Secrets ----

/// What no file, output or log may hold.
const RIGHT: &str = "Wz9-right-quagga-81";
const REFUSED: &str = "Wz9-wrong-numbat-82";
const BASIC: &str = "Wz9-basic-civet-83";
/// Where the operator has put them.
const INPUTS: [&str; 3] = ["right", "refused", "credentials.toml"];

/// Hosts that take the password by NTLM and by Basic, one that refuses it, and a stranger.
fn vault() -> Office {
    let host = |name: &str, last: u8, ports: &str, (password, more): (&str, &str)| {
        let host = windows(name, &format!("127.95.9.{last}"), (ports, RECORDING), more);
        host.replace(&format!("'{PASSWORD}'"), &format!("'{password}'"))
    };
    let hosts = [
        host("http", 1, "5985", (RIGHT, "")),
        host("tls", 2, "5986", (RIGHT, "")),
        host("basic", 3, "5986", (BASIC, "auth = ['basic']")),
        host("refuses", 4, "5985", (RIGHT, "")),
        host(
            "stranger",
            5,
            "5986",
            (RIGHT, "certificate = 'self_signed'"),
        ),
    ];
    let credential = |id: &str, user: &str, password: &str, hosts: &str| {
        let more = format!("user = '{user}'\nntlm_http = true\nbasic = true");
        logon(id, &format!("127.95.9.{hosts}"), &more)
            .replace("{ file = 'windows-password' }", password)
    };
    let credentials = [
        credential(
            "right",
            r"LARK\svc-audit",
            "{ file = 'right' }",
            "1', '127.95.9.2",
        ),
        credential("basic", r".\owner", &format!("'{BASIC}'"), "3"),
        credential("refused", r"LARK\other", "{ env = 'UD_REFUSED' }", "4"),
        credential("strange", r"LARK\svc-audit", "{ file = 'right' }", "5"),
    ];
    let office = Office::open(&hosts.concat(), &credentials.concat());
    office.desk.write("right", RIGHT);
    fs::remove_file(office.desk.path("windows-password")).unwrap();
    office
}

fn start(office: &Office, words: &str) -> Child {
    let mut command = office.desk.command(&format!("-vv {words}"));
    command
        .env("UD_REFUSED", REFUSED)
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full");
    command.spawn().unwrap()
}

/// Every form in which a secret might get out: text, UTF-16, hex, base64 of either and of Basic's
/// header, and the hash that is as good as the password (MS-NLMP section 3.3.1).
fn needles() -> Vec<Vec<u8>> {
    let mut needles = Vec::new();
    for (secret, users) in [
        (RIGHT, &[r"LARK\svc-audit"][..]),
        (REFUSED, &[r"LARK\other"]),
        (BASIC, &["owner", r".\owner", r"LARK\owner"]),
    ] {
        let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hash = Md4::digest(&wide).to_vec();
        for form in [secret.as_bytes().to_vec(), wide, hash] {
            let hex = form.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            let numbers = format!("{form:?}");
            let numbers = numbers.trim_matches(['[', ']']).to_owned();
            let base64 = base64(&form);
            needles.extend([hex.to_uppercase(), hex, numbers, base64].map(String::into_bytes));
            needles.push(form);
        }
        for user in users {
            let header = format!("{user}:{secret}");
            needles.push(base64(header.as_bytes()).into_bytes());
        }
    }
    needles
}

/// The digits of RFC 4648 section 4 for all bytes of which there are six bits.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let digit = |six: &[u8]| {
        let number = six.iter().fold(0, |number, bit| number << 1 | bit);
        char::from(DIGITS[usize::from(number)])
    };
    bits.chunks_exact(6).map(digit).collect()
}

fn look(place: &str, bytes: &[u8], needles: &[Vec<u8>]) {
    for needle in needles {
        let held = bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!held, "{place} holds {}", String::from_utf8_lossy(needle));
    }
}

/// Looks through what was said and through every file but those of the operator.
fn search(office: &Office, ended: &[&Ended]) {
    let needles = needles();
    for ended in ended {
        look("standard output", ended.out.as_bytes(), &needles);
        look("standard error", ended.err.as_bytes(), &needles);
    }
    let files = files(&office.desk.path(""));
    assert!(files.len() > INPUTS.len() + 3);
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        if !INPUTS.contains(&name) && name != "catalog.db" {
            look(
                &path.display().to_string(),
                &fs::read(&path).unwrap(),
                &needles,
            );
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let inside = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    paths.flat_map(inside).collect()
}

const FLAGS: &str = "--tls-ca ca.pem --record recorded --format csv,jsonl --events jsonl";

#[test]
fn the_needles_are_what_others_would_see() {
    assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    assert_eq!(base64(b"foob"), "Zm9vY");
    // MS-NLMP section 4.2.2.1.2: the hash of `Password`.
    let wide: Vec<u8> = "Password"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(Md4::digest(&wide).starts_with(&[0xa4, 0xf4, 0x9c, 0x40]));
}

#[test]
fn a_run_over_winrm_leaves_no_secret_behind() {
    let office = vault();
    let words = office.words("127.95.9.1-5", FLAGS);
    let scanned = office.desk.end(start(&office, &words));
    let access = office.table("access");
    let code = |last: u8| {
        let at = format!("127.95.9.{last}");
        access.value(("ip", &at), "result_code").to_owned()
    };
    // Each was really used, and the stranger heard none.
    let codes = [1, 2, 3, 4, 5].map(code);
    assert_eq!(
        codes,
        ["ok", "ok", "ok", "auth_rejected", "tls_untrusted"],
        "{}",
        scanned.err
    );
    let seen = office.seen();
    assert_eq!(seen.secrets("basic"), [BASIC]);
    assert_eq!(
        (proofs(&seen, "refuses"), proofs(&seen, "stranger")),
        (1, 0)
    );
    assert!(scanned.err.contains("question"), "the log says little");
    let dry = office
        .desk
        .end(start(&office, &format!("{words} --dry-run")));
    let shown = office.desk.end(start(&office, "runs show --json"));
    let exported = office
        .desk
        .end(start(&office, "export --format jsonl -o -"));
    search(&office, &[&scanned, &dry, &shown, &exported]);
}

#[test]
fn a_run_over_winrm_that_is_killed_leaves_no_secret_behind() {
    let office = vault();
    let mut child = start(&office, &office.words("127.95.9.1-5", FLAGS));
    while office.site.seen().logins.is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        thread::sleep(Duration::from_millis(2));
    }
    signal(child.id(), Signal::KILL);
    let ended = office.desk.end(child);
    search(&office, &[&ended]);
}
