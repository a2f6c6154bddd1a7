//! From a credentials file to a keyring: secrets are fetched once, before the run.

use super::config::Environment;
use super::{Stop, complain, hints};
use crate::credentials::resolve::{self, Secrets, Sources};
use crate::credentials::{self, Credential};
use crate::model::CredentialId;
use crate::scan::{Keyring, StoredProof};
use crate::session::{ClientCertificate, Key, Password};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a credentials file and the secrets it points to.
pub(super) async fn keyring(
    path: &Path,
    environment: &Environment,
    no_input: bool,
) -> Result<Keyring, Stop> {
    let file = credentials::file::load(path).map_err(|error| Stop::configuration(&error))?;
    for wish in file.not_yet_used() {
        complain(&format!("{}: {wish}", path.display()));
    }
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let may_ask = !no_input && std::io::stdin().is_terminal();
    let prompt: Option<&resolve::Prompt<'_>> = if may_ask {
        Some(&resolve::ask_on_terminal)
    } else {
        None
    };
    // One for all: what opens several secrets is asked for once.
    let sources = Sources::new(&file, path, &variable, prompt);
    let mut proofs = BTreeMap::new();
    for credential in file
        .credentials
        .iter()
        .filter(|credential| credential.is_used())
    {
        let proof = proof(&sources, path, credential, environment).await?;
        proofs.insert(credential.id.clone(), proof);
    }
    Ok(Keyring::new(file.credentials, proofs))
}

async fn proof(
    sources: &Sources<'_>,
    path: &Path,
    credential: &Credential,
    environment: &Environment,
) -> Result<StoredProof, Stop> {
    let secrets = resolve::secrets(credential, sources).await;
    let secrets = secrets.map_err(|error| fault(path, &credential.id, &error))?;
    match secrets {
        Secrets::Key { key, passphrase } => {
            let key = Key::parse(&key, passphrase.as_ref());
            let key = key.map_err(|error| fault(path, &credential.id, &error))?;
            Ok(StoredProof::Keys(vec![Arc::new(key)]))
        }
        Secrets::Certificate { certificate, key } => {
            let certificate = ClientCertificate::parse(&certificate, &key);
            let certificate = certificate.map_err(|error| fault(path, &credential.id, &error))?;
            Ok(StoredProof::Certificate(certificate))
        }
        Secrets::Password { password } => Ok(StoredProof::Password(Password::new(password))),
        Secrets::Agent {
            socket,
            fingerprint,
        } => {
            let own = || environment.get("SSH_AUTH_SOCK").map(PathBuf::from);
            let Some(socket) = socket.or_else(own) else {
                let text = "there is no agent: SSH_AUTH_SOCK is not set; start one, or give the credential a socket";
                return Err(Stop::usage(format!(
                    "{}: credential {}: {text}",
                    path.display(),
                    credential.id
                )));
            };
            Ok(StoredProof::Agent {
                socket,
                fingerprint,
            })
        }
    }
}

fn fault(path: &Path, id: &CredentialId, error: &dyn std::error::Error) -> Stop {
    let why = hints::chain(error);
    Stop::usage(format!("{}: credential {id}: {why}", path.display()))
}
