//! `credentials add`: a credential, and its secret in a store.

use super::super::super::config::{Environment, Settings};
use super::super::super::credentials_args::{AddArguments, CredentialsFileArgument, PlaceArgument};
use super::super::super::{Exit, Stop, runtime, stdout};
use super::ask::Operator;
use super::settings::{self, Pair};
use crate::credentials::draft::{Draft, Setting};
use crate::credentials::keep::{self, Encrypted};
use crate::credentials::resolve::Sources;
use crate::credentials::{Credential, CredentialsFile, Kind, SecretRef};
use crate::model::CredentialId;
use crate::os;
use std::path::{Path, PathBuf};

/// Adds one. What would be written is read first, then the secret is stored, then the file written: a
/// failure leaves no credential without its secret.
pub(super) fn run(
    settings: &Settings,
    environment: &Environment,
    arguments: &AddArguments,
) -> Result<Exit, Stop> {
    let operator = Operator::new(settings.no_input);
    let path = destination(settings, &arguments.file)?;
    let mut draft = Draft::of(&path).map_err(|error| Stop::configuration(&error))?;
    let wish = Wish::complete(arguments, operator)?;
    let added = draft.add(&wish.entry);
    added.map_err(|error| Stop::configuration(&error))?;
    let file = draft.read().map_err(|error| Stop::configuration(&error))?;
    let id = CredentialId::new(&wish.id);
    let credential = file.find(&id);
    let credential = credential.ok_or_else(|| Stop::usage("nothing was added"))?;
    let stored = runtime::block_on(store(
        (&file, &path, credential),
        arguments,
        environment,
        operator,
    ))??;
    let is_new = !draft.is_there();
    draft.put().map_err(|error| Stop::configuration(&error))?;
    let made = if is_new { " (a new file)" } else { "" };
    let text = format!("added {id} to {}{made}{stored}", path.display());
    stdout::print(format!("{text}\n"))?;
    Ok(Exit::Clean)
}

/// The file that is named, else the first that exists, else the one in the user's configuration folder,
/// which is made.
fn destination(settings: &Settings, argument: &CredentialsFileArgument) -> Result<PathBuf, Stop> {
    let exists = settings.credentials.iter().find(|path| path.exists());
    let path = argument.credentials.as_ref().or(exists);
    if let Some(path) = path {
        return Ok(path.clone());
    }
    let path = settings.credentials.last().cloned();
    let path = path.ok_or_else(|| Stop::usage("name the file to make with --credentials"))?;
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        os::make_private_folder(folder).map_err(|error| {
            Stop::usage(format!(
                "cannot make the folder {}: {error}",
                folder.display()
            ))
        })?;
    }
    Ok(path)
}

/// What is to be added.
struct Wish {
    id: String,
    entry: Vec<Pair>,
}

impl Wish {
    /// Puts together what was said and what is asked for.
    fn complete(arguments: &AddArguments, operator: Operator) -> Result<Self, Stop> {
        let asked = |given: &Option<String>, question: &str, flag: &str| match given {
            Some(given) => Ok(given.clone()),
            None => operator.line(question, flag),
        };
        let id = asked(
            &arguments.id,
            "Name of the credential",
            "the ID of the credential",
        )?;
        let kinds = Kind::ALL.map(Kind::as_str).join(", ");
        let kind = asked(&arguments.kind, &format!("Type ({kinds})"), "--type")?;
        let mut named = settings::named(&arguments.settings);
        if arguments.settings.user.is_none() {
            let user = operator.line("Login name", "--user")?;
            named.insert(0, ("user", Setting::Text(user)));
        }
        if arguments.settings.scope.is_empty() {
            let question =
                "Hosts that it may be used on (networks, names, tag:NAME; commas between them)";
            let scope = operator.line(question, "--scope")?;
            let items = scope.split(',').map(|item| item.trim().to_owned());
            named.push(("scope", Setting::List(items.collect())));
        }
        let mut entry = vec![
            ("id", Setting::Text(id.clone())),
            ("type", Setting::Text(kind.clone())),
        ];
        let secret = secret(&id, &kind, arguments, operator)?;
        let scope = named.iter().position(|(key, _)| *key == "scope");
        let rest = named.split_off(scope.unwrap_or(named.len()));
        entry.extend(named);
        entry.extend(secret);
        entry.extend(rest);
        Ok(Self { id, entry })
    }
}

