//! Offering keys (RFC 4252 section 7), our own or an agent's.

use super::login::{SshDoor, Verdict};
use crate::session::{Key, LoginError, Signer};
use russh::client::AuthResult;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg};
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixStream;

impl SshDoor {
    /// Offers keys until one is taken.
    pub(super) async fn offer(&mut self, user: &str, signer: Signer<'_>) -> Result<(), LoginError> {
        match signer {
            Signer::Keys(keys) => {
                let keys = keys.get(..signer.most()).unwrap_or(keys);
                self.offer_keys(user, keys).await
            }
            Signer::Agent { socket, only, .. } => {
                self.offer_agent(user, socket, (only, signer.most())).await
            }
        }
    }

    async fn offer_keys(&mut self, user: &str, keys: &[Arc<Key>]) -> Result<(), LoginError> {
        let mut refused = Err(LoginError::NoKey);
        for key in keys {
            let hash = self.hash_for(&key.private().algorithm()).await;
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key.private()), hash);
            self.keys_offered += 1;
            let answer = self.link.handle.authenticate_publickey(user, key).await;
            match self.verdict(answer)? {
                Verdict::Welcome => return Ok(()),
                Verdict::Refused { go_on, error } if go_on => refused = Err(error),
                Verdict::Refused { error, .. } => return Err(error),
            }
        }
        refused
    }

    async fn offer_agent(
        &mut self,
        user: &str,
        socket: &Path,
        (only, most): (Option<&str>, usize),
    ) -> Result<(), LoginError> {
        let agent = UnixStream::connect(socket).await.map_err(agent_error)?;
        let mut agent = AgentClient::connect(agent);
        if let Some(binding) = self.link.handle.agent_session_binding() {
            // Lets the agent use keys that are bound to hosts; older agents do not know it.
            let _ = agent.bind_session(binding, false).await;
        }
        let mut identities = agent.request_identities().await.map_err(agent_error)?;
        identities.retain(|identity| only.is_none_or(|only| fingerprint(identity) == only));
        let mut refused = Err(match only {
            Some(only) => LoginError::NotInAgent(only.to_owned()),
            None => LoginError::NoKey,
        });
        for identity in identities.into_iter().take(most) {
            let answer = self.offer_identity(user, identity, &mut agent).await;
            match self.verdict(answer?)? {
                Verdict::Welcome => return Ok(()),
                Verdict::Refused { go_on, error } if go_on => refused = Err(error),
                Verdict::Refused { error, .. } => return Err(error),
            }
        }
        refused
    }

    async fn offer_identity(
        &mut self,
        user: &str,
        identity: AgentIdentity,
        agent: &mut AgentClient<UnixStream>,
    ) -> Result<Result<AuthResult, russh::Error>, LoginError> {
        self.keys_offered += 1;
        let algorithm = match &identity {
            AgentIdentity::PublicKey { key, .. } => key.algorithm(),
            AgentIdentity::Certificate { certificate, .. } => certificate.algorithm(),
        };
        let hash = self.hash_for(&algorithm).await;
        let handle = &mut self.link.handle;
        let answer = match identity {
            AgentIdentity::PublicKey { key, .. } => {
                handle
                    .authenticate_publickey_with(user, key, hash, agent)
                    .await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                handle
                    .authenticate_certificate_with(user, certificate, hash, agent)
                    .await
            }
        };
        match answer {
            Ok(answer) => Ok(Ok(answer)),
            Err(russh::AgentAuthError::Send(_)) => Ok(Err(russh::Error::SendError)),
            Err(error) => Err(agent_error(error)),
        }
    }

    /// The hash to sign with, where that is a choice (RFC 8332). Never SHA-1.
    async fn hash_for(&self, algorithm: &Algorithm) -> Option<HashAlg> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return None;
        }
        let best = self.link.handle.best_supported_rsa_hash().await;
        let best = best.ok().flatten().flatten();
        Some(best.unwrap_or(HashAlg::Sha256))
    }
}

/// Of the key itself, also where the agent has a certificate for it.
fn fingerprint(identity: &AgentIdentity) -> String {
    let key = identity.public_key();
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn agent_error(error: impl std::error::Error + Send + Sync + 'static) -> LoginError {
    LoginError::Agent(Box::new(error))
}
