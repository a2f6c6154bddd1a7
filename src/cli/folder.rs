//! The folder that documents go into: they are drafts beside what is there, and moved into place when all are whole.
//! One process at a time writes into a folder, and what an earlier export left there does not stay beside the new.

use super::{Stop, complain};
use crate::model::{RunSummary, hex};
use crate::os;
use crate::report::{self, FileEntry, Options, Sink, for_terminal};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Component, Path, PathBuf};

/// What a folder of documents is listed in.
const MANIFEST: &str = "manifest.json";
/// What is written only to see that files can be.
const TRIAL: &str = "underdesk";
/// The largest manifest that is read: of more than a hundred thousand documents.
const LONGEST: u64 = 64 << 20;
/// How many files are named in a line.
const NAMED: usize = 6;

/// A folder that documents are written into. Drafts that are not in place when it is dropped are taken away: on a
/// full disk they would be in the way.
pub(super) struct Folder {
    path: PathBuf,
    /// What no other process has in the names of its drafts.
    mark: String,
    names: Vec<String>,
    /// Keeps others out; `None` where the file system knows no locks.
    lock: Option<File>,
}

impl Folder {
    /// Makes a folder where there is none, and waits until nobody else writes into it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let opened = Self {
            path: folder.to_owned(),
            mark: mark(),
            names: Vec::new(),
            lock: lock(folder),
        };
        // Whoever wrote these has ended, for he would keep us out.
        if opened.lock.is_some() {
            opened.take_away(is_draft).ok();
        }
        Ok(opened)
    }

    fn draft(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.{}.part", self.mark))
    }

    /// Moves the drafts into place, and touches nothing else.
    pub(super) fn place(mut self) -> io::Result<()> {
        self.must_fit()?;
        self.names.iter().try_for_each(|name| self.rename(name))?;
        self.names.clear();
        Ok(())
    }

    /// Of the documents that an export before this one wrote, those that are as they were, and of the same run in the
    /// same shape: they stay.
    pub(super) fn kept(&self, run: &RunSummary, options: &Options) -> Vec<FileEntry> {
        let before = Manifest::read(&self.path);
        let before = before.filter(|before| before.is_of(run, options));
        let files = before.into_iter().flat_map(|before| before.files);
        files
            .filter(|entry| is_plain(entry) && is_unchanged(entry, &self.path) == Some(true))
            .collect()
    }

    /// Moves the drafts of an export into place, the manifest last, and takes away what the export before it left and
    /// this one has not and does not keep: it would be taken for a part of it. What somebody has changed since stays.
    pub(super) fn settle(mut self, kept: &[FileEntry], is_old: fn(&str) -> bool) -> io::Result<()> {
        self.must_fit()?;
        let before = Manifest::read(&self.path);
        let names: BTreeSet<String> = self.names.iter().cloned().collect();
        let kept: BTreeSet<&str> = kept.iter().map(|entry| entry.name.as_str()).collect();
        let stays = |name: &str| names.contains(name) || kept.contains(name);
        // Until the manifest is there, that of before tells the next export what is to be taken away.
        for name in names.iter().filter(|name| *name != MANIFEST) {
            self.rename(name)?;
        }
        let mut changed = BTreeSet::new();
        let mut gone = Vec::new();
        for entry in before.iter().flat_map(|before| &before.files) {
            if stays(&entry.name) || !is_plain(entry) {
                continue;
            }
            match is_unchanged(entry, &self.path) {
                None => {}
                Some(true) => {
                    remove(&self.path.join(&entry.name))?;
                    gone.push(entry.name.as_str());
                }
                Some(false) => {
                    changed.insert(entry.name.as_str());
                }
            }
        }
        self.take_away(|name| is_old(name) && !stays(name) && !changed.contains(name))?;
        if names.contains(MANIFEST) {
            self.rename(MANIFEST)?;
        }
        self.names.clear();
        if let Some(before) = &before {
            before.tell(&self.path, &gone, &changed);
        }
        Ok(())
    }

    /// Nothing is moved where not all can be.
    fn must_fit(&self) -> io::Result<()> {
        for name in &self.names {
            let meta = fs::symlink_metadata(self.path.join(name));
            if meta.is_ok_and(|meta| meta.is_dir()) {
                let why = format!("{name} is a folder there");
                return Err(io::Error::new(io::ErrorKind::IsADirectory, why));
            }
        }
        Ok(())
    }

    fn rename(&self, name: &str) -> io::Result<()> {
        fs::rename(self.draft(name), self.path.join(name))
    }

    /// Removes the files with such names.
    fn take_away(&self, is_it: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_it = name.to_str().is_some_and(&is_it);
            if is_it && !entry.file_type()?.is_dir() {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for name in &self.names {
            fs::remove_file(self.draft(name)).ok();
        }
    }
}

