//! Rules of the operator's own for programs: they reach every verdict, and what is wrong with one is said.

use crate::support::{Desk, Table};
use serde_json::Value;
use std::path::Path;

/// A bulletin on a program that the recorded Windows 11 calls something else.
pub(crate) const BULLETINS: &str =
    "product,fixed_version,cve,severity\nPrecision Meter 2024,2024.2,CVE-2099-0002,high\n";

/// What it is called there.
pub(crate) const RULES: &str = r#"
[[program]]
name = ["Großzügige Messwerterfassung*"]
publisher = ["Larkspur Instruments*"]
product = ["precision meter {1}"]
"#;

/// The same program taken for another.
const OTHERS: &str = r#"
[[program]]
name = ["großzügige*"]
product = ["something else"]
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("own.csv", BULLETINS);
    desk.write("own.toml", RULES);
    desk.write("others.toml", OTHERS);
    desk.expect(0, "catalog import own.csv");
    desk
}

fn recording() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/windows-11-24h2");
    format!("--recording {}", folder.display())
}

/// The states and confidences of the program's flaw in a folder of files.
fn verdicts(desk: &Desk, folder: &str) -> Vec<[String; 2]> {
    let findings = Table::open(&desk.path(folder).join("findings.csv"));
    let rows = findings.rows_where("bulletin_id", "CVE-2099-0002");
    let cell = |row: &Vec<String>, column| findings.cell(row, column).to_owned();
    let rows = rows.into_iter();
    rows.map(|row| [cell(row, "state"), cell(row, "confidence")])
        .collect()
}

fn missing() -> Vec<[String; 2]> {
    vec![["missing".to_owned(), "high".to_owned()]]
}

#[test]
fn a_program_that_only_an_operators_rule_knows_is_judged_by_it() {
    let desk = desk();
    let words = format!("match {}", recording());
    desk.expect(3, &format!("{words} --out without"));
    assert!(verdicts(&desk, "without").is_empty());
    desk.expect(3, &format!("{words} --programs own.toml --out with"));
    assert_eq!(verdicts(&desk, "with"), missing());
    let digest = |folder: &str| {
        let manifest = desk.read(&format!("{folder}/manifest.json"));
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        manifest["run"]["programs_digest"].clone()
    };
    assert_eq!(digest("without"), Value::Null);
    assert_eq!(
        digest("with"),
        underdesk::matching::windows::Rules::read(RULES)
            .unwrap()
            .digest()
    );
    // Of several files the first is asked first.
    let both = "--programs others.toml --programs own.toml";
    desk.expect(3, &format!("{words} {both} --out both"));
    assert_eq!(
        verdicts(&desk, "both"),
        missing(),
        "one that fits by publisher too goes first"
    );
    let explain = format!("explain WS-FEIN-12 CVE-2099-0002 {}", recording());
    let shown = |words: &str| desk.expect(0, &format!("{explain} {words}")).out;
    let (with, without) = (shown("--programs own.toml"), shown(""));
    assert!(
        with.contains("missing") && with.contains("2024.2"),
        "{with}"
    );
    assert_ne!(with, without);
}

#[test]
fn what_to_install_has_the_address_size_hash_and_switch_of_the_file_for_the_machine() {
    let desk = desk();
    let sum = "0f".repeat(32);
    let file = |arch: &str| {
        format!(
            "Precision Meter 2024,2024.2,CVE-2099-0002,{arch},https://example.org/{arch}.msi,4096,{sum},/quiet\n"
        )
    };
    let head =
        "product,fixed_version,cve,arch,download_url,download_size,download_sha256,silent_switch\n";
    desk.write(
        "files.csv",
        &format!("{head}{}{}", file("x64"), file("x86")),
    );
    desk.expect(0, "catalog import files.csv");
    let words = format!("match {} --programs own.toml", recording());
    desk.expect(3, &format!("{words} --out out"));
    let table = Table::open(&desk.path("out/remediation.csv"));
    let row = table
        .rows
        .iter()
        .find(|row| table.cell(row, "title").contains("2024.2"))
        .unwrap();
    assert_eq!(table.cell(row, "download"), "https://example.org/x64.msi");
    assert_eq!(table.cell(row, "download_size"), "4096");
    assert_eq!(table.cell(row, "download_hash"), format!("sha256:{sum}"));
    assert_eq!(table.cell(row, "silent_switch"), "/quiet");
    // Where only another architecture's file is known, there is none.
    let desk = self::desk();
    desk.write("files.csv", &format!("{head}{}", file("arm64")));
    desk.expect(0, "catalog import files.csv");
    desk.expect(3, &format!("{words} --out out"));
    let table = Table::open(&desk.path("out/remediation.csv"));
    let row = table
        .rows
        .iter()
        .find(|row| table.cell(row, "title").contains("2024.2"))
        .unwrap();
    for column in [
        "download",
        "download_size",
        "download_hash",
        "silent_switch",
    ] {
        assert_eq!(table.cell(row, column), "", "{column}");
    }
}

#[test]
fn the_rules_may_be_named_by_flag_environment_or_file() {
    let desk = desk();
    let words = format!("match {}", recording());
    let found = |flag: &str, variable: &str| {
        let mut command = desk.command(&format!("{words} {flag} --out out"));
        command.env("UNDERDESK_PROGRAMS", variable);
        let ended = desk.end(command.spawn().unwrap());
        assert_eq!(ended.code, Some(3), "{}", ended.err);
        !verdicts(&desk, "out").is_empty()
    };
    assert!(found("", "own.toml"));
    assert!(found("", "others.toml:own.toml"));
    assert!(!found("--programs others.toml", "own.toml"));
    desk.write("underdesk.toml", "programs = [\"own.toml\"]\n");
    assert!(found("", ""));
    assert!(!found("", "others.toml"));
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_its_file_and_line() {
    let desk = desk();
    for (name, text) in [
        (
            "key.toml",
            "# mine\n\n[[program]]\nname = [\"x\"]\nproducts = [\"x\"]\n",
        ),
        ("cut.toml", "[[program]]\nname = [\"x\"\n"),
        (
            "open.toml",
            "[[program]]\nname = [\"*\"]\nproduct = [\"x\"]\n",
        ),
        (
            "never.toml",
            "\n[[program]]\nname = [\"till 1.2 (x64)\"]\nproduct = [\"till\"]\n",
        ),
        (
            "number.toml",
            "[[program]]\nname = [\"till\"]\nproduct = [\"till {3}\"]\n",
        ),
    ] {
        desk.write(name, text);
    }
    std::fs::write(desk.path("latin.toml"), b"# f\xfcr uns\n").unwrap();
    let mut text = String::new();
    for name in [
        "key.toml",
        "cut.toml",
        "open.toml",
        "never.toml",
        "number.toml",
        "latin.toml",
        "nowhere.toml",
    ] {
        let words = format!("match --programs {name} {} --out out", recording());
        text += &desk.expect(2, &words).err;
        assert!(!desk.path("out").exists(), "{name}");
    }
    text += &desk
        .expect(2, "scan 127.0.0.1 --dry-run --programs open.toml")
        .err;
    text += &desk
        .expect(2, "scan --resume r-none --programs own.toml")
        .err;
    insta::assert_snapshot!("programs-refused", text);
}
