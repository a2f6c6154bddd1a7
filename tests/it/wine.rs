//! The script for cmd, and what `reg query` prints, against the cmd and the reg of wine.
//!
//! Switched on by `UNDERDESK_WINE`, the path of wine's loader. Wine 8 is no Windows: its cmd takes no
//! redirection after a group, so that of [`Ask::Cmd`] only what needs none is asked; its reg writes
//! errors to standard output.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use underdesk::collect::{self, WINDOWS};
use underdesk::model::GapCause;
use underdesk::session::{
    Answers, Ask, Limits, Nonce, Parsed, Put, Question, QuestionSet, View, WindowsShell,
};

const SET: QuestionSet = QuestionSet {
    name: "wine",
    prelude: "",
    questions: &[
        tree("tree", r"HKLM\SOFTWARE\Underdesk"),
        question("alone", r"HKLM\SOFTWARE\Underdesk", false, Some("Edition")),
        question("default", r"HKLM\SOFTWARE\Underdesk\Traps", false, Some("")),
        question("nothing", r"HKLM\SOFTWARE\Underdesk", false, Some("No")),
        tree("empty", r"HKLM\SOFTWARE\Underdesk\Empty"),
        tree("missing", r"HKLM\SOFTWARE\Underdesk\Not there"),
        question("after", r"HKLM\SOFTWARE\Underdesk", false, Some("Edition")),
    ],
};

const fn tree(id: &'static str, key: &'static str) -> Question {
    question(id, key, true, None)
}

const fn question(
    id: &'static str,
    key: &'static str,
    tree: bool,
    value: Option<&'static str>,
) -> Question {
    let view = View::Any;
    let ask = Ask::Registry {
        key,
        tree,
        value,
        view,
    };
    Question {
        id,
        ask,
        why: "",
        needs: underdesk::session::Needs::Login,
        loss: "",
    }
}

/// What is in the registry, as regedit reads it.
const REGISTRY: &str = r#"Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Underdesk]
"Edition"="plain"

[HKEY_LOCAL_MACHINE\SOFTWARE\Underdesk\Traps]
@="the default"
"Publisher    REG_SZ    inside"="a    REG_SZ    b"
"Umlaut"="Müller & Söhne – 日本語"
"Ключ"="значение"
"Blank"=""
"Spaces"="  around  "
"Quote"="say \"hi\" \\ 50% ^ & | <>"
"Number"=dword:00000924
"Big"=hex(b):01,00,00,00,02,00,00,00
"Bytes"=hex:de,ad,be,ef
"No bytes"=hex:
"Path"=hex(2):25,00,77,00,69,00,6e,00,64,00,69,00,72,00,25,00,00,00
"List"=hex(7):6f,00,6e,00,65,00,00,00,74,00,77,00,6f,00,00,00,00,00
"Lines"=hex(1):6f,00,6e,00,65,00,0d,00,0a,00,74,00,77,00,6f,00,00,00

[HKEY_LOCAL_MACHINE\SOFTWARE\Underdesk\Empty]

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\UD Müller & Söhne]
@="not the name"
"DisplayName"="Müller    REG_SZ    Édition 50% ^ \"x\""
"DisplayVersion"="1.2.3"
"Publisher"=hex(1):6f,00,6e,00,65,00,0d,00,0a,00,74,00,77,00,6f,00,00,00
"InstallDate"="20240613"
"InstallLocation"="C:\\Program Files\\A  B\\"
"EstimatedSize"=dword:00000924
"Languages"=hex(7):6f,00,6e,00,65,00,00,00,74,00,77,00,6f,00,00,00,00,00

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\UD blank]
"DisplayName"=""
"DisplayVersion"="0"

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\UD nameless]

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\UD part]
"DisplayName"="A part"
"SystemComponent"=dword:00000001

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\UD plain]
"DisplayName"="Plain"
"Publisher"=""

[HKEY_LOCAL_MACHINE\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall\UD small]
"DisplayName"="Small"
"DisplayVersion"="HKEY_LOCAL_MACHINE\\SOFTWARE"
"#;

/// A wine of its own.
struct Wine {
    loader: PathBuf,
    prefix: TempDir,
}

impl Wine {
    /// `None` where none is named.
    fn start() -> Option<Self> {
        let Some(loader) = std::env::var_os("UNDERDESK_WINE") else {
            eprintln!(
                "NOT RUN: UNDERDESK_WINE names no wine, so nothing was tried against its cmd"
            );
            return None;
        };
        let wine = Self {
            loader: loader.into(),
            prefix: tempfile::tempdir().unwrap(),
        };
        wine.run(&["wineboot", "--init"], "");
        let file = wine.prefix.path().join("traps.reg");
        let text = format!("\u{feff}{}", REGISTRY.replace('\n', "\r\n"));
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(&file, bytes).unwrap();
        wine.run(&["reg", "import", &windows_path(&file)], "");
        Some(wine)
    }

