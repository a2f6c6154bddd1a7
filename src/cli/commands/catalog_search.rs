//! `catalog search`: what publishers say of an update, a CVE, a product or a package.

use super::super::catalog_args::SearchArguments;
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, complain, hints, output, screen, stdout};
use crate::catalog::{Search, Words};
use crate::model::{AdvisoryHit, Severity};
use crate::report::{
    Destination, Fit, Options, Screen, fitted, for_terminal, hits_csv, hits_jsonl,
};
use std::fmt::Write as _;

/// Shows the advisories that all words are about, the newest first.
pub(super) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &SearchArguments,
) -> Result<Exit, Stop> {
    let words = Words::parse(&command.words);
    let words = words.ok_or_else(|| {
        Stop::usage("a word is empty: name an update, a bulletin, a CVE, a product, a package, or words of a title")
    })?;
    let most = usize::try_from(command.limit).unwrap_or(usize::MAX);
    let catalog = output::open_catalog(settings)?;
    let found = catalog.search(&words, most).map_err(|error| Stop {
        exit: Exit::CatalogUnfit,
        text: hints::chain(&error),
    })?;
    if command.output.is_some() {
        let options = Options {
            dialect: command.csv.into(),
            destination: Destination::Stdout,
            ..Options::default()
        };
        let mut text = Vec::new();
        let written = if command.format == "jsonl" {
            hits_jsonl(&found.hits, &mut text)
        } else {
            hits_csv(&found.hits, &options, &mut text)
        };
        written.map_err(|error| Stop::failed(&error))?;
        stdout::print(text)?;
        complain(told(&found).trim_end());
    } else {
        stdout::print(page(&found, screen::of_output(environment)))?;
    }
    Ok(Exit::Clean)
}

/// How the columns are shown.
const COLUMNS: [(&str, Fit); 9] = [
    ("ADVISORY", Fit::whole(0)),
    ("PRODUCT", Fit::text(16, 0)),
    ("RELEASE", Fit::whole(1)),
    ("FIX", Fit::folded(12, 0)),
    ("SEVERITY", Fit::whole(0)),
    ("KEV", Fit::whole(2)),
    ("PUBLISHED", Fit::whole(3)),
    ("FEED", Fit::whole(4)),
    ("TITLE", Fit::text(20, 5)),
];

fn page(found: &Search, screen: Screen) -> String {
    let mut text = String::new();
    if found.hits.is_empty() {
        text.push_str("No advisory is what was asked for.\n");
    } else {
        let rows: Vec<Vec<String>> = found.hits.iter().map(row).collect();
        text.push_str(&fitted(&COLUMNS, &rows, screen));
    }
    text.push('\n');
    text.push_str(&told(found));
    text
}

fn row(hit: &AdvisoryHit) -> Vec<String> {
    let exploited = match hit.exploited {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let published = hit.published.map(|day| day.to_string());
    vec![
        hit.id.clone(),
        hit.product.clone(),
        hit.release.clone(),
        hit.fix(),
        hit.severity.map_or("unrated", Severity::as_str).to_owned(),
        exploited.to_owned(),
        published.unwrap_or_else(|| "unknown".to_owned()),
        hit.feed.clone(),
        hit.title.clone(),
    ]
}

/// How much it is, and what it rests on.
fn told(found: &Search) -> String {
    let mut text = String::new();
    let shown = found.hits.len();
    let is_part = found.count > u64::try_from(shown).unwrap_or(u64::MAX);
    let part = if is_part {
        format!(", the newest {shown} of them shown (--limit shows more)")
    } else {
        String::new()
    };
    let _ = writeln!(
        text,
        "{} statements about a product or package{part}; looked through: {}",
        found.count,
        if found.feeds.is_empty() {
            "nothing, the catalogue has no advisory".to_owned()
        } else {
            for_terminal(&found.feeds.join(", ")).into_owned()
        }
    );
    for cve in &found.only_listed {
        let _ = writeln!(
            text,
            "{} is known to be exploited (CISA KEV), and nothing else is said of it",
            for_terminal(cve)
        );
    }
    if !found.lists_exploited {
        text.push_str("not looked up whether anything is exploited: the catalogue has no list of exploited flaws (CISA KEV)\n");
    }
    if !found.not_there.is_empty() {
        let _ = writeln!(
            text,
            "not in the catalogue, so that nothing of it is found here: {} (underdesk catalog update)",
            found.not_there.join(", ")
        );
    }
    text
}
