//! How `catalog update` and `catalog import` end: what is new, and whom it hits among the machines last read.

use super::super::args::{BeliefArguments, EventsArgument, VerdictArguments};
use super::super::config::Settings;
use super::super::{Exit, Stop, beliefs, complain, hints, knowledge, output, runtime, stdout};
use crate::catalog::{FeedCount, ImportReport};
use crate::model::{BulletinId, RunId, RunSummary, Severity};
use crate::report::{for_terminal, tame_json};
use crate::scan::{self, Hit, HitMachine, News, RunKind};
use crate::store::{RunState, Store};
use serde::Serialize;
use std::fmt::Write as _;
use std::net::IpAddr;
use tokio::task::spawn_blocking;

/// How many bulletins are told on a terminal, and how many machines of each.
const MOST_BULLETINS: usize = 20;
const MOST_MACHINES: usize = 5;

/// Who is told of what came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Telling {
    /// Whether programs are: then nothing else goes to standard output.
    pub(super) events: bool,
    /// Whether anybody wants to know whom it hits.
    pub(super) hits: bool,
}

impl Telling {
    pub(super) fn new(events: Option<EventsArgument>, no_hits: bool) -> Self {
        Self {
            events: events == Some(EventsArgument::Jsonl),
            hits: !no_hits,
        }
    }
}

/// Tells what came in: `text` for people, `report` for programs; and whom it hits. The catalogue is in by now:
/// nothing that goes wrong here takes it back.
pub(super) fn tell(
    settings: &Settings,
    how: Telling,
    text: &str,
    (digest, report): (&str, Option<&ImportReport>),
) -> Result<Exit, Stop> {
    if how.events {
        let feeds = report.map_or(&[][..], |report| &report.feeds);
        emit(&Said::CatalogUpdated {
            digest,
            feeds: feeds.iter().map(Counted::of).collect(),
        })?;
    } else {
        stdout::print(text)?;
    }
    if !how.hits {
        return done(how, None).map(|()| Exit::Clean);
    }
    let own = settings.clone();
    let found = runtime::block_on(async {
        let judged = spawn_blocking(move || whom(&own));
        tokio::select! {
            found = judged => found.map_err(|error| Stop::failed(&error)),
            () = runtime::interrupted() => Ok(Ok(Found::Stopped)),
        }
    })??;
    match found {
        Ok(Found::Stopped) => {
            complain("interrupted: the catalogue is in, and whom it hits was not told");
            Ok(Exit::Interrupted)
        }
        Ok(Found::News(news)) => {
            if how.events {
                events(&news)?;
            } else {
                stdout::print(page(&news))?;
            }
            done(how, Some(&news)).map(|()| Exit::Clean)
        }
        Ok(Found::Nobody(why)) => {
            if how.events {
                complain(&why);
            } else {
                stdout::print(format!("{why}\n"))?;
            }
            done(how, None).map(|()| Exit::Clean)
        }
        Err(stop) => {
            complain(&format!(
                "the catalogue is in, but nobody knows whom it hits: {}",
                stop.text
            ));
            done(how, None).map(|()| Exit::Incomplete)
        }
    }
}

/// Whether anything can be said.
enum Found {
    News(Box<News>),
    /// Nothing, and why.
    Nobody(String),
    /// Nobody waited for it.
    Stopped,
}

/// Judges the machines that were last read by the catalogue that there is now.
fn whom(settings: &Settings) -> Result<Found, Stop> {
    let nobody = |why: &str| Ok(Found::Nobody(format!("whom it hits is not known: {why}")));
    // Looking must not make a store.
    if !settings.store.is_file() {
        return nobody("no run is kept here yet");
    }
    let store = output::open_store(&settings.store)?;
    let Some(run) = latest(&store, settings)? else {
        return nobody(&format!(
            "no finished scan of site {} is kept here",
            for_terminal(&settings.site)
        ));
    };
    let known = knowledge::open(settings, &VerdictArguments::default())?;
    let Some(changed) = knowledge::changed(&known, &run) else {
        return Ok(Found::Nobody(format!(
            "nothing is new for the machines of run {}, which was judged by this catalogue",
            run.id
        )));
    };
    if known.catalog.digest() == run.catalog_digest {
        complain(&format!("{changed} since run {} was judged", run.id));
    }
    let given = beliefs::read(settings, &BeliefArguments::default())?;
    let beliefs = given.of_run(&store, &run.id)?;
    let source = scan::RunSource::open(&store, &run.id, false)?.compare(&store, &beliefs)?;
    let today = runtime::now().date();
    let news = scan::news(&store, &source, (&known, today), &beliefs);
    let news = news.map_err(|error| Stop {
        exit: Exit::Failed,
        text: hints::chain(&error),
    })?;
    Ok(Found::News(Box::new(news)))
}

