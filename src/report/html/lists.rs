//! The same findings and machines from other sides: where, by what to install, by whom nobody looks after.

use super::coverage::more;
use super::findings::{is_silent, silence};
use super::frame::View;
use super::kept::{Figure, Machine, SEVERITIES};
use super::markup::Html;
use super::sums::subnet_name;
use crate::model::{ManagedState, Restart, number, plural};
use std::collections::BTreeMap;

/// How many of the first are shown in a section.
const FIRST: usize = 15;

pub(super) fn by_machine(view: &View<'_>, page: &mut Html) {
    if is_silent(view, page) && view.gathered.sums.open() == 0 {
        return;
    }
    let gathered = view.gathered;
    let mut worst: Vec<&Machine> = gathered
        .machines
        .iter()
        .filter(|one| one.best < u64::MAX)
        .collect();
    worst.sort_by_key(|machine| machine.best);
    if worst.is_empty() {
        page.says("No machine has a finding.");
        return;
    }
    let heads = [
        "Machine",
        "System",
        "Owner",
        "Worst",
        "#Missing",
        "#Known exploited",
        "#Overdue",
        "#Undecided",
    ];
    if view.options.selection.limits_findings() {
        page.says(
            "The figures of a machine are of all its findings, whatever was asked for, as in machines.csv.",
        );
    }
    page.table("Machines with findings, the first to see to first", &heads);
    for machine in worst.iter().take(FIRST) {
        let text = |at: u32| gathered.texts.text(at);
        let severity = SEVERITIES
            .get(usize::from(machine.worst))
            .copied()
            .unwrap_or_default();
        page.raw("<tr>")
            .head(&gathered.name(machine))
            .cell(text(machine.os))
            .cell(text(machine.owner));
        page.raw("<td>").severity(severity).raw("</td>");
        for figure in [
            machine.missing,
            machine.exploited,
            machine.overdue,
            machine.unknown,
        ] {
            page.figure(&said(figure));
        }
        page.raw("</tr>\n");
    }
    page.end_table();
    more(page, worst.len(), FIRST, "the table of all machines");
}

fn said(figure: Figure) -> String {
    match figure {
        Figure::Unknown => "unknown".to_owned(),
        Figure::None => "–".to_owned(),
        Figure::Count(count) => number(count),
    }
}

pub(super) fn by_update(view: &View<'_>, page: &mut Html) {
    if is_silent(view, page) {
        return;
    }
    let steps = view.gathered.counts.remediation.steps();
    if steps.is_empty() {
        page.says("There is nothing to install on the machines that were read, as far as they could be judged.");
        return;
    }
    let heads = [
        "Install",
        "For",
        "#Machines",
        "#Closes findings",
        "#Closes CVEs",
        "#Known exploited",
        "Restart",
        "Needs before",
    ];
    page.table("What to install, the most useful first", &heads);
    for (id, step) in steps.iter().take(FIRST) {
        let exploited = match step.exploited() {
            0 if !step.kev_checked => "unknown".to_owned(),
            count => number(count as u128),
        };
        let title = first_of(step.titles.iter());
        page.raw("<tr>").head(if title.is_empty() {
            id.as_str()
        } else {
            &title
        });
        page.cell(&first_of(step.products.iter()))
            .figure(&number(step.machines()));
        page.figure(&number(step.findings()))
            .figure(&number(step.cves() as u128))
            .figure(&exploited);
        page.cell(step.restart.map_or("unknown", Restart::as_str))
            .cell(&first_of(step.needs().iter()))
            .raw("</tr>\n");
    }
    page.end_table();
    more(page, steps.len(), FIRST, "remediation.csv");
}

/// The first of several texts, and how many more there are.
fn first_of<'a>(mut texts: impl Iterator<Item = &'a String>) -> String {
    let first = texts.next().map_or("", String::as_str);
    match texts.count() {
        0 => super::texts::shown(first).into_owned(),
        more => format!("{} (+{more})", super::texts::shown(first)),
    }
}