impl Sink for Folder {
    fn file(&mut self, name: &str) -> io::Result<Box<dyn Write>> {
        let draft = self.draft(name);
        self.names.push(name.to_owned());
        Ok(Box::new(create(&draft)?))
    }
}

/// Sees that files can be written into a folder, before there is anything to write: hours later is late. A folder
/// that is not there is not there afterwards, and none above it.
pub(super) fn must_be_writable(folder: &Path) -> Result<(), Stop> {
    let is_missing = |one: &&Path| !one.as_os_str().is_empty() && !one.exists();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    let tried = fs::create_dir_all(folder).and_then(|()| {
        let draft = folder.join(format!(".{TRIAL}.{}.part", mark()));
        create(&draft)?;
        // Whoever has come in meanwhile may have taken it for that of a dead one.
        remove(&draft)
    });
    for folder in missing {
        fs::remove_dir(folder).ok();
    }
    tried.map_err(|error| {
        Stop::usage(format!(
            "cannot write to {}: {error}; nothing was sent: name another folder with --out",
            folder.display()
        ))
    })
}

/// Waits until nobody else writes into a folder, and keeps others out.
fn lock(folder: &Path) -> Option<File> {
    match os::try_lock_folder(folder) {
        Ok(Some(lock)) => Some(lock),
        Ok(None) => {
            let place = folder.display().to_string();
            complain(&format!(
                "somebody else writes into {}: waiting until that is done",
                for_terminal(&place)
            ));
            os::lock_folder(folder).ok()
        }
        Err(_) => None,
    }
}

/// A word that no other process has.
fn mark() -> String {
    hex(&rand::random::<[u8; 8]>())
}

/// Whether a name is `findings-2.csv` or the like: one of ours, but for the first part.
pub(super) fn is_further_part(name: &str) -> bool {
    let Some((table, number)) = name
        .strip_suffix(".csv")
        .and_then(|stem| stem.rsplit_once('-'))
    else {
        return false;
    };
    number.parse::<u32>().is_ok_and(|number| number > 1)
        && report::table_names().any(|known| known == table)
}

/// Whether a document of ours has such a name.
fn is_document(name: &str) -> bool {
    const WHOLE: [&str; 8] = [
        MANIFEST,
        "run.json",
        "run.jsonl",
        "underdesk.html",
        "underdesk.xlsx",
        "facts.jsonl",
        "defectdojo.json",
        "nmap.xml",
    ];
    let is_table = |table: &str| report::table_names().any(|known| known == table);
    WHOLE.contains(&name)
        || name.strip_suffix(".csv").is_some_and(is_table)
        || is_further_part(name)
        || report::is_machine_document(name)
}

/// Whether a name is that of a draft, as this version names them or as earlier ones did.
fn is_draft(name: &str) -> bool {
    let inner = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".part"));
    let Some(inner) = inner else {
        return false;
    };
    let is_mark =
        |mark: &str| mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit());
    let marked = inner.rsplit_once('.').filter(|(_, mark)| is_mark(mark));
    let is_ours = |name: &str| name == TRIAL || is_document(name) || report::is_plan_file(name);
    is_document(inner) || marked.is_some_and(|(name, _)| is_ours(name))
}

