//! An operator's desk: a folder of its own, and the program in it.

use super::Site;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;
use underdesk::catalog;
use underdesk::model::{RunId, UtcTime};
use underdesk::store::{RunRecord, Store};

/// No run of a test takes this long.
const PATIENCE: Duration = Duration::from_secs(90);

/// A folder with all that an operator has, and the program to run there.
pub(crate) struct Desk {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// One with a catalogue that never grows old, and nothing else.
    pub(crate) fn new() -> Self {
        let desk = Self::without_catalog();
        let folder = desk.path("home/.local/share/underdesk");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(catalogue(), folder.join("catalog.db")).unwrap();
        desk
    }

    /// An empty one.
    pub(crate) fn without_catalog() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// One with a network's `known_hosts` and `demo` key, and a credential `audit` for `user` by
    /// that key wherever `scope` says.
    pub(crate) fn at(site: &Site, user: &str, scope: &str) -> Self {
        let desk = Self::new();
        desk.write("known_hosts", &site.known_hosts());
        desk.write("demo.key", &site.key("demo"));
        desk.write(
            "credentials.toml",
            &credential("audit", user, "demo.key", scope),
        );
        desk
    }

    /// Another one with all that is on this one.
    pub(crate) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        Self { folder }
    }

    /// A file or folder on the desk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program in a clean environment, with its words as one text.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_underdesk"));
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/bin:/bin")
            .env("USER", "tester")
            .env("COLUMNS", "100")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, words: &str) -> Ended {
        self.end(self.command(words).spawn().unwrap())
    }

    /// Runs the program and expects that it ends with a code.
    pub(crate) fn expect(&self, code: i32, words: &str) -> Ended {
        let ended = self.run(words);
        assert_eq!(ended.code, Some(code), "{words}\n{}", ended.err);
        ended
    }

    /// Waits for the program's end.
    pub(crate) fn end(&self, child: Child) -> Ended {
        let id = child.id();
        let (done, wait) = mpsc::channel();
        let waiter = std::thread::spawn(move || done.send(child.wait_with_output()).ok());
        let Ok(output) = wait.recv_timeout(PATIENCE) else {
            signal(id, Signal::KILL);
            panic!("the program did not end within {PATIENCE:?}");
        };
        waiter.join().unwrap();
        let output = output.unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("it writes UTF-8");
            text.replace(self.folder.path().to_str().unwrap(), "[DESK]")
        };
        Ended {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The store that the program uses when no flag names another.
    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("home/.local/state/underdesk/underdesk.db")).unwrap()
    }

    /// The run that began last.
    pub(crate) fn latest(&self) -> Option<RunRecord> {
        let path = self.path("home/.local/state/underdesk/underdesk.db");
        path.exists()
            .then(|| self.store().latest_run().wait().unwrap())?
    }

    /// Its id.
    pub(crate) fn run_id(&self) -> RunId {
        self.latest().expect("a run").summary.id
    }
}

/// Copies what is in a folder, links as links.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, place) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir_all(&place).unwrap();
            copy(&entry.path(), &place);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), place).unwrap();
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// Today, as a file has it that was written now.
pub(crate) fn today() -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let written = file.as_file().metadata().unwrap().modified().unwrap();
    let since = written.duration_since(UNIX_EPOCH).unwrap();
    let seconds = i64::try_from(since.as_secs()).unwrap();
    UtcTime::from_unix(seconds).date().to_string()
}

/// What OSV says on a day of a package that nobody has: a catalogue without anything new is out of date when it comes.
pub(crate) fn new_osv(day: &str) -> String {
    format!(
        r#"{{"id":"DEBIAN-NEW-{day}","modified":"{day}T00:00:00Z","affected":[{{"package":{{"ecosystem":"Debian:12","name":"of-nobody"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"1"}}]}}]}}]}}"#
    ) + "\n"
}

/// The same of Microsoft.
fn new_month(day: &str) -> String {
    format!(
        r#"<cvrf:cvrfdoc xmlns:cvrf="http://www.icasi.org/CVRF/schema/cvrf/1.1" xmlns:prod="http://www.icasi.org/CVRF/schema/prod/1.1" xmlns:vuln="http://www.icasi.org/CVRF/schema/vuln/1.1"><cvrf:DocumentTitle>New</cvrf:DocumentTitle><cvrf:DocumentTracking><cvrf:Identification><cvrf:ID>{day}</cvrf:ID></cvrf:Identification><cvrf:InitialReleaseDate>{day}T00:00:00</cvrf:InitialReleaseDate></cvrf:DocumentTracking><prod:ProductTree><prod:FullProductName ProductID="1">Of Nobody</prod:FullProductName></prod:ProductTree><vuln:Vulnerability><vuln:Title>New</vuln:Title><vuln:CVE>CVE-2099-9999</vuln:CVE><vuln:ProductStatuses><vuln:Status Type="Known Affected"><vuln:ProductID>1</vuln:ProductID></vuln:Status></vuln:ProductStatuses></vuln:Vulnerability></cvrf:cvrfdoc>"#
    )
}

/// What is known of the recorded hosts' packages, imported at a time that is never long ago, with something new of then
/// and of today.
fn catalogue() -> PathBuf {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        let feeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog");
        let far = UtcTime::parse("2099-01-01T00:00:00Z").unwrap();
        let mut documents = vec![feeds];
        for day in ["2098-12-31".to_owned(), today()] {
            for (end, text) in [("json", new_osv(&day)), ("xml", new_month(&day))] {
                let path = folder.path().join(format!("{day}.{end}"));
                fs::write(&path, text).unwrap();
                documents.push(path);
            }
        }
        catalog::import(&documents, &folder.path().join("catalog.db"), far).unwrap();
        folder
    };
    MADE.get_or_init(make).path().join("catalog.db")
}

/// One `[[credential]]` by key.
pub(crate) fn credential(id: &str, user: &str, key: &str, scope: &str) -> String {
    format!(
        "[[credential]]\nid = \"{id}\"\ntype = \"ssh-key\"\nuser = \"{user}\"\n\
         key = {{ file = \"{key}\" }}\nscope = [\"{scope}\"]\n"
    )
}

/// Sends a signal to a process that a test began.
pub(crate) fn signal(id: u32, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}
