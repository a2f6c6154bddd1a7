//! Receipts: for each host a plain text of what was done with it, which can be handed to its owner.
//!
//! Written step by step, so that a run which is killed leaves what it did, and `--resume` goes on with the
//! same file. What was fed to shells stands once at the end of each part, under its SHA-256.

use super::notes::{Note, Step};
use super::{RunPlan, plan::Receipts};
use crate::model::{AccessRecord, Answer, ProbeKind, RunSummary, UtcTime, hex};
use crate::os;
use crate::session::Exchange;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Writes receipts.
#[derive(Debug)]
pub(super) struct Writer {
    receipts: Receipts,
    retries: u8,
    open: Mutex<BTreeMap<IpAddr, Part>>,
}

/// What this process has done with a host so far.
#[derive(Debug, Default)]
struct Part {
    sent: u64,
    received: u64,
    exchanges: u64,
    logins: u64,
    /// The name of the account, where names are left out.
    hidden: String,
    /// What was fed to shells, by digest.
    texts: BTreeMap<String, String>,
    /// Whether it is a Windows that was asked.
    is_windows: bool,
}

/// What a Windows starts for us.
const STARTED: &str = "\
started        by WinRM a shell (winrshost.exe, cmd.exe) and in it reg, findstr, netstat, whoami, wevtutil,
               appcmd, and powershell.exe only where the others are refused; by SSH cmd.exe and
               powershell.exe. WMI queries run in the host's own WmiPrvSE.exe. All of it ends with the session.
";

impl Writer {
    pub(super) fn new(receipts: Receipts, plan: &RunPlan) -> Self {
        Self {
            receipts,
            retries: plan.pace.retries,
            open: Mutex::default(),
        }
    }

    /// Begins a host's receipt, or a further part of it.
    pub(super) fn begin(&self, address: IpAddr, run: &RunSummary, now: UtcTime) -> io::Result<()> {
        self.with(address, |part| *part = Part::default());
        self.append(address, &head(address, run, now))
    }

    /// Adds a step.
    pub(super) fn add(&self, address: IpAddr, note: &Note) -> io::Result<()> {
        let mut text = String::new();
        let no_users = self.receipts.no_users;
        self.with(address, |part| {
            part.write(note, (self.retries, no_users), &mut text);
        });
        if text.is_empty() {
            return Ok(());
        }
        self.append(address, &text)
    }

    /// Ends the part: the sums, and what was fed to shells.
    pub(super) fn end(&self, address: IpAddr, outcome: &str, now: UtcTime) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let part = open.remove(&address).unwrap_or_default();
        drop(open);
        self.append(address, &part.foot(outcome, now))
    }

    fn with(&self, address: IpAddr, change: impl FnOnce(&mut Part)) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        change(open.entry(address).or_default());
    }

    fn append(&self, address: IpAddr, text: &str) -> io::Result<()> {
        let name = format!("{}.txt", address.to_string().replace(':', "_"));
        append(&self.receipts.folder.join(name), text)
    }
}

/// What was found on a network is nobody else's business: readable by the owner only.
fn append(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = File::options();
    options.append(true).create(true);
    os::owner_only(&mut options)
        .open(path)?
        .write_all(text.as_bytes())
}

fn head(address: IpAddr, run: &RunSummary, now: UtcTime) -> String {
    let mut text = String::new();
    let authorised = run.authorised_by.as_deref().unwrap_or("not stated");
    let _ = write!(
        text,
        "What underdesk {} did with {address}\n\n\
         run            {} ({})\n\
         begun          {now}\n\
         operator       {}\n\
         authorised by  {}\n\n\
         Times are UTC. Bytes are those of commands, queries and their answers inside the connection, before\n\
         encryption; what names, connections, key exchanges and logins cost is not counted. Everything that\n\
         is sent is a constant of the program: underdesk explain questions lists and explains it.\n\n",
        env!("CARGO_PKG_VERSION"),
        run.id,
        run.kind,
        plain(&run.operator),
        plain(authorised),
    );
    text
}

