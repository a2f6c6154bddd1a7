//! Workbooks (.xlsx): each sheet becomes a table in text, so that whoever reads tables reads what was saved
//! either way.

use calamine::{Data, DataRef, DataType as _, Reader as _, SheetType, Xlsx, XlsxError};
use std::io::{self, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A workbook unpacked, and a sheet as text. The largest of Microsoft's has about 30 MB.
const MOST_BYTES: u64 = 256 << 20;
/// What a cell may hold in Excel; more is left out.
const MOST_IN_CELL: usize = 32_767;
/// What Excel has at most.
const MOST_COLUMNS: u32 = 16_384;

/// How much of a workbook is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most bytes of the file, of all that is in it unpacked, and of one sheet as text; never more than
    /// 256 MiB.
    pub(crate) bytes: u64,
    /// The most sheets; the rest is left out.
    pub(crate) sheets: usize,
}

/// Why a workbook does not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkbookError {
    /// Not a readable archive.
    #[error("the archive is damaged or cut short")]
    Zip(#[source] zip::result::ZipError),
    /// Not a readable workbook.
    #[error("the workbook is damaged or cut short")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The bytes do not read, or are too many.
    #[error("the compressed data is damaged or cut short")]
    Stream(#[source] io::Error),
}

/// A sheet that has cells.
pub(crate) struct Sheet<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its rows that have cells, as CSV. A date is written `2008-11-11`, a whole number without a point, and
    /// a cell of several lines as one.
    pub(crate) table: &'a [u8],
    /// The number of each of these rows in the sheet, from 1.
    pub(crate) rows: &'a [u32],
}

/// Whether a zip archive is a workbook, by the members that every workbook has.
pub(crate) fn is_workbook<R: Read + Seek>(archive: R) -> bool {
    let Ok(archive) = zip::ZipArchive::new(archive) else {
        return false;
    };
    let has = |name: &str| archive.index_for_name(name).is_some();
    has("[Content_Types].xml") && has("xl/workbook.xml")
}

/// What is done with a sheet.
type EachSheet<'a, E> = dyn FnMut(&Sheet<'_>) -> Result<(), E> + 'a;

/// Calls `each` with every sheet that has cells.
pub(crate) fn sheets<R: Read, E: From<WorkbookError>>(
    file: R,
    limits: Limits,
    each: &mut EachSheet<'_, E>,
) -> Result<(), E> {
    let most = MOST_BYTES.min(limits.bytes);
    let bytes = bounded(file, most)?;
    unpacks_within(&bytes, most)?;
    let mut book = guarded(|| Xlsx::new(Cursor::new(&bytes)).map_err(damaged))?;
    let sheets = book.sheets_metadata().iter();
    let sheets: Vec<_> = sheets
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .take(limits.sheets)
        .collect();
    for name in sheets {
        let (table, rows) = guarded(|| table(&mut book, &name, most))?;
        if !table.is_empty() {
            each(&Sheet {
                name: &name,
                table: &table,
                rows: &rows,
            })?;
        }
    }
    Ok(())
}

fn bounded(file: impl Read, most: u64) -> Result<Vec<u8>, WorkbookError> {
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(WorkbookError::Stream)?;
    if bytes.len() as u64 > most {
        return Err(too_large(most));
    }
    Ok(bytes)
}

/// Sees that a workbook is no bomb: its reader keeps parts of it in memory as a whole, makes room for as many
/// strings as it says it has, and the sizes that the archive states may be lies.
fn unpacks_within(bytes: &[u8], most: u64) -> Result<(), WorkbookError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(WorkbookError::Zip)?;
    let mut left = most;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(WorkbookError::Zip)?;
        let mut content = Vec::new();
        let read = member.take(left + 1).read_to_end(&mut content);
        let read = read.map_err(WorkbookError::Stream)? as u64;
        left = left.checked_sub(read).ok_or_else(|| too_large(most))?;
        if counts_more_strings(&content) {
            let what = "it says that it has more strings than there is room for";
            return Err(WorkbookError::Damaged(what.into()));
        }
    }
    Ok(())
}

/// Whether the count of strings is more than the part of a workbook has bytes. In whatever encoding: NULs
/// count for nothing.
fn counts_more_strings(part: &[u8]) -> bool {
    const COUNT: &[u8] = b"uniqueCount";
    let mut plain: Vec<u8> = part.to_vec();
    plain.retain(|byte| *byte != 0);
    let places = plain.windows(COUNT.len()).enumerate();
    let mut places = places.filter(|(_, found)| *found == COUNT);
    places.any(|(at, _)| {
        let value = plain.get(at + COUNT.len()..).unwrap_or_default().iter();
        let value = value.skip_while(|byte| b" \t\r\n=\"'+".contains(byte));
        let digits = value.take_while(|byte| byte.is_ascii_digit());
        let count = digits.fold(0u64, |count, digit| {
            count
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        });
        count > part.len() as u64
    })
}

