//! Tables: how they are recognised, mapped, and refused.

use crate::known::*;
use std::fmt::Write as _;

fn read(text: &str) -> ReadList {
    read_with(text, &ReadOptions::default()).unwrap()
}

fn read_with(text: &str, options: &ReadOptions) -> Result<ReadList, KnownError> {
    crate::known::read("list.csv", text.as_bytes(), options)
}

fn names(read: &ReadList) -> Vec<&str> {
    let records = read.list.records.iter();
    records
        .map(|one| one.name.as_deref().unwrap_or("-"))
        .collect()
}

fn mapped(field: Field, header: &str) -> ReadOptions {
    ReadOptions {
        map: vec![Mapped {
            field,
            header: header.to_owned(),
            is_optional: false,
        }],
        ..ReadOptions::default()
    }
}

#[test]
fn a_table_without_a_header_is_recognised_by_what_it_holds() {
    let read = read("pc-1,10.0.0.5,00155d000001\npc-2,10.0.0.6,00155d000002\n");
    let uses: Vec<_> = read
        .columns
        .iter()
        .map(|one| (one.header.as_str(), one.used_as))
        .collect();
    assert_eq!(
        uses,
        [
            ("#1", Some(Field::Name)),
            ("#2", Some(Field::Address)),
            ("#3", Some(Field::Mac))
        ]
    );
    assert_eq!(names(&read), ["pc-1", "pc-2"]);
    assert!(read.columns.iter().all(|one| one.why == Why::Content));
}

#[test]
fn what_its_content_cannot_bear_out_is_only_hinted_at() {
    let read = read(
        "Name;Foo;Bar\npc-1;4c4c4544-0042-3510-8051-b4c04f4a4b32;2026-11-03\n\
         pc-2;4c4c4544-0042-3510-8051-b4c04f4a4b33;2026-11-03\n",
    );
    let hints: Vec<_> = read.columns.iter().map(|one| one.hint.is_some()).collect();
    assert_eq!(hints, [false, true, true]);
    assert_eq!(read.list.records[0].uuid, None);
    assert_eq!(read.list.records[0].last_seen, None);
}

#[test]
fn the_operators_word_stands_over_what_is_recognised() {
    let table = "Name,Label,IP\nfoo,pc-1,10.0.0.5\n";
    assert_eq!(names(&read(table)), ["foo"]);
    for header in ["Label", "label", "#2"] {
        let read = read_with(table, &mapped(Field::Name, header)).unwrap();
        assert_eq!(names(&read), ["pc-1"], "{header}");
        assert_eq!(read.columns[0].used_as, None);
        assert_eq!(read.columns[1].why, Why::Map);
    }
}

#[test]
fn a_column_that_is_not_there_is_an_error_unless_it_was_said_of_all_lists() {
    let table = "Name,IP\npc-1,10.0.0.5\n";
    let mut options = mapped(Field::Serial, "Foo");
    let error = read_with(table, &options).unwrap_err().to_string();
    assert_eq!(error, "has no column `Foo` for serial (found: Name, IP)");
    options.map[0].is_optional = true;
    assert!(read_with(table, &options).is_ok());
}

#[test]
fn a_table_that_tells_of_no_machine_names_its_headers_and_says_how_to_map() {
    let error = read_with("Colour,Status\nred,ok\nred,ok\n", &ReadOptions::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("found: Colour, Status"), "{error}");
    assert!(error.contains("--map name=HEADER"), "{error}");
}

#[test]
fn words_alone_are_no_names() {
    let error = read_with(
        "colour,shape\nred,round\nblue,flat\n",
        &ReadOptions::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("found: colour, shape"), "{error}");
    let read = read_with("colour,shape\nred,round\n", &mapped(Field::Name, "colour")).unwrap();
    assert_eq!(names(&read), ["red"]);
}

