//! The end of a run in words: coverage first, findings second, what to do next third.

use super::catalogue::outdated;
use super::remediation::Step;
use super::unfinished::{resume, unfinished};
use super::{Counts, ReportSource, for_terminal};
use crate::model::{
    Canaries, ChangeKind, Changes, Comparison, CoverageRow, FindingState, ManagedState, ResultCode,
    RunSummary, number, plural,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};

/// The days after which a catalogue counts as old.
const CATALOG_DAYS: i64 = 14;
/// How many things to do next are named.
const STEPS: usize = 6;

/// What a run comes to, as text for a terminal.
pub fn summary(source: &dyn ReportSource, counts: &Counts) -> String {
    let (run, coverage) = (source.run(), source.coverage());
    let mut text = String::new();
    if let Some(warning) = unfinished(run) {
        push(&mut text, format_args!("NOT COMPLETE: {warning}\n"));
    }
    write_coverage(run.canaries, coverage, counts, &mut text);
    if let Some(comparison) = source.comparison() {
        write_comparison(comparison, counts, &mut text);
    }
    write_findings(run, counts, &mut text);
    if let Some(changes) = source.changes() {
        push(&mut text, format_args!("  {}", since(changes)));
    }
    let (steps, later) = (steps(run, coverage, counts), later(counts));
    if !steps.is_empty() || !later.is_empty() {
        text.push_str("\nWhat to do next\n");
    }
    for (number, step) in steps.iter().take(STEPS).enumerate() {
        push(&mut text, format_args!("  {}. {step}", number + 1));
    }
    for line in later {
        push(&mut text, format_args!("     {line}"));
    }
    text
}

fn write_coverage(
    canaries: Canaries,
    coverage: &[CoverageRow],
    counts: &Counts,
    text: &mut String,
) {
    text.push_str("Coverage\n");
    // A machine that reads itself sweeps nothing.
    if !coverage.is_empty() {
        write_addresses(coverage, text);
        write_loss(canaries, text);
        write_searched(coverage, text);
        if let Some(said) = without_address(coverage) {
            push(text, format_args!("  no address {}", for_terminal(&said)));
        }
    }
    for why in counts.intermediaries.iter().take(STEPS) {
        push(text, format_args!("  no machine {}", for_terminal(why)));
    }
    let machines = number(counts.machines);
    let read = number(counts.assessed);
    let outcomes = listed(&counts.outcomes);
    let in_full = match counts.read_in_full() {
        full if full == counts.assessed => String::new(),
        0 => ", none in full".to_owned(),
        full => format!(", {} in full", number(full)),
    };
    push(
        text,
        format_args!("  machines   {machines}, {read} of them read{in_full}{outcomes}"),
    );
    write_keys(counts, text);
    if !counts.not_assessed.is_empty() {
        let blind = number(counts.machines.saturating_sub(counts.assessed));
        let reasons = listed(&counts.not_assessed);
        push(
            text,
            format_args!("  not read   {blind}{reasons}: nothing is known of their updates"),
        );
    }
}

/// How the network compares with the lists.
fn write_comparison(comparison: &Comparison, counts: &Counts, text: &mut String) {
    for warning in comparison.warnings.iter().take(STEPS) {
        push(text, format_args!("  doubtful   {}", for_terminal(warning)));
    }
    if let Some(more) = comparison.warnings.len().checked_sub(STEPS + 1) {
        push(text, format_args!("             {} more such", more + 1));
    }
    if comparison.lists.is_empty() {
        return;
    }
    let in_state = |state: ManagedState| {
        let live = counts.standings.get(&state).copied().unwrap_or_default();
        let entries = comparison.entries.iter();
        live + count(
            entries
                .filter(|entry| entry.standing.state == state)
                .count(),
        )
    };
    let said = |state: ManagedState| format!("{} {}", number(in_state(state)), state.as_str());
    text.push_str("\nAgainst the lists\n");
    let headline = ManagedState::ALL.iter().filter(|state| state.is_headline());
    let headline: u64 = headline.map(|state| in_state(*state)).sum();
    push(
        text,
        format_args!(
            "  look at    {} live: {}, {}, {}",
            number(headline),
            said(ManagedState::Unmanaged),
            said(ManagedState::Overlooked),
            said(ManagedState::Unidentified)
        ),
    );
    push(
        text,
        format_args!(
            "  in order   {}, {}",
            said(ManagedState::Managed),
            said(ManagedState::Expected)
        ),
    );
    push(
        text,
        format_args!(
            "  not met    {}, {}, {}",
            said(ManagedState::Unseen),
            said(ManagedState::StaleEntry),
            said(ManagedState::OutOfScope)
        ),
    );
    write_lists(comparison, text);
}