fn too_large(most: u64) -> WorkbookError {
    WorkbookError::Stream(io::Error::other(format!(
        "this workbook has more than {most} bytes once unpacked, which is more than any table has"
    )))
}

fn damaged(source: XlsxError) -> WorkbookError {
    WorkbookError::Damaged(Box::new(source))
}

/// Lets the reader of workbooks work: it counts on Excel's limits, and panics where a damaged file passes
/// them. What it had in hand is not used any more after that.
fn guarded<T>(work: impl FnOnce() -> Result<T, WorkbookError>) -> Result<T, WorkbookError> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| {
        Err(WorkbookError::Damaged(
            "it is none that Excel writes".into(),
        ))
    })
}

/// The rows of a sheet as CSV, and their numbers. Cells come one by one, so that two cells in far corners cost
/// two cells.
fn table(
    book: &mut Xlsx<Cursor<&Vec<u8>>>,
    name: &str,
    most: u64,
) -> Result<(Vec<u8>, Vec<u32>), WorkbookError> {
    let mut cells = book.worksheet_cells_reader(name).map_err(damaged)?;
    let mut rows = Rows::new(most);
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (number, column) = cell.get_position();
        if number != rows.current {
            rows.write()?;
            rows.current = number;
        }
        let text = text(cell.get_value());
        if text.is_empty() || column >= MOST_COLUMNS {
            continue;
        }
        rows.set(column as usize, text);
    }
    rows.write()?;
    rows.into_inner()
}

/// Rows as they are written.
struct Rows {
    table: csv::Writer<Vec<u8>>,
    numbers: Vec<u32>,
    row: Vec<String>,
    /// The number of `row`, from 0.
    current: u32,
    most: u64,
}

impl Rows {
    fn new(most: u64) -> Self {
        let table = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(Vec::new());
        Self {
            table,
            numbers: Vec::new(),
            row: Vec::new(),
            current: 0,
            most,
        }
    }

    fn set(&mut self, column: usize, text: String) {
        if self.row.len() <= column {
            self.row.resize(column + 1, String::new());
        }
        if let Some(place) = self.row.get_mut(column) {
            *place = text;
        }
    }

    fn write(&mut self) -> Result<(), WorkbookError> {
        if !self.row.is_empty() {
            let written = self.table.write_record(&self.row);
            written.map_err(|error| WorkbookError::Stream(io::Error::other(error)))?;
            self.numbers.push(self.current.saturating_add(1));
            self.row.clear();
        }
        if self.table.get_ref().len() as u64 > self.most {
            return Err(too_large(self.most));
        }
        Ok(())
    }

    fn into_inner(self) -> Result<(Vec<u8>, Vec<u32>), WorkbookError> {
        let table = self.table.into_inner().map_err(|error| {
            let what = io::Error::other(error.to_string());
            WorkbookError::Stream(what)
        })?;
        Ok((table, self.numbers))
    }
}

