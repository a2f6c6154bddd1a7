//! What the tables say of a Windows, and what would have to be installed.

use super::sample::{self, Run, day, finding, read};
use super::tests::{cell, exported, plain, rows};
use super::{Options, sample_windows, summary};
use crate::model::{
    BulletinId, Finding, FindingState, KbId, MachineRecord, Observed, PackageState, Remedy, Restart,
};
use std::sync::Arc;

#[test]
fn a_windows_is_what_its_records_say() {
    let run = sample::run(vec![sample_windows::windows("10.0.2.1", "srv1")]);
    let (memory, written) = exported(&run, &["csv"], &plain());
    let machine = |column| cell(&memory, "machines.csv", 0, column);
    for (column, expected) in [
        ("join_state", "domain"),
        ("domain", "corp.example"),
        ("os_family", "windows"),
        ("build", "20348"),
        ("ubr", "2402"),
        ("edition", "ServerStandard"),
        (
            "update_source",
            "http://wsus.corp.example:8530 (unsafe: http)",
        ),
        // What waits for a reboot is not in yet.
        ("last_update_date", "2024-04-10"),
        ("missing_count", "unknown"),
    ] {
        assert_eq!(machine(column), expected, "{column}");
    }
    let states: Vec<_> = written.counts.hotfixes.keys().copied().collect();
    assert_eq!(
        states,
        ["installed", "pending_reboot", "staged", "superseded"]
    );
    // The other is a Debian, with a source that is not signed.
    assert_eq!(written.counts.unsafe_sources, 2);
}

/// The rows of `remediation.csv` behind the run's id and their own.
fn remediation(run: &Run) -> Vec<Vec<String>> {
    let (memory, _) = exported(run, &["csv"], &plain());
    let rows = rows(&memory.text("remediation.csv"), b',');
    let rows = rows.into_iter().skip(1);
    rows.map(|row| row[2..].to_vec()).collect()
}

#[test]
fn an_update_is_one_step_for_all_machines_and_findings() {
    let run = sample::run(vec![
        sample_windows::judged("10.0.2.1", "srv1"),
        sample_windows::judged("10.0.2.2", "srv2"),
    ]);
    let rows = remediation(&run);
    let june = [
        "2026-06 cumulative update for Windows Server 2019",
        "Windows Server 2019",
        "2",
        // Two findings a machine; one flaw is in both of them.
        "4",
        "23",
        "1",
        "yes",
        "KB5005112",
        "KB5087538",
        "https://www.catalog.update.microsoft.com/Search.aspx?q=KB5094123",
        "",
        "",
        "",
        "/quiet /norestart",
    ];
    assert_eq!(rows[0], june);
    // Edge's has no article, and nobody knows of exploitation.
    let edge = rows.iter().find(|row| row[1] == "Microsoft Edge").unwrap();
    assert_eq!(edge[0], "Microsoft Edge 143.0.3650.66");
    assert_eq!(edge[5..7], ["unknown", "unknown"]);
    assert_eq!(
        edge[9..12],
        ["", "https://www.microsoft.com/edge", "189000000"]
    );
    assert_eq!(
        edge[12..],
        [format!("sha256:{}", "0f".repeat(32)), "/quiet".to_owned()]
    );
    let restart = rows.iter().find(|row| row[0] == "restart").unwrap();
    assert_eq!(restart[1..7], ["", "2", "2", "1", "0", "yes"]);
    assert_eq!(rows.len(), 3);
}

#[test]
fn products_that_share_an_update_share_a_step() {
    let mut client = sample_windows::judged("10.0.2.2", "pc");
    let mut findings = client.findings.to_vec();
    for finding in &mut findings {
        finding.product = finding.product.replace("Server 2019", "10 Version 1809");
        if let Some(remedy) = &mut finding.remedy {
            remedy.title = remedy.title.replace("Server 2019", "10 Version 1809");
        }
    }
    client.findings = Arc::new(findings);
    let server = sample_windows::judged("10.0.2.1", "srv1");
    let rows = remediation(&sample::run(vec![server, client]));
    assert_eq!(
        rows[0][..4],
        [
            "2026-06 cumulative update for Windows 10 Version 1809; \
             2026-06 cumulative update for Windows Server 2019",
            "Windows 10 Version 1809; Windows Server 2019",
            "2",
            "4"
        ]
    );
}

