//! What the run is: who, when, where, by which catalogue.

use super::super::catalogue::{how_new, outdated};
use super::super::select::PART;
use super::super::unfinished::{resume, unfinished};
use super::super::{Tally, asked};
use super::frame::View;
use super::markup::Html;
use crate::model::{RunState, RunSummary, number};

/// How many targets are named.
const NAMED: usize = 6;

/// The head of the page.
pub(super) fn banner(view: &View<'_>, page: &mut Html) {
    let run = view.source.run();
    page.raw("<header class=\"top\"><div><p class=\"brand\">underdesk</p><h1>");
    page.text(title(run)).raw("</h1><p class=\"sub\">");
    page.text(&format!("Site {} · {}", run.site, when(run)));
    page.raw("</p></div><button type=\"button\" id=\"theme\" hidden>Dark mode</button></header>\n");
    if run.simulated {
        page.raw("<p class=\"note simulated\"><strong>Simulated.</strong> ");
        page.raw("These hosts are simulated by underdesk; their flaws are real ones.</p>\n");
    }
    if let Some(warning) = unfinished(run) {
        page.raw("<p class=\"note warn\" id=\"unfinished\"><strong>Not complete:</strong> ");
        page.text(&warning).raw(".");
        if let Some(resume) = resume(run) {
            page.raw(" ").text(&resume).raw(".");
        }
        page.raw("</p>\n");
    }
    if let Some(outdated) = outdated(run) {
        page.raw("<p class=\"note warn\" id=\"outdated\"><strong>The catalogue is out of date:</strong> ");
        page.text(&outdated).raw(".</p>\n");
    }
    if let Some(part) = view.source.part() {
        notice(part, page);
    }
}

/// What of the run is shown, and on how much that rests.
fn notice(part: &Tally, page: &mut Html) {
    page.raw("<div class=\"note warn part\" id=\"part\"><p><strong>Part of the run:</strong> ");
    page.text(&part.asked.join(" ")).raw("</p>\n");
    for line in asked(part).lines() {
        page.says(line);
    }
    page.says(PART);
    page.raw("</div>\n");
}

fn title(run: &RunSummary) -> &'static str {
    match run.kind.as_str() {
        "sweep" => "What answers on the network",
        "verify" => "What became of the findings",
        _ => "Missing updates report",
    }
}

fn when(run: &RunSummary) -> String {
    match run.finished {
        Some(finished) if run.state == RunState::Complete => {
            format!("{} to {}", minute(run.started), minute(finished))
        }
        Some(stopped) => format!("{}, stopped {}", minute(run.started), minute(stopped)),
        None => format!("{}, not finished", minute(run.started)),
    }
}

fn minute(time: crate::model::UtcTime) -> String {
    let text = time.to_string();
    let (day, hour) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", hour.get(..5).unwrap_or_default())
}

/// What the run is.
pub(super) fn section(view: &View<'_>, page: &mut Html) {
    let run = view.source.run();
    page.raw("<section id=\"run\" aria-labelledby=\"h-run\"><h2 id=\"h-run\">The run</h2><dl class=\"facts\">\n");
    let mut fact = |name: &str, text: &str| {
        page.raw("<div>")
            .element("dt", name)
            .element("dd", text)
            .raw("</div>");
    };
    fact("Run", run.id.as_str());
    fact("Kind", &run.kind);
    fact("Operator", &run.operator);
    fact(
        "Authorised by",
        run.authorised_by.as_deref().unwrap_or("not said"),
    );
    fact("Targets", &named(&run.targets));
    if !run.guards_lifted.is_empty() {
        fact("Guards lifted", &named(&run.guards_lifted));
    }
    fact("Catalogue", &catalogue(run));
    if view.options.all_findings {
        fact("Shown", "closed findings too");
    }
    if view.options.no_users {
        fact("Left out", "account names");
    }
    page.raw("</dl></section>\n");
}

fn named(all: &[String]) -> String {
    let first = all.get(..NAMED).unwrap_or(all).join(", ");
    match all.len().checked_sub(NAMED) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {} more", number(more as u128)),
    }
}

fn catalogue(run: &RunSummary) -> String {
    let Some(how_new) = how_new(run).filter(|_| !run.catalog_digest.is_empty()) else {
        return "none: nothing could be judged".to_owned();
    };
    let digest = run.catalog_digest.get(..12).unwrap_or(&run.catalog_digest);
    format!("{how_new}; digest {digest}")
}