/// What each list knows of the network.
fn write_lists(comparison: &Comparison, text: &mut String) {
    for list in &comparison.lists {
        let live = list.live + list.lacks;
        push(
            text,
            format_args!(
                "  {:<10} knows {} of {} live; {} of its {} {} met",
                for_terminal(&list.name),
                number(list.live),
                number(live),
                number(list.live),
                plural(list.machines, "machine"),
                was(list.live)
            ),
        );
    }
}

/// What changed since an earlier run, in a line.
pub fn since(changes: &Changes) -> String {
    const TOLD: [(ChangeKind, &str, &str); 12] = [
        (ChangeKind::MachineNew, "machine", "new"),
        (ChangeKind::MachineNewlySwept, "machine", "newly swept"),
        (ChangeKind::MachineGone, "machine", "gone"),
        (ChangeKind::MachineBack, "machine", "back"),
        (ChangeKind::MachineNotSwept, "machine", "not swept"),
        (ChangeKind::MachineUnrecognised, "machine", "unrecognised"),
        (ChangeKind::FindingNew, "finding", "new"),
        (ChangeKind::FindingFixed, "finding", "fixed"),
        (ChangeKind::FindingReopened, "finding", "reopened"),
        (ChangeKind::FindingSeenAgain, "finding", "seen again"),
        (ChangeKind::FindingUnobserved, "finding", "unobserved"),
        (ChangeKind::FindingWithdrawn, "finding", "withdrawn"),
    ];
    let mut said = Vec::new();
    let mut last = "";
    for (kind, what, word) in TOLD {
        let count = changes.count(kind);
        if count == 0 {
            continue;
        }
        // The first of several of the same says what they are.
        if what == last {
            said.push(format!("{} {word}", number(count)));
        } else {
            said.push(format!("{} {word}", plural(count, what)));
        }
        last = what;
    }
    if said.is_empty() {
        let what = match changes.rows.len() {
            0 => "nothing has changed",
            _ => "no machine and no finding is new or gone",
        };
        said.push(what.to_owned());
    }
    format!(
        "since {}: {}",
        for_terminal(changes.before.as_str()),
        said.join(", ")
    )
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// What host keys show: those that changed, and those that are in several places.
fn write_keys(counts: &Counts, text: &mut String) {
    if counts.changed_keys > 0 {
        let machines = plural(counts.changed_keys, "machine");
        push(
            text,
            format_args!(
                "  KEYS       {machines} with another key than the one on record: installed anew, or an impostor; they heard nothing"
            ),
        );
    }
    let mut shared: Vec<_> = counts.shared_keys.iter().collect();
    shared.sort_by_key(|(key, addresses)| (u64::MAX - **addresses, *key));
    for (key, addresses) in shared.iter().take(3) {
        let addresses = plural(**addresses, "address");
        push(
            text,
            format_args!(
                "  same key   {} at {addresses}: a cloned image, or one machine? (same_key_elsewhere)",
                for_terminal(key)
            ),
        );
    }
    if let Some(more) = shared.len().checked_sub(3).filter(|more| *more > 0) {
        push(text, format_args!("             {more} more such keys"));
    }
}

fn write_addresses(coverage: &[CoverageRow], text: &mut String) {
    let sum = |of: fn(&CoverageRow) -> u128| {
        let rows = coverage.iter();
        number(rows.fold(0, |sum: u128, row| sum.saturating_add(of(row))))
    };
    let (scope, excluded) = (sum(|row| row.in_scope), sum(|row| row.excluded));
    push(
        text,
        format_args!("  addresses  {scope} in scope, {excluded} excluded"),
    );
    let (answered, silent) = (sum(|row| row.answered), sum(|row| row.silent));
    let not_begun = sum(|row| row.not_begun);
    push(
        text,
        format_args!("             {answered} answered, {silent} silent, {not_begun} not begun"),
    );
}

/// What the sweep itself may have lost.
fn write_loss(canaries: Canaries, text: &mut String) {
    if canaries.asked == 0 {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share to one place")]
    let lost = canaries.lost as f64 * 100.0 / canaries.asked as f64;
    let asked = plural(canaries.asked, "question");
    push(
        text,
        format_args!("             {lost:.1} % lost of {asked} to hosts known to live"),
    );
}

/// How many names of the targets have no address, and the first of them; `None` where each has one.
pub(super) fn without_address(coverage: &[CoverageRow]) -> Option<String> {
    const NAMED: usize = 3;
    let names = coverage.iter().filter_map(CoverageRow::without_address);
    let mut named: Vec<String> = names
        .clone()
        .take(NAMED)
        .map(|(name, why)| format!("{name} ({why})"))
        .collect();
    let all = names.count();
    if let Some(more @ 1..) = all.checked_sub(named.len()) {
        named.push(format!("and {more} more in coverage.csv"));
    }
    let names = plural(count(all), "name");
    let named = named.join(", ");
    (all > 0).then(|| format!("{names} of the targets, nobody was looked for there: {named}"))
}

/// What was too large to be swept: whoever was not found there may still be there.
fn write_searched(coverage: &[CoverageRow], text: &mut String) {
    let mut said = coverage.iter().filter_map(CoverageRow::search_said);
    for words in said.by_ref().take(STEPS) {
        push(text, format_args!("  searched   {}", for_terminal(&words)));
    }
    let more = said.count();
    if more > 0 {
        push(
            text,
            format_args!("             … and {more} more blocks, see coverage.csv"),
        );
    }
}

/// What is wrong as seen from outside.
fn write_weaknesses(counts: &Counts, text: &mut String) {
    if counts.weaknesses.is_empty() {
        return;
    }
    let list = listed(&counts.weaknesses);
    let list = list.trim_matches([' ', '(', ')']);
    push(
        text,
        format_args!("  exposed    {list}: seen without a login"),
    );
}

fn write_findings(run: &RunSummary, counts: &Counts, text: &mut String) {
    text.push_str("\nFindings\n");
    write_weaknesses(counts, text);
    write_drift(counts, text);
    if counts.assessed == 0 {
        text.push_str("  none can be stated: no machine was read\n");
        return;
    }
    if run.catalog_digest.is_empty() {
        text.push_str("  none can be stated: there is no catalogue to compare with\n");
        return;
    }
    if let Some(outdated) = outdated(run) {
        push(text, format_args!("  catalogue  {outdated}"));
    }
    let state = |of: fn(FindingState) -> bool| number(counts.in_state(of));
    push(text, format_args!("  missing    {}", missing(counts)));
    push(text, format_args!("  exploited  {}", exploited(counts)));
    write_overdue(counts, text);
    let no_fix = state(FindingState::counts_as_no_fix);
    push(
        text,
        format_args!("  no fix     {no_fix} for which there is no fix"),
    );
    let (undecided, blind) = (
        state(FindingState::counts_as_unknown),
        plural(counts.undecided, "machine"),
    );
    push(text, format_args!("  undecided  {undecided} on {blind}"));
    if counts.end_of_life > 0 {
        let old = plural(counts.end_of_life, "machine");
        push(
            text,
            format_args!("  old        {old} with software out of support"),
        );
    }
    if counts.unsafe_sources > 0 {
        let machines = plural(counts.unsafe_sources, "machine");
        push(
            text,
            format_args!(
                "  unsafe     {machines} taking updates unsigned or over http (update_source)"
            ),
        );
    }
    if counts.reboots > 0 {
        let reboots = plural(counts.reboots, "machine");
        push(
            text,
            format_args!("  reboot     {reboots} waiting for a reboot"),
        );
    }
}

/// How much is missing. Of a machine that was not judged in full no zero is said.
pub(super) fn missing(counts: &Counts) -> String {
    let missing = counts.in_state(FindingState::counts_as_missing);
    let read = format!("{} read", plural(counts.assessed, "machine"));
    let unjudged = number(counts.not_in_full());
    if counts.not_in_full() == 0 && missing == 0 {
        return format!("none, on {read}");
    }
    if counts.not_in_full() == 0 {
        return format!(
            "{} on {} of {read}",
            number(missing),
            number(counts.lacking)
        );
    }
    if missing > 0 {
        return format!(
            "at least {} on {} of {read}; {unjudged} of these not judged, or not in full",
            number(missing),
            number(counts.lacking)
        );
    }
    let others = match counts.assessed.saturating_sub(counts.not_in_full()) {
        0 => "",
        _ => "; nothing on the others",
    };
    let was = was(counts.not_in_full());
    format!("cannot be stated: {unjudged} of {read} {was} not judged, or not in full{others}")
}

fn was(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// How machines stand to the baselines of the policy, where one is for any.
fn write_drift(counts: &Counts, text: &mut String) {
    if counts.with_baseline == 0 {
        return;
    }
    let all = plural(counts.with_baseline, "machine");
    let drifting = match counts.drifting {
        0 => format!("none of {all} with a baseline is known to drift from it"),
        one => {
            let from = plural(counts.drifted_from.len(), "baseline");
            let drift = if one == 1 { "drifts" } else { "drift" };
            format!("{} of {all} {drift} from {from}", number(one))
        }
    };
    let unknown = match counts.drift_unknown {
        0 => String::new(),
        unknown => format!(
            "; of {} not all of it can be told",
            plural(unknown, "machine")
        ),
    };
    push(text, format_args!("  drift      {drifting}{unknown}"));
}

/// What the policy asks for, where it asks for anything.
fn write_overdue(counts: &Counts, text: &mut String) {
    if counts.has_due_dates {
        push(text, format_args!("  overdue    {}", overdue(counts)));
    }
    if counts.excepted > 0 {
        let excepted = number(counts.excepted);
        push(
            text,
            format_args!("  excepted   {excepted} that an exception holds for"),
        );
    }
}

/// How many findings should have been fixed by now. Of machines that nobody judged in full there may be more; where
/// all are such, no zero.
fn overdue(counts: &Counts) -> String {
    let (known, late) = (number(counts.overdue), plural(counts.late, "machine"));
    let read = plural(counts.assessed, "machine");
    match counts.unjudged {
        0 => format!("{known} on {late}"),
        _ if counts.tells_nothing_overdue() => {
            format!("cannot be stated: of {read} read none was judged in full")
        }
        unjudged => format!(
            "at least {known} on {late}; {} of {read} read not judged, or not in full",
            number(unjudged)
        ),
    }
}

/// How many open findings are known to be exploited. No list of such flaws, no number.
pub(super) fn exploited(counts: &Counts) -> String {
    let known = number(counts.exploited);
    match counts.unchecked {
        0 => format!("{known} open with a flaw that is known to be exploited"),
        _ if counts.exploited == 0 => {
            "cannot be stated: the catalogue has no list of exploited flaws (CISA KEV)".to_owned()
        }
        _ => format!("at least {known} open with a flaw that is known to be exploited"),
    }
}

/// What to do, the most useful first.
pub(super) fn steps(run: &RunSummary, coverage: &[CoverageRow], counts: &Counts) -> Vec<String> {
    let mut steps = Vec::new();
    let resume = resume(run);
    let is_resumed = resume.is_some();
    if resume.is_none() && coverage.iter().any(|row| row.not_begun > 0) {
        let run = for_terminal(run.id.as_str());
        steps.push(format!("Finish the sweep: underdesk scan --resume {run}"));
    }
    steps.extend(resume);
    if coverage.iter().any(|row| row.no_address.is_some()) {
        steps.push(
            "Correct the names that have no address, or give their addresses, and scan these"
                .to_owned(),
        );
    }
    steps.extend(catalog_step(run));
    // That is the first step already.
    let is_said = |code: &str| is_resumed && code == ResultCode::Interrupted.as_str();
    let blind = counts.not_assessed.iter();
    let mut blind: Vec<_> = blind.filter(|(code, _)| !is_said(code)).collect();
    blind.sort_by_key(|(code, machines)| (u64::MAX - **machines, **code));
    for (code, machines) in blind.into_iter().take(3) {
        let hint = ResultCode::parse(code).map_or("", ResultCode::fix_hint);
        if !hint.is_empty() {
            steps.push(format!("{code} ({}): {hint}", plural(*machines, "machine")));
        }
    }
    let told = steps.len();
    steps.extend(fixes(counts).take(3));
    if steps.len() == told {
        steps.extend(look(run, counts));
    }
    steps
}

/// Where to look at what is open, where nothing of it can be installed as things are.
fn look(run: &RunSummary, counts: &Counts) -> Option<String> {
    let open = counts.in_state(|state| !state.is_closed() && !state.counts_as_unknown());
    // What was judged from files is kept nowhere.
    (open > 0 && run.kind != "recorded").then(|| {
        format!(
            "Look at what is open ({}): underdesk findings {}",
            plural(open, "finding"),
            for_terminal(run.id.as_str())
        )
    })
}

fn catalog_step(run: &RunSummary) -> Option<String> {
    let import = "underdesk catalog update";
    let Some(age) = run.catalog_age() else {
        let wanted = !run.simulated && run.kind != "sweep";
        return wanted.then(|| format!("Get a catalogue, then judge this run again: {import}"));
    };
    let days = age.days(run.started);
    let of = match age.feed {
        "" => "it".into(),
        feed => for_terminal(feed),
    };
    let newest = if age.is_of_record {
        "the newest record of "
    } else {
        ""
    };
    (days > CATALOG_DAYS).then(|| {
        format!(
            "Renew the catalogue, {newest}{of} is {} old: {import}",
            plural(days, "day")
        )
    })
}

/// What to install or restart, the most useful first: the first rows of `remediation.csv` that can be done somewhere
/// as things are, with its figures.
fn fixes(counts: &Counts) -> impl Iterator<Item = String> {
    let steps = counts.remediation.steps().into_iter();
    steps
        .filter(|(_, step)| step.ready() > 0)
        .map(|(_, step)| fix(step))
}

fn fix(step: &Step) -> String {
    let machines = plural(step.machines(), "machine");
    let title = step.titles.first().map_or("", String::as_str);
    let what = match &step.update {
        Some(update) => format!("Install {} on {machines}", short(update)),
        None if title == "restart" => format!("Restart {machines}"),
        None => format!("{} on {machines}", capital(&short(title))),
    };
    let not_yet = match step.machines().saturating_sub(step.ready()) {
        0 => String::new(),
        some => format!(" ({})", not_yet(step, some)),
    };
    if step.findings() == 0 {
        return format!("{what}{not_yet}: no finding waits for it");
    }
    let exploited = match step.exploited() {
        0 => String::new(),
        count => format!(", {} known to be exploited", number(count)),
    };
    let flaws = match step.cves() {
        // Known by a bulletin only.
        0 => String::new(),
        count => format!(" ({}{exploited})", plural(count, "flaw")),
    };
    let findings = plural(step.findings(), "finding");
    format!("{what}{not_yet}: closes {findings}{flaws}")
}

/// Why it cannot be done on some of its machines as things are.
fn not_yet(step: &Step, machines: u64) -> String {
    let some = number(machines);
    match (step.held, step.subscribers) {
        (0, _) => format!("{some} of them need a subscription"),
        (_, 0) => format!("held on {some} of them"),
        _ => format!("held, or a subscription needed, on {some} of them"),
    }
}

/// What stays open where nothing can be installed as things are, a line for each reason.
pub(super) fn later(counts: &Counts) -> Vec<String> {
    const NAMED: usize = 3;
    let later = counts.remediation.later();
    let reasons = [
        (
            "Not without a subscription (ESU, Pro, EUS, LTSS)",
            later.subscribers,
        ),
        ("Not before packages are released that are held", later.held),
    ];
    let some = reasons
        .into_iter()
        .filter(|(_, (findings, _))| *findings > 0);
    let line = |(why, (findings, names)): (&str, (u64, BTreeSet<String>))| {
        let named: Vec<String> = names.iter().take(NAMED).map(|name| short(name)).collect();
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" (+{more})"),
        };
        format!(
            "{why}: {} about {}{more}",
            plural(findings, "finding"),
            named.join(", ")
        )
    };
    some.map(line).collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// What a publisher calls something, harmless to a terminal.
fn short(name: &str) -> String {
    for_terminal(name).chars().take(60).collect()
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}

/// ` (3 timeout, 1 filtered)`; empty for none.
fn listed<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let items = counts.iter().map(|(name, count)| {
        let name = name.to_string();
        format!("{} {}", number(*count), for_terminal(&name))
    });
    format!(" ({})", items.collect::<Vec<_>>().join(", "))
}