pub(super) fn by_subnet(view: &View<'_>, page: &mut Html) {
    let subnets = &view.gathered.sums.subnets;
    if subnets.is_empty() {
        page.says("No machine was met.");
        return;
    }
    let mut order: Vec<_> = subnets.iter().collect();
    order.sort_by(|(one, a), (other, b)| (b.worst, b.open, one).cmp(&(a.worst, a.open, other)));
    let heads = [
        "Subnet",
        "#Machines",
        "#Read",
        "#Not read",
        "#Open findings",
        "#Critical or high",
        "#Known exploited",
        "#Overdue",
    ];
    page.table(
        "Subnets, those with most critical and high findings first",
        &heads,
    );
    let has_dates = view.gathered.counts.has_due_dates;
    for (first, sum) in order.iter().take(FIRST) {
        page.raw("<tr>").head(&subnet_name(**first));
        for count in [
            sum.machines,
            sum.read,
            sum.machines.saturating_sub(sum.read),
        ] {
            page.figure(&number(count));
        }
        // Of a subnet in which nobody was read nothing is known.
        let is_known = (sum.read > 0 && silence(view).is_none()) || sum.open > 0;
        for (at, count) in [sum.open, sum.worst, sum.exploited, sum.overdue]
            .into_iter()
            .enumerate()
        {
            let figure = match at {
                _ if !is_known => "unknown".to_owned(),
                3 if !has_dates => "–".to_owned(),
                _ => number(count),
            };
            page.figure(&figure);
        }
        page.raw("</tr>\n");
    }
    page.end_table();
    if order.len() > FIRST {
        let rest = order.len() - FIRST;
        page.element(
            "p class=\"more\"",
            &format!("{} more.", plural(rest as u64, "subnet")),
        );
    }
}

pub(super) fn unmanaged(view: &View<'_>, page: &mut Html) {
    let comparison = view.source.comparison().filter(|one| !one.lists.is_empty());
    let Some(comparison) = comparison else {
        page.says("No list of known machines was given (--known), so nobody can say who looks after which machine.");
        return;
    };
    if view.source.part().is_some() {
        page.says("Of the machines that are shown, and of what only lists know.");
    }
    let mut states: BTreeMap<ManagedState, u64> = view.gathered.counts.standings.clone();
    for entry in &comparison.entries {
        *states.entry(entry.standing.state).or_default() += 1;
    }
    let of = |state: ManagedState| number(states.get(&state).copied().unwrap_or_default());
    page.raw("<dl class=\"tiles\">\n");
    for (state, name, note) in STATES {
        super::coverage::tile(page, name, &of(state), note);
    }
    page.raw("</dl>\n");
    let gathered = view.gathered;
    let live: Vec<&[u32; 6]> = gathered
        .strays
        .iter()
        .filter(|[_, _, state, ..]| is_live(gathered.texts.text(*state)))
        .collect();
    if !live.is_empty() {
        let heads = [
            "Machine",
            "Address",
            "State",
            "Seems to be",
            "Why",
            "What to do",
        ];
        page.table("Live machines that somebody should look at", &heads);
        for [name, rest @ ..] in &live {
            page.raw("<tr>").head(gathered.texts.text(*name));
            let [address, state, seems, why, todo] = rest.map(|cell| gathered.texts.text(cell));
            let (state, why) = (state.replace('_', " "), why.replace('_', " "));
            for cell in [address, &state, seems, &why, todo] {
                page.cell(cell);
            }
            page.raw("</tr>\n");
        }
        page.end_table();
        let all = states.iter().filter(|(state, _)| state.is_headline());
        let all: u64 = all.map(|(_, count)| count).sum();
        more(
            page,
            usize::try_from(all).unwrap_or(usize::MAX),
            live.len(),
            "unmanaged.csv",
        );
    }
    for warning in comparison.warnings.iter().take(FIRST) {
        page.says(&format!("Doubtful: {}", super::texts::shown(warning)));
    }
}

/// The states that are told, with their names and what they mean.
const STATES: [(ManagedState, &str, &str); 6] = [
    (
        ManagedState::Unmanaged,
        "Unmanaged",
        "live, on no list of machines that somebody looks after",
    ),
    (
        ManagedState::Overlooked,
        "Overlooked",
        "live and on a list, and somebody should look",
    ),
    (
        ManagedState::Unidentified,
        "Unidentified",
        "live, and nobody can say who it is",
    ),
    (
        ManagedState::Managed,
        "Managed",
        "live, on a list, read and in order",
    ),
    (
        ManagedState::Unseen,
        "Unseen",
        "on a list, in swept scope, and it did not answer",
    ),
    (
        ManagedState::StaleEntry,
        "Stale entries",
        "long on lists, and long not met",
    ),
];

