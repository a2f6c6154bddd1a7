//! `catalog update` and `catalog mirror`: fetch, then import what is new.

use super::super::catalog_args::{FetchArguments, MirrorArguments, UpdateArguments};
use super::super::config::{Environment, Settings};
use super::super::{Exit, Stop, complain, hints, runtime, stdout};
use super::news::{self, Telling};
use crate::catalog::fetch::{
    Failure, FetchEvent, Fetched, Fetching, Limits, Listener, Origin, Proxy,
};
use crate::catalog::fetch::{SetupError, fetch};
use crate::catalog::sources::{self, Source};
use crate::catalog::{self, ImportError, ImportReport, LeftOut, Updated};
use crate::model::plural;
use crate::report::for_terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// How many failures of one source are told in full.
const MOST_TOLD: usize = 3;

/// Fetches, and imports what is new.
pub(in crate::cli) fn update(
    settings: &Settings,
    environment: &Environment,
    arguments: &UpdateArguments,
) -> Result<Exit, Stop> {
    let sources = chosen(settings, environment, &arguments.fetch, &arguments.names)?;
    let mut how = fetching(settings, &arguments.fetch, None)?;
    if arguments.offline {
        how.origin = Origin::Folder(how.cache.clone());
    }
    let named = !arguments.names.is_empty();
    let came = runtime::block_on(async {
        let fetched = fetched(&sources, named, &how).await?;
        if fetched.is_stopped {
            complain("interrupted: the catalogue is what it was; the same command goes on");
            return Ok(Came::Not(Exit::Interrupted));
        }
        let mut exits = vec![tell(&fetched)];
        if fetched.documents.is_empty() {
            return Err(nothing(&fetched, &how));
        }
        let (into, again) = (settings.catalog.clone(), arguments.reread);
        let documents = fetched.documents.clone();
        let failures = fetched.failures.iter();
        let failed: BTreeSet<String> = failures.map(|failure| failure.source.clone()).collect();
        let import = spawn_blocking(move || {
            catalog::update(&documents, &into, runtime::now(), again, &failed)
        });
        let updated = tokio::select! {
            updated = import => updated.map_err(|error| Stop::failed(&error))?,
            () = runtime::interrupted() => return Ok(Came::Not(Exit::Interrupted)),
        };
        let updated = updated.map_err(|error| not_imported(&error))?;
        exits.push(tell_left_out(&updated.left_out));
        if updated.left_out.len() == fetched.documents.len() {
            exits.push(Exit::Failed);
        }
        let text = summary(&updated, &fetched, &settings.catalog);
        Ok(Came::In {
            report: updated.report,
            text,
            exits,
        })
    })??;
    match came {
        Came::Not(exit) => Ok(exit),
        Came::In {
            report,
            text,
            mut exits,
        } => {
            let told = Telling::new(arguments.news.events, arguments.news.no_hits);
            exits.push(news::tell(
                settings,
                told,
                &text,
                (&report.digest, Some(&report)),
            )?);
            Ok(Exit::worst(exits))
        }
    }
}

/// What became of an update.
enum Came {
    Not(Exit),
    In {
        report: ImportReport,
        text: String,
        exits: Vec<Exit>,
    },
}

/// Fetches into a folder.
pub(in crate::cli) fn mirror(
    settings: &Settings,
    environment: &Environment,
    arguments: &MirrorArguments,
) -> Result<Exit, Stop> {
    let sources = chosen(settings, environment, &arguments.fetch, &arguments.names)?;
    let folder = arguments.folder.clone();
    let how = fetching(settings, &arguments.fetch, Some(folder))?;
    if matches!(how.origin, Origin::Folder(_)) {
        return Err(Stop::usage(
            "a folder is copied as folders are: --mirror takes the address of a mirror here",
        ));
    }
    runtime::block_on(async {
        let fetched = fetched(&sources, !arguments.names.is_empty(), &how).await?;
        if fetched.is_stopped {
            complain("interrupted: the same command goes on");
            return Ok(Exit::Interrupted);
        }
        let exit = tell(&fetched);
        if fetched.documents.is_empty() {
            return Err(nothing(&fetched, &how));
        }
        stdout::print(format!(
            "{} in {} ({}), {} of them as before\n{}\nimport them with: underdesk catalog update --mirror {}\n",
            plural(fetched.documents.len(), "document"),
            how.cache.display(),
            size(fetched.bytes),
            fetched.unchanged,
            vouched(&fetched),
            how.cache.display(),
        ))?;
        Ok(exit)
    })?
}

