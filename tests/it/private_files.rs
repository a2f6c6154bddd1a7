//! What the program writes is its owner's alone, whatever the umask says.

use crate::support::{Desk, Ended, Site, credential};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const HOSTS: &str = r#"
schema = 1
name = "private"

[[host]]
name = "one"
addresses = ["127.88.3.1"]
recording = "debian-12-old"
logins = [{ user = "audit", key = "demo" }]
"#;

/// Runs the program as somebody does whose new files everybody may read and write.
fn run(desk: &Desk, umask: &str, words: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_underdesk");
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("umask {umask}; exec {program} {words}")])
        .current_dir(desk.path(""))
        .env_clear()
        .env("HOME", desk.path("home"))
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = desk.end(shell.spawn().unwrap());
    let ended_well = matches!(ended.code, Some(0 | 3 | 4 | 5));
    assert!(ended_well, "{words}: {:?}\n{}", ended.code, ended.err);
    ended
}

/// Every file and folder below one, with its permissions.
fn below(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        found.push((path.clone(), meta.permissions().mode() & 0o777));
        if meta.is_dir() {
            found.extend(below(&path));
        }
    }
    found
}

#[test]
fn the_store_the_catalogue_and_every_output_are_the_owners_alone_whatever_the_umask() {
    let site = Site::serve(HOSTS);
    let desk = Desk::without_catalog();
    desk.write("known_hosts", &site.known_hosts());
    desk.write("demo.key", &site.key("demo"));
    let entry = credential("audit", "audit", "demo.key", "127.88.3.1");
    desk.write("credentials.toml", &entry);
    let ours: BTreeSet<PathBuf> = below(&desk.path(""))
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let feeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/feeds/osv/families.jsonl");
    let port = site.port(22);
    let scan =
        format!("scan 127.88.3.1 --ssh-port {port} --ports {port} --known-hosts known_hosts");
    for words in [
        format!("catalog import {}", feeds.display()),
        format!("{scan} --out one --record recorded --receipt"),
        format!("{scan} --out two --format csv,jsonl,facts"),
        "catalog export carried.catalog".to_owned(),
        "plan --format csv,ansible,txt,powershell-wsus --out planned".to_owned(),
        "diff --out changed".to_owned(),
        "match --recording recorded/127.88.3.1 --out matched".to_owned(),
        format!("trust scan 127.88.3.1 --ssh-port {port} -o review.csv"),
    ] {
        run(&desk, "000", &words);
    }
    let id = desk.run_id();
    run(&desk, "000", &format!("runs export {id} carried.run"));
    // While a store is open, its log and its index are there too.
    let store = desk.store();
    store.latest_run().wait().unwrap();
    let made: Vec<_> = below(&desk.path(""))
        .into_iter()
        .filter(|(path, _)| !ours.contains(path))
        .collect();
    for wanted in [
        "underdesk.db",
        "underdesk.db-wal",
        "underdesk.db-shm",
        "catalog.db",
        "machines.csv",
        "manifest.json",
        "127.88.3.1.txt",
        "uname.txt",
        "carried.catalog",
        "carried.run",
        "changes.csv",
        "review.csv",
    ] {
        let is_there = made.iter().any(|(path, _)| path.ends_with(wanted));
        assert!(is_there, "{wanted} was not made");
    }
    for (path, mode) in made {
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}

#[test]
fn what_is_written_for_everybody_is_as_the_umask_says() {
    let desk = Desk::without_catalog();
    run(&desk, "022", "man --out man1");
    let pages = below(&desk.path("man1"));
    assert!(pages.len() > 30);
    for (path, mode) in pages {
        assert_eq!(mode, 0o644, "{}", path.display());
    }
}

/// A link at the place of a draft is not followed: what it points to stays, and no file of ours is somebody
/// else's.
#[test]
fn a_draft_is_never_written_through_a_link() {
    let site = Site::serve(HOSTS);
    let desk = Desk::at(&site, "audit", "127.88.3.1");
    desk.write("precious", "stays");
    fs::create_dir(desk.path("out")).unwrap();
    for name in ["machines.csv", "manifest.json"] {
        let draft = desk.path(&format!("out/.{name}.part"));
        std::os::unix::fs::symlink(desk.path("precious"), draft).unwrap();
    }
    let port = site.port(22);
    run(
        &desk,
        "022",
        &format!(
            "scan 127.88.3.1 --ssh-port {port} --ports {port} --known-hosts known_hosts --out out"
        ),
    );
    assert_eq!(desk.read("precious"), "stays");
    assert!(desk.read("out/machines.csv").contains("127.88.3.1"));
    let meta = desk.path("out/machines.csv").symlink_metadata().unwrap();
    assert!(meta.is_file());
}
