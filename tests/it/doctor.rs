//! `doctor`: where the way to a host stops, by a network of hosts that each stop it somewhere else.

use crate::support::{Desk, Ended, Office, Site, Table, credential, deaf, logon, windows};
use std::fmt::Write as _;
use underdesk::lab::Proof;

const HOSTS: &str = r#"
schema = 1
name = "ladder"

[[host]]
name = "clear"
addresses = ["127.84.0.1"]
recording = "debian-12"
changes.set.account = "uid=1000(audit) gid=1000(audit) groups=1000(audit),4(adm)\n"
logins = [{ user = "audit", key = "demo" }]

[[host]]
name = "closed"
addresses = ["127.84.0.2"]
kind = "closed"

[[host]]
name = "stranger"
addresses = ["127.84.0.3"]
recording = "debian-12"
published = "unknown"
methods = ["password"]
logins = [{ user = "svc", password = "right" }]

[[host]]
name = "changed"
addresses = ["127.84.0.4"]
recording = "debian-12"
published = "changed"
logins = [{ user = "audit", key = "demo" }]

[[host]]
name = "refuses"
addresses = ["127.84.0.5"]
recording = "debian-12"
logins = [{ user = "somebody", key = "demo" }]

[[host]]
name = "nologin"
addresses = ["127.84.0.6"]
logins = [{ user = "audit", key = "demo" }]
shell = { no_login = "This account is currently not available.\n" }

[[host]]
name = "proud"
addresses = ["127.84.0.7"]
recording = "debian-12"
banner = "SSH-2.0-\u001b[2J\u202eevil"
changes.set.account = "uid=0(root) \u001b]0;owned\u0007\n"
logins = [{ user = "audit", key = "demo" }]

[[host]]
name = "wrong"
addresses = ["127.84.0.8"]
recording = "debian-12"
methods = ["password"]
logins = [{ user = "svc", password = "another" }]
"#;

struct Clinic {
    site: Site,
    desk: Desk,
}

impl Clinic {
    fn open() -> Self {
        let site = Site::serve(HOSTS);
        let desk = Desk::at(&site, "audit", "127.84.0.0/24");
        let mut text = credential("audit", "audit", "demo.key", "127.84.0.0/24");
        text = text.replace(
            "scope = [\"127.84.0.0/24\"]",
            "scope = [\"127.84.0.0/24\", \"!127.84.0.3\", \"!127.84.0.8\", \"!127.84.0.9\"]",
        );
        write!(
            text,
            "[[credential]]\nid = \"svc\"\ntype = \"ssh-password\"\nuser = \"svc\"\n\
             password = {{ file = \"secret\" }}\nscope = [\"127.84.0.3\", \"127.84.0.8\"]\n"
        )
        .unwrap();
        desk.write("credentials.toml", &text);
        desk.write("secret", "right");
        Self { site, desk }
    }

    fn words(&self, target: &str) -> String {
        let port = self.site.port(22);
        format!(
            "doctor {target} --ssh-port {port} --ports {port} --known-hosts known_hosts --timeout 20"
        )
    }

    fn visit(&self, code: i32, target: &str) -> Ended {
        self.desk.expect(code, &self.words(target))
    }
}

/// The state of each rung.
fn rungs(ended: &Ended) -> Vec<(String, String)> {
    let names = [
        "name",
        "route",
        "port",
        "protocol",
        "trust",
        "login",
        "privilege",
        "questions",
    ];
    let lines = ended.out.lines().filter_map(|line| {
        let rest = line.strip_prefix("  ")?;
        let name = rest.split(' ').next()?;
        names.contains(&name).then(|| {
            let state: String = rest.chars().skip(14).take(12).collect();
            (name.to_owned(), state.trim().to_owned())
        })
    });
    lines.collect()
}

