//! The tables of all rows: the first of them as plain markup, and what the script needs to show the others.

use super::super::Destination;
use super::data::{Data, quoted};
use super::findings::silence;
use super::frame::View;
use super::kept::{Figure, Late, Machine, Row, SEVERITIES};
use super::markup::Html;
use crate::model::{number, plural};

/// How many rows are there without the script.
const PLAIN: usize = 500;

/// The rows that are there without the script.
pub(super) struct Plain {
    findings: Html,
    finding_count: usize,
    machines: Html,
    machine_count: usize,
}

impl Plain {
    pub(super) fn len(&self) -> usize {
        self.findings.len() + self.machines.len()
    }
}

/// Writes the first rows, as many as fit into so many bytes.
pub(super) fn plain(view: &View<'_>, room: usize) -> Plain {
    let gathered = view.gathered;
    let (findings, finding_count) = some(gathered.findings.iter(), room / 3 * 2, |row, out| {
        finding(view, row, out);
    });
    let mut machines: Vec<&Machine> = gathered.machines.iter().collect();
    machines.sort_by_key(|machine| machine.best);
    let (machines, machine_count) = some(machines.into_iter(), room / 3, |one, out| {
        machine(view, one, out);
    });
    Plain {
        findings,
        finding_count,
        machines,
        machine_count,
    }
}

/// The first rows, each whole.
fn some<T>(
    rows: impl Iterator<Item = T>,
    room: usize,
    write: impl Fn(T, &mut Html),
) -> (Html, usize) {
    let (mut all, mut count) = (Html::default(), 0);
    for row in rows.take(PLAIN) {
        let mut one = Html::default();
        write(row, &mut one);
        if all.len() + one.len() > room {
            break;
        }
        all.raw(&one.finish());
        count += 1;
    }
    (all, count)
}

fn finding(view: &View<'_>, row: &Row, out: &mut Html) {
    let gathered = view.gathered;
    let text = |at: u32| gathered.texts.text(at);
    let Some((machine, subject)) = gathered.of(row) else {
        return;
    };
    let severity = SEVERITIES
        .get(usize::from(row.severity))
        .copied()
        .unwrap_or_default();
    let rank = if row.rank > 0 {
        row.rank.to_string()
    } else {
        String::new()
    };
    out.raw("<tr>")
        .figure(&rank)
        .raw("<td>")
        .severity(severity)
        .raw("</td>");
    out.raw("<th scope=\"row\">").text(&gathered.name(machine));
    out.raw("<span class=\"small\">")
        .text(text(machine.ip))
        .raw("</span></th>");
    out.raw("<td class=\"id\">")
        .bulletin(text(subject.bulletin))
        .raw("</td>");
    out.raw("<td>")
        .text(text(subject.title))
        .raw("<span class=\"small\">")
        .text(text(subject.product))
        .raw("</span></td>");
    out.raw("<td>").text(text(row.installed));
    if subject.fixed != 0 {
        out.raw("<span class=\"small\">fixed in ")
            .text(text(subject.fixed))
            .raw("</span>");
    }
    out.raw("</td><td>")
        .text(&row.state_word().replace('_', " "))
        .raw("</td>");
    out.cell(if row.exploited == super::kept::Exploited::Yes {
        "exploited"
    } else {
        ""
    });
    out.raw("<td>").text(text(row.due)).raw(match row.late {
        Late::Overdue => "<span class=\"small late\">overdue</span>",
        Late::Excepted => "<span class=\"small\">excepted</span>",
        Late::No => "",
    });
    out.raw("</td>").cell(text(row.owner)).raw("</tr>\n");
}

