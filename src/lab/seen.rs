//! What was sent to the servers of a lab: the witness for every claim of what is never sent.

use super::directory::Directory;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything that the servers saw, in the order in which they saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The connections.
    pub connections: Vec<SeenConnection>,
    /// The tries to log in.
    pub logins: Vec<LoginTry>,
    /// The commands.
    pub commands: Vec<SeenCommand>,
    /// The requests to WinRM services.
    pub requests: Vec<SeenRequest>,
    /// The shells of WinRM services.
    pub shells: Vec<SeenShell>,
    /// What was against a protocol.
    pub violations: Vec<Violation>,
}

/// A WS-Management request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// The host's name in the lab file.
    pub host: Arc<str>,
    /// Where it came in.
    pub at: SocketAddr,
    /// Over which connection: an index in [`Seen::connections`].
    pub connection: usize,
    /// The last part of its action; `?` where it was not read.
    pub action: String,
    /// What kept others from reading it.
    pub cover: Cover,
}

/// What keeps others from reading a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cover {
    /// It was encrypted with the keys of the logon.
    Sealed,
    /// It came over TLS.
    Tls,
    /// Nothing.
    Plain,
}

/// A remote shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenShell {
    /// The host's name in the lab file.
    pub host: Arc<str>,
    /// Its id.
    pub id: String,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// Something that a client may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The host's name in the lab file.
    pub host: Arc<str>,
    /// Where it was done.
    pub at: SocketAddr,
    /// What it was, for people.
    pub what: String,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenConnection {
    /// The host's name in the lab file.
    pub host: Arc<str>,
    /// Where it was accepted.
    pub at: SocketAddr,
    /// How many bytes came from the peer.
    pub received: u64,
    /// How many bytes went to the peer.
    pub sent: u64,
    /// Whether it has ended.
    pub closed: bool,
}

/// A try to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginTry {
    /// The host's name in the lab file.
    pub host: Arc<str>,
    /// Where it was made.
    pub at: SocketAddr,
    /// The account.
    pub user: String,
    /// What was sent as a proof.
    pub proof: Proof,
    /// Whether it was enough.
    pub accepted: bool,
}

/// What was sent to prove who one is. The secrets are here in the clear, for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// Nothing: the question which methods there are.
    None,
    /// A public key was offered, by fingerprint; nothing was signed.
    Offer(String),
    /// A key signed, by fingerprint.
    Signature(String),
    /// A password.
    Password(String),
    /// Keyboard-interactive began; nothing was answered.
    Dialogue,
    /// Keyboard-interactive answered its prompts.
    Responses(Vec<String>),
    /// NTLM's third message: a proof of the password, and not the password.
    Ntlm,
    /// A line that sudo took for a password.
    Sudo(String),
}

/// A command that a session ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCommand {
    /// The host's name in the lab file.
    pub host: Arc<str>,
    /// Where it ran.
    pub at: SocketAddr,
    /// The command.
    pub command: String,
}

impl Proof {
    /// Whether it told the host something that others could use.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Password(_) | Self::Responses(_) | Self::Sudo(_))
    }
}

impl Seen {
    /// The secrets that reached a host: passwords, responses to prompts, what sudo was told.
    pub fn secrets(&self, host: &str) -> Vec<&str> {
        let tries = self.logins.iter().filter(|login| &*login.host == host);
        let secrets = tries.flat_map(|login| match &login.proof {
            Proof::Password(secret) | Proof::Sudo(secret) => std::slice::from_ref(secret),
            Proof::Responses(secrets) => secrets,
            Proof::None | Proof::Offer(_) | Proof::Signature(_) | Proof::Dialogue | Proof::Ntlm => {
                &[]
            }
        });
        secrets.map(String::as_str).collect()
    }

    /// How many tries of an account were refused, over all hosts. An offer of a key and the
    /// question for the methods are no tries.
    pub fn wrong_tries(&self, user: &str) -> usize {
        let wrong = |login: &&LoginTry| {
            let free = matches!(login.proof, Proof::None | Proof::Offer(_) | Proof::Dialogue);
            login.user == user && !login.accepted && !free
        };
        self.logins.iter().filter(wrong).count()
    }

    /// How many remote shells of a host were not deleted.
    pub fn shells_left(&self, host: &str) -> usize {
        let left = |shell: &&SeenShell| &*shell.host == host && !shell.deleted;
        self.shells.iter().filter(left).count()
    }

