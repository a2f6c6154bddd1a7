//! The version orders, against the packaging systems' own programs, about pairs that nobody wrote down.
//!
//! Each runs where a switch says that its program is there: `UNDERDESK_PEER_RPM`, `UNDERDESK_PEER_PACMAN`,
//! `UNDERDESK_PEER_APK`, `UNDERDESK_PEER_PKG`, each `1`. (dpkg's is beside its order.)

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::cmp::Ordering;
use std::fs;
use std::process::Command;
use underdesk::version::{ApkVersion, Order, Place};

/// A program that compares one pair, and its words for less, equal and greater.
struct Peer {
    order: Order,
    switch: &'static str,
    command: &'static [&'static str],
    words: [&'static str; 3],
}

const PACMAN: Peer = Peer {
    order: Order::Pacman,
    switch: "UNDERDESK_PEER_PACMAN",
    command: &["vercmp"],
    words: ["-1", "0", "1"],
};
const APK: Peer = Peer {
    order: Order::Apk,
    switch: "UNDERDESK_PEER_APK",
    command: &["apk", "version", "-t"],
    words: ["<", "=", ">"],
};
const PKG: Peer = Peer {
    order: Order::FreeBsd,
    switch: "UNDERDESK_PEER_PKG",
    command: &["pkg", "version", "-t"],
    words: ["<", "=", ">"],
};

#[expect(
    clippy::disallowed_methods,
    reason = "a test's own switch, not a setting"
)]
fn is_on(switch: &str) -> bool {
    let on = std::env::var(switch).as_deref() == Ok("1");
    if !on {
        eprintln!("SKIPPED: set {switch}=1 where its program is installed to run this");
    }
    on
}

/// Pairs to compare: one half unrelated, the other of versions that begin the same. The same in each run.
fn pairs(count: usize, begin: &str, end: &str) -> Vec<(String, String)> {
    let regex = |text: &str| proptest::string::string_regex(text).unwrap();
    let whole = || (regex(begin), regex(end)).prop_map(|(begin, end)| begin + &end);
    let unrelated = (whole(), whole());
    let related = (regex(begin), regex(end), regex(end))
        .prop_map(|(begin, a, b)| (begin.clone() + &a, begin + &b));
    let either = proptest::prop_oneof![unrelated, related];
    let mut runner = TestRunner::deterministic();
    let mut next = || either.new_tree(&mut runner).unwrap().current();
    (0..count).map(|_| next()).collect()
}

fn place(order: Order, text: &str) -> Place<'_> {
    Place::parse(order, text).unwrap_or_else(|| panic!("not a version: {text:?}"))
}

