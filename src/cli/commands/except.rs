//! `except`: findings that somebody was allowed to leave for a while.

use super::super::args::BeliefArguments;
use super::super::beliefs;
use super::super::config::Settings;
use super::super::decision_args::{ExceptAddArguments, ExceptCommand};
use super::super::{Exit, Stop, complain, output, runtime, stdout};
use crate::classify::{Exceptions, HostPattern, MachineFacts};
use crate::model::{
    Date, Exception, ExceptionCount, ExceptionId, ExceptionScope, ExceptionState, FindingId,
    MachineRecord, UtcTime, plural,
};
use crate::report::{ReportSource as _, columns, for_terminal};
use crate::scan::RunSource;
use crate::store::Store;
use std::collections::BTreeSet;

/// The longest text that anybody reads in a cell.
const MOST_CHARS: usize = 1_000;
/// More versions than this are no matter for one exception.
const MOST_VERSIONS: usize = 1_000;

/// Adds, lists or ends exceptions.
pub(in crate::cli) fn run(settings: &Settings, command: &ExceptCommand) -> Result<Exit, Stop> {
    let text = match command {
        ExceptCommand::Add(new) => add(settings, new)?,
        ExceptCommand::List { run, beliefs } => list(settings, run.as_deref(), beliefs)?,
        ExceptCommand::Expire { id } => expire(settings, id)?,
    };
    stdout::print(format!("{}\n", text.trim_end()))?;
    Ok(Exit::Clean)
}

fn add(settings: &Settings, new: &ExceptAddArguments) -> Result<String, Stop> {
    let now = runtime::now();
    let mut exception = draft(settings, new, now)?;
    let store = output::open_store(&settings.store)?;
    let (versions, findings) = shown(settings, new, (&store, &exception))?;
    if exception.versions.is_empty() {
        exception.versions = versions;
    }
    if exception.versions.is_empty() {
        return Err(Stop::usage(format!(
            "the run shows nothing that {} is about, so there is no version to grant it for; --version V names one",
            exception.scope.in_words()
        )));
    }
    if exception.versions.len() > MOST_VERSIONS {
        return Err(Stop::usage(format!(
            "{} versions are too many for one exception; narrow it with --host or --tag",
            exception.versions.len()
        )));
    }
    let kept = store
        .add_exception(&settings.site, exception.clone())
        .wait();
    if !kept.map_err(|error| Stop::failed(&error))? {
        return Err(Stop::usage(format!(
            "exception {} is there already",
            exception.id
        )));
    }
    complain(&format!(
        "{} may stay until {} (UTC), {} now, for version {}",
        for_terminal(&exception.scope.in_words()),
        exception.until,
        plural(findings, "finding"),
        for_terminal(&versions_of(&exception))
    ));
    Ok(exception.id.to_string())
}

/// The versions that an exception holds for, as people read them.
fn versions_of(exception: &Exception) -> String {
    let versions = exception.versions.iter();
    let versions = versions.map(|version| match version.as_str() {
        "" => "(none stated)",
        version => version,
    });
    versions.collect::<Vec<_>>().join(", ")
}

/// One line of a flag.
fn words(flag: &str, text: &str) -> Result<String, Stop> {
    let text = text.trim();
    let fits = !text.is_empty() && !text.contains(char::is_control);
    if fits && text.chars().count() <= MOST_CHARS {
        return Ok(text.to_owned());
    }
    Err(Stop::usage(format!(
        "{flag}: expected one line of at most {MOST_CHARS} letters"
    )))
}

/// The exception as it is asked for.
fn draft(settings: &Settings, new: &ExceptAddArguments, now: UtcTime) -> Result<Exception, Stop> {
    let optional = |flag: &str, text: &Option<String>| match text {
        Some(text) => words(flag, text).map(Some),
        None => Ok(None),
    };
    let until = Date::parse(&new.until)
        .ok_or_else(|| Stop::usage(format!("--until {}: expected a day, YYYY-MM-DD", new.until)))?;
    if until < now.date() {
        return Err(Stop::usage(format!(
            "--until {until} is over: it is {} (UTC)",
            now.date()
        )));
    }
    let finding = optional("--finding", &new.finding)?;
    if let Some(id) = finding.as_deref().filter(|id| !is_finding(id)) {
        return Err(Stop::usage(format!(
            "--finding {id}: expected what finding_id has, f- and 16 digits"
        )));
    }
    let scope = ExceptionScope {
        bulletin: optional("--bulletin", &new.bulletin)?,
        finding: finding.map(FindingId::new),
        host: optional("--host", &new.host)?,
        tag: optional("--tag", &new.tag)?,
    };
    if scope
        .host
        .as_deref()
        .is_some_and(|host| HostPattern::parse(host).is_none())
    {
        return Err(Stop::usage(
            "--host: expected a name, an address, a network or an id",
        ));
    }
    limited(new, &scope, (now.date(), until))?;
    let mut versions = new.version.iter().map(|text| words("--version", text));
    let versions: BTreeSet<String> = versions.by_ref().collect::<Result<_, _>>()?;
    let (owner, reason) = (
        words("--owner", &new.owner)?,
        words("--reason", &new.reason)?,
    );
    let about = scope.in_words();
    let (granted, day) = (now.unix().to_string(), until.to_string());
    let parts = [&settings.site, &about, &owner, &reason, &granted, &day];
    Ok(Exception {
        id: ExceptionId::of(&parts.map(String::as_str)),
        scope,
        versions: versions.into_iter().collect(),
        owner,
        reason,
        granted: now,
        granted_by: settings.operator.clone(),
        until,
        taken_back: None,
    })
}

/// For how many days everything may stay.
const MOST_DAYS: i64 = 366;

