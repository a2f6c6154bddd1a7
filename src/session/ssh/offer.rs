//! Offering keys (RFC 4252 section 7), our own or an agent's.

use super::algorithms::SHA1_RSA;
use super::handshake::now;
use super::login::{SshDoor, Verdict};
use crate::os;
use crate::session::{Key, LoginError, Signer, certificate};
use russh::Signer as Signs;
use russh::client::AuthResult;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use std::path::Path;
use std::sync::Arc;

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
            let answer = match key.certificate() {
                Some(certificate) => self.offer_certificate(user, key, certificate).await?,
                None => self.offer_key(user, key).await,
            };
            match self.verdict(answer)? {
                Verdict::Welcome => return Ok(()),
                Verdict::Refused { go_on, error } if go_on => refused = Err(error),
                Verdict::Refused { error, .. } => return Err(error),
            }
        }
        refused
    }

    async fn offer_key(&mut self, user: &str, key: &Key) -> Result<AuthResult, russh::Error> {
        let hash = self.hash_for(&key.private().algorithm()).await;
        let key = PrivateKeyWithHashAlg::new(Arc::clone(key.private()), hash);
        self.keys_offered += 1;
        self.link.handle.authenticate_publickey(user, key).await
    }

    async fn offer_certificate(
        &mut self,
        user: &str,
        key: &Key,
        certificate: &Certificate,
    ) -> Result<Result<AuthResult, russh::Error>, LoginError> {
        // It was good when the run began.
        if let Some(why) = certificate::why_out_of_date(certificate, now()) {
            return Err(LoginError::OutOfDate(why));
        }
        self.keys_offered += 1;
        self.certificate = certificate::describe(certificate);
        // A certificate is newer than SHA-256.
        let hash = self.hash_for(&certificate.algorithm()).await;
        let hash = hash.or_else(|| is_rsa(&certificate.algorithm()).then_some(HashAlg::Sha256));
        let mut holder = Holder(key.private());
        let certificate = certificate.clone();
        let handle = &mut self.link.handle;
        let offer = handle.authenticate_certificate_with(user, certificate, hash, &mut holder);
        match offer.await {
            Ok(answer) => Ok(Ok(answer)),
            Err(SignError::Send) => Ok(Err(russh::Error::SendError)),
            Err(SignError::Sign(error)) => Err(LoginError::Agent(error)),
        }
    }

    async fn offer_agent(
        &mut self,
        user: &str,
        socket: &Path,
        (only, most): (Option<&str>, usize),
    ) -> Result<(), LoginError> {
        let agent = os::connect_agent(socket).await.map_err(agent_error)?;
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
        agent: &mut AgentClient<os::AgentStream>,
    ) -> Result<Result<AuthResult, russh::Error>, LoginError> {
        self.keys_offered += 1;
        let algorithm = match &identity {
            AgentIdentity::PublicKey { key, .. } => key.algorithm(),
            AgentIdentity::Certificate { certificate, .. } => {
                self.certificate = certificate::describe(certificate);
                certificate.algorithm()
            }
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

    /// The hash to sign with, where that is a choice (RFC 8332). SHA-1 (`None`) only where the host knows
    /// nothing newer and the credential allows it.
    async fn hash_for(&mut self, algorithm: &Algorithm) -> Option<HashAlg> {
        if !is_rsa(algorithm) {
            return None;
        }
        let best = self.link.handle.best_supported_rsa_hash().await;
        let best = best.ok().flatten().flatten();
        if best.is_none() && self.link.legacy {
            self.signed_by = Some(SHA1_RSA);
            return None;
        }
        Some(best.unwrap_or(HashAlg::Sha256))
    }
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

/// Signs for a certificate: the one way that russh leaves to choose the hash.
struct Holder<'a>(&'a PrivateKey);

#[derive(Debug, thiserror::Error)]
enum SignError {
    #[error("the connection is gone")]
    Send,
    #[error("the key does not sign")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> Self {
        Self::Send
    }
}

impl Signs for Holder<'_> {
    type Error = SignError;

    /// The message, and behind it the signature as on the wire.
    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        let signature = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(&message),
            pair => pair.try_sign(&message),
        };
        let signature: Signature = signature.map_err(|error| SignError::Sign(error.into()))?;
        let mut message = message;
        let written = signature.encode_prefixed(&mut message);
        written.map_err(|error| SignError::Sign(error.into()))?;
        Ok(message)
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
