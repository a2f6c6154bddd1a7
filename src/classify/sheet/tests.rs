//! Edited tables: what they change, and what they must not.

use super::*;
use crate::classify::{Annotations, Exceptions, MachineFacts, Measures, Subject, decide};
use crate::model::{
    Annotation, BulletinId, Confidence, Date, Decision, Evidence, Exception, ExceptionId,
    ExceptionScope, Finding, FindingState, Fingerprint, MachineId, MachineRecord, Severity,
    UtcTime, WorkStatus,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn now() -> UtcTime {
    UtcTime::parse("2026-11-30T12:00:00Z").unwrap()
}

fn finding(bulletin: &str) -> Finding {
    Finding {
        bulletin: BulletinId::new(bulletin),
        title: String::new(),
        product: "openssl".to_owned(),
        packages: Vec::new(),
        installed: "1.0".to_owned(),
        fixed: None,
        state: FindingState::Missing,
        confidence: Confidence::High,
        severity: Some(Severity::High),
        cvss_tenths: None,
        impacts: Vec::new(),
        cwes: Vec::new(),
        cves: vec![bulletin.to_owned()],
        kev: Vec::new(),
        kev_checked: true,
        kev_due: None,
        support_ends: None,
        epss: None,
        remedy: None,
        evidence: Evidence {
            observed: String::new(),
            question: String::new(),
            rule: String::new(),
            record: String::new(),
            witnesses: Vec::new(),
        },
    }
}

/// A site with one machine, what is written down there, and what was granted.
#[derive(Clone)]
struct Site {
    machine: MachineRecord,
    annotations: Vec<Annotation>,
    exceptions: Vec<Exception>,
}

impl Site {
    fn new(bulletins: &[&str]) -> Self {
        let findings = bulletins.iter().map(|bulletin| finding(bulletin)).collect();
        let machine = MachineRecord {
            id: MachineId::new("m-0123456789ab"),
            addresses: vec!["10.0.0.1".parse().unwrap()],
            target_name: Some("web-1".to_owned()),
            tags: vec!["owner=ada".to_owned()],
            outcome: "scanned_full".to_owned(),
            failure: None,
            credential: None,
            host_key: None,
            same_key: Vec::new(),
            inventory: None,
            findings: Arc::new(findings),
            decided: None,
            history: BTreeMap::new(),
            access: Vec::new(),
            services: Vec::new(),
            clues: Vec::new(),
            fingerprint: Fingerprint::default(),
            intermediary: None,
            also: Vec::new(),
            listed_name: String::new(),
            listed_owner: String::new(),
            is_claimed: false,
            standing: None,
            usual_hours: String::new(),
            end_of_life: None,
            first_seen: day("2026-11-01"),
            last_seen: now(),
        };
        Self {
            machine,
            annotations: Vec::new(),
            exceptions: Vec::new(),
        }
    }

    fn id(&self, place: usize) -> FindingId {
        let finding = &self.machine.findings[place];
        FindingId::of(&self.machine.id, &finding.product, &finding.bulletin)
    }

    fn decisions(&self) -> Vec<Decision> {
        let facts = MachineFacts::of(&self.machine);
        let today = now().date();
        let written = Annotations::new(self.annotations.clone());
        let exceptions = Exceptions::new(self.exceptions.clone(), today);
        let findings = self.machine.findings.iter();
        let decisions = findings.map(|finding| {
            let subject = Subject::new(finding, &facts, today).with(written.of(finding, &facts));
            let holding = exceptions.holding(finding, &facts);
            Decision {
                exception: holding.map(|one| one.id.clone()),
                until: holding.map(|one| one.until),
                ..decide(&Measures::default(), &subject, today)
            }
        });
        decisions.collect()
    }

    fn wants(&self, table: &str) -> Wanted {
        self.wants_bytes(table.as_bytes())
    }

    fn wants_bytes(&self, table: &[u8]) -> Wanted {
        let sheet = read(table, &[]).unwrap();
        let terms = Terms {
            site: "default".to_owned(),
            operator: "op".to_owned(),
            now: now(),
            reason: None,
        };
        let mut comparer = Comparer::new(sheet, terms);
        let facts = MachineFacts::of(&self.machine);
        let exceptions = Exceptions::new(self.exceptions.clone(), now().date());
        for (finding, decision) in self.machine.findings.iter().zip(&self.decisions()) {
            let holding: Vec<Exception> =
                exceptions.all_holding(finding, &facts).cloned().collect();
            let facts = &facts;
            let holding = &holding;
            comparer.look(&ShownFinding {
                facts,
                finding,
                decision,
                holding,
            });
        }
        comparer.finish()
    }

    fn apply(&mut self, wanted: Wanted) {
        for new in wanted.annotations {
            self.annotations.retain(|old| old.finding != new.finding);
            if !new.is_empty() {
                self.annotations.push(new);
            }
        }
        for old in &mut self.exceptions {
            if wanted.taken_back.contains(&old.id) {
                old.taken_back = Some(now());
            }
        }
        self.exceptions.extend(wanted.granted);
    }

    /// The table as an export shows it; `day` writes a day as a spreadsheet would.
    fn table(&self, comma: char, day: impl Fn(Date) -> String) -> String {
        let header = [
            "finding_id",
            "owner",
            "status",
            "my_severity",
            "exception_until",
        ];
        let mut text = header.join(&comma.to_string());
        for (place, decision) in self.decisions().iter().enumerate() {
            let severity = decision.my_severity.map_or("", Severity::as_str);
            let cells = [
                self.id(place).to_string(),
                decision.owner().unwrap_or("ada").to_owned(),
                decision.status().map_or("", WorkStatus::as_str).to_owned(),
                severity.to_owned(),
                decision.until.map(&day).unwrap_or_default(),
            ];
            let cells = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            text.push_str("\r\n");
            text.push_str(&cells.join(&comma.to_string()));
        }
        text
    }
}

fn changes(wanted: &Wanted) -> Vec<(SheetField, &str, &str)> {
    let all = wanted.changes.iter();
    all.map(|one| (one.column, one.before.as_str(), one.after.as_str()))
        .collect()
}

fn complaints(wanted: &Wanted) -> Vec<&str> {
    wanted
        .complaints
        .iter()
        .map(|one| one.what.as_str())
        .collect()
}

#[test]
fn what_differs_is_a_change_and_the_second_time_nothing_differs() {
    let mut site = Site::new(&["CVE-1", "CVE-2"]);
    let (one, two) = (site.id(0), site.id(1));
    let table = format!(
        "run_id,finding_id,title,owner,status,my_severity,exception_until,reason\n\
         r-1,{two},x,bob,In Progress,critical,,\n\
         r-1,{one},x,ada,accepted,high,30.11.2027,\"to be replaced, in spring\"\n"
    );
    let wanted = site.wants(&table);
    assert_eq!(complaints(&wanted), [""; 0]);
    assert_eq!(
        changes(&wanted),
        [
            (SheetField::Owner, "ada", "bob"),
            (SheetField::Status, "", "in_progress"),
            (SheetField::MySeverity, "high", "critical"),
            (SheetField::Status, "", "accepted"),
            (SheetField::ExceptionUntil, "", "2027-11-30"),
        ]
    );
    let granted = &wanted.granted[0];
    assert_eq!(granted.reason, "to be replaced, in spring");
    assert_eq!(
        (granted.owner.as_str(), &granted.versions),
        ("ada", &vec!["1.0".to_owned()])
    );
    assert_eq!(granted.scope.finding, Some(one));
    site.apply(wanted);
    let again = site.wants(&table);
    assert_eq!((changes(&again), complaints(&again)), (vec![], vec![]));
    assert_eq!(again.unchanged, 2);
    let decision = &site.decisions()[1];
    assert_eq!(decision.my_severity, Some(Severity::Critical));
    assert_eq!(decision.rule, "spreadsheet");
}

#[test]
fn an_emptied_cell_takes_back_what_was_written_and_no_more() {
    let mut site = Site::new(&["CVE-1"]);
    let id = site.id(0);
    let header = "finding_id,owner,status,my_severity,exception_until,reason\n";
    let full = format!("{header}{id},bob,assigned,low,2027-01-31,slow vendor\n");
    site.apply(site.wants(&full));
    let empty = format!("{header}{id},,,,,\n");
    let wanted = site.wants(&empty);
    assert_eq!(
        changes(&wanted),
        [
            (SheetField::Owner, "bob", "ada"),
            (SheetField::Status, "assigned", ""),
            (SheetField::MySeverity, "low", "(by the policy)"),
            (SheetField::ExceptionUntil, "2027-01-31", ""),
        ]
    );
    site.apply(wanted);
    assert!(site.annotations.is_empty());
    let again = site.wants(&empty);
    assert_eq!(changes(&again), []);
    assert!(
        again.notes[0].contains("2 emptied cells"),
        "{:?}",
        again.notes
    );
    assert_eq!(site.decisions()[0].my_severity, Some(Severity::High));
}

#[test]
fn a_severity_that_exports_show_can_be_written() {
    let mut site = Site::new(&["CVE-1"]);
    let id = site.id(0);
    let wanted = site.wants(&format!("finding_id,my_severity\n{id},Negligible\n"));
    assert_eq!(complaints(&wanted), [""; 0]);
    site.apply(wanted);
    assert_eq!(site.decisions()[0].my_severity, Some(Severity::Negligible));
}

#[test]
fn another_day_replaces_the_exception_with_its_owner_and_reason() {
    let mut site = Site::new(&["CVE-1"]);
    let id = site.id(0);
    let sheet = |until| format!("finding_id;exception_until;reason\n{id};{until};slow vendor\n");
    site.apply(site.wants(&sheet("2027-01-31")));
    let later = site.wants(&format!("finding_id\texception_until\n{id}\t2027-06-30\n"));
    assert_eq!(complaints(&later), [""; 0]);
    assert_eq!(later.taken_back, [site.exceptions[0].id.clone()]);
    assert_eq!(later.granted[0].reason, "slow vendor");
    site.apply(later);
    assert_eq!(site.decisions()[0].until, Some(day("2027-06-30")));
}

#[test]
fn what_cannot_be_decided_is_a_complaint_with_its_row() {
    let site = Site::new(&["CVE-1"]);
    let id = site.id(0);
    let long = "x".repeat(300);
    for (columns, cells, what) in [
        (
            "status",
            "wip".to_owned(),
            "`wip` is no status: new, assigned",
        ),
        ("my_severity", "awful".to_owned(), "`awful` is no severity"),
        ("owner", long, "300 letters are too many"),
        ("owner", "\"a\nb\"".to_owned(), "in one line"),
        ("owner", "a\u{202e}b".to_owned(), "cannot be seen"),
        ("exception_until", "soon".to_owned(), "`soon` is no day"),
        (
            "exception_until",
            "03/11/2027".to_owned(),
            "2027-11-03 or 2027-03-11",
        ),
        (
            "exception_until",
            "2026-11-29".to_owned(),
            "is over: it is 2026-11-30",
        ),
        ("exception_until", "2027-01-31".to_owned(), "has a reason"),
        ("status", "accepted".to_owned(), "say until when"),
    ] {
        let wanted = site.wants(&format!("finding_id,{columns}\n{id},{cells}\n"));
        assert!(
            complaints(&wanted)[0].contains(what),
            "{cells}: {:?}",
            wanted.complaints
        );
        assert_eq!(wanted.complaints[0].row.number, 2);
        assert_eq!(
            (wanted.changes.len(), wanted.annotations.len()),
            (0, 0),
            "{cells}"
        );
    }
    let mut nobodys = site.clone();
    nobodys.machine.tags.clear();
    let table = format!("finding_id,exception_until,reason\n{id},2027-01-31,why\n");
    assert!(complaints(&nobodys.wants(&table))[0].contains("has an owner"));
}

#[test]
fn rows_that_nobody_can_place_are_told_and_totals_are_not() {
    let site = Site::new(&["CVE-1"]);
    let id = site.id(0);
    let wanted = site.wants(&format!(
        "finding_id,state,owner\n{id},missing,bob\nf-0000000000000000,missing,x\nf-1,missing,x\n,,\n,,12\n\
         f-1111111111111111,fixed,x\n"
    ));
    let rows: Vec<u64> = wanted.complaints.iter().map(|one| one.row.number).collect();
    assert_eq!(rows, [3, 4, 6]);
    assert_eq!(wanted.changes.len(), 1);
    // The same twice is the same, and twice something else is nothing.
    let twice = format!("finding_id,owner\n{id},bob\n{id},bob\n");
    assert_eq!(site.wants(&twice).changes.len(), 1);
    let other = site.wants(&format!("finding_id,owner\n{id},bob\n{id},eve\n"));
    assert!(complaints(&other)[0].contains("is in row 2 as well"));
    assert_eq!(other.changes.len(), 0);
}

#[test]
fn an_exception_for_many_is_not_ended_by_one_cell() {
    let mut site = Site::new(&["CVE-1", "CVE-2"]);
    site.exceptions.push(Exception {
        id: ExceptionId::new("e-1"),
        scope: ExceptionScope {
            bulletin: Some("*".to_owned()),
            ..ExceptionScope::default()
        },
        versions: vec!["1.0".to_owned()],
        owner: "eve".to_owned(),
        reason: "all of it".to_owned(),
        granted: now(),
        granted_by: "op".to_owned(),
        until: day("2027-01-31"),
        taken_back: None,
    });
    let id = site.id(0);
    for until in ["", "2027-02-28"] {
        let wanted = site.wants(&format!("finding_id,exception_until\n{id},{until}\n"));
        assert!(complaints(&wanted)[0].contains("except expire e-1"));
    }
    let same = site.wants(&format!("finding_id,exception_until\n{id},1/31/27\n"));
    assert_eq!((same.complaints.len(), same.changes.len()), (0, 0));
}

#[test]
fn what_was_left_out_or_lost_on_the_way_is_no_edit() {
    let mut site = Site::new(&["CVE-1"]);
    let id = site.id(0);
    let table = |owner: &str| format!("finding_id,owner\n{id},\"{owner}\"\n").into_bytes();
    let unchanged = |site: &Site, table: &[u8]| changes(&site.wants_bytes(table)).is_empty();
    assert!(unchanged(&site, &table("…")));
    site.machine.tags = vec!["owner=+49 30 1".to_owned()];
    assert!(unchanged(&site, &table("'+49 30 1")));
    site.machine.tags = vec!["owner=Łukasz Müller".to_owned()];
    let western = [
        &table("?ukasz M")[..table("?ukasz M").len() - 2],
        b"\xfcller\"\n",
    ]
    .concat();
    assert!(unchanged(&site, &western));
    assert!(!unchanged(&site, &table("?ukasz Müller")));
}

#[test]
fn columns_are_found_by_name_or_by_the_operators_word() {
    let site = Site::new(&["CVE-1"]);
    let id = site.id(0);
    let table = format!("Finding ID,Owner,Responsible\n{id},x,y\n");
    let owner = |flag: &str| {
        let sheet = read(table.as_bytes(), &[SheetMap::parse(flag).unwrap()]);
        sheet.map(|sheet| sheet.rows[0].owner.clone().unwrap())
    };
    assert_eq!(owner("owner=responsible").unwrap(), "y");
    assert_eq!(owner("owner=#2").unwrap(), "x");
    let error = owner("owner=nobody").unwrap_err().to_string();
    assert!(
        error.contains("found: Finding ID,Owner,Responsible"),
        "{error}"
    );
    let two = read(b"finding_id,owner,Owner\nf-1,a,b\n", &[]).unwrap_err();
    assert!(two.to_string().contains("#2 and #3 are both called owner"));
    assert!(read(b"finding_id,title\nf-1,a\n", &[]).is_err());
    assert_eq!(SheetMap::parse("colour=Owner"), None);
}

fn written() -> impl Strategy<Value = (Option<String>, usize, usize)> {
    (
        proptest::option::of("[a-zA-Zäöü'+=@\"][ -~]{0,8}[a-z]"),
        0..8_usize,
        0..5_usize,
    )
}

proptest! {
    #[test]
    fn a_sheet_that_nobody_edited_changes_nothing(
        written in proptest::collection::vec(written(), 4),
        until in proptest::option::of(0..400_i64),
        form in 0..4_usize,
    ) {
        let mut site = Site::new(&["CVE-1", "CVE-2", "CVE-3", "CVE-4"]);
        let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        for (place, (owner, status, severity)) in written.into_iter().enumerate() {
            let annotation = Annotation {
                finding: site.id(place),
                owner,
                status: WorkStatus::ALL.get(status).copied(),
                my_severity: severities.get(severity).copied(),
                written_by: "op".to_owned(),
                written: now(),
            };
            if !annotation.is_empty() {
                site.annotations.push(annotation);
            }
        }
        if let Some(days) = until {
            let sheet = format!(
                "finding_id,exception_until,reason\n{},{},why\n",
                site.id(0),
                now().date().plus_days(days)
            );
            let granted = site.wants(&sheet);
            site.apply(granted);
        }
        let parts = |day: Date| -> Vec<String> {
            day.to_string().split('-').map(str::to_owned).collect()
        };
        let day = |day: Date| match form {
            0 => day.to_string(),
            1 => format!("{}.{}.{}", parts(day)[2], parts(day)[1], parts(day)[0]),
            2 => format!("{}/{}/{}", parts(day)[1], parts(day)[2], parts(day)[0]),
            _ => format!("{}/{}/{}", parts(day)[2], parts(day)[1], parts(day)[0].split_at(2).1),
        };
        for comma in [',', ';', '\t'] {
            let wanted = site.wants(&site.table(comma, day));
            prop_assert_eq!(&wanted.complaints, &[]);
            prop_assert_eq!(&wanted.changes, &[]);
            prop_assert_eq!(&wanted.annotations, &[]);
        }
    }

    #[test]
    fn no_table_makes_it_panic(cells in "[a-z0-9,;\"\n\t/-]{0,200}") {
        let site = Site::new(&["CVE-1"]);
        let table = format!("finding_id,owner,status,my_severity,exception_until\n{},{cells}", site.id(0));
        if let Ok(sheet) = read(table.as_bytes(), &[]) {
            prop_assert!(sheet.rows.len() < 200);
        }
    }
}
