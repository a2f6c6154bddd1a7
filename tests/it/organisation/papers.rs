//! The five lists as files, in the shapes and encodings in which the tools write them.

use super::cast::{List, Listed, Machine};
use super::rows;
use super::studio::Studio;
use super::truth::RowAt;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A list as a file, and whose each row is.
pub(super) struct Paper {
    pub(super) bytes: Vec<u8>,
    /// For each row the number of its machine.
    pub(super) owners: Vec<(RowAt, usize)>,
}

/// Writes a list: its rows in an order that the dice draw.
pub(super) fn write(studio: &mut Studio, list: List) -> Paper {
    let mut rows: Vec<(usize, Listed)> = Vec::new();
    for (at, machine) in studio.machines.iter().enumerate() {
        rows.extend(
            machine
                .listed
                .iter()
                .filter(|row| row.list == list)
                .map(|row| (at, row.clone())),
        );
    }
    studio.dice.shuffle(&mut rows);
    let format = format(list);
    let mut lines: Vec<String> = format
        .before
        .iter()
        .map(|line| (*line).to_owned())
        .collect();
    lines.push(line(&format, columns(list)));
    let mut owners = Vec::new();
    for (at, row) in rows {
        let cells = (format.cells)(studio, &studio.machines[at], &row);
        lines.push(line(&format, cells));
        let number = u64::try_from(lines.len()).unwrap();
        owners.push((
            RowAt {
                list: list.name(),
                line: number,
            },
            at,
        ));
    }
    let text = lines.join("\r\n") + "\r\n";
    Paper {
        bytes: (format.encode)(&text),
        owners,
    }
}

struct Format {
    /// Lines before the header.
    before: &'static [&'static str],
    delimiter: char,
    /// Whether every cell is in quotes.
    quotes: bool,
    cells: fn(&Studio, &Machine, &Listed) -> Vec<String>,
    encode: fn(&str) -> Vec<u8>,
}

const PLAIN: Format = Format {
    before: &[],
    delimiter: ',',
    quotes: false,
    cells: rows::asset,
    encode: |text| text.as_bytes().to_vec(),
};

fn format(list: List) -> Format {
    match list {
        List::Directory => Format {
            quotes: true,
            cells: rows::directory,
            encode: |text| [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            ..PLAIN
        },
        List::Wsus => Format {
            before: &["#TYPE Microsoft.UpdateServices.Internal.BaseApi.ComputerTarget"],
            delimiter: '\t',
            quotes: true,
            cells: rows::wsus,
            encode: utf16,
        },
        List::ConfigMgr => Format {
            cells: rows::config_mgr,
            ..PLAIN
        },
        List::Leases => Format {
            delimiter: ';',
            quotes: true,
            cells: rows::lease,
            encode: windows_1252,
            ..PLAIN
        },
        List::Assets => PLAIN,
    }
}

fn columns(list: List) -> Vec<String> {
    let text = include_str!("../../../fixtures/organisation/columns.toml");
    let mut all: BTreeMap<String, Vec<String>> = toml::from_str(text).unwrap();
    all.remove(list.name()).unwrap()
}

fn line(format: &Format, cells: impl IntoIterator<Item = String>) -> String {
    let cells = cells.into_iter().map(|cell| {
        if format.quotes || cell.contains([format.delimiter, '"']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    cells
        .collect::<Vec<_>>()
        .join(&format.delimiter.to_string())
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn windows_1252(text: &str) -> Vec<u8> {
    let (bytes, _, lost) = encoding_rs::WINDOWS_1252.encode(text);
    assert!(!lost, "a letter that Windows-1252 has not got");
    bytes.into_owned()
}

/// The operator's policy: thresholds as they are by default, and the allow list.
pub(super) fn policy(studio: &Studio) -> String {
    let calendar = &studio.calendar;
    let mut text = String::from(
        "[classes]\nassessed_days = 30\npatched_days = 60\nunseen_runs = 3\nstale_days = 90\nlist_days = 7\n",
    );
    let mut expect = |what: &str, owner: &str, days: i64, reason: &str| {
        let until = calendar.date(-days);
        write!(text, "\n[[expected]]\n{what}\nowner = \"{owner}\"\nuntil = \"{until}\"\nreason = \"{reason}\"\n").unwrap();
    };
    expect(
        "address = \"10.20.40.0/24\"\ndevice = \"printer\"",
        "Facilities",
        200,
        "leased printers",
    );
    expect(
        "address = \"10.20.50.0/24\"\ndevice = \"phone\"",
        "Team Voice",
        300,
        "desk telephones",
    );
    let cameras = super::devices::CAMERAS;
    expect(
        &format!("mac = \"{cameras}\""),
        "Security",
        90,
        "cameras at the doors",
    );
    for machine in studio
        .machines
        .iter()
        .filter(|machine| machine.kind == "printer_expired")
    {
        let address = machine.address().unwrap();
        expect(
            &format!("address = \"{address}/32\""),
            "Facilities",
            -20,
            "until the lease ends",
        );
    }
    text
}
