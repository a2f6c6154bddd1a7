//! Keys that change between two runs: who shows another key than the one on record hears nothing, and where
//! many do the run stops itself. Counted by what the servers saw.

use crate::support::{Desk, PASSWORD, Site, Table, logon, windows};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const PASSWORD_HOST: &str = "recording = \"debian-12\"\n\
    logins = [{ user = \"svc\", password = \"open sesame\" }]";
const GOOD: usize = 6;
const CHANGED: usize = 5;

fn host(text: &mut String, at: &str, more: &str) {
    let name = at.replace('.', "-");
    writeln!(
        text,
        "\n[[host]]\nname = \"h-{name}\"\naddresses = [\"{at}\"]\n{PASSWORD_HOST}\n{more}"
    )
    .unwrap();
}

/// Hosts that are what they were, and hosts whose key is another one than their administrators know.
fn network() -> String {
    let mut text = "schema = 1\nname = \"alarm\"\n".to_owned();
    for number in 1..=GOOD {
        host(&mut text, &format!("127.86.1.{number}"), "");
    }
    for number in 1..=CHANGED {
        let at = format!("127.86.1.{}", 100 + number);
        host(&mut text, &at, "published = \"changed\"");
    }
    text
}

fn desk(site: &Site) -> Desk {
    let desk = Desk::new();
    desk.write("known_hosts", &site.known_hosts());
    desk.write("none", "");
    desk.write("secret", "open sesame");
    desk.write(
        "credentials.toml",
        "[[credential]]\nid = \"svc\"\ntype = \"ssh-password\"\nuser = \"svc\"\n\
         password = { file = \"secret\" }\nscope = [\"127.0.0.0/8\"]\n",
    );
    desk
}

/// Those who heard the password, by their last number.
fn heard(site: &Site) -> BTreeSet<u8> {
    let logins = site.seen().logins;
    let secrets = logins.iter().filter(|one| one.proof.is_secret());
    secrets
        .map(|one| match one.at.ip() {
            std::net::IpAddr::V4(at) => at.octets()[3],
            std::net::IpAddr::V6(_) => 0,
        })
        .collect()
}

fn words(site: &Site, more: &str) -> String {
    let port = site.port(22);
    format!(
        "scan 127.86.1.1-6 127.86.1.101-105 --ssh-port {port} -p {port} --known-hosts known_hosts --no-merge --out out {more}"
    )
}

fn outcomes(desk: &Desk, word: &str) -> usize {
    let machines = Table::open(&desk.path("out/machines.csv"));
    machines.rows_where("outcome", word).len()
}

#[test]
fn more_changed_keys_than_allowed_stop_the_run_and_it_goes_on_when_they_are_right() {
    let site = Site::serve(&network());
    let desk = desk(&site);
    let ended = desk.expect(6, &words(&site, "--hands 1"));
    assert_eq!(ended.err.matches("KEY CHANGED").count(), 4, "{}", ended.err);
    assert!(ended.err.contains("SAFETY STOP"), "{}", ended.err);
    assert!(ended.err.contains("scan --resume"), "{}", ended.err);
    let first = heard(&site);
    assert!(first.iter().all(|last| *last <= 6), "{first:?}");
    assert_eq!(outcomes(&desk, "failed"), 4);
    assert_eq!(outcomes(&desk, "not_begun"), GOOD + 1 - first.len());
    let machines = Table::open(&desk.path("out/machines.csv"));
    let row = machines.rows_where("outcome", "not_begun")[0];
    let access = Table::open(&desk.path("out/access.csv"));
    let detail = access.value(("ip", machines.cell(row, "ip")), "detail");
    assert!(
        detail.contains("more than 3 hosts with changed keys"),
        "{detail}"
    );
    let run = desk.run_id();

    // Nothing has been done about it: nobody hears anything more.
    desk.expect(6, &format!("scan --resume {run} --no-merge --out out"));
    assert_eq!(heard(&site), first);
    let again = outcomes(&desk, "not_begun");
    assert_eq!(again, GOOD + 1 - first.len());

    // The operator lets them wait: the others are read, and those that changed hear nothing.
    desk.expect(
        6,
        &format!("scan --resume {run} --max-changed-keys 5 --no-merge --out out"),
    );
    assert_eq!(heard(&site), (1..=6).collect());
    assert_eq!(
        (outcomes(&desk, "failed"), outcomes(&desk, "not_begun")),
        (CHANGED, 0)
    );
    assert_eq!(desk.latest().unwrap().summary.id, run);
}

#[test]
fn a_stopped_run_goes_on_after_the_new_keys_were_imported() {
    let site = Site::serve(&network());
    let desk = desk(&site);
    desk.expect(6, &words(&site, "--max-changed-keys 0 --hands 1"));
    let run = desk.run_id();
    let port = site.port(22);
    desk.expect(
        6,
        &format!(
            "trust scan 127.86.1.1-6 127.86.1.101-105 --ssh-port {port} --known-hosts known_hosts -o review.csv"
        ),
    );
    let review = Table::open(&desk.path("review.csv"));
    assert_eq!(review.rows_where("status", "changed").len(), CHANGED);
    assert_eq!(review.rows_where("status", "known_hosts").len(), GOOD);
    let text = desk.read("review.csv");
    desk.write(
        "ticked.csv",
        &text.replace("\n,127.86.1.1", "\nx,127.86.1.1"),
    );
    desk.expect(0, "trust import ticked.csv");
    desk.expect(0, &format!("scan --resume {run} --no-merge --out out"));
    assert_eq!(outcomes(&desk, "scanned_full"), GOOD + CHANGED);
}

#[test]
fn with_many_hands_a_host_whose_key_changed_hears_nothing_either() {
    let site = Site::serve(&network());
    let desk = desk(&site);
    desk.write("underdesk.toml", "max_changed_keys = 1\n");
    let ended = desk.expect(6, &words(&site, "--hands 64"));
    assert!(
        ended.err.contains("more than 1 host with changed keys"),
        "{}",
        ended.err
    );
    let heard = heard(&site);
    assert!(heard.iter().all(|last| *last <= 6), "{heard:?}");
}

#[test]
fn a_certificate_that_changed_between_two_runs_sees_no_logon() {
    let at = "127.86.2.1";
    let network = |name: &str| {
        let ports = ("5986", "windows-server-2022");
        let host = windows(name, at, ports, "certificate = 'self_signed'");
        format!("schema = 1\nname = '{name}'\n{host}")
    };
    let site = Site::serve(&network("before"));
    let desk = Desk::new();
    desk.write("none", "");
    desk.write("windows-password", PASSWORD);
    let credential = logon("windows", at, "password_on_first_use = true");
    desk.write("credentials.toml", &credential);
    let port = site.port(5986);
    let words = format!("scan {at} -p {port} --winrm-tls-port {port} --known-hosts none --out out");
    desk.expect(0, &format!("{words} --accept-new-host-keys"));
    drop(site);
    let site = Site::serve_at(&network("after"), port);
    for flag in ["", "--accept-new-host-keys"] {
        desk.expect(6, &format!("{words} {flag}"));
        let access = Table::open(&desk.path("out/access.csv"));
        assert_eq!(access.values("result_code"), ["hostkey_changed"]);
        assert_eq!(access.values("host_trust"), ["changed"]);
    }
    // Neither a first nor a third message of NTLM, nor any request with a name in it.
    let seen = site.seen();
    assert_eq!(seen.logins.len(), 0);
}