/// At which rung it stops.
fn stop(ended: &Ended) -> Option<String> {
    let rungs = rungs(ended);
    assert_eq!(rungs.len(), 8, "{}", ended.out);
    let at = rungs.iter().position(|rung| rung.1 == "stops here")?;
    let before = rungs.iter().take(at);
    assert!(
        before
            .clone()
            .all(|rung| rung.1 == "ok" || rung.1 == "not judged")
    );
    let after = rungs.iter().skip(at + 1);
    assert!(after.clone().all(|rung| rung.1 == "not reached"));
    Some(rungs[at].0.clone())
}

#[test]
fn a_host_that_lets_us_in_has_a_clear_way_and_says_who_we_are() {
    let clinic = Clinic::open();
    let ended = clinic.visit(0, "127.84.0.1");
    assert_eq!(stop(&ended), None);
    assert!(ended.out.contains("uid=1000(audit)"), "{}", ended.out);
    assert!(ended.out.contains("known by known_hosts"), "{}", ended.out);
    assert!(
        !ended.out.contains('\u{1b}'),
        "plain where it is no terminal"
    );
    // Once, and no word of the credential that is for others.
    assert_eq!(ended.out.matches("SSH-2.0-").count(), 1, "{}", ended.out);
    assert!(!ended.err.contains("wrong passwords"), "{}", ended.err);
    let other = clinic.visit(3, "127.84.0.8");
    assert!(other.err.contains("wrong passwords"), "{}", other.err);
    let without = clinic
        .desk
        .expect(0, &(clinic.words("127.84.0.1") + " --no-users"));
    assert!(!without.out.contains("uid=1000"), "{}", without.out);
}

#[test]
fn each_host_stops_at_its_rung_with_a_code_and_a_command() {
    let clinic = Clinic::open();
    let port = clinic.site.port(22);
    let address = "127.84.0.9".parse().unwrap();
    let _silent = deaf(address, port);
    let table = [
        ("127.84.0.2", 3, "port", "refuses connections", "systemctl"),
        ("127.84.0.9", 3, "port", "Nothing answers", "traceroute"),
        (
            "127.84.0.3",
            3,
            "trust",
            "hostkey_unknown",
            "underdesk trust",
        ),
        ("127.84.0.4", 6, "trust", "another key", "ssh-keyscan"),
        ("127.84.0.5", 3, "login", "auth_rejected", "journalctl"),
        (
            "127.84.0.6",
            3,
            "privilege",
            "shell_denied",
            "getent passwd",
        ),
        ("127.84.1.1", 3, "port", "", "Next: "),
        ("nobody.invalid", 3, "name", "not known", "getent ahosts"),
    ];
    for (target, code, rung, says, next) in table {
        let ended = clinic.visit(code, target);
        assert_eq!(stop(&ended).as_deref(), Some(rung), "{}", ended.out);
        assert!(ended.out.contains(says), "{target}: {}", ended.out);
        let last = ended.out.trim_end().rsplit("Next: ").next().unwrap();
        assert!(ended.out.contains("It stops at "), "{}", ended.out);
        assert!(
            last.contains(next.trim_start_matches("Next: ")),
            "{target}: {last}"
        );
    }
}

#[test]
fn a_try_of_the_doctor_counts_and_the_second_is_not_made() {
    let clinic = Clinic::open();
    let first = clinic.visit(3, "127.84.0.8");
    assert!(first.out.contains("auth_rejected"), "{}", first.out);
    let second = clinic.visit(6, "127.84.0.8");
    assert!(second.out.contains("breaker_open"), "{}", second.out);
    assert!(
        second
            .out
            .contains("underdesk credentials show-plan 127.84.0.8")
    );
    let logins = clinic.site.seen().logins;
    let wrong = logins
        .iter()
        .filter(|one| matches!(one.proof, Proof::Password(_)));
    assert_eq!(wrong.count(), 1);
    // A scan knows of it, too.
    let port = clinic.site.port(22);
    let scan = format!(
        "scan 127.84.0.8 --ssh-port {port} --ports {port} --known-hosts known_hosts --out out"
    );
    clinic.desk.expect(6, &scan);
    let access = Table::open(&clinic.desk.path("out/access.csv"));
    assert_eq!(
        access.value(("ip", "127.84.0.8"), "result_code"),
        "breaker_open"
    );
}