/// What an earlier export says that it wrote. Anybody may have written it.
#[derive(Debug, Deserialize)]
struct Manifest {
    tool: String,
    run: Value,
    export: Value,
    /// Where only a part of the run was asked for.
    selection: Option<IgnoredAny>,
    files: Vec<FileEntry>,
}

impl Manifest {
    /// The manifest of a folder; `None` where there is none of ours.
    fn read(folder: &Path) -> Option<Self> {
        let mut text = Vec::new();
        let file = File::open(folder.join(MANIFEST)).ok()?;
        file.take(LONGEST).read_to_end(&mut text).ok()?;
        let read: Self = serde_json::from_slice(&text).ok()?;
        (read.tool == env!("CARGO_PKG_NAME")).then_some(read)
    }

    fn is_of(&self, run: &RunSummary, options: &Options) -> bool {
        let is_whole = self.selection.is_none() && options.selection.is_whole();
        is_whole && report::manifest_head(run, options) == [self.run.clone(), self.export.clone()]
    }

    fn tell(&self, folder: &Path, gone: &[&str], changed: &BTreeSet<&str>) {
        let place = folder.display().to_string();
        let run = self
            .run
            .get("run_id")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (place, run) = (for_terminal(&place), for_terminal(run));
        if !gone.is_empty() {
            complain(&format!(
                "removed from {place}, for this export has no such files: {} (of run {run}; underdesk export writes them \
                 again)",
                named(gone)
            ));
        }
        if !changed.is_empty() {
            let changed: Vec<&str> = changed.iter().copied().collect();
            complain(&format!(
                "left in {place}, for they were changed since they were written: {}; they are of run {run}, and no part \
                 of this export",
                named(&changed)
            ));
        }
    }
}

/// Whether it is a name in the folder itself.
fn is_plain(entry: &FileEntry) -> bool {
    let name = entry.name.as_str();
    let mut parts = Path::new(name).components();
    let is_one =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(one)), None) if one == name);
    is_one && name != MANIFEST
}

/// Whether a file is as it was written; `None` where there is none.
fn is_unchanged(entry: &FileEntry, folder: &Path) -> Option<bool> {
    let path = folder.join(&entry.name);
    let meta = fs::symlink_metadata(&path).ok()?;
    if !meta.is_file() || meta.len() != entry.bytes {
        return Some(false);
    }
    Some(sha256(&path).is_ok_and(|hash| hash == entry.sha256))
}

/// SHA-256 over all of a file, in hex.
fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(block.get(..count).unwrap_or_default()),
        }
    }
}

/// The first of them.
fn named(names: &[&str]) -> String {
    let shown = names
        .iter()
        .take(NAMED)
        .map(|name| for_terminal(name).into_owned());
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// What a network's machines lack is nobody else's business: readable by the owner only.
///
/// What somebody else may have put there is taken away: nobody else has the file open, and it is no link to another.
fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    let mut options = File::options();
    options.write(true).create_new(true);
    os::owner_only(&mut options).open(path)
}

/// Removes a file, where there is one.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_are_told_from_what_others_have_in_the_folder() {
        for draft in [
            ".findings.csv.0123456789abcdef.part",
            ".underdesk.0123456789abcdef.part",
            ".underdesk.html.part",
            ".manifest.json.part",
            ".findings-2.csv.part",
            ".m-36d9f8885903.cdx.json.part",
            ".overdue.csv.0123456789abcdef.part",
        ] {
            assert!(is_draft(draft), "{draft}");
        }
        for other in [
            "findings.csv",
            ".notes.part",
            ".thesis.txt.part",
            "findings.csv.part",
            ".findings.csv",
            ".backup.0123456789abcdeg.part",
            ".precious.0123456789abcdef.part",
        ] {
            assert!(!is_draft(other), "{other}");
        }
    }

    #[test]
    fn a_manifest_names_no_file_elsewhere() {
        let is_plain = |name: &str| {
            is_plain(&FileEntry {
                name: name.to_owned(),
                rows: 0,
                bytes: 0,
                sha256: String::new(),
                guards: None,
            })
        };
        assert!(is_plain("underdesk.html"));
        for name in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "./a",
            "a/",
            MANIFEST,
        ] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
