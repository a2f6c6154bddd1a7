//! What became of findings, from outside: machines are patched, by half, or not at all, and visited again.

use super::EVERY;
use crate::support::{Desk, Site, Table, credential, deaf, logon, windows};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::thread;
use std::time::Duration;
use underdesk::model::{RunId, UtcTime};
use underdesk::store::RunState;

const NET: &str = "127.94.0.";
/// The machines, by what becomes of them.
const PATCHED: u8 = 1;
const NOT_RESTARTED: u8 = 2;
const DENIED: u8 = 3;
const SHUT: u8 = 4;
const GONE: u8 = 5;
const REPLACED: u8 = 6;
const UNTOUCHED: u8 = 7;
const LEFT_OUT: u8 = 8;
const WINDOWS_PATCHED: u8 = 11;
const WINDOWS_NOT_RESTARTED: u8 = 12;
const WINDOWS_BY_HALF: u8 = 13;

fn at(last: u8) -> String {
    format!("{NET}{last}")
}

/// A Debian that has had no update, not even the kernel's; `more` are further changes.
fn debian(name: &str, last: u8, (logins, more): (&str, &str)) -> String {
    format!(
        "\n[[host]]\nname = '{name}'\naddresses = ['{}']\nrecording = 'debian-12-old'\nlogins = [{logins}]\n{more}\n",
        at(last)
    )
}

