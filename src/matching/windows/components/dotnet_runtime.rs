//! The runtimes of .NET, once .NET Core. Any number of them is installed side by side, and each that
//! lies in its folder can be the one that a program starts.

use super::super::Case;
use super::lifecycle::{self, Dated};
use super::stream::{self, ArchOf, Files, Judged, NO_BUILD, Standing, Subject, by_build, dotted};
use super::{Host, System, installed, listed, want};
use crate::catalog::{ProductSlice, Update};
use crate::matching::known::Wanted;
use crate::model::{
    BuildRow, Component, ComponentKind, Confidence, Finding, ProductKey, Witness, WitnessKind,
};
use crate::version::WindowsVersion;
use std::collections::{BTreeMap, BTreeSet};

type Copies<'a> = Vec<(WindowsVersion<'a>, &'a Component)>;

/// The runtimes of one line and architecture: an update of the line puts a new folder beside them.
struct Line<'a> {
    name: &'a str,
    major: u64,
    minor: u64,
    /// By version, the oldest first.
    copies: Vec<&'a Component>,
}

pub(super) fn wanted(host: &Host<'_>, index: &[ProductKey], wanted: &mut Wanted) {
    for line in lines(listed(host.facts, ComponentKind::DotNetRuntime)) {
        let names = products(&line);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        want(index, &names, wanted);
        wanted.builds.push(table(&line));
    }
}

pub(super) fn judge(case: &Case<'_>, _: &System<'_>, out: &mut Vec<Finding>) {
    let list = installed(case, ComponentKind::DotNetRuntime, ".NET runtimes", out);
    let mut ended = BTreeSet::new();
    for line in lines(list) {
        let Some(oldest) = line.copies.first() else {
            continue;
        };
        let names = products(&line);
        let slice = |name: &String| case.known.products.get(&ProductKey::of(name));
        let slices: Vec<&ProductSlice> =
            names.iter().filter_map(slice).map(AsRef::as_ref).collect();
        let mut subject = subject(&line, oldest, slices);
        let rows = case.known.builds.get(&table(&line));
        let rows = rows.iter().flat_map(|rows| rows.iter());
        let own = |row: &&BuildRow| Some(row.branch.as_str()) == folder(&line);
        subject.files.rows = rows.filter(own).collect();
        stream::judge(case, &subject, &|update| standing(&subject, update), out);
        if ended.insert((line.major, line.minor)) {
            out.extend(end(case, &line, oldest));
        }
    }
}

/// How an update stands. A third number of 100 and more is an SDK's, which records of runtimes state
/// by mistake (`6.0.101`).
fn standing(subject: &Subject<'_>, update: &Update) -> Judged {
    let judged = by_build(subject, update);
    let build = judged.build.as_deref().and_then(WindowsVersion::parse);
    let installed = WindowsVersion::parse(&subject.installed);
    let is_sound = build
        .zip(installed)
        .is_some_and(|(build, installed)| build.agrees(installed, 2) && build.part(2) < 100);
    if is_sound || judged.build.is_none() {
        return judged;
    }
    let standing = Standing::Unsure(NO_BUILD);
    Judged {
        standing,
        build: None,
    }
}

fn lines(list: &[Component]) -> Vec<Line<'_>> {
    let mut lines: BTreeMap<(&str, u64, u64, &str), Copies<'_>> = BTreeMap::new();
    for one in list {
        // A preview (`9.0.0-rc.2`) is older than the release of the same numbers, and is judged as it.
        let numbers = one.version.split(['-', '+']).next().unwrap_or_default();
        if let Some(version) = WindowsVersion::parse(numbers) {
            let arch = one.arch.as_deref().unwrap_or_default();
            let key = (one.name.as_str(), version.part(0), version.part(1), arch);
            lines.entry(key).or_default().push((version, one));
        }
    }
    let lines = lines.into_iter();
    lines
        .map(|((name, major, minor, _), mut copies)| {
            copies.sort_by_key(|(version, _)| *version);
            let copies = copies.into_iter().map(|(_, one)| one).collect();
            Line {
                name,
                major,
                minor,
                copies,
            }
        })
        .collect()
}

