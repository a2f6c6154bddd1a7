//! Every reader of what others write is fuzzed, or it is said here why not; and every target is built, has its seeds,
//! and is told of.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of readers begin with.
const VERBS: [&str; 5] = ["parse", "read", "decode", "from_", "load"];

/// And of those that are read by their neighbours alone.
const INNER: [&str; 2] = ["of_", "facts"];

/// Folders whose readers are met through others, or read nothing hostile.
const ELSEWHERE: [(&str, &str); 6] = [
    (
        "model",
        "words of a vocabulary, met in every file that has them",
    ),
    (
        "wire",
        "parts of protocols, met in the dialogues of identify",
    ),
    ("cli", "what the operator types"),
    ("lab", "networks that we made up"),
    ("report", "words of the operator"),
    ("store", "the archive is fuzzed; the rest is our own file"),
];

/// Readers that no target calls by name.
const NOT_BY_NAME: [(&str, &str); 29] = [
    ("Allowance::parse", "in a policy"),
    ("ApkVersion::parse", "by Place::parse"),
    ("Asked::parse", "a word of the operator's"),
    ("DpkgVersion::parse", "by Place::parse"),
    ("Draft::of_form", "the name of a form, which is ours"),
    ("EntryName::parse", "in credentials.toml"),
    ("Field::parse", "a word of the operator's"),
    ("FreeBsdVersion::parse", "by Place::parse"),
    ("HostPattern::parse", "in a policy"),
    ("Imports::of_feed", "the name of a feed, which is ours"),
    ("Month::parse", "in a table of ours"),
    ("PacmanVersion::parse", "by Place::parse"),
    ("Recipient::parse", "a word of the operator's"),
    ("Routes::parse", "the kernel's"),
    ("RpmVersion::parse", "by Place::parse"),
    ("ScopeItem::parse", "in credentials.toml"),
    ("SheetMap::parse", "a word of the operator's"),
    ("Source::parse_flag", "a word of the operator's"),
    ("Stop::from_record", "our own store's"),
    ("Try::from_record", "our own store's"),
    ("decode", "in what a shell of Windows prints"),
    ("facts", "by the dialogues of identify"),
    ("load", "files that are read by a reader of bytes"),
    ("parse_map", "a word of the operator's"),
    ("parse_neighbours", "the kernel's"),
    ("read_from", "a secret of the operator's, kept as it is"),
    ("read_mac", "in lists of machines"),
    ("read_public", "files that are read by a reader of bytes"),
    ("read_secret", "files that are read by a reader of bytes"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The targets by name, with their source.
fn targets() -> BTreeMap<String, String> {
    let entries = fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let named = paths.map(|path| {
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            text(&path),
        )
    });
    named.collect()
}

#[test]
fn every_target_is_built_and_seeded_and_told_of() {
    let targets: BTreeSet<String> = targets().into_keys().collect();
    let manifest = text(&root().join("fuzz/Cargo.toml"));
    let named = |line: &str| {
        Some(
            line.strip_prefix("name = \"")?
                .strip_suffix('"')?
                .to_owned(),
        )
    };
    let built = manifest.lines().filter_map(named);
    let built: BTreeSet<String> = built.filter(|name| name != "underdesk-fuzz").collect();
    assert_eq!(built, targets, "fuzz/Cargo.toml");
    let script = text(&root().join(".ci/fuzz"));
    let readme = text(&root().join("fuzz/README.md"));
    for target in &targets {
        assert!(
            script.contains(&format!("\n    \"{target}\": ")),
            ".ci/fuzz has no seeds for {target}"
        );
        assert!(
            readme.contains(&format!("`{target}`")),
            "fuzz/README.md does not tell of {target}"
        );
    }
}

/// The readers of a source file that others call, as `Type::name` or `name`.
fn readers(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut owner = None;
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "mod tests {" {
            break;
        }
        if let Some(rest) = line.strip_prefix("impl") {
            let rest = rest.rsplit(" for ").next().unwrap_or(rest);
            let rest = rest.trim_start_matches(|c: char| c != ' ').trim();
            owner = Some(
                rest.split(['<', ' ', '{'])
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            );
        } else if line == "}" {
            owner = None;
        }
        let line = line.trim_start();
        let inner = line.strip_prefix("pub(super) fn ");
        let inner = inner.filter(|rest| INNER.iter().any(|verb| rest.starts_with(verb)));
        let Some(rest) = line.strip_prefix("pub fn ").or(inner) else {
            continue;
        };
        let mut signature = rest.to_owned();
        while !signature.contains('{') && lines.peek().is_some() {
            signature += lines.next().unwrap_or_default();
        }
        let name = signature
            .split(['(', '<'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let arguments = signature.split("->").next().unwrap_or_default();
        let takes = ["str", "[u8]", "BufRead", "dyn Read", "Path"].iter();
        let mut verbs = VERBS.iter().chain(&INNER);
        if verbs.any(|verb| name.starts_with(verb))
            && takes.into_iter().any(|kind| arguments.contains(kind))
        {
            found.push(
                owner
                    .as_ref()
                    .map_or(name.clone(), |owner| format!("{owner}::{name}")),
            );
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_reader_has_a_target() {
    let targets: String = targets().into_values().collect();
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let elsewhere = |path: &PathBuf| {
        ELSEWHERE
            .iter()
            .any(|(folder, _)| path.starts_with(src.join(folder)))
    };
    let (mut missing, mut seen) = (Vec::new(), BTreeSet::new());
    for path in files.iter().filter(|path| !elsewhere(path)) {
        for reader in readers(&text(path)) {
            seen.insert(reader.clone());
            // By the folder that it reads for, by its type, or by a name of its own.
            let is_folder = path.file_stem().is_some_and(|name| name == "mod");
            let folders = path.ancestors().skip(1).take(1 + usize::from(is_folder));
            let folders = folders
                .filter_map(Path::file_name)
                .filter_map(OsStr::to_str);
            let (owner, name) = reader.rsplit_once("::").unwrap_or(("", &reader));
            let calls: Vec<String> = match (owner, VERBS.contains(&name)) {
                ("", true) => folders.map(|folder| format!("{folder}::{name}(")).collect(),
                (_, true) => vec![format!("{reader}(")],
                (_, false) => vec![format!("{name}(")],
            };
            let is_called = calls.iter().any(|call| targets.contains(call));
            if !is_called && !NOT_BY_NAME.iter().any(|(name, _)| *name == reader) {
                missing.push(format!(
                    "{}: {reader}",
                    path.strip_prefix(&src).unwrap().display()
                ));
            }
        }
    }
    assert_eq!(
        missing, [""; 0],
        "write a target in fuzz/fuzz_targets, or say here why there is none"
    );
    assert!(seen.len() > 30, "{seen:?}");
    for (name, _) in NOT_BY_NAME {
        assert!(seen.contains(name), "there is no {name} any more");
    }
}
