//! What root is asked: only where the credential says so, on the same connection, and never in the way
//! of what everybody may see.

use crate::support::{Desk, Site, Table, credential};

const HOSTS: &str = r#"
schema = 1
name = "privileged"

[[host]]
name = "open"
addresses = ["127.83.1.1"]
recording = "debian-12"
logins = [{ user = "audit", key = "demo" }]
changes.set.stale-files = "denied\t90\n"
changes.set.identity = "machine-id\t{machine-id}\nproduct-uuid\t!\n"
[host.root.set]
stale-files = "stale\t/usr/sbin/sshd\t/usr/lib/x86_64-linux-gnu/libc.so.6\n"
identity = "machine-id\t{machine-id}\nproduct-uuid\t4c4c4544-0044-3510-8051-b4c04f4d3132\n"

[[host]]
name = "shut"
addresses = ["127.83.1.2"]
recording = "debian-12"
logins = [{ user = "audit", key = "demo" }]
changes.set.identity = "machine-id\t{machine-id}\nproduct-uuid\t!\n"
"#;

/// Scans both hosts with a credential of these further lines.
fn scanned(lines: &str) -> (Desk, Site) {
    let site = Site::serve(HOSTS);
    let desk = Desk::at(&site, "audit", "127.83.1.0/24");
    let text = credential("audit", "audit", "demo.key", "127.83.1.0/24") + lines;
    desk.write("credentials.toml", &text);
    let words = format!(
        "scan 127.83.1.1-2 --known-hosts known_hosts --ssh-port {} --ports {} --out out",
        site.port(22),
        site.ports()
    );
    let ended = desk.run(&words);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
    (desk, site)
}

/// The commands that a host was given.
fn commands(site: &Site, host: &str) -> Vec<String> {
    let commands = site.seen().commands;
    let mine = commands.iter().filter(|one| &*one.host == host);
    mine.map(|one| one.command.clone()).collect()
}

#[test]
fn a_host_costs_one_command_on_one_connection_where_nothing_is_asked_of_root() {
    let (_desk, site) = scanned("");
    for host in ["open", "shut"] {
        assert_eq!(commands(&site, host), ["sh -s"], "{host}");
        let seen = site.seen();
        let logins = seen
            .logins
            .iter()
            .filter(|one| &*one.host == host && one.accepted);
        let signed = logins.filter(|one| matches!(one.proof, underdesk::lab::Proof::Signature(_)));
        assert_eq!(signed.count(), 1, "{host}");
    }
}

#[test]
fn root_fills_in_what_was_denied_and_access_says_what() {
    let (desk, site) = scanned("sudo = \"nopasswd\"\n");
    assert_eq!(commands(&site, "open"), ["sh -s", "sudo -n sh -s"]);
    let access = Table::open(&desk.path("out/access.csv"));
    let row = ("ip", "127.83.1.1");
    assert_eq!(access.value(row, "result_code"), "ok");
    assert_eq!(access.value(row, "detail"), "sudo: +product-uuid, +stale");
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(
        machines.value(row, "uuid"),
        "4c4c4544-0044-3510-8051-b4c04f4d3132"
    );
}

#[test]
fn where_sudo_refuses_the_host_is_read_all_the_same() {
    let (desk, site) = scanned("sudo = \"nopasswd\"\n");
    assert_eq!(commands(&site, "shut"), ["sh -s", "sudo -n sh -s"]);
    let access = Table::open(&desk.path("out/access.csv"));
    let row = ("ip", "127.83.1.2");
    assert_eq!(access.value(row, "result_code"), "sudo_denied");
    let detail = access.value(row, "detail");
    assert!(detail.contains("a password is required"), "{detail}");
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.value(row, "outcome"), "scanned_full");
}

// ---- by a password ----

const PASSWORD: &str = "Opal-swift-41";

