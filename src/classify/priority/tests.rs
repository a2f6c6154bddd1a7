//! Weighing findings: days, rules, ranks and exceptions, by table and against the slow way.

use super::*;
use crate::classify::Policy;
use crate::model::{
    Annotation, BulletinId, Confidence, Epss, Evidence, Exception, ExceptionId, ExceptionScope,
    ExceptionState, FindingHistory, FindingId, Fingerprint, MachineId, MachineRecord, UtcTime,
    WorkStatus,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn finding(bulletin: &str, severity: Option<Severity>) -> Finding {
    Finding {
        bulletin: BulletinId::new(bulletin),
        title: String::new(),
        product: "openssl".to_owned(),
        packages: Vec::new(),
        installed: "1.0".to_owned(),
        fixed: None,
        state: FindingState::Missing,
        confidence: Confidence::High,
        severity,
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

fn machine(name: &str, address: &str, tags: &[&str]) -> MachineRecord {
    MachineRecord {
        id: MachineId::from_key("default", "address", address),
        addresses: vec![address.parse().unwrap()],
        target_name: Some(name.to_owned()),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        outcome: "scanned_full".to_owned(),
        failure: None,
        credential: None,
        host_key: None,
        same_key: Vec::new(),
        inventory: None,
        findings: Arc::default(),
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
        last_seen: UtcTime::from_unix(1_800_000_000),
    }
}

fn measures(text: &str) -> Measures {
    Policy::parse(text).unwrap().measures
}

/// What a policy makes of a finding that was first seen on a day.
fn decided(text: &str, finding: &Finding, (first, today): (&str, &str)) -> Decision {
    let machine = machine("web-1", "10.0.0.1", &["criticality=high"]);
    let facts = MachineFacts::of(&machine);
    let subject = Subject::new(finding, &facts, day(first));
    decide(&measures(text), &subject, day(today))
}

fn due(days: &str, first: &str) -> String {
    let text = format!("[due]\ncritical = \"{days}\"\nholidays = [\"2026-12-25\", 2027-01-01]");
    let finding = finding("CVE-1", Some(Severity::Critical));
    let due = decided(&text, &finding, (first, first)).due;
    due.unwrap().to_string()
}

#[test]
fn days_are_counted_from_the_day_after_the_first() {
    // 2026-12-24 is a Thursday, the 25th a holiday.
    for (days, first, last) in [
        ("0", "2026-12-24", "2026-12-24"),
        ("14", "2026-12-24", "2027-01-07"),
        ("2 weeks", "2026-12-24", "2027-01-07"),
        ("1 business", "2026-12-24", "2026-12-28"),
        ("3 business days", "2026-12-24", "2026-12-30"),
        ("5 business", "2026-12-24", "2027-01-04"),
        ("3 business", "2026-12-26", "2026-12-30"),
        ("0 business", "2026-12-26", "2026-12-26"),
        ("month", "2027-01-31", "2027-02-28"),
        ("1 month", "2028-01-31", "2028-02-29"),
        ("1 year", "2028-02-29", "2029-02-28"),
        ("quarter", "2026-11-30", "2027-02-28"),
        ("1", "2028-02-28", "2028-02-29"),
        ("1", "2027-02-28", "2027-03-01"),
        ("1 business", "2028-02-28", "2028-02-29"),
        ("1 month", "2027-12-31", "2028-01-31"),
        ("1 month", "2028-03-31", "2028-04-30"),
        ("12 months", "2028-02-29", "2029-02-28"),
        ("48 months", "2028-02-29", "2032-02-29"),
        ("1", "2027-12-31", "2028-01-01"),
        ("1 business", "2027-12-31", "2028-01-03"),
        ("100", "9999-12-30", "9999-12-31"),
        ("100 business", "9999-12-30", "9999-12-31"),
    ] {
        assert_eq!(due(days, first), last, "{days} from {first}");
    }
}

#[test]
fn a_day_is_a_day_in_utc_wherever_the_clock_stands() {
    // Half past one at night in Berlin is still the day before in UTC.
    let moment = UtcTime::parse("2026-12-25T01:30:00+02:00").unwrap();
    assert_eq!(moment.date(), day("2026-12-24"));
    // The night in which clocks are put back has as many days as any other.
    assert_eq!(due("1", "2026-10-24"), "2026-10-25");
    assert_eq!(day("2026-10-24").days_until(day("2026-10-26")), 2);
}

#[test]
fn a_clock_that_jumps_puts_nothing_off() {
    let policy = "[due]\nhigh = 14";
    let finding = finding("CVE-1", Some(Severity::High));
    let at = |first, today| {
        let decision = decided(policy, &finding, (first, today));
        (
            decision.due.unwrap().to_string(),
            decision.days_left.unwrap(),
        )
    };
    assert_eq!(at("2026-11-01", "2026-11-30"), ("2026-11-15".into(), -15));
    // Seen by a clock that was ahead: counted from today.
    assert_eq!(at("2040-01-01", "2026-11-30"), ("2026-12-14".into(), 14));
    // Judged by a clock that is behind.
    assert_eq!(at("2026-11-01", "2020-01-01"), ("2020-01-15".into(), 14));
}

#[test]
fn the_first_rule_that_fits_decides() {
    let policy = r#"
        [[severity]]
        id = "one-host"
        host = ["db-*", "10.0.0.0/30"]
        product = "OpenSSL"
        lower = 1
        reason = "behind a proxy"

        [[severity]]
        id = "all"
        bulletin = "*"
        set = "critical"
        reason = "to be sure"
    "#;
    let decision = decided(
        policy,
        &finding("CVE-1", Some(Severity::High)),
        ("2026-11-01", "2026-11-02"),
    );
    assert_eq!(decision.my_severity, Some(Severity::Medium));
    assert_eq!(decision.rule, "one-host");
    let mut other = finding("CVE-1", Some(Severity::High));
    other.product = "curl".to_owned();
    let decision = decided(policy, &other, ("2026-11-01", "2026-11-02"));
    assert_eq!(decision.my_severity, Some(Severity::Critical));
    assert_eq!(decision.rule, "all");
    let machine = machine("web-1", "10.0.0.1", &[]);
    let facts = MachineFacts::of(&machine);
    let fitting = rules_that_fit(&measures(policy), &finding("CVE-1", None), &facts);
    assert_eq!(fitting, [0, 1]);
}

#[test]
fn what_a_rule_asks_for_must_all_hold() {
    let mut known = finding("CVE-2024-6387", Some(Severity::Medium));
    known.kev = known.cves.clone();
    known.epss = Some(Epss(60_000));
    known.cvss_tenths = Some(81);
    known.impacts = vec!["elevation_of_privilege".to_owned()];
    known.cwes = vec!["CWE-364".to_owned(), "CWE-787".to_owned()];
    let fits = |condition: &str| {
        let text = format!("[[severity]]\nid = 'x'\nset = 'low'\nreason = 'y'\n{condition}");
        let decision = decided(&text, &known, ("2026-11-01", "2026-11-01"));
        decision.rule == "x"
    };
    for condition in [
        "bulletin = 'cve-2024-*'",
        "bulletin = ['CVE-1', 'CVE-2024-6387']",
        "kev = true",
        "epss_at_least = 0.6",
        "cvss_at_least = 8.1",
        "state = ['missing', 'inconsistent']",
        "tag = 'criticality=*'",
        "host = '10.0.0.1'",
        "host = 'WEB-?'",
        "vendor_severity = 'moderate'",
        "kev = true\nproduct = 'open*'",
        "cwe = 'cwe-787'",
        "cwe = ['CWE-79', 'CWE-36*']",
        "cwe = 'CWE-00364'",
        "cwe = 'CWE-*'",
        "impact = 'elevation_of_privilege'",
        "impact = ['spoofing', 'Elevation of Privilege']",
    ] {
        assert!(fits(condition), "{condition}");
    }
    for condition in [
        "bulletin = 'CVE-2024-638'",
        "kev = false",
        "epss_at_least = 0.61",
        "cvss_at_least = 9",
        "state = 'unknown'",
        "tag = 'exposure=internet'",
        "host = '10.0.1.0/24'",
        "kev = true\nproduct = 'curl'",
        "cwe = 'CWE-78'",
        "cwe = ['CWE-79', 'CWE-3640']",
        "impact = 'remote_code_execution'",
        "impact = 'elevation_of_privilege'\ncwe = 'CWE-79'",
    ] {
        assert!(!fits(condition), "{condition}");
    }
    // What nobody stated fits nothing, not even everything that can be stated.
    let unstated = finding("CVE-1", Some(Severity::Medium));
    for condition in ["cwe = 'CWE-*'", "impact = 'spoofing'"] {
        let text = format!("[[severity]]\nid = 'x'\nset = 'low'\nreason = 'y'\n{condition}");
        let decision = decided(&text, &unstated, ("2026-11-01", "2026-11-01"));
        assert_eq!(decision.rule, "", "{condition}");
    }
}

#[test]
fn severities_stop_at_both_ends_and_what_nobody_rates_is_not_raised() {
    use Severity as S;
    let at = |effect: Effect, from| effect.on(from);
    assert_eq!(at(Effect::Raise(1), Some(S::High)), Some(S::Critical));
    assert_eq!(at(Effect::Raise(3), Some(S::High)), Some(S::Critical));
    assert_eq!(at(Effect::Raise(1), Some(S::Negligible)), Some(S::Low));
    assert_eq!(at(Effect::Lower(3), Some(S::High)), Some(S::Low));
    assert_eq!(
        at(Effect::Lower(1), Some(S::Negligible)),
        Some(S::Negligible)
    );
    assert_eq!(at(Effect::Raise(1), None), None);
    assert_eq!(at(Effect::Set(S::Low), None), Some(S::Low));
}

#[test]
fn without_a_policy_the_publishers_word_stands_and_nothing_is_due() {
    let mut known = finding("CVE-1", Some(Severity::High));
    known.kev_due = Some(day("2026-11-05"));
    let decision = decided("", &known, ("2026-11-01", "2026-11-30"));
    let expected = Decision {
        my_severity: Some(Severity::High),
        ..Decision::default()
    };
    assert_eq!(decision, expected);
}

#[test]
fn the_earliest_of_all_dates_counts_and_says_whose_it_is() {
    let policy = "[due]\nhigh = 14\nkev = 'due_date'";
    let mut known = finding("CVE-1", Some(Severity::High));
    let at = |finding: &Finding| decided(policy, finding, ("2026-11-01", "2026-11-10"));
    known.kev_due = Some(day("2026-11-05"));
    let decision = at(&known);
    assert_eq!(
        (decision.due, decision.days_left),
        (known.kev_due, Some(-5))
    );
    assert_eq!(decision.rule, "kev due date");
    assert!(decision.is_overdue());
    known.kev_due = Some(day("2026-12-05"));
    assert_eq!(at(&known).due, Some(day("2026-11-15")));
    assert_eq!(at(&known).rule, "");
    known.state = FindingState::NoFixYet;
    assert_eq!(at(&known).due, None);
}

#[test]
fn the_preset_asks_how_exposed_a_machine_is() {
    let policy = measures("[due]\npreset = 'cisa-bod-26-04'");
    let mut known = finding("CVE-1", Some(Severity::Low));
    let at = |finding: &Finding, tags: &[&str], address: &str| {
        let machine = machine("x", address, tags);
        let facts = MachineFacts::of(&machine);
        let subject = Subject::new(finding, &facts, day("2026-11-01"));
        let decision = decide(&policy, &subject, day("2026-11-01"));
        (decision.days_left, decision.rule)
    };
    let row = |number| format!("cisa-bod-26-04 row {number}");
    assert_eq!(at(&known, &[], "10.0.0.1"), (Some(60), row(10)));
    assert_eq!(
        at(&known, &["exposure=Internet"], "10.0.0.1"),
        (Some(3), row(14))
    );
    assert_eq!(at(&known, &[], "8.8.8.8"), (Some(3), row(14)));
    assert_eq!(
        at(&known, &["exposure=internal"], "8.8.8.8"),
        (Some(60), row(10))
    );
    known.kev = known.cves.clone();
    assert_eq!(at(&known, &[], "10.0.0.1"), (Some(3), row(13)));
}

#[test]
fn the_first_day_is_found_under_every_id_that_a_machine_had() {
    let mut machine = machine("x", "10.0.0.1", &[]);
    let known = finding("CVE-1", None);
    let other = MachineId::new("m-0123456789ab");
    for (id, first) in [(&machine.id, "2026-11-09"), (&other, "2026-11-02")] {
        let history = FindingHistory {
            first_seen: day(first),
            times_seen: 1,
        };
        let id = FindingId::of(id, &known.product, &known.bulletin);
        machine.history.insert(id, history);
    }
    let first = |machine: &MachineRecord| {
        let facts = MachineFacts::of(machine);
        Subject::new(&known, &facts, day("2026-11-30")).first_seen()
    };
    assert_eq!(first(&machine), day("2026-11-09"));
    machine.also.push(other);
    assert_eq!(first(&machine), day("2026-11-02"));
    machine.history.clear();
    assert_eq!(first(&machine), day("2026-11-30"));
}

#[test]
fn who_comes_first_follows_the_documented_order() {
    // Each comes before the next, by one thing only.
    let high = Some(Severity::High);
    let base = finding("CVE-1", high);
    let with = |change: &dyn Fn(&mut Finding)| {
        let mut changed = base.clone();
        change(&mut changed);
        changed
    };
    let exploited = with(&|one| one.kev = vec!["CVE-1".into()]);
    let likely = with(&|one| one.epss = Some(Epss(90_000)));
    let no_fix = with(&|one| one.state = FindingState::NoFixYet);
    let unknown = with(&|one| one.state = FindingState::Unknown);
    let low = with(&|one| one.severity = Some(Severity::Low));
    let unrated = with(&|one| one.severity = None);
    let late = Decision {
        my_severity: high,
        due: Some(day("2026-11-01")),
        days_left: Some(-1),
        ..Decision::default()
    };
    let plain = |one: &Finding| Decision {
        my_severity: one.severity,
        ..Decision::default()
    };
    let excepted = Decision {
        exception: Some(ExceptionId::new("e-1")),
        ..late.clone()
    };
    let order: Vec<(&Finding, Decision, &[&str])> = vec![
        (&base, late, &[]),
        (&exploited, plain(&exploited), &[]),
        (&base, plain(&base), &["criticality=critical"]),
        (&base, plain(&base), &["exposure=internet"]),
        (&base, plain(&base), &["exposure=dmz"]),
        (&likely, plain(&likely), &[]),
        (&base, plain(&base), &[]),
        (&base, plain(&base), &["criticality=low"]),
        (&unrated, plain(&unrated), &[]),
        (&low, plain(&low), &[]),
        (&no_fix, plain(&no_fix), &[]),
        (&unknown, plain(&unknown), &[]),
        (&exploited, excepted, &[]),
    ];
    let keys: Vec<RankKey> = order
        .iter()
        .map(|(finding, decision, tags)| {
            let machine = machine("x", "10.0.0.1", tags);
            RankKey::of(finding, &MachineFacts::of(&machine), decision)
        })
        .collect();
    let mut places = places(keys.iter().rev());
    let places: Vec<u64> = keys.iter().map(|key| places.take(key)).collect();
    assert_eq!(places, (1..=13).collect::<Vec<u64>>());
}

fn exception(id: &str, scope: ExceptionScope, until: &str) -> Exception {
    Exception {
        id: ExceptionId::new(id),
        scope,
        versions: vec!["1.0".to_owned()],
        owner: "ada".to_owned(),
        reason: "r".to_owned(),
        granted: UtcTime::from_unix(1_790_000_000),
        granted_by: "op".to_owned(),
        until: day(until),
        taken_back: None,
    }
}

fn of_bulletin(bulletin: &str) -> ExceptionScope {
    ExceptionScope {
        bulletin: Some(bulletin.to_owned()),
        ..ExceptionScope::default()
    }
}

/// How an exception stands on a day to findings of these versions, and for how many it holds.
fn standing(exception: &Exception, today: &str, installed: &[&str]) -> (ExceptionState, usize) {
    let machine = machine("web-1", "10.0.0.1", &["role=test"]);
    let facts = MachineFacts::of(&machine);
    let mut exceptions = Exceptions::new(vec![exception.clone()], day(today));
    let mut held = 0;
    for version in installed {
        let mut one = finding("CVE-1", None);
        one.installed = (*version).to_owned();
        exceptions.count(&one, &facts);
        held += usize::from(exceptions.holding(&one, &facts).is_some());
    }
    (exceptions.counts()[0].state, held)
}

#[test]
fn an_exception_holds_to_its_last_day_and_for_its_version_only() {
    use ExceptionState as State;
    let granted = exception("e-1", of_bulletin("cve-1"), "2026-12-31");
    let at = |today, installed: &[&str]| standing(&granted, today, installed);
    assert_eq!(at("2026-12-31", &["1.0"]), (State::Active, 1));
    assert_eq!(at("2027-01-01", &["1.0"]), (State::Expired, 0));
    assert_eq!(at("2026-12-31", &["1.1"]), (State::VersionChanged, 0));
    assert_eq!(at("2026-12-31", &["1.0", "1.1"]), (State::Active, 1));
    assert_eq!(at("2026-12-31", &[]), (State::Unused, 0));
    let mut taken_back = granted;
    taken_back.taken_back = Some(UtcTime::from_unix(0));
    assert_eq!(
        standing(&taken_back, "2026-12-01", &["1.0"]),
        (State::Expired, 0)
    );
}

#[test]
fn an_exception_is_about_what_all_of_its_words_say() {
    let holds = |change: &dyn Fn(&mut ExceptionScope)| {
        let mut scope = of_bulletin("CVE-1");
        change(&mut scope);
        standing(
            &exception("e-1", scope, "2026-12-31"),
            "2026-12-01",
            &["1.0"],
        )
        .1 == 1
    };
    assert!(holds(&|scope| scope.host = Some("web-*".into())));
    assert!(holds(&|scope| scope.host = Some("10.0.0.0/8".into())));
    assert!(holds(&|scope| scope.tag = Some("role=test".into())));
    assert!(!holds(&|scope| scope.tag = Some("role=prod".into())));
    assert!(!holds(&|scope| scope.host = Some(" ".into())));
    assert!(!holds(&|scope| scope.bulletin = Some("CVE-2".into())));
    let id = MachineId::from_key("default", "address", "10.0.0.1");
    let own = FindingId::of(&id, "openssl", &BulletinId::new("CVE-1"));
    assert!(holds(&|scope| scope.finding = Some(own.clone())));
    assert!(!holds(
        &|scope| scope.finding = Some(FindingId::new("f-0000000000000000"))
    ));
}

#[test]
fn an_explanation_names_the_rule_the_days_and_the_date() {
    let policy = measures(
        "[[severity]]\nid = 'web'\nhost = 'web-*'\nraise = 1\nreason = 'in the open'\n\
         [[severity]]\nid = 'rest'\nbulletin = '*'\nlower = 1\nreason = 'calm'\n\
         [due]\ncritical = '3 business'\nholidays = ['2026-12-25']\n",
    );
    let machine = machine("web-1", "10.0.0.1", &[]);
    let facts = MachineFacts::of(&machine);
    let known = finding("CVE-1", Some(Severity::High));
    let subject = Subject::new(&known, &facts, day("2026-12-24"));
    let lines = explain(&policy, &subject, day("2026-12-28"));
    let expected = [
        "its publisher says high",
        "rule web (line 1): raised by 1 step, so critical; in the open",
        "rule rest (line 6) fits as well and comes later: it is not asked",
        "3 business days from 2026-12-24 on: 2026-12-30 (holidays: 2026-12-25)",
        "due 2026-12-30: 2 days left",
    ];
    assert_eq!(lines, expected);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn what_is_wrong_with_a_policy_is_said_with_its_line() {
    for (text, line, word) in [
        (
            "\n[[severity]]\nid = 'x'\nreason = 'y'\nset = 'low'",
            2,
            "what it is about",
        ),
        (
            "[[severity]]\nid = 'x'\nkev = true\nset = 'low'",
            1,
            "a reason",
        ),
        (
            "[[severity]]\nreason = 'x'\nkev = true\nset = 'low'",
            1,
            "an id",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\nkev = true",
            1,
            "does one of",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\nkev = true\nset = 'bad'",
            1,
            "no severity",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\nkev = true\nset = 'low'\nraise = 1",
            1,
            "does one of",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\nbulletin = []\nset = 'low'",
            1,
            "asks for nothing",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\nstate = 'fixed'\nset = 'low'",
            1,
            "no state",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\nepss_at_least = 60\nset = 'low'",
            1,
            "probability",
        ),
        (
            "[[severity]]\nid = 'x'\nweakness = 'CWE-79'\n",
            3,
            "unknown field",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\ncwe = 'xss'\nset = 'low'",
            1,
            "`xss` is no weakness: CWE-787",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\ncwe = ['CWE-79', 'CWE-']\nset = 'low'",
            1,
            "`CWE-` is no weakness",
        ),
        (
            "[[severity]]\nid = 'x'\nreason = 'y'\nimpact = 'rce'\nset = 'low'",
            1,
            "`rce` is no impact: remote_code_execution, elevation_of_privilege",
        ),
        ("[due]\ncritical = 'soon'", 2, "how long"),
        ("[due]\ncritical = 99999", 2, "how long"),
        ("[due]\n\nurgent = 3", 3, "unknown field"),
        (
            "[due]\nholidays = ['2026-12-25',\n'christmas']",
            3,
            "a holiday",
        ),
        (
            "[due]\nweekend = ['mon','tue','wed','thu','fri','sat','sun']",
            2,
            "a day to work",
        ),
        ("[due]\nweekend = ['sabbath']", 2, "no day of the week"),
        ("[due]\nkev = 'yes'", 2, "due_date"),
        ("[due]\npreset = 'cis'", 2, "no preset"),
        ("[due.assume]\nautomatable = false", 1, "goes with preset"),
    ] {
        let error = Policy::parse(text).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("line {line}: ")),
            "{text}\n{error}"
        );
        assert!(error.contains(word), "{text}\n{error}");
    }
    let twice = "[[severity]]\nid='x'\nreason='y'\nkev=true\nset='low'\n".repeat(2);
    let error = Policy::parse(&twice).unwrap_err().to_string();
    assert!(error.contains("line 6: two"), "{error}");
}

proptest! {
    #[test]
    fn any_word_for_a_weakness_or_an_impact_is_read_or_refused(word in "(CWE-)?.{0,60}") {
        for key in ["cwe", "impact"] {
            let value = toml::Value::String(word.clone());
            let text = format!("[[severity]]\nid = 'x'\nset = 'low'\nreason = 'y'\n{key} = {value}");
            if let Err(error) = Policy::parse(&text) {
                prop_assert!(error.to_string().starts_with("line 1: "), "{}", error);
            }
        }
    }
}

#[test]
fn the_example_policy_reads() {
    let text = include_str!("../../../policy.example.toml");
    let measures = measures(text);
    assert!(!measures.rules.is_empty());
    assert!(measures.due.is_some());
}

/// The slow way: day by day.
fn business_days_after(calendar: (&[usize], &[Date]), from: Date, days: u32) -> Date {
    let (free, holidays) = calendar;
    let (mut at, mut left) = (from, days);
    while left > 0 {
        at = at.plus_days(1);
        let off = free.contains(&at.weekday()) || holidays.contains(&at);
        left -= u32::from(!off);
    }
    at
}

proptest! {
    #[test]
    fn business_days_are_what_counting_day_by_day_gives(
        start in 0_i64..60_000,
        days in 0_u32..300,
        free in proptest::collection::btree_set(0_usize..7, 0..=6),
        holidays in proptest::collection::vec(0_i64..500, 0..60),
    ) {
        let from = day("1970-01-01").plus_days(start);
        let free: Vec<usize> = free.into_iter().collect();
        let holidays: Vec<Date> = holidays.iter().map(|at| from.plus_days(*at)).collect();
        let calendar = Calendar::new(&free, holidays.iter().copied()).unwrap();
        let due = calendar.due(from, Allowance::BusinessDays(days));
        prop_assert_eq!(due, business_days_after((&free, &holidays), from, days));
        prop_assert!(days == 0 || calendar.is_business(due));
    }

    /// Holidays that follow each other, over weekends, months and years: until none of a year is left to work on.
    #[test]
    fn business_days_go_past_holidays_without_a_gap(
        start in 0_i64..60_000,
        days in 0_u32..80,
        spans in proptest::collection::vec((-10_i64..400, 1_i64..500), 1..4),
    ) {
        let from = day("1970-01-01").plus_days(start);
        let holidays = spans
            .iter()
            .flat_map(|(first, count)| (*first..first + count).map(|at| from.plus_days(at)));
        let holidays: Vec<Date> = holidays.collect();
        let calendar = Calendar::new(&[5, 6], holidays.iter().copied()).unwrap();
        let due = calendar.due(from, Allowance::BusinessDays(days));
        prop_assert_eq!(due, business_days_after((&[5, 6], &holidays), from, days));
    }

    #[test]
    fn months_are_what_the_leaves_of_a_calendar_give(start in 0_i64..60_000, months in 0_u32..60) {
        let from = day("1970-01-01").plus_days(start);
        // Leaf by leaf: the first day of the month, so many months on, and from there to the same day or the last.
        let month = |day: Date| day.to_string().get(..7).unwrap().to_owned();
        let mut first = day(&format!("{}-01", month(from)));
        let wanted = first.days_until(from);
        for _ in 0..months {
            let leaf = month(first);
            while month(first) == leaf {
                first = first.plus_days(1);
            }
        }
        let same = (0..=wanted).map(|at| first.plus_days(at));
        let last = same.filter(|next| month(*next) == month(first)).max().unwrap();
        prop_assert_eq!(Calendar::default().due(from, Allowance::Months(months)), last);
    }

    #[test]
    fn days_left_is_what_counting_day_by_day_gives(
        start in 0_i64..60_000,
        allowed in 0_u32..400,
        passed in -400_i64..800,
    ) {
        let first = day("1970-01-01").plus_days(start);
        let today = first.plus_days(passed);
        let text = format!("[due]\nhigh = {allowed}");
        let known = finding("CVE-1", Some(Severity::High));
        let decision = decided(&text, &known, (&first.to_string(), &today.to_string()));
        let mut last = if passed < 0 { today } else { first };
        for _ in 0..allowed {
            last = last.plus_days(1);
        }
        prop_assert_eq!(decision.due, Some(last));
        let left = if last >= today {
            (0..10_000).find(|days| today.plus_days(*days) == last)
        } else {
            (0..10_000).find(|days| last.plus_days(*days) == today).map(|days: i64| -days)
        };
        prop_assert_eq!(decision.days_left, left);
        prop_assert_eq!(decision.is_overdue(), today > last);
    }

    #[test]
    fn no_allowance_makes_it_panic(text in "[0-9 a-z]{0,20}", start in proptest::num::i64::ANY) {
        if let Some(allowed) = Allowance::parse(&text) {
            let from = day("2026-01-01").plus_days(start);
            let _ = Calendar::default().due(from, allowed);
        }
    }

    #[test]
    fn places_are_one_to_the_number_of_findings_in_whichever_order_they_come(
        epss in proptest::collection::vec((0_u32..3, 0_usize..3), 1..40),
    ) {
        let machine = machine("x", "10.0.0.1", &[]);
        let facts = MachineFacts::of(&machine);
        let states = [FindingState::Missing, FindingState::NoFixYet, FindingState::Unknown];
        let keys: Vec<RankKey> = epss
            .iter()
            .map(|(epss, state)| {
                let mut one = finding("CVE-1", None);
                one.epss = Some(Epss(*epss));
                one.state = states[*state];
                RankKey::of(&one, &facts, &Decision::default())
            })
            .collect();
        let (mut there, mut back) = (places(&keys), places(keys.iter().rev()));
        let found: Vec<u64> = keys.iter().map(|key| there.take(key)).collect();
        let again: Vec<u64> = keys.iter().map(|key| back.take(key)).collect();
        prop_assert_eq!(&found, &again);
        // The authority is a sort that leaves equals as they come.
        let mut sorted: Vec<usize> = (0..keys.len()).collect();
        sorted.sort_by_key(|at| keys[*at]);
        let sorted = sorted.into_iter().map(|at| found[at]);
        prop_assert!(sorted.eq(1..=keys.len() as u64));
    }
}

/// The places of findings that were counted in this order.
fn places<'a>(keys: impl IntoIterator<Item = &'a RankKey>) -> Places {
    let mut ranks = Ranks::default();
    for key in keys {
        ranks.add(*key);
    }
    ranks.places()
}

#[test]
fn what_people_wrote_beats_the_rules_and_dates_follow_it() {
    let policy = measures(
        "[[severity]]\nid = 'all'\nbulletin = '*'\nset = 'low'\nreason = 'calm'\n[due]\ncritical = 3\nlow = 90\n",
    );
    let machine = machine("web-1", "10.0.0.1", &[]);
    let facts = MachineFacts::of(&machine);
    let known = finding("CVE-1", Some(Severity::High));
    let mut written = Annotation {
        finding: FindingId::of(&machine.id, &known.product, &known.bulletin),
        owner: Some("ada".to_owned()),
        status: Some(WorkStatus::Assigned),
        my_severity: Some(Severity::Critical),
        written_by: "bob".to_owned(),
        written: UtcTime::parse("2026-11-30T12:00:00Z").unwrap(),
    };
    let today = day("2026-11-30");
    let all = Annotations::new(vec![written.clone()]);
    let subject = Subject::new(&known, &facts, today).with(all.of(&known, &facts));
    let decision = decide(&policy, &subject, today);
    assert_eq!(decision.my_severity, Some(Severity::Critical));
    assert_eq!(
        (decision.rule.as_str(), decision.days_left),
        ("spreadsheet", Some(3))
    );
    let lines = explain(&policy, &subject, today);
    assert_eq!(
        &lines[1..4],
        [
            "a spreadsheet says critical: written by bob on 2026-11-30; no rule is asked",
            "rule all (line 1) fits as well and comes later: it is not asked",
            "owner ada, status assigned: written by bob on 2026-11-30; it changes no verdict",
        ]
    );
    // Without a severity the rules decide, and whoever is at work on it stays.
    written.my_severity = None;
    let subject = Subject::new(&known, &facts, today).with(Some(&written));
    let decision = decide(&policy, &subject, today);
    assert_eq!(
        (decision.rule.as_str(), decision.owner()),
        ("all", Some("ada"))
    );
    // Under an id that the machine had before.
    let mut merged = machine.clone();
    merged.id = MachineId::new("m-ffffffffffff");
    merged.also = vec![machine.id.clone()];
    let facts = MachineFacts::of(&merged);
    assert_eq!(
        all.of(&known, &facts).map(|one| one.owner.as_deref()),
        Some(Some("ada"))
    );
}
