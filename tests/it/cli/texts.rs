//! Help and error texts, word for word.

use super::{NEW, desk, flags, network};
use crate::support::{Desk, Site};
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

const COMMANDS: &[&str] = &[
    "",
    "scan",
    "sweep",
    "match",
    "export",
    "findings",
    "machines",
    "show",
    "plan",
    "catalog",
    "catalog update",
    "catalog mirror",
    "catalog sources",
    "catalog import",
    "catalog export",
    "catalog info",
    "catalog search",
    "credentials",
    "credentials list",
    "credentials add",
    "credentials edit",
    "credentials rotate",
    "trust",
    "trust scan",
    "trust import",
    "trust list",
    "trust remove",
    "policy",
    "policy check",
    "except",
    "except add",
    "except list",
    "except expire",
    "import",
    "runs",
    "runs list",
    "runs show",
    "explain",
    "explain questions",
    "doctor",
    "credentials test",
    "credentials show-plan",
    "credentials recipe",
    "demo",
    "completions",
    "man",
];

#[test]
fn every_command_explains_itself() {
    let desk = Desk::new();
    for command in COMMANDS {
        let ended = desk.expect(0, &format!("{command} --help"));
        assert_eq!(ended.err, "", "{command}");
        let too_wide = ended.out.lines().find(|line| line.chars().count() > 100);
        assert_eq!(too_wide, None, "{command}");
        let name = format!("help-{}", command.replace(' ', "-"));
        insta::assert_snapshot!(name.trim_end_matches('-').to_owned(), ended.out);
    }
}

#[test]
fn every_request_to_a_windows_is_told() {
    let desk = Desk::new();
    let windows = desk.expect(0, "explain questions --os windows").out;
    insta::assert_snapshot!("explain-questions-windows", windows);
    let unix = desk.expect(0, "explain questions --os unix").out;
    let all = desk.expect(0, "explain questions").out;
    assert_eq!(all, format!("{unix}\n{windows}"));
    for question in underdesk::collect::WINDOWS.questions {
        assert!(windows.contains(&format!("\n{}: ", question.id)));
    }
}

