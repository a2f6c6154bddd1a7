//! `credentials list`: who may log in, where, and in which kind of place the secrets are.

use super::super::super::config::Environment;
use super::super::super::{Exit, Stop, complain, hints, stdout};
use crate::credentials::resolve::Sources;
use crate::credentials::{
    self, Credential, CredentialsFile, Mechanism, Method, Ownership, SecretRef, Sudo,
};
use crate::report::columns;
use std::path::Path;

/// Prints the credentials of a file. Looks at no secret: only at the file, and at who could get at the
/// files of the secrets.
pub(super) fn run(path: &Path, environment: &Environment) -> Result<Exit, Stop> {
    let file = credentials::file::load(path).map_err(|error| Stop::configuration(&error))?;
    let mode = credentials::file::inspect(path, file.holds_literal());
    let mode = mode.map_err(|error| Stop::configuration(&error))?;
    let rows: Vec<Vec<String>> = file.credentials.iter().map(row).collect();
    let table = columns(
        &[
            "id", "type", "user", "account", "secret", "scope", "sudo", "allows",
        ],
        &rows,
    );
    let place = path.display();
    let text = format!("{table}\n{place}: mode {mode:03o}, nobody else may write it");
    stdout::print(format!("{text}\n"))?;
    warn(&file, path, environment);
    Ok(Exit::Clean)
}

/// What a run would stop at, and can be seen from outside.
fn warn(file: &CredentialsFile, path: &Path, environment: &Environment) {
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let sources = Sources::new(file, path, &variable, None);
    for credential in &file.credentials {
        for error in credential.secrets().flat_map(|place| sources.unfit(place)) {
            complain(&format!(
                "credential {}: {}",
                credential.id,
                hints::chain(&error)
            ));
        }
    }
}

fn row(credential: &Credential) -> Vec<String> {
    let account = match &credential.ownership {
        Ownership::Local => "local".to_owned(),
        Ownership::Directory { .. } => credential.account().1.unwrap_or("-").to_owned(),
    };
    vec![
        credential.id.to_string(),
        credential.kind().as_str().to_owned(),
        credential.user.clone(),
        account,
        secrets(credential),
        credential.scope.to_string(),
        sudo(credential.sudo).to_owned(),
        allowed(credential),
    ]
}

/// The kinds of places, never more: people put secrets into names and arguments.
fn secrets(credential: &Credential) -> String {
    let mut places: Vec<&str> = credential.secrets().map(SecretRef::as_str).collect();
    if matches!(credential.method, Method::SshAgent { .. }) {
        places.push("agent");
    }
    places.join(" + ")
}

fn sudo(sudo: Sudo) -> &'static str {
    match sudo {
        Sudo::Never => "never",
        Sudo::WithoutPassword => "nopasswd",
        Sudo::WithPassword => "password",
    }
}

/// What is otherwise than usual only where a credential says so.
fn allowed(credential: &Credential) -> String {
    let mut allowed = Vec::new();
    if credential.password_on_first_use() {
        allowed.push("password_on_first_use");
    }
    if credential.legacy {
        allowed.push("legacy_algorithms");
    }
    if let Method::Winrm(winrm) = &credential.method {
        let by = match winrm.mechanism {
            Mechanism::Negotiate => None,
            Mechanism::Kerberos => Some("kerberos only"),
            Mechanism::Ntlm => Some("ntlm only"),
        };
        allowed.extend(by);
        allowed.extend(winrm.ntlm_http.then_some("ntlm_http"));
        allowed.extend(winrm.basic.then_some("basic"));
    }
    allowed.join(", ")
}