#[test]
fn a_row_with_more_cells_than_columns_is_left_out_and_said() {
    let table = read(
        "Name;MAC;Serial;Owner\npc-1;00155d000001; 00155d000002;abc;\npc-2;00155d000003;abd;\n",
    );
    assert_eq!(names(&table), ["pc-2"]);
    assert_eq!(table.unread[0].row, 2);
    assert!(table.unread[0].what.contains("5 cells under 4 headers"));
    // A separator behind the last cell of every row shifts nothing.
    let table = read("Name;MAC\npc-1;00155d000001;\npc-2;00155d000003;\n");
    assert_eq!(names(&table), ["pc-1", "pc-2"]);
}

#[test]
fn nothing_is_an_error() {
    for text in ["", " \r\n", "\u{feff}", "Name,IP\n", "Name\n"] {
        let error = read_with(text, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, KnownError::Empty), "{text:?}: {error}");
    }
}

#[test]
fn ambiguous_days_are_read_by_the_column_that_shows_their_order() {
    let day = |text: &str| {
        let read = read(text);
        let day = read.list.records[0].last_seen.unwrap().to_string();
        (day, read.notes.len())
    };
    let pair = |day: &str, notes| (day.to_owned(), notes);
    assert_eq!(
        day("Name,Last Seen\na,03/11/2026\nb,25/11/2026\n"),
        pair("2026-11-03", 0)
    );
    assert_eq!(
        day("Name,Last Seen\na,11/03/2026\nb,11/25/2026\n"),
        pair("2026-11-03", 0)
    );
    assert_eq!(day("Name,Last Seen\na,11/03/2026\n"), pair("2026-11-03", 1));
    assert_eq!(day("Name;Last Seen\na;03/11/2026\n"), pair("2026-11-03", 1));
    // Another column of days shows it, too.
    let text = "Name,Last Seen,Created\na,03/11/2026,25/12/2025\n";
    assert_eq!(day(text), pair("2026-11-03", 0));
}

#[test]
fn a_quoted_cell_may_have_lines_and_rows_keep_theirs() {
    let read = read("Name,Notes,IP\r\n\r\npc-1,\"a\r\nb\",10.0.0.5\r\npc-2,x,10.0.0.300\r\n");
    let rows: Vec<_> = read.list.records.iter().map(|one| one.row).collect();
    assert_eq!(rows, [3, 5]);
    assert_eq!(read.unread[0].row, 5);
    assert_eq!(read.unread[0].column, "IP");
    assert_eq!(read.unread[0].what, "`10.0.0.300` is no address");
}

#[test]
fn each_row_is_a_machine_or_is_said_also_where_rows_share_a_line() {
    // A carriage return alone ends a row, and not a line.
    let read = read("Name,IP,OS\npc-1,10.0.0.5,x\n,10.0.0.300,x\r,,x\r,,y\n");
    assert_eq!((read.rows, read.list.records.len()), (4, 1));
    assert_eq!(read.problems, 3, "{:?}", read.unread);
}

#[test]
fn a_quotation_mark_that_is_never_closed_is_an_error_with_its_line() {
    let rest = "pc-2,10.0.0.6\n".repeat(30);
    let text = format!("Name,IP\npc-1,10.0.0.5\n\"pc-2,10.0.0.6\n{rest}");
    let error = read_with(&text, &ReadOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("line 3"), "{error}");
}

#[test]
fn problems_are_counted_when_there_are_too_many_to_keep() {
    let rows = "pc-1,nowhere\n".repeat(MOST_PROBLEMS + 5);
    let read = read(&format!("Name,IP\n{rows}"));
    assert_eq!(read.unread.len(), MOST_PROBLEMS);
    assert_eq!(read.problems, MOST_PROBLEMS as u64 + 5);
}

#[test]
fn who_is_switched_off_is_kept_with_the_words() {
    let read = read(
        "Name,DistinguishedName,userAccountControl,pwdLastSet\n\
         PC-1,\"CN=PC-1,DC=corp,DC=example\",4096,134382132000000000\nPC-2,,4098,0\n",
    );
    assert_eq!(read.list.kind, ListKind::ActiveDirectory);
    let [first, second] = &read.list.records[..] else {
        panic!("{read:?}")
    };
    assert!(!first.is_disabled && second.is_disabled);
    assert_eq!(second.state.as_deref(), Some("userAccountControl: 4098"));
    assert_eq!(first.domain.as_deref(), Some("corp.example"));
}