/// Hosts on which sudo asks for a password, each in a manner of its own.
fn asking(manners: &[(&str, &str)]) -> String {
    let host = |(place, (name, manner)): (usize, &(&str, &str))| {
        format!(
            r#"
[[host]]
name = "{name}"
addresses = ["127.83.2.{}"]
recording = "debian-12"
logins = [{{ user = "audit", key = "demo" }}, {{ user = "audit", password = "{PASSWORD}" }}]
changes.set.identity = "machine-id\t{{machine-id}}\nproduct-uuid\t!\n"
{manner}
[host.root.set]
identity = "machine-id\t{{machine-id}}\nproduct-uuid\t4c4c4544-0044-3510-8051-b4c04f4d313{place}\n"
"#,
            place + 1
        )
    };
    let hosts: String = manners.iter().enumerate().map(host).collect();
    format!("schema = 1\nname = \"asking\"\n{hosts}")
}

/// Scans them with a credential of these further lines, one host after the other.
fn asked(manners: &[(&str, &str)], lines: &str) -> (Desk, Site) {
    let site = Site::serve(&asking(manners));
    let desk = Desk::at(&site, "audit", "127.83.2.0/24");
    desk.write("sudo-password", PASSWORD);
    let text = credential("audit", "audit", "demo.key", "127.83.2.0/24") + lines;
    desk.write("credentials.toml", &text);
    scan_asking(&site, &desk, manners.len(), "");
    (desk, site)
}

fn scan_asking(site: &Site, desk: &Desk, hosts: usize, more: &str) {
    let words = format!(
        "scan 127.83.2.1-{hosts} --known-hosts known_hosts --ssh-port {} --ports {} --hands 1 --out out {more}",
        site.port(22),
        site.ports()
    );
    let ended = desk.run(&words);
    assert!(matches!(ended.code, Some(0 | 3 | 6)), "{}", ended.err);
    assert!(!ended.err.contains(PASSWORD), "{}", ended.err);
}

/// What `access.csv` says of a host: code and detail.
fn row(desk: &Desk, last: usize) -> (String, String) {
    let access = Table::open(&desk.path("out/access.csv"));
    let at = format!("127.83.2.{last}");
    let value = |column| access.value(("ip", &at), column).to_owned();
    (value("result_code"), value("detail"))
}

const WITH: &str = "sudo = 'password'\nsudo_password = { file = 'sudo-password' }\n";

fn right() -> String {
    format!("sudo = {{ password = '{PASSWORD}' }}")
}

#[test]
fn sudo_is_told_the_password_once_and_root_fills_in_what_was_denied() {
    let (desk, site) = asked(&[("asks", &right())], WITH);
    let (code, detail) = row(&desk, 1);
    assert_eq!(
        (code.as_str(), detail.as_str()),
        ("ok", "sudo: +product-uuid")
    );
    let seen = site.seen();
    assert_eq!(seen.secrets("asks"), [PASSWORD]);
    assert_eq!(seen.wrong_tries("audit"), 0);
    let (tries, stops) = desk.store().breaker().wait().unwrap();
    assert_eq!((tries.len(), stops.len()), (0, 0));
    // The command line is the same on every host but for its marker.
    let commands = commands(&site, "asks");
    assert_eq!(commands[0], "sh -s");
    assert!(!commands[1].contains(PASSWORD), "{commands:?}");
}

#[test]
fn a_login_by_password_is_told_to_sudo_as_well_where_the_credential_says_so() {
    let site = Site::serve(&asking(&[("asks", &right())]));
    let desk = Desk::at(&site, "audit", "127.83.2.0/24");
    let text = "[[credential]]\nid = 'p'\ntype = 'ssh-password'\nuser = 'audit'\nscope = ['127.83.2.0/24']\n\
                password = { file = 'sudo-password' }\n";
    desk.write("sudo-password", PASSWORD);
    desk.write("credentials.toml", text);
    scan_asking(&site, &desk, 1, "");
    assert_eq!(site.seen().secrets("asks"), [PASSWORD]);
    desk.write("credentials.toml", &format!("{text}sudo = 'password'\n"));
    scan_asking(&site, &desk, 1, "");
    assert_eq!(site.seen().secrets("asks"), [PASSWORD; 3]);
    assert_eq!(row(&desk, 1).1, "sudo: +product-uuid");
}

