//! `catalog`: bring bulletins in, see what is there, carry it elsewhere.

use super::super::catalog_args::CatalogCommand;
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, hints, output, runtime, stdout};
use super::news::{self, Telling};
use super::{catalog_search, catalog_update};
use crate::catalog::sources::{From, Source};
use crate::catalog::{self, ImportError, Portable, PortableError};
use crate::model::Date;
use crate::report::{columns, for_terminal};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Fetches, imports, exports, or shows.
pub(in crate::cli) fn run(
    settings: &Settings,
    environment: &Environment,
    command: &CatalogCommand,
) -> Result<Exit, Stop> {
    let text = match command {
        CatalogCommand::Update(arguments) => {
            return catalog_update::update(settings, environment, arguments);
        }
        CatalogCommand::Mirror(arguments) => {
            return catalog_update::mirror(settings, environment, arguments);
        }
        CatalogCommand::Sources(arguments) => {
            let all = catalog_update::all(settings, environment, arguments.feeds.as_ref())?;
            sources(&all)
        }
        CatalogCommand::Search(arguments) => {
            return catalog_search::run(settings, environment, arguments);
        }
        CatalogCommand::Import {
            paths,
            replace,
            news,
        } => {
            let how = Telling::new(news.events, news.no_hits);
            return import(settings, paths, *replace, how);
        }
        CatalogCommand::Export { file } => export(settings, file)?,
        CatalogCommand::Info { products, problems } => info(settings, *products, *problems)?,
    };
    stdout::print(text)?;
    Ok(Exit::Clean)
}

fn import(
    settings: &Settings,
    paths: &[PathBuf],
    replace: bool,
    how: Telling,
) -> Result<Exit, Stop> {
    let into = &settings.catalog;
    if let Some(path) = paths.iter().find(|path| catalog::is_portable(path)) {
        if paths.len() > 1 {
            let path = path.clone();
            return Err(catalog_update::not_imported(&ImportError::NotAlone {
                path,
            }));
        }
        let taken = catalog::take(path, into, replace).map_err(|error| not_taken(&error))?;
        let text = format!(
            "catalogue {} is the exported one{} and has digest {}\n",
            into.display(),
            of_day(&taken),
            taken.digest
        );
        return news::tell(settings, how, &text, (&taken.digest, None));
    }
    let report = catalog::import(paths, into, runtime::now())
        .map_err(|error| catalog_update::not_imported(&error))?;
    let mut text = catalog_update::feeds(&report);
    let _ = writeln!(
        text,
        "catalogue {} now has digest {}",
        into.display(),
        report.digest
    );
    news::tell(settings, how, &text, (&report.digest, Some(&report)))
}

fn not_taken(error: &PortableError) -> Stop {
    match error {
        PortableError::Place(error) => catalog_update::not_imported(error),
        error => Stop {
            exit: Exit::Failed,
            text: format!("nothing was imported: {}", hints::chain(error)),
        },
    }
}

fn of_day(carried: &Portable) -> String {
    let day = carried.imported.map(|time| format!(" of {time}"));
    day.unwrap_or_default()
}

fn export(settings: &Settings, to: &Path) -> Result<String, Stop> {
    output::has_catalog(settings)?;
    let written = catalog::export(&settings.catalog, to).map_err(|error| Stop {
        exit: match &error {
            PortableError::Catalog(_) => Exit::CatalogUnfit,
            _ => Exit::Failed,
        },
        text: hints::chain(&error),
    })?;
    Ok(format!(
        "{}: the catalogue{} with digest {}, {}\ntake it elsewhere with: underdesk catalog import {}\n",
        to.display(),
        of_day(&written),
        written.digest,
        catalog_update::size(written.bytes),
        to.display(),
    ))
}

/// The sources as a table, and their addresses in full.
fn sources(all: &[Source]) -> String {
    let row = |source: &Source| {
        let fetched = if source.is_default { "yes" } else { "if named" };
        let cells = [
            source.name.clone(),
            source.feed.clone(),
            source.group().to_owned(),
            fetched.to_owned(),
            source.megabytes.to_string(),
            source.note.clone(),
        ];
        cells.to_vec()
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let head = ["name", "feed", "group", "fetched", "about MB", "what"];
    let mut text = format!("{}\n\n", columns(&head, &rows).trim_end());
    for source in all {
        let place = match &source.from {
            From::Url(url) => url.to_string(),
            From::Path(path) => path.display().to_string(),
        };
        let _ = writeln!(text, "{}: {}", source.name, for_terminal(&place));
    }
    text
}

fn info(settings: &Settings, products: bool, problems: bool) -> Result<String, Stop> {
    let catalog = output::open_catalog(settings)?;
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
    let _ = writeln!(text, "\n{}", of_feeds(&info.feeds));
    if !info.slices.is_empty() {
        let _ = writeln!(text, "\n{}", of_slices(&info.slices));
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

/// How much comes from which feed, and how new it is.
fn of_feeds(feeds: &[catalog::FeedInfo]) -> String {
    let day = |day: Option<Date>| day.map_or(String::new(), |day| day.to_string());
    let row = |feed: &catalog::FeedInfo| {
        let cells = [
            feed.feed.clone(),
            feed.records.to_string(),
            day(feed.newest),
            day(feed.met),
            feed.document.clone().unwrap_or_default(),
        ];
        cells.to_vec()
    };
    let rows: Vec<Vec<String>> = feeds.iter().map(row).collect();
    let head = ["feed", "records", "newest", "imported", "in document"];
    columns(&head, &rows).trim_end().to_owned()
}

/// What is known of which release, and how new it is.
fn of_slices(slices: &[catalog::SliceInfo]) -> String {
    let mut rows = sections(slices);
    for (row, slice) in rows.iter_mut().zip(slices) {
        let age = slice.age.as_ref();
        row.push(age.map_or(String::new(), |age| age.met.date().to_string()));
        row.push(age.map_or(String::new(), |age| {
            let (feed, is_of_record) = age.name();
            let name = feed.split(' ').next().unwrap_or_default();
            let of_record = if is_of_record { ", newest record" } else { "" };
            format!("{name}{of_record}")
        }));
    }
    let head = ["slice", "records", "digest", "as new as", "of feed"];
    columns(&head, &rows).trim_end().to_owned()
}

/// Parts of the catalogue as rows.
fn sections(parts: &[catalog::SliceInfo]) -> Vec<Vec<String>> {
    let row = |part: &catalog::SliceInfo| {
        let digest = part.digest.chars().take(12).collect();
        vec![part.ecosystem.clone(), part.records.to_string(), digest]
    };
    parts.iter().map(row).collect()
}
