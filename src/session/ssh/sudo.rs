//! Becoming root where sudo asks for a password: the password once, and only to sudo's own prompt.
//!
//! `sudo -S` reads whatever comes on standard input as a password. So nothing is said before there is
//! a sign: a prompt with a word that nobody could have known gets the password, once; the root shell's
//! own first line gets the script. A second prompt means that the password was wrong, and ends it.
//!
//! No locale matters: the prompt is ours (`-p`), and where PAM asks in words of its own we say nothing.

use super::exchange::converse;
use super::handshake::Link;
use crate::session::question::find;
use crate::session::transcript::{End, Transcript, plain};
use crate::session::{
    Answers, Limits, Nonce, Password, QuestionSet, SessionError, SudoEnd, SudoProof, Told,
};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

/// What sudo is to run, as sudoers has it: it says who it is before it reads.
pub const ROOT_SHELL: &str = "sh -c echo underdesk $(id -u); exec sh -s";

/// The same, for the login shell that starts sudo.
const QUOTED: &str = "sh -c 'echo underdesk $(id -u); exec sh -s'";

/// What the root shell says first. The command itself does not hold it, so that a login shell that
/// prints what it runs is not taken for it.
const SIGN: &[u8] = b"underdesk ";

/// The command line: a constant but for the marker. sudo puts the account whose password it wants
/// in the place of `%p`, which follows `rootpw`, `targetpw` and `runaspw`.
pub fn sudo_command(marker: &str) -> String {
    format!("env LC_ALL=C sudo -k -S -p '{marker}:%p:' {QUOTED}")
}

/// Asks a set as root.
pub(super) async fn ask(
    link: &mut Link,
    set: &QuestionSet,
    proof: SudoProof<'_>,
    limits: &Limits,
) -> SudoEnd {
    let nonce = Nonce::random();
    let Some(line) = proof.password.line_for_the_wire() else {
        return refused("the password for sudo is more than one line", Told::Never);
    };
    let until = limits.within(limits.login);
    let opened = limits.timeout_at(until, open(link, &nonce)).await;
    let Ok(Ok((mut incoming, outgoing))) = opened else {
        return lost(Told::Never);
    };
    let mut rite = Rite::new(&nonce, proof.user);
    // The permit ends here: the password is sent once, or not at all.
    let begun = begin(&mut rite, line, &mut incoming, &outgoing);
    let begun = Box::pin(limits.timeout_at(until, begun)).await;
    let end = match begun.unwrap_or(Begun::Not(Why::Silent)) {
        Begun::Shell => {
            let script = set.script(&nonce);
            let mut transcript = Transcript::new(nonce, limits);
            let tell = async {
                outgoing.data_bytes(script).await?;
                outgoing.eof().await
            };
            let asked = converse(&mut incoming, tell, &mut transcript);
            let end = Box::pin(limits.timeout_at(limits.deadline, asked)).await;
            let end = end.unwrap_or(End::Deadline);
            if matches!(end, End::Over | End::Deadline) {
                link.cut();
            }
            SudoEnd {
                answers: transcript.conclude(end, set, limits),
                password: if rite.told { Told::Right } else { Told::Never },
            }
        }
        Begun::Not(why) => rite.refusal(why, proof.password),
    };
    // With the channel sudo's standard input ends: it gives up at its next question.
    let _ = outgoing.close().await;
    end
}

async fn open(
    link: &Link,
    nonce: &Nonce,
) -> Result<(ChannelReadHalf, ChannelWriteHalf<Msg>), russh::Error> {
    let channel = link.handle.channel_open_session().await?;
    let (incoming, outgoing) = channel.split();
    outgoing
        .exec(true, sudo_command(&nonce.to_string()))
        .await?;
    Ok((incoming, outgoing))
}

fn refused(why: &'static str, password: Told) -> SudoEnd {
    let said = String::new();
    SudoEnd {
        answers: Err(SessionError::SudoRefused { why, said }),
        password,
    }
}

fn lost(password: Told) -> SudoEnd {
    SudoEnd {
        answers: Err::<Answers, _>(SessionError::Closed(String::new())),
        password,
    }
}

/// How it began.
enum Begun {
    /// The root shell waits for its script.
    Shell,
    Not(Why),
}

