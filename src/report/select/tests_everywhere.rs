//! A part of a run in every format: what was not asked for is in no document, and each says that it is a part.

use super::super::sample::{self, Memory, Run, finding, read, unread};
use super::super::tests::{exported, plain};
use super::super::{EXPORTERS, Options, ReportSource};
use crate::model::{
    CoverageRow, FindingState, MachineRecord, RunId, RunSummary, Selection, Severity, TrendPoint,
    TrendSums, UtcTime,
};
use calamine::{Data, Reader as _, Xlsx};
use std::io::{self, Cursor};

const ASKED: &str = "CVE-2026-1111";
const OTHER: &str = "CVE-2026-2222";

/// Two machines with what is asked for, of which one has something worse besides; one that has only that; one that
/// nobody read.
fn run() -> Run {
    let asked = finding("openssl", ASKED, FindingState::Missing);
    let mut other = finding("glibc", OTHER, FindingState::Missing);
    (other.severity, other.kev) = (Some(Severity::Critical), vec![OTHER.to_owned()]);
    let mut blind = unread("10.0.1.6");
    blind.target_name = Some("blind-1".to_owned());
    sample::run(vec![
        read("10.0.0.1", "kept-1", vec![asked.clone(), other.clone()]),
        read("10.0.0.2", "left-out", vec![other]),
        read("10.0.0.3", "kept-2", vec![asked]),
        blind,
    ])
}

fn part() -> Options {
    Options {
        selection: Selection {
            bulletins: vec![ASKED.to_owned()],
            ..Selection::default()
        },
        ..plain()
    }
}

fn is_book(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end == "xlsx")
}

/// The rows of every sheet of a workbook.
fn book(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut book = Xlsx::new(Cursor::new(bytes)).unwrap();
    let sheets = book.worksheets().into_iter();
    let rows = sheets.flat_map(|(_, sheet)| {
        let rows = sheet.rows().map(|row| row.iter().map(Data::to_string));
        rows.map(Iterator::collect).collect::<Vec<Vec<String>>>()
    });
    rows.collect()
}

/// Every document of a format as text.
fn texts(memory: &Memory) -> Vec<(String, String)> {
    let names = memory.names().into_iter();
    let texts = names.map(|name| {
        let text = if is_book(&name) {
            let rows = book(&memory.bytes(&name)).into_iter();
            rows.map(|row| row.join("\t") + "\n").collect()
        } else {
            memory.text(&name)
        };
        (name, text)
    });
    texts.collect()
}

#[test]
fn no_format_shows_what_was_not_asked_for_and_each_says_that_it_is_a_part() {
    let run = run();
    for exporter in EXPORTERS {
        let format = exporter.format();
        let (memory, written) = exported(&run, &[format], &part());
        assert_eq!(
            written.counts.machines, 4,
            "{format}: how a run ends is of all of it"
        );
        let documents = texts(&memory);
        for (name, text) in &documents {
            for other in [OTHER, "glibc", "left-out"] {
                assert!(!text.contains(other), "{format}: {name} has {other}");
            }
        }
        let own = documents.iter().filter(|(name, _)| name != "manifest.json");
        let own: Vec<&(String, String)> = own.collect();
        assert!(!own.is_empty(), "{format}");
        if !["csv", "facts"].contains(&format) {
            for (name, text) in &own {
                assert!(
                    text.contains(&format!("--bulletin {ASKED}")),
                    "{format}: {name}"
                );
            }
        }
        let has = |wanted: &str| own.iter().any(|(_, text)| text.contains(wanted));
        assert!(has("kept-1") || format == "nmap", "{format}");
        let shows_blind = !["cyclonedx", "defectdojo", "facts"].contains(&format);
        assert_eq!(has("blind-1"), shows_blind, "{format}");

        // All of it has the rest as well, and calls nothing a part.
        let (whole, _) = exported(&run, &[format], &plain());
        let whole = texts(&whole);
        let has = |wanted: &str| whole.iter().any(|(_, text)| text.contains(wanted));
        assert!(has("left-out") || format == "nmap", "{format}");
        assert!(!has("--bulletin") && !has("Part of the run"), "{format}");
    }
}

