//! What was looked at, and what was not: the first thing to know of every figure that follows.

use super::super::Counts;
use super::super::summary::without_address;
use super::chart;
use super::frame::View;
use super::markup::Html;
use crate::model::{Canaries, CoverageRow, ResultCode, number, plural};

/// How many lines of a kind are told.
const TOLD: usize = 20;

pub(super) fn section(view: &View<'_>, page: &mut Html) {
    tiles(view, page);
    if view.source.verification().is_none() {
        warn(view, page);
    }
    let rows = view.source.coverage();
    if rows.is_empty() {
        page.says("No network was swept: the run was given its machines.");
    } else {
        loss(view.source.run().canaries, page);
    }
    for why in view.gathered.counts.intermediaries.iter().take(TOLD) {
        page.says(&format!("No machine: {why}"));
    }
    for words in rows.iter().filter_map(CoverageRow::search_said).take(TOLD) {
        page.says(&format!("{words}."));
    }
    if let Some(said) = without_address(rows) {
        page.says(&format!("Without an address: {said}."));
    }
    reasons(view, page);
    subnets(rows, page);
}

/// A figure that stands out: what it is, the figure, and what to know of it.
pub(super) fn tile(page: &mut Html, name: &str, figure: &str, note: &str) {
    page.raw("<div class=\"tile\">").element("dt", name);
    page.element("dd class=\"figure\"", figure)
        .element("dd class=\"about\"", note)
        .raw("</div>\n");
}

/// How much was in scope, and what became of it.
fn scope_tiles(rows: &[CoverageRow], page: &mut Html) {
    let sum = |of: fn(&CoverageRow) -> u128| {
        rows.iter()
            .fold(0_u128, |sum, row| sum.saturating_add(of(row)))
    };
    let note = format!(
        "{} answered, {} silent, {} not begun; {} excluded",
        number(sum(|row| row.answered)),
        number(sum(|row| row.silent)),
        number(sum(|row| row.not_begun)),
        number(sum(|row| row.excluded))
    );
    tile(
        page,
        "Addresses in scope",
        &number(sum(|row| row.in_scope)),
        &note,
    );
    let rows = rows.iter().filter(|row| row.no_address.is_none());
    let begun = rows.clone().filter(|row| row.swept > 0).count();
    let note = format!("{} of them at least partly swept", number(begun as u128));
    tile(
        page,
        "Subnets and targets",
        &number(rows.count() as u128),
        &note,
    );
}

fn tiles(view: &View<'_>, page: &mut Html) {
    let counts = &view.gathered.counts;
    let rows = view.source.coverage();
    page.raw("<dl class=\"tiles\">\n");
    if !rows.is_empty() {
        scope_tiles(rows, page);
    }
    let blind = counts.machines.saturating_sub(counts.assessed);
    let is_part = view.source.part().is_some();
    let met = if is_part {
        ("Machines asked about", "whatever they lack")
    } else {
        ("Machines met", "however many addresses each has")
    };
    tile(page, met.0, &number(counts.machines), met.1);
    tile(
        page,
        "Read",
        &number(counts.assessed),
        "logged in to; what a question left open is in Not judged in full",
    );
    let note = match blind {
        0 if is_part => "every one of them was read",
        0 if counts.machines == 0 => "no machine was met",
        0 => "every machine that was met was read",
        _ => "nothing is known of their updates",
    };
    tile(page, "Not read", &number(blind), note);
    if counts.not_in_full() > 0 {
        tile(
            page,
            "Not judged in full",
            &number(counts.not_in_full()),
            &not_in_full(counts),
        );
    }
    page.raw("</dl>\n");
}

/// Why machines that were read were not judged, or not in full.
fn not_in_full(counts: &Counts) -> String {
    let open = "a question was left open, or no catalogue covers the system";
    let product = "no catalogue covers a product that is installed";
    match (counts.unjudged, counts.uncovered) {
        (_, 0) => format!("read, but {open}"),
        (0, _) => format!("read, but {product}"),
        (unjudged, uncovered) => format!(
            "read, but of {} {open}, and of {} {product}",
            number(unjudged),
            number(uncovered)
        ),
    }
}

