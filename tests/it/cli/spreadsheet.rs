//! What is edited in a spreadsheet, and comes back.

use super::{NEW, OLD, desk, flags, network};
use crate::support::{Desk, Site, Table};
use std::fmt::Write as _;
use std::fs;

fn company(net: u8) -> Site {
    let old = format!("127.95.{net}.1");
    let new = format!("127.95.{net}.2");
    Site::serve(&network("spreadsheet", &[(&old, OLD), (&new, NEW)]))
}

fn findings(desk: &Desk, folder: &str) -> Table {
    Table::open(&desk.path(&format!("{folder}/findings.csv")))
}

/// The table as another program saves it: separated otherwise, in UTF-16, the days turned round.
fn saved(table: &Table, edit: impl Fn(&str, &str, &str) -> String) -> Vec<u8> {
    let mut text = table.header.join("\t");
    for row in &table.rows {
        let id = table.cell(row, "finding_id");
        let cells = table.header.iter().zip(row);
        let cells: Vec<String> = cells
            .map(|(column, cell)| format!("\"{}\"", edit(id, column, cell).replace('"', "\"\"")))
            .collect();
        write!(text, "\r\n{}", cells.join("\t")).unwrap();
    }
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    b"\xff\xfe".iter().copied().chain(units).collect()
}

/// Rows of a sheet, their cells as they are typed.
type Rows<'a> = &'a [&'a [&'a str]];

