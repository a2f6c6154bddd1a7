//! What is in the folder of the files when several write into it, and what is left of those before.

use super::{NEW, OLD, begun_and_interrupted, desk, flags, network, sweepable};
use crate::support::{Desk, Site, Table};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

fn company(net: u8) -> Site {
    let (new, old) = (format!("127.86.{net}.1"), format!("127.86.{net}.2"));
    Site::serve(&network("folders", &[(&new, NEW), (&old, OLD)]))
}

/// A desk with a run of each of two hosts.
fn two_runs(site: &Site, net: u8) -> (Desk, [String; 2]) {
    let desk = desk(site);
    let runs = [1, 2].map(|host| {
        let words = format!("scan 127.86.{net}.{host} {} --out {host}", flags(site));
        desk.expect(0, &words);
        desk.run_id().to_string()
    });
    (desk, runs)
}

fn names(desk: &Desk, folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(desk.path(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// Whose the folder is by its manifest, which lists what is there, and nothing else.
fn owner(desk: &Desk, folder: &str) -> String {
    let manifest: Value =
        serde_json::from_str(&desk.read(&format!("{folder}/manifest.json"))).unwrap();
    let mut listed = BTreeSet::from(["manifest.json".to_owned()]);
    for entry in manifest["files"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let bytes = fs::read(desk.path(&format!("{folder}/{name}"))).unwrap();
        let hash = Sha256::digest(&bytes)
            .iter()
            .fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            });
        assert_eq!(entry["sha256"], hash, "{name}");
        listed.insert(name.to_owned());
    }
    assert_eq!(names(desk, folder), listed);
    manifest["run"]["run_id"].as_str().unwrap().to_owned()
}

#[test]
fn two_exports_into_one_folder_at_once_leave_the_files_of_one_of_them() {
    let site = company(41);
    let (desk, runs) = two_runs(&site, 41);
    fs::create_dir(desk.path("both")).unwrap();
    // What the dead left: of this version, and of those before.
    desk.write("both/.findings.csv.0123456789abcdef.part", "half");
    desk.write("both/.underdesk.html.part", "half");
    for _ in 0..4 {
        let children = runs.each_ref().map(|run| {
            let words = format!("export {run} --format csv,json,html --out both");
            desk.command(&words).spawn().unwrap()
        });
        for child in children {
            let ended = desk.end(child);
            assert_eq!(ended.code, Some(0), "{}", ended.err);
        }
        let owner = owner(&desk, "both");
        let machines = Table::open(&desk.path("both/machines.csv"));
        assert_eq!(machines.values("run_id"), [owner.as_str()]);
    }
}

#[test]
fn what_an_earlier_export_left_does_not_stay_beside_the_new_unless_somebody_changed_it() {
    let site = company(42);
    let (desk, [first, second]) = two_runs(&site, 42);
    let all = "--format csv,json,html,xlsx,cyclonedx --out latest";
    desk.expect(0, &format!("export {first} {all}"));
    assert!(names(&desk, "latest").len() > 18);
    // Another format of the same run comes beside the others.
    desk.expect(0, &format!("export {first} --format jsonl --out latest"));
    assert!(names(&desk, "latest").len() > 19);
    assert_eq!(owner(&desk, "latest"), first);
    desk.write("latest/notes.txt", "mine");
    let mut reviewed = desk.read("latest/run.json");
    reviewed.push('\n');
    desk.write("latest/run.json", &reviewed);
    let ended = desk.expect(0, &format!("export {second} --out latest"));
    let there = names(&desk, "latest");
    let strange = there
        .iter()
        .filter(|name| name.rsplit('.').next() != Some("csv"));
    let strange: Vec<&str> = strange.map(String::as_str).collect();
    assert_eq!(strange, ["manifest.json", "notes.txt", "run.json"]);
    assert_eq!(desk.read("latest/run.json"), reviewed);
    let said = |what: &str| ended.err.lines().find(|line| line.contains(what));
    let removed = said("removed from latest").expect("it says what it removed");
    assert!(
        removed.contains("underdesk.xlsx") && removed.contains(&first),
        "{removed}"
    );
    let left = said("left in latest").expect("it says what it left");
    assert!(left.contains("run.json") && left.contains(&first), "{left}");
    fs::remove_file(desk.path("latest/run.json")).unwrap();
    fs::remove_file(desk.path("latest/notes.txt")).unwrap();
    assert_eq!(owner(&desk, "latest"), second);
}

#[test]
fn what_was_weighed_otherwise_does_not_stay_beside_the_new() {
    let site = company(47);
    let desk = desk(&site);
    let scan = format!(
        "scan 127.86.47.2 {} --format csv,json --out out",
        flags(&site)
    );
    desk.expect(0, &scan);
    let findings = Table::open(&desk.path("out/findings.csv"));
    let missing = findings.rows_where("state", "missing");
    let finding = findings.cell(missing[0], "finding_id");
    let low = "[[severity]]\nid = 'low'\nhost = '*'\nset = 'low'\nreason = 'a lab'\n";
    desk.write("low.toml", low);
    desk.write("list.csv", "Name,IP Address\nnobody,127.86.47.2\n");
    desk.write("rules.toml", "# nothing yet\n");
    desk.write("edited.csv", &format!("finding_id,owner\n{finding},bob\n"));
    // What is weighed as before comes beside it.
    desk.expect(0, "export --format jsonl --out out");
    assert!(names(&desk, "out").contains("findings.csv"));
    let except =
        format!("except add --finding {finding} --owner ada --reason lab --until 2999-12-31");
    for (first, flag) in [
        ("", "--policy low.toml"),
        ("", "--known CMDB=list.csv"),
        ("", "--merge-rules rules.toml"),
        ("", "--no-merge"),
        ("import edited.csv --yes", ""),
        (&except, ""),
    ] {
        desk.expect(0, "export --format csv --out out");
        if !first.is_empty() {
            desk.expect(0, first);
        }
        let ended = desk.expect(0, &format!("export --format json {flag} --out out"));
        let there = names(&desk, "out");
        let both = ["manifest.json".to_owned(), "run.json".to_owned()];
        assert_eq!(there, BTreeSet::from(both), "{first} {flag}");
        owner(&desk, "out");
        let said = "removed from out, for this export has no such files: ";
        assert!(ended.err.contains(said), "{}", ended.err);
    }
}

#[test]
fn a_folder_that_takes_no_files_is_said_before_anything_is_sent() {
    let site = company(43);
    let desk = desk(&site);
    desk.write("file", "");
    let (port, flags) = (site.port(22), flags(&site));
    for words in [
        format!("sweep 127.86.43.1 --ports {port} --out file"),
        format!("scan 127.86.43.1 {flags} --out file"),
        format!("scan 127.86.43.1 {flags} --out file/below"),
    ] {
        let ended = desk.expect(2, &words);
        assert!(ended.err.contains("nothing was sent"), "{}", ended.err);
    }
    assert!(site.seen().connections.is_empty());
    assert!(desk.latest().is_none(), "a run was begun");
    // One that is there, and one that is not, stay as they are.
    fs::create_dir(desk.path("there")).unwrap();
    let ended = desk.expect(2, &format!("scan 127.86.43 {flags} --out new"));
    assert!(!desk.path("new").exists(), "{}", ended.err);
    let no_secret = "[[credential]]\nid = 'a'\ntype = 'ssh-password'\nuser = 'a'\n\
                     password = { env = 'NOT_SET' }\nscope = ['127.0.0.0/8']\n";
    desk.write("no-secret.toml", no_secret);
    for out in ["new/a/b", "there/a/b"] {
        let words = format!("{flags} --credentials no-secret.toml --no-input --out {out}");
        let ended = desk.expect(2, &format!("scan 127.86.43.1 {words}"));
        assert!(ended.err.contains("NOT_SET is not set"), "{}", ended.err);
    }
    assert!(!desk.path("new").exists() && !desk.path("there/a").exists());
    desk.expect(0, &format!("scan 127.86.43.1 {flags} --out there"));
}

#[test]
fn where_the_files_cannot_be_written_the_run_is_summed_up_all_the_same() {
    let site = company(44);
    let desk = desk(&site);
    fs::create_dir_all(desk.path("out/machines.csv")).unwrap();
    let ended = desk.expect(1, &format!("scan 127.86.44.1-2 {} --out out", flags(&site)));
    assert!(
        ended.err.contains("machines   2, 2 of them read"),
        "{}",
        ended.err
    );
    let run = desk.run_id();
    let again = format!("underdesk export {run} --format csv --out DIR");
    assert!(ended.err.contains(&again), "{}", ended.err);
    // None of them is in place.
    assert_eq!(
        names(&desk, "out"),
        BTreeSet::from(["machines.csv".to_owned()])
    );
    desk.expect(0, &format!("export {run} --format csv --out elsewhere"));
}

#[test]
fn an_interrupted_run_whose_files_cannot_be_written_is_interrupted_first() {
    let site = sweepable("127.86.48");
    let desk = desk(&site);
    fs::create_dir_all(desk.path("out/machines.csv")).unwrap();
    let port = site.port(22);
    let words = format!("sweep 127.86.48.1-254 --ports {port} --rate 20 --seed 3 --out out");
    let ended = begun_and_interrupted(&desk, &site, &words);
    assert_eq!(ended.code, Some(130), "{}", ended.err);
    for said in ["machines.csv is a folder there", "underdesk scan --resume"] {
        assert!(ended.err.contains(said), "{}", ended.err);
    }
}
