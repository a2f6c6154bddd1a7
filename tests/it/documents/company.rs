//! The simulated company that the documents are tried on, and the desks from which it is looked at.

use crate::support::{Desk, Ended, signal};
use rusqlite::Connection;
use russh::keys::PrivateKey;
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The flags that say where the company listens.
const PORTS: [&str; 6] = [
    "--ssh-port",
    "--winrm-port",
    "--winrm-tls-port",
    "--http-port",
    "--https-port",
    "--ports",
];

/// When the first of the two scans in the store is said to have been: the documents ask for a day in June.
const JUNE: &str = "1781078400"; // 2026-06-10T08:00:00Z

/// The company, served by `underdesk demo --serve`, and a desk whose store has two scans of it.
pub(super) struct Company {
    child: Child,
    // Open for as long as the child may write to it.
    _out: BufReader<ChildStdout>,
    desk: Desk,
    flags: Vec<String>,
}

impl Drop for Company {
    fn drop(&mut self) {
        signal(self.child.id(), Signal::TERM);
        self.child.wait().ok();
    }
}

impl Company {
    /// Serves it, and scans it twice.
    pub(super) fn open() -> Self {
        let desk = Desk::new();
        let served = desk.command("demo --serve --out company").spawn();
        let mut child = served.unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("underdesk scan ") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "nothing is served");
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let places = words.iter().zip(words.iter().skip(1));
        let flags = places.filter(|(flag, _)| PORTS.contains(flag));
        let flags = flags.flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]);
        let company = Self {
            child,
            _out: out,
            flags: flags.collect(),
            desk,
        };
        company.furnish();
        let targets = words.iter().filter(|word| word.starts_with("127."));
        let mut list = String::new();
        for target in targets {
            writeln!(list, "{target} {}", tags(target)).unwrap();
        }
        company.desk.write("company.txt", &list);
        let scan = format!("scan {} @company.txt", company.flags.join(" "));
        // A host of it shows another key than before.
        company.desk.expect(6, &format!("{scan} --out first"));
        let store = Connection::open(store(&company.desk)).unwrap();
        let moved = "UPDATE run SET started = ?1, finished = ?1 + 60";
        store.execute(moved, [JUNE]).unwrap();
        let lists = "--known AD=company/operator/active-directory.csv --known CMDB=company/operator/cmdb.csv";
        let second = format!("{scan} {lists} --out second");
        company.desk.expect(6, &second);
        let written = "export --format json,jsonl --out second";
        company.desk.expect(6, written);
        company
    }

    /// A desk with all of it, for one reader.
    pub(super) fn desk(&self) -> Reader<'_> {
        Reader {
            company: self,
            desk: self.desk.copy(),
            said: String::new(),
        }
    }

    /// Puts there what the documents take to be there.
    fn furnish(&self) {
        let (desk, root) = (&self.desk, Path::new(env!("CARGO_MANIFEST_DIR")));
        let operator = desk.path("company/operator");
        let place = |from: PathBuf, to: &str| {
            let to = desk.path(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        };
        for (from, to) in [
            ("credentials.example.toml", "credentials.example.toml"),
            ("policy.example.toml", "home/.config/underdesk/policy.toml"),
            (
                "fixtures/feeds/bulletins-csv/bulletins.csv",
                "bulletins.csv",
            ),
            ("fixtures/known/dhcp.csv", "leases.csv"),
            ("fixtures/known/wsus.txt", "wsus.txt"),
            ("fixtures/known/intune.xlsx", "cmdb.xlsx"),
            ("fixtures/known/intune.xlsx", "assets.xlsx"),
            ("fixtures/known/intune.xlsx", "c.xlsx"),
            (
                "fixtures/windows-tools/server-2022-en.txt",
                "systeminfo.txt",
            ),
            (
                "fixtures/feeds/kev/known_exploited.json",
                "mirror/common/kev.json",
            ),
            (
                "fixtures/catalog/debian-osv.jsonl",
                "mirror/linux/osv/Debian/all.zip",
            ),
            (
                "fixtures/feeds/msrc-cvrf/2025-Dec.xml",
                "mirror/windows/cvrf/2025-Dec.xml",
            ),
        ] {
            place(root.join(from), to);
        }
        let index = "{\"value\": [{\"ID\": \"2025-Dec\", \"CurrentReleaseDate\": \"2026-01-01\"}]}";
        desk.write("mirror/windows/cvrf/updates.json", index);
        // What the documents print is what a reader has.
        desk.write("own.toml", &block(root, "docs/programs.md", "toml"));
        desk.write("own.csv", &block(root, "docs/programs.md", "csv"));
        desk.write("facts.jsonl", &block(root, "docs/facts.md", "json"));
        desk.write("targets.txt", "127.77.0.8/29 tags=role=web\n");
        desk.write("servers", "127.77.0.8/29 owner=ada\n");
        place(operator.join("known_hosts"), "keys");
        // One of the list is not there.
        let list = fs::read_to_string(operator.join("active-directory.csv")).unwrap();
        let one = list
            .lines()
            .find(|line| line.starts_with("FILES-1"))
            .unwrap();
        let gone = one
            .replace("FILES-1", "SPARE-1")
            .replace("files-1", "spare-1");
        let gone = gone.replace("127.77.0.70", "127.77.0.14");
        desk.write("ad.csv", &format!("{}\n{gone}\n", list.trim_end()));
        self.accounts(&operator);
        self.home(&operator);
    }

    /// The accounts that may log in, and whose keys are known.
    fn accounts(&self, operator: &Path) {
        let desk = &self.desk;
        // Its paths start at its folder.
        let accounts = fs::read_to_string(operator.join("credentials.toml")).unwrap();
        let there = format!("file = \"{}/", operator.display());
        let accounts = accounts.replace("file = \"", &there);
        desk.write("accounts.toml", &accounts);
        desk.write("home/.config/underdesk/credentials.toml", &accounts);
        let config = format!(
            "known_hosts = [\"{0}/known_hosts\"]\ntls_ca = [\"{0}/authority.pem\"]\n",
            operator.display()
        );
        desk.write("home/.config/underdesk/config.toml", &config);
    }

    /// A home, with a key of its own and the program in the path.
    fn home(&self, operator: &Path) {
        let desk = &self.desk;
        let key = fs::read_to_string(operator.join("demo_ed25519")).unwrap();
        let public = PrivateKey::from_openssh(&key).unwrap();
        let public = public.public_key().to_openssh().unwrap();
        for folder in [
            "bin",
            "etc",
            "lib/underdesk",
            "home/.ssh",
            "home/.zfunc",
            "home/.config/fish/completions",
            "home/.local/share/bash-completion/completions",
        ] {
            fs::create_dir_all(desk.path(folder)).unwrap();
        }
        desk.write("home/.ssh/id_ed25519", &key);
        desk.write("home/.ssh/id_ed25519.pub", &public);
        symlink(env!("CARGO_BIN_EXE_underdesk"), desk.path("bin/underdesk")).unwrap();
    }
}

