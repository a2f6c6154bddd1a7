//! Exchange Server. Security updates are made for the newest cumulative updates only, each with a line
//! of builds of its own; and a cumulative update that gets none any more is itself what is missing.

use super::super::Case;
use super::super::row::Row;
use super::lifecycle::{self, Dated};
use super::stream::{self, Doubt, Files, Judged, Standing, Subject, dotted};
use super::{Host, System, installed, is_in, listed, starting, uncovered, unknown};
use crate::catalog::{Flaw, Month, ProductSlice, Update};
use crate::matching::known::Wanted;
use crate::model::{
    BuildRow, BulletinId, Component, ComponentKind, Confidence, Evidence, Finding, FindingState,
    ProductKey, Remedy, Witness, WitnessKind,
};
use crate::version::WindowsVersion;

const NO_BUILD: Doubt = Doubt {
    id: "no-build-known",
    why: "the records state no build of ExSetup.exe that has the fix: compare with Microsoft's list of builds",
};

/// A release of Exchange, by the first two numbers of its builds.
struct Release {
    /// `2019`.
    name: &'static str,
    /// The advisories' name: `microsoft exchange server 2019`.
    product: &'static str,
    /// The build tables' names.
    tables: &'static [&'static str],
    /// In the list of lifecycles.
    cycle: &'static str,
}

const EXCHANGE_SE: Release = Release {
    name: "Subscription Edition",
    product: "microsoft exchange server subscription edition",
    tables: &["exchange server subscription edition", "exchange server se"],
    cycle: "subscription",
};

/// The first build of the Subscription Edition, which counts on from 2019's.
const FIRST_OF_SE: u64 = 2562;

fn release(version: WindowsVersion<'_>) -> Option<Release> {
    let (name, product, tables, cycle): (_, _, &'static [&'static str], _) =
        match (version.part(0), version.part(1)) {
            (15, 2) if version.part(2) >= FIRST_OF_SE => return Some(EXCHANGE_SE),
            (15, 2) => (
                "2019",
                "microsoft exchange server 2019",
                &["exchange server 2019"],
                "2019",
            ),
            (15, 1) => (
                "2016",
                "microsoft exchange server 2016",
                &["exchange server 2016"],
                "2016",
            ),
            (15, 0) => (
                "2013",
                "microsoft exchange server 2013",
                &["exchange server 2013"],
                "2013",
            ),
            (14, _) => (
                "2010",
                "microsoft exchange server 2010",
                &["exchange server 2010"],
                "2010",
            ),
            _ => return None,
        };
    Some(Release {
        name,
        product,
        tables,
        cycle,
    })
}

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    for component in listed(host.facts, ComponentKind::Exchange) {
        let release = WindowsVersion::parse(&component.version).and_then(release);
        let Some(release) = release else {
            continue;
        };
        wanted
            .products
            .extend(starting(index, release.product).cloned());
        wanted
            .builds
            .extend(release.tables.iter().map(|table| (*table).to_owned()));
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    for component in installed(case, ComponentKind::Exchange, "Exchange Server", out) {
        let version = WindowsVersion::parse(&component.version);
        let Some((version, release)) = version.and_then(|one| Some((one, release(one)?))) else {
            let why = format!("the version `{}` is none of Exchange's", component.version);
            out.push(unknown(&component.name, "exchange", &why));
            continue;
        };
        out.extend(lifecycle::ended(
            case,
            &Dated {
                id: "msexchange",
                cycle: release.cycle,
                product: &component.name,
                name: &format!("Microsoft Exchange Server {}", release.name),
                installed: &component.version,
                question: "exchange",
            },
        ));
        if case.known.has_products {
            server(case, component, version, &release, out);
        }
    }
}

/// The verdicts on one server.
fn server(
    case: &Case<'_>,
    component: &Component,
    version: WindowsVersion<'_>,
    release: &Release,
    out: &mut Vec<Finding>,
) {
    let lines = lines(case, release);
    let table = || {
        release
            .tables
            .iter()
            .filter_map(|table| case.known.builds.get(*table))
    };
    let rows: Vec<&BuildRow> = table().flat_map(|rows| rows.iter()).collect();
    let own = own_line(&lines, &rows, version);
    let Some(own) = own.and_then(|at| lines.get(at)) else {
        let why = format!(
            "neither the advisories nor a table of builds tells which cumulative update {version} is; \
             import the builds of {}",
            component.name
        );
        out.push(uncovered(
            &component.name,
            &component.version,
            "exchange-builds",
            &why,
        ));
        return;
    };
    let subject = subject(component, release, own);
    let standing = |update: &Update| standing(case, update, version);
    stream::judge(case, &subject, &standing, out);
    out.extend(outdated(&subject, own, &lines));
}

/// A cumulative update that advisories speak of.
struct Line<'a> {
    slice: &'a ProductSlice,
    /// Its number; 0 for the first release.
    number: u32,
    /// `CU14`, `RTM`.
    label: String,
}

fn lines<'a>(case: &Case<'a>, release: &Release) -> Vec<Line<'a>> {
    let products = case.known.products.values();
    let line = |slice: &'a ProductSlice| {
        let rest = slice.key().as_str().strip_prefix(release.product)?.trim();
        let number = match rest {
            "" | "rtm" => 0,
            _ => rest.strip_prefix("cumulative update ")?.parse().ok()?,
        };
        let label = if number == 0 {
            "RTM".to_owned()
        } else {
            format!("CU{number}")
        };
        Some(Line {
            slice,
            number,
            label,
        })
    };
    let mut lines: Vec<Line<'a>> = products.map(AsRef::as_ref).filter_map(line).collect();
    lines.sort_by_key(|line| line.number);
    lines
}

