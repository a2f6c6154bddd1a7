//! This run beside those before it.

use super::chart;
use super::frame::View;
use super::markup::Html;
use crate::model::{Severity, TrendPoint, TrendSums, number};

/// Why a part of a run has none.
const PART: &str = "Earlier runs are counted as a whole and cannot be compared with a part of this one: the trend is left out here.";

pub(super) fn section(view: &View<'_>, page: &mut Html) {
    if !view.options.selection.is_whole() {
        page.says(PART);
        return;
    }
    let points = view.source.trend();
    if points.len() < 2 {
        page.says("There is no earlier finished run of the same targets to compare with.");
        return;
    }
    page.says(
        "This run and those before it of the same kind, site and targets, by what is stored of each. Severities here \
         are the publishers': a policy of today was not that of the day. What is seen from outside without a login is \
         not counted, and what was overdue then cannot be told.",
    );
    if let Some(svg) = chart::trend(points) {
        page.raw("<figure class=\"chart\">").raw(&svg);
        page.raw("<figcaption>Open findings on the machines that were read. More machines read means more findings found.</figcaption></figure>\n");
    }
    let heads = [
        "Run began",
        "Run",
        "#Machines met",
        "#Read",
        "#Critical",
        "#High",
        "#All open",
        "#Missing updates",
        "#Known exploited",
    ];
    page.table("Figures of each run", &heads);
    for point in points.iter().rev() {
        row(point, page);
    }
    page.end_table();
}

fn row(point: &TrendPoint, page: &mut Html) {
    page.raw("<tr>")
        .head(&point.started.date().to_string())
        .cell(point.run.as_str());
    let Some(sums) = &point.sums else {
        page.raw("<td colspan=\"7\">cannot be read any more, and is left out</td></tr>\n");
        return;
    };
    page.figure(&number(sums.machines))
        .figure(&number(sums.read));
    let of = |severity| sums.open.get(&Some(severity)).copied().unwrap_or_default();
    let counts = [
        of(Severity::Critical),
        of(Severity::High),
        sums.all_open(),
        sums.missing,
    ];
    for count in counts {
        // Nobody read, or nothing to judge by: no figure.
        page.figure(&if sums.says_findings() {
            number(count)
        } else {
            "unknown".to_owned()
        });
    }
    page.figure(&exploited(sums)).raw("</tr>\n");
}

fn exploited(sums: &TrendSums) -> String {
    match sums.exploited {
        _ if !sums.says_findings() => "unknown".to_owned(),
        0 if sums.unchecked > 0 => "unknown".to_owned(),
        count => number(count),
    }
}
