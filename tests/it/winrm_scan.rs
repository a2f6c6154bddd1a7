//! Windows hosts among others, scanned by the whole program: what is read, by which way, and what
//! the hosts saw of it.

use crate::support::{
    Office, PASSWORD, Table, assert_clean, conversations, credential, deaf, logon, proofs, tables,
    windows,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// A Windows that is reached over SSH; `shells` are what is special about its shells.
fn over_ssh(name: &str, at: &str, recording: &str, shells: &str) -> String {
    format!(
        "\n[[host]]\nname = '{name}'\naddresses = ['{at}']\nrecording = '{recording}'\n\
         banner = 'SSH-2.0-OpenSSH_for_Windows_9.5'\nshell = {{ windows = {{ {shells} }} }}\n\
         logins = [{{ user = 'audit', key = 'demo' }}]\n"
    )
}

fn debian(name: &str, at: &str, recording: &str) -> String {
    format!(
        "\n[[host]]\nname = '{name}'\naddresses = ['{at}']\nrecording = '{recording}'\n\
         logins = [{{ user = 'audit', key = 'demo' }}]\n"
    )
}

/// `(name, address, protocol, code, outcome)` of the mixed range; what is not here is closed.
const RANGE: &[(&str, &str, &str, &str, &str)] = &[
    ("web", "127.92.0.1", "ssh", "ok", "scanned_full"),
    ("db", "127.92.0.2", "ssh", "ok", "scanned_full"),
    ("files", "127.92.0.10", "winrm", "ok", "scanned_full"),
    ("old-files", "127.92.0.11", "winrm", "ok", "scanned_full"),
    ("mail", "127.92.0.12", "winrm", "ok", "scanned_full"),
    ("desk", "127.92.0.13", "winrm", "ok", "scanned_full"),
    ("both", "127.92.0.14", "winrm", "ok", "scanned_full"),
    ("core", "127.92.0.20", "ssh", "ok", "scanned_full"),
    ("laptop", "127.92.0.21", "ssh", "ok", "scanned_full"),
    (
        "forgotten",
        "127.92.0.30",
        "winrm",
        "no_credential_in_scope",
        "network_only",
    ),
];
const WINDOWS: [&str; 7] = [
    "127.92.0.10",
    "127.92.0.11",
    "127.92.0.12",
    "127.92.0.13",
    "127.92.0.14",
    "127.92.0.20",
    "127.92.0.21",
];

fn range() -> Office {
    let (http, tls) = ("5985", "5986");
    let hosts = [
        debian("web", "127.92.0.1", "debian-12"),
        debian("db", "127.92.0.2", "debian-13"),
        windows("files", "127.92.0.10", (http, "windows-server-2022"), ""),
        windows("old-files", "127.92.0.11", (http, "windows-7"), ""),
        windows(
            "mail",
            "127.92.0.12",
            (tls, "windows-server-2019"),
            "channel_binding = 'strict'",
        ),
        windows("desk", "127.92.0.13", (tls, "windows-11-24h2"), ""),
        windows(
            "both",
            "127.92.0.14",
            ("5985, 5986", "windows-server-2016"),
            "",
        ),
        over_ssh("core", "127.92.0.20", "windows-server-2025", ""),
        over_ssh(
            "laptop",
            "127.92.0.21",
            "windows-10-22h2",
            "default_shell = 'powershell'",
        ),
        windows(
            "forgotten",
            "127.92.0.30",
            ("5985, 5986", "windows-server-2008r2"),
            "",
        ),
    ];
    let credentials = [
        credential("audit", "audit", "demo.key", "127.92.0.0/27"),
        logon("tls", "127.92.0.12/30", ""),
        logon("http", "127.92.0.10/31", "ntlm_http = true"),
    ];
    Office::open(&hosts.concat(), &credentials.concat())
}

#[test]
fn a_range_of_everything_ends_in_one_complete_set_of_files() {
    let office = range();
    // At .40 nobody answers.
    let _deaf = [22, 5985, 5986].map(|port| deaf([127, 92, 0, 40].into(), office.site.port(port)));
    let (_, access) = office.scan(3, "127.92.0.1-40", "--tls-ca ca.pem");
    let tables = tables(&office.desk.path("out"));
    let table = |name: &str| tables.iter().find(|table| table.name == name).unwrap();
    let machines = table("machines.csv");
    assert_eq!(machines.rows.len(), 39);
    let addresses: BTreeSet<&str> = machines.values("ip").into_iter().collect();
    assert_eq!(addresses.len(), 39, "an address has two outcomes");
    for (name, address, protocol, code, outcome) in RANGE {
        let rows = access.rows_where("ip", address);
        let rows = rows
            .iter()
            .filter(|row| access.cell(row, "protocol") == *protocol);
        let codes: Vec<_> = rows.map(|row| access.cell(row, "result_code")).collect();
        assert_eq!(codes, [*code], "{name}");
        let found = machines.value(("ip", address), "outcome");
        assert_eq!(found, *outcome, "{name}");
    }
    let read: Vec<&str> = RANGE.iter().map(|host| host.1).collect();
    for row in &machines.rows {
        let address = machines.cell(row, "ip");
        let outcome = machines.cell(row, "outcome");
        assert!(
            read.contains(&address) || outcome == "network_only",
            "{address} {outcome}"
        );
    }
    let coverage = table("coverage.csv");
    let sums = ["in_scope", "answered", "silent", "not_begun", "assessed"];
    assert_eq!(sums.map(|name| coverage.sum(name)), [40, 39, 1, 0, 9]);
    for address in WINDOWS {
        every_file_tells_of(&tables, address);
    }
}

/// Each file has rows of a Windows that was read.
fn every_file_tells_of(tables: &[Table], address: &str) {
    let table = |name: &str| tables.iter().find(|table| table.name == name).unwrap();
    let machines = table("machines.csv");
    let value = |column| machines.value(("ip", address), column);
    assert_eq!(value("os_family"), "windows", "{address}");
    for column in ["build", "arch", "edition", "hostname", "uuid"] {
        assert!(
            !matches!(value(column), "" | "unknown"),
            "{address} {column}"
        );
    }
    for (name, least) in [
        ("software.csv", 5),
        ("hotfixes.csv", 2),
        ("services.csv", 4),
    ] {
        let rows = table(name).rows_where("ip", address).len();
        assert!(rows >= least, "{address}: {rows} rows in {name}");
    }
}

#[test]
fn each_windows_sees_one_connection_one_logon_and_one_shell() {
    let office = range();
    let (ended, access) = office.scan(3, "127.92.0.1-40", "--tls-ca ca.pem");
    let seen = office.seen();
    assert_clean(&seen);
    for name in ["files", "old-files", "mail", "desk", "both"] {
        assert_eq!(conversations(&seen, name), 1, "{name}");
        assert_eq!(proofs(&seen, name), 1, "{name}");
        let accepted = seen.logins.iter().filter(|one| &*one.host == name);
        assert!(accepted.clone().all(|one| one.accepted), "{name}");
        let shells = seen.shells.iter().filter(|shell| &*shell.host == name);
        assert_eq!(shells.count(), 1, "{name}");
    }
    // Where no credential is in scope it is only asked who it is.
    assert!(conversations(&seen, "forgotten") > 0);
    assert_eq!(
        seen.logins
            .iter()
            .filter(|one| &*one.host == "forgotten")
            .count(),
        0
    );
    for (address, trust) in [
        ("127.92.0.10", "none"),
        ("127.92.0.12", "tls_ca"),
        ("127.92.0.14", "tls_ca"),
        ("127.92.0.20", "known_hosts"),
    ] {
        let rows = access.rows_where("ip", address);
        let rows = rows.iter().filter(|row| {
            access.cell(row, "attempted") == "yes"
                && access.cell(row, "result_code") == "ok"
                && access.cell(row, "host_trust") == trust
        });
        assert_eq!(rows.count(), 1, "{address}\n{}", ended.err);
    }
}

#[test]
fn no_credential_in_scope_is_said_once_for_each_protocol() {
    let office = range();
    let (_, access) = office.scan(3, "127.92.0.1-40", "--tls-ca ca.pem");
    let mut said = BTreeSet::new();
    for row in access.rows_where("result_code", "no_credential_in_scope") {
        let place = (access.cell(row, "ip"), access.cell(row, "protocol"));
        assert!(said.insert(place), "{place:?}");
    }
    assert!(said.contains(&("127.92.0.30", "winrm")));
}

/// The names of the recorded hosts that are Windows; but for the one that writes what is no text,
/// which no two shells print alike.
fn recorded_windows() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter(|name| name.starts_with("windows-") && name != "windows-hostile")
        .collect();
    names.sort_unstable();
    names
}

