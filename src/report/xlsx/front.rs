//! The sheet `summary`: what the run is, what it covered, what it found, and what to do next, in that order.
//!
//! Where nothing was read, nothing is stated: no zero stands for what nobody looked at.

use super::super::catalogue::{how_new, outdated};
use super::super::select::PART;
use super::super::summary::{exploited, later, missing, since, steps, without_address};
use super::super::tables::Table;
use super::super::unfinished::unfinished;
use super::super::{Counts, ReportError, ReportSource, Tally as Part, asked};
use super::cells::{done, link, moment};
use super::charts;
use super::look::Look;
use super::paper::{LAST, Paper};
use super::sheets::set_up_page;
use super::tally::{CLASSES, Tally};
use super::{dictionary, paper};
use crate::model::{
    Comparison, CoverageRow, FindingState, ManagedState, ResultCode, RunState, RunSummary, plural,
};
use rust_xlsxwriter::Worksheet;

/// The name of the sheet.
pub(super) const NAME: &str = "summary";
/// How many targets are named.
const TARGETS: usize = 8;
/// How many things to do are named.
const STEPS: usize = 12;

/// What the summary is made of.
pub(super) struct Front<'a> {
    pub(super) source: &'a dyn ReportSource,
    pub(super) counts: &'a Counts,
    pub(super) tally: &'a Tally,
    /// The tables and their rows, in the order of their sheets.
    pub(super) sheets: &'a [(&'static Table, u64)],
    pub(super) footer: &'a str,
}

/// Makes the sheet.
pub(super) fn sheet(front: &Front<'_>, look: &Look) -> Result<Worksheet, ReportError> {
    let mut paper = Paper::new(NAME, look)?;
    let run = front.source.run();
    paper.title(
        "underdesk",
        &format!("what {} {} found", run.kind, run.id.as_str()),
    )?;
    if run.simulated {
        paper.warn("Simulated: no host of this run exists.")?;
    }
    if let Some(warning) = unfinished(run) {
        paper.warn(&format!("Not complete: {warning}."))?;
    }
    if let Some(outdated) = outdated(run) {
        paper.warn(&format!("The catalogue is out of date: {outdated}."))?;
    }
    if let Some(part) = front.source.part() {
        of_part(part, &mut paper)?;
    }
    of_run(run, &mut paper)?;
    let outcomes = coverage(front, &mut paper)?;
    if let Some(comparison) = front.source.comparison() {
        let is_part = front.source.part().is_some();
        against_lists(comparison, front.counts, is_part, &mut paper)?;
    }
    let severities = if front.source.verification().is_some() {
        verified(front, &mut paper)?;
        None
    } else {
        let severities = findings(front, &mut paper)?;
        next_steps(front, &mut paper)?;
        severities
    };
    contents(front, &mut paper)?;
    let mut sheet = paper.into_sheet();
    charts::insert(&mut sheet, severities, outcomes)?;
    let digits = paper::DIGITS + charts::DIGITS;
    set_up_page(&mut sheet, digits, front.footer);
    Ok(sheet)
}

/// What of the run is shown, and on how much that rests.
fn of_part(part: &Part, paper: &mut Paper<'_>) -> Result<(), ReportError> {
    paper.warn(&format!("Part of the run: {}", part.asked.join(" ")))?;
    paper.detail(
        "comes to",
        asked(part).trim_end().replace('\n', "; ").as_str(),
    )?;
    paper.remark(PART)
}

fn of_run(run: &RunSummary, paper: &mut Paper<'_>) -> Result<(), ReportError> {
    paper.section("The run")?;
    paper.detail("run", run.id.as_str())?;
    paper.detail("kind", &run.kind)?;
    paper.detail("site", &run.site)?;
    paper.time("began (UTC)", moment(run.started), &run.started.to_string())?;
    match run.finished {
        Some(time) => {
            let name = match run.state {
                RunState::Complete => "ended (UTC)",
                _ => "stopped (UTC)",
            };
            paper.time(name, moment(time), &time.to_string())?;
        }
        None => paper.detail("ended", "not yet: it can be resumed")?,
    }
    paper.detail("operator", &run.operator)?;
    if let Some(who) = &run.authorised_by {
        paper.detail("permitted by", who)?;
    }
    paper.detail("targets", &some(&run.targets))?;
    if !run.guards_lifted.is_empty() {
        paper.detail("guards lifted", &some(&run.guards_lifted))?;
    }
    let catalogue = match how_new(run) {
        Some(how_new) => how_new,
        None if run.catalog_digest.is_empty() => "none".to_owned(),
        None => "built in".to_owned(),
    };
    paper.detail("catalogue", &catalogue)
}

/// The first of them.
fn some(items: &[String]) -> String {
    let shown = items.iter().take(TARGETS).map(String::as_str);
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = items.len().checked_sub(TARGETS) {
        text = format!("{text}; (+{more})");
    }
    text
}

