//! The workbook, as another program reads it.

use super::super::column::Kind;
use super::super::sample::{self, Memory, Run, finding, read, unread};
use super::super::tables::{self, TABLES};
use super::super::{Destination, FileEntry, Options, export};
use super::{Bounds, NAME, write_within};
use crate::model::{Epss, FindingState, MachineId, RunState};
use calamine::{Data, DataType as _, Range, Reader as _, Xlsx};
use std::io::{Cursor, Read as _};

const HOSTILE: &[&str] = &[
    "=cmd|' /C calc'!A0",
    "line\r\nbreak\u{1b}[2J",
    "\u{202e}txt.exe\u{ffff}",
    "＝HYPERLINK(\"http://x\",\"y\")",
    "-5",
    "https://example.org/?q=<a href=\"x\">&amp;",
    "javascript:alert(1)",
    "CVE-2024-1\"/><x",
    "internal:'machines'!A1",
    "file:///etc/passwd",
    "plain",
];

fn hostile() -> Run {
    let texts: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).collect();
    sample::filled(&texts)
}

/// Some machines of three findings each, and one that was not read.
fn fleet(machines: u8) -> Run {
    let mut all: Vec<_> = (1..=machines)
        .map(|number| {
            let mut late = finding("zlib", "CVE-2023-45853", FindingState::WontFix);
            (late.cvss_tenths, late.epss) = (None, Some(Epss(97_565)));
            let findings = vec![
                finding("openssl", "DSA-5532-1", FindingState::Missing),
                late,
                finding("bash", "our own", FindingState::Missing),
            ];
            let name = format!("web-{number}");
            let mut machine = read(&format!("10.0.2.{number}"), &name, findings);
            machine.id = MachineId::new(format!("m-{number}"));
            machine
        })
        .collect();
    all.push(unread("10.0.10.1"));
    sample::run(all)
}

fn folder() -> Options {
    Options::default()
}

fn written(run: &Run, bounds: Bounds) -> (Vec<u8>, FileEntry) {
    let mut memory = Memory::default();
    let mut written = write_within(bounds, run, &folder(), &mut memory).unwrap();
    (memory.bytes(NAME), written.files.remove(0))
}

fn book(bytes: &[u8]) -> Xlsx<Cursor<&[u8]>> {
    Xlsx::new(Cursor::new(bytes)).unwrap()
}

fn sheet(bytes: &[u8], name: &str) -> Range<Data> {
    book(bytes).worksheet_range(name).unwrap()
}

fn at(sheet: &Range<Data>, row: u32, column: &str) -> Data {
    let header = sheet.rows().next().unwrap();
    let place = header.iter().position(|cell| *cell == column).unwrap();
    let value = sheet.get_value((row, u32::try_from(place).unwrap()));
    value.cloned().unwrap_or(Data::Empty)
}

/// A part of the archive as text; the sheets are numbered in their order.
fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    let mut part = archive.by_name(name).unwrap();
    part.read_to_string(&mut text).unwrap();
    text
}

fn parts(bytes: &[u8]) -> Vec<String> {
    let archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect()
}

fn xml_of(bytes: &[u8], name: &str) -> String {
    let names = book(bytes).sheet_names();
    let number = names.iter().position(|one| one == name).unwrap() + 1;
    part(bytes, &format!("xl/worksheets/sheet{number}.xml"))
}

