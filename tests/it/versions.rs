//! The version orders, against the vectors that the packaging systems themselves are tested with.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use underdesk::version::{ApkVersion, Order, Place};

/// The folder of vectors, which is not in this repository: `data/versions` in the folder that
/// `UNDERDESK_SHARED` names, or in `../shared`.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's own switch, not a setting"
)]
fn vectors() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var("UNDERDESK_SHARED").map_or_else(|_| beside(), PathBuf::from);
    let folder = shared.join("data/versions");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no vectors at {}: the version orders are checked by our own pairs alone. Set UNDERDESK_SHARED.",
        folder.display()
    );
    None
}

fn rows(file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn order_of(file: &str) -> Order {
    for (begin, order) in [
        ("dpkg", Order::Dpkg),
        ("rpm", Order::Rpm),
        ("apk", Order::Apk),
        ("pacman", Order::Pacman),
        ("freebsd", Order::FreeBsd),
    ] {
        if file.starts_with(begin) {
            return order;
        }
    }
    panic!("whose versions are in {file}?");
}

fn place(order: Order, text: &str) -> Place<'_> {
    Place::parse(order, text).unwrap_or_else(|| panic!("not a version: {text:?}"))
}

/// How the tool that these vectors are of compares. pacman's does not compare a pkgrel that either side
/// lacks; apk's compares what is no version as well.
fn compare(order: Order, a: &str, b: &str) -> Ordering {
    if order == Order::Apk {
        return ApkVersion::parse(a).cmp(&ApkVersion::parse(b));
    }
    let (first, second) = (place(order, a), place(order, b));
    let found = match order {
        Order::Pacman if b.contains('-') => second.against(&first).map(Ordering::reverse),
        Order::Pacman => first.against(&second),
        _ => first.partial_cmp(&second),
    };
    found.unwrap()
}

#[test]
fn every_row_of_the_vectors_is_right() {
    let Some(folder) = vectors() else { return };
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|end| end != "tsv") || name == "apk-ops.tsv" {
            continue;
        }
        let order = order_of(&name);
        for row in rows(&path) {
            let (a, word, b) = (&row[0], &row[1], &row[2]);
            let expected = match word.as_str() {
                "<" => Ordering::Less,
                "=" => Ordering::Equal,
                ">" => Ordering::Greater,
                other => panic!("{name}: {other}"),
            };
            count += 1;
            if compare(order, a, b) != expected || compare(order, b, a) != expected.reverse() {
                wrong.push(format!("{name}: {a} {word} {b}"));
            }
        }
    }
    assert!(count > 29_000, "only {count} rows");
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
}

#[test]
fn every_row_of_apks_operators_is_right() {
    let Some(folder) = vectors() else { return };
    let rows = rows(&folder.join("apk-ops.tsv"));
    assert!(rows.len() >= 16);
    for row in rows {
        let (own, operator, bound) = (row[0].as_str(), row[1].as_str(), row[2].as_str());
        let parse = |text| ApkVersion::parse(text).unwrap();
        let order = parse(own).cmp_fuzzy(&parse(bound));
        let holds = match operator {
            "~" => order.is_eq(),
            "<~" => order.is_le(),
            ">~" => order.is_ge(),
            "!~" => order.is_ne(),
            other => panic!("{other}"),
        };
        assert!(holds, "{own} {operator} {bound}");
    }
}

#[test]
fn what_apk_does_not_let_a_package_have_is_not_valid() {
    let Some(folder) = vectors() else { return };
    let rows = rows(&folder.join("apk-valid.txt"));
    assert!(rows.len() >= 30);
    for row in rows {
        let (text, expected) = match row[0].strip_prefix('!') {
            Some(text) => (text, false),
            None => (row[0].as_str(), true),
        };
        let is_valid = ApkVersion::parse(text).is_some_and(|version| version.is_valid());
        assert_eq!(is_valid, expected, "{text:?}");
    }
}