/// A question, what is in its answer, and what is there instead.
type Edit = (&'static str, &'static str, &'static str);

const AUDIT: &str = "{ user = 'audit', key = 'demo' }";

/// Edits of a recording, as lines of a lab file.
fn edits(edits: &[(&str, &str, &str)]) -> String {
    let edits = edits.iter().map(|(question, find, with)| {
        format!("{{ question = {question:?}, find = {find:?}, with = {with:?} }}")
    });
    edits.collect::<Vec<_>>().join(", ")
}

fn changed(changes: &[(&str, &str, &str)]) -> String {
    format!("changes.edit = [{}]", edits(changes))
}

/// The kernel that waits in the recording is not there yet.
const NO_KERNEL: Edit = ("dpkg-packages", "6.1.123", "6.1.112");

/// All that is missing in the recording was installed, and the machine restarted.
const ALL_IN: &[Edit] = &[
    ("dpkg-packages", "\t1:9.2p1-2\t", "\t1:9.2p1-2+deb12u10\t"),
    ("dpkg-packages", "\t3.0.9-1\t", "\t3.0.19-1~deb12u2\t"),
    ("dpkg-packages", "\t7.88.1-10\t", "\t7.88.1-10+deb12u15\t"),
    ("dpkg-packages", "\t2.36-9\t", "\t2.36-9+deb12u13\t"),
    ("dpkg-packages", "\t252.6-1\t", "\t252.39-1~deb12u1\t"),
    ("uname", "6.1.0-27-amd64", "6.1.0-29-amd64"),
    ("uname", "6.1.115-1 (2024-11-01)", "6.1.123-1 (2025-01-02)"),
    ("reboot", "required\n", ""),
];

/// A Windows that is a machine of its own.
fn server(name: &str, last: u8, changes: &[(&str, &str, &str)]) -> String {
    let own = [
        ("machine-guid", "7adf0f7e", format!("7adf0f{last}")),
        ("hardware", "LKS-DDE2C0DB5B", format!("LKS-{name}")),
        ("hardware", "B3F16770", format!("B3F167{last}")),
        ("profiles", "3722625243", format!("37226252{last}")),
        ("adapters", "192.0.2.61", format!("192.0.2.{last}")),
        ("adapters", "fe80::c39c", format!("fe80::c3{last}")),
        ("adapters", "97:1F:58", format!("97:1F:{last}")),
        ("computer", "FILES-1", name.to_owned()),
        ("computer-name", "FILES-1", name.to_owned()),
        ("tcpip", "FILES-1", name.to_owned()),
        ("os", "FILES-1", name.to_owned()),
    ];
    let own: Vec<(&str, &str, &str)> = own.iter().map(|(a, b, c)| (*a, *b, &**c)).collect();
    let more = format!(
        "\n[host.changes]\nedit = [{}]",
        edits(&[changes, &own].concat())
    );
    windows(name, &at(last), ("5986", "windows-server-2022"), &more)
}

/// The package of June, which waits in the recording.
const WAITS: &str = "20348.5256.1.11\r\n    CurrentState    REG_DWORD    0x60";

/// No sign that a restart is due.
const NO_SIGNS: [Edit; 5] = [
    ("cbs", "RebootPending", "RebootDone"),
    ("cbs", "PackagesPending", "PackagesDone"),
    ("auto-update", "RebootRequired", "RebootDone"),
    (
        "cbs-packages",
        "REG_DWORD    0x65\r\n",
        "REG_DWORD    0x70\r\n",
    ),
    (
        "cbs-packages",
        "REG_DWORD    0x5\r\n",
        "REG_DWORD    0x0\r\n",
    ),
];

fn with_signs(changes: &[Edit]) -> Vec<Edit> {
    [changes, &NO_SIGNS].concat()
}

const NOT_IN: Edit = (
    "cbs-packages",
    WAITS,
    "20348.5256.1.11\r\n    CurrentState    REG_DWORD    0x0",
);
const IS_IN: Edit = (
    "cbs-packages",
    WAITS,
    "20348.5256.1.11\r\n    CurrentState    REG_DWORD    0x70",
);
const BUILD: Edit = (
    "current-version",
    "REG_DWORD    0x962",
    "REG_DWORD    0x1488",
);
const FILES: Edit = ("files", "10.0.20348.2402", "10.0.20348.5256");

fn lab(hosts: &[String]) -> String {
    format!("schema = 1\nname = \"verify\"\n{EVERY}{}", hosts.concat())
}

/// The network when it is scanned.
fn before() -> String {
    let old = changed(&[NO_KERNEL]);
    let names = [
        ("web", PATCHED),
        ("db", NOT_RESTARTED),
        ("vault", DENIED),
        ("shut", SHUT),
        ("gone", GONE),
        ("first", REPLACED),
        ("lazy", UNTOUCHED),
        ("never", LEFT_OUT),
    ];
    let debians = names.map(|(name, last)| debian(name, last, (AUDIT, &old)));
    let base = with_signs(&[NOT_IN]);
    let servers = [
        ("FILES", WINDOWS_PATCHED),
        ("PRINT", WINDOWS_NOT_RESTARTED),
        ("HALF", WINDOWS_BY_HALF),
    ];
    let servers = servers.map(|(name, last)| server(name, last, &base));
    lab(&[debians.concat(), servers.concat()])
}

/// The same network some days later.
fn after() -> String {
    let old = changed(&[NO_KERNEL]);
    let denied = format!("{old}\nchanges.exit = {{ dpkg-packages = 121 }}");
    lab(&[
        debian("web", PATCHED, (AUDIT, &changed(ALL_IN))),
        debian("db", NOT_RESTARTED, (AUDIT, "")),
        debian("vault", DENIED, (AUDIT, &denied)),
        debian("shut", SHUT, ("", &old)),
        debian("second", REPLACED, (AUDIT, &changed(ALL_IN))),
        debian("lazy", UNTOUCHED, (AUDIT, &old)),
        debian("never", LEFT_OUT, (AUDIT, &changed(ALL_IN))),
        server(
            "FILES",
            WINDOWS_PATCHED,
            &with_signs(&[IS_IN, BUILD, FILES]),
        ),
        server("PRINT", WINDOWS_NOT_RESTARTED, &[]),
        // The registry says yes, the files say no.
        server("HALF", WINDOWS_BY_HALF, &with_signs(&[IS_IN, BUILD])),
    ])
}

fn desk(site: &Site) -> Desk {
    let desk = Desk::new();
    desk.write("demo.key", &site.key("demo"));
    desk.write("windows-password", crate::support::PASSWORD);
    let own = credential("audit", "audit", "demo.key", "127.0.0.0/8");
    desk.write(
        "credentials.toml",
        &format!("{own}\n{}", logon("win", "127.0.0.0/8", "")),
    );
    desk
}

fn trust(desk: &Desk, site: &Site) {
    desk.write("known_hosts", &site.known_hosts());
    desk.write("ca.pem", &site.authority());
}

/// The states of `verify.csv`, by address and product.
fn states(table: &Table, product: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut states: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in table.rows_where("product", product) {
        let cell = |column| table.cell(row, column).to_owned();
        states.entry(cell("ip")).or_default().insert(cell("state"));
    }
    states
}

fn one(state: &str) -> BTreeSet<String> {
    BTreeSet::from([state.to_owned()])
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn patched_not_restarted_and_installed_by_half_are_told_apart_and_nobody_else_is_asked() {
    let site = Site::serve(&before());
    let (port, tls) = (site.port(22), site.port(5986));
    let desk = desk(&site);
    trust(&desk, &site);
    desk.expect(
        0,
        &format!(
            "scan {}-8 {}-13 --ports {port},{tls} --ssh-port {port} --winrm-tls-port {tls} --known-hosts known_hosts \
             --tls-ca ca.pem --fast --out base",
            at(1),
            at(11),
        ),
    );
    let base = desk.run_id();
    let findings = Table::open(&desk.path("base/findings.csv"));
    let is_open = |state: &str| ["missing", "pending_reboot", "inconsistent"].contains(&state);
    let open = findings.rows.iter();
    let open = open.filter(|row| is_open(findings.cell(row, "state")));
    let wanted: BTreeSet<&str> = open.map(|row| findings.cell(row, "finding_id")).collect();
    for last in [WINDOWS_PATCHED, WINDOWS_NOT_RESTARTED, WINDOWS_BY_HALF] {
        let own = findings.rows_where("ip", &at(last));
        let server = own
            .iter()
            .filter(|row| findings.cell(row, "product") == "Windows Server 2022");
        let states: BTreeSet<&str> = server.map(|row| findings.cell(row, "state")).collect();
        assert_eq!(states, BTreeSet::from(["missing"]), "{}", at(last));
    }
    drop(site);

    let site = Site::serve_at(&after(), port);
    assert_eq!(site.port(5986), tls);
    trust(&desk, &site);
    let silent = [port, tls].map(|port| deaf(at(GONE).parse::<IpAddr>().unwrap(), port));
    let asked = desk.expect(0, "verify --dry-run");
    assert!(
        asked.out.contains("dpkg-packages") && !asked.out.contains("listeners"),
        "{}",
        asked.out
    );
    assert!(site.seen().logins.is_empty());
    let exclude = format!("--exclude {}", at(LEFT_OUT));
    let ended = desk.expect(4, &format!("verify {exclude} --out again"));
    drop(silent);

    // Every finding that was open is in exactly one state.
    let table = Table::open(&desk.path("again/verify.csv"));
    let ids = table.values("finding_id");
    assert_eq!(ids.len(), wanted.len());
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), wanted);
    assert!(
        table
            .values("base_run_id")
            .iter()
            .all(|id| *id == base.to_string())
    );

    let openssl = states(&table, "openssl");
    assert_eq!(openssl[&at(PATCHED)], one("fixed"));
    assert_eq!(openssl[&at(NOT_RESTARTED)], one("missing"));
    assert_eq!(openssl[&at(UNTOUCHED)], one("missing"));
    assert_eq!(openssl[&at(DENIED)], one("unknown"));
    for last in [SHUT, GONE, REPLACED, LEFT_OUT] {
        assert_eq!(openssl[&at(last)], one("unreachable"), "{}", at(last));
    }
    let kernel = states(&table, "linux");
    assert_eq!(kernel[&at(PATCHED)], one("fixed"));
    assert_eq!(kernel[&at(NOT_RESTARTED)], one("pending_reboot"));
    assert_eq!(kernel[&at(UNTOUCHED)], one("missing"));
    let windows = states(&table, "Windows Server 2022");
    // What came before June is in June's.
    let closed = BTreeSet::from(["fixed".to_owned(), "superseded".to_owned()]);
    assert_eq!(windows[&at(WINDOWS_PATCHED)], closed);
    let june = table.rows_where("bulletin_id", "KB5094128");
    let patched = june
        .iter()
        .find(|row| table.cell(row, "ip") == at(WINDOWS_PATCHED));
    assert_eq!(table.cell(patched.unwrap(), "state"), "fixed");
    assert_eq!(windows[&at(WINDOWS_NOT_RESTARTED)], one("pending_reboot"));
    assert_eq!(windows[&at(WINDOWS_BY_HALF)], one("inconsistent"));

    // Both sorts of proof are shown, and what kept us from telling.
    let detail = |last: u8, column: &str| {
        let own = table.rows_where("ip", &at(last));
        table.cell(own[0], column).to_owned()
    };
    let proof = detail(WINDOWS_BY_HALF, "evidence");
    assert!(
        proof.contains("witness registry") && proof.contains("witness file"),
        "{proof}"
    );
    assert!(
        proof.contains("5256 installed: fixed") && proof.contains("revision 2402"),
        "{proof}"
    );
    assert!(detail(DENIED, "detail").contains("dpkg-packages: denied"));
    assert!(detail(SHUT, "detail").contains("auth_rejected"));
    assert!(detail(REPLACED, "detail").contains("another machine answers"));
    assert!(detail(GONE, "detail").contains("nobody answers"));
    assert!(detail(LEFT_OUT, "detail").contains("never_scan, --exclude"));

    // The counts say the same.
    let total: usize = table.rows.len();
    let counted: usize = [
        "fixed",
        "superseded",
        "pending_reboot",
        "inconsistent",
        "missing",
        "unknown",
        "unreachable",
    ]
    .iter()
    .map(|state| {
        let count = table.rows_where("state", state).len();
        assert!(
            ended.err.contains(&format!("{count} {state}")),
            "{state}: {}",
            ended.err
        );
        count
    })
    .sum();
    assert_eq!(counted, total);
    let mut names: Vec<String> = std::fs::read_dir(desk.path("again"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["access.csv", "coverage.csv", "manifest.json", "verify.csv"]
    );
    assert!(desk.read("again/manifest.json").contains("\"verified\""));

    // Whoever was left out heard nothing, and nobody was asked what decides nothing.
    let seen = site.seen();
    let visited: BTreeSet<String> = seen
        .logins
        .iter()
        .map(|one| one.at.ip().to_string())
        .collect();
    assert!(!visited.contains(&at(LEFT_OUT)), "{visited:?}");

    // The scan stays the latest run, with its history; the verification is written again as it was.
    assert_eq!(desk.run_id(), base);
    let runs = desk.store().list_runs().wait().unwrap();
    let verify = runs
        .iter()
        .find(|run| run.summary.kind == "verify")
        .unwrap()
        .summary
        .id
        .clone();
    desk.run(&format!("export {verify} --out later"));
    assert_eq!(desk.read("later/verify.csv"), desk.read("again/verify.csv"));
    desk.run("export --out base-again");
    assert_eq!(
        desk.read("base-again/findings.csv"),
        desk.read("base/findings.csv")
    );
    for command in ["plan", "unmanaged", "diff"] {
        let refused = desk.expect(2, &format!("{command} {verify}"));
        assert!(refused.err.contains("only verified"), "{}", refused.err);
    }
    let resumed = desk.expect(2, &format!("verify --resume {verify}"));
    assert!(resumed.err.contains("is finished"), "{}", resumed.err);

    // Only one machine, and all of it closed.
    desk.expect(0, "verify --host web --out one");
    let table = Table::open(&desk.path("one/verify.csv"));
    assert_eq!(
        table.values("state").into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from(["fixed"])
    );
    // Whatever it has closed, it has not come to its end.
    let (one, _) = verifications(&desk).pop().unwrap();
    let (id, later) = (RunId::new(&one), UtcTime::parse(LATER).unwrap());
    let ends = |state| desk.store().finish_run(&id, state, later).wait().unwrap();
    ends(RunState::Interrupted);
    desk.expect(3, &format!("export {one} --out one"));
    ends(RunState::Complete);
    desk.expect(0, &format!("export {one} --out one"));
    // One update only; what is open is below the threshold.
    desk.expect(
        0,
        "verify --host HALF,FILES --kb KB5094128 --fail-on critical --out two",
    );
    let table = Table::open(&desk.path("two/verify.csv"));
    let ips: BTreeSet<&str> = table.values("ip").into_iter().collect();
    assert_eq!(
        ips,
        BTreeSet::from([&*at(WINDOWS_PATCHED), &*at(WINDOWS_BY_HALF)])
    );
    desk.expect(2, "verify --host nobody");
    desk.expect(2, "verify --kb KB1");
    desk.expect(0, "verify --host web -o - --format jsonl");

    // A thinner catalogue holds none of it against anybody: that is no proof that it was fixed.
    desk.write("thin.json", THIN);
    desk.expect(0, "--catalog thin.db catalog import thin.json");
    let ended = desk.expect(3, "--catalog thin.db verify --host web --out thin");
    assert!(ended.err.contains(" 0 fixed"), "{}", ended.err);
    let table = Table::open(&desk.path("thin/verify.csv"));
    let states: BTreeSet<&str> = table.values("state").into_iter().collect();
    assert_eq!(states, BTreeSet::from(["unverified"]));
    let details = table.values("detail");
    assert!(details.iter().all(|why| why.starts_with("withdrawn: ")));
}

const LATER: &str = "2099-01-01T00:00:00Z";

/// All that a catalogue knows of Debian 12, made up.
const THIN: &str = r#"{"schema_version":"1.7.3","id":"DEBIAN-CVE-2099-0001","modified":"2099-01-01T00:00:00Z","published":"2099-01-01T00:00:00Z","upstream":["CVE-2099-0001"],"summary":"made up","affected":[{"package":{"ecosystem":"Debian:12","name":"dpkg"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0.1"}]}]}]}"#;

/// The runs that verified, the latest last, with how they stand.
fn verifications(desk: &Desk) -> Vec<(String, RunState)> {
    let runs = desk.store().list_runs().wait().unwrap().into_iter();
    let verify = runs.filter(|run| run.summary.kind == "verify");
    verify
        .map(|run| (run.summary.id.to_string(), run.summary.state))
        .collect()
}

/// Six machines that were scanned by a credential for their tag, and the words of that scan.
fn scanned_shop(net: u8) -> (Site, Desk, String) {
    let at = |last: u8| format!("127.94.{net}.{last}");
    let hosts = (1..=6).map(|last| {
        format!(
            "\n[[host]]\nname = 'm{last}'\naddresses = ['{}']\nrecording = 'debian-12-old'\n\
             logins = [{AUDIT}]\ndelay_ms = 40\n",
            at(last)
        )
    });
    let site = Site::serve(&lab(&[hosts.collect()]));
    let port = site.port(22);
    let desk = Desk::new();
    trust(&desk, &site);
    desk.write("demo.key", &site.key("demo"));
    // The tags of the target list choose the credential, in the second run too.
    let shop = credential("shop", "audit", "demo.key", "tag:shop");
    desk.write("credentials.toml", &shop);
    let lines = (1..=6).map(|last| format!("{} tags=shop owner=ada\n", at(last)));
    desk.write("targets.txt", &lines.collect::<String>());
    let scan = format!(
        "scan @targets.txt --ports {port} --ssh-port {port} --known-hosts known_hosts --hands 1"
    );
    desk.expect(0, &format!("{scan} --out base"));
    (site, desk, scan)
}

/// What the rows of `verify.csv` say.
fn told(table: &Table) -> Vec<Vec<String>> {
    let columns = ["ip", "finding_id", "state_before", "state", "detail"];
    let row = |row: &Vec<String>| columns.map(|name| table.cell(row, name).to_owned());
    table.rows.iter().map(|one| row(one).to_vec()).collect()
}

/// Kills a verification when it is done with so many machines: its run, and these.
fn killed_after(desk: &Desk, machines: usize) -> (String, BTreeSet<IpAddr>) {
    let finished = |run: &str| {
        let id = RunId::new(run);
        desk.store().finished_addresses(&id).wait().unwrap()
    };
    let earlier = verifications(desk).len();
    let mut child = desk.command("verify --hands 1 --out half").spawn().unwrap();
    loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        let own = verifications(desk);
        if own.len() > earlier && finished(&own[earlier].0).len() >= machines {
            break;
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    desk.end(child);
    let (run, state) = verifications(desk).pop().unwrap();
    assert_eq!(state, RunState::Running);
    let done = finished(&run).into_iter().collect();
    (run, done)
}

#[test]
fn killed_in_the_middle_and_resumed_every_finding_is_told_once() {
    let (site, desk, _) = scanned_shop(1);
    let findings = Table::open(&desk.path("base/findings.csv"));
    desk.expect(4, "verify --out whole");
    let whole = Table::open(&desk.path("whole/verify.csv"));
    let is_meant = |row: &&Vec<String>| {
        ["missing", "pending_reboot", "inconsistent"].contains(&findings.cell(row, "state"))
    };
    let meant = findings.rows.iter().filter(is_meant).count();
    assert!(meant > 6 && whole.rows.len() == meant, "{meant}");
    let mut states = whole.values("state").into_iter();
    assert!(states.all(|state| state != "unreachable"));
    for machines in [1, 3] {
        let (run, done) = killed_after(&desk, machines);
        assert!(done.len() < 6, "{done:?}");
        let visited = site.seen().logins.len();
        let out = format!("resumed-{machines}");
        let ended = desk.expect(4, &format!("verify --resume {run} --out {out}"));
        let resumed = Table::open(&desk.path(&format!("{out}/verify.csv")));
        assert_eq!(told(&resumed), told(&whole), "{}", ended.err);
        let again: BTreeSet<IpAddr> = site.seen().logins[visited..]
            .iter()
            .map(|one| one.at.ip())
            .collect();
        assert!(again.is_disjoint(&done), "{again:?} {done:?}");
        assert_eq!(again.len() + done.len(), 6);
        assert_eq!(verifications(&desk).pop(), Some((run, RunState::Complete)));
    }
}

/// Without it there is nothing to tell.
#[test]
fn what_a_run_that_is_kept_verified_is_kept_with_it() {
    let (_site, desk, scan) = scanned_shop(2);
    let base = desk.run_id();
    desk.expect(4, "verify --out whole");
    let whole = Table::open(&desk.path("whole/verify.csv"));
    desk.expect(0, &format!("{scan} --out later"));
    desk.expect(0, "runs prune --keep 1 --yes");
    let kept = verifications(&desk);
    let [(kept, _)] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    desk.run(&format!("export {kept} --out kept"));
    let table = Table::open(&desk.path("kept/verify.csv"));
    assert_eq!(told(&table), told(&whole));
    desk.expect(0, &format!("runs delete {base} --yes"));
    let ended = desk.expect(2, &format!("export {kept} --out gone"));
    assert!(ended.err.contains("not stored any more"), "{}", ended.err);
}