/// The latest finished run of the site that read machines.
fn latest(store: &Store, settings: &Settings) -> Result<Option<RunSummary>, Stop> {
    const KINDS: [RunKind; 3] = [RunKind::Scan, RunKind::Local, RunKind::Recorded];
    let runs = store.list_runs().wait();
    let runs = runs.map_err(|error| Stop::failed(&error))?;
    let mut runs = runs.into_iter().rev().filter(|run| {
        let kind = &run.summary.kind;
        run.summary.state == RunState::Complete
            && run.summary.site == settings.site
            && !run.summary.simulated
            && KINDS.iter().any(|known| known.as_str() == kind)
    });
    Ok(runs.next().map(|run| run.summary))
}

/// The news for people.
fn page(news: &News) -> String {
    let mut text = String::new();
    let run = &news.run;
    let _ = writeln!(
        text,
        "\n{} hit {} of {} that were read (run {}, read {}){}",
        counted(
            news.hits.len(),
            "bulletin that was not reported",
            "bulletins that were not reported"
        ),
        counted(news.hit_machines(), "machine", "machines"),
        news.read,
        run.id,
        run.started.date(),
        excepted(news)
    );
    list(&mut text, news, &news.hits);
    for (hits, said) in [
        (
            &news.exploited,
            "reported before, and known to be exploited now",
        ),
        (
            &news.fixed,
            "reported before without a fix, and fixed by an update now",
        ),
    ] {
        if !hits.is_empty() {
            let count = counted(hits.len(), "bulletin", "bulletins");
            let _ = writeln!(text, "{count} {said}:");
            list(&mut text, news, hits);
        }
    }
    let is_new = news.excepted > 0
        || !(news.hits.is_empty() && news.exploited.is_empty() && news.fixed.is_empty());
    if is_new {
        let _ = writeln!(text, "write it down with: underdesk match {}", run.id);
    }
    text
}

fn list(text: &mut String, news: &News, hits: &[Hit]) {
    for hit in hits.iter().take(MOST_BULLETINS) {
        let finding = &hit.finding;
        let severity = hit.my_severity.map_or("not rated", Severity::as_str);
        let exploited = if finding.kev.is_empty() {
            ""
        } else {
            ", exploited"
        };
        let mut names: Vec<&str> = machines(news, hit)
            .take(MOST_MACHINES)
            .map(|machine| machine.hostname.as_str())
            .collect();
        let more = hit.machines.len().saturating_sub(MOST_MACHINES);
        let more = format!("(+{more})");
        if hit.machines.len() > MOST_MACHINES {
            names.push(&more);
        }
        let line = format!(
            "{} {}{} ({severity}{exploited}): {}: {}",
            finding.bulletin.as_str(),
            finding.product,
            update(hit).map_or_else(String::new, |update| format!(", {update}")),
            counted(hit.machines.len(), "machine", "machines"),
            names.join(", ")
        );
        let _ = writeln!(text, "  {}", for_terminal(&line));
    }
    if hits.len() > MOST_BULLETINS {
        let _ = writeln!(text, "  (+{} more)", hits.len() - MOST_BULLETINS);
    }
}