fn machine(view: &View<'_>, machine: &Machine, out: &mut Html) {
    let gathered = view.gathered;
    let text = |at: u32| gathered.texts.text(at);
    let severity = SEVERITIES
        .get(usize::from(machine.worst))
        .copied()
        .unwrap_or_default();
    out.raw("<tr>")
        .head(&gathered.name(machine))
        .cell(text(machine.ip))
        .cell(text(machine.os));
    out.cell(text(machine.owner))
        .cell(&text(machine.outcome).replace('_', " "));
    out.cell(&text(machine.managed).replace('_', " "))
        .raw("<td>");
    // A machine without findings has no severity; nobody says that it is not rated.
    if machine.best < u64::MAX {
        out.severity(severity);
    }
    out.raw("</td>");
    for figure in [
        machine.missing,
        machine.exploited,
        machine.overdue,
        machine.unknown,
    ] {
        out.figure(&match figure {
            Figure::Unknown => "unknown".to_owned(),
            Figure::None => "–".to_owned(),
            Figure::Count(count) => number(count),
        });
    }
    out.cell(text(machine.end_of_life)).raw("</tr>\n");
}

/// Members of the script's data that say what the run is.
pub(super) fn facts(view: &View<'_>) -> String {
    let counts = &view.gathered.counts;
    let states: Vec<String> = crate::model::FindingState::ALL
        .iter()
        .map(|state| quoted(state.as_str()))
        .collect();
    let severities: Vec<String> = SEVERITIES.iter().map(|word| quoted(word)).collect();
    format!(
        "\"findings\":{},\"machines\":{},\"not_assessed\":{},\"unjudged\":{},\"states\":[{}],\"severities\":[{}]",
        view.gathered.sums.rows,
        counts.machines,
        counts.machines.saturating_sub(counts.assessed),
        counts.unjudged,
        states.join(","),
        severities.join(",")
    )
}

/// The table of findings.
pub(super) fn findings(view: &View<'_>, plain: &Plain, data: &Data, page: &mut Html) {
    if view.source.verification().is_some() {
        return;
    }
    page.raw(FINDINGS_HEAD);
    if let Some(why) = silence(view) {
        page.element("p class=\"note warn\"", why);
    }
    let all = view.gathered.sums.rows;
    let held = data.findings as u64;
    left_out(view, page, (all, held), "finding");
    let shown = plain.finding_count as u64;
    if all > shown {
        page.raw("<noscript><p>Without JavaScript the first ")
            .show(number(shown))
            .raw(" of ");
        page.show(number(all))
            .raw(" are shown, by rank.</p></noscript>\n");
    }
    page.raw(FINDING_CONTROLS);
    page.raw(FINDING_TABLE)
        .raw(plain.findings.as_str())
        .raw(END);
}

/// The table of machines.
pub(super) fn machines(view: &View<'_>, plain: &Plain, data: &Data, page: &mut Html) {
    if view.source.verification().is_some() {
        return;
    }
    page.raw(MACHINES_HEAD);
    let all = view.gathered.machines.len() as u64;
    left_out(view, page, (all, data.machines as u64), "machine");
    let shown = plain.machine_count as u64;
    if all > shown {
        page.raw("<noscript><p>Without JavaScript the first ")
            .show(number(shown))
            .raw(" of ");
        page.show(number(all)).raw(" are shown.</p></noscript>\n");
    }
    page.raw(MACHINE_CONTROLS);
    page.raw(MACHINE_TABLE)
        .raw(plain.machines.as_str())
        .raw(END);
}

/// Says what the page does not hold, and where that is.
fn left_out(view: &View<'_>, page: &mut Html, (all, held): (u64, u64), what: &str) {
    if held >= all {
        return;
    }
    page.raw("<p class=\"note warn\" id=\"left-out-")
        .raw(what)
        .raw("s\">");
    page.show(plural(all - held, what))
        .raw(" of ")
        .show(number(all));
    page.raw(" did not fit into this page, which is made to be mailed. It has those to see to first; all are in ");
    let file = if what == "finding" {
        "findings.csv"
    } else {
        "machines.csv"
    };
    if view.options.destination == Destination::Folder {
        page.raw("<a href=\"")
            .raw(file)
            .raw("\">")
            .raw(file)
            .raw("</a>");
    } else {
        page.raw(file);
    }
    page.raw(" of the same run.</p>\n");
}

