//! The run's credentials with their secrets at hand.

use crate::credentials::{Credential, Jump, Sudo};
use crate::model::CredentialId;
use crate::session::{ClientCertificate, Key, Password};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The credentials of a run, in the file's order, and what proves each.
#[derive(Debug, Default)]
pub struct Keyring {
    credentials: Vec<Credential>,
    proofs: BTreeMap<CredentialId, StoredProof>,
    jumps: Vec<Jump>,
    for_sudo: BTreeMap<CredentialId, Password>,
    /// The one that is offered to hosts, where that is not all of them.
    only: Option<CredentialId>,
}

/// What proves an account. Its `Debug` shows no secret.
#[derive(Debug)]
pub enum StoredProof {
    /// A private key.
    Keys(Vec<Arc<Key>>),
    /// The agent at this socket, and the one key of it to offer, where the operator names one.
    Agent {
        /// The socket.
        socket: PathBuf,
        /// `SHA256:…`.
        fingerprint: Option<String>,
    },
    /// A password.
    Password(Password),
    /// A certificate and its private key.
    Certificate(ClientCertificate),
}

impl Keyring {
    /// Puts credentials together with their proofs. One without a proof is never used.
    pub fn new(credentials: Vec<Credential>, proofs: BTreeMap<CredentialId, StoredProof>) -> Self {
        let mut credentials = credentials;
        credentials.retain(|credential| proofs.contains_key(&credential.id));
        Self {
            credentials,
            proofs,
            jumps: Vec::new(),
            for_sudo: BTreeMap::new(),
            only: None,
        }
    }

    /// Offers hosts one credential only; the others it has left are for hosts on the way. `None` where it has
    /// none of that id.
    pub fn only(self, id: &CredentialId) -> Option<Self> {
        let mut one = self;
        let jumps = &one.jumps;
        let is_needed = |known: &CredentialId| {
            known == id || jumps.iter().any(|jump| jump.credential == *known)
        };
        one.credentials
            .retain(|credential| is_needed(&credential.id));
        one.proofs.retain(|known, _| is_needed(known));
        one.only = Some(id.clone());
        one.proofs.contains_key(id).then_some(one)
    }

    /// Whether a credential may be offered to hosts.
    pub(super) fn offers(&self, id: &CredentialId) -> bool {
        self.only.as_ref().is_none_or(|only| only == id)
    }

    /// With the hosts on the way to others.
    #[must_use]
    pub fn with_jumps(self, jumps: Vec<Jump>) -> Self {
        Self { jumps, ..self }
    }

    /// Adds the passwords that sudo is told where they are not the login's own.
    #[must_use]
    pub fn with_sudo(self, for_sudo: BTreeMap<CredentialId, Password>) -> Self {
        Self { for_sudo, ..self }
    }

    /// The credentials that can be used, in the file's order.
    pub fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    /// The hosts on the way to others.
    pub(super) fn jumps(&self) -> &[Jump] {
        &self.jumps
    }

    /// What proves a credential.
    pub(super) fn proof(&self, id: &CredentialId) -> Option<&StoredProof> {
        self.proofs.get(id)
    }

    /// The password that sudo is told, where the credential has one for it.
    pub(super) fn for_sudo(&self, credential: &Credential) -> Option<&Password> {
        if credential.sudo != Sudo::WithPassword {
            return None;
        }
        let own = match self.proofs.get(&credential.id) {
            Some(StoredProof::Password(password)) => Some(password),
            _ => None,
        };
        self.for_sudo.get(&credential.id).or(own)
    }
}
