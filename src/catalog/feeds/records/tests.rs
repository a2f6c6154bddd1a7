//! What is a record, and what is none.

use super::*;
use proptest::prelude::*;
use std::io::BufReader;

fn cut(doc: &[u8], member: Option<&str>, most: usize, chunk: usize) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut each = |record: RawRecord<'_>| {
        let (mark, bytes) = match record {
            RawRecord::Whole(bytes) => ("", bytes),
            RawRecord::TooLong(bytes) => ("long ", bytes),
        };
        found.push(format!("{mark}{}", String::from_utf8_lossy(bytes)));
    };
    Cutter::new(member, most, &mut each)
        .run(BufReader::with_capacity(chunk, doc))
        .map_err(|error| error.to_string())?;
    Ok(found)
}

fn records(doc: &str) -> Result<Vec<String>, String> {
    let whole = cut(doc.as_bytes(), None, 1000, 4096);
    assert_eq!(whole, cut(doc.as_bytes(), None, 1000, 1), "{doc}");
    whole
}

#[test]
fn one_object_an_array_and_lines_are_all_streams_of_records() {
    assert_eq!(records("{}").unwrap(), ["{}"]);
    assert_eq!(
        records(" [{\"a\":[1]}, {} ]\n").unwrap(),
        ["{\"a\":[1]}", "{}"]
    );
    assert_eq!(records("{}\n{}{}\n").unwrap().len(), 3);
    assert_eq!(
        records("[7,\"],\\\"\" , null]").unwrap(),
        ["7", "\"],\\\"\"", "null"]
    );
    assert_eq!(records("{\"a\":\"}\\\\\"}").unwrap().len(), 1);
    assert!(records("  ").unwrap().is_empty());
}

#[test]
fn a_stream_cut_short_is_an_error() {
    for doc in ["[{},", "{}\n{\"a\":", "[{}] x", "[", "{\"a\":\"", "]"] {
        assert!(records(doc).is_err(), "{doc}");
    }
}

#[test]
fn the_elements_of_one_member_are_records() {
    let doc = br#"{"a": [1, {"data": [2]}], "b": "data", "data": [{"x": 1}, {"y": []}], "links": {"data": [3]}}"#;
    for chunk in [1, 4096] {
        let found = cut(doc, Some("data"), 1000, chunk).unwrap();
        assert_eq!(found, [r#"{"x": 1}"#, r#"{"y": []}"#]);
    }
    assert!(cut(doc, Some("z"), 1000, 4096).is_err());
    assert!(cut(&doc[..60], Some("data"), 1000, 4096).is_err());
}

#[test]
fn a_record_that_is_too_long_is_passed_over_and_named() {
    let long = format!(r#"{{"id":"X-9","text":"{}"}}"#, "x".repeat(10_000));
    let doc = format!("[{{\"id\":1}},{long},{{\"id\":2}}]");
    for chunk in [1, 64, 65536] {
        let found = cut(doc.as_bytes(), None, 5_000, chunk).unwrap();
        assert_eq!(
            (found.len(), &*found[0], &*found[2]),
            (3, "{\"id\":1}", "{\"id\":2}")
        );
        assert!(found[1].starts_with("long {\"id\":\"X-9\""), "{}", found[1]);
        assert!(found[1].len() < 5_000);
        assert_eq!(stated_id(found[1].as_bytes(), &["id"]), "X-9");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(doc in "[\\[\\]{}\",:\\\\a1 ]{0,60}", chunk in 1..9usize) {
        let _ = cut(doc.as_bytes(), None, 8, chunk);
        let _ = cut(doc.as_bytes(), Some("a"), 8, chunk);
    }
}