/// Brings it to the root shell, telling the password where the prompt asks for it.
async fn begin(
    rite: &mut Rite<'_>,
    line: Vec<u8>,
    incoming: &mut ChannelReadHalf,
    outgoing: &ChannelWriteHalf<Msg>,
) -> Begun {
    let mut line = Some(line);
    let mut exit = None;
    loop {
        match incoming.wait().await {
            Some(ChannelMsg::Data { data }) => rite.out.extend_from_slice(&data),
            Some(ChannelMsg::ExtendedData { data, .. }) => rite.err.extend_from_slice(&data),
            Some(ChannelMsg::ExitStatus { exit_status }) => exit = Some(exit_status),
            Some(ChannelMsg::Failure) => return Begun::Not(Why::Ended(None)),
            None if exit.is_none() => return Begun::Not(Why::Lost),
            Some(ChannelMsg::Close) | None => return Begun::Not(Why::Ended(exit)),
            Some(_) => {}
        }
        match rite.next() {
            Step::Wait => {}
            Step::Shell => return Begun::Shell,
            Step::Over(why) => return Begun::Not(why),
            Step::Tell => {
                let Some(line) = line.take() else {
                    return Begun::Not(Why::AskedAgain);
                };
                // Before it goes out: from here on any end but the shell counts.
                rite.told = true;
                if outgoing.data_bytes(line).await.is_err() {
                    return Begun::Not(Why::Lost);
                }
            }
        }
    }
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Wait,
    Tell,
    Shell,
    Over(Why),
}

/// Why there is no root shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    AskedAgain,
    AnotherAccount,
    NotRoot,
    TooMuch,
    Silent,
    Ended(Option<u32>),
    Lost,
}

/// What was said so far. Pure.
#[derive(Debug)]
struct Rite<'a> {
    prompt: String,
    user: &'a str,
    told: bool,
    out: Vec<u8>,
    err: Vec<u8>,
    /// Where the search for the sign goes on in `out`, and for the next prompt in `err`: a host that
    /// sends byte by byte must not cost quadratic time.
    searched: (usize, usize),
}

impl<'a> Rite<'a> {
    /// The most that a lecture and the rc files of a login shell may say, in bytes.
    const MOST: usize = 64 << 10;
    /// The longest name of an account in a prompt, in bytes.
    const NAME: usize = 256;

    fn new(nonce: &Nonce, user: &'a str) -> Self {
        Self {
            prompt: format!("{nonce}:"),
            user,
            told: false,
            out: Vec::new(),
            err: Vec::new(),
            searched: (0, 0),
        }
    }

    fn next(&mut self) -> Step {
        if let Some(is_root) = self.sign() {
            return if is_root {
                Step::Shell
            } else {
                Step::Over(Why::NotRoot)
            };
        }
        while let Some(name) = self.asked() {
            match name.as_str() {
                // The command line itself, printed by a login shell that traces what it runs.
                "%p" => {}
                _ if self.told => return Step::Over(Why::AskedAgain),
                name if is_same(name, self.user) => return Step::Tell,
                _ => return Step::Over(Why::AnotherAccount),
            }
        }
        if self.out.len() + self.err.len() > Self::MOST {
            return Step::Over(Why::TooMuch);
        }
        Step::Wait
    }