/// A cell as text in one line.
fn text(cell: &DataRef<'_>) -> String {
    let text = match Data::from(cell.clone()) {
        Data::DateTime(time) if time.is_datetime() => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            return format!("{year:04}-{month:02}-{day:02}");
        }
        Data::Error(_) => return String::new(),
        other => other.as_string().unwrap_or_default(),
    };
    let end = text.char_indices().nth(MOST_IN_CELL);
    let text = end.and_then(|(end, _)| text.get(..end)).unwrap_or(&text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write as _;

    /// A workbook of one sheet, from the XML of its rows and of its shared strings. Style 1 is a date.
    pub(crate) fn book(rows: &str, strings: &str) -> Vec<u8> {
        const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
        let parts = [
            (
                "[Content_Types].xml",
                format!(
                    r#"<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/></Types>"#
                ),
            ),
            (
                "_rels/.rels",
                format!(
                    r#"<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    r#"<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="Bulletins" sheetId="1" r:id="r1"/></sheets></workbook>"#
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    r#"<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="r3" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/styles.xml",
                format!(
                    r#"<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>"#
                ),
            ),
            (
                "xl/sharedStrings.xml",
                format!(r#"<sst xmlns="{MAIN}">{strings}</sst>"#),
            ),
            (
                "xl/worksheets/sheet1.xml",
                format!(r#"<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>"#),
            ),
        ];
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(name, options).unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    const ROWS: &str = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>Bulletin Id</t></is></c></row>
        <row r="2"/><row r="3"><c r="A3" s="1"><v>39763</v></c><c r="B3"><v>955069</v></c><c r="C3" t="e"><v>#N/A</v></c></row>"#;
    const STRINGS: &str = "<si><t>Date\nPosted, by day</t></si>";

    fn read(book: &[u8], bytes: u64) -> Result<Vec<(String, String)>, WorkbookError> {
        let limits = Limits { bytes, sheets: 10 };
        let mut found = Vec::new();
        sheets(book, limits, &mut |sheet| {
            let table = String::from_utf8(sheet.table.to_vec()).unwrap();
            assert_eq!(sheet.rows.len(), table.lines().count());
            found.push((sheet.name.to_owned(), table));
            Ok::<_, WorkbookError>(())
        })?;
        Ok(found)
    }

    #[test]
    fn a_sheet_becomes_a_table_with_days_and_numbers_as_text() {
        let book = book(ROWS, STRINGS);
        assert!(is_workbook(Cursor::new(&book)));
        let table = "\"Date Posted, by day\",,Bulletin Id\n2008-11-11,955069\n";
        let sheet = ("Bulletins".to_owned(), table.to_owned());
        assert_eq!(read(&book, 1 << 20).unwrap(), [sheet]);
    }

    #[test]
    fn an_archive_of_documents_is_no_workbook() {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file("CVE-2023-5363.json", options).unwrap();
        assert!(!is_workbook(archive.finish().unwrap()));
        assert!(!is_workbook(Cursor::new(b"PK\x03\x04")));
    }

    #[test]
    fn two_cells_in_far_corners_cost_two_cells() {
        let rows = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>"#;
        let found = read(&book(rows, ""), 1 << 20).unwrap();
        assert_eq!(found[0].1.len(), "1\n".len() + 16_383 + "2\n".len());
    }

    #[test]
    fn bombs_are_refused() {
        let blanks = " ".repeat(2 << 20);
        let error = read(&book(ROWS, &blanks), 1 << 20).unwrap_err();
        let WorkbookError::Stream(why) = error else {
            panic!("{error}")
        };
        assert!(why.to_string().contains("more than 1048576 bytes"), "{why}");
        // One long string, shown a thousand times.
        let long = format!("<si><t>{}</t></si>", "x".repeat(30_000));
        let row = r#"<row><c t="s"><v>0</v></c></row>"#;
        assert!(read(&book(&row.repeat(1000), &long), 1 << 20).is_err());
    }

    #[test]
    fn a_count_of_strings_that_nobody_has_room_for_is_refused() {
        let strings = r#"</sst><sst uniqueCount="999999999999999">"#;
        assert!(read(&book(ROWS, strings), 1 << 20).is_err());
        assert!(counts_more_strings(
            b"u\0n\0i\0q\0u\0e\0C\0o\0u\0n\0t\0=\0\"\09\09\0\"\0"
        ));
        assert!(!counts_more_strings(br#"<sst uniqueCount = "21">"#));
    }

    #[test]
    fn a_workbook_cut_short_or_with_any_byte_changed_is_read_or_refused() {
        let whole = book(ROWS, STRINGS);
        for end in (0..whole.len()).step_by(29) {
            assert!(read(&whole[..end], 1 << 20).is_err());
        }
        for at in (0..whole.len()).step_by(5) {
            let mut changed = whole.clone();
            changed[at] ^= 0x15;
            let _ = read(&changed, 1 << 20);
        }
    }

    #[test]
    fn xml_that_is_no_sheet_does_not_panic() {
        let cells = [
            r#"<row r="0"><c r="A0"><v>1</v></c></row>"#,
            r#"<row r="99999999999"><c r="ZZZZZZZZ99999999999"><v>1</v></c></row>"#,
            r#"<row><c r="" t="s"><v>99</v></c></row>"#,
            r#"<row><c r="1A" t="s"><v>-1</v></c><c t="x"><v>&#0;</v></c></row>"#,
            r#"<row><c s="99"><v>1e999</v></c><c s="1"><v>-1e300</v></c><c s="1"><v>1e300</v></c><c s="1"><v>NaN</v></c></row>"#,
            r#"<row><c t="d"><v>soon</v></c><c t="b"><v>7</v></c><c><f>A1+</f></c><c t="str"/></row>"#,
            "<row><c>",
            "</sheetData>",
        ];
        for rows in cells {
            let _ = read(&book(rows, STRINGS), 1 << 20);
            let _ = read(&book(ROWS, rows), 1 << 20);
        }
    }
}
