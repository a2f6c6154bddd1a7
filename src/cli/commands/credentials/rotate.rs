//! `credentials rotate`: a new secret where the old one was.

use super::super::super::config::{Environment, Settings};
use super::super::super::credentials_args::RotateArguments;
use super::super::super::{Exit, Stop, runtime, stdout};
use super::ask::Operator;
use super::{add, existing, settings};
use crate::credentials::keep::{self, Encrypted};
use crate::credentials::resolve::Sources;
use crate::credentials::{self, Credential, Method, SecretRef, WinrmProof};
use crate::model::CredentialId;

/// Stores a new secret for a credential.
pub(super) fn run(
    settings: &Settings,
    environment: &Environment,
    arguments: &RotateArguments,
) -> Result<Exit, Stop> {
    let path = existing(settings, &arguments.file)?;
    let file = credentials::file::load(&path).map_err(|error| Stop::configuration(&error))?;
    let id = CredentialId::new(&arguments.id);
    let credential = file.find(&id).ok_or_else(|| {
        Stop::usage(format!(
            "{}: there is no credential {id}; see underdesk credentials list",
            path.display()
        ))
    })?;
    let (place, is_key) = secret(credential, arguments)?;
    is_ours(place, &id)?;
    let is_age = matches!(place, SecretRef::Age(_));
    if !is_age && (arguments.new_passphrase || !arguments.secret.recipient.is_empty()) {
        let text =
            "--recipient and --new-passphrase are for secrets in age files; this one is not in one";
        return Err(Stop::usage(text));
    }
    let operator = Operator::new(settings.no_input);
    let of = format!("{} ({id})", credential.user);
    let recipients = settings::recipients(&arguments.secret)?;
    let secret = operator.new_secret(&of, is_key, arguments.secret.stdin)?;
    let to = match place {
        SecretRef::Age(age) if arguments.new_passphrase || !recipients.is_empty() => {
            add::encrypted(recipients, &age.file, operator)?
        }
        _ => Encrypted::AsBefore,
    };
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let sources = Sources::new(&file, &path, &variable, operator.prompt());
    let kept = runtime::block_on(keep::keep(&secret, place, to, &sources))?;
    kept.map_err(|error| Stop::configuration(&error))?;
    let text = format!("the new secret of {id} is in {}", place.as_str());
    stdout::print(format!("{text}\n"))?;
    Ok(Exit::Clean)
}

/// The place of the secret that is meant, and whether it is a key.
fn secret<'a>(
    credential: &'a Credential,
    arguments: &RotateArguments,
) -> Result<(&'a SecretRef, bool), Stop> {
    let (own, passphrase, is_key) = match &credential.method {
        Method::SshKey { key, passphrase }
        | Method::SshCert {
            key, passphrase, ..
        } => (Some(key), passphrase.as_ref(), true),
        Method::SshPassword { password, .. } => (Some(password), None, false),
        Method::SshAgent { .. } => (None, None, false),
        Method::Winrm(winrm) => match &winrm.proof {
            WinrmProof::Password(password) => (Some(password), None, false),
            WinrmProof::Certificate { key, .. } => (Some(key), None, true),
        },
    };
    let (place, is_key, missing) = if arguments.passphrase {
        let missing =
            "does not say where the passphrase of a key is; see --passphrase-in of credentials add";
        (passphrase, false, missing)
    } else if arguments.sudo_password {
        let missing =
            "has no password of its own for sudo; see sudo_password in docs/credentials.md";
        (credential.sudo_password.as_ref(), false, missing)
    } else {
        (own, is_key, "has no secret: an agent keeps its keys itself")
    };
    let place =
        place.ok_or_else(|| Stop::usage(format!("credential {} {missing}", credential.id)))?;
    Ok((place, is_key))
}

/// What is to be done about a secret that is not ours to store.
fn is_ours(place: &SecretRef, id: &CredentialId) -> Result<(), Stop> {
    let what = match place {
        SecretRef::File(_) | SecretRef::Keyring(_) | SecretRef::Age(_) => return Ok(()),
        SecretRef::Env(name) => {
            format!("in the environment variable {name}: set it anew where it is set")
        }
        SecretRef::Command(_) => {
            "what a command prints: change it in the password manager that the command asks".to_owned()
        }
        SecretRef::Prompt => {
            "asked for at each run: type the new one then; nothing is stored".to_owned()
        }
        SecretRef::Literal(_) => {
            "in the credentials file itself: change it, or better move it, with underdesk credentials edit".to_owned()
        }
    };
    Err(Stop::usage(format!("the secret of {id} is {what}")))
}