/// The ways by which a Windows is read here.
const WAYS: [&str; 6] = ["http", "https", "oem-http", "cmd", "powershell", "oem-cmd"];

fn by_every_way(net: usize, recording: &str) -> String {
    // cmd's pipe does not tell its caller that a key was denied: it gives no lines, as one without
    // users would.
    let denied = "[host.changes]\nexit = { uninstall-users = 120 }\n";
    let changes = match recording {
        "windows-server-2022-limited" => denied,
        _ => "",
    };
    let ways = (1..).zip(WAYS).map(|(last, way)| {
        let (name, at) = (format!("{way}-{net}"), format!("127.93.{net}.{last}"));
        let host = match way {
            "http" => windows(&name, &at, ("5985", recording), ""),
            "https" => windows(&name, &at, ("5986", recording), ""),
            "oem-http" => windows(&name, &at, ("5985", recording), "oem_code_page = 850"),
            "cmd" => over_ssh(&name, &at, recording, ""),
            "oem-cmd" => over_ssh(&name, &at, recording, "page = 850"),
            _ => over_ssh(&name, &at, recording, "default_shell = 'powershell'"),
        };
        host + changes
    });
    ways.collect()
}

#[test]
fn the_same_windows_gives_the_same_inventory_whichever_way_it_is_read() {
    let recordings = recorded_windows();
    assert!(recordings.len() > 10, "{recordings:?}");
    let hosts = (0..).zip(&recordings);
    let hosts: String = hosts.map(|(net, name)| by_every_way(net, name)).collect();
    let credentials = [
        credential("audit", "audit", "demo.key", "127.93.0.0/16"),
        logon("windows", "127.93.0.0/16", "ntlm_http = true"),
    ];
    let office = Office::open(&hosts, &credentials.concat());
    let targets = format!("127.93.0-{}.1-{}", recordings.len() - 1, WAYS.len());
    let ended = office.desk.run(&office.words(&targets, "--tls-ca ca.pem"));
    let found = office.inventories();
    assert_eq!(found.len(), recordings.len() * WAYS.len(), "{}", ended.err);
    for (net, recording) in (0_u8..).zip(&recordings) {
        let of = |last| serde_json::to_value(&found[&IpAddr::from([127, 93, net, last])]).unwrap();
        let first = of(1);
        for (last, way) in (1..).zip(WAYS) {
            let differences = differences(&first, &of(last), way == "oem-cmd");
            assert_eq!(differences, [""; 0], "{recording} over {way}");
        }
    }
    assert_clean(&office.seen());
}