#[test]
fn nothing_of_the_host_is_kept_and_the_run_is_none_to_export() {
    let clinic = Clinic::open();
    let port = clinic.site.port(22);
    let scan = format!(
        "scan 127.84.0.1 --ssh-port {port} --ports {port} --known-hosts known_hosts --out out"
    );
    clinic.desk.run(&scan);
    let scanned = clinic.desk.run_id();
    clinic.visit(0, "127.84.0.1");
    assert_eq!(clinic.desk.run_id(), scanned, "the latest run is the scan");
    let runs = clinic.desk.store().list_runs().wait().unwrap();
    let doctor = &runs.last().unwrap().summary;
    assert_eq!(doctor.kind, "doctor");
    let export = clinic
        .desk
        .expect(2, &format!("export {} --out other", doctor.id));
    assert!(export.err.contains("keeps nothing"), "{}", export.err);
    let resume = clinic
        .desk
        .expect(2, &format!("scan --resume {}", doctor.id));
    assert!(!resume.err.is_empty());
    let inventories = clinic.desk.store().inventories(&doctor.id).wait().unwrap();
    assert!(inventories.is_empty());
}

#[test]
fn what_a_host_says_of_itself_does_not_reach_the_terminal_as_it_came() {
    let clinic = Clinic::open();
    let ended = clinic.visit(0, "127.84.0.7");
    for bad in ['\u{1b}', '\u{7}', '\u{202e}'] {
        assert!(!ended.out.contains(bad), "{:?}", ended.out);
    }
    assert!(ended.out.contains("evil"), "{}", ended.out);
    assert!(ended.out.contains("It is root."), "{}", ended.out);
}

#[test]
fn in_full_every_question_is_told_with_its_command() {
    let clinic = Clinic::open();
    let ended = clinic.desk.expect(0, &(clinic.words("127.84.0.1") + " -v"));
    assert!(ended.out.contains("dpkg-packages: "), "{}", ended.out);
    assert!(ended.out.contains("dpkg-query -W"), "{}", ended.out);
}

#[test]
fn more_than_one_host_is_for_a_scan() {
    let clinic = Clinic::open();
    let ended = clinic.visit(2, "127.84.0.0/24");
    assert!(ended.err.contains("underdesk scan"), "{}", ended.err);
}

#[test]
fn a_windows_says_whether_the_account_is_an_administrator() {
    let host = windows(
        "files",
        "127.84.1.10",
        ("5985", "windows-server-2016"),
        "",
    )
    .replace(
        "[host.winrm]",
        "changes.set.account-groups = 'Administrators Alias S-1-5-32-544 x Label S-1-16-8192 x'\n[host.winrm]",
    );
    let office = Office::open(&host, &logon("w", "127.84.1.10", "ntlm_http = true"));
    let words = office
        .words("127.84.1.10", "")
        .replacen("scan ", "doctor ", 1)
        .replace(" --out out", "");
    let ended = office.desk.run(&words);
    assert_eq!(stop(&ended), None, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("UAC has taken"), "{}", ended.out);
}

#[test]
fn the_next_command_has_the_flags_without_which_it_would_look_elsewhere() {
    let clinic = Clinic::open();
    let ended = clinic.visit(3, "127.84.0.3");
    let next = ended
        .out
        .trim_end()
        .rsplit("Next: underdesk ")
        .next()
        .unwrap();
    let (command, then) = next.split_once(" > review.csv").unwrap();
    let port = clinic.site.port(22);
    let expected =
        format!("trust scan 127.84.0.3 --ports {port} --ssh-port {port} --known-hosts known_hosts");
    assert_eq!(command, expected);
    assert!(
        then.ends_with("underdesk trust import review.csv"),
        "{then}"
    );
    let review = clinic.desk.expect(0, command).out;
    assert!(review.contains("127.84.0.3"), "{review}");
}
