//! `trust scan`, a person who ticks rows, and `trust import`: whole runs, counted by what the servers saw.

use crate::support::{Desk, Office, Site, Table, logon, windows};
use std::fs;

const HOST: &str = "recording = \"debian-12\"\n\
    logins = [{ user = \"svc\", password = \"open sesame\" }]";

fn network(name: &str, hosts: &[&str]) -> String {
    let mut text = format!("schema = 1\nname = \"{name}\"\n");
    for at in hosts {
        let host = at.replace('.', "-");
        text = format!("{text}\n[[host]]\nname = \"h-{host}\"\naddresses = [\"{at}\"]\n{HOST}\n");
    }
    text
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("none", "");
    desk.write("secret", "open sesame");
    desk.write(
        "credentials.toml",
        "[[credential]]\nid = \"svc\"\ntype = \"ssh-password\"\nuser = \"svc\"\n\
         password = { file = \"secret\" }\nscope = [\"127.0.0.0/8\"]\n",
    );
    desk
}

fn review(site: &Site, targets: &str, file: &str) -> String {
    let port = site.port(22);
    format!("trust scan {targets} --ssh-port {port} --known-hosts none -o {file}")
}

fn scan(site: &Site, targets: &str) -> String {
    let port = site.port(22);
    format!("scan {targets} --ssh-port {port} -p {port} --known-hosts none --out out")
}

/// Ticks the rows of some hosts, as a person does.
fn tick(desk: &Desk, from: &str, to: &str, hosts: &[&str]) {
    let mut text = desk.read(from);
    for host in hosts {
        let (row, ticked) = (format!("\n,{host},"), format!("\nx,{host},"));
        assert!(text.contains(&row), "{host}: {text}");
        text = text.replace(&row, &ticked);
    }
    desk.write(to, &text);
}

#[test]
fn ticked_rows_are_pinned_and_only_those_hosts_hear_a_password() {
    let hosts = ["127.89.1.1", "127.89.1.2"];
    let site = Site::serve(&network("review", &hosts));
    let desk = desk();
    let ended = desk.expect(0, &review(&site, "127.89.1.1-3", "review.csv"));
    assert!(
        ended.err.contains("2 new, 0 changed, 0 known"),
        "{}",
        ended.err
    );
    assert_eq!(site.seen().logins.len(), 0);
    let table = Table::open(&desk.path("review.csv"));
    assert_eq!(table.header[0], "trust");
    assert_eq!(table.values("trust"), ["", ""]);
    assert_eq!(table.values("status"), ["new", "new"]);
    for host in hosts {
        // The lab's own word for the keys.
        let known = site.known_hosts();
        let line = known
            .lines()
            .find(|line| line.contains(&format!("[{host}]")));
        let key = line.unwrap().split_once(' ').unwrap().1;
        assert_eq!(table.value(("host", host), "public_key"), key);
    }
    // A table that somebody may have ticked is never written over.
    let ended = desk.expect(2, &review(&site, "127.89.1.1-3", "review.csv"));
    assert!(ended.err.contains("is there already"), "{}", ended.err);

    let ended = desk.expect(2, "trust import review.csv");
    assert_eq!(ended.out, "");
    assert!(
        ended.err.contains("none of its 2 rows is ticked; put an x"),
        "{}",
        ended.err
    );
    tick(&desk, "review.csv", "ticked.csv", &hosts[..1]);
    let rehearsed = desk.expect(0, "trust import ticked.csv --dry-run").out;
    assert_eq!(
        rehearsed,
        "nothing was changed: 1 pinned, 0 already, 1 unticked\n"
    );
    assert_eq!(desk.expect(0, "trust list").out.lines().count(), 1);
    let imported = desk.expect(0, "trust import ticked.csv").out;
    assert_eq!(imported, "1 pinned, 0 already, 1 unticked\n");
    let imported = desk.expect(0, "trust import ticked.csv").out;
    assert_eq!(imported, "0 pinned, 1 already, 1 unticked\n");
    let list = desk.expect(0, "trust list").out;
    assert!(list.contains("review ticked.csv"), "{list}");

    desk.expect(3, &scan(&site, "127.89.1.1-2"));
    let access = Table::open(&desk.path("out/access.csv"));
    let found = hosts.map(|host| access.value(("ip", host), "result_code"));
    assert_eq!(found, ["ok", "hostkey_unknown"]);
    assert_eq!(site.seen().secrets("h-127-89-1-1"), ["open sesame"]);
    assert_eq!(site.seen().secrets("h-127-89-1-2"), [""; 0]);
    let ended = desk.expect(0, &review(&site, "127.89.1.1-2", "again.csv"));
    let table = Table::open(&desk.path("again.csv"));
    assert_eq!(table.values("status"), ["pinned", "new"], "{}", ended.err);
}

