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