/// Refuses what nobody grants by mistake: that everything may stay, or that it may for ever.
fn limited(
    new: &ExceptAddArguments,
    scope: &ExceptionScope,
    (today, until): (Date, Date),
) -> Result<(), Stop> {
    let is_any = |text: &Option<String>| {
        let text = text.as_deref();
        text.is_none_or(|text| text.bytes().all(|byte| byte == b'*') || text.ends_with("/0"))
    };
    let is_all = scope.finding.is_none()
        && is_any(&scope.bulletin)
        && is_any(&scope.host)
        && is_any(&scope.tag)
        && new.version.is_empty();
    if !is_all {
        return Ok(());
    }
    if !new.everything {
        return Err(Stop::usage(
            "this lets every finding of every machine stay, those that are exploited among them: name a bulletin, or limit it with --host, --tag or --version; --everything says that it is meant",
        ));
    }
    if today.days_until(until) > MOST_DAYS {
        return Err(Stop::usage(format!(
            "--until {until}: everything may stay for {MOST_DAYS} days at most; grant it anew then"
        )));
    }
    Ok(())
}

fn is_finding(id: &str) -> bool {
    let digits = id.strip_prefix("f-").unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The installed versions of what an exception is about, and how many findings that is; nothing where no run is
/// stored.
fn shown(
    settings: &Settings,
    new: &ExceptAddArguments,
    (store, exception): (&Store, &Exception),
) -> Result<(Vec<String>, u64), Stop> {
    let latest = store.latest_run().wait();
    let latest = latest.map_err(|error| Stop::failed(&error))?;
    if latest.is_none() && new.run.is_none() {
        return Ok((Vec::new(), 0));
    }
    let today = Some(exception.granted.date());
    let source = open(settings, (store, new.run.as_deref(), today), &new.beliefs)?;
    let exceptions = Exceptions::new(vec![exception.clone()], exception.granted.date());
    let (mut versions, mut count) = (BTreeSet::new(), 0);
    let walk = source.machines(&mut |machine: &MachineRecord| {
        let facts = MachineFacts::of(machine);
        for finding in machine.findings.iter() {
            if exceptions.are_about(finding, &facts) {
                count += 1;
                versions.insert(finding.installed.clone());
            }
        }
        Ok(())
    });
    walk.map_err(|error| Stop::failed(&error))?;
    Ok((versions.into_iter().collect(), count))
}

/// A run of the site, compared with what the operator believes: exceptions are of a site. They are looked at as of
/// a day; without one, as of the day on which the run began.
fn open(
    settings: &Settings,
    (store, run, day): (&Store, Option<&str>, Option<Date>),
    named: &BeliefArguments,
) -> Result<RunSource, Stop> {
    let run = output::find_whole_run(store, run)?;
    let beliefs = beliefs::read(settings, named)?.of_run(store, &run)?;
    let source = RunSource::open(store, &run, false)?;
    let site = &source.run().site;
    if *site != settings.site {
        return Err(Stop::usage(format!(
            "run {run} is of site {site}, and exceptions are those of {}; --site {site} is the other",
            settings.site
        )));
    }
    let source = source.compare(store, &beliefs)?;
    let day = day.unwrap_or_else(|| source.run().started.date());
    Ok(source.prioritise(store, &beliefs, day)?)
}

fn list(settings: &Settings, run: Option<&str>, named: &BeliefArguments) -> Result<String, Stop> {
    let today = runtime::now().date();
    let store = output::open_store(&settings.store)?;
    let latest = store.latest_run().wait();
    let latest = latest.map_err(|error| Stop::failed(&error))?;
    let counts = if latest.is_none() && run.is_none() {
        let all = store.exceptions(&settings.site).wait();
        let all = all.map_err(|error| Stop::failed(&error))?;
        Exceptions::new(all, today).counts()
    } else {
        // Whoever names a run asks how they stood then, as its exceptions.csv tells.
        let day = run.is_none().then_some(today);
        let source = open(settings, (&store, run, day), named)?;
        source.exceptions().to_vec()
    };
    if counts.is_empty() {
        return Ok("No exception is granted.".to_owned());
    }
    let header = [
        "ID", "STATE", "UNTIL", "FINDINGS", "OWNER", "ABOUT", "VERSION", "REASON",
    ];
    let rows: Vec<Vec<String>> = counts.iter().map(row).collect();
    Ok(columns(&header, &rows))
}

fn row(count: &ExceptionCount) -> Vec<String> {
    let exception = &count.exception;
    let short = |text: &str| for_terminal(text).chars().take(50).collect::<String>();
    let findings = match (count.state, count.other_version) {
        (ExceptionState::Active, 1..) => {
            format!(
                "{} ({} of another version)",
                count.findings, count.other_version
            )
        }
        (ExceptionState::VersionChanged, other) => format!("0 ({other} of another version)"),
        _ => count.findings.to_string(),
    };
    vec![
        exception.id.to_string(),
        count.state.as_str().to_owned(),
        exception.until.to_string(),
        findings,
        short(&exception.owner),
        short(&exception.scope.in_words()),
        short(&versions_of(exception)),
        short(&exception.reason),
    ]
}

fn expire(settings: &Settings, id: &str) -> Result<String, Stop> {
    let store = output::open_store(&settings.store)?;
    let id = ExceptionId::new(id.trim());
    let taken = store.take_back_exception(&settings.site, &id, runtime::now());
    match taken.wait().map_err(|error| Stop::failed(&error))? {
        Some(true) => Ok(format!("{id} holds no more.")),
        Some(false) => Ok(format!("{id} was taken back before.")),
        None => Err(Stop::usage(format!(
            "site {} has no exception {id}; underdesk except list shows them",
            settings.site
        ))),
    }
}