#[test]
fn the_highest_fixed_version_of_a_product_closes_the_others() {
    let openssl = |bulletin, fixed: &str, state| {
        let mut finding = finding("openssl", bulletin, state);
        finding.fixed = Some(fixed.to_owned());
        finding
    };
    let missing = FindingState::Missing;
    let bookworm = vec![
        openssl("CVE-1", "3.0.9-1+deb12u2", missing),
        openssl("CVE-2", "3.0.11-1~deb12u2", missing),
        openssl("CVE-3", "3.0.11-1~deb12u1", missing),
        openssl(
            "CVE-4",
            "3.0.11-1~deb12u2+esm1",
            FindingState::MissingNeedsSubscription,
        ),
    ];
    let bullseye = vec![openssl("CVE-1", "1.1.1w-0+deb11u1", missing)];
    let rows = remediation(&sample::run(vec![
        read("10.0.2.1", "a", bookworm),
        read("10.0.2.2", "b", bullseye),
    ]));
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (&*row[0], &*row[3], &*row[7]))
        .collect();
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[0], ("upgrade openssl to 3.0.11-1~deb12u2", "3", ""));
    assert!(shown.contains(&("upgrade openssl to 1.1.1w-0+deb11u1", "1", "")));
    assert!(shown.contains(&(
        "upgrade openssl to 3.0.11-1~deb12u2+esm1",
        "1",
        "a subscription (ESU, Pro, EUS, LTSS)"
    )));
}

/// A finding that an update of some month closes, which replaces others.
fn closed_by(kb: u32, state: FindingState, supersedes: &[&str]) -> Finding {
    let update = format!("KB{kb}");
    let mut finding = finding("Windows Server 2012 R2", &update, state);
    finding.cves = vec![format!("CVE-{kb}")];
    finding.kev.clone_from(&finding.cves);
    finding.remedy = Some(Box::new(Remedy {
        title: format!("2026-06 monthly rollup ({update})"),
        update,
        kb: Some(KbId(kb)),
        build: None,
        restart: Some(Restart::Yes),
        prerequisites: Vec::new(),
        supersedes: supersedes.iter().map(|one| (*one).to_owned()).collect(),
        download: None,
        download_size: None,
        download_hash: None,
        silent_switch: None,
    }));
    finding
}

/// What is said to be done next, and the rows of `remediation.csv`: title, machines, findings, exploited flaws, needs.
fn advice(run: &Run) -> (Vec<String>, Vec<[String; 5]>) {
    let (_, written) = exported(run, &["csv"], &plain());
    let words = summary(run, &written.counts);
    let (_, next) = words.split_once("What to do next\n").unwrap();
    let rows = remediation(run).into_iter();
    let rows = rows.map(|row| [0, 2, 3, 5, 7].map(|at| row[at].clone()));
    let lines = next.lines().map(|line| line.trim().to_owned());
    let fixes = lines.filter(|line| !line.contains("catalogue") && !line.contains("sweep"));
    (fixes.collect(), rows.collect())
}

#[test]
fn what_needs_a_subscription_says_so_and_comes_behind_what_can_be_done() {
    let esu = FindingState::MissingNeedsSubscription;
    let run = sample::run(vec![read(
        "10.0.2.1",
        "old",
        vec![
            closed_by(5_094_041, esu, &["KB5031419"]),
            closed_by(5_031_419, FindingState::Missing, &[]),
        ],
    )]);
    let (lines, rows) = advice(&run);
    assert_eq!(
        lines,
        [
            "3. Install KB5031419 on 1 machine: closes 1 finding (1 flaw, 1 known to be exploited)",
            "Not without a subscription (ESU, Pro, EUS, LTSS): 1 finding about KB5094041",
        ]
    );
    let row = |kb: &str, needs: &str| {
        [
            &format!("2026-06 monthly rollup ({kb})"),
            "1",
            "1",
            "1",
            needs,
        ]
        .map(str::to_owned)
    };
    let subscription = "a subscription (ESU, Pro, EUS, LTSS)";
    assert_eq!(rows, [row("KB5031419", ""), row("KB5094041", subscription)]);
    let (memory, _) = exported(&run, &["csv"], &plain());
    assert_eq!(
        cell(&memory, "findings.csv", 1, "fix"),
        "install KB5094041 (2026-06 monthly rollup) (needs a subscription)"
    );
}

