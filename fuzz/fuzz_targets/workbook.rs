//! A part of a workbook: the rest of it is whole, so that more than its archive is tried. The first byte says which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{Cursor, Write as _};
use underdesk::classify::sheet;
use underdesk::known::{self, ReadOptions};
use underdesk_fuzz::{catch_panics, escapes};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The parts of a workbook with one sheet, which has one row.
const PARTS: [(&str, &str); 6] = [
    (
        "xl/worksheets/sheet1.xml",
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="inlineStr"><is><t>web1</t></is></c><c r="B2" s="1"><v>45000</v></c></row></sheetData></worksheet>"#,
    ),
    (
        "xl/sharedStrings.xml",
        r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="1"><si><t>hostname</t></si></sst>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Machines" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
    (
        "xl/styles.xml",
        r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy-mm-dd"/></numFmts><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
    ),
    ("[Content_Types].xml", "<Types/>"),
];

fuzz_target!(init: catch_panics(), |bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let file = packed(usize::from(*which) % PARTS.len(), bytes);
    escapes(|| {
        if let Ok(read) = known::read("list.xlsx", &file, &ReadOptions::default()) {
            assert!(read.list.records.len() as u64 <= read.rows);
        }
        let _ = sheet::read(&file, &[]);
    });
});

/// The workbook with one part replaced.
fn packed(which: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (at, (name, text)) in PARTS.iter().enumerate() {
        let body = if at == which { bytes } else { text.as_bytes() };
        file.start_file(*name, stored).expect("a name");
        file.write_all(body).expect("memory takes all");
    }
    file.finish().expect("memory takes all").into_inner()
}
