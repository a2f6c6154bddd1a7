//! As much of cmd.exe as the questions of a scan need: groups, `&`, `&&`, `||`, `echo`, and the
//! questions themselves.

use super::library::{Entry, Library};
use crate::session::Ask;

/// What came of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) stdout: Vec<Said>,
    pub(super) stderr: String,
    pub(super) exit: i32,
    /// Commands that are no question of ours.
    pub(super) strange: Vec<String>,
}

/// A piece of output, and the code page that a `chcp` before it has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) page: Option<u16>,
}

/// cmd.exe refuses longer lines.
const LINE: usize = 8191;

/// The host's side of a command line.
pub(super) struct Console<'a> {
    library: &'a Library,
    /// Whether reg.exe is refused.
    denied: bool,
    version: &'a str,
    page: Option<u16>,
    rest: &'a str,
    ran: Ran,
}

impl<'a> Console<'a> {
    /// Runs a command line.
    pub(super) fn run(library: &'a Library, line: &'a str, version: &'a str, denied: bool) -> Ran {
        let mut console = Self {
            library,
            denied,
            version,
            page: None,
            rest: line,
            ran: Ran::default(),
        };
        if line.len() > LINE {
            console
                .ran
                .strange
                .push(format!("a line of {} characters", line.len()));
            "The command line is too long.\r\n".clone_into(&mut console.ran.stderr);
            console.ran.exit = 1;
            return console.ran;
        }
        console.list(true, 0);
        if !console.rest.trim().is_empty() {
            let rest = console.rest.to_owned();
            console.fail(&rest);
        }
        console.ran
    }

    /// Commands with `&` between them. What is not live is read over.
    fn list(&mut self, live: bool, depth: u32) {
        loop {
            self.either(live, depth);
            if self.rest.starts_with("&&") || !self.takes("&") {
                return;
            }
            if self.rest.trim_start().is_empty() {
                return;
            }
        }
    }

    fn either(&mut self, live: bool, depth: u32) {
        self.both(live, depth);
        while self.takes("||") {
            self.both(live && self.ran.exit != 0, depth);
        }
    }

    fn both(&mut self, live: bool, depth: u32) {
        let mut live = live;
        self.one(live, depth);
        while self.takes("&&") {
            live = live && self.ran.exit == 0;
            self.one(live, depth);
        }
    }

    fn one(&mut self, live: bool, depth: u32) {
        self.rest = self.rest.trim_start_matches([' ', '@']);
        let (told, complained) = (self.ran.stdout.len(), self.ran.stderr.len());
        if let Some((entry, rest)) = self.library.line(self.rest) {
            self.rest = rest;
            if live {
                self.answer(entry);
            }
        } else if depth < 20 && self.takes("(") {
            self.list(live, depth + 1);
            if !self.takes(")") {
                let rest = self.rest.to_owned();
                self.fail(&rest);
            }
        } else {
            self.simple(live, depth > 0);
        }
        self.redirections(told, complained);
    }

    /// A command that is none of the questions.
    fn simple(&mut self, live: bool, grouped: bool) {
        let ends = |char: char| matches!(char, '&' | '|' | '<' | '>') || grouped && char == ')';
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (command, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        if !live {
            return;
        }
        // `2>nul` begins where the command seems to end.
        if let (Some(command), Some(rest)) = (command.strip_suffix(" 2"), rest.strip_prefix(">nul"))
        {
            self.rest = rest;
            let complained = self.ran.stderr.len();
            self.perform(command);
            self.ran.stderr.truncate(complained);
            return;
        }
        self.perform(command);
    }

    fn perform(&mut self, command: &str) {
        if let Some(called) = command.strip_prefix("call ") {
            // It reads its line again, and so learns what the command before it ended with.
            let called = called.replace("%^errorlevel%", &self.ran.exit.to_string());
            return self.perform(&called);
        }
        self.ran.exit = 0;
        let words: Vec<&str> = command.split_whitespace().collect();
        match words
            .first()
            .map(|word| word.to_ascii_lowercase())
            .as_deref()
        {
            None | Some("(call") => {}
            Some("echo.") => self.say("\r\n"),
            Some("echo") => {
                let text = command.get(5..).unwrap_or_default().to_owned();
                self.say(&format!("{text}\r\n"));
            }
            Some("chcp") => {
                self.page = words.get(1).and_then(|page| page.parse().ok());
                let page = self.page.unwrap_or(437);
                self.say(&format!("Active code page: {page}\r\n"));
            }
            Some("ver") => {
                let version = format!("\r\nMicrosoft Windows [Version {}]\r\n", self.version);
                self.say(&version);
                self.ran.strange.push(command.to_owned());
            }
            Some("exit") => {
                self.ran.exit = words.last().and_then(|code| code.parse().ok()).unwrap_or(0);
                self.ran.strange.push(command.to_owned());
            }
            // What a session asks where all else is refused: here there is none.
            Some("powershell") if words.contains(&"-EncodedCommand") => self.complain(command),
            Some(_) => self.fail(command),
        }
    }

    fn answer(&mut self, entry: &Entry) {
        let registry = matches!(entry.ask, Ask::Registry { .. });
        if registry && self.denied || entry.exit == 121 {
            self.ran.stderr.push_str("ERROR: Access is denied.\r\n");
            // reg.exe says no more than that it failed.
            self.ran.exit = if registry { 1 } else { 5 };
            return;
        }
        let mut text = entry.text.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("\r\n");
        }
        self.say(&text);
        self.ran.exit = i32::from(entry.exit != 0);
        if entry.exit != 0 {
            let text = "ERROR: The system was unable to find the specified registry key or value.";
            self.ran.stderr.push_str(text);
            self.ran.stderr.push_str("\r\n");
        }
    }