/// All sources, the user's own among them.
pub(super) fn all(
    settings: &Settings,
    environment: &Environment,
    feeds: Option<&PathBuf>,
) -> Result<Vec<Source>, Stop> {
    let named = feeds.map(|path| (path.clone(), true));
    let mut all = sources::sources().to_vec();
    let Some((path, is_named)) = named.or_else(|| settings.fetching.feeds.clone()) else {
        return Ok(all);
    };
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => return Ok(all),
        text => {
            text.map_err(|error| Stop::usage(format!("cannot read {}: {error}", path.display())))?
        }
    };
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    let own = sources::own_sources(&text, &path, &lookup);
    all.extend(own.map_err(|error| Stop::configuration(&error))?);
    Ok(all)
}

fn chosen(
    settings: &Settings,
    environment: &Environment,
    fetch: &FetchArguments,
    names: &[String],
) -> Result<Vec<Source>, Stop> {
    let all = all(settings, environment, fetch.feeds.as_ref())?;
    sources::choose(&all, names).map_err(|error| Stop::configuration(&error))
}

fn fetching(
    settings: &Settings,
    fetch: &FetchArguments,
    folder: Option<PathBuf>,
) -> Result<Fetching, Stop> {
    let known = &settings.fetching;
    let cache = folder.or_else(|| known.cache.clone()).ok_or_else(|| {
        Stop::usage("no place for downloads: neither HOME nor XDG_CACHE_HOME is set; name one by UNDERDESK_CACHE")
    })?;
    let proxy = match fetch.proxy.as_deref() {
        Some("none") => None,
        Some(address) => Some(Proxy {
            address: address.to_owned(),
            except: known.no_proxy.clone(),
        }),
        None => known.proxy.clone(),
    };
    let mirror = fetch.mirror.as_ref().or(known.mirror.as_ref());
    let authorities = fetch.tls_ca.iter().chain(&settings.tls_ca);
    Ok(Fetching {
        origin: mirror.map_or(Ok(Origin::Publishers), |mirror| origin(mirror))?,
        cache,
        proxy,
        authorities: authorities.cloned().collect(),
        limits: Limits::default(),
    })
}

fn origin(mirror: &str) -> Result<Origin, Stop> {
    if mirror.starts_with("http://") || mirror.starts_with("https://") {
        let url = mirror.parse();
        return url
            .map(Origin::Mirror)
            .map_err(|_| Stop::usage("the address of the mirror does not read"));
    }
    let folder = PathBuf::from(mirror);
    if !folder.is_dir() {
        return Err(Stop::usage(format!(
            "no folder {mirror} to take a mirror from"
        )));
    }
    Ok(Origin::Folder(folder))
}

async fn fetched(sources: &[Source], named: bool, how: &Fetching) -> Result<Fetched, Stop> {
    let stop = CancellationToken::new();
    let (listener, bar) = progress();
    let work = fetch(sources, named, how, &stop, listener);
    let fetched = runtime::until_interrupted(work, stop.clone()).await;
    bar.finish_and_clear();
    let Some(fetched) = fetched else {
        return Ok(Fetched {
            is_stopped: true,
            ..Fetched::default()
        });
    };
    fetched.map_err(|error| match error {
        SetupError::Proxy | SetupError::Roots { .. } => Stop::configuration(&error),
        error => Stop::failed(&error),
    })
}