    fn run(&self, command: &[&str], input: &str) -> Vec<u8> {
        // Of a pipe wine's cmd reads more than the line, and loses the rest.
        let stdin = self.prefix.path().join("stdin");
        fs::write(&stdin, input).unwrap();
        let output = Command::new(&self.loader)
            .args(command)
            .env("WINEPREFIX", self.prefix.path().join("prefix"))
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY")
            .stdin(File::open(&stdin).unwrap())
            .output()
            .unwrap();
        output.stdout
    }

    /// What cmd answers: as it came, and what it means.
    fn ask(&self, set: &QuestionSet) -> (Parsed, Answers) {
        let (nonce, limits) = (Nonce::from_bytes([9; 16]), Limits::default());
        let puts: Vec<Put> = WindowsShell::Cmd.questions(set, &Answers::default());
        let script = WindowsShell::Cmd.script(&puts, &nonce);
        let exec = WindowsShell::Cmd.exec();
        let command: Vec<&str> = exec.split(' ').collect();
        let bytes = self.run(&command, &script);
        let parsed = set.parse_frames(&nonce, &bytes, &limits);
        let said = String::from_utf8_lossy(&bytes);
        assert!(parsed.done, "{said}");
        let page = WindowsShell::page(|set| set.parse_frames(&nonce, &bytes, &limits).answers);
        // Wine has no console here, and writes in the page of its registry.
        assert_eq!(page, Some(437));
        let answers = WindowsShell::Cmd.settle(&puts, &parsed.answers, page, &limits);
        (parsed, answers)
    }
}

/// Wine has the file system of its host as a drive.
fn windows_path(path: &Path) -> String {
    format!("Z:{}", path.to_str().unwrap().replace('/', "\\"))
}

impl Drop for Wine {
    /// Its server would outlive us, and the folder.
    fn drop(&mut self) {
        self.run(&["wineboot", "--kill"], "");
    }
}

#[test]
fn cmd_and_reg_of_wine_answer_in_frames() {
    let Some(wine) = Wine::start() else { return };
    let (parsed, answers) = wine.ask(&SET);
    for question in SET.questions {
        let id = question.id;
        assert!(parsed.answers.reply(id).is_some(), "{id}");
    }
    let cause = |id| answers.text(id).unwrap_err().cause;
    assert_eq!(cause("missing"), GapCause::Missing);
    assert_eq!(cause("nothing"), GapCause::Missing);
    assert_eq!(answers.text("alone"), answers.text("after"));
    let alone = answers.text("alone").unwrap();
    assert!(alone.contains("\r\n    Edition    REG_SZ    plain\r\n"));
    let default = answers.text("default").unwrap();
    assert!(default.contains("REG_SZ    the default\r\n"));
    let tree = answers.text("tree").unwrap();
    for line in [
        "HKEY_LOCAL_MACHINE\\SOFTWARE\\Underdesk\\Empty",
        "    Number    REG_DWORD    0x924",
        "    Bytes    REG_BINARY    DEADBEEF",
        "    Path    REG_EXPAND_SZ    %windir%",
        "    List    REG_MULTI_SZ    one\\0two",
        "    Spaces    REG_SZ      around  ",
        "    Quote    REG_SZ    say \"hi\" \\ 50% ^ & | <>",
        "    Publisher    REG_SZ    inside    REG_SZ    a    REG_SZ    b",
    ] {
        assert!(tree.contains(&format!("\r\n{line}\r\n")), "{line}");
    }
    // In code page 437, which has these letters.
    assert!(tree.contains("    Umlaut    REG_SZ    Müller & Söhne"));
    programs_are_read_as_they_were_written(&wine);
}

/// The questions to every Windows, and their reader.
fn programs_are_read_as_they_were_written(wine: &Wine) {
    let (_, mut answers) = wine.ask(&WINDOWS);
    answers.mark_rest(&WINDOWS, GapCause::Missing);
    let inventory = collect::read(&WINDOWS, &answers).unwrap();
    let windows = inventory.windows.unwrap();
    let programs = windows.programs.known().unwrap();
    let programs: Vec<_> = programs
        .iter()
        .filter(|program| program.key.starts_with("UD "))
        .map(|program| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let (version, publisher) = (text(&program.version), text(&program.publisher));
            let (location, arch) = (text(&program.location), text(&program.arch));
            let name = &program.name;
            format!("{name}|{version}|{publisher}|{location}|{arch}")
        })
        .collect();
    assert_eq!(
        programs,
        [
            "Müller    REG_SZ    Édition 50% ^ \"x\"|1.2.3|one two|C:\\Program Files\\A  B\\|x64",
            "Plain||||x64",
            "Small|HKEY_LOCAL_MACHINE\\SOFTWARE|||x86",
        ]
    );
}
