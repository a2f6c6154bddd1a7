//! A workbook as a person meets it: its sheets in order, how they are set up, what their columns hold and how that
//! looks; charts, colours, links.

use super::masks::Masks;
use super::values::Values;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Read as _};

/// The rows of a sheet that are shown.
const ROWS: u32 = 3;
/// How many characters of a cell are shown of them.
const CELL: usize = 120;
/// The sheet that is no table is shown whole.
const WHOLE: &str = "summary";

/// The workbook in words.
pub(super) fn text(bytes: &[u8], masks: &Masks) -> String {
    let parts = parts(bytes);
    let (book, links) = (
        &parts["xl/workbook.xml"],
        &parts["xl/_rels/workbook.xml.rels"],
    );
    let places: BTreeMap<String, String> = elements(links, "Relationship")
        .into_iter()
        .map(|mut one| (one.remove("Id").unwrap(), one.remove("Target").unwrap()))
        .collect();
    let shared = strings(&parts["xl/sharedStrings.xml"]);
    let mut page = String::new();
    let mut rest = parts.clone();
    for mut sheet in elements(book, "sheet") {
        let place = format!("xl/{}", places[&sheet.remove("r:id").unwrap()]);
        let name = sheet.remove("name").unwrap();
        writeln!(page, "## sheet {name}").unwrap();
        let xml = rest.remove(&place).unwrap();
        page.push_str(&cells(&xml, &name, &shared, masks));
        let mut values = Values::default();
        values.xml(&xml, &["sheetData", "cols"], masks);
        page.push_str(&values.page());
        let rels = place.replace("worksheets/", "worksheets/_rels/") + ".rels";
        if let Some(rels) = rest.remove(&rels) {
            let mut values = Values::default();
            for link in elements(&rels, "Relationship") {
                values.add("leads to", &link["Target"]);
            }
            page.push_str(&values.page());
        }
        page.push('\n');
    }
    for (name, xml) in rest {
        // What is told with the sheets, and what the library writes by itself.
        let is_told = ["[Content_Types].xml", "xl/sharedStrings.xml"].contains(&name.as_str());
        let is_usual = [".rels", ".vml", "theme1.xml"];
        if is_told || is_usual.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        writeln!(page, "## {name}").unwrap();
        let mut values = Values::default();
        values.xml(&xml, &[], masks);
        page.push_str(&values.page());
        page.push('\n');
    }
    page
}

/// The parts of the archive as text.
fn parts(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut parts = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let (name, mut text) = (member.name().unwrap().into_owned(), String::new());
        member.read_to_string(&mut text).unwrap();
        parts.insert(name, text);
    }
    parts
}

/// The attributes of each element of a name.
fn elements(xml: &str, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut found = Vec::new();
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) if tag.name().as_ref() == name => {
                found.push(attributes(&tag));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn attributes(tag: &BytesStart<'_>) -> BTreeMap<String, String> {
    let all = tag.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        (
            attribute.key.as_ref().to_owned(),
            attribute.value.into_owned(),
        )
    });
    all.collect()
}

/// A cell: its style, its type, and what is in it.
struct Shown {
    column: String,
    row: u32,
    style: String,
    kind: String,
    text: String,
}

/// The cells of a sheet: of a table by column, with its first rows; of another all.
fn cells(xml: &str, sheet: &str, shared: &[String], masks: &Masks) -> String {
    let (mut page, mut values) = (String::new(), Values::default());
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for mut cell in read(xml) {
        if cell.kind == ":s" {
            cell.text
                .clone_from(&shared[cell.text.parse::<usize>().unwrap()]);
        }
        let is_blank = cell.text.is_empty();
        let header = headers.get(&cell.column).cloned().unwrap_or_default();
        let text = masks.named(&header, &cell.text);
        if cell.row == 1 && sheet != WHOLE {
            headers.insert(cell.column.clone(), cell.text.clone());
        } else if sheet != WHOLE {
            // How it looks is told with what it is.
            let place = format!("{} {header}", cell.column);
            values.add(&place, &format!("{}{} {text}", cell.kind, cell.style));
        }
        if !is_blank && (cell.row <= ROWS || sheet == WHOLE) {
            let shown = format!("{}{}{} {text}", cell.column, cell.kind, cell.style);
            rows.entry(cell.row).or_default().push(shown);
        }
    }
    let widths = elements(xml, "col").into_iter();
    let widths: Vec<String> = widths
        .map(|one| format!("{} to {}: {}", one["min"], one["max"], one["width"]))
        .collect();
    writeln!(page, "widths: {}", widths.join(", ")).unwrap();
    // What is cut here is in the digest of its column; a sheet that is shown whole has none.
    let longest = if sheet == WHOLE { usize::MAX } else { CELL };
    for (number, cells) in rows {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| cell.chars().take(longest).collect())
            .collect();
        writeln!(page, "{number}: {}", cells.join(" | ")).unwrap();
    }
    page + &values.page()
}

/// The strings that cells name by their number.
fn strings(xml: &str) -> Vec<String> {
    let (mut found, mut reader) = (Vec::new(), Reader::from_str(xml));
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) if tag.name().as_ref() == "si" => found.push(String::new()),
            Event::Text(text) => found
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|one| one.push_str(&text)),
            Event::GeneralRef(name) => write!(found.last_mut().unwrap(), "&{};", &*name).unwrap(),
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn read(xml: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let (mut is_cell, mut reader) = (false, Reader::from_str(xml));
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) if tag.name().as_ref() == "c" => {
                is_cell = true;
                found.push(begin(&tag));
            }
            Event::Empty(tag) if tag.name().as_ref() == "c" => found.push(begin(&tag)),
            Event::End(tag) if tag.name().as_ref() == "c" => is_cell = false,
            Event::Text(text) if is_cell => {
                found.last_mut().unwrap().text.push_str(&text);
            }
            Event::GeneralRef(name) if is_cell => {
                write!(found.last_mut().unwrap().text, "&{};", &*name).unwrap();
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn begin(tag: &BytesStart<'_>) -> Shown {
    let mut attributes = attributes(tag);
    let place = attributes.remove("r").unwrap();
    let letters = place.trim_end_matches(|c: char| c.is_ascii_digit());
    let marked = |mark: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!("{mark}{value}"))
    };
    Shown {
        row: place.strip_prefix(letters).unwrap().parse().unwrap(),
        column: letters.to_owned(),
        style: marked("/", attributes.remove("s")),
        kind: marked(":", attributes.remove("t")),
        text: String::new(),
    }
}