    fn say(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.ran.stdout.push(Said {
            text: text.to_owned(),
            page: self.page,
        });
    }

    fn redirections(&mut self, told: usize, complained: usize) {
        loop {
            self.rest = self.rest.trim_start_matches(' ');
            if self.takes("2>nul") || self.takes("2>&1") {
                self.ran.stderr.truncate(complained);
            } else if self.takes(">nul") {
                self.ran.stdout.truncate(told);
            } else if !self.takes("<nul") {
                return;
            }
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let trimmed = self.rest.trim_start_matches(' ');
        let Some(rest) = trimmed.strip_prefix(word) else {
            return false;
        };
        self.rest = rest;
        true
    }

    /// A command that is no question.
    fn fail(&mut self, command: &str) {
        self.complain(command);
        self.ran.strange.push(command.to_owned());
    }

    /// A command that is not installed.
    fn complain(&mut self, command: &str) {
        let name = command.split_whitespace().next().unwrap_or_default();
        let text = format!("'{name}' is not recognized as an internal or external command.\r\n");
        self.ran.stderr.push_str(&text);
        self.ran.exit = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::recording::Recordings;
    use super::*;
    use crate::lab::Network;
    use proptest::prelude::*;

    fn library() -> Library {
        const FILES: [(&str, &[u8]); 3] = [
            (
                "w/answers.json",
                br#"{"schema":1,"set":"windows","exits":{"current-version":0,"cbs":120,"dotnet":121,"whoami":0}}"#,
            ),
            ("w/current-version.txt", b"HKEY_LOCAL_MACHINE\\X\r\n    UBR    REG_DWORD    0x1\r\n"),
            ("w/whoami.txt", b"LARK\\audit S-1-5-21-1-2-3-500\r\n"),
        ];
        let text = "schema = 1\nname = \"n\"\n[[host]]\nname = \"h\"\naddresses = [\"127.9.0.1\"]\nrecording = \"w\"";
        let network = Network::parse(text).unwrap();
        let recordings = Recordings::read(FILES).unwrap();
        Library::new(&recordings.of(&network, &network.hosts[0]).unwrap(), 437)
    }

    fn run(line: &str) -> Ran {
        Console::run(&library(), line, "10.0.20348.1", false)
    }

    fn stdout(ran: &Ran) -> String {
        ran.stdout.iter().map(|said| said.text.as_str()).collect()
    }

    const THERE: &str = r#"reg query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion" /reg:64"#;
    const MISSING: &str = r#"reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing" /reg:64"#;

    #[test]
    fn framed_questions_are_answered_with_their_status() {
        let frame = |id: &str, line: &str| {
            format!("echo N B {id}&({line}&&echo N E {id} 0)||echo N E {id} 1")
        };
        let line = format!("{}&{}", frame("a", THERE), frame("b", MISSING));
        let ran = run(&line);
        let expected = "N B a\r\nHKEY_LOCAL_MACHINE\\X\r\n    UBR    REG_DWORD    0x1\r\nN E a 0\r\n\
                        N B b\r\nN E b 1\r\n";
        assert_eq!(stdout(&ran), expected);
        assert_eq!(ran.strange, [""; 0]);
        assert!(ran.stderr.contains("unable to find"));
    }

    #[test]
    fn a_line_of_its_own_is_a_question_and_others_are_strange() {
        let ran = run("whoami /user /nh 2>nul");
        assert!(stdout(&ran).starts_with("LARK"));
        assert_eq!((ran.exit, ran.strange.len()), (0, 0));
        let ran = run("whoami /all & ver");
        assert_eq!(ran.strange, ["whoami /all ", "ver"]);
        assert!(stdout(&ran).contains("10.0.20348.1"));
        assert!(run(&"x".repeat(9000)).stderr.contains("too long"));
    }

    #[test]
    fn redirections_take_away_what_they_are_for() {
        let ran = run("echo a 2>nul&echo b >nul&nonsense 2>nul||echo c");
        assert_eq!(
            (stdout(&ran).as_str(), ran.stderr.as_str()),
            ("a\r\nc\r\n", "")
        );
    }

    #[test]
    fn what_is_denied_says_so_on_standard_error() {
        let library = library();
        let ran = Console::run(&library, THERE, "", true);
        assert_eq!((ran.exit, stdout(&ran)), (1, String::new()));
        assert!(ran.stderr.contains("denied"));
    }

    proptest! {
        #[test]
        fn any_line_ends(pieces in prop::collection::vec(0..12_usize, 0..40)) {
            let words = ["&", "&&", "||", "|", "(", ")", " ", "echo x", THERE, "2>nul", ">nul", "zz"];
            let line: String = pieces.iter().map(|piece| words[*piece]).collect();
            run(&line);
        }
    }
}