/// The makers' table of a line's releases.
fn table(line: &Line<'_>) -> String {
    let word = if line.major >= 5 { ".net" } else { ".net core" };
    format!("{word} {}.{}", line.major, line.minor)
}

/// The folder of a runtime, as the table names its branch.
fn folder(line: &Line<'_>) -> Option<&'static str> {
    Some(match line.name {
        ".NET Runtime" => "Microsoft.NETCore.App",
        "ASP.NET Core Runtime" => "Microsoft.AspNetCore.App",
        ".NET Desktop Runtime" => "Microsoft.WindowsDesktop.App",
        _ => return None,
    })
}

/// The names under which advisories speak of a line. What they say of .NET is about the runtime;
/// ASP.NET Core has advisories of its own.
fn products(line: &Line<'_>) -> Vec<String> {
    let Line { major, minor, .. } = line;
    let starts: &[&str] = match (line.name, *major >= 5) {
        ("ASP.NET Core Runtime", _) => &["asp.net core"],
        // Its advisories are those of .NET: there are no others.
        (".NET Runtime" | ".NET Desktop Runtime", true) => &[".net"],
        (".NET Runtime" | ".NET Desktop Runtime", false) => &[".net core"],
        _ => &[],
    };
    let named = starts.iter().flat_map(|start| {
        ["", " installed on windows"].map(|end| format!("{start} {major}.{minor}{end}"))
    });
    named.collect()
}

fn subject<'a>(line: &Line<'_>, oldest: &Component, slices: Vec<&'a ProductSlice>) -> Subject<'a> {
    let Line {
        name, major, minor, ..
    } = line;
    let arch = oldest
        .arch
        .as_deref()
        .map(|arch| format!(" ({arch})"))
        .unwrap_or_default();
    let witness = |one: &&Component| Witness {
        kind: WitnessKind::Registry,
        source: one.source.clone(),
        value: format!("{} {}", one.name, one.version),
        says_fixed: None,
    };
    let versions: Vec<&str> = line.copies.iter().map(|one| one.version.as_str()).collect();
    Subject {
        slices,
        product: format!("{name} {major}.{minor}{arch}"),
        name: format!("{name} {major}.{minor}"),
        slug: format!("{}-{major}.{minor}", name.to_lowercase().replace(' ', "-")),
        installed: oldest.version.clone(),
        observed: format!("{name}{arch} {}", versions.join(", ")),
        question: "dotnet-runtimes".to_owned(),
        rule: "the oldest copy of the line against the first version that has the fix".to_owned(),
        confidence: Confidence::High,
        witnesses: line.copies.iter().map(witness).collect(),
        prerequisites: Vec::new(),
        order: by_numbers,
        has_lines: false,
        is_stream: true,
        files: Files {
            arch: ArchOf::installed(oldest.arch.as_deref()),
            rows: Vec::new(),
        },
    }
}

fn by_numbers(a: &str, b: &str) -> Option<std::cmp::Ordering> {
    let numbers = |text: &str| text.split(['-', '+']).next().unwrap_or_default().to_owned();
    dotted(&numbers(a), &numbers(b))
}

fn end(case: &Case<'_>, line: &Line<'_>, oldest: &Component) -> Option<Finding> {
    let Line { major, minor, .. } = line;
    let cycle = if *major >= 5 {
        major.to_string()
    } else {
        format!("{major}.{minor}")
    };
    let word = if *major >= 5 { ".NET" } else { ".NET Core" };
    let name = format!("{word} {major}.{minor}");
    let dated = Dated {
        id: "dotnet",
        cycle: &cycle,
        product: &name,
        name: &name,
        installed: &oldest.version,
        question: "dotnet-runtimes",
    };
    lifecycle::ended(case, &dated)
}