#[test]
fn figures_are_of_what_was_asked_for_and_of_all_machines_that_could_have_it() {
    let run = run();
    let (memory, _) = exported(&run, &["html", "xlsx", "nmap", "csv"], &part());
    let page = memory.text("underdesk.html");
    let notice = page
        .split("id=\"part\"")
        .nth(1)
        .unwrap()
        .split("</div>")
        .next()
        .unwrap();
    assert!(
        notice.contains("2 findings on 2 machines; 3 machines read, 1 of 4 not assessed"),
        "{notice}"
    );
    assert!(page.contains("on 2 of 3 machines"), "missing updates");
    assert!(page.contains("\"findings\":2,\"machines\":4,\"not_assessed\":1"));
    assert!(!page.contains("sev critical\">critical</span></th><td class=\"n\">1"));

    let rows = book(&memory.bytes("underdesk.xlsx"));
    let row = |label: &str| rows.iter().find(|row| row[0] == label).unwrap();
    assert!(
        rows.iter()
            .any(|row| row[0] == format!("Part of the run: --bulletin {ASKED}"))
    );
    assert!(row("comes to")[1].contains("1 of 4 not assessed"));
    let sums = |label: &str| {
        row(label)[1..8]
            .iter()
            .map(|cell| cell.parse().unwrap())
            .collect::<Vec<u8>>()
    };
    assert_eq!(sums("critical"), [0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(sums("high"), [2, 0, 0, 0, 0, 2, 0]);
    assert_eq!(
        row("to install")[1..3],
        ["2", "on 2 of 3 machines that were read"]
    );
    assert_eq!(row("machines asked about")[1], "4");
    assert_eq!(row("read")[1], "3");
    assert!(!row("known to be exploited")[1].starts_with('1'));
    // What was covered is whole, in the workbook and beside it.
    assert_eq!(row("addresses in scope")[1], "508");
    let (whole, _) = exported(&run, &["csv"], &plain());
    assert_eq!(memory.text("coverage.csv"), whole.text("coverage.csv"));
    // Of the addresses that answered none is down because it was not asked for.
    let hosts = "<hosts up=\"3\" down=\"497\" total=\"500\"/>";
    assert!(memory.text("nmap.xml").contains(hosts));
}

#[test]
fn where_nobody_has_it_the_machines_that_were_read_still_count() {
    let mut nothing = part();
    nothing.selection.bulletins = vec!["CVE-2026-3333".to_owned()];
    let (memory, _) = exported(&run(), &["html", "xlsx"], &nothing);
    let page = memory.text("underdesk.html");
    assert!(page.contains("CVE-2026-3333: no finding on any of 3 machines"));
    assert!(!page.contains("None can be stated") && !page.contains("was read. What is missing"));
    let rows = book(&memory.bytes("underdesk.xlsx"));
    assert!(
        rows.iter()
            .any(|row| row[0] == "to install" && row[1] == "0")
    );
    assert!(
        !rows
            .iter()
            .any(|row| row[0].starts_with("None can be stated"))
    );
}

#[test]
fn json_has_the_columns_that_are_asked_for() {
    let options = Options {
        table: Some("machines,findings".to_owned()),
        columns: ["rank", "hostname", "os_name"].map(str::to_owned).to_vec(),
        ..part()
    };
    let (memory, _) = exported(&run(), &["json"], &options);
    let text = memory.text("run.json");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let machines = document["machines"].as_array().unwrap();
    let first = machines[0].as_object().unwrap();
    let names: Vec<&String> = first.keys().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(first["hostname"], "kept-1");
    assert_eq!(
        first["findings"].to_string(),
        "[{\"hostname\":\"kept-1\",\"rank\":null}]"
    );
    assert!(
        text.contains("{\"rank\":null,\"hostname\":\"kept-1\"}"),
        "in the order asked for"
    );
    assert_eq!(machines[2]["findings"].as_array().unwrap().len(), 0);
}

/// A run with one before it.
struct Second(Run, Vec<TrendPoint>);

impl ReportSource for Second {
    fn run(&self) -> &RunSummary {
        self.0.run()
    }

    fn coverage(&self) -> &[CoverageRow] {
        self.0.coverage()
    }

    fn machines(&self, visit: &mut dyn FnMut(&MachineRecord) -> io::Result<()>) -> io::Result<()> {
        self.0.machines(visit)
    }

    fn trend(&self) -> &[TrendPoint] {
        &self.1
    }
}

#[test]
fn a_part_is_not_set_beside_whole_runs_and_the_page_says_so() {
    let point = |id: &str, day: &str| TrendPoint {
        run: RunId::new(id),
        started: UtcTime::parse(day).unwrap(),
        sums: Some(TrendSums {
            machines: 4321,
            ..TrendSums::default()
        }),
    };
    let points = vec![
        point("r-1", "2026-10-22T18:00:00Z"),
        point("r-2", "2026-11-22T18:00:00Z"),
    ];
    let source = Second(run(), points);
    let trend = |options: &Options| {
        let page = exported(&source, &["html"], options)
            .0
            .text("underdesk.html");
        let section = page.split("<section id=\"trend\"").nth(1).unwrap();
        section.split("</section>").next().unwrap().to_owned()
    };
    assert!(trend(&plain()).contains("4,321"));
    let said = trend(&part());
    assert!(said.contains("the trend is left out here"), "{said}");
    assert!(
        !said.contains("4,321") && !said.contains("no earlier"),
        "{said}"
    );
}