#[test]
fn a_wrong_password_for_sudo_is_told_to_two_hosts_at_most_and_never_twice_to_one() {
    let wrong = "sudo = { password = 'another' }";
    let names = ["h1", "h2", "h3", "h4"];
    let (desk, site) = asked(&names.map(|name| (name, wrong)), WITH);
    let told = names.map(|name| site.seen().secrets(name).len());
    assert_eq!(told.iter().sum::<usize>(), 2, "{told:?}");
    assert!(told.iter().all(|count| *count <= 1), "{told:?}");
    let codes = [1, 2, 3, 4].map(|last| row(&desk, last).0);
    let count = |code: &str| codes.iter().filter(|one| *one == code).count();
    assert_eq!(
        (count("sudo_denied"), count("breaker_open")),
        (2, 2),
        "{codes:?}"
    );
    // The hosts are read all the same, and the next run tells nobody.
    scan_asking(&site, &desk, 4, "");
    assert_eq!(site.seen().wrong_tries("audit"), 2);
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.values("outcome"), ["scanned_full"; 4]);
}

#[test]
fn each_way_in_which_sudo_is_not_to_be_had_is_said_and_nothing_is_told_out_of_turn() {
    let manners = [
        (
            "of-root",
            format!("sudo = {{ password = '{PASSWORD}', of = 'root' }}"),
        ),
        (
            "unlisted",
            format!("sudo = {{ password = '{PASSWORD}', unlisted = true }}"),
        ),
        ("nopasswd", String::new()),
    ];
    let manners: Vec<(&str, &str)> = manners.iter().map(|(a, b)| (*a, b.as_str())).collect();
    let (desk, site) = asked(&manners, WITH);
    let seen = site.seen();
    let told: Vec<usize> = manners
        .iter()
        .map(|one| seen.secrets(one.0).len())
        .collect();
    assert_eq!(told, [0, 1, 0]);
    let (code, detail) = row(&desk, 1);
    assert_eq!(code, "sudo_denied");
    assert!(detail.contains("another account"), "{detail}");
    let (code, detail) = row(&desk, 2);
    assert_eq!(code, "sudo_denied");
    assert!(detail.contains("its rules do not let"), "{detail}");
    assert_eq!(row(&desk, 3).1, "sudo: +product-uuid");
    // A password that was right has cost nothing.
    assert_eq!(desk.store().breaker().wait().unwrap().0.len(), 0);
}

#[test]
fn a_prompt_in_other_words_hears_nothing() {
    let manner = format!("sudo = {{ password = '{PASSWORD}', words = 'Verification code: ' }}");
    let site = Site::serve(&asking(&[("otp", &manner)]));
    let desk = Desk::at(&site, "audit", "127.83.2.0/24");
    desk.write("sudo-password", PASSWORD);
    let text = credential("audit", "audit", "demo.key", "127.83.2.0/24") + WITH;
    desk.write("credentials.toml", &text);
    scan_asking(&site, &desk, 1, "--timeout 3");
    let (code, detail) = row(&desk, 1);
    assert_eq!(code, "sudo_denied");
    assert!(detail.contains("neither asked in our words"), "{detail}");
    assert_eq!(site.seen().secrets("otp"), [""; 0]);
    assert_eq!(desk.store().breaker().wait().unwrap().0.len(), 0);
}

#[test]
fn a_stranger_who_took_our_key_hears_no_password_for_sudo() {
    let manner = format!("published = 'unknown'\n{}", right());
    for flag in ["", "--accept-new-host-keys"] {
        let site = Site::serve(&asking(&[("stranger", &manner)]));
        let desk = Desk::at(&site, "audit", "127.83.2.0/24");
        desk.write("sudo-password", PASSWORD);
        let text = credential("audit", "audit", "demo.key", "127.83.2.0/24") + WITH;
        desk.write("credentials.toml", &text);
        // Also not when it is met again: its key was pinned, and nobody has looked at it.
        for _ in 0..2 {
            scan_asking(&site, &desk, 1, flag);
            let (code, detail) = row(&desk, 1);
            assert_eq!(code, "hostkey_unknown", "{detail}");
            assert!(detail.contains("the password was held back"), "{detail}");
        }
        assert_eq!(site.seen().secrets("stranger"), [""; 0]);
        assert_eq!(commands(&site, "stranger"), ["sh -s"; 2]);
    }
}
