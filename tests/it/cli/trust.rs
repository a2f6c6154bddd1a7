//! Who is believed to be who.

use super::{NEW, desk, flags, network};
use crate::support::{Desk, Site, Table};
use std::thread;
use std::time::{Duration, Instant};

const STRANGER: &str = "recording = \"debian-12\"\npublished = \"unknown\"\n\
    logins = [{ user = \"audit\", key = \"demo\" }, { user = \"svc\", password = \"open sesame\" }]";

fn trust(desk: &Desk) -> String {
    let access = Table::open(&desk.path("out/access.csv"));
    assert_eq!(access.rows.len(), 1);
    let row = &access.rows[0];
    let cell = |name| access.cell(row, name);
    format!("{} {}", cell("result_code"), cell("host_trust"))
}

#[test]
fn a_new_key_is_pinned_once_and_a_changed_one_never_accepted() {
    let words = |site: &Site| format!("scan 127.88.1.1 {} --out out", flags(site));
    let site = Site::serve(&network("first", &[("127.88.1.1", STRANGER)]));
    let desk = desk(&site);
    desk.expect(0, &words(&site));
    assert_eq!(trust(&desk), "ok unknown");
    assert_eq!(
        desk.expect(0, "trust list").out.lines().count(),
        1,
        "nothing was to be pinned"
    );
    desk.expect(0, &format!("{} --accept-new-host-keys", words(&site)));
    assert_eq!(trust(&desk), "ok first_use");
    let list = desk.expect(0, "trust list").out;
    assert!(
        list.contains("127.88.1.1") && list.contains("first_use"),
        "{list}"
    );
    desk.expect(0, &words(&site));
    assert_eq!(trust(&desk), "ok pinned");
    // The same place, another key: installed anew, or somebody in between.
    let port = site.port(22);
    drop(site);
    let site = Site::serve_at(&network("second", &[("127.88.1.1", STRANGER)]), port);
    for flag in ["", "--accept-new-host-keys"] {
        desk.expect(6, &format!("{} {flag}", words(&site)));
        assert_eq!(trust(&desk), "hostkey_changed changed");
    }
    assert_eq!(desk.expect(0, "trust list").out, list);
    assert!(site.seen().logins.is_empty(), "somebody logged in to it");
}

#[test]
fn imported_keys_are_trusted() {
    let site = Site::serve(&network("import", &[("127.88.2.1", NEW)]));
    let desk = desk(&site);
    let ended = desk.expect(0, "trust import known_hosts");
    assert_eq!(ended.out, "1 pinned, 0 already\n");
    let ended = desk.expect(0, "trust import known_hosts");
    assert_eq!(ended.out, "0 pinned, 1 already\n");
    // Half a file is no file.
    let half = format!("{}127.88.2.2 ssh-ed25519 rubbish\n", site.known_hosts());
    desk.write("half", &half);
    desk.expect(2, "trust import half --site elsewhere");
    assert_eq!(
        desk.expect(0, "trust list --site elsewhere")
            .out
            .lines()
            .count(),
        1
    );
    let (port, empty) = (site.port(22), desk.write("empty", ""));
    let words = format!(
        "scan 127.88.2.1 --ssh-port {port} --ports {port} --known-hosts {} --out out",
        empty.display()
    );
    desk.expect(0, &words);
    assert_eq!(trust(&desk), "ok pinned");
    // A pin holds at its site, and nowhere else.
    desk.expect(0, &format!("{words} --site elsewhere"));
    assert_eq!(trust(&desk), "ok unknown");
}

fn by_password(desk: &Desk, more: &str) {
    desk.write("secret", "open sesame");
    let text = format!(
        "[[credential]]\nid = \"svc\"\ntype = \"ssh-password\"\nuser = \"svc\"\n\
         password = {{ file = \"secret\" }}\nscope = [\"127.0.0.0/8\"]\n{more}\n"
    );
    desk.write("credentials.toml", &text);
}

#[test]
fn a_password_goes_to_a_stranger_only_where_flag_and_credential_both_say_so() {
    let site = Site::serve(&network("password", &[("127.88.3.1", STRANGER)]));
    let desk = desk(&site);
    let words = format!("scan 127.88.3.1 {} --out out", flags(&site));
    let bold = format!("{words} --accept-new-host-keys");
    by_password(&desk, "");
    for words in [&words, &bold] {
        desk.expect(3, words);
        assert!(
            trust(&desk).starts_with("hostkey_unknown"),
            "{}",
            trust(&desk)
        );
    }
    by_password(&desk, "password_on_first_use = true");
    desk.expect(3, &words);
    assert_eq!(trust(&desk), "hostkey_unknown unknown");
    assert!(site.seen().secrets("h-127-88-3-1").is_empty());
    desk.expect(0, &bold);
    assert_eq!(trust(&desk), "ok first_use");
    assert_eq!(site.seen().secrets("h-127-88-3-1"), ["open sesame"]);
    // The pin of that run is nobody's word for it: without the credential's leave it is not enough.
    by_password(&desk, "");
    desk.expect(3, &words);
    assert_eq!(trust(&desk), "hostkey_unknown pinned");
    assert_eq!(site.seen().secrets("h-127-88-3-1"), ["open sesame"]);
}

#[test]
fn a_resumed_run_trusts_whom_its_own_site_trusts() {
    let hosts: Vec<String> = (1..=10)
        .map(|number| format!("127.88.4.{number}"))
        .collect();
    let hosts: Vec<(&str, &str)> = hosts.iter().map(|host| (host.as_str(), NEW)).collect();
    let site = Site::serve(&network("resumed", &hosts));
    let desk = desk(&site);
    desk.expect(0, "trust import known_hosts --site elsewhere");
    desk.write("known_hosts", "");
    let words = format!(
        "scan 127.88.4.1-10 --site elsewhere --rate 5 {} --out out",
        flags(&site)
    );
    let mut child = desk.command(&words).spawn().unwrap();
    let begun = Instant::now();
    while site.logins("audit").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does nothing");
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let run = desk.run_id();
    desk.expect(0, &format!("scan --resume {run} --out out"));
    let access = Table::open(&desk.path("out/access.csv"));
    assert_eq!(access.values("host_trust"), ["pinned"; 10]);
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.values("site"), ["elsewhere"; 10]);
}
