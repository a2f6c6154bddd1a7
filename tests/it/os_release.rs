//! What each system is, by its os-release: the traps that are here, and every file of two collections.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use underdesk::collect::{self, UNIX};
use underdesk::session::{Answers, Limits, Reply};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/os-release")
}

/// File name to `id version ecosystem`.
fn table(name: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(fixtures().join(name)).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let cells = rows.map(|row| row.split_once('\t').unwrap());
    cells
        .map(|(file, told)| (file.to_owned(), told.replace('\t', " ")))
        .collect()
}

/// What a Linux with this os-release is taken for.
fn told(path: &Path) -> String {
    let mut answers = Answers::default();
    let mut answer = |id, stdout: Vec<u8>| {
        answers.record(id, &Reply { exit: 0, stdout }, &Limits::default());
    };
    answer("uname", b"Linux\nhost\n6.1.0\n#1 SMP\nx86_64\n".to_vec());
    answer("os-release", std::fs::read(path).unwrap());
    let (_, platform) = collect::recognise(&UNIX, &answers).unwrap();
    format!(
        "{} {} {}",
        platform.id,
        platform.version.as_deref().unwrap_or("-"),
        platform.ecosystem.as_deref().unwrap_or("-")
    )
}

fn differences(folder: &Path, table: &BTreeMap<String, String>) -> Vec<String> {
    let judged = table
        .iter()
        .map(|(file, expected)| (file, expected, told(&folder.join(file))));
    judged
        .filter(|(_, expected, told)| *expected != told)
        .map(|(file, expected, told)| format!("{file}: {told}, but it is {expected}"))
        .collect()
}

#[test]
fn a_system_that_looks_like_another_is_not_taken_for_it() {
    assert_eq!(differences(&fixtures(), &table("traps.tsv")), [""; 0]);
}

#[test]
fn every_file_of_the_known_collections_is_identified_or_called_unknown() {
    let Some(folder) = std::env::var_os("UNDERDESK_OS_RELEASE").map(PathBuf::from) else {
        eprintln!(
            "SKIPPED: UNDERDESK_OS_RELEASE names no folder of os-release files to be told apart"
        );
        return;
    };
    let expected = table("known-files.tsv");
    assert_eq!(differences(&folder, &expected), [""; 0]);
    let unknown: Vec<String> = files(&folder)
        .into_iter()
        .filter(|file| !expected.contains_key(file))
        .collect();
    assert_eq!(unknown, [""; 0], "files that no row speaks of");
}

/// The os-release files of a folder and the folders in it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() {
            found.extend(files(&entry).iter().map(|file| format!("{name}/{file}")));
        } else if entry.extension().is_none_or(|end| end != "md") && name != "LICENSE" {
            found.push(name);
        }
    }
    found
}