    /// Whether the root shell has said who it is, and is root.
    fn sign(&mut self) -> Option<bool> {
        /// The longest number of an account, and the end of the line.
        const TAIL: usize = 12;
        let from = self.searched.0;
        self.searched.0 = self.out.len().saturating_sub(SIGN.len() + TAIL).max(from);
        let mut rest = self.out.get(from..)?;
        while let Some(at) = find(rest, SIGN) {
            rest = rest.get(at + SIGN.len()..)?;
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, after) = rest.split_at_checked(digits)?;
            let ends = after.starts_with(b"\n") || after.starts_with(b"\r\n");
            if digits > 0 && ends {
                return Some(number == b"0");
            }
        }
        None
    }

    /// The account that the next prompt asks the password of, if a whole prompt is there.
    fn asked(&mut self) -> Option<String> {
        loop {
            let from = self.searched.1;
            let rest = self.err.get(from..)?;
            let Some(at) = find(rest, self.prompt.as_bytes()) else {
                let unread = self.prompt.len().min(rest.len());
                self.searched.1 = self.err.len() - unread;
                return None;
            };
            let name = rest.get(at + self.prompt.len()..)?;
            let within = name.get(..Self::NAME).unwrap_or(name);
            let Some(end) = within.iter().position(|byte| *byte == b':') else {
                self.searched.1 += at;
                if within.len() < Self::NAME {
                    return None;
                }
                self.searched.1 += self.prompt.len();
                continue;
            };
            let name = String::from_utf8_lossy(within.get(..end)?).into_owned();
            self.searched.1 += at + self.prompt.len() + end + 1;
            return Some(name);
        }
    }

    fn refusal(&self, why: Why, password: &Password) -> SudoEnd {
        if why == Why::Lost {
            return lost(self.fate());
        }
        let mut said = self.said();
        password.hide_in(&mut said);
        let (why, fate) = self.words(why, &said);
        SudoEnd {
            answers: Err(SessionError::SudoRefused { why, said }),
            password: fate,
        }
    }

    fn words(&self, why: Why, said: &str) -> (&'static str, Told) {
        match why {
            Why::AskedAgain => ("sudo refused the password", Told::Unproven),
            Why::AnotherAccount => (
                "sudo wants the password of another account than the login's (rootpw, targetpw or runaspw), so none was told; use sudo = \"nopasswd\"",
                Told::Never,
            ),
            Why::NotRoot => (
                "sudo made the account another one than root (runas_default)",
                self.proven(),
            ),
            Why::TooMuch => (
                "what came was neither sudo's prompt nor a shell",
                self.fate(),
            ),
            Why::Silent if self.told => (
                "sudo did not answer to the password in time",
                Told::Unproven,
            ),
            Why::Silent => (
                "sudo neither asked in our words nor started a shell in time; try Defaults passprompt_override, or sudo = \"nopasswd\"",
                Told::Never,
            ),
            Why::Ended(_) if self.told && is_not_listed(said) => (
                "sudo took the password, and its rules do not let the account be root",
                Told::Right,
            ),
            Why::Ended(_) if self.told => (
                "sudo refused the password, or could not start a shell",
                Told::Unproven,
            ),
            Why::Ended(Some(127)) => (
                "the account finds no sudo; doas and su are not used",
                Told::Never,
            ),
            Why::Ended(_) | Why::Lost => {
                ("sudo refused before it asked for a password", self.fate())
            }
        }
    }

    fn fate(&self) -> Told {
        if self.told {
            Told::Unproven
        } else {
            Told::Never
        }
    }

    fn proven(&self) -> Told {
        if self.told { Told::Right } else { Told::Never }
    }

    fn said(&self) -> String {
        let mut bytes: Vec<u8> = self.out.iter().take(400).copied().collect();
        bytes.push(b' ');
        // The end says why; a lecture comes before.
        let skipped = self.err.len().saturating_sub(1_000);
        bytes.extend(self.err.iter().skip(skipped));
        plain(&bytes).replace(&self.prompt, "[prompt] ")
    }
}

/// Whether sudo speaks of its rules, which it does only to those who have proven who they are. The
/// messages are those of the C locale, which the command asks for.
fn is_not_listed(said: &str) -> bool {
    const RULES: [&str; 4] = [
        "is not in the sudoers file",
        "is not allowed to execute",
        "is not allowed to run sudo on",
        "may not run sudo on",
    ];
    RULES.iter().any(|words| said.contains(words)) && !said.contains("incorrect password")
}