#[test]
fn every_table_has_its_sheet_between_the_summary_and_the_dictionary() {
    let run = fleet(2);
    let (bytes, entry) = written(&run, Bounds::EXCEL);
    let names = book(&bytes).sheet_names();
    assert_eq!(
        names[..4],
        ["summary", "findings", "machines", "remediation"]
    );
    assert_eq!(names.last().unwrap(), "dictionary");
    let wanted: Vec<_> = TABLES
        .iter()
        .filter(|table| table.name != "verify")
        .collect();
    assert_eq!(names.len(), wanted.len() + 2);
    let mut rows = 0;
    let dictionary = sheet(&bytes, "dictionary");
    let told: Vec<(String, String)> = dictionary
        .rows()
        .skip(1)
        .map(|row| (row[0].to_string(), row[1].to_string()))
        .collect();
    for table in &wanted {
        let sheet = sheet(&bytes, table.name);
        let header: Vec<String> = sheet
            .rows()
            .next()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        assert_eq!(header, columns, "{}", table.name);
        rows += sheet.height() - 1;
        for column in columns {
            let one = (table.name.to_owned(), column.to_owned());
            assert!(told.contains(&one), "{one:?}");
        }
    }
    assert_eq!(entry.rows, rows as u64);
    assert_eq!(entry.bytes, bytes.len() as u64);
    let columns: usize = wanted.iter().map(|table| table.columns.len()).sum();
    assert_eq!(told.len(), columns);
}

#[test]
fn every_cell_is_of_the_type_that_its_column_says() {
    let run = fleet(2);
    let (bytes, _) = written(&run, Bounds::EXCEL);
    let mut seen = std::collections::BTreeSet::new();
    for table in TABLES.iter().filter(|table| table.name != "verify") {
        let sheet = sheet(&bytes, table.name);
        for row in sheet.rows().skip(1) {
            for (cell, column) in row.iter().zip(table.columns) {
                if cell.is_empty() || *cell == "unknown" {
                    continue;
                }
                seen.insert(column.kind);
                let fits = match column.kind {
                    Kind::Text | Kind::List | Kind::Address => cell.is_string(),
                    Kind::Flag => *cell == "yes" || *cell == "no",
                    Kind::Day | Kind::Time => cell.is_datetime(),
                    _ => cell.is_float() || cell.is_int(),
                };
                assert!(fits, "{} {} {cell:?}", table.name, column.name);
            }
        }
    }
    let all = [
        Kind::Text,
        Kind::List,
        Kind::Count,
        Kind::Tenths,
        Kind::Probability,
        Kind::Percent,
        Kind::Flag,
        Kind::Day,
        Kind::Time,
        Kind::Address,
    ];
    for kind in all {
        assert!(seen.contains(&kind), "{kind:?}");
    }
}

#[test]
fn cells_say_what_the_other_formats_say() {
    let (bytes, _) = written(&fleet(1), Bounds::EXCEL);
    let findings = sheet(&bytes, "findings");
    let row = |column| at(&findings, 2, column);
    assert_eq!(row("cvss"), Data::Float(7.5));
    assert_eq!(at(&findings, 3, "cvss"), Data::Empty);
    assert_eq!(at(&findings, 3, "epss"), Data::Float(0.97565));
    assert_eq!(row("kev"), Data::String("no".to_owned()));
    let machines = sheet(&bytes, "machines");
    let seen = at(&machines, 1, "last_seen_utc");
    let Data::DateTime(seen) = seen else {
        panic!("{seen:?}")
    };
    let (year, month, day, hour, minute, second, _) = seen.to_ymd_hms_milli();
    let said = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    assert_eq!(said, fleet(1).machines[0].last_seen.to_string());
    // What was not read is not nothing.
    assert_eq!(at(&machines, 2, "missing_count"), "unknown");
    assert_eq!(at(&machines, 1, "build"), Data::Empty);
}

#[test]
fn what_hosts_say_is_text_and_nothing_else() {
    let run = hostile();
    let (bytes, _) = written(&run, Bounds::EXCEL);
    for name in parts(&bytes) {
        let text = part(&bytes, &name);
        let controls = text
            .chars()
            .filter(|c| c.is_control() && !matches!(c, '\n' | '\r'));
        assert_eq!(controls.count(), 0, "{name}");
        assert!(!text.contains(['\u{202e}', '\u{ffff}']), "{name}");
        if name.starts_with("xl/worksheets/sheet") {
            assert!(!text.contains("<f>") && !text.contains("<f "), "{name}");
        }
        if name.contains("_rels") {
            for hostile in ["example.org", "javascript", "passwd", "1%22"] {
                assert!(!text.contains(hostile), "{name}: {hostile}");
            }
        }
    }
    let mut texts = std::collections::BTreeSet::new();
    for (_, sheet) in book(&bytes).worksheets() {
        texts.extend(sheet.used_cells().map(|(_, _, cell)| cell.to_string()));
    }
    for shown in [
        "=cmd|' /C calc'!A0",
        "line⏎break␛[2J",
        "<U+202E>txt.exe<U+FFFF>",
        "＝HYPERLINK(\"http://x\",\"y\")",
        "-5",
        "https://example.org/?q=<a href=\"x\">&amp;",
    ] {
        assert!(texts.contains(shown), "{shown}");
    }
}

