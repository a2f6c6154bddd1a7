//! What is open, by severity, by date, by exploitation.

use super::super::Counts;
use super::chart;
use super::coverage::{more, tile};
use super::frame::View;
use super::kept::{Exploited, Late, Row, SEVERITIES};
use super::markup::Html;
use crate::model::{FindingState, number, plural};

/// How many of the first are shown in a section.
const FIRST: usize = 15;

/// Why nothing can be said of findings, where nothing can.
pub(super) fn silence(view: &View<'_>) -> Option<&'static str> {
    let (run, counts) = (view.source.run(), &view.gathered.counts);
    if counts.assessed == 0 {
        Some(match view.source.part() {
            Some(_) => "None can be stated: none of the machines asked about was read.",
            None => "None can be stated: no machine was read.",
        })
    } else if run.catalog_digest.is_empty() {
        Some("None can be stated: there was no catalogue to compare with.")
    } else {
        None
    }
}

/// Says why nothing can be said, and whether it had to.
pub(super) fn is_silent(view: &View<'_>, page: &mut Html) -> bool {
    let silence = silence(view);
    if let Some(why) = silence {
        page.element("p class=\"note warn\"", why);
    }
    silence.is_some()
}

pub(super) fn by_severity(view: &View<'_>, page: &mut Html) {
    let sums = &view.gathered.sums;
    if is_silent(view, page) {
        if sums.open() == 0 {
            return;
        }
        page.says("What follows is seen from outside, without a login.");
    } else {
        headline(view, page);
    }
    page.says(if sums.has_rules {
        "Severities are yours, as your policy rates them; where it has no rule, the publishers', and by the CVSS base score where a publisher states none."
    } else {
        "Severities are the publishers', and by the CVSS base score where a publisher states none: no policy of yours says otherwise."
    });
    page.table(
        "Open findings by severity",
        &[
            "Severity",
            "#Open findings",
            "#Machines",
            "#Known exploited",
            "#Overdue",
        ],
    );
    let most = sums.severities.iter().map(|sum| sum.findings).max();
    let most = most.unwrap_or_default().max(1);
    for (at, (word, sum)) in SEVERITIES.iter().zip(&sums.severities).enumerate() {
        if sum.findings == 0 && at > 3 {
            continue;
        }
        page.raw("<tr><th scope=\"row\">")
            .severity(word)
            .raw("</th><td class=\"n\">");
        page.show(number(sum.findings))
            .raw(&chart::bar(at, sum.findings * 100 / most))
            .raw("</td>");
        page.figure(&number(sum.machines))
            .figure(&exploited_count(view, sum.exploited));
        page.figure(&overdue_count(view, sum.overdue))
            .raw("</tr>\n");
    }
    page.end_table();
}

fn headline(view: &View<'_>, page: &mut Html) {
    let counts = &view.gathered.counts;
    let state = |of: fn(FindingState) -> bool| number(counts.in_state(of));
    let is_partial = counts.not_in_full() > 0 || counts.assessed < counts.machines;
    let missing = counts.in_state(FindingState::counts_as_missing);
    let missing = match missing {
        // Nothing was found, and that is not nothing.
        0 if counts.not_in_full() > 0 => "unknown".to_owned(),
        count if is_partial => format!("at least {}", number(count)),
        count => number(count),
    };
    let tiles = [
        (
            "Missing updates",
            missing,
            format!(
                "on {} of {} read",
                number(counts.lacking),
                plural(counts.assessed, "machine")
            ),
        ),
        (
            "Known exploited",
            exploited_count(view, counts.exploited),
            match counts.unchecked {
                0 => "open findings with a flaw that attackers use".to_owned(),
                more => format!("{} not looked up", plural(more, "finding")),
            },
        ),
        ("Overdue", overdue_count(view, counts.overdue), late(counts)),
        (
            "No fix available",
            state(FindingState::counts_as_no_fix),
            "findings for which nothing can be installed".to_owned(),
        ),
        (
            "Undecided",
            state(FindingState::counts_as_unknown),
            format!(
                "nobody can tell, on {}",
                plural(counts.undecided, "machine")
            ),
        ),
    ];
    page.raw("<dl class=\"tiles\">\n");
    for (name, figure, note) in tiles {
        tile(page, name, &figure, &note);
    }
    if counts.excepted > 0 {
        tile(
            page,
            "Excepted",
            &number(counts.excepted),
            "findings that an exception of yours holds for",
        );
    }
    page.raw("</dl>\n");
}

/// On how many machines anything is overdue, where anything can be.
fn late(counts: &Counts) -> String {
    if counts.has_due_dates {
        let machines = plural(counts.late, "machine");
        let least = if counts.unjudged > 0 { "at least " } else { "" };
        format!("past the date of your policy, on {least}{machines}")
    } else {
        "your policy sets no dates".to_owned()
    }
}

/// No list of exploited flaws, no zero.
fn exploited_count(view: &View<'_>, count: u64) -> String {
    match count {
        0 if view.gathered.counts.unchecked > 0 => "unknown".to_owned(),
        count => number(count),
    }
}

/// No dates, no zero; nor where machines were not judged in full.
fn overdue_count(view: &View<'_>, count: u64) -> String {
    let counts = &view.gathered.counts;
    match count {
        _ if !counts.has_due_dates => "–".to_owned(),
        0 if counts.unjudged > 0 => "unknown".to_owned(),
        count => number(count),
    }
}

pub(super) fn overdue(view: &View<'_>, page: &mut Html) {
    let counts = &view.gathered.counts;
    if is_silent(view, page) {
        return;
    }
    if !counts.has_due_dates {
        page.says("Your policy allows no days for anything, so nothing can be overdue.");
        return;
    }
    if counts.tells_nothing_overdue() {
        page.says("No machine that was read was judged in full: whether anything is past its date cannot be stated.");
        return;
    }
    if counts.overdue == 0 {
        page.says("No finding on the machines that were read and judged is past its date.");
        return;
    }
    page.says(&format!(
        "{} past the date by which your policy wants them fixed, on {}.",
        plural(counts.overdue, "finding"),
        plural(counts.late, "machine")
    ));
    let late = |row: &&Row| row.late == Late::Overdue;
    first(
        view,
        page,
        "Overdue findings, the first to see to first",
        late,
    );
    more(
        page,
        size(counts.overdue),
        FIRST,
        "the table of all findings",
    );
}

pub(super) fn exploited(view: &View<'_>, page: &mut Html) {
    let counts = &view.gathered.counts;
    if is_silent(view, page) {
        return;
    }
    if counts.unchecked > 0 {
        page.element(
            "p class=\"note warn\"",
            &format!(
                "{} judged without CISA's list of exploited flaws: underdesk catalog update kev, then judge the run anew.",
                plural(counts.unchecked, "finding")
            ),
        );
    }
    if counts.exploited == 0 {
        if counts.unchecked == 0 {
            page.says(
                "No open finding on the machines that were read has a flaw that CISA's list has.",
            );
        }
        return;
    }
    page.says(&format!(
        "{} with a flaw that CISA knows to be exploited.",
        plural(counts.exploited, "open finding")
    ));
    let is_open = |row: &&Row| row.exploited == Exploited::Yes && row.is_open();
    first(
        view,
        page,
        "Findings known to be exploited, the first to see to first",
        is_open,
    );
    more(
        page,
        size(counts.exploited),
        FIRST,
        "the table of all findings",
    );
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The first findings of a sort.
fn first(view: &View<'_>, page: &mut Html, caption: &str, of: impl FnMut(&&Row) -> bool) {
    let gathered = view.gathered;
    let text = |at: u32| gathered.texts.text(at);
    page.table(
        caption,
        &["Severity", "Machine", "Bulletin", "What", "Due", "Owner"],
    );
    for row in gathered.findings.iter().filter(of).take(FIRST) {
        let Some((machine, subject)) = gathered.of(row) else {
            continue;
        };
        let severity = SEVERITIES
            .get(usize::from(row.severity))
            .copied()
            .unwrap_or_default();
        page.raw("<tr><td>").severity(severity).raw("</td>");
        page.head(&gathered.name(machine));
        page.raw("<td class=\"id\">")
            .bulletin(text(subject.bulletin))
            .raw("</td>");
        page.cell(text(subject.title))
            .cell(text(row.due))
            .cell(text(row.owner))
            .raw("</tr>\n");
    }
    page.end_table();
}
