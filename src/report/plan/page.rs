//! A plan on the terminal: by wave, by update, what stays open, and the sum.

use super::super::terminal::columns;
use super::{overdue, waves};
use crate::model::{
    MachinePlan, Plan, PlanStep, RebootAfter, RunSummary, UtcTime, WhyLeft, plural,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How many updates are listed where nobody asks for all.
const SHOWN: usize = 25;

/// The whole answer. `by_machine` lists every step of every machine, too.
pub fn plan_page(plan: &Plan, run: &RunSummary, by_machine: bool) -> String {
    let mut text = format!("Plan for run {}. Nothing is deployed.\n\n", run.id);
    if plan.machines.is_empty() {
        text.push_str("Nothing is open on any machine that was asked for.\n");
        return text;
    }
    // Where nothing can be done, what cannot and why is all there is to say.
    let is_idle = plan.machines.iter().all(|one| one.work.steps.is_empty());
    if is_idle {
        text.pop();
    } else {
        by_wave(plan, &mut text);
    }
    let overdue = overdue::page(plan);
    if !overdue.is_empty() {
        let _ = write!(text, "\n{overdue}");
    }
    if !is_idle {
        by_update(plan, by_machine, &mut text);
        if by_machine {
            machines(plan, &mut text);
        }
    }
    left(plan, &mut text);
    sum(plan, &mut text);
    text
}

fn by_wave(plan: &Plan, text: &mut String) {
    let rows = waves(plan).filter(|(_, machines)| !machines.is_empty());
    let rows = rows.map(|(wave, machines)| {
        let steps = || machines.iter().flat_map(|one| &one.work.steps);
        let reboots = |kind: RebootAfter| steps().filter(|step| step.reboot == kind).count();
        let closes: u64 = steps().map(|step| step.closes).sum();
        vec![
            wave.to_owned(),
            machines.len().to_string(),
            steps().count().to_string(),
            reboots(RebootAfter::Yes).to_string(),
            reboots(RebootAfter::IfAsked).to_string(),
            closes.to_string(),
            window(&machines),
        ]
    });
    let header = [
        "WAVE", "MACHINES", "STEPS", "REBOOTS", "IF ASKED", "CLOSES", "WINDOW",
    ];
    text.push_str(&columns(&header, &rows.collect::<Vec<_>>()));
}

/// The first window of a wave, and how many machines have none.
fn window(machines: &[&MachinePlan]) -> String {
    let starts: BTreeSet<UtcTime> = machines
        .iter()
        .filter_map(|one| one.window)
        .map(|(start, _)| start)
        .collect();
    let without = machines.iter().filter(|one| one.window.is_none()).count();
    let first = match (starts.first(), starts.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(first), _) => first.to_string(),
        _ => return "none".to_owned(),
    };
    match without {
        0 => first,
        without => {
            let have = if without == 1 { "has" } else { "have" };
            format!("{first}; {} {have} none", plural(without, "machine"))
        }
    }
}

/// A step over all machines.
struct Everywhere<'a> {
    step: &'a PlanStep,
    machines: u64,
    closes: u64,
    kev: BTreeSet<&'a String>,
}

fn by_update(plan: &Plan, all: bool, text: &mut String) {
    let mut found = BTreeMap::<_, Everywhere<'_>>::new();
    for step in plan.machines.iter().flat_map(|one| &one.work.steps) {
        let key = (step.kind, &step.fixes);
        let entry = found.entry(key).or_insert_with(|| Everywhere {
            step,
            machines: 0,
            closes: 0,
            kev: BTreeSet::new(),
        });
        entry.machines += 1;
        entry.closes += step.closes;
        entry.kev.extend(&step.kev);
    }
    let mut found: Vec<Everywhere<'_>> = found.into_values().collect();
    // The sort is stable: of equals the one that came first by kind and id.
    found.sort_by_key(|one| std::cmp::Reverse((one.kev.len(), one.closes, one.machines)));
    let shown = if all { found.len() } else { SHOWN };
    let rows = found.iter().take(shown).map(|one| {
        vec![
            one.step.kind.as_str().to_owned(),
            one.machines.to_string(),
            one.closes.to_string(),
            one.kev.len().to_string(),
            one.step.what.clone(),
        ]
    });
    let header = ["KIND", "MACHINES", "CLOSES", "EXPLOITED", "WHAT"];
    text.push('\n');
    text.push_str(&columns(&header, &rows.collect::<Vec<_>>()));
    let more = found.len().saturating_sub(shown);
    if more > 0 {
        let _ = writeln!(text, "and {more} more: --machines, or --format csv");
    }
}

fn machines(plan: &Plan, text: &mut String) {
    let rows = plan.machines.iter().flat_map(|machine| {
        let steps = (1..).zip(&machine.work.steps);
        steps.map(|(number, step): (u32, _)| {
            let window = machine.window.map(|(start, _)| start.to_string());
            vec![
                plan.waves.get(machine.wave).cloned().unwrap_or_default(),
                machine.address.to_string(),
                machine.hostname.clone(),
                machine.owner.clone(),
                window.unwrap_or_default(),
                number.to_string(),
                step.what.clone(),
                step.reboot.as_str().to_owned(),
            ]
        })
    });
    let header = [
        "WAVE", "IP", "NAME", "OWNER", "WINDOW", "STEP", "WHAT", "REBOOT",
    ];
    text.push('\n');
    text.push_str(&columns(&header, &rows.collect::<Vec<_>>()));
}

fn left(plan: &Plan, text: &mut String) {
    let mut reasons = BTreeMap::<WhyLeft, (u64, u64)>::new();
    for one in plan.machines.iter().flat_map(|one| &one.work.left) {
        let (findings, machines) = reasons.entry(one.why).or_default();
        *findings += one.findings;
        *machines += 1;
    }
    if reasons.is_empty() {
        return;
    }
    let rows = reasons.iter().map(|(why, (findings, machines))| {
        vec![
            why.as_str().to_owned(),
            findings.to_string(),
            machines.to_string(),
            why.advice().to_owned(),
        ]
    });
    text.push('\n');
    text.push_str(&columns(
        &["STAYS OPEN", "FINDINGS", "MACHINES", "WHY"],
        &rows.collect::<Vec<_>>(),
    ));
}

fn sum(plan: &Plan, text: &mut String) {
    let works = || plan.machines.iter().map(|one| &one.work);
    let all: u64 = works().map(|work| work.findings).sum();
    let closed: u64 = works()
        .flat_map(|work| &work.steps)
        .map(|one| one.closes)
        .sum();
    let left: u64 = works()
        .flat_map(|work| &work.left)
        .map(|one| one.findings)
        .sum();
    let _ = writeln!(
        text,
        "\n{} on {}: the steps close {closed}, {left} {} open.",
        plural(all, "open or undecided finding"),
        plural(plan.machines.len(), "machine"),
        if left == 1 { "stays" } else { "stay" }
    );
}