fn is_live(state: &str) -> bool {
    let mut states = ManagedState::ALL.iter();
    states.any(|one| one.is_headline() && one.as_str() == state)
}

pub(super) fn end_of_life(view: &View<'_>, page: &mut Html) {
    let gathered = view.gathered;
    let today = view.source.run().started.date().to_string();
    let text = |at: u32| gathered.texts.text(at);
    let mut old: Vec<&Machine> = gathered
        .machines
        .iter()
        .filter(|machine| machine.end_of_life != 0 && text(machine.end_of_life) < today.as_str())
        .collect();
    old.sort_by_key(|machine| (text(machine.end_of_life), text(machine.ip)));
    let products = &gathered.counts.ended_software;
    if old.is_empty() && products.is_empty() {
        page.says(if gathered.counts.machines > 0 {
            "No machine is known to run a system past its publisher's support. Of those that were not read it may not be known."
        } else {
            "No machine was met."
        });
        return;
    }
    if !old.is_empty() {
        page.table(
            "Machines whose system is past its publisher's support",
            &["Machine", "Address", "System", "Support ended", "Owner"],
        );
        for machine in old.iter().take(FIRST) {
            page.raw("<tr>").head(&gathered.name(machine));
            for cell in [machine.ip, machine.os, machine.end_of_life, machine.owner] {
                page.cell(text(cell));
            }
            page.raw("</tr>\n");
        }
        page.end_table();
        more(page, old.len(), FIRST, "machines.csv (eol_date)");
    }
    if !products.is_empty() {
        page.table(
            "Other software past its publisher's support",
            &["Product", "#Findings"],
        );
        let mut order: Vec<_> = products.iter().collect();
        order.sort_by_key(|(name, count)| (u64::MAX - **count, *name));
        for (name, count) in order.iter().take(FIRST) {
            page.raw("<tr>")
                .head(&super::texts::shown(name))
                .figure(&number(**count))
                .raw("</tr>\n");
        }
        page.end_table();
        more(page, order.len(), FIRST, "findings.csv (state end_of_life)");
    }
}

/// How many findings that were verified are shown.
const VERIFIED: usize = 500;

pub(super) fn verified(view: &View<'_>, page: &mut Html) {
    let Some(verification) = view.source.verification() else {
        return;
    };
    page.says(&format!(
        "{} of run {}, which began {}, each with what it is now.",
        plural(verification.rows.len() as u64, "finding"),
        verification.base,
        verification.began
    ));
    if verification.is_other_catalog {
        page.element("p class=\"note warn\"", "Another catalogue or other rules judged that run: what they do not hold against what was read then is unverified.");
    }
    page.raw("<dl class=\"tiles\">\n");
    for (state, count) in verification.counts() {
        super::coverage::tile(page, state.as_str(), &number(count), "");
    }
    page.raw("</dl>\n");
    page.table(
        "What became of them",
        &[
            "Machine", "Address", "Severity", "Bulletin", "Product", "Was", "Is now", "Why",
        ],
    );
    for row in verification.rows.iter().take(VERIFIED) {
        page.raw("<tr>")
            .head(row.hostname.as_deref().unwrap_or("unknown"));
        page.cell(
            &row.address
                .map_or_else(String::new, |address| address.to_string()),
        );
        let severity = row.severity.map_or("", crate::model::Severity::as_str);
        page.raw("<td>")
            .severity(severity)
            .raw("</td><td class=\"id\">");
        page.bulletin(row.bulletin.as_str()).raw("</td>");
        page.cell(&super::texts::shown(&row.product))
            .cell(row.before.as_str());
        page.cell(row.state().as_str())
            .cell(&super::texts::shown(&row.verdict.detail))
            .raw("</tr>\n");
    }
    page.end_table();
    more(page, verification.rows.len(), VERIFIED, "verify.csv");
}