#[test]
fn on_standard_output_the_table_is_plain_and_everything_else_is_talk() {
    let site = Site::serve(&network("plain", &["127.89.2.1"]));
    let desk = desk();
    let ended = desk.expect(0, &review(&site, "127.89.2.1", "-"));
    assert_eq!(ended.out.lines().count(), 2, "{}", ended.out);
    assert!(ended.out.starts_with("trust,host,"), "{}", ended.out);
    assert!(!ended.out.contains('\r'));
    // Nothing of it is kept.
    assert!(desk.latest().is_none());
}

#[test]
fn another_key_than_the_pinned_is_told_and_replaced_only_on_demand() {
    let at = "127.89.3.1";
    let site = Site::serve(&network("before", &[at]));
    let desk = desk();
    desk.expect(0, &review(&site, at, "before.csv"));
    tick(&desk, "before.csv", "before-ticked.csv", &[at]);
    desk.expect(0, "trust import before-ticked.csv");
    desk.expect(0, &scan(&site, at));
    let port = site.port(22);
    drop(site);

    let site = Site::serve_at(&network("after", &[at]), port);
    desk.expect(6, &scan(&site, at));
    let access = Table::open(&desk.path("out/access.csv"));
    assert_eq!(access.values("result_code"), ["hostkey_changed"]);
    // No secret left, not even a name.
    assert_eq!(site.seen().logins.len(), 0);
    let ended = desk.expect(6, &review(&site, at, "after.csv"));
    assert!(ended.err.contains("KEY CHANGED"), "{}", ended.err);
    let table = Table::open(&desk.path("after.csv"));
    assert_eq!(table.values("status"), ["changed"]);
    let old = Table::open(&desk.path("before.csv"));
    assert!(table.values("note")[0].contains(old.values("fingerprint")[0]));

    tick(&desk, "after.csv", "after-ticked.csv", &[at]);
    let pinned = desk.expect(0, "trust list").out;
    let ended = desk.expect(2, "trust import after-ticked.csv");
    assert!(ended.err.contains("nothing was imported"), "{}", ended.err);
    assert_eq!(desk.expect(0, "trust list").out, pinned);
    let ended = desk
        .expect(0, "trust import after-ticked.csv --replace")
        .out;
    for table in [&old, &table] {
        assert!(ended.contains(table.values("fingerprint")[0]), "{ended}");
    }
    assert!(
        ended.ends_with("1 pinned, 0 already, 0 unticked, 1 replaced\n"),
        "{ended}"
    );
    desk.expect(0, &scan(&site, at));
    // Only the new one counts now.
    assert_eq!(desk.expect(0, "trust list").out.lines().count(), 2);
    let removed = desk.expect(0, &format!("trust remove {at}:{port}")).out;
    assert!(
        removed.contains(table.values("fingerprint")[0]),
        "{removed}"
    );
    assert_eq!(desk.expect(0, "trust list").out.lines().count(), 1);
    desk.expect(2, &format!("trust remove {at}"));
}

#[test]
fn nothing_of_a_file_with_a_bad_row_is_imported() {
    let hosts = ["127.89.4.1", "127.89.4.2"];
    let site = Site::serve(&network("bad", &hosts));
    let desk = desk();
    desk.expect(0, &review(&site, "127.89.4.1-2", "review.csv"));
    tick(&desk, "review.csv", "ticked.csv", &hosts);
    let text = desk.read("ticked.csv");
    let table = Table::open(&desk.path("ticked.csv"));
    let keys = table.values("public_key");
    // The key of one host beside the fingerprint of the other.
    desk.write("swapped.csv", &text.replace(keys[1], keys[0]));
    let ended = desk.expect(2, "trust import swapped.csv");
    let line = "swapped.csv, line 3: the fingerprint is not that of the public_key";
    assert!(ended.err.contains(line), "{}", ended.err);
    assert_eq!(desk.expect(0, "trust list").out.lines().count(), 1);
    // As a spreadsheet of another country saves it.
    let european = text.replace(',', ";").replace('\u{feff}', "");
    desk.write("european.csv", &european);
    let imported = desk.expect(0, "trust import european.csv").out;
    assert_eq!(imported, "2 pinned, 0 already, 0 unticked\n");
}

