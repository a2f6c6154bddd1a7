//! What whole files become.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

mod tables;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/known")
}

fn fixture(name: &str) -> ReadList {
    let bytes = fs::read(folder().join(name)).unwrap();
    read(name, &bytes, &ReadOptions::default()).unwrap()
}

/// Everything that was read, as text.
fn shown(read: &ReadList) -> String {
    let list = &read.list;
    let vouches: Vec<_> = list.vouches.iter().map(|one| one.as_str()).collect();
    let as_of = list.as_of.map(|day| day.to_string()).unwrap_or_default();
    let mut text = format!(
        "{}: {} ({}), vouches {}\nas of {as_of} ({})\n{} {}\n{} rows, {} machines, {} problems\n",
        list.name,
        list.kind.as_str(),
        read.kind_by,
        vouches.join(", "),
        read.as_of_by,
        read.form,
        read.encoding,
        read.rows,
        list.records.len(),
        read.problems,
    );
    for note in &read.notes {
        writeln!(text, "note: {note}").unwrap();
    }
    for column in &read.columns {
        let field = column.used_as.map_or("-", Field::as_str);
        let hint = column.hint.as_deref().unwrap_or_default();
        let line = format!(
            "  {} -> {field}, {} {hint}",
            column.header,
            column.why.as_str()
        );
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    for record in &list.records {
        let value = serde_json::to_value(record).unwrap();
        let said = value.as_object().unwrap().iter().filter(|(_, value)| {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            !value.is_null() && !is_empty && *value != false
        });
        let said: Vec<_> = said.map(|(key, value)| format!("{key}={value}")).collect();
        writeln!(text, "{}", said.join(" ")).unwrap();
    }
    for problem in &read.unread {
        writeln!(
            text,
            "row {}, {}: {}",
            problem.row, problem.column, problem.what
        )
        .unwrap();
    }
    text
}

#[test]
fn every_fixture_is_read_as_it_is_written_down() {
    let mut names: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    let names = names.iter().map(|name| name.to_str().unwrap());
    let mut count = 0;
    for name in names.filter(|name| *name != "ORIGIN.md") {
        insta::assert_snapshot!(name, shown(&fixture(name)));
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn every_fixture_has_its_origin() {
    let origin = fs::read_to_string(folder().join("ORIGIN.md")).unwrap();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "ORIGIN.md" || origin.contains(&format!("`{name}`")),
            "{name}"
        );
    }
}

#[test]
fn a_fixture_cut_short_anywhere_or_with_bytes_changed_is_read_or_refused() {
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let whole = fs::read(&path).unwrap();
        for end in (0..whole.len()).step_by(97) {
            let _ = read("x", &whole[..end], &ReadOptions::default());
        }
        for at in (0..whole.len()).step_by(89) {
            let mut changed = whole.clone();
            changed[at] ^= 0x15;
            let _ = read("x", &changed, &ReadOptions::default());
        }
    }
}

/// Openings of every form, which bytes of chance would not meet.
const OPENINGS: &[&str] = &[
    "",
    "\u{feff}Name,IP Address\n",
    "sep=;\nName;LastSeen\n",
    "<nmaprun start=\"1\"><host>",
    "{\"name\":",
    "[{\"name\":\"a\"},",
    "lease 10.0.0.1 {\n",
    "dn: CN=a\n",
    "all:\n  hosts:\n",
    "[web]\n",
    "1793700000 00:15:5d:00:00:01 10.0.0.5 ",
    "PK\u{3}\u{4}",
];

proptest! {
    #[test]
    fn no_bytes_panic(opening in 0..OPENINGS.len(), bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [OPENINGS[opening].as_bytes(), &bytes].concat();
        let _ = read("x.csv", &bytes, &ReadOptions::default());
    }

    #[test]
    fn no_text_of_the_fields_own_signs_panics(
        opening in 0..OPENINGS.len(),
        text in r#"[-a-c0-2 ,;|:."'{}\[\]<>/\\#=\n\t$@%äE+]{0,200}"#,
    ) {
        let text = format!("{}{text}", OPENINGS[opening]);
        if let Ok(read) = read("x", text.as_bytes(), &ReadOptions::default()) {
            prop_assert!(!read.list.records.is_empty());
            prop_assert!(read.unread.len() <= MOST_PROBLEMS);
            let machines = read.list.records.len() as u64;
            prop_assert!(machines <= read.rows && read.rows <= machines + read.problems);
        }
    }
}
