//! `policy check`: what the policy says, rule by rule, and what each rule touches.

use super::super::config::Settings;
use super::super::decision_args::PolicyCommand;
use super::super::{Exit, Stop, beliefs, output, stdout};
use crate::classify::{
    Annotations, Baseline, Due, HostPattern, MachineFacts, Measures, Policy, Subject, explain,
    names_bulletin, rules_that_fit,
};
use crate::model::{Date, DriftState, Finding, MachineRecord, Severity};
use crate::report::{ReportSource as _, columns, for_terminal};
use crate::scan::RunSource;
use std::fmt::Write as _;

/// How many findings are explained at most.
const MOST_EXPLAINED: usize = 1_000;

/// Reads the policy, and says what it does.
pub(in crate::cli) fn run(settings: &Settings, command: &PolicyCommand) -> Result<Exit, Stop> {
    let PolicyCommand::Check(command) = command;
    if command.beliefs.policy.is_none() && settings.policy.is_none() {
        return Err(Stop::usage(
            "there is no policy: write ./policy.toml, or name one with --policy FILE; see docs/policy.md",
        ));
    }
    let given = beliefs::read(settings, &command.beliefs)?;
    let store = output::open_store(&settings.store)?;
    let latest = store.latest_run().wait();
    let latest = latest.map_err(|error| Stop::failed(&error))?;
    let mut text = outline(given.policy());
    if latest.is_none() && command.run.is_none() {
        if command.explain.is_some() {
            return Err(Stop::usage(
                "no run is stored yet, so there is no finding to explain; underdesk scan",
            ));
        }
        text.push_str("No run is stored yet: what the rules touch is not known.\n");
        return print(&text);
    }
    let run = output::find_whole_run(&store, command.run.as_deref())?;
    let beliefs = given.of_run(&store, &run)?;
    let source = RunSource::open(&store, &run, false)?.compare(&store, &beliefs)?;
    let policy = &beliefs.policy;
    let written = store.annotations(&source.run().site).wait();
    let written = written.map_err(|error| Stop::failed(&error))?;
    let known = (&policy.measures, &Annotations::new(written));
    if let Some(what) = &command.explain {
        text = explained(&source, known, what)?;
    } else {
        text.push_str(&touched(&source, known)?);
        text.push_str(&drifted(&source, &policy.baselines)?);
    }
    print(&text)
}

fn print(text: &str) -> Result<Exit, Stop> {
    stdout::print(text)?;
    Ok(Exit::Clean)
}

/// What the policy has, in a few lines.
fn outline(policy: &Policy) -> String {
    let rules = policy.measures.rules.len();
    let expected = policy.expected.len();
    let baselines = policy.baselines.len();
    let mut text = format!(
        "The policy reads: {rules} [[severity]], {baselines} [[baseline]], {expected} [[expected]]; the first [[severity]] \
         that fits decides.\n"
    );
    match &policy.measures.due {
        None => text.push_str("No [due]: no finding has a due date.\n"),
        Some(due) => {
            let _ = writeln!(text, "Days allowed: {}.", allowed(due));
        }
    }
    text
}

fn allowed(due: &Due) -> String {
    let word = |severity: Option<Severity>| severity.map_or("unrated", Severity::as_str);
    let days = due.allowed.iter().rev();
    let mut days: Vec<String> = days
        .map(|(severity, allowed)| format!("{} {allowed}", word(*severity)))
        .collect();
    if due.preset.is_some() {
        days.push("what cisa-bod-26-04 says where that is earlier".to_owned());
    }
    if due.follows_kev {
        days.push("CISA's KEV date where that is earlier".to_owned());
    }
    if days.is_empty() {
        days.push("none: every finding has time".to_owned());
    }
    days.join(", ")
}