    /// What was against the protocol on a host.
    pub fn violations_of(&self, host: &str) -> Vec<&str> {
        let here = self.violations.iter().filter(|wrong| &*wrong.host == host);
        here.map(|wrong| wrong.what.as_str()).collect()
    }
}

/// Where servers write down what they see, and whom they ask about accounts.
#[derive(Debug)]
pub(super) struct Witness {
    book: Mutex<Seen>,
    pub(super) directory: Directory,
}

impl Witness {
    pub(super) fn new(directory: Directory) -> Self {
        Self {
            book: Mutex::default(),
            directory,
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.book().clone()
    }

    fn book(&self) -> MutexGuard<'_, Seen> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The view of one connection on the witness.
#[derive(Clone, Debug)]
pub(super) struct Note {
    witness: Arc<Witness>,
    index: usize,
    host: Arc<str>,
    at: SocketAddr,
}

impl Note {
    /// Opens the page of a connection.
    pub(super) fn open(witness: Arc<Witness>, host: Arc<str>, at: SocketAddr) -> Self {
        let mut book = witness.book();
        let index = book.connections.len();
        book.connections.push(SeenConnection {
            host: host.clone(),
            at,
            received: 0,
            sent: 0,
            closed: false,
        });
        drop(book);
        Self {
            witness,
            index,
            host,
            at,
        }
    }

    pub(super) fn received(&self, bytes: usize) {
        self.connection(|connection| connection.received += bytes as u64);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.connection(|connection| connection.sent += bytes as u64);
    }

    pub(super) fn closed(&self) {
        self.connection(|connection| connection.closed = true);
    }

    /// Takes down a try, and says whether it gets in: not where its account is locked.
    pub(super) fn login(&self, user: &str, proof: Proof, is_right: bool) -> bool {
        let directory = &self.witness.directory;
        let accepted = if proof.is_secret() || proof == Proof::Ntlm {
            directory.judge(user, is_right)
        } else {
            is_right
        };
        self.witness.book().logins.push(LoginTry {
            host: self.host.clone(),
            at: self.at,
            user: user.to_owned(),
            proof,
            accepted,
        });
        accepted
    }

    pub(super) fn command(&self, command: &[u8]) {
        self.witness.book().commands.push(SeenCommand {
            host: self.host.clone(),
            at: self.at,
            command: String::from_utf8_lossy(command).into_owned(),
        });
    }

    pub(super) fn request(&self, action: &str, cover: Cover) {
        self.witness.book().requests.push(SeenRequest {
            host: self.host.clone(),
            at: self.at,
            connection: self.index,
            action: action.to_owned(),
            cover,
        });
    }

    pub(super) fn shell_opened(&self, id: &str) {
        self.witness.book().shells.push(SeenShell {
            host: self.host.clone(),
            id: id.to_owned(),
            deleted: false,
        });
    }

    pub(super) fn shell_deleted(&self, id: &str) {
        let mut book = self.witness.book();
        let shell = book.shells.iter_mut().find(|shell| shell.id == id);
        if let Some(shell) = shell {
            shell.deleted = true;
        }
    }

    pub(super) fn violation(&self, what: &str) {
        self.witness.book().violations.push(Violation {
            host: self.host.clone(),
            at: self.at,
            what: what.to_owned(),
        });
    }

    /// Which of the witness's connections this is.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    fn connection(&self, change: impl FnOnce(&mut SeenConnection)) {
        let mut book = self.witness.book();
        if let Some(connection) = book.connections.get_mut(self.index) {
            change(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_wrong_tries_are_told_apart_from_what_costs_nothing() {
        let witness = Arc::new(Witness::new(Directory::new(None)));
        let at = "127.0.0.1:22".parse().unwrap();
        let note = Note::open(witness.clone(), "trap".into(), at);
        note.login("u", Proof::None, false);
        note.login("u", Proof::Offer("SHA256:x".to_owned()), false);
        note.login("u", Proof::Password("p".to_owned()), false);
        note.login("u", Proof::Responses(vec!["q".to_owned()]), true);
        let seen = witness.seen();
        assert_eq!(seen.secrets("trap"), ["p", "q"]);
        assert_eq!(seen.secrets("other"), [""; 0]);
        assert_eq!(seen.wrong_tries("u"), 1);
    }
}