/// What somebody wrote behind a target, as the documents ask for it.
fn tags(target: &str) -> &'static str {
    match target {
        "127.77.0.10" | "127.77.0.11" | "127.77.0.12" => "tags=role=web owner=ada",
        "127.77.0.70" => "tags=pilot owner=ada",
        _ => "",
    }
}

/// The first block of a language in a document.
fn block(root: &Path, page: &str, language: &str) -> String {
    let text = fs::read_to_string(root.join(page)).unwrap();
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn store(desk: &Desk) -> PathBuf {
    desk.path("home/.local/state/underdesk/underdesk.db")
}

/// Somebody who types what a page prints.
pub(super) struct Reader<'a> {
    company: &'a Company,
    desk: Desk,
    /// All that the commands have said so far.
    said: String,
}

impl Reader<'_> {
    /// Types a line into a shell.
    pub(super) fn types(&mut self, line: &str) -> Ended {
        let bare = self.desk.command("");
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).env_clear();
        shell.current_dir(bare.get_current_dir().unwrap());
        shell.envs(
            bare.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let bin = self.desk.path("bin").display().to_string();
        shell
            .env("PATH", format!("{bin}:/usr/bin:/bin"))
            .env("PROFILE", self.desk.path("home/profile.ps1"))
            .env("UNDERDESK_MIRROR", self.desk.path("mirror"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let ended = self.desk.end(shell.spawn().unwrap());
        self.said.push_str(&ended.out);
        self.said.push_str(&ended.err);
        ended
    }

    /// The flags of the company's ports.
    pub(super) fn flags(&self) -> Vec<String> {
        self.company.flags.clone()
    }

    /// A run, by its place in their order: 0 is the oldest.
    pub(super) fn run(&self, place: usize) -> String {
        let runs = self.desk.store().list_runs().wait().unwrap();
        runs[place].summary.id.to_string()
    }

    /// The run that began last, verifications left out.
    pub(super) fn last_run(&self) -> String {
        self.desk.run_id().to_string()
    }

    /// The last run of a kind, as if somebody had interrupted it.
    pub(super) fn interrupted(&self, kind: &str) -> String {
        let store = Connection::open(store(&self.desk)).unwrap();
        let last = "SELECT id FROM run WHERE kind = ?1 ORDER BY started DESC, number DESC LIMIT 1";
        let run: String = store.query_row(last, [kind], |row| row.get(0)).unwrap();
        let stopped = "UPDATE run SET state = 'interrupted' WHERE id = ?1";
        store.execute(stopped, [&run]).unwrap();
        run
    }

    /// A finding of the last scan.
    pub(super) fn finding(&mut self) -> String {
        let found =
            self.types("underdesk findings --state missing --columns finding_id -o - --format csv");
        let id = found.out.lines().find(|line| line.starts_with("f-"));
        id.expect("something is missing").to_owned()
    }

    /// The exception that was granted last.
    pub(super) fn exception(&self) -> String {
        let words = self
            .said
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let mut ids = words.filter(|word| word.len() == 10 && word.starts_with("e-"));
        ids.next_back()
            .expect("an exception was granted")
            .to_owned()
    }
}