#[test]
fn a_dry_run_counts_by_credential_and_says_all_when_asked() {
    let desk = Desk::new();
    let credentials = "
[[credential]]
id = 'narrow'
type = 'ssh-key'
user = 'audit'
key = { file = 'k' }
scope = ['10.1.0.0/24']
[[credential]]
id = 'wide'
type = 'ssh-password'
user = 'audit'
password = { prompt = true }
scope = ['10.1.0.0/23']
";
    fs::write(desk.path("some.toml"), credentials).unwrap();
    fs::set_permissions(desk.path("some.toml"), Permissions::from_mode(0o600)).unwrap();
    let words = "scan 10.1.0.0/23 10.9.0.1-30 --dry-run --credentials some.toml --seed 1";
    let short = desk.expect(0, words).out;
    let count = |out: &str, id: &str| {
        let line = out.lines().find(|line| line.starts_with(id)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(count(&short, "narrow"), "255");
    assert_eq!(count(&short, "wide"), "510");
    assert_eq!(count(&short, "(none in scope)"), "30");
    assert_eq!(
        short.matches("no credential in scope").count()
            + short.matches("  wide").count()
            + short.matches("narrow, wide").count(),
        20
    );
    assert!(!short.contains("__ask"), "{short}");
    assert!(short.lines().count() < 50, "{short}");
    let full = desk.expect(0, &format!("{words} -v")).out;
    assert!(
        full.contains("\n  10.9.0.30  no credential in scope\n"),
        "{full}"
    );
    assert!(full.contains("dpkg-query") && full.contains("Win32_QuickFixEngineering"));
}

/// What a command is refused for, before it does anything.
const REFUSED: &[(&str, &str)] = &[
    ("a scan of nothing", "scan"),
    ("a sweep of nothing", "sweep"),
    (
        "names left out of a recording",
        "scan 127.0.0.1 --record answers --no-users",
    ),
    ("no address", "scan 10.0.0.300"),
    ("a line of a list", "scan @list.txt"),
    ("no such list", "scan @nowhere.txt"),
    ("multicast", "scan 224.0.0.1"),
    ("a public address", "scan 9.9.9.9"),
    ("too many addresses", "scan 10.0.0.0/8"),
    ("no port", "scan 127.0.0.1 --ports 22,65536"),
    ("no SSH port", "scan 127.0.0.1 --ssh-port ssh"),
    (
        "only a port that may be fragile",
        "scan 127.0.0.1 --ports 34963 --ssh-port 34963",
    ),
    ("no time", "scan 127.0.0.1 --timeout 0"),
    ("no rate", "scan 127.0.0.1 --rate 0"),
    ("too many second tries", "scan 127.0.0.1 --retries 11"),
    (
        "a UDP port on which nothing can be asked",
        "sweep 127.0.0.1 --udp 161,53",
    ),
    ("no severity", "scan 127.0.0.1 --fail-on urgent"),
    ("no format", "scan 127.0.0.1 --format csv,pdf"),
    (
        "two formats on standard output",
        "scan 127.0.0.1 --format csv,jsonl -o -",
    ),
    (
        "no credentials file",
        "scan 127.0.0.1 --credentials nowhere.toml",
    ),
    (
        "a credentials file that others may write",
        "scan 127.0.0.1 --credentials writable.toml",
    ),
    (
        "a secret that others may read",
        "scan 127.0.0.1 --credentials readable.toml",
    ),
    (
        "a secret that is not set",
        "scan 127.0.0.1 --credentials env.toml",
    ),
    (
        "a misspelt credential",
        "scan 127.0.0.1 --credentials misspelt.toml",
    ),
    ("no known hosts", "scan 127.0.0.1 --known-hosts nowhere"),
    (
        "a misspelt setting",
        "--config misspelt-config.toml scan 127.0.0.1",
    ),
    ("no configuration", "--config nowhere.toml scan 127.0.0.1"),
    ("an unknown run to resume", "scan --resume r-none"),
    ("an unknown run to export", "export r-none"),
    ("an unknown run to show", "runs show r-none"),
    ("an unknown run to match", "match r-none"),
    ("no run at all", "export"),
    ("no recording", "match --recording nowhere"),
    ("keys of no file", "trust import nowhere"),
    ("keys that are none", "trust import list.txt"),
    (
        "a resumed run with targets",
        "scan 127.0.0.1 --resume r-none",
    ),
    ("an unknown flag", "scan --frobnicate"),
    ("an unknown command", "scna"),
];

fn cluttered() -> Desk {
    let desk = Desk::new();
    desk.write("list.txt", "127.0.0.1\n# a comment\n127.0.0.2  127.0.0.x\n");
    let secret = |secret: &str| {
        format!(
            "[[credential]]\nid = \"svc\"\ntype = \"ssh-password\"\nuser = \"svc\"\n\
             password = {secret}\nscope = [\"127.0.0.0/8\"]\n"
        )
    };
    desk.write("env.toml", &secret("{ env = \"SVC_PASSWORD\" }"));
    desk.write("writable.toml", &secret("{ env = \"SVC_PASSWORD\" }"));
    desk.write("readable.toml", &secret("\"hunter2\""));
    desk.write("misspelt.toml", &secret("{ env = \"X\" }\nscoop = []"));
    desk.write("misspelt-config.toml", "site = \"here\"\nnever_scam = []\n");
    let mode = |name: &str, mode| {
        fs::set_permissions(desk.path(name), Permissions::from_mode(mode)).unwrap();
    };
    mode("writable.toml", 0o666);
    mode("readable.toml", 0o644);
    desk
}

#[test]
fn what_is_wrong_is_said_with_its_place_before_anything_is_done() {
    let desk = cluttered();
    let mut text = String::new();
    for (what, words) in REFUSED {
        let ended = desk.run(words);
        assert_eq!(ended.code, Some(2), "{what}: {words}\n{}", ended.err);
        assert_eq!(ended.out, "", "{what}");
        assert!(!ended.err.contains("hunter2"), "{what}: {}", ended.err);
        writeln!(text, "# {what}\n$ underdesk {words}\n{}", ended.err).unwrap();
        assert!(desk.latest().is_none(), "{what}: a run was begun");
    }
    insta::assert_snapshot!("refused", text);
}

#[test]
fn a_finished_run_is_not_resumed_but_exported() {
    let site = Site::serve(&network("texts", &[("127.85.1.1", NEW)]));
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.85.1.1 {}", flags(&site)));
    let run = desk.run_id().to_string();
    let before = site.seen().connections.len();
    let ended = desk.expect(2, &format!("scan --resume {run}"));
    insta::assert_snapshot!("resume-finished", ended.err.replace(&run, "[RUN]"));
    assert_eq!(site.seen().connections.len(), before);
    desk.expect(0, &format!("export {run}"));
    assert!(desk.path(&format!("underdesk-{run}/machines.csv")).exists());
}

#[test]
fn a_dry_run_of_a_whole_class_a_network_answers_at_once_and_in_little_memory() {
    let desk = Desk::new();
    let began = std::time::Instant::now();
    let ended = desk.expect(0, "scan 10.0.0.0/8 --yes --dry-run --seed 1");
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert!(
        ended.out.contains("16,777,214 addresses in scope"),
        "{}",
        ended.out
    );
    assert!(ended.out.lines().count() < 70, "{}", ended.out);
    assert!(ended.out.contains("… and 65516 more subnets"));
    assert!(desk.latest().is_none(), "a dry run is no run");
    if !cfg!(target_os = "linux") {
        return;
    }
    // The shell's limit is on address space: more than what is used.
    let program = env!("CARGO_BIN_EXE_underdesk");
    let script = format!("ulimit -v 102400; exec {program} scan 10.0.0.0/8 --yes --dry-run");
    let mut shell = std::process::Command::new("/bin/sh");
    let shell = shell.args(["-c", &script]).env_clear();
    let output = shell.env("HOME", desk.path("home")).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_dry_run_says_all_that_would_be_sent_and_each_thing_once() {
    let desk = Desk::new();
    let words = "scan 10.9.0.1-30 --dry-run -p 22,443,502,2200 --udp 161,137";
    let ended = desk.expect(0, words);
    assert!(
        ended
            .out
            .contains("nbstat 137; snmp 161; 60 questions if all answer"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("greeting 2200"), "{}", ended.out);
    assert!(ended.out.contains("ssh 22; tls 443"), "{}", ended.out);
    assert!(ended.out.contains("looked up in DNS"), "{}", ended.out);
    assert_eq!(ended.err.matches("not probed").count(), 1, "{}", ended.err);
    let quiet = desk.expect(0, &format!("{words} --no-dns")).out;
    assert!(!quiet.contains("DNS"), "{quiet}");
    let none = desk.expect(0, "scan 10.9.0.1 --dry-run --no-identify").out;
    assert!(none.contains("nobody is asked who it is"), "{none}");
}