#[test]
fn an_update_that_another_of_the_machine_replaces_is_not_advised() {
    let missing = FindingState::Missing;
    let both = vec![
        closed_by(5_094_041, missing, &["KB5031419"]),
        closed_by(5_031_419, missing, &[]),
    ];
    let alone = vec![closed_by(5_031_419, missing, &[])];
    let run = sample::run(vec![
        read("10.0.2.1", "both", both),
        read("10.0.2.2", "alone", alone),
    ]);
    let (lines, rows) = advice(&run);
    let said = [
        "3. Install KB5094041 on 1 machine: closes 2 findings (2 flaws, 2 known to be exploited)",
        "4. Install KB5031419 on 1 machine: closes 1 finding (1 flaw, 1 known to be exploited)",
    ];
    assert_eq!(lines, said);
    let counted: Vec<_> = rows.iter().map(|row| (&*row[1], &*row[2])).collect();
    assert_eq!(counted, [("1", "2"), ("1", "1")]);
}

#[test]
fn updates_that_replace_each_other_are_both_there() {
    let missing = FindingState::Missing;
    let both = vec![
        closed_by(1_000_001, missing, &["KB1000002"]),
        closed_by(1_000_002, missing, &["KB1000001"]),
    ];
    let (_, rows) = advice(&sample::run(vec![read("10.0.2.1", "a", both)]));
    assert_eq!(rows.len(), 2);
}

#[test]
fn packages_that_are_held_are_said_and_not_advised() {
    let holds = |address: &str, is_held: bool, products: &[&str]| {
        let findings = products.iter();
        let findings = findings.map(|one| finding(one, "CVE-1", FindingState::Missing));
        let mut machine = read(address, "web", findings.collect());
        let mut inventory = machine.inventory.as_deref().cloned().unwrap();
        let mut openssl = sample::package("openssl", PackageState::Installed);
        openssl.held = is_held;
        inventory.packages = Observed::Known(vec![openssl]);
        machine.inventory = Some(Arc::new(inventory));
        machine
    };
    let (lines, rows) = advice(&sample::run(vec![
        holds("10.0.2.1", true, &["openssl", "curl"]),
        holds("10.0.2.2", true, &["openssl"]),
    ]));
    assert_eq!(
        lines,
        [
            "3. Upgrade curl to 3.0.11-1~deb12u2 on 1 machine: closes 1 finding (1 flaw)",
            "Not before packages are released that are held: 2 findings about openssl",
        ]
    );
    assert_eq!(rows[0][0], "upgrade curl to 3.0.11-1~deb12u2");
    assert_eq!(
        rows[1][4],
        "the release of openssl, held on 2 of 2 machines"
    );
    // Where it is held on some of the machines only, the others can go on.
    let (lines, rows) = advice(&sample::run(vec![
        holds("10.0.2.1", true, &["openssl"]),
        holds("10.0.2.2", false, &["openssl"]),
    ]));
    assert_eq!(
        lines[0],
        "3. Upgrade openssl to 3.0.11-1~deb12u2 on 2 machines (held on 1 of them): closes 2 findings (1 flaw)"
    );
    assert_eq!(
        rows[0][4],
        "the release of openssl, held on 1 of 2 machines"
    );
}

#[test]
fn a_restart_is_advised_like_any_other_step() {
    let mut waits = finding("linux", "CVE-1", FindingState::PendingReboot);
    waits.kev.clone_from(&waits.cves);
    let curl = finding("curl", "CVE-2", FindingState::Missing);
    let (lines, rows) = advice(&sample::run(vec![read("10.0.2.1", "a", vec![curl, waits])]));
    assert_eq!(
        lines,
        [
            "3. Restart 1 machine: closes 1 finding (1 flaw, 1 known to be exploited)",
            "4. Upgrade curl to 3.0.11-1~deb12u2 on 1 machine: closes 1 finding (1 flaw)",
        ]
    );
    assert_eq!(
        (&*rows[0][0], &*rows[1][0]),
        ("restart", "upgrade curl to 3.0.11-1~deb12u2")
    );
}