/// What was covered. Hands back the rows of machines by outcome.
fn coverage(front: &Front<'_>, paper: &mut Paper<'_>) -> Result<Option<(u32, u32)>, ReportError> {
    let counts = front.counts;
    paper.section("Coverage")?;
    let rows = front.source.coverage();
    // A machine that reads itself sweeps nothing.
    if !rows.is_empty() {
        addresses(rows, paper)?;
    }
    let is_part = front.source.part().is_some();
    let machines = if is_part {
        "machines asked about"
    } else {
        "machines"
    };
    paper.line(machines, counts.machines, "")?;
    let in_full = match counts.read_in_full() {
        full if is_part || full == counts.assessed => String::new(),
        full => format!("{full} of these in full"),
    };
    paper.line("read", counts.assessed, &in_full)?;
    let blind = counts.machines.saturating_sub(counts.assessed);
    let said = if blind > 0 {
        "nothing is known of their updates"
    } else {
        ""
    };
    paper.line("not read", blind, said)?;
    for (code, machines) in &counts.not_assessed {
        let hint = ResultCode::parse(code).map_or("", ResultCode::fix_hint);
        paper.line(&format!("    {code}"), *machines, hint)?;
    }
    if counts.not_in_full() > 0 {
        paper.line(
            "read, not judged",
            counts.not_in_full(),
            "or not in full: what they lack is not all known",
        )?;
    }
    for range in counts.intermediaries.iter().take(STEPS) {
        paper.detail("no machine", range)?;
    }
    if counts.outcomes.is_empty() {
        return Ok(None);
    }
    paper.gap();
    let head = if is_part {
        "those shown, by outcome"
    } else {
        "machines by outcome"
    };
    paper.head(&[head, "machines"])?;
    let first = paper.row();
    for (outcome, machines) in &counts.outcomes {
        paper.line(outcome, *machines, "")?;
    }
    Ok(Some((first, paper.row() - 1)))
}

fn addresses(rows: &[CoverageRow], paper: &mut Paper<'_>) -> Result<(), ReportError> {
    let sum = |of: fn(&CoverageRow) -> u128| {
        let rows = rows.iter();
        rows.fold(0, |sum: u128, row| sum.saturating_add(of(row)))
    };
    paper.line("addresses in scope", sum(|row| row.in_scope), "")?;
    paper.line("    answered", sum(|row| row.answered), "")?;
    paper.line("    silent", sum(|row| row.silent), "")?;
    paper.line("    not begun", sum(|row| row.not_begun), "")?;
    paper.line("excluded besides", sum(|row| row.excluded), "")?;
    for said in rows.iter().filter_map(CoverageRow::search_said).take(STEPS) {
        paper.detail("searched", &said)?;
    }
    if let Some(said) = without_address(rows) {
        paper.detail("no address", &said)?;
    }
    Ok(())
}

fn against_lists(
    comparison: &Comparison,
    counts: &Counts,
    is_part: bool,
    paper: &mut Paper<'_>,
) -> Result<(), ReportError> {
    if comparison.lists.is_empty() {
        return Ok(());
    }
    paper.section(if is_part {
        "Against the lists, of the machines shown"
    } else {
        "Against the lists"
    })?;
    for state in ManagedState::ALL {
        let live = counts.standings.get(state).copied().unwrap_or_default();
        let entries = comparison.entries.iter();
        let entries = entries
            .filter(|entry| entry.standing.state == *state)
            .count();
        let all = live + u64::try_from(entries).unwrap_or(u64::MAX);
        let said = if state.is_headline() {
            "look at these"
        } else {
            ""
        };
        if all > 0 || state.is_headline() {
            paper.line(state.as_str(), all, said)?;
        }
    }
    Ok(())
}

/// What was found. Hands back the rows of findings by severity, where anything can be stated.
fn findings(front: &Front<'_>, paper: &mut Paper<'_>) -> Result<Option<(u32, u32)>, ReportError> {
    let (run, counts) = (front.source.run(), front.counts);
    paper.section("Findings")?;
    let severities = if counts.assessed == 0 {
        paper.text(match front.source.part() {
            Some(_) => "None can be stated: none of the machines asked about was read.",
            None => "None can be stated: no machine was read.",
        })?;
        None
    } else if run.catalog_digest.is_empty() {
        paper.text("None can be stated: there is no catalogue to compare with.")?;
        None
    } else {
        judged(front, paper)?
    };
    for (kind, machines) in &counts.weaknesses {
        paper.line(kind, *machines, "seen without a login")?;
    }
    if counts.with_baseline > 0 {
        let said = format!("of {} that a baseline is for", counts.with_baseline);
        paper.line("machines that drift", counts.drifting, &said)?;
    }
    if let Some(changes) = front.source.changes() {
        paper.text(&since(changes))?;
    }
    Ok(severities)
}

