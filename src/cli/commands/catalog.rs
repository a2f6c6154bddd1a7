//! `catalog`: bring bulletins in, and see what is there.

use super::super::args::CatalogCommand;
use super::super::config::Settings;
use super::super::{Exit, Stop, hints, output, runtime};
use crate::catalog;
use crate::report::{columns, for_terminal};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Imports, or shows.
pub(in crate::cli) fn run(settings: &Settings, command: &CatalogCommand) -> Result<Exit, Stop> {
    let text = match command {
        CatalogCommand::Import { paths } => import(&settings.catalog, paths)?,
        CatalogCommand::Info { products, problems } => {
            info(&settings.catalog, *products, *problems)?
        }
    };
    write!(io::stdout(), "{text}").map_err(|error| Stop::failed(&error))?;
    Ok(Exit::Clean)
}

fn import(into: &Path, paths: &[PathBuf]) -> Result<String, Stop> {
    let report = catalog::import(paths, into, runtime::now()).map_err(|error| Stop {
        exit: Exit::Failed,
        text: format!("nothing was imported: {}", hints::chain(&error)),
    })?;
    let mut text = String::new();
    for feed in &report.feeds {
        let _ = writeln!(
            text,
            "{}: {} records read, {} new, {} changed, {} the same, {} older; {} could not be read, {} concern nothing we match",
            feed.feed,
            feed.read,
            feed.added,
            feed.changed,
            feed.unchanged,
            feed.older,
            feed.skipped,
            feed.irrelevant
        );
    }
    for problem in &report.problems {
        let _ = writeln!(text, "  {}", for_terminal(problem));
    }
    let _ = writeln!(
        text,
        "catalogue {} now has digest {}",
        into.display(),
        report.digest
    );
    Ok(text)
}

fn info(path: &Path, products: bool, problems: bool) -> Result<String, Stop> {
    let catalog = output::open_catalog(path)?;
    let info = catalog.info().map_err(|error| Stop {
        exit: Exit::CatalogUnfit,
        text: hints::chain(&error),
    })?;
    let mut text = String::new();
    let place = info
        .path
        .as_ref()
        .map_or("built in".to_owned(), |path| path.display().to_string());
    let imported = info
        .imported
        .map_or("never".to_owned(), |time| time.to_string());
    let _ = writeln!(
        text,
        "catalogue: {place}\ndigest: {}\nlast import: {imported}",
        info.digest
    );
    let feeds = info.feeds.iter().map(|feed| {
        let newest = feed.newest.map_or(String::new(), |day| day.to_string());
        let document = feed.document.clone().unwrap_or_default();
        vec![
            feed.feed.clone(),
            feed.records.to_string(),
            newest,
            document,
        ]
    });
    let feeds: Vec<Vec<String>> = feeds.collect();
    let head = ["feed", "records", "newest", "in document"];
    let _ = writeln!(text, "\n{}", columns(&head, &feeds).trim_end());
    if !info.slices.is_empty() {
        let head = ["slice", "records", "digest"];
        let slices = columns(&head, &sections(&info.slices));
        let _ = writeln!(text, "\n{}", slices.trim_end());
    }
    if !info.products.is_empty() {
        let _ = writeln!(text, "\nproducts: {}", info.products.len());
    }
    if products {
        let head = ["product", "records", "digest"];
        let _ = writeln!(
            text,
            "{}",
            columns(&head, &sections(&info.products)).trim_end()
        );
    }
    if !info.builds.is_empty() {
        let head = ["table of builds", "records", "digest"];
        let builds = columns(&head, &sections(&info.builds));
        let _ = writeln!(text, "\n{}", builds.trim_end());
    }
    if problems {
        let _ = writeln!(text, "\nproblems:");
        for problem in &info.problems {
            let _ = writeln!(text, "  {}", for_terminal(problem));
        }
    }
    Ok(text)
}

/// Parts of the catalogue as rows.
fn sections(parts: &[catalog::SliceInfo]) -> Vec<Vec<String>> {
    let row = |part: &catalog::SliceInfo| {
        let digest = part.digest.chars().take(12).collect();
        vec![part.ecosystem.clone(), part.records.to_string(), digest]
    };
    parts.iter().map(row).collect()
}
