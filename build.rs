//! Tells the program what it is built of, for `--version`. It reads files and variables only: no network, no
//! other program, no clock, so that the same source gives the same bytes.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=UNDERDESK_COMMIT");
    let profile = profile();
    // Between two edits nobody wants to build again because of a commit: only what is handed out says its own.
    let is_debug = variable("PROFILE").as_deref() != Some("release");
    let commit = variable("UNDERDESK_COMMIT").or_else(|| {
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
        (!is_debug).then(|| checked_out(&root)).flatten()
    });
    for (name, value) in [
        ("COMMIT", commit.filter(|commit| is_commit(commit))),
        ("PROFILE", profile),
        ("TARGET", variable("TARGET")),
    ] {
        println!(
            "cargo::rustc-env=UNDERDESK_BUILD_{name}={}",
            value.unwrap_or_default()
        );
    }
}

fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?.into_string().ok()?;
    (!value.is_empty()).then_some(value)
}

/// The profile by its name, which only the folder tells: `target/dist/build/underdesk-…/out`. `PROFILE` says
/// release of every profile that inherits it.
fn profile() -> Option<String> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let folder = out.ancestors().nth(3)?.file_name()?.to_str()?;
    Some(folder.to_owned())
}

/// The commit that is checked out, by the files of git (gitrepository-layout(5)). Whether somebody has edited
/// files since, they do not tell.
fn checked_out(root: &Path) -> Option<String> {
    let git = git_folder(root)?;
    let log = git.join("logs/HEAD");
    if log.exists() {
        println!("cargo::rerun-if-changed={}", log.display());
    }
    let head = watched(&git.join("HEAD"))?;
    let Some(name) = head.strip_prefix("ref: ") else {
        return Some(head);
    };
    let common = fs::read_to_string(git.join("commondir"));
    let common = common.map_or_else(|_| git.clone(), |path| git.join(path.trim()));
    watched(&git.join(name))
        .or_else(|| watched(&common.join(name)))
        .or_else(|| packed(&common, name))
}

/// `.git`, or what a work tree's file of that name points to.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(root.join(text.strip_prefix("gitdir: ")?.trim()))
}

/// A file's text; the build runs again when it changes.
fn watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text.trim().to_owned())
}

fn packed(common: &Path, name: &str) -> Option<String> {
    let refs = watched(&common.join("packed-refs"))?;
    let mut refs = refs.lines().filter_map(|line| line.split_once(' '));
    refs.find(|(_, packed)| *packed == name)
        .map(|(commit, _)| commit.to_owned())
}

/// Only what looks like one goes into the program.
fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