/// Where two inventories differ. A code page writes a question mark for what it has not, and a name
/// that begins with one is sorted elsewhere.
fn differences(one: &Value, other: &Value, through_a_page: bool) -> Vec<String> {
    let lines = |value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if through_a_page {
            let ascii = |line: &str| line.replace(|letter: char| !letter.is_ascii(), "?");
            lines = lines
                .iter()
                .map(|line| ascii(line.trim_end_matches(',')))
                .collect();
            lines.sort_unstable();
        }
        lines
    };
    let (one, other) = (lines(one), lines(other));
    let count = one.len().abs_diff(other.len());
    let unlike = one.iter().zip(&other).filter(|(one, other)| one != other);
    let unlike = unlike
        .map(|(one, other)| format!("{one} | {other}"))
        .take(5);
    let more = (count > 0).then(|| format!("{count} lines more or less"));
    unlike.chain(more).collect()
}

#[test]
fn a_windows_host_for_which_only_ssh_has_a_credential_lacks_one_for_winrm() {
    let hosts = windows("files", "127.92.1.10", ("5985", "windows-server-2022"), "");
    let key = credential("key", "audit", "demo.key", "127.92.1.0/24");
    let office = Office::open(&hosts, &key);
    let (ended, access) = office.scan(3, "127.92.1.10", "");
    assert_eq!(access.rows_where("result_code", "port_closed").len(), 1);
    let told = &ended.err;
    assert!(
        told.contains("not read   1 (1 no_credential_in_scope)"),
        "{told}"
    );
    assert!(
        told.contains("Add a credential for this protocol"),
        "{told}"
    );
    assert!(!told.contains("Start the service"), "{told}");
}