impl Part {
    #[expect(clippy::too_many_lines, reason = "a line for each kind of step")]
    fn write(&mut self, note: &Note, (retries, no_users): (u8, bool), text: &mut String) {
        let at = note.at;
        let mut say = |line: &str| {
            let _ = writeln!(text, "{at}  {line}");
        };
        match &note.step {
            Step::Probed(probes) => probed(probes, retries, &mut say),
            Step::Looks(asked) => looked(asked, &mut say),
            Step::Connects(protocol, port) => {
                say(&format!(
                    "connected to port {port} for {}",
                    protocol.as_str()
                ));
            }
            Step::Met(met) => say(&format!(
                "  it shows {} (trust: {}, {} ms)",
                plain(&met.key.to_string()),
                met.trust.as_str(),
                met.took_ms
            )),
            Step::NotMet {
                code,
                detail,
                took_ms,
            } => say(&format!(
                "  {}: {} ({took_ms} ms)",
                code.as_str(),
                plain(detail)
            )),
            Step::LogsIn {
                credential,
                user,
                proof,
            } => {
                self.logins += 1;
                if no_users {
                    self.hidden.clone_from(user);
                }
                let user = if no_users { "" } else { user.as_str() };
                let named = if user.is_empty() { "" } else { " as " };
                say(&format!(
                    "login{named}{} with {proof}, credential {}",
                    plain(user),
                    plain(credential.as_str())
                ));
            }
            Step::LoggedIn(method) => say(&format!("  let in by {method}")),
            Step::Ended(row) => say(&self.ended(row)),
            Step::Asks(set) => say(&format!(
                "asked the questions `{}`, {} of them",
                set.name,
                set.questions.len()
            )),
            Step::Said(said) => said.iter().for_each(|one| self.said(one, &mut say)),
            Step::Answered(set, answers) => {
                let gaps = answers.iter().filter_map(|(id, answer)| {
                    let cause = answer.as_ref().err()?;
                    Some(format!("{id} ({})", cause.as_str()))
                });
                let gaps: Vec<String> = gaps.collect();
                let answered = answers.len() - gaps.len();
                say(&format!(
                    "  of `{}` {answered} were answered; without an answer: {}",
                    set.name,
                    if gaps.is_empty() {
                        "none".to_owned()
                    } else {
                        gaps.join(", ")
                    }
                ));
            }
            Step::Account(_) => {}
        }
    }

    fn ended(&self, row: &AccessRecord) -> String {
        let mut detail = plain(&row.detail);
        if !self.hidden.is_empty() {
            detail = detail.replace(&plain(&self.hidden), "[user]");
        }
        let credential = row.credential.as_ref();
        let of = credential.map_or_else(String::new, |id| format!(" with {}", plain(id.as_str())));
        let attempted = if row.attempted {
            ""
        } else {
            ", nothing of it was used"
        };
        let port = row
            .port
            .map_or_else(String::new, |port| format!(" port {port}"));
        let colon = if detail.is_empty() { "" } else { ": " };
        format!(
            "result{of} over {}{port}: {}{attempted}{colon}{detail}",
            row.protocol.as_str(),
            row.code.as_str()
        )
    }

    fn said(&mut self, one: &Exchange, say: &mut impl FnMut(&str)) {
        self.sent += one.sent;
        self.received += one.received;
        self.exchanges += 1;
        let starts = ["Enumerate", "Create", "exec cmd", "exec powershell"];
        self.is_windows |= starts.iter().any(|start| one.what.starts_with(start));
        let fed = if one.fed.is_empty() {
            String::new()
        } else {
            let digest = hex(&Sha256::digest(one.fed.as_bytes()));
            let named = format!(", fed the text {digest}");
            self.texts.insert(digest, one.fed.clone());
            named
        };
        say(&format!(
            "  {}{fed}: {} bytes sent, {} received, {} ms, {}",
            plain(&one.what),
            one.sent,
            one.received,
            one.took.as_millis(),
            plain(&one.end)
        ));
    }

    fn foot(&self, outcome: &str, now: UtcTime) -> String {
        let mut text = format!(
            "\nended          {now}, {outcome}\n\
             logins tried   {}\n\
             commands and requests  {}: {} bytes sent, {} received\n\
             files written  0; nothing was installed, changed or started but what ends with its answer. The\n\
             \x20              host itself may have written to its logs (logins, last login).\n",
            self.logins, self.exchanges, self.sent, self.received
        );
        if self.is_windows {
            text.push_str(STARTED);
        }
        for (digest, fed) in &self.texts {
            let _ = write!(
                text,
                "\nThe text {digest}\n(SHA-256; a random marker of 32 hex digits is shown as MARKER):\n\n{}\n",
                indented(fed)
            );
        }
        text.push('\n');
        text
    }
}

fn probed(probes: &[(ProbeKind, Option<Answer>)], retries: u8, say: &mut impl FnMut(&str)) {
    let words = probes.iter().map(|(probe, answer)| {
        let name = match probe {
            ProbeKind::Tcp(port) => format!("port {port}"),
            other => other.as_str().to_owned(),
        };
        format!("{name} {}", answer.map_or("silent", Answer::as_str))
    });
    let words: Vec<String> = words.collect();
    say(&format!(
        "probed: {}; what is silent is asked {} times or more where answers get lost",
        words.join(", "),
        u16::from(retries) + 1
    ));
}

fn looked(asked: &[(&'static str, u16)], say: &mut impl FnMut(&str)) {
    let words = asked
        .iter()
        .map(|(protocol, port)| format!("{protocol} on {port}"));
    let words: Vec<String> = words.collect();
    if !words.is_empty() {
        say(&format!(
            "asked who it is, without a login, as far as it answers: {}",
            words.join(", ")
        ));
    }
}

/// A host's words, harmless to a terminal and on one line.
fn plain(text: &str) -> String {
    crate::report::for_terminal(text).into_owned()
}

fn indented(text: &str) -> String {
    // Words of ours: nothing in them needs to be made harmless, and a tab is a tab.
    let lines = text.lines().map(|line| format!("    {line}"));
    lines.collect::<Vec<_>>().join("\n")
}
