//! `credentials list`: who may log in, where, and in which kind of place the secrets are.

use super::super::super::{Exit, Stop};
use crate::credentials::{self, Credential, Mechanism, Method, Ownership, Sudo};
use crate::report::columns;
use std::io::{self, Write as _};
use std::path::Path;

/// Prints the credentials of a file. Looks at no secret: only at the file.
pub(super) fn run(path: &Path) -> Result<Exit, Stop> {
    let file = credentials::file::load(path).map_err(|error| Stop::configuration(&error))?;
    let rows: Vec<Vec<String>> = file.credentials.iter().map(row).collect();
    let text = columns(
        &[
            "id", "type", "user", "account", "secret", "scope", "sudo", "allows",
        ],
        &rows,
    );
    writeln!(io::stdout(), "{}", text.trim_end()).map_err(|error| Stop::failed(&error))?;
    Ok(Exit::Clean)
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
    let mut places: Vec<&str> = credential.secrets().map(|place| place.as_str()).collect();
    if matches!(credential.method, Method::SshAgent { .. }) {
        places.push("agent");
    }
    places.join(" + ")
}

fn sudo(sudo: Sudo) -> &'static str {
    match sudo {
        Sudo::Never => "never",
        Sudo::WithoutPassword => "nopasswd",
    }
}

/// What is off unless a credential says otherwise.
fn allowed(credential: &Credential) -> String {
    let mut allowed = Vec::new();
    if credential.password_on_first_use() {
        allowed.push("password_on_first_use");
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