#[test]
fn what_nothing_closes_is_no_step() {
    let states = [
        FindingState::NoFixYet,
        FindingState::WontFix,
        FindingState::EndOfLife,
        FindingState::Unknown,
        FindingState::Unverified,
        FindingState::Fixed,
        FindingState::Superseded,
        FindingState::NotApplicable,
    ];
    let findings = states.map(|state| finding("b", state.as_str(), state));
    let run = sample::run(vec![read("10.0.2.1", "a", findings.to_vec())]);
    assert!(remediation(&run).is_empty());
    // Half an answer is still something to do.
    let mut vague = finding("b", "CVE-1", FindingState::Missing);
    vague.fixed = None;
    let run = sample::run(vec![read("10.0.2.1", "a", vec![vague])]);
    assert_eq!(remediation(&run)[0][0], "update b");
}

#[test]
fn a_finding_says_what_to_install_and_what_was_looked_at() {
    let run = sample::run(vec![sample_windows::judged("10.0.2.1", "srv1")]);
    let no_users = Options {
        no_users: true,
        ..plain()
    };
    let (memory, _) = exported(&run, &["csv"], &no_users);
    let rows = rows(&memory.text("findings.csv"), b',');
    let column = |name: &str| rows[0].iter().position(|one| one == name).unwrap();
    let row = |bulletin: &str| rows.iter().find(|row| row[5] == bulletin).unwrap();
    let june = row("KB5094123");
    assert_eq!(
        june[column("fix")],
        "install KB5094123 (2026-06 cumulative update for Windows Server 2019) after KB5005112"
    );
    assert_eq!(june[column("epss")], "0.12345");
    assert!(june[column("cves")].ends_with("; (+2)"));
    assert_eq!(
        june[column("evidence")],
        "build 17763.8755; read by current-version; rule windows: build < that of the update; \
         record msrc-cvrf 2026-Jun; \
         witness file C:\\Windows\\System32\\ntoskrnl.exe 10.0.17763.8755: not fixed; \
         witness registry C:\\Users\\…\\update.log KB5094123 not listed"
    );
    let edge = row("CVE-2026-5001");
    assert_eq!(edge[column("fix")], "install Microsoft Edge 143.0.3650.66");
    assert_eq!(row("KB5101001")[column("fix")], "reboot");
    // The highest of several flaws is no single one's.
    let by_cve = |row| {
        (
            cell(&memory, "findings_cve.csv", row, "cve"),
            cell(&memory, "findings_cve.csv", row, "epss"),
        )
    };
    assert_eq!(by_cve(1), ("CVE-2026-30001".to_owned(), String::new()));
    let count = 1 + 2 + 22;
    assert_eq!(
        by_cve(count),
        ("CVE-2026-30002".to_owned(), "0.00052".to_owned())
    );
}

#[test]
fn a_record_that_the_files_belie_says_so_in_every_place() {
    let run = sample::run(vec![sample_windows::judged("10.0.2.1", "srv1")]);
    let (memory, written) = exported(&run, &["csv"], &plain());
    let rows = rows(&memory.text("hotfixes.csv"), b',');
    let found: Vec<_> = rows
        .iter()
        .skip(1)
        .map(|row| (&*row[4], &*row[7], &*row[11]))
        .collect();
    let expected = [
        (
            "RollupFix 17763.8511.1.9",
            "superseded",
            "RollupFix 17763.8755.1.4",
        ),
        (
            "RollupFix 17763.8644.1.2",
            "superseded",
            "RollupFix 17763.8755.1.4",
        ),
        ("RollupFix 17763.8755.1.4", "installed", ""),
        ("RollupFix 17763.8880.1.3", "staged", ""),
        ("KB4589208", "superseded", "unknown"),
        ("KB5087538", "inconsistent", ""),
    ];
    assert_eq!(found, expected);
    assert_eq!(written.counts.hotfixes.get("inconsistent"), Some(&1));
}

#[test]
fn a_windows_that_was_judged_counts_and_may_have_nothing_missing() {
    let judged = sample_windows::judged("10.0.2.1", "srv1");
    let counts = |machine: &MachineRecord| {
        let run = sample::run(vec![machine.clone()]);
        let (memory, _) = exported(&run, &["csv"], &plain());
        let columns = [
            "missing_count",
            "unknown_count",
            "worst_severity",
            "kev_count",
        ];
        columns.map(|column| cell(&memory, "machines.csv", 0, column))
    };
    assert_eq!(counts(&judged), ["3", "0", "high", "2"]);
    let mut clean = judged.clone();
    clean.findings = Arc::default();
    assert_eq!(counts(&clean), ["0", "0", "", "0"]);
    // Nobody knows what is installed.
    let mut unread = clean;
    let mut inventory = unread.inventory.as_deref().cloned().unwrap();
    inventory.windows = Some(Box::default());
    unread.inventory = Some(Arc::new(inventory));
    assert_eq!(counts(&unread), ["unknown"; 4]);
}