/// What each rule touches in a run. What people wrote into a table comes before all of them.
fn touched(
    source: &RunSource,
    (measures, written): (&Measures, &Annotations),
) -> Result<String, Stop> {
    let mut counts = vec![(0_u64, 0_u64); measures.rules.len()];
    let (mut findings, mut untouched) = (0_u64, 0_u64);
    each_finding(source, &mut |facts, finding| {
        findings += 1;
        let fitting = rules_that_fit(measures, finding, facts);
        untouched += u64::from(fitting.is_empty());
        let note = written.of(finding, facts);
        let is_written = note.is_some_and(|note| note.my_severity.is_some());
        for (order, place) in fitting.into_iter().enumerate() {
            if let Some((first, later)) = counts.get_mut(place) {
                *if order == 0 && !is_written {
                    first
                } else {
                    later
                } += 1;
            }
        }
    })?;
    let run = source.run();
    let mut text = format!(
        "\nRun {} of {}: {findings} open or undecided findings, {untouched} of them touched by no rule.\n",
        for_terminal(run.id.as_str()),
        run.started.date()
    );
    let rows = measures.rules.iter().zip(&counts);
    let rows: Vec<Vec<String>> = rows
        .map(|(rule, (first, later))| {
            let never = match (first, later) {
                (0, 0) => "never fits",
                (0, _) => "an earlier rule or a table always decides",
                _ => "",
            };
            vec![
                for_terminal(&rule.id).into_owned(),
                rule.line.to_string(),
                rule.effect.in_words(),
                first.to_string(),
                later.to_string(),
                never.to_owned(),
                for_terminal(&rule.reason).chars().take(60).collect(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let header = [
            "RULE", "LINE", "DOES", "DECIDES", "TOO LATE", "NOTE", "REASON",
        ];
        let _ = writeln!(text, "\n{}", columns(&header, &rows).trim_end());
    }
    Ok(text)
}

/// Whom each baseline is for in a run, and how they stand to it.
fn drifted(source: &RunSource, baselines: &[Baseline]) -> Result<String, Stop> {
    if baselines.is_empty() {
        return Ok(String::new());
    }
    let mut counts = vec![[0_u64; 3]; baselines.len()];
    let walk = source.machines(&mut |machine: &MachineRecord| {
        let facts = MachineFacts::of(machine);
        for (baseline, [all, drift, unknown]) in baselines.iter().zip(&mut counts) {
            if baseline.fits(&facts) {
                let rows = baseline.judge(&facts);
                let has = |state| u64::from(rows.iter().any(|row| row.state == state));
                *all += 1;
                *drift += has(DriftState::Drift);
                *unknown += has(DriftState::Unknown);
            }
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))?;
    let rows = baselines.iter().zip(&counts);
    let rows: Vec<Vec<String>> = rows
        .map(|(baseline, [all, drift, unknown])| {
            let note = if *all == 0 { "fits no machine" } else { "" };
            vec![
                for_terminal(&baseline.id).into_owned(),
                baseline.line.to_string(),
                baseline.rules().to_string(),
                all.to_string(),
                drift.to_string(),
                unknown.to_string(),
                note.to_owned(),
                for_terminal(&baseline.reason).chars().take(60).collect(),
            ]
        })
        .collect();
    let header = [
        "BASELINE", "LINE", "RULES", "MACHINES", "DRIFT", "UNKNOWN", "NOTE", "REASON",
    ];
    Ok(format!("\n{}\n", columns(&header, &rows).trim_end()))
}

/// Why the findings of a host or of a bulletin are weighed as they are.
fn explained(
    source: &RunSource,
    (measures, written): (&Measures, &Annotations),
    what: &str,
) -> Result<String, Stop> {
    let host = HostPattern::parse(what);
    let today: Date = source.run().started.date();
    let (mut text, mut count) = (String::new(), 0_usize);
    each_finding(source, &mut |facts, finding| {
        let is_host = host.as_ref().is_some_and(|host| host.fits(facts));
        if !is_host && !names_bulletin(what, finding) {
            return;
        }
        count += 1;
        if count > MOST_EXPLAINED {
            return;
        }
        let machine = facts.machine();
        let head = format!(
            "{} {}: {} in {} {} ({})",
            facts.name(),
            machine.id,
            finding.bulletin,
            finding.product,
            finding.installed,
            finding.state.as_str()
        );
        let _ = writeln!(text, "{}", for_terminal(&head));
        let subject = Subject::new(finding, facts, today).with(written.of(finding, facts));
        for line in explain(measures, &subject, today) {
            let _ = writeln!(text, "  {}", for_terminal(&line));
        }
    })?;
    if count == 0 {
        return Err(Stop::usage(format!(
            "--explain {what}: run {} has no open finding of such a host or bulletin",
            source.run().id
        )));
    }
    if let Some(more) = count.checked_sub(MOST_EXPLAINED + 1) {
        let _ = writeln!(text, "and {} more", more + 1);
    }
    Ok(text)
}

/// Shows every open or undecided finding with its machine.
fn each_finding(
    source: &RunSource,
    visit: &mut dyn FnMut(&MachineFacts<'_>, &Finding),
) -> Result<(), Stop> {
    let walk = source.machines(&mut |machine: &MachineRecord| {
        let facts = MachineFacts::of(machine);
        let findings = machine.findings.iter();
        for finding in findings.filter(|finding| !finding.state.is_closed()) {
            visit(&facts, finding);
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))
}