/// Which of the lines is installed: the third number of a build is the cumulative update's.
fn own_line(lines: &[Line<'_>], rows: &[&BuildRow], version: WindowsVersion<'_>) -> Option<usize> {
    let agrees =
        |build: &str| WindowsVersion::parse(build).is_some_and(|build| build.agrees(version, 3));
    let row = rows.iter().find(|row| agrees(&row.build));
    let by_table = row.and_then(|row| {
        lines
            .iter()
            .position(|line| line.label.eq_ignore_ascii_case(&row.branch))
    });
    // One wrong record must not make it another line: most builds of a line agree.
    let share = |line: &Line<'_>| {
        let builds = line
            .slice
            .updates()
            .iter()
            .filter_map(|update| update.builds.first());
        let (mut all, mut same) = (0_usize, 0_usize);
        for build in builds {
            all += 1;
            same += usize::from(agrees(build));
        }
        same * 2 > all
    };
    by_table.or_else(|| lines.iter().position(share))
}

fn standing(case: &Case<'_>, update: &Update, version: WindowsVersion<'_>) -> Judged {
    let in_line =
        |build: &&str| WindowsVersion::parse(build).is_some_and(|build| build.agrees(version, 3));
    let mut builds = update.builds.iter().map(AsRef::as_ref);
    let build = builds.find(in_line).map(str::to_owned);
    let order = build
        .as_deref()
        .and_then(|build| dotted(version.as_str(), build));
    let standing = match order {
        Some(std::cmp::Ordering::Less) => Standing::Out,
        Some(_) => Standing::In,
        None if update.id.kb().is_some_and(|kb| is_in(case.facts, kb)) => Standing::In,
        None => Standing::Unsure(NO_BUILD),
    };
    Judged { standing, build }
}

fn subject<'a>(component: &Component, release: &Release, own: &Line<'a>) -> Subject<'a> {
    let kind = if component.source.contains("exsetup") {
        WitnessKind::File
    } else {
        WitnessKind::Registry
    };
    Subject {
        slices: vec![own.slice],
        product: component.name.clone(),
        name: format!("Microsoft Exchange Server {} {}", release.name, own.label),
        slug: "exchange".to_owned(),
        installed: component.version.clone(),
        observed: format!("{} {} {}", component.name, own.label, component.version),
        question: "exchange".to_owned(),
        rule: format!("ExSetup.exe against the builds of {}", own.label),
        // The key holds the build of the cumulative update alone, which security updates do not move.
        confidence: if kind == WitnessKind::File {
            Confidence::High
        } else {
            Confidence::Low
        },
        witnesses: vec![Witness {
            kind,
            source: component.source.clone(),
            value: component.version.clone(),
            says_fixed: None,
        }],
        prerequisites: Vec::new(),
        order: dotted,
        has_lines: false,
        is_stream: true,
        files: Files::default(),
    }
}

/// The row of a cumulative update that later security updates are not made for.
fn outdated(subject: &Subject<'_>, own: &Line<'_>, lines: &[Line<'_>]) -> Option<Finding> {
    let last = |line: &Line<'_>| {
        line.slice
            .updates()
            .iter()
            .filter_map(|one| one.released)
            .max()
    };
    let own_last = last(own)?;
    let newest = lines.iter().max_by_key(|line| (last(line), line.number))?;
    if newest.number <= own.number || last(newest) <= Some(own_last) {
        return None;
    }
    let is_later = |flaw: &&Flaw| {
        let month = flaw
            .fixes
            .iter()
            .filter_map(|fix| newest.slice.updates().get(fix.update)?.released)
            .min();
        own.slice.flaw(&flaw.id).is_none() && month > Some(own_last)
    };
    let flaws: Vec<&Flaw> = newest.slice.flaws().iter().filter(is_later).collect();
    let update = newest
        .slice
        .updates()
        .iter()
        .max_by_key(|one| one.released)?;
    let name = format!("{} {}", subject.product, newest.label);
    let since: Month = own_last;
    let remedy = current(subject, newest, update, &name);
    let row = Row {
        slice: newest.slice,
        flaws,
        bulletin: BulletinId::new("exchange-cumulative-update"),
        title: format!(
            "{} gets no security updates since {since}: install {name}",
            subject.name
        ),
        product: subject.product.clone(),
        installed: subject.installed.clone(),
        fixed: remedy.build.clone(),
        state: FindingState::Missing,
        confidence: Confidence::Medium,
        remedy: Some(remedy),
        evidence: Evidence {
            observed: subject.observed.clone(),
            question: subject.question.clone(),
            rule: format!(
                "the newest security update of its line is of {since}, that of {} is newer",
                newest.label
            ),
            record: newest.slice.key().to_string(),
            witnesses: subject.witnesses.clone(),
        },
    };
    Some(row.into())
}

/// What to install in place of a cumulative update that gets no fixes.
fn current(subject: &Subject<'_>, newest: &Line<'_>, update: &Update, name: &str) -> Remedy {
    Remedy {
        update: format!("{name} and its newest security update"),
        kb: update.id.kb(),
        title: format!("Cumulative update {} for {}", newest.label, subject.product),
        build: update.builds.first().map(ToString::to_string),
        restart: update.restart,
        prerequisites: vec![name.to_owned()],
        supersedes: Vec::new(),
        download: update.url.clone(),
        download_size: None,
        download_hash: None,
        silent_switch: None,
    }
}