#[test]
fn a_component_stands_for_the_entry_that_says_it_worse() {
    let run = sample::run(vec![sample_windows::windows("10.0.2.1", "srv1")]);
    let (memory, _) = exported(&run, &["csv"], &plain());
    let rows = rows(&memory.text("software.csv"), b',');
    let rows = rows.iter().skip(1);
    let found: Vec<_> = rows
        .map(|row| (row[4].as_str(), row[5].as_str(), row[10].as_str()))
        .collect();
    let expected = [
        (".NET Framework 4.8", "4.8.04161", "dotnet_framework"),
        (".NET Runtime", "8.0.6", "dotnet_runtime"),
        ("7-Zip 23.01 (x64)", "23.01", "registry"),
        ("Chat", "1.2", "registry"),
        (
            "Microsoft 365 Apps for enterprise - de-de",
            "16.0.17328.20162",
            "office_click_to_run",
        ),
        (
            "Microsoft Office Standard 2016",
            "16.0.4266.1001",
            "registry",
        ),
        ("Microsoft Word", "16.0.5443.1000", "office_msi"),
        ("SQL Server (MSSQLSERVER)", "15.0.4430.1", "sql_server"),
        ("SQL Server 2019 Client Tools", "15.0.2000.5", "registry"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_end_of_support_is_told_of_software_that_the_catalogue_has_dates_of() {
    let mut machine = sample_windows::windows("10.0.2.1", "srv1");
    let dated = |bulletin: &str, (product, installed): (&str, &str), end: &str, state| {
        let mut finding = finding(product, bulletin, state);
        finding.bulletin = BulletinId::new(bulletin);
        finding.installed = installed.to_owned();
        finding.support_ends = Some(day(end));
        finding
    };
    let sql = ("SQL Server (MSSQLSERVER)", "15.0.4430.1");
    let to_come = FindingState::NotApplicable;
    let mut zip = dated(
        "end-of-life:7zip:23",
        ("7-zip", "23.01"),
        "2026-01-01",
        to_come,
    );
    zip.packages = vec!["7-Zip 23.01 (x64)".to_owned()];
    "programs".clone_into(&mut zip.evidence.question);
    let mut findings = machine.findings.to_vec();
    findings.extend([
        dated("end-of-life:mssqlserver:15.0", sql, "2030-01-08", to_come),
        dated(
            "end-of-life:dotnet:8",
            (".NET 8.0", "8.0.6"),
            "2026-11-10",
            FindingState::EndOfLife,
        ),
        zip,
    ]);
    machine.findings = Arc::new(findings);
    let run = sample::run(vec![machine, read("10.0.2.2", "web", Vec::new())]);
    let (memory, _) = exported(&run, &["csv"], &plain());
    let rows = rows(&memory.text("software.csv"), b',');
    let column = |name: &str| rows[0].iter().position(|one| one == name).unwrap();
    let (name, end, cpe) = (column("name"), column("eol"), column("cpe"));
    let found: Vec<_> = rows
        .iter()
        .skip(1)
        .map(|row| (&*row[name], &*row[end]))
        .collect();
    let expected = [
        (".NET Framework 4.8", "unknown"),
        (".NET Runtime", "2026-11-10"),
        ("7-Zip 23.01 (x64)", "2026-01-01"),
        ("Chat", "unknown"),
        ("Microsoft 365 Apps for enterprise - de-de", "unknown"),
        ("Microsoft Office Standard 2016", "unknown"),
        ("Microsoft Word", "unknown"),
        ("SQL Server (MSSQLSERVER)", "2030-01-08"),
        ("SQL Server 2019 Client Tools", "unknown"),
        ("bash", "unknown"),
        ("openssl", "unknown"),
    ];
    assert_eq!(found, expected);
    // No feed has any, and that is not nothing.
    assert!(rows.iter().skip(1).all(|row| row[cpe] == "unknown"));
}