/// Compares as the tools do: pacman's leaves out a pkgrel that either side lacks.
fn compare(order: Order, a: &str, b: &str) -> Ordering {
    let (first, second) = (place(order, a), place(order, b));
    let found = match order {
        Order::Pacman if b.contains('-') => second.against(&first).map(Ordering::reverse),
        _ => first.against(&second),
    };
    found.unwrap()
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the program is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn check(peer: &Peer, pairs: &[(String, String)]) {
    for (a, b) in pairs {
        let mut command = Command::new(peer.command[0]);
        command.args(&peer.command[1..]).args([a, b]);
        let said = output(&mut command);
        let at = peer.words.iter().position(|word| *word == said.trim());
        let at = at.unwrap_or_else(|| panic!("{:?} says {said:?}", peer.command));
        let expected = [Ordering::Less, Ordering::Equal, Ordering::Greater][at];
        let found = compare(peer.order, a, b);
        assert_eq!(found, expected, "{:?}: {a} against {b}", peer.order);
    }
}

/// In one batch: rpm's interpreter of Lua compares them all.
#[test]
fn agrees_with_the_rpm_of_this_machine() {
    if !is_on("UNDERDESK_PEER_RPM") {
        return;
    }
    let real = pairs(
        3_000,
        "([0-2]:)?[0-9]{1,3}\\.[0-9]{1,2}",
        "(\\.[0-9]{1,3})?([~^](rc|git)[0-9]{0,2})?-[0-9]{1,2}(\\.el[89](_[0-9])?)?(\\.[0-9])?",
    );
    let hostile = pairs(
        6_000,
        "(0?[0-2]:)?[0-9abA~^._+é]{1,5}",
        "[0-9abA~^._+é]{0,5}-[0-9a~^._+]{1,4}",
    );
    let pairs: Vec<_> = real.into_iter().chain(hostile).collect();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("pairs.lua");
    let asked = pairs
        .iter()
        .map(|(a, b)| format!("io.write(rpm.vercmp(\"{a}\", \"{b}\"), \" \")\n"));
    fs::write(&script, asked.collect::<String>()).unwrap();
    let evaluated = format!("%{{lua: dofile(\"{}\")}}", script.display());
    let said = output(Command::new("rpm").args(["--eval", &evaluated]));
    let said: Vec<i32> = said
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    assert_eq!(said.len(), pairs.len());
    for ((a, b), said) in pairs.iter().zip(said) {
        let found = place(Order::Rpm, a).partial_cmp(&place(Order::Rpm, b));
        assert_eq!(found, Some(said.cmp(&0)), "{a} against {b}");
    }
}

/// Without versions that end in a separator: about those vercmp goes in circles.
#[test]
fn agrees_with_the_vercmp_of_this_machine() {
    if !is_on(PACMAN.switch) {
        return;
    }
    let real = pairs(
        500,
        "([12]:)?[0-9]{1,3}\\.[0-9]{1,2}",
        "(\\.[0-9]{1,3})?([.+]?(rc|a|beta|r)[0-9]{0,2})?(-[0-9](\\.[0-9])?)?",
    );
    let hostile = pairs(
        1_000,
        "(0?[0-2]:)?([0-9abA][._+]{0,2}){1,3}",
        "([0-9abA][._+]{0,2}){0,3}[0-9abA](-[0-9]{1,2}(\\.[0-9])?)?",
    );
    check(&PACMAN, &real);
    check(&PACMAN, &hostile);
}

/// Of what no package may have as its version, apk only says so.
#[test]
fn agrees_with_the_apk_of_this_machine() {
    if !is_on(APK.switch) {
        return;
    }
    let suffix =
        "(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]{0,2}){0,2}(~[0-9a-f]{1,3})?(-r[0-9]{1,2})?";
    let real = pairs(
        700,
        "[0-9]{1,2}(\\.[0-9]{1,3}){0,2}",
        &format!("(\\.[0-9]{{1,2}})?[a-c]?{suffix}"),
    );
    let mut hostile = pairs(4_000, "[0-9][0-9a._]{0,4}", "[0-9abprc._~-]{0,4}[0-9]");
    let is_valid = |text: &str| ApkVersion::parse(text).unwrap().is_valid();
    for (text, _) in &hostile {
        let mut apk = Command::new("apk");
        apk.args(["version", "--check", text]);
        let said = apk.output().expect("apk is installed").status.success();
        assert_eq!(is_valid(text), said, "{text}");
    }
    hostile.retain(|(a, b)| is_valid(a) && is_valid(b));
    assert!(hostile.len() > 100);
    check(&APK, &real);
    check(&APK, &hostile);
}

#[test]
fn agrees_with_the_pkg_of_this_machine() {
    if !is_on(PKG.switch) {
        return;
    }
    let real = pairs(
        700,
        "[0-9]{1,3}\\.[0-9]{1,2}",
        "(\\.[0-9]{1,3})?(\\.?(pl|snap|alpha|beta|pre|rc|a|b|p)[0-9]{0,2})?(_[0-9]{1,2})?(,[0-9])?",
    );
    let hostile = pairs(
        800,
        "[0-9a-cZ.+*]{1,5}",
        "[0-9a-cZ.+*]{0,5}(_[0-9])?(,[0-9])?",
    );
    check(&PKG, &real);
    check(&PKG, &hostile);
}
