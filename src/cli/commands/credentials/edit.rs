//! `credentials edit`: changes what a credential says, by options or in an editor.

use super::super::super::config::{Environment, Settings};
use super::super::super::credentials_args::EditArguments;
use super::super::super::{Exit, Stop, complain, hints, stdout};
use super::ask::Operator;
use super::{existing, settings};
use crate::credentials::draft::{Draft, Lent};
use crate::model::CredentialId;
use crate::os;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Changes a file, if what it becomes reads.
pub(super) fn run(
    settings: &Settings,
    environment: &Environment,
    arguments: &EditArguments,
) -> Result<Exit, Stop> {
    let path = existing(settings, &arguments.file)?;
    let mut draft = Draft::of(&path).map_err(|error| Stop::configuration(&error))?;
    let changes = settings::named(&arguments.settings);
    let id = arguments.id.as_deref().map(CredentialId::new);
    let is_changed = match &id {
        Some(id) if !changes.is_empty() => {
            let changed = draft.change(id, &changes);
            changed.map_err(|error| Stop::configuration(&error))?;
            true
        }
        None if !changes.is_empty() => {
            return Err(Stop::usage("name the credential that these options change"));
        }
        _ => {
            if let Some(id) = &id {
                is_known(&draft, id)?;
            }
            let operator = Operator::new(settings.no_input);
            in_editor(&mut draft, operator, environment)?
        }
    };
    let what = if is_changed {
        draft.put().map_err(|error| Stop::configuration(&error))?;
        "changed"
    } else {
        "left as it was"
    };
    let text = format!("{} was {what}", path.display());
    stdout::print(format!("{text}\n"))?;
    Ok(Exit::Clean)
}

/// A slip in the name is said before an editor opens. A file that does not read may be mended.
fn is_known(draft: &Draft, id: &CredentialId) -> Result<(), Stop> {
    match draft.read() {
        Ok(file) if file.find(id).is_none() => Err(Stop::usage(format!(
            "there is no credential {id}; see underdesk credentials list"
        ))),
        _ => Ok(()),
    }
}

/// Lends a copy to the operator's editor until it reads, or the operator gives up. Says whether it is
/// another text now.
fn in_editor(
    draft: &mut Draft,
    operator: Operator,
    environment: &Environment,
) -> Result<bool, Stop> {
    if !operator.is_there() {
        let text = "an editor needs a terminal and no --no-input; say what to change by options, as in --scope 10.0.0.0/8";
        return Err(Stop::usage(text));
    }
    let hidden = draft.read().map(|file| file.secret_variables());
    let hidden = hidden.unwrap_or_default();
    let lent = draft.lend().map_err(|error| Stop::configuration(&error))?;
    loop {
        open(&lent, &hidden, environment)?;
        let error = match draft.take_back(&lent) {
            Ok(is_changed) => return Ok(is_changed),
            Err(error) => error,
        };
        complain(&hints::chain(&error));
        if !operator.agrees("Edit it again? Otherwise what you typed is lost") {
            return Err(Stop::usage("nothing was changed"));
        }
    }
}

/// Runs the editor on a copy. As every child, it inherits no variable that holds a secret.
fn open(lent: &Lent, hidden: &BTreeSet<String>, environment: &Environment) -> Result<(), Stop> {
    let named = ["VISUAL", "EDITOR"];
    let named = named.iter().find_map(|name| environment.get(name));
    // It may have arguments, as in `code --wait`.
    let mut words = named.unwrap_or(os::USUAL_EDITOR).split_whitespace();
    let program = words.next().unwrap_or(os::USUAL_EDITOR);
    let mut command = Command::new(program);
    command.args(words).arg::<&Path>(lent.path());
    for variable in hidden {
        command.env_remove(variable);
    }
    let status = command.status().map_err(|error| {
        Stop::usage(format!(
            "cannot start the editor {program}: {error}; name another with VISUAL or EDITOR"
        ))
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Stop::usage(format!(
        "the editor failed ({status}); nothing was changed"
    )))
}