/// The keys that say where the secrets of a type are.
fn secret(
    id: &str,
    kind: &str,
    arguments: &AddArguments,
    operator: Operator,
) -> Result<Vec<Pair>, Stop> {
    let mut others = Vec::new();
    for (key, place) in [
        ("passphrase", &arguments.passphrase_in),
        ("sudo_password", &arguments.sudo_password_in),
    ] {
        if let Some(place) = place {
            let name = format!("{id}-{key}");
            others.push((key, settings::place(place, &name, None, &[])?));
        }
    }
    if kind == Kind::SshAgent.as_str() {
        return match arguments.place {
            Some(_) => Err(Stop::usage("--in: an agent keeps its keys itself")),
            None => Ok(others),
        };
    }
    let key = if is_key(kind, arguments) {
        "key"
    } else {
        "password"
    };
    let place = if let Some(place) = &arguments.place {
        place.clone()
    } else {
        let question =
            "Where its secret is to be (age[:PATH], keyring[:NAME], file[:PATH], env:NAME, prompt)";
        let typed = operator.line(question, "--in")?;
        PlaceArgument::parse(&typed).map_err(Stop::usage)?
    };
    let is_age = matches!(place, PlaceArgument::Age(_));
    if !is_age && !arguments.secret.recipient.is_empty() {
        return Err(Stop::usage("--recipient is for --in age"));
    }
    if is_age && arguments.identity.is_none() && !arguments.secret.recipient.is_empty() {
        let text = "--recipient: name also the private key that opens the file, with --identity";
        return Err(Stop::usage(text));
    }
    let identity = arguments.identity.as_deref();
    let mut pairs = vec![(
        key,
        settings::place(&place, id, identity, &arguments.command)?,
    )];
    pairs.extend(others);
    Ok(pairs)
}

fn is_key(kind: &str, arguments: &AddArguments) -> bool {
    let by_certificate = kind == Kind::Winrm.as_str() && arguments.settings.certificate.is_some();
    by_certificate
        || [Kind::SshKey, Kind::SshCert]
            .map(Kind::as_str)
            .contains(&kind)
}

/// Stores the secret of a credential, where its place is one of ours. Says what was done.
async fn store(
    (file, path, credential): (&CredentialsFile, &Path, &Credential),
    arguments: &AddArguments,
    environment: &Environment,
    operator: Operator,
) -> Result<String, Stop> {
    if credential.kind() == Kind::SshAgent {
        return Ok(String::new());
    }
    let Some(place) = credential.secrets().next() else {
        return Ok(String::new());
    };
    let stop = |error: keep::KeepError| Stop::configuration(&error);
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let sources = Sources::new(file, path, &variable, operator.prompt());
    match place {
        SecretRef::Env(name) => return Ok(format!("; set {name} before a scan")),
        SecretRef::Prompt => return Ok("; it is asked for at each run".to_owned()),
        SecretRef::Command(_) => return Ok("; its secret is what the command prints".to_owned()),
        SecretRef::Literal(_) => return Err(Stop::usage("a secret is not kept in this file")),
        SecretRef::File(_) | SecretRef::Keyring(_) | SecretRef::Age(_) => {}
    }
    let kind = place.as_str();
    if keep::is_there(place, &sources).await.map_err(stop)? {
        if arguments.secret.stdin {
            let text = format!(
                "there is something at that place in {kind} already; nothing was changed: name another place, or take this one without --stdin and then change it with credentials rotate"
            );
            return Err(Stop::usage(text));
        }
        return Ok(format!(
            "; its secret is what the {kind} held already (to change it: underdesk credentials rotate {})",
            credential.id
        ));
    }
    let is_key = is_key(credential.kind().as_str(), arguments);
    let of = format!("{} ({})", credential.user, credential.id);
    let secret = operator.new_secret(&of, is_key, arguments.secret.stdin)?;
    let to = match place {
        SecretRef::Age(age) => {
            let recipients = settings::recipients(&arguments.secret)?;
            encrypted(recipients, &age.file, operator)?
        }
        _ => Encrypted::AsBefore,
    };
    let kept = keep::keep(&secret, place, to, &sources).await;
    kept.map_err(stop)?;
    Ok(format!("; its secret is in {kind}"))
}

/// To keys where there are any, else to a passphrase that is asked for.
pub(super) fn encrypted(
    recipients: Vec<crate::credentials::Recipient>,
    file: &Path,
    operator: Operator,
) -> Result<Encrypted, Stop> {
    if !recipients.is_empty() {
        return Ok(Encrypted::To(recipients));
    }
    let Some(prompt) = operator.prompt() else {
        let text = "an age file is encrypted to a passphrase, which nobody can be asked for here, or to keys: name them with --recipient and --identity";
        return Err(Stop::usage(text));
    };
    let passphrase = keep::ask_twice(prompt, &format!("Passphrase for {}: ", file.display()));
    let passphrase = passphrase.map_err(|error| Stop::configuration(&error))?;
    Ok(Encrypted::ToPassphrase(passphrase))
}
