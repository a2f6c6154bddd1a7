//! Targets and ports as typed, made into what a run keeps.

use super::super::Stop;
use super::super::args::TargetArguments;
use super::super::config::Settings;
use super::super::resolver::look_up;
use crate::scan::Scope;
use crate::targets::{self, Disk, Found, Lists, Request, TargetList};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Reads the lists that the targets name, and looks up the names.
pub(super) fn read(arguments: &TargetArguments, settings: &Settings) -> Result<Scope, Stop> {
    read_with(arguments, settings, &look_up)
}

/// [`read`], with a resolver of the caller's.
pub(super) fn read_with(
    arguments: &TargetArguments,
    settings: &Settings,
    look_up: &dyn Fn(&str) -> Result<Vec<IpAddr>, String>,
) -> Result<Scope, Stop> {
    if arguments.targets.is_empty() {
        return Err(Stop::usage(
            "no targets: name addresses, ranges, host names or @FILE",
        ));
    }
    let (never_scan, never_scan_files) = settings.never_scan.iter().cloned().unzip();
    let request = Request {
        targets: arguments.targets.clone(),
        exclude: arguments.exclude.clone(),
        exclude_files: arguments.exclude_file.clone(),
        never_scan,
        never_scan_files,
        taken_out: Vec::new(),
    };
    let input = if request.wants_input() {
        Some(stdin()?)
    } else {
        None
    };
    let lists = Remembering {
        disk: Disk::new(input.clone()),
        read: RefCell::default(),
    };
    let list = TargetList::read(&request, &lists).map_err(|error| Stop::configuration(&error))?;
    let names = list
        .names()
        .into_iter()
        .map(|name| (name.to_owned(), look_up(name)));
    Ok(Scope {
        names: names.collect(),
        targets: request.targets,
        exclude: request.exclude,
        exclude_files: request.exclude_files,
        never_scan: request.never_scan,
        never_scan_files: request.never_scan_files,
        taken_out: Vec::new(),
        allow_public: arguments.allow_public,
        yes: arguments.yes,
        files: lists.read.into_inner(),
        input,
        found: Found::default(),
    })
}

fn stdin() -> Result<String, Stop> {
    let read = targets::file::read(io::stdin());
    read.map_err(|error| Stop::usage(format!("cannot read targets from standard input: {error}")))
}

/// Takes more out of the scope of a run that has begun: what the operator names now, and what the permanent
/// list has got since. Says whether that is anything.
pub(super) fn take_out(
    scope: &mut Scope,
    arguments: &TargetArguments,
    settings: &Settings,
) -> Result<bool, Stop> {
    let never = settings.never_scan.iter().map(|(target, _)| target);
    let files = arguments.exclude_file.iter();
    let files = files.map(|path| format!("@{}", path.display()));
    let wanted = arguments.exclude.iter().chain(never).cloned().chain(files);
    let known = |target: &String| {
        let lists = [&scope.never_scan, &scope.exclude, &scope.taken_out];
        lists.iter().any(|list| list.contains(target))
    };
    let mut new: Vec<String> = wanted.filter(|target| !known(target)).collect();
    new.dedup();
    if new.is_empty() {
        return Ok(false);
    }
    let request = Request {
        exclude: new.clone(),
        ..scope.request()
    };
    let lists = Remembering {
        disk: Disk::new(scope.input.clone()),
        read: RefCell::new(std::mem::take(&mut scope.files)),
    };
    let list = TargetList::read(&request, &lists).map_err(|error| Stop::configuration(&error))?;
    for name in list.names() {
        let names = &mut scope.names;
        names
            .entry(name.to_owned())
            .or_insert_with(|| look_up(name));
    }
    drop(list);
    scope.files = lists.read.into_inner();
    scope.taken_out.extend(new);
    Ok(true)
}

/// Keeps the text of every list it reads.
struct Remembering {
    disk: Disk,
    read: RefCell<BTreeMap<PathBuf, String>>,
}

impl Lists for Remembering {
    fn file(&self, path: &Path) -> io::Result<String> {
        // What a run has read stays as it was.
        if let Some(text) = self.read.borrow().get(path) {
            return Ok(text.clone());
        }
        let text = self.disk.file(path)?;
        self.read.borrow_mut().insert(path.to_owned(), text.clone());
        Ok(text)
    }

    fn input(&self) -> io::Result<String> {
        self.disk.input()
    }
}

/// Reads `22,80,8000-8010`.
pub(super) fn ports(flag: &str, text: &str) -> Result<Vec<u16>, Stop> {
    let fault = |part: &str| {
        Stop::usage(format!(
            "{flag} {text}: `{part}` is no port; expected numbers from 1 to 65535 like 22,80,8000-8010"
        ))
    };
    let number = |part: &str| part.trim().parse::<u16>().ok().filter(|port| *port > 0);
    let mut ports = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => ports.extend(first..=last),
            _ => return Err(fault(part)),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    ports.retain(|port| seen.insert(*port));
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_keep_the_operators_order_and_come_once() {
        assert_eq!(
            ports("-p", "2222,22,80-82,81").unwrap(),
            [2222, 22, 80, 81, 82]
        );
    }

    #[test]
    fn what_is_no_port_is_named() {
        for text in ["", "0", "22,", "65536", "9-8", "ssh"] {
            let stop = ports("--ports", text).unwrap_err();
            assert!(stop.text.contains("expected"), "{}", stop.text);
        }
    }
}