/// Whether two spellings name one account: directories write the realm before or behind the name, in
/// any case, or not at all.
fn is_same(one: &str, other: &str) -> bool {
    let bare = |name: &str| {
        let name = name.rsplit_once('\\').map_or(name, |(_, name)| name);
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        name.to_lowercase()
    };
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce() -> Nonce {
        Nonce::from_bytes([7; 16])
    }

    fn rite(user: &str) -> Rite<'_> {
        Rite::new(&nonce(), user)
    }

    fn prompt(name: &str) -> String {
        format!("{}:{name}:", nonce())
    }

    /// The steps other than waiting that standard error leads to, byte by byte.
    fn steps(user: &str, err: &str) -> Vec<Step> {
        let mut rite = rite(user);
        let mut steps = Vec::new();
        for byte in err.bytes() {
            rite.err.push(byte);
            let step = rite.next();
            rite.told |= step == Step::Tell;
            if step != Step::Wait {
                steps.push(step);
            }
        }
        steps
    }

    #[test]
    fn the_password_is_told_to_the_first_prompt_and_the_second_ends_it() {
        let lecture = "We trust you have received the usual lecture: password:\n";
        let once = format!("{lecture}{}", prompt("audit"));
        assert_eq!(steps("audit", &once), [Step::Tell]);
        let twice = format!("{once}Sorry, try again.\n{}", prompt("audit"));
        assert_eq!(
            steps("audit", &twice),
            [Step::Tell, Step::Over(Why::AskedAgain)]
        );
    }

    #[test]
    fn a_prompt_in_other_words_is_told_nothing() {
        for err in ["Password: ", "[sudo] password for audit: ", "OTP:"] {
            assert_eq!(steps("audit", err), []);
        }
    }

    #[test]
    fn the_command_line_on_the_way_is_no_prompt() {
        let traced = format!("+ {}\n", sudo_command(&nonce().to_string()));
        assert_eq!(steps("audit", &traced), []);
        let then = format!("{traced}{}", prompt("audit"));
        assert_eq!(steps("audit", &then), [Step::Tell]);
        // Nor is it the root shell's sign.
        let mut rite = rite("audit");
        rite.out = traced.into_bytes();
        assert_eq!(rite.next(), Step::Wait);
    }

    #[test]
    fn another_accounts_password_is_not_ours_to_tell() {
        let other = [Step::Over(Why::AnotherAccount)];
        assert_eq!(steps("audit", &prompt("root")), other);
        assert_eq!(
            steps(r"CORP\Audit", &prompt("audit@corp.example")),
            [Step::Tell]
        );
        assert_eq!(steps("audit", &prompt(r"CORP\audit")), [Step::Tell]);
    }

    #[test]
    fn a_name_without_end_is_no_prompt() {
        let endless = format!("{}:{}", nonce(), "a".repeat(2_000));
        assert_eq!(steps("audit", &endless), []);
    }

    #[test]
    fn the_root_shells_first_line_is_the_sign_and_another_accounts_is_not() {
        let says = |out: &str| {
            let mut rite = rite("audit");
            rite.out = out.as_bytes().to_vec();
            rite.next()
        };
        assert_eq!(says("welcome\nunderdesk 0\n"), Step::Shell);
        assert_eq!(says("no line end: underdesk 0\r\n"), Step::Shell);
        assert_eq!(says("underdesk 0"), Step::Wait);
        assert_eq!(says("underdesk underdesk 0\n"), Step::Shell);
        assert_eq!(says("underdesk 1001\n"), Step::Over(Why::NotRoot));
    }

    #[test]
    fn a_flood_ends_it() {
        let mut rite = rite("audit");
        rite.out = vec![b'x'; Rite::MOST + 1];
        assert_eq!(rite.next(), Step::Over(Why::TooMuch));
    }

    #[test]
    fn only_what_follows_the_password_can_prove_or_spend_it() {
        let end = |told: bool, why: Why, err: &str| {
            let mut rite = rite("audit");
            rite.told = told;
            rite.err = err.as_bytes().to_vec();
            rite.refusal(why, &Password::new("Sesame-77"))
        };
        let listed = "audit is not in the sudoers file.\n";
        let cases = [
            (
                false,
                Why::Ended(Some(1)),
                "sorry, you must have a tty",
                Told::Never,
            ),
            (false, Why::Silent, "", Told::Never),
            (false, Why::Lost, "", Told::Never),
            (true, Why::Lost, "", Told::Unproven),
            (true, Why::Silent, "", Told::Unproven),
            (true, Why::AskedAgain, "Sorry", Told::Unproven),
            (
                true,
                Why::Ended(Some(1)),
                "1 incorrect password attempt",
                Told::Unproven,
            ),
            (true, Why::Ended(None), "", Told::Unproven),
            (true, Why::Ended(Some(1)), listed, Told::Right),
            (true, Why::NotRoot, "", Told::Right),
        ];
        for (told, why, err, fate) in cases {
            assert_eq!(end(told, why, err).password, fate, "{why:?} {err}");
        }
        let echoed = end(true, Why::AskedAgain, "you typed Sesame-77");
        let said = echoed.answers.unwrap_err().to_string();
        assert!(said.contains("[hidden]"), "{said}");
    }

    #[test]
    fn what_sudoers_names_is_what_the_login_shell_starts() {
        let unquoted = sudo_command("m").replace('\'', "");
        assert!(unquoted.ends_with(ROOT_SHELL), "{unquoted}");
    }
}