/// On a terminal a line that changes, elsewhere one every 30 seconds.
fn progress() -> (Listener, ProgressBar) {
    const PAUSE: Duration = Duration::from_secs(30);
    let is_terminal = io::stderr().is_terminal();
    let bar = if is_terminal {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    let (shown, done) = (bar.clone(), AtomicU64::new(0));
    let last = Mutex::new(Instant::now());
    let listener: Listener = Arc::new(move |event| {
        let name = match event {
            FetchEvent::Ended(_) => {
                done.fetch_add(1, Ordering::Relaxed);
                return;
            }
            FetchEvent::Begun(name) => name,
        };
        let done = done.load(Ordering::Relaxed);
        let line = format!(
            "{} fetched, now {}",
            plural(done, "document"),
            for_terminal(&name)
        );
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_terminal && last.elapsed() >= PAUSE {
            complain(&line);
            *last = Instant::now();
        }
        shown.set_message(line);
    });
    (listener, bar)
}

/// Says on standard error what did not come, and what to do.
fn tell(fetched: &Fetched) -> Exit {
    if !fetched.absent.is_empty() {
        let absent = fetched.absent.join(", ");
        complain(&format!("not in this mirror, and left out: {absent}"));
    }
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let mut advice: Vec<&str> = Vec::new();
    for Failure {
        source,
        place,
        error,
    } in &fetched.failures
    {
        let count = told.entry(source).or_default();
        *count += 1;
        if *count <= MOST_TOLD {
            let why = hints::chain(error);
            complain(&for_terminal(&format!(
                "left out: {source}: {place}: {why}"
            )));
        }
        let about = hints::about_fetching(error);
        if !advice.contains(&about) {
            advice.push(about);
        }
    }
    for (source, count) in told.into_iter().filter(|(_, count)| *count > MOST_TOLD) {
        let more = count - MOST_TOLD;
        complain(&format!("left out: {source}: {more} more documents"));
    }
    for about in advice {
        complain(&format!("what to do: {about}"));
    }
    if fetched.failures.is_empty() {
        Exit::Clean
    } else {
        Exit::Incomplete
    }
}

fn tell_left_out(left_out: &[LeftOut]) -> Exit {
    for LeftOut { source, error, .. } in left_out.iter().take(20) {
        let why = hints::chain(error);
        complain(&for_terminal(&format!("left out: {source}: {why}")));
    }
    if left_out.len() > 20 {
        complain(&format!("left out: {} more documents", left_out.len() - 20));
    }
    if left_out.is_empty() {
        Exit::Clean
    } else {
        Exit::Incomplete
    }
}

fn nothing(fetched: &Fetched, how: &Fetching) -> Stop {
    let text = match &how.origin {
        Origin::Folder(folder) if fetched.failures.is_empty() => format!(
            "nothing to import in {}: it is no mirror, or an empty one (see underdesk catalog mirror)",
            folder.display()
        ),
        _ => "nothing was fetched; the catalogue is what it was\nfetched elsewhere: underdesk catalog import FILE... (docs/catalogue.md)".to_owned(),
    };
    Stop {
        exit: Exit::Failed,
        text,
    }
}

/// Why nothing was imported, and what to do where there is something.
pub(super) fn not_imported(error: &ImportError) -> Stop {
    let advice = hints::about_importing(error);
    let advice = advice.map_or(String::new(), |advice| format!("\nwhat to do: {advice}"));
    Stop {
        exit: Exit::Failed,
        text: format!("nothing was imported: {}{advice}", hints::chain(error)),
    }
}

fn summary(updated: &Updated, fetched: &Fetched, into: &Path) -> String {
    let mut text = feeds(&updated.report);
    let _ = writeln!(
        text,
        "{} ({} received), {} of them as imported before",
        plural(fetched.documents.len(), "document"),
        size(fetched.bytes),
        updated.unchanged,
    );
    let _ = writeln!(text, "{}", vouched(fetched));
    let _ = writeln!(
        text,
        "catalogue {} now has digest {}",
        into.display(),
        updated.report.digest
    );
    text
}

/// How many documents somebody vouches for.
fn vouched(fetched: &Fetched) -> String {
    let documents = &fetched.documents;
    let vouched = documents.iter().filter(|document| document.is_vouched);
    let vouched = vouched.count();
    format!(
        "hashes: {vouched} have one that is stated, and are what it says; for {} none is stated where we look",
        documents.len() - vouched
    )
}

/// What came of each feed, and what was wrong.
pub(super) fn feeds(report: &ImportReport) -> String {
    let mut text = String::new();
    for feed in &report.feeds {
        let _ = writeln!(
            text,
            "{}: {} read, {} new, {} changed, {} the same, {} older; {} could not be read, {} concern nothing we match",
            feed.feed,
            plural(feed.read, "record"),
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
    text
}

/// A number of bytes, for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
