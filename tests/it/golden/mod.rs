//! The files of the demo's run, format by format: that two exports of it are the same bytes, and what they look like,
//! without what no two demos have in common ([`masks`]).
//!
//! A snapshot shows the first rows or the first value of each place as a person meets them, and of all others how many
//! there are and a digest: whatever changes anywhere changes a line of it.

mod book;
mod masks;
mod page;
mod values;

use super::support::{Desk, Table, tables};
use masks::Masks;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use underdesk::report::EXPORTERS;
use values::Values;

/// The rows of a table that are shown before those that show something new.
const ROWS: usize = 4;
/// How many characters of a cell are shown.
const CELL: usize = 160;

/// A run of the demo, and all that can be made of it in `one` and `two`.
fn demo() -> &'static Desk {
    static DEMO: OnceLock<Desk> = OnceLock::new();
    DEMO.get_or_init(|| {
        let desk = Desk::without_catalog();
        desk.expect(0, "demo --out demo");
        let formats: Vec<&str> = EXPORTERS.iter().map(|one| one.format()).collect();
        for folder in ["one", "two"] {
            let words = format!(
                "--store demo/operator/underdesk.db export --format {} --policy demo/operator/policy.toml --out {folder}",
                formats.join(",")
            );
            // A host of the demo shows another key than before.
            desk.expect(6, &words);
        }
        desk
    })
}

/// A file of the export, masked.
fn read(name: &str) -> String {
    let desk = demo();
    Masks::of(&desk.path("one")).text(&desk.read(&format!("one/{name}")))
}

#[test]
fn two_exports_of_a_run_are_the_same_bytes_in_every_format() {
    let desk = demo();
    let names = |folder: &str| {
        let mut names = Vec::new();
        collect(&desk.path(folder), "", &mut names);
        names.sort();
        names
    };
    assert_eq!(names("one"), names("two"));
    for name in names("one") {
        let bytes = |folder: &str| fs::read(desk.path(folder).join(&name)).unwrap();
        assert!(!bytes("one").is_empty(), "{name} is empty");
        assert!(bytes("one") == bytes("two"), "{name} differs");
    }
    let manifest = manifest(&desk.path("one"));
    let listed = manifest["files"].as_array().unwrap().iter();
    let mut listed: Vec<String> = listed
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect();
    listed.push("manifest.json".to_owned());
    listed.sort();
    // What a format writes is in the manifest, and nothing else is there.
    assert_eq!(names("one"), listed);
    // What the demo wrote itself is the same, but that it was compared with lists.
    for name in ["findings.csv", "software.csv", "services.csv", "access.csv"] {
        assert_eq!(
            desk.read(&format!("demo/{name}")),
            desk.read(&format!("one/{name}")),
            "{name}"
        );
    }
}

#[test]
fn the_tables_of_the_demo() {
    let folder = demo().path("one");
    let masks = Masks::of(&folder);
    let mut page = String::new();
    for table in tables(&folder) {
        writeln!(page, "## {}: {} rows", table.name, table.rows.len()).unwrap();
        page.push_str(&told(&table, &masks));
        page.push('\n');
    }
    insta::assert_snapshot!("demo-csv", page);
}

#[test]
fn the_manifest_of_the_demo() {
    let mut values = Values::default();
    let manifest = manifest(&demo().path("one"));
    values.json("", &manifest, &Masks::of(&demo().path("one")));
    insta::assert_snapshot!("demo-manifest", values.page());
}

#[test]
fn the_documents_of_the_demo() {
    let masks = Masks::of(&demo().path("one"));
    for name in ["run.json", "defectdojo.json"] {
        let mut values = Values::default();
        let text = demo().read(&format!("one/{name}"));
        values.json("", &serde_json::from_str(&text).unwrap(), &masks);
        insta::assert_snapshot!(format!("demo-{name}"), values.page());
    }
    for name in ["run.jsonl", "facts.jsonl"] {
        let mut values = Values::default();
        for line in demo().read(&format!("one/{name}")).lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let kind = value["type"].as_str().unwrap_or_default().to_owned();
            values.json(&kind, &value, &masks);
        }
        insta::assert_snapshot!(format!("demo-{name}"), values.page());
    }
}

#[test]
fn the_bills_of_material_of_the_demo() {
    let desk = demo();
    let masks = Masks::of(&desk.path("one"));
    let mut names = Vec::new();
    collect(&desk.path("one"), "", &mut names);
    names.retain(|name| name.ends_with(".cdx.json"));
    names.sort();
    let mut values = Values::default();
    for name in &names {
        let text = desk.read(&format!("one/{name}"));
        values.json("", &serde_json::from_str(&text).unwrap(), &masks);
    }
    let page = format!("{}\n\n{}", names.join("\n"), values.page());
    insta::assert_snapshot!("demo-cyclonedx", page);
}

#[test]
fn the_sweep_of_the_demo_in_the_words_of_nmap() {
    let text = read("nmap.xml");
    let mut values = Values::default();
    values.xml(&text, &[], &Masks::of(&demo().path("one")));
    let head: Vec<&str> = text.lines().take(20).collect();
    let page = format!("{}\n\n{}", head.join("\n"), values.page());
    insta::assert_snapshot!("demo-nmap", page);
}

#[test]
fn the_page_of_the_demo_as_a_person_reads_it() {
    let html = read("underdesk.html");
    let page = page::text(&html);
    // It is there where a short sweep had time for any.
    let is_loss = |line: &&str| line.contains("questions to hosts known to live");
    let lines: Vec<&str> = page.lines().filter(|line| !is_loss(line)).collect();
    let mut page = lines.join("\n") + "\n";
    let (_, data) = html.split_once("id=\"data\">").unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    let mut values = Values::default();
    let data = serde_json::from_str(data).unwrap();
    values.json("", &data, &Masks::of(&demo().path("one")));
    write!(page, "\n\n## What its script reads\n{}", values.page()).unwrap();
    insta::assert_snapshot!("demo-html", page);
}

#[test]
fn the_workbook_of_the_demo() {
    let folder = demo().path("one");
    let bytes = fs::read(folder.join("underdesk.xlsx")).unwrap();
    insta::assert_snapshot!("demo-xlsx", book::text(&bytes, &Masks::of(&folder)));
}

/// A table: its columns, its first rows, and the first row with something in a column that was empty before it.
fn told(table: &Table, masks: &Masks) -> String {
    let mut values = Values::default();
    for (at, column) in table.header.iter().enumerate() {
        for row in &table.rows {
            values.add(column, &masks.named(column, &row[at]));
        }
        if table.rows.is_empty() {
            values.expect(column);
        }
    }
    let mut page = values.page();
    let mut shown = vec![false; table.header.len()];
    let is_filled = |cell: &String| !["", "unknown"].contains(&cell.as_str());
    for (number, row) in table.rows.iter().enumerate() {
        let mut is_new = false;
        for (cell, shown) in row.iter().zip(&mut shown) {
            is_new |= is_filled(cell) && !*shown;
            *shown |= is_filled(cell);
        }
        if number < ROWS || is_new {
            let cells = table.header.iter().zip(row);
            let cells = cells.map(|(column, cell)| masks.named(column, cell));
            let cells: Vec<String> = cells
                .map(|cell| cell.chars().take(CELL).collect())
                .collect();
            writeln!(page, "{}: {}", number + 1, cells.join(" | ")).unwrap();
        }
    }
    page
}

/// The files of a folder and of those in it, by what the manifest calls them.
fn collect(folder: &Path, before: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{before}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}

fn manifest(folder: &Path) -> serde_json::Value {
    let text = fs::read(folder.join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}
