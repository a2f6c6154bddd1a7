//! Every address in scope is counted exactly once, whatever the targets look like.

use crate::support::{Desk, Table, deaf, signal};
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// A port on which nobody listens; loopback answers for it, everywhere.
const SWEEP: &str = "--ports 47123 --ssh-port 47123 --fast --out out";

/// Targets, and how many addresses they are: in scope, excluded. The first and the last address of a
/// network are no hosts.
const SHAPES: &[(&str, u128, u128)] = &[
    ("127.90.0.1", 1, 0),
    ("127.90.0.0/28", 14, 2),
    ("127.90.0.0/22", 1_022, 2),
    ("127.90.0.250-260", 0, 0),
    ("127.90.0.10-19", 10, 0),
    ("127.90.0-2.1-20", 60, 0),
    ("127.90.0.1-20 127.90.0.11-30 127.90.0.15", 30, 0),
    ("127.90.0.1-20 !127.90.0.5-9", 15, 5),
    (
        "127.90.0.1-20 --exclude 127.90.0.1,127.90.0.20,127.99.0.1",
        18,
        2,
    ),
    ("127.90.0.1-20 --exclude-file out.txt", 17, 3),
    ("@list.txt", 13, 1),
    ("::1 127.90.0.1", 2, 0),
    // Too large to be swept, and on no link: nobody is found there.
    ("127.90.0.1 fd6b:5f0c:93d1:7::/64", 1, 0),
];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("out.txt", "# not these\n127.90.0.3\n127.90.0.4-5\n");
    desk.write(
        "list.txt",
        "127.90.3.1-10 owner=Ada # ten\n\n@more.txt\n!127.90.3.2\n",
    );
    desk.write("more.txt", "127.90.4.7\n127.90.4.8-10\n");
    desk
}

fn sums(desk: &Desk) -> [u128; 7] {
    let table = Table::open(&desk.path("out/coverage.csv"));
    let columns = [
        "in_scope",
        "excluded",
        "swept",
        "answered",
        "silent",
        "not_begun",
        "assessed",
    ];
    let sums = columns.map(|column| table.sum(column));
    let manifest: Value = serde_json::from_str(&desk.read("out/manifest.json")).unwrap();
    let same = columns.map(|column| u128::from(manifest["addresses"][column].as_u64().unwrap()));
    assert_eq!(sums, same);
    for row in &table.rows {
        let count = |column| table.cell(row, column).parse::<u128>().unwrap();
        let parts = count("answered") + count("silent") + count("not_begun");
        assert_eq!(count("in_scope"), parts, "{row:?}");
        assert_eq!(
            count("swept"),
            count("answered") + count("silent"),
            "{row:?}"
        );
    }
    sums
}

#[test]
fn the_sums_are_the_scope_for_every_shape_of_targets() {
    let desk = desk();
    for (targets, scope, excluded) in SHAPES {
        if *scope == 0 {
            desk.expect(2, &format!("sweep {targets} {SWEEP}"));
            continue;
        }
        desk.expect(0, &format!("sweep {targets} {SWEEP}"));
        let expected = [*scope, *excluded, *scope, *scope, 0, 0, 0];
        assert_eq!(sums(&desk), expected, "{targets}");
    }
}

#[test]
fn targets_from_standard_input_are_counted_as_well() {
    let desk = desk();
    let mut command = desk.command(&format!("sweep - {SWEEP}"));
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"127.90.0.1-7\n!127.90.0.2\n")
        .unwrap();
    assert_eq!(desk.end(child).code, Some(0));
    assert_eq!(sums(&desk), [6, 1, 6, 6, 0, 0, 0]);
}

#[test]
fn who_does_not_answer_is_silent_and_who_was_not_asked_is_not_begun() {
    let desk = desk();
    // One of its own for each process, and none that a polite sweep leaves alone.
    let port = 21_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let _deaf: Vec<_> = (1..=3)
        .map(|last| deaf([127, 90, 9, last].into(), port))
        .collect();
    let flags = format!("--ports {port} --ssh-port {port} --out out");
    let words = format!("sweep 127.90.9.0/24 !127.90.9.200-209 --rate 100 --seed 5 {flags}");
    let child = desk.command(&words).spawn().unwrap();
    thread::sleep(Duration::from_millis(1_200));
    signal(child.id(), Signal::INT);
    let ended = desk.end(child);
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    let [scope, excluded, swept, answered, silent, not_begun, _] = sums(&desk);
    assert_eq!((scope, excluded), (244, 10 + 2));
    assert!(
        answered > 0 && not_begun > 0 && silent <= 3,
        "{answered} {silent} {not_begun}"
    );
    assert_eq!(scope, swept + not_begun);
    let resume = format!("sweep --resume {} --out out", desk.run_id());
    desk.expect(0, &resume);
    assert_eq!(sums(&desk), [244, 12, 244, 241, 3, 0, 0]);
}