/// A Windows that calls itself in its challenge as it does where it is read.
fn named(name: &str, at: &str, recording: &str) -> String {
    let account = r"LARKSPUR\svc-audit";
    format!(
        "\n[[host]]\nname = '{name}'\naddresses = ['{at}']\nkind = 'winrm'\nports = [5986]\n\
         recording = '{recording}'\nlogins = [{{ user = '{account}', password = '{PASSWORD}' }}]\n\
         [host.winrm]\ndomain = 'LARKSPUR'\ndns_domain = 'larkspur.example'\n"
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "a story of five scans")]
fn a_night_without_a_login_makes_no_other_machines() {
    let hosts = [
        named("files-1", "127.92.9.70", "windows-server-2022"),
        named("db-sql1", "127.92.9.71", "windows-server-2016"),
        debian("web", "127.92.9.72", "debian-12"),
    ];
    let credentials = [
        credential("audit", "audit", "demo.key", "127.92.9.0/24"),
        logon("tls", "127.92.9.64/26", "user = 'LARKSPUR\\svc-audit'"),
    ];
    let office = Office::open(&hosts.concat(), &credentials.concat());
    let targets = "127.92.9.70-72";
    let ids = || {
        let machines = office.table("machines");
        let rows = machines.rows.iter();
        let cell = |row, column| machines.cell(row, column).to_owned();
        let told = rows.map(|row| {
            (
                cell(row, "ip"),
                cell(row, "machine_id"),
                cell(row, "outcome"),
            )
        });
        told.collect::<Vec<_>>()
    };
    let of_machines = || {
        let changes = office.table("changes");
        let kinds = changes.values("change").into_iter();
        let kinds = kinds.filter(|kind| kind.starts_with("machine_"));
        kinds.map(str::to_owned).collect::<Vec<_>>()
    };
    let id_of = |all: &[(String, String, String)]| {
        all.iter()
            .map(|(ip, id, _)| (ip.clone(), id.clone()))
            .collect::<Vec<_>>()
    };
    office.scan(0, targets, "--tls-ca ca.pem");
    let first = ids();
    assert!(
        first
            .iter()
            .all(|(.., outcome)| outcome == "scanned_full" || outcome == "scanned_partial")
    );

    office.desk.write("credentials.toml", &credentials[0]);
    office.scan(3, targets, "--tls-ca ca.pem");
    let second = ids();
    assert_eq!(id_of(&second), id_of(&first));
    assert_eq!(second[0].2, "network_only");
    let seen = office.table("machines");
    let seen = seen
        .value(("ip", "127.92.9.70"), "seen_evidence")
        .to_owned();
    assert!(seen.contains("machine_id by its full name"), "{seen}");
    // What both runs know of them is told; nobody came and nobody went.
    assert_eq!(
        BTreeSet::from_iter(of_machines()),
        BTreeSet::from(["machine_changed".to_owned()])
    );

    office.desk.write("credentials.toml", &credentials.concat());
    office.scan(0, targets, "--tls-ca ca.pem");
    assert_eq!(id_of(&ids()), id_of(&first));
    assert_eq!(
        BTreeSet::from_iter(of_machines()),
        BTreeSet::from(["machine_changed".to_owned()])
    );

    // Where the run before did not look nobody is new.
    office.scan(0, "127.92.9.72", "--tls-ca ca.pem");
    let desk = office.with_another_desk();
    desk.scan(0, "127.92.9.70", "--tls-ca ca.pem");
    desk.scan(0, targets, "--tls-ca ca.pem");
    let kinds = desk.table("changes").values("change").join(" ");
    assert!(
        kinds.contains("machine_newly_swept") && !kinds.contains("machine_new "),
        "{kinds}"
    );
}