const FINDINGS_HEAD: &str = r#"<section id="findings" aria-labelledby="h-findings"><h2 id="h-findings">All findings</h2>
"#;

const MACHINES_HEAD: &str = r#"<section id="machines" aria-labelledby="h-machines"><h2 id="h-machines">All machines</h2>
"#;

const FINDING_CONTROLS: &str = r#"<div class="controls" id="f-controls" role="search" aria-label="Findings" hidden>
<label class="wide">Search <input type="search" id="f-search" autocomplete="off" spellcheck="false"></label>
<label class="medium">Bulletins or CVEs <input type="text" id="f-bulletin" autocomplete="off" spellcheck="false" placeholder="KB5094123, CVE-2024-6387"></label>
<label>Severity <select id="f-severity"><option value="">any</option></select></label>
<label>State <select id="f-state"><option value="">any</option></select></label>
<label>Tag <select id="f-tag"><option value="">any</option></select></label>
<label>Owner <select id="f-owner"><option value="">any</option></select></label>
<label class="check"><input type="checkbox" id="f-kev"> Known exploited</label>
<label class="check"><input type="checkbox" id="f-overdue"> Overdue</label>
<button type="button" id="f-clear">Clear filters</button>
</div>
<p class="answer" id="f-answer" role="status" aria-live="polite"></p>
"#;

const MACHINE_CONTROLS: &str = r#"<div class="controls" id="m-controls" role="search" aria-label="Machines" hidden>
<label class="wide">Search <input type="search" id="m-search" autocomplete="off" spellcheck="false"></label>
<label>Outcome <select id="m-outcome"><option value="">any</option></select></label>
<label>Managed state <select id="m-managed"><option value="">any</option></select></label>
<label>Worst severity <select id="m-severity"><option value="">any</option></select></label>
<label>Tag <select id="m-tag"><option value="">any</option></select></label>
<label>Owner <select id="m-owner"><option value="">any</option></select></label>
<label class="check"><input type="checkbox" id="m-kev"> Known exploited</label>
<label class="check"><input type="checkbox" id="m-overdue"> Overdue</label>
<button type="button" id="m-clear">Clear filters</button>
</div>
<p class="answer" id="m-answer" role="status" aria-live="polite"></p>
"#;

const FINDING_TABLE: &str = r#"<div class="scroll" tabindex="0" role="region" aria-label="Table of findings"><table id="f-table" class="rows"><caption>Findings by rank: what to see to first comes first</caption><thead><tr><th scope="col" class="n" data-key="rank">Rank</th><th scope="col" data-key="severity">Severity</th><th scope="col" data-key="machine">Machine</th><th scope="col" data-key="bulletin">Bulletin</th><th scope="col" data-key="title">What</th><th scope="col" data-key="installed">Installed</th><th scope="col" data-key="state">State</th><th scope="col" data-key="kev">Exploited</th><th scope="col" data-key="due">Due</th><th scope="col" data-key="owner">Owner</th></tr></thead><tbody>
"#;

const MACHINE_TABLE: &str = r#"<div class="scroll" tabindex="0" role="region" aria-label="Table of machines"><table id="m-table" class="rows"><caption>Machines: those to see to first come first</caption><thead><tr><th scope="col" data-key="name">Machine</th><th scope="col" data-key="ip">Address</th><th scope="col" data-key="os">System</th><th scope="col" data-key="owner">Owner</th><th scope="col" data-key="outcome">Outcome</th><th scope="col" data-key="managed">Managed</th><th scope="col" data-key="worst">Worst</th><th scope="col" class="n" data-key="missing">Missing</th><th scope="col" class="n" data-key="kev">Exploited</th><th scope="col" class="n" data-key="overdue">Overdue</th><th scope="col" class="n" data-key="unknown">Undecided</th><th scope="col" data-key="eol">End of life</th></tr></thead><tbody>
"#;

const END: &str = "</tbody></table></div>\n<div class=\"pager\" hidden></div></section>\n";