/// What the catalogue says of the machines that were read.
fn judged(front: &Front<'_>, paper: &mut Paper<'_>) -> Result<Option<(u32, u32)>, ReportError> {
    let counts = front.counts;
    let severities = by_severity(front, paper)?;
    let found = counts.in_state(FindingState::counts_as_missing);
    let is_partial = counts.not_in_full() > 0;
    if found == 0 && is_partial {
        paper.detail("to install", &missing(counts))?;
    } else {
        let said = format!(
            "{}on {} of {} that {} read",
            if is_partial { "at least; " } else { "" },
            counts.lacking,
            plural(counts.assessed, "machine"),
            if counts.assessed == 1 { "was" } else { "were" }
        );
        paper.line("to install", found, &said)?;
    }
    paper.detail("known to be exploited", &exploited(counts))?;
    if counts.has_due_dates {
        let machines = plural(counts.late, "machine");
        let least = if is_partial { "at least; " } else { "" };
        let said = format!("{least}past their due date, on {machines}");
        if counts.tells_nothing_overdue() {
            let said = "cannot be stated: no machine that was read was judged in full";
            paper.detail("overdue", said)?;
        } else {
            paper.line("overdue", counts.overdue, &said)?;
        }
    }
    if counts.excepted > 0 {
        paper.line("excepted", counts.excepted, "that an exception holds for")?;
    }
    let undecided = counts.in_state(FindingState::counts_as_unknown);
    let said = format!(
        "on {}: unknown, and never clean",
        plural(counts.undecided, "machine")
    );
    paper.line("undecided", undecided, &said)?;
    let others = [
        (
            counts.end_of_life,
            "out of support",
            "machines with software out of support",
        ),
        (counts.reboots, "wait for a restart", "machines"),
        (
            counts.unsafe_sources,
            "unsafe update source",
            "machines taking updates unsigned or over http",
        ),
    ];
    for (count, label, said) in others.into_iter().filter(|(count, ..)| *count > 0) {
        paper.line(label, count, said)?;
    }
    Ok(severities)
}

/// Open and undecided findings by severity and by what can be done.
fn by_severity(
    front: &Front<'_>,
    paper: &mut Paper<'_>,
) -> Result<Option<(u32, u32)>, ReportError> {
    let is_counted = front
        .sheets
        .iter()
        .any(|(table, _)| table.name == "findings");
    if !is_counted {
        return Ok(None);
    }
    let mut head = vec!["by my severity"];
    head.extend(CLASSES);
    paper.head(&head)?;
    let first = paper.row();
    for (severity, sums) in front.tally.rows() {
        paper.sums(severity, &sums)?;
    }
    let last = paper.row() - 1;
    paper.remark("By your policy, else by the publisher. Of the machines that were read; nothing is known of the others.")?;
    paper.gap();
    Ok(Some((first, last)))
}

fn verified(front: &Front<'_>, paper: &mut Paper<'_>) -> Result<(), ReportError> {
    let Some(verification) = front.source.verification() else {
        return Ok(());
    };
    paper.section("Verified")?;
    paper.detail("findings of", verification.base.as_str())?;
    for (state, findings) in verification.counts() {
        paper.line(state.as_str(), findings, "")?;
    }
    if verification.is_other_catalog {
        paper.text("Another catalogue than the one that judged that run: what it does not hold against what was read then is unverified.")?;
    }
    Ok(())
}

fn next_steps(front: &Front<'_>, paper: &mut Paper<'_>) -> Result<(), ReportError> {
    let steps = steps(front.source.run(), front.source.coverage(), front.counts);
    let later = later(front.counts);
    if steps.is_empty() && later.is_empty() {
        return Ok(());
    }
    paper.section("What to do next")?;
    for (number, step) in (1..).zip(steps.iter().take(STEPS)) {
        paper.text(&format!("{number}. {step}"))?;
    }
    for line in &later {
        paper.text(line)?;
    }
    Ok(())
}

/// The sheets, each a link.
fn contents(front: &Front<'_>, paper: &mut Paper<'_>) -> Result<(), ReportError> {
    paper.section("Sheets")?;
    paper.head(&["sheet", "rows"])?;
    for (table, rows) in front.sheets {
        let row = paper.row();
        paper.line(table.name, *rows, table.says)?;
        let (sheet, look) = paper.sheet();
        link(
            sheet,
            (row, 0),
            (table.name, format!("internal:'{}'!A1", table.name)),
            &look.contents,
        )?;
    }
    let row = paper.row();
    paper.detail(dictionary::NAME, "what every column tells")?;
    let (sheet, look) = paper.sheet();
    let to = format!("internal:'{}'!A1", dictionary::NAME);
    link(sheet, (row, 0), (dictionary::NAME, to), &look.contents)?;
    paper.gap();
    paper.remark("`unknown` means that nobody could say; an empty cell means nothing. A machine that was not read never counts as clean.")?;
    let (sheet, _) = paper.sheet();
    done(sheet.set_print_area(0, 0, row + 3, LAST + charts::COLUMNS))
}