/// A workbook of these sheets.
#[expect(clippy::too_many_lines, reason = "its parts, one after the other")]
fn workbook(sheets: &[(&str, Rows<'_>)]) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let row = |row: &&[&str]| {
        let cells = row.iter().map(|cell| match cell.strip_prefix("day ") {
            Some(serial) => format!("<c s=\"1\"><v>{serial}</v></c>"),
            None => format!("<c t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
        });
        let cells: Vec<String> = cells.collect();
        format!("<row>{}</row>", cells.concat())
    };
    let (mut names, mut places) = (String::new(), String::new());
    let mut parts = Vec::new();
    for (number, (name, rows)) in sheets.iter().enumerate() {
        write!(
            names,
            "<sheet name=\"{name}\" sheetId=\"{0}\" r:id=\"s{0}\"/>",
            number + 1
        )
        .unwrap();
        write!(
            places,
            "<Relationship Id=\"s{0}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{0}.xml\"/>",
            number + 1
        )
        .unwrap();
        let rows: String = rows.iter().map(row).collect();
        parts.push((
            format!("xl/worksheets/sheet{}.xml", number + 1),
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    let others = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"{kind}.sheet.main+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{names}</sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\">{places}<Relationship Id=\"r3\" Type=\"{OFFICE}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\" applyNumberFormat=\"1\"/></cellXfs></styleSheet>"
            ),
        ),
    ];
    parts.extend(others.map(|(name, content)| (name.to_owned(), content)));
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        std::io::Write::write_all(&mut archive, content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn a_table_goes_out_is_edited_and_comes_back() {
    let site = company(1);
    let desk = desk(&site);
    desk.write("targets", "127.95.1.1 owner=ada\n127.95.1.2\n");
    desk.expect(0, &format!("scan @targets {} --out out", flags(&site)));
    let table = findings(&desk, "out");
    let missing = table.rows_where("state", "missing");
    let id = |place: usize| table.cell(missing[place], "finding_id").to_owned();
    let (one, two) = (id(0), id(1));
    assert_eq!(table.value(("finding_id", &one), "owner"), "ada");
    // Nobody edited it: nothing changes, in whichever dialect it was written.
    for dialect in ["default", "excel-eu", "plain"] {
        desk.expect(0, &format!("export --csv {dialect} --out {dialect}"));
        let ended = desk.expect(0, &format!("import {dialect}/findings.csv"));
        assert!(
            ended.err.contains("0 changes on 0 findings"),
            "{}",
            ended.err
        );
        assert_eq!(ended.out, "");
    }
    let from_book = |folder: &str| {
        desk.expect(0, &format!("export --format xlsx --out {folder}"));
        let ended = desk.expect(0, &format!("import {folder}/underdesk.xlsx"));
        assert!(ended.err.contains("sheet `findings`"), "{}", ended.err);
        assert!(
            ended.err.contains("0 changes on 0 findings"),
            "{}",
            ended.err
        );
    };
    from_book("book");
    // Account names were left out, and nobody deleted an owner.
    desk.expect(0, "export --no-users --out nobody");
    assert_eq!(
        findings(&desk, "nobody").value(("finding_id", &one), "owner"),
        "…"
    );
    let ended = desk.expect(0, "import nobody/findings.csv");
    assert!(ended.err.contains("0 changes"), "{}", ended.err);
    // Somebody edits two rows, and adds a column of his own.
    let edit = |id: &str, column: &str, cell: &str| match column {
        "owner" if id == one => "bob".to_owned(),
        "my_severity" if id == one => "low".to_owned(),
        "status" if id == two => "Accepted".to_owned(),
        "exception_until" if id == two => "31.12.2999".to_owned(),
        _ => cell.to_owned(),
    };
    fs::write(desk.path("edited.csv"), saved(&table, edit)).unwrap();
    // Why is not said yet, and one bad row is enough.
    let refused = desk.expect(2, "import edited.csv --yes").err;
    assert!(
        refused.contains("exception_until: an exception has a reason"),
        "{refused}"
    );
    assert!(refused.contains("nothing was changed"), "{refused}");
    let words = "import edited.csv --reason slow-vendor";
    let shown = desk.expect(0, &format!("{words} --dry-run"));
    assert!(
        shown.out.contains("bob") && shown.out.contains("2999-12-31"),
        "{}",
        shown.out
    );
    assert!(desk.expect(2, words).err.contains("--yes says so"));
    desk.expect(0, "export --out still");
    assert_eq!(
        desk.read("still/findings.csv"),
        desk.read("out/findings.csv")
    );
    let applied = desk.expect(0, &format!("{words} --yes")).err;
    assert!(
        applied.contains("4 changes applied: 1 exception granted, 0 taken back"),
        "{applied}"
    );
    desk.expect(0, "export --out second");
    let second = findings(&desk, "second");
    let cell = |id: &str, column: &str| second.value(("finding_id", id), column).to_owned();
    assert_eq!(cell(&one, "owner"), "bob");
    assert_eq!(cell(&one, "my_severity"), "low");
    assert_eq!(cell(&one, "policy_rule"), "spreadsheet");
    assert_eq!(cell(&two, "status"), "accepted");
    assert_eq!(cell(&two, "exception_until"), "2999-12-31");
    assert!(cell(&two, "exception_id").starts_with("e-"));
    // The workbook that has all this changes nothing, either.
    from_book("edited-book");
    // The same again changes nothing.
    let again = desk.expect(0, &format!("{words} --yes")).err;
    assert!(again.contains("nothing differs"), "{again}");
    desk.expect(0, "export --out third");
    assert_eq!(
        desk.read("third/findings.csv"),
        desk.read("second/findings.csv")
    );
    // What was written outlives the run, and is told.
    desk.expect(0, &format!("scan @targets {} --out next", flags(&site)));
    assert_eq!(
        findings(&desk, "next").value(("finding_id", &one), "owner"),
        "bob"
    );
    let told = desk.expect(
        0,
        &format!(
            "policy check --policy {} --explain 127.95.1.1",
            policy(&desk)
        ),
    );
    assert!(
        told.out
            .contains("a spreadsheet says low: written by tester"),
        "{}",
        told.out
    );
    // A workbook with only the columns that matter, a day as a workbook keeps it.
    let rows: &[&[&str]] = &[
        &["exception_until", "finding_id", "owner", "my_severity"],
        &["day 401769", &two, "ada", "high"],
        &["", &one, "", ""],
    ];
    fs::write(desk.path("book.xlsx"), workbook(&[("findings", rows)])).unwrap();
    let back = desk.expect(0, "import book.xlsx --yes");
    assert!(
        back.out.contains("(by the policy)"),
        "{}\n{}",
        back.out,
        back.err
    );
    desk.expect(0, "export --out last");
    let last = findings(&desk, "last");
    assert_eq!(last.value(("finding_id", &one), "owner"), "ada");
    assert_eq!(last.value(("finding_id", &one), "policy_rule"), "");
    assert_eq!(
        last.value(("finding_id", &two), "exception_until"),
        "3000-01-01"
    );
}

#[test]
fn a_table_that_goes_on_in_further_sheets_is_read_to_its_end() {
    let site = company(3);
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.95.3.1 {} --out out", flags(&site)));
    let table = findings(&desk, "out");
    let missing = table.rows_where("state", "missing");
    let id = |place: usize| table.cell(missing[place], "finding_id").to_owned();
    let (one, two, three) = (id(0), id(1), id(2));
    let header: &[&str] = &["finding_id", "owner", "status"];
    let first: Rows<'_> = &[header, &[&one, "ada", ""]];
    let second: Rows<'_> = &[header, &[&two, "bob", ""]];
    let third: Rows<'_> = &[header, &[&three, "eve", "wip"]];
    let notes: Rows<'_> = &[&["notes"], &["ask ada"]];
    // In whichever order somebody has put them.
    let sheets = [
        ("summary", notes),
        ("findings 2", second),
        ("findings", first),
        ("findings 3", third),
        ("notes 2", notes),
    ];
    fs::write(desk.path("book.xlsx"), workbook(&sheets)).unwrap();
    let refused = desk.expect(2, "import book.xlsx --yes").err;
    assert!(
        refused.contains("sheets `findings`, `findings 2`, `findings 3`, 3 rows"),
        "{refused}"
    );
    assert!(
        refused.contains("row 2 of part 3, status: `wip`"),
        "{refused}"
    );
    let applied = desk.expect(0, "import book.xlsx --yes --skip-bad");
    let told: Vec<&str> = applied.out.lines().skip(1).collect();
    assert!(
        told[0].starts_with("2 ") && told[0].contains("ada"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("2 of part 2 ") && told[1].contains("bob"),
        "{told:?}"
    );
    desk.expect(0, "export --out second");
    let after = findings(&desk, "second");
    assert_eq!(after.value(("finding_id", &one), "owner"), "ada");
    assert_eq!(after.value(("finding_id", &two), "owner"), "bob");
    // A sheet that cannot be what its name says is not passed over.
    let other: Rows<'_> = &[&["finding_id", "status"], &[&three, "done"]];
    for further in [other, notes] {
        let sheets = [("findings", first), ("findings 2", further)];
        fs::write(desk.path("other.xlsx"), workbook(&sheets)).unwrap();
        let refused = desk.expect(2, "import other.xlsx --yes").err;
        assert!(
            refused.contains("sheet `findings 2` goes on with what `findings` begins"),
            "{refused}"
        );
    }
}

fn policy(desk: &Desk) -> String {
    desk.write("empty.toml", "");
    "empty.toml".to_owned()
}

#[test]
fn what_cannot_be_understood_is_told_by_row_and_can_be_left_out() {
    let site = company(2);
    let desk = desk(&site);
    desk.expect(0, &format!("scan 127.95.2.1 {} --out out", flags(&site)));
    let table = findings(&desk, "out");
    let missing = table.rows_where("state", "missing");
    let id = |place: usize| table.cell(missing[place], "finding_id").to_owned();
    let (one, two) = (id(0), id(1));
    desk.write(
        "bad.csv",
        &format!("finding_id,status\n{one},done\n{two},wip\nf-0000000000000000,new\n"),
    );
    let ended = desk.expect(2, "import bad.csv --yes");
    for what in [
        "row 3, status: `wip` is no status",
        "row 4, finding_id:",
        "2 rows cannot be understood",
    ] {
        assert!(ended.err.contains(what), "{what}: {}", ended.err);
    }
    let ended = desk.expect(0, "import bad.csv --yes --skip-bad");
    assert!(ended.err.contains("1 change applied"), "{}", ended.err);
    assert!(
        ended.err.contains("done changes no verdict"),
        "{}",
        ended.err
    );
    // Files that are something else.
    desk.write("names.csv", "name,ip\na,b\n");
    let ended = desk.expect(2, "import names.csv").err;
    assert!(ended.contains("found: name,ip"), "{ended}");
    let refused = desk.expect(2, "import nowhere.csv").err;
    assert!(refused.contains("cannot read nowhere.csv"), "{refused}");
    desk.write(
        "other.csv",
        &format!("run_id,finding_id,status\nr-none,{one},new\n"),
    );
    let refused = desk.expect(2, "import other.csv").err;
    assert!(
        refused.contains("--run RUN compares with another"),
        "{refused}"
    );
    desk.expect(
        0,
        &format!("import other.csv --run {} --dry-run", desk.run_id()),
    );
    // A run of another store is taken as runs import does.
    let run = desk.run_id();
    desk.expect(0, &format!("runs export {run} branch.run"));
    let ended = desk.expect(0, "import branch.run").err;
    assert!(ended.contains("is here already"), "{ended}");
}
