//! `--receipt`: what was done with each host, for its owner.

use crate::support::{Desk, Office, Site, credential, logon, windows};
use std::fs;
use std::path::PathBuf;
use underdesk::model::UtcTime;
use underdesk::store::RunState;

const HOSTS: &str = r#"
schema = 1
name = "receipts"

[[host]]
name = "web"
addresses = ["127.85.0.1"]
recording = "debian-12"
logins = [{ user = "audit", key = "demo" }]
[host.root.set]
stale-files = "stale\t/usr/sbin/sshd\t/usr/lib/x86_64-linux-gnu/libc.so.6\n"

[[host]]
name = "shut"
addresses = ["127.85.0.2"]
recording = "debian-12"
methods = ["password"]
logins = [{ user = "svc-audit", password = "another" }]
"#;

const SECRET: &str = "correct-horse-battery";

fn scanned(more: &str) -> (Desk, Site, String) {
    let site = Site::serve(HOSTS);
    let desk = Desk::at(&site, "audit", "127.85.0.1");
    let mut text = credential("audit", "audit", "demo.key", "127.85.0.1");
    text.push_str("sudo = \"nopasswd\"\n");
    text.push_str(
        "[[credential]]\nid = \"svc\"\ntype = \"ssh-password\"\nuser = \"svc-audit\"\n\
         password = { file = \"secret\" }\nscope = [\"127.85.0.2\"]\n",
    );
    desk.write("credentials.toml", &text);
    desk.write("secret", SECRET);
    let port = site.port(22);
    let words = format!(
        "scan 127.85.0.1-2 --ssh-port {port} --ports {port} --known-hosts known_hosts --out out --receipt {more}"
    );
    let ended = desk.run(&words);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
    (desk, site, words)
}

fn receipts(desk: &Desk) -> Vec<PathBuf> {
    let folder = desk.path("out/receipts");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files
}

#[test]
fn each_host_gets_a_receipt_of_what_was_sent_and_what_came_of_it() {
    let (desk, site, _) = scanned("--authorised-by TICKET-7");
    let names: Vec<_> = receipts(&desk)
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["127.85.0.1.txt", "127.85.0.2.txt"]);
    let web = desk.read("out/receipts/127.85.0.1.txt");
    let run = desk.run_id().to_string();
    for part in [
        "What underdesk",
        "with 127.85.0.1",
        &run,
        "tester",
        "TICKET-7",
        "login as audit with a key, credential audit",
        "let in by publickey",
        "exec sh -s, fed the text ",
        "exec sudo -n sh -s, fed the text ",
        "asked the questions `unix`",
        "asked the questions `unix-privileged`",
        "files written  0",
        // The text itself, once.
        "__n=MARKER",
        "dpkg-query -W",
        &format!("port {} open", site.port(22)),
    ] {
        assert!(web.contains(part), "{part}:\n{web}");
    }
    // Each text that was fed stands below under its digest.
    let digests = web.split("fed the text ").skip(1);
    for digest in digests.map(|rest| rest.get(..64).unwrap()) {
        assert!(web.contains(&format!("\nThe text {digest}\n")), "{digest}");
    }
    let shut = desk.read("out/receipts/127.85.0.2.txt");
    assert!(
        shut.contains("login as svc-audit with a password"),
        "{shut}"
    );
    assert!(shut.contains("auth_rejected"), "{shut}");
    assert!(shut.contains("logins tried   1"), "{shut}");
    assert!(!shut.contains(SECRET) && !web.contains(SECRET));
}

#[cfg(unix)]
#[test]
fn a_receipt_is_for_the_operator_until_it_is_handed_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let (desk, _site, _) = scanned("");
    for path in receipts(&desk) {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn without_users_no_account_is_named() {
    let (desk, _site, _) = scanned("--no-users");
    let shut = desk.read("out/receipts/127.85.0.2.txt");
    assert!(
        shut.contains("login with a password, credential svc"),
        "{shut}"
    );
    assert!(!shut.contains("svc-audit"), "{shut}");
}

#[test]
fn a_windows_receipt_has_every_query_and_says_what_was_started() {
    let host = windows("files", "127.85.1.10", ("5985", "windows-server-2016"), "");
    let office = Office::open(&host, &logon("w", "127.85.1.10", "ntlm_http = true"));
    office.desk.run(&office.words("127.85.1.10", "--receipt"));
    let receipt = office.desk.read("out/receipts/127.85.1.10.txt");
    for part in [
        "Enumerate root/cimv2: SELECT HotFixID,Description,InstalledOn,InstalledBy FROM Win32_QuickFixEngineering: ",
        "Create windows/shell/cmd: ",
        "reg query \"HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\"",
        "Delete: ",
        "HTTP 200",
        "winrshost.exe",
        "let in by ntlm",
    ] {
        assert!(receipt.contains(part), "{part}:\n{receipt}");
    }
    assert!(!receipt.contains(crate::support::PASSWORD));
}

#[test]
fn a_receipt_grows_and_is_never_written_over() {
    let (desk, site, words) = scanned("");
    let before = desk.read("out/receipts/127.85.0.1.txt");
    let first = desk.latest().unwrap().summary.id;
    let again = desk.run(&words);
    assert!(matches!(again.code, Some(0 | 3 | 6)), "{}", again.err);
    let after = desk.read("out/receipts/127.85.0.1.txt");
    assert!(after.starts_with(&before));
    assert_eq!(after.matches("What underdesk").count(), 2);
    // A run that is resumed goes on with its receipts, without being told.
    let (store, now) = (desk.store(), UtcTime::from_unix(2_000_000_000));
    let stopped = store.finish_run(&first, RunState::Interrupted, now);
    stopped.wait().unwrap();
    let kept = store.load_run(&first).wait().unwrap().settings;
    assert_eq!(kept["receipts"]["no_users"], false);
    drop(store);
    let resumed = desk.run(&format!("scan --resume {first} --out out"));
    assert!(matches!(resumed.code, Some(0 | 3 | 6)), "{}", resumed.err);
    assert!(desk.read("out/receipts/127.85.0.1.txt").starts_with(&after));
    drop(site);
}
