//! The script for cmd, and what `reg query` prints, against the cmd and the reg of wine.
//!
//! Switched on by `UNDERDESK_WINE`, the path of wine's loader. Wine 8 is no Windows: its cmd takes no
//! redirection after a group, so that of [`Ask::Cmd`] only what needs none is asked; its reg writes
//! errors to standard output.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
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
    Question { id, ask, why: "" }
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
        wine.run(&["reg", "import", &wine.windows_path(&file)], "");
        Some(wine)
    }

    fn windows_path(&self, path: &Path) -> String {
        format!("Z:{}", path.to_str().unwrap().replace('/', "\\"))
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
        let answers = WindowsShell::Cmd.settle(&puts, &parsed.answers, None, &limits);
        (parsed, answers)
    }
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
        assert!(
            parsed.answers.reply(question.id).is_some(),
            "{}",
            question.id
        );
        eprintln!(
            "--- {} {:?}",
            question.id,
            parsed
                .answers
                .reply(question.id)
                .map(|r| (r.exit, String::from_utf8_lossy(&r.stdout).into_owned()))
        );
    }
    let cause = |id| answers.text(id).unwrap_err().cause;
    assert_eq!(cause("missing"), GapCause::Missing);
    assert_eq!(cause("nothing"), GapCause::Missing);
    assert_eq!(answers.text("alone"), answers.text("after"));
    assert!(
        answers
            .text("alone")
            .unwrap()
            .contains("    Edition    REG_SZ    plain")
    );
}