fn excepted(news: &News) -> String {
    match news.excepted {
        0 => String::new(),
        count => format!(
            ", and {} under exceptions, left out",
            counted(count, "finding", "findings")
        ),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn machines<'a>(news: &'a News, hit: &'a Hit) -> impl Iterator<Item = &'a HitMachine> {
    hit.machines
        .iter()
        .filter_map(|place| news.machines.get(*place))
}

/// The update that closes it: an article, or a version.
fn update(hit: &Hit) -> Option<&str> {
    let finding = &hit.finding;
    let remedy = finding.remedy.as_ref();
    let remedy = remedy.map(|remedy| remedy.update.as_str());
    remedy.or(finding.fixed.as_deref())
}

/// What programs are told; docs/feeds.md has the fields.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Said<'a> {
    CatalogUpdated {
        digest: &'a str,
        feeds: Vec<Counted<'a>>,
    },
    BulletinHits(About<'a>),
    NowExploited(About<'a>),
    FixAvailable(About<'a>),
    Done {
        run: Option<&'a RunId>,
        site: Option<&'a str>,
        read: usize,
        bulletins: usize,
        machines: usize,
        excepted: usize,
    },
}

#[derive(Serialize)]
struct Counted<'a> {
    feed: &'a str,
    read: u64,
    new: u64,
    changed: u64,
    same: u64,
    older: u64,
    unreadable: u64,
    irrelevant: u64,
}

impl<'a> Counted<'a> {
    fn of(count: &'a FeedCount) -> Self {
        Self {
            feed: &count.feed,
            read: count.read,
            new: count.added,
            changed: count.changed,
            same: count.unchanged,
            older: count.older,
            unreadable: count.skipped,
            irrelevant: count.irrelevant,
        }
    }
}

#[derive(Serialize)]
struct About<'a> {
    bulletin: &'a BulletinId,
    title: &'a str,
    product: &'a str,
    state: &'static str,
    update: Option<&'a str>,
    severity: Option<&'static str>,
    my_severity: Option<&'static str>,
    cves: &'a [String],
    kev: &'a [String],
    site: &'a str,
    run: &'a RunId,
    machine_count: usize,
    machines: Vec<Hurt<'a>>,
}

#[derive(Serialize)]
struct Hurt<'a> {
    machine_id: &'a str,
    hostname: &'a str,
    ip: Option<IpAddr>,
    owner: Option<&'a str>,
}

impl<'a> About<'a> {
    fn of(news: &'a News, hit: &'a Hit) -> Self {
        let finding = &hit.finding;
        let machines = machines(news, hit).map(|machine| Hurt {
            machine_id: machine.id.as_str(),
            hostname: &machine.hostname,
            ip: machine.ip,
            owner: Some(machine.owner.as_str()).filter(|owner| !owner.is_empty()),
        });
        Self {
            bulletin: &finding.bulletin,
            title: &finding.title,
            product: &finding.product,
            state: finding.state.as_str(),
            update: update(hit),
            severity: finding.severity.map(Severity::as_str),
            my_severity: hit.my_severity.map(Severity::as_str),
            cves: &finding.cves,
            kev: &finding.kev,
            site: &news.run.site,
            run: &news.run.id,
            machine_count: hit.machines.len(),
            machines: machines.collect(),
        }
    }
}

fn events(news: &News) -> Result<(), Stop> {
    for hit in &news.hits {
        emit(&Said::BulletinHits(About::of(news, hit)))?;
    }
    for hit in &news.exploited {
        emit(&Said::NowExploited(About::of(news, hit)))?;
    }
    for hit in &news.fixed {
        emit(&Said::FixAvailable(About::of(news, hit)))?;
    }
    Ok(())
}

fn done(how: Telling, news: Option<&News>) -> Result<(), Stop> {
    if !how.events {
        return Ok(());
    }
    emit(&Said::Done {
        run: news.map(|news| &news.run.id),
        site: news.map(|news| news.run.site.as_str()),
        read: news.map_or(0, |news| news.read),
        bulletins: news.map_or(0, |news| news.hits.len()),
        machines: news.map_or(0, News::hit_machines),
        excepted: news.map_or(0, |news| news.excepted),
    })
}

/// Writes an event as a line.
fn emit(said: &Said<'_>) -> Result<(), Stop> {
    let line = serde_json::to_string(said).map_err(|error| Stop::failed(&error))?;
    stdout::print(format!("{}\n", tame_json(&line)))
}