fn warn(view: &View<'_>, page: &mut Html) {
    let counts = &view.gathered.counts;
    let blind = counts.machines.saturating_sub(counts.assessed);
    if counts.assessed == 0 {
        page.element(
            "p class=\"note warn\"",
            match view.source.part() {
                Some(_) => {
                    "None of these machines was read. What is missing there cannot be stated."
                }
                None => "No machine was read. What is missing on the network cannot be stated.",
            },
        );
    } else if blind > 0 {
        let them = if blind == 1 { "It is" } else { "They are" };
        page.element(
            "p class=\"note warn\"",
            &format!(
                "Of {} of {} nothing is known about updates. {them} not clean: the figures below leave out whatever is missing there.",
                number(blind),
                plural(counts.machines, "machine")
            ),
        );
    }
}

/// What the sweep itself may have lost.
fn loss(canaries: Canaries, page: &mut Html) {
    if canaries.asked == 0 {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share to one place")]
    let lost = canaries.lost as f64 * 100.0 / canaries.asked as f64;
    page.says(&format!(
        "{lost:.1} % of {} questions to hosts known to live were lost during the sweep.",
        number(canaries.asked)
    ));
}

/// Why machines were not read.
fn reasons(view: &View<'_>, page: &mut Html) {
    let counts = &view.gathered.counts;
    if counts.not_assessed.is_empty() {
        return;
    }
    let blind = counts.machines.saturating_sub(counts.assessed);
    page.table(
        "Machines that were not read, by reason",
        &["Reason", "#Machines", "What it means", "What to do"],
    );
    let mut reasons: Vec<_> = counts.not_assessed.iter().collect();
    reasons.sort_by_key(|(word, count)| (u64::MAX - **count, **word));
    for (word, count) in reasons {
        let code = ResultCode::parse(word);
        page.raw("<tr>").head(word);
        page.raw("<td class=\"n\">").show(number(*count));
        page.raw(&chart::bar(5, count * 100 / blind.max(1)))
            .raw("</td>");
        page.cell(code.map_or("nobody tried to log in", ResultCode::sentence));
        page.cell(code.map_or(
            "give a credential whose scope covers them",
            ResultCode::fix_hint,
        ));
        page.raw("</tr>\n");
    }
    page.end_table();
}

fn subnets(rows: &[CoverageRow], page: &mut Html) {
    if rows.is_empty() {
        return;
    }
    let heads = [
        "Subnet or target",
        "#In scope",
        "#Answered",
        "#Silent",
        "#Not begun",
        "#Excluded",
        "#Read",
    ];
    let mut rows: Vec<&CoverageRow> = rows.iter().collect();
    rows.sort_by(|one, other| (other.answered, &one.subnet).cmp(&(one.answered, &other.subnet)));
    page.raw("<details><summary>Every subnet and target</summary>\n");
    page.table("Addresses by subnet, those with most answers first", &heads);
    for row in rows.iter().take(TOLD * 5) {
        page.raw("<tr>").head(&row.subnet);
        for figure in [
            row.in_scope,
            row.answered,
            row.silent,
            row.not_begun,
            row.excluded,
            row.assessed,
        ] {
            page.figure(&number(figure));
        }
        page.raw("</tr>\n");
    }
    page.end_table();
    more(page, rows.len(), TOLD * 5, "coverage.csv");
    page.raw("</details>\n");
}

/// Says how many there are besides those that are shown, and where.
pub(super) fn more(page: &mut Html, all: usize, shown: usize, place: &str) {
    if let Some(more) = all.checked_sub(shown).filter(|more| *more > 0) {
        page.element(
            "p class=\"more\"",
            &format!("{} more in {place}.", number(more as u128)),
        );
    }
}