#[test]
fn one_key_at_many_addresses_is_shown_and_merges_nobody() {
    let site = Site::serve(
        "schema = 1\nname = \"image\"\n[[host]]\nname = \"image\"\nrecording = \"debian-12\"\n\
         addresses = [\"127.89.5.1\", \"127.89.5.2\", \"127.89.5.3\"]\n",
    );
    let desk = desk();
    desk.expect(0, &review(&site, "127.89.5.1-3", "review.csv"));
    let table = Table::open(&desk.path("review.csv"));
    let others = table.value(("host", "127.89.5.1"), "same_key_elsewhere");
    assert_eq!(others, "127.89.5.2; 127.89.5.3");
    assert!(table.values("note")[0].contains("shown by 3 addresses"));
    let port = site.port(22);
    let ended = desk.expect(
        0,
        &format!("sweep 127.89.5.1-3 --ssh-port {port} -p {port} --out out"),
    );
    assert!(
        ended.err.contains("at 3 addresses: a cloned image"),
        "{}",
        ended.err
    );
    let machines = Table::open(&desk.path("out/machines.csv"));
    assert_eq!(machines.rows.len(), 3);
    let others = machines.value(("ip", "127.89.5.2"), "same_key_elsewhere");
    assert_eq!(others, "127.89.5.1; 127.89.5.3");
    // What earlier runs saw counts, too.
    desk.expect(0, &review(&site, "127.89.5.1", "one.csv"));
    let table = Table::open(&desk.path("one.csv"));
    let others = table.values("same_key_elsewhere")[0];
    assert_eq!(others, "127.89.5.2 (earlier); 127.89.5.3 (earlier)");
}

#[test]
fn a_certificate_is_reviewed_and_pinned_and_another_one_is_an_alarm() {
    let at = "127.89.6.1";
    let hosts = windows(
        "h",
        at,
        ("5986", "windows-server-2022"),
        "certificate = 'self_signed'",
    );
    let office = Office::open(&hosts, &logon("windows", at, ""));
    let desk = &office.desk;
    let port = office.site.port(5986);
    let words = format!("trust scan {at} --winrm-tls-port {port} --known-hosts known_hosts");
    desk.expect(0, &format!("{words} -o review.csv"));
    let seen = office.seen();
    assert_eq!(seen.logins.len(), 0);
    let table = Table::open(&desk.path("review.csv"));
    assert_eq!(table.rows.len(), 1, "{table:?}");
    assert_eq!(table.values("algorithm"), ["x509"]);
    assert_eq!(table.values("protocol"), ["winrm"]);
    assert!(table.values("note")[0].contains("self-signed"));
    assert!(!table.values("cert_subject")[0].is_empty());
    tick(desk, "review.csv", "ticked.csv", &[at]);
    desk.expect(0, "trust import ticked.csv");
    let (_, access) = office.scan(0, at, "");
    assert_eq!(access.values("host_trust"), ["pinned"]);
    // A certificate that the operator's authority vouches for needs no tick.
    let hosts = windows("h", "127.89.6.2", ("5986", "windows-server-2022"), "");
    let office = Office::open(&hosts, &logon("windows", "127.89.6.2", ""));
    let port = office.site.port(5986);
    let words = format!("trust scan 127.89.6.2 --winrm-tls-port {port} --known-hosts known_hosts");
    office
        .desk
        .expect(0, &format!("{words} --tls-ca ca.pem -o ca.csv"));
    let table = Table::open(&office.desk.path("ca.csv"));
    assert_eq!(table.values("status"), ["ca"]);
    office.desk.expect(0, &format!("{words} -o new.csv"));
    let table = Table::open(&office.desk.path("new.csv"));
    assert_eq!(table.values("status"), ["new"]);
    assert!(fs::exists(office.desk.path("new.csv")).unwrap());
}
