//! What spreadsheets do to a review, and what people do.

use super::*;
use encoding_rs::UTF_16LE;
use proptest::prelude::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK2pr+Bfus1hvPof4Wb/plZCzSbqadHH0u+/f4ODtKnE";
const FINGERPRINT: &str = "SHA256:wX9j+SP2h7N0y1ZKQdM3E2rXGeJIBFZbmJjfvWeAgd0";
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE6LfKBO14hfvvUnprKPi1LdYBA2F2m9jYkLhZLgYUxI";

fn table(rows: &[&str]) -> String {
    let head = "trust,host,port,algorithm,fingerprint,public_key";
    format!("{head}\n{}\n", rows.join("\n"))
}

fn row(trust: &str, host: &str) -> String {
    format!("{trust},{host},22,ssh-ed25519,{FINGERPRINT},{KEY}")
}

fn hosts(text: &str) -> Vec<String> {
    let reviewed = parse_review(text).expect("a review");
    assert_eq!(reviewed.problems, []);
    let pins = reviewed.pins.into_iter();
    pins.map(|(_, pin)| {
        assert_eq!(pin.public_key, KEY);
        assert_eq!(pin.key.fingerprint, FINGERPRINT);
        format!("{}:{}", pin.host, pin.port)
    })
    .collect()
}

/// What is wrong with the second line.
fn problem(rows: &[&str]) -> String {
    let reviewed = parse_review(&table(rows)).unwrap();
    let lines: Vec<u64> = reviewed.problems.iter().map(|(line, _)| *line).collect();
    let expected = u64::try_from(rows.len()).unwrap() + 1;
    assert_eq!(lines, [expected], "{:?}", reviewed.problems);
    reviewed.problems[0].1.clone()
}

#[test]
fn only_ticked_rows_are_pinned() {
    let rows = [
        ("x", "a"),
        ("", "b"),
        ("YES", "c"),
        ("0", "d"),
        ("Wahr", "E"),
    ];
    let rows = rows.map(|(trust, host)| row(trust, host));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(hosts(&table(&rows)), ["a:22", "c:22", "e:22"]);
    assert_eq!(parse_review(&table(&rows)).unwrap().unticked, 2);
}

#[test]
fn a_spreadsheets_separators_marks_and_line_ends_change_nothing() {
    let plain = table(&[&row("x", "10.0.0.7")]);
    let european = plain.replace(',', ";").replace('\n', "\r\n");
    let lines = plain.lines();
    let lines = lines.map(|line| format!("\"{}\"\r\n", line.replace(',', "\",\"")));
    let quoted = lines.collect::<Vec<_>>().concat();
    let tabs = plain.replace(',', "\t");
    let marked = format!("\u{feff}{plain}");
    let named = format!("sep=;\r\n{european}");
    // LibreOffice, where nobody tells it the encoding.
    let misread = format!("ï»¿{european}");
    for text in [&plain, &european, &quoted, &tabs, &marked, &named, &misread] {
        assert_eq!(hosts(&review_text(text.as_bytes())), ["10.0.0.7:22"]);
    }
    let mut wide = vec![0xff, 0xfe];
    wide.extend(tabs.encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(UTF_16LE.name(), "UTF-16LE");
    assert_eq!(hosts(&review_text(&wide)), ["10.0.0.7:22"]);
}

#[test]
fn columns_may_move_and_others_may_come() {
    let text = format!(
        "my note;Fingerprint;public_key;host;PORT;algorithm;trust;x\n\
         ümlaut;{FINGERPRINT};{KEY} comment;'::1;22;ssh-ed25519; X ;\n;;;;;;;\n"
    );
    assert_eq!(hosts(&text), ["::1:22"]);
}

#[test]
fn a_certificate_is_pinned_by_its_fingerprint_alone() {
    let digest = format!("SHA256:{}P8", "A".repeat(41));
    let text = table(&[&format!("x,srv,5986,x509,{digest},")]);
    let reviewed = parse_review(&text).unwrap();
    assert_eq!(reviewed.problems, []);
    let (line, pin) = &reviewed.pins[0];
    assert_eq!((*line, pin.key.to_string()), (2, format!("x509 {digest}")));
}

#[test]
fn what_does_not_prove_itself_is_refused_with_its_line() {
    let good = row("x", "a");
    let mismatch = good.replace(KEY, OTHER);
    assert!(problem(&[&good, &mismatch.replace(",a,", ",b,")]).contains("not that of"));
    assert!(problem(&[&good.replace(KEY, "")]).contains("lost its public_key"));
    assert!(problem(&[&good.replace(KEY, "ssh-ed25519 AAAA")]).contains("does not read"));
    let renamed = good.replace(",ssh-ed25519,", ",ssh-rsa,");
    assert!(problem(&[&renamed]).contains("another algorithm"));
    assert!(problem(&[&good.replace(FINGERPRINT, "MD5:00")]).contains("SHA-256"));
    assert!(problem(&[&good.replace(",22,", ",0,")]).contains("no port"));
    assert!(problem(&[&good.replace(",a,", ",*.example,")]).contains("patterns"));
    assert!(problem(&[&row("maybe", "a")]).contains("neither yes nor no"));
    assert!(problem(&["x,a"]).contains("no port"));
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let (good, bad) = (row("x", "a"), row("maybe", "b"));
    let text = table(&[&good, "", "", &bad]);
    for text in [
        text.clone(),
        text.replace('\n', "\r\n"),
        format!("sep=,\n{text}"),
    ] {
        let line = text.lines().position(|line| line.starts_with("maybe"));
        let problems = parse_review(&text).unwrap().problems;
        assert_eq!(Some(problems[0].0), line.map(|line| line as u64 + 1));
    }
}

#[test]
fn two_keys_of_a_kind_cannot_both_be_right() {
    let (other, _) = read_public_key(OTHER).unwrap();
    let second = format!("x,A,22,ssh-ed25519,{},{OTHER}", other.fingerprint);
    assert!(problem(&[&row("x", "a"), &second]).starts_with("line 2 ticks"));
    // The same key twice says the same.
    let text = table(&[&row("x", "a"), &row("x", "a")]);
    assert_eq!(parse_review(&text).unwrap().problems, []);
}

#[test]
fn known_hosts_is_no_review() {
    for text in ["", "\n\n", &format!("a,b {KEY}\n"), "trust,host\nx,a\n"] {
        assert_eq!(parse_review(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(bytes: Vec<u8>, cells in "[ -~\n\"';,]{0,200}") {
        parse_review(&review_text(&bytes));
        let reviewed = parse_review(&table(&[&cells])).unwrap();
        prop_assert!(reviewed.pins.is_empty());
    }
}
