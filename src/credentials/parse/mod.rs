//! From the text of a credentials file to what it says.
//!
//! An error says where and what was expected, and quotes nothing: the text may hold secrets, and a
//! missing quote can make any of it look like anything. (The `toml` crate's own errors print the line.)

mod credential;
mod method;
mod place;

use super::jump::{self, Jump};
use super::table::{ParseError, Table, syntax};
use super::{CredentialsFile, Scope, ScopeItem, SshConfigFile};
use crate::model::CredentialId;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// Reads a credentials file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(text: &str) -> Result<CredentialsFile, ParseError> {
    let root = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let root = Table::new(text, root.get_ref(), root.span());
    root.only(&["credential", "jump", "ssh_config"])?;
    let ssh_config = read_ssh_config(&root)?;
    let entries = match root.get("credential") {
        None if ssh_config.is_some() => Vec::new(),
        None => return Err(root.error("no credentials; expected `[[credential]]`")),
        Some((entries, span)) => {
            let expected = "expected `[[credential]]`, with double brackets";
            let entries = entries.as_array();
            entries
                .ok_or_else(|| root.at(&span, expected))?
                .iter()
                .collect()
        }
    };

    let mut lines: BTreeMap<CredentialId, usize> = BTreeMap::new();
    let mut credentials = Vec::new();
    for entry in entries {
        let expected = "expected a table under `[[credential]]`";
        let entry = root.inner(entry.get_ref(), entry.span(), expected)?;
        let credential = credential::read(&entry)?;
        let earlier = lines.insert(credential.id.clone(), credential.line);
        if let Some(line) = earlier {
            let span = entry.span_of("id");
            let problem = format!("this id is taken by the credential of line {line}");
            return Err(entry.at(&span, problem));
        }
        credentials.push(credential);
    }
    let jumps = read_jumps(&root)?;
    let file = CredentialsFile {
        credentials,
        jumps,
        ssh_config,
    };
    match jump::misfit(&file) {
        Some((line, problem)) => Err(root.in_line(line, problem)),
        None => Ok(file),
    }
}

/// `[ssh_config]`: no scope, no use.
fn read_ssh_config(root: &Table<'_>) -> Result<Option<SshConfigFile>, ParseError> {
    let Some((entry, span)) = root.get("ssh_config") else {
        return Ok(None);
    };
    let entry = root.inner(entry, span, "expected `[ssh_config]`, with single brackets")?;
    entry.only(&["file", "scope", "note"])?;
    entry.words("note")?;
    Ok(Some(SshConfigFile {
        file: entry.need("file", "\"~/.ssh/config\"")?.0.into(),
        scope: read_scope(&entry)?,
        line: entry.line(),
    }))
}

fn read_jumps(root: &Table<'_>) -> Result<Vec<Jump>, ParseError> {
    let Some((entries, span)) = root.get("jump") else {
        return Ok(Vec::new());
    };
    let expected = "expected `[[jump]]`, with double brackets";
    let entries = entries.as_array().ok_or_else(|| root.at(&span, expected))?;
    let read = entries.iter().map(|entry| {
        let entry = root.inner(entry.get_ref(), entry.span(), expected)?;
        jump::read(&entry)
    });
    read.collect()
}

/// No scope, no use.
fn read_scope(entry: &Table<'_>) -> Result<Scope, ParseError> {
    let Some(items) = entry.list("scope")? else {
        let problem = "`scope` is missing: no scope, no use; expected scope = [\"10.0.0.0/8\", \"*.corp.example\", \"tag:linux\"]";
        return Err(entry.error(problem));
    };
    let span = entry.span_of("scope");
    let mut read = Vec::new();
    for (text, span) in items {
        let item = ScopeItem::parse(text)
            .map_err(|problem| entry.at(&span, format!("scope: {problem}")))?;
        read.push(item);
    }
    Scope::new(read).map_err(|problem| entry.at(&span, format!("scope: {problem}")))
}

#[cfg(test)]
mod tests;
