//! The files of the demo's run: that two exports of it are the same bytes in every format that there is, and what
//! they look like, without what no two demos have in common.

use super::support::{Desk, Table, tables};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use underdesk::report::EXPORTERS;

/// How many rows of a table, and characters of a cell, a snapshot shows.
const ROWS: usize = 20;
const CELL: usize = 200;

#[test]
fn two_exports_of_a_run_are_the_same_bytes_in_every_format() {
    let desk = Desk::without_catalog();
    desk.expect(0, "demo --out demo");
    let formats: Vec<&str> = EXPORTERS.iter().map(|one| one.format()).collect();
    for folder in ["one", "two"] {
        let words = format!(
            "--store demo/operator/underdesk.db export --format {} --out {folder}",
            formats.join(",")
        );
        // A host of the demo shows another key than before.
        desk.expect(6, &words);
    }
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
}

#[test]
fn the_files_of_the_demo() {
    let desk = Desk::without_catalog();
    desk.expect(0, "demo --out demo");
    let folder = desk.path("demo");
    let ports = ports(&Table::open(&folder.join("access.csv")));
    let mut page = String::new();
    for table in tables(&folder) {
        // How machines stand to lists depends on the day.
        if ["unmanaged.csv", "subnets.csv", "lists.csv", "drift.csv"].contains(&table.name.as_str())
        {
            continue;
        }
        writeln!(page, "## {}: {} rows", table.name, table.rows.len()).unwrap();
        for column in &table.header {
            page.push_str(column);
            page.push(if Some(column) == table.header.last() {
                '\n'
            } else {
                ','
            });
        }
        for row in table.rows.iter().take(ROWS) {
            page.push_str(&masked(&table, row, &ports));
        }
        page.push('\n');
    }
    insta::assert_snapshot!("demo-csv", page);
    insta::assert_snapshot!("demo-manifest", shape(&manifest(&folder)));
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

/// The ports that the demo's hosts listen at, which are others every time, with their protocols.
fn ports(access: &Table) -> Vec<(String, String)> {
    let rows = access.rows.iter();
    let ports = rows.map(|row| {
        let port = access.cell(row, "port").to_owned();
        (port, format!("[{}]", access.cell(row, "protocol")))
    });
    let mut ports: Vec<_> = ports.filter(|(port, _)| port.len() == 5).collect();
    ports.sort();
    ports.dedup();
    ports
}

/// A row without what depends on the moment.
fn masked(table: &Table, row: &[String], ports: &[(String, String)]) -> String {
    let cells = table.header.iter().zip(row).map(|(column, cell)| {
        let depends = [
            "run_id",
            "ms",
            "clock_skew_s",
            "days_left",
            "due_date",
            "rank",
            "managed_state",
            "managed_reason",
            "first_seen_date",
            "first_run_id",
            "lists",
            "suggestion",
            "overdue_count",
            "usual_hours",
            "seen_evidence",
        ];
        if depends.contains(&column.as_str()) || column.ends_with("_utc") {
            return if cell.is_empty() { "" } else { "*" }.to_owned();
        }
        let mut text = cell.chars().take(CELL).collect::<String>();
        for (port, name) in ports {
            text = text.replace(port.as_str(), name);
        }
        text
    });
    cells.collect::<Vec<_>>().join(" | ") + "\n"
}

/// The names of a document, with the sort of each value; of lists the first.
fn shape(value: &serde_json::Value) -> String {
    let mut text = String::new();
    push_shape(value, 0, &mut text);
    text
}

fn push_shape(value: &serde_json::Value, depth: usize, text: &mut String) {
    use serde_json::Value;
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "number",
                    Value::String(_) => "text",
                    Value::Array(_) => "list",
                    Value::Object(_) => "object",
                };
                writeln!(text, "{indent}{name}: {kind}").unwrap();
                push_shape(value, depth + 1, text);
            }
        }
        Value::Array(items) => items
            .first()
            .into_iter()
            .for_each(|item| push_shape(item, depth, text)),
        _ => {}
    }
}