#[test]
fn text_that_reads_like_a_formula_stays_text_when_it_is_edited() {
    let (bytes, _) = written(&hostile(), Bounds::EXCEL);
    let styles = part(&bytes, "xl/styles.xml");
    let formats: Vec<&str> = styles
        .split("<cellXfs")
        .nth(1)
        .unwrap()
        .split("<xf ")
        .skip(1)
        .collect();
    let mut guarded = 0;
    for name in book(&bytes).sheet_names() {
        let xml = xml_of(&bytes, &name);
        for cell in xml
            .split("<c ")
            .skip(1)
            .filter(|cell| cell.contains("<t>=cmd"))
        {
            let style = cell
                .split("s=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            let format = formats[style.parse::<usize>().unwrap()];
            assert!(
                format.contains("quotePrefix=\"1\""),
                "{name}: {cell} {format}"
            );
            guarded += 1;
        }
    }
    assert!(guarded > 5, "{guarded}");
}

#[test]
fn a_long_text_is_cut_where_a_cell_ends() {
    let mut run = fleet(1);
    let findings = std::sync::Arc::make_mut(&mut run.machines[0].findings);
    findings[0].title = "Ä".repeat(40_000);
    let (bytes, _) = written(&run, Bounds::EXCEL);
    let findings = sheet(&bytes, "findings");
    let titles = (1..4).map(|row| at(&findings, row, "title").to_string());
    let long = titles.max_by_key(String::len).unwrap();
    assert_eq!(long.encode_utf16().count(), 30_000);
    assert!(long.ends_with("…[cut]"));
}

#[test]
fn a_bulletin_leads_to_its_publisher_and_a_finding_to_its_machine() {
    let (bytes, _) = written(&fleet(3), Bounds::EXCEL);
    let names = book(&bytes).sheet_names();
    let number = names.iter().position(|one| one == "findings").unwrap() + 1;
    let pages = part(
        &bytes,
        &format!("xl/worksheets/_rels/sheet{number}.xml.rels"),
    );
    assert!(pages.contains("https://security-tracker.debian.org/tracker/DSA-5532-1"));
    assert!(pages.contains("https://www.cve.org/CVERecord?id=CVE-2023-45853"));
    let xml = xml_of(&bytes, "findings");
    let (findings, machines) = (sheet(&bytes, "findings"), sheet(&bytes, "machines"));
    let mut followed = 0;
    for link in xml.split("<hyperlink ").skip(1) {
        let word = |name: &str| {
            let rest = link.split(&format!("{name}=\"")).nth(1)?;
            rest.split('"').next().map(str::to_owned)
        };
        let Some(location) = word("location") else {
            continue;
        };
        let row = |place: &str| {
            place
                .trim_start_matches(|c: char| !c.is_ascii_digit())
                .parse::<u32>()
                .unwrap()
        };
        let to = row(location.split_once('!').unwrap().1);
        let from = row(&word("ref").unwrap());
        assert!(location.starts_with("machines!") || location.starts_with("'machines'!"));
        assert_eq!(
            at(&findings, from - 1, "machine_id"),
            at(&machines, to - 1, "machine_id")
        );
        followed += 1;
    }
    assert_eq!(followed, 9);
}

#[test]
fn what_a_sheet_does_not_take_goes_on_in_the_next() {
    let bounds = Bounds {
        rows: 4,
        links: 5,
        links_elsewhere: 2,
    };
    let run = fleet(5);
    let (bytes, entry) = written(&run, bounds);
    let whole = written(&run, Bounds::EXCEL).1;
    assert_eq!(entry.rows, whole.rows);
    let names = book(&bytes).sheet_names();
    let place = names.iter().position(|name| name == "findings").unwrap();
    assert_eq!(
        names[place..place + 5],
        [
            "findings",
            "findings 2",
            "findings 3",
            "findings 4",
            "machines"
        ]
    );
    let mut ids = Vec::new();
    for name in &names[place..place + 4] {
        let sheet = sheet(&bytes, name);
        assert_eq!(sheet.rows().next().unwrap()[0], "run_id", "{name}");
        assert!(sheet.height() <= 5, "{name}");
        ids.extend(
            (1..u32::try_from(sheet.height()).unwrap())
                .map(|row| at(&sheet, row, "finding_id").to_string()),
        );
    }
    let all: Vec<String> = {
        let bytes = written(&run, Bounds::EXCEL).0;
        let sheet = sheet(&bytes, "findings");
        (1..16)
            .map(|row| at(&sheet, row, "finding_id").to_string())
            .collect()
    };
    assert_eq!(ids, all);
    for table in TABLES
        .iter()
        .filter(|table| names.contains(&table.name.to_owned()))
    {
        let own = names
            .iter()
            .filter(|name| name.split(' ').next() == Some(table.name));
        let links: usize = own
            .map(|name| xml_of(&bytes, name).matches("<hyperlink ").count())
            .sum();
        let most = if table.name == "findings" { 5 } else { 2 };
        assert!(links <= most, "{}: {links}", table.name);
        assert!(links == most || !["findings", "findings_cve"].contains(&table.name));
    }
    // The fifth machine is in the second sheet of machines, and its findings lead there.
    assert_eq!(at(&sheet(&bytes, "machines 2"), 1, "machine_id"), "m-5");
}

#[test]
fn the_same_run_gives_the_same_bytes_whenever() {
    for run in [fleet(3), hostile()] {
        let once = written(&run, Bounds::EXCEL).0;
        assert_eq!(once, written(&run, Bounds::EXCEL).0);
        let core = part(&once, "docProps/core.xml");
        assert!(
            core.contains("2026-11-22T18:02:00Z</dcterms:created>"),
            "{core}"
        );
        assert!(
            core.contains("2026-11-22T18:02:00Z</dcterms:modified>"),
            "{core}"
        );
    }
}

fn summary(bytes: &[u8]) -> String {
    let sheet = sheet(bytes, "summary");
    let rows = sheet.rows().map(|row| {
        let cells = row
            .iter()
            .filter(|cell| !cell.is_empty())
            .map(ToString::to_string);
        cells.collect::<Vec<_>>().join(" | ")
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_sheet_says_that_the_catalogue_was_out_of_date_when_it_came() {
    let mut run = fleet(1);
    run.summary.catalog_feed = "newest record of osv Debian".to_owned();
    let (bytes, _) = written(&run, Bounds::EXCEL);
    let text = summary(&bytes);
    let words = "osv Debian: newest record 2026-11-01, 21 days before this run: what came later is not known";
    for line in [
        format!("The catalogue is out of date: {words}."),
        format!("catalogue | {words}"),
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
}

#[test]
fn the_summary_tells_what_was_covered_then_what_was_found_then_what_to_do() {
    let (bytes, _) = written(&fleet(3), Bounds::EXCEL);
    let text = summary(&bytes);
    let places = [
        "The run",
        "Coverage",
        "Findings",
        "What to do next",
        "Sheets",
    ]
    .map(|section| text.find(&format!("\n{section}\n")).expect(section));
    assert!(places.is_sorted(), "{text}");
    for line in [
        "site | default",
        "catalogue | imported 2026-11-01, 21 days before the run",
        "addresses in scope | 508",
        "    answered | 3",
        "machines | 4",
        "read | 3",
        "not read | 1 | nothing is known of their updates",
        "high | 6 | 0 | 3 | 0 | 0 | 9 | 0",
        "to install | 6 | on 3 of 3 machines that were read",
        "findings | 9 | one row per machine and update or bulletin, open and undecided; closed ones with --all",
    ] {
        assert!(text.contains(&format!("\n{line}")), "{line}\n{text}");
    }
    let charts = parts(&bytes)
        .iter()
        .filter(|name| name.starts_with("xl/charts/chart"))
        .count();
    assert_eq!(charts, 2);
}

#[test]
fn a_run_that_is_not_complete_says_so_at_the_top_and_how_to_go_on_first() {
    let mut run = fleet(3);
    assert!(!summary(&written(&run, Bounds::EXCEL).0).contains("Not complete"));
    run.summary.state = RunState::CutOff;
    let (bytes, _) = written(&run, Bounds::EXCEL);
    let text = summary(&bytes);
    let warning = text
        .lines()
        .position(|line| line.starts_with("Not complete: "));
    assert!(warning.is_some_and(|at| at < 4), "{text}");
    let first = text.find("underdesk scan --resume").expect("how to go on");
    let other = text.find("Install ").unwrap_or(text.len());
    assert!(first < other, "{text}");
}

#[test]
fn a_run_that_read_nothing_states_nothing() {
    let run = sample::run(vec![unread("10.0.2.1")]);
    let (bytes, _) = written(&run, Bounds::EXCEL);
    let text = summary(&bytes);
    assert!(
        text.contains("None can be stated: no machine was read."),
        "{text}"
    );
    for claim in [
        "\nto install",
        "\ncritical",
        "\noverdue",
        "known to be exploited",
    ] {
        assert!(!text.contains(claim), "{claim}\n{text}");
    }
    let charts = parts(&bytes)
        .iter()
        .filter(|name| name.starts_with("xl/charts/chart"))
        .count();
    assert_eq!(charts, 1, "only machines by outcome");
}

#[test]
fn one_table_and_standard_output_get_a_workbook_too() {
    let options = Options {
        table: Some("machines".to_owned()),
        destination: Destination::Stdout,
        ..Options::default()
    };
    let mut memory = Memory::default();
    export(&fleet(1), &["xlsx"], &options, &mut memory).unwrap();
    assert_eq!(memory.names(), [NAME]);
    let bytes = memory.bytes(NAME);
    assert_eq!(
        book(&bytes).sheet_names(),
        ["summary", "machines", "dictionary"]
    );
    assert!(!summary(&bytes).contains("by my severity"));
}

#[test]
fn days_before_excel_counts_them_right_are_text() {
    use super::super::cell::Cell;
    use super::cells::Pen;
    use super::look::Look;
    let look = Look::new();
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    let mut pen = Pen::new();
    let cells = [
        Cell::Day(sample::day("1900-02-28")),
        Cell::Day(sample::day("1900-03-01")),
        Cell::Day(sample::day("9999-12-31")),
        Cell::Count(u128::from(u64::MAX)),
        Cell::Signed(-5),
        Cell::Percent(f64::NAN),
    ];
    for (row, cell) in (0u32..).zip(&cells) {
        pen.put((&mut *sheet, &look), (row, 0), cell).unwrap();
    }
    let bytes = workbook.save_to_buffer().unwrap();
    let sheet = self::sheet(&bytes, "Sheet1");
    let values: Vec<Data> = sheet.rows().map(|row| row[0].clone()).collect();
    let text = |text: &str| Data::String(text.to_owned());
    let wanted = [
        text("1900-02-28"),
        Data::Float(61.0),
        Data::Float(2_958_465.0),
        text("18446744073709551615"),
        Data::Float(-5.0),
        text("unknown"),
    ];
    assert_eq!(values, wanted);
}

#[test]
fn every_row_is_in_the_workbook_that_the_tables_have() {
    let run = hostile();
    let chosen = tables::chosen(None, &run).unwrap();
    let mut rows = 0;
    tables::each_row(&run, &folder(), &chosen, &mut |_, _| {
        rows += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(written(&run, Bounds::EXCEL).1.rows, rows);
}
