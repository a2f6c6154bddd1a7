//! What was sent to the servers of a lab: the witness for every claim of what is never sent.

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
        matches!(self, Self::Password(_) | Self::Responses(_))
    }
}

impl Seen {
    /// The secrets that reached a host: passwords and responses to prompts.
    pub fn secrets(&self, host: &str) -> Vec<&str> {
        let tries = self.logins.iter().filter(|login| &*login.host == host);
        let secrets = tries.flat_map(|login| match &login.proof {
            Proof::Password(secret) => std::slice::from_ref(secret),
            Proof::Responses(secrets) => secrets,
            Proof::None | Proof::Offer(_) | Proof::Signature(_) | Proof::Dialogue => &[],
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
}

/// Where servers write down what they see.
#[derive(Debug, Default)]
pub(super) struct Witness(Mutex<Seen>);

impl Witness {
    pub(super) fn seen(&self) -> Seen {
        self.book().clone()
    }

    fn book(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    pub(super) fn login(&self, user: &str, proof: Proof, accepted: bool) {
        self.witness.book().logins.push(LoginTry {
            host: self.host.clone(),
            at: self.at,
            user: user.to_owned(),
            proof,
            accepted,
        });
    }

    pub(super) fn command(&self, command: &[u8]) {
        self.witness.book().commands.push(SeenCommand {
            host: self.host.clone(),
            at: self.at,
            command: String::from_utf8_lossy(command).into_owned(),
        });
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
        let witness = Arc::new(Witness::default());
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
