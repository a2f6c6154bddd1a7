//! From a credentials file to a keyring: secrets are fetched once, before the run.

use super::config::Environment;
use super::{Stop, hints, runtime, ssh_config};
use crate::credentials::resolve::{self, Secrets, Sources};
use crate::credentials::{self, Credential};
use crate::model::CredentialId;
use crate::os;
use crate::scan::{Keyring, RunPlan, StoredProof};
use crate::session::{ClientCertificate, Key, Password};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a credentials file and the secrets it points to.
pub(super) async fn keyring(
    plan: &RunPlan,
    path: &Path,
    environment: &Environment,
    no_input: bool,
) -> Result<Keyring, Stop> {
    let file = credentials::file::load(path).map_err(|error| Stop::configuration(&error))?;
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    // One for all: what opens several secrets is asked for once.
    let sources = Sources::new(&file, path, &variable, prompt(no_input));
    let mut proofs = BTreeMap::new();
    let mut for_sudo = BTreeMap::new();
    for credential in &file.credentials {
        let proof = proof(&sources, path, credential, environment).await?;
        proofs.insert(credential.id.clone(), proof);
        if let Some(password) = sudo(&sources, path, credential).await? {
            for_sudo.insert(credential.id.clone(), password);
        }
    }
    let own = ssh_config::Own::read(&file, path, environment)?;
    let added = own.map(|own| own.additions(plan, prompt(no_input)));
    let added = added.unwrap_or_default();
    let (mut credentials, mut jumps) = (file.credentials, file.jumps);
    if let Some(twice) = added
        .credentials
        .iter()
        .find(|it| proofs.contains_key(&it.id))
    {
        return Err(Stop::usage(format!(
            "{}: the id {} is taken by what [ssh_config] makes; choose another",
            path.display(),
            twice.id
        )));
    }
    credentials.extend(added.credentials);
    proofs.extend(added.proofs);
    jumps.extend(added.jumps);
    Ok(Keyring::new(credentials, proofs)
        .with_jumps(jumps)
        .with_sudo(for_sudo))
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
        Secrets::Key {
            key,
            passphrase,
            certificate,
        } => {
            let key = Key::parse(&key, passphrase.as_ref());
            let key = match (key, certificate) {
                (Ok(key), Some(text)) => key.certified(&text, runtime::now()),
                (key, _) => key,
            };
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
            let own = environment.get("SSH_AUTH_SOCK").or(os::USUAL_AGENT);
            let Some(socket) = socket.or_else(|| own.map(PathBuf::from)) else {
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

/// The password that sudo is told, where it is not the login's own.
async fn sudo(
    sources: &Sources<'_>,
    path: &Path,
    credential: &Credential,
) -> Result<Option<Password>, Stop> {
    let password = resolve::sudo_password(credential, sources).await;
    let password = password.map_err(|error| fault(path, &credential.id, &error))?;
    Ok(password.map(Password::new))
}

/// Whom to ask for secrets: only somebody at a terminal.
fn prompt(no_input: bool) -> Option<&'static resolve::Prompt<'static>> {
    let may_ask = !no_input && std::io::stdin().is_terminal();
    may_ask.then_some(&resolve::ask_on_terminal as &resolve::Prompt<'_>)
}

fn fault(path: &Path, id: &CredentialId, error: &dyn std::error::Error) -> Stop {
    let why = hints::chain(error);
    Stop::usage(format!("{}: credential {id}: {why}", path.display()))
}