#[test]
fn the_operator_says_what_a_list_is() {
    let options = ReadOptions {
        kind: Some(ListKind::Dhcp),
        name: Some("Leases".to_owned()),
        vouches: Some(vec![Vouch::Managed, Vouch::Exists, Vouch::Managed]),
        as_of: Date::parse("2026-11-01"),
        ..ReadOptions::default()
    };
    let read = read_with("pc-1\n10.0.0.5\n", &options).unwrap();
    assert_eq!(read.list.kind, ListKind::Dhcp);
    assert_eq!(read.list.name, "Leases");
    assert_eq!(read.list.vouches, [Vouch::Exists, Vouch::Managed]);
    assert_eq!(read.list.as_of, Date::parse("2026-11-01"));
}

#[test]
fn the_newest_day_in_a_list_is_its_day_unless_it_is_still_to_come() {
    let options = ReadOptions {
        written: Date::parse("2026-11-10"),
        ..ReadOptions::default()
    };
    let read = read_with("Name,Last Seen\na,2026-11-03\nb,2031-01-01\n", &options).unwrap();
    assert_eq!(read.list.as_of, Date::parse("2026-11-03"));
    let read = read_with("Name,Created\na,2020-11-03\n", &options).unwrap();
    assert_eq!(read.list.as_of, Date::parse("2026-11-10"));
}

#[test]
fn json_is_read_in_the_envelope_of_an_interface() {
    let read = read(
        r#"{"@odata.context":"x","value":[{"deviceName":"PC-1","lastSyncDateTime":"2026-11-03T05:00:00Z","azureADDeviceId":"7b000000-0000-4000-8000-000000000001"}]}"#,
    );
    assert_eq!(read.list.kind, ListKind::Intune);
    assert_eq!(names(&read), ["PC-1"]);
    let error = read_with("{\"name\": \"a\"\n\"b\"}", &ReadOptions::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("JSON, line 2"), "{error}");
}

#[test]
fn what_ansible_lists_is_an_inventory() {
    let read = read(
        r#"{"_meta":{"hostvars":{"web-1":{"ansible_host":"10.0.0.5"}}},"all":{"children":["web"]},"web":{"hosts":["web-1","web-2"]}}"#,
    );
    assert_eq!(read.list.kind, ListKind::Ansible);
    assert_eq!(names(&read), ["web-1", "web-2"]);
}

#[test]
fn a_file_that_is_no_list_is_refused_with_advice() {
    let refuse = |bytes: &[u8]| {
        let error = crate::known::read("x", bytes, &ReadOptions::default());
        error.unwrap_err().to_string()
    };
    assert!(refuse(b"%PDF-1.7 ...").contains("export the list as CSV"));
    assert!(refuse(b"\xd0\xcf\x11\xe0\xa1\xb1").contains("save it as XLSX"));
    assert!(refuse(b"<html><body>").contains("export it as CSV"));
    assert!(refuse(b"\x1f\x8b\x08").contains("unpack it"));
}

#[test]
fn hostile_documents_are_refused() {
    let deep = format!("<nmaprun>{}", "<a>".repeat(1000));
    assert!(read_with(&deep, &ReadOptions::default()).is_err());
    let deep = format!("[{{\"name\":{}", "[".repeat(100_000));
    assert!(read_with(&deep, &ReadOptions::default()).is_err());
    let wide = format!("name,ip\n{}", ",".repeat(1_100_000));
    let refused = read_with(&wide, &ReadOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("columns"), "{refused}");
    let mut bomb = String::from("all:\n  hosts:\n    a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (one, before) in ('b'..='i').zip('a'..='h') {
        let many = vec![format!("*{before}"); 9].join(",");
        writeln!(bomb, "    {one}: &{one} [{many}]").unwrap();
    }
    assert!(read_with(&bomb, &ReadOptions::default()).is_err());
}
