//! `history.csv`: what was ever told of what was done to the updates and packages of each machine, in this run
//! or one before it. One row per event and source; logs that rotated and runs that were deleted take nothing
//! with them.
//!
//! `when_utc` is `unknown` where a source tells the day only, and `date` where it tells none. What only two runs
//! show has the source `runs` and happened from `not_before_date` to `date`. `installed_by` is `unknown` where no
//! source names an account. `first_run_id` is the run that first told it. The action `dropped` says how many older
//! events a machine had that are not kept.

use super::super::ReportError;
use super::super::cell::Cell;
use super::{Emit, Rows, Table, View, machine_columns, path_for};
use crate::model::{Trail, TrailEvent};
use std::borrow::Cow;
use std::collections::BTreeSet;

pub(super) const TABLE: Table = Table {
    name: "history",
    says: "one row per thing that was ever done to an update or package of a machine, and source that tells it",
    kind: "history",
    columns: machine_columns![
        Time "when_utc" = "when; unknown where the source tells the day only",
        Day "date" = "the day",
        Day "not_before_date" = "of what only two runs show: the day of the earlier",
        Text "update" = "the update or package",
        Text "title" = "what it is, in words",
        Text "action" = "installed, upgraded, removed, install_failed, remove_failed, …; dropped: how many older events are not kept",
        Text "version_before" = "the version before",
        Text "version_after" = "the version after",
        Text "installed_by" = "the account that did it",
        Text "command" = "the command that did it",
        Text "failure_code" = "the error, where it failed",
        Text "source" = "who tells it: a log, or runs",
        Text "first_run_id" = "the run that first told it",
    ],
    rows: Rows::Trail(rows),
};

fn rows(view: &View<'_>, trail: &Trail, emit: &mut Emit<'_>) -> Result<(), ReportError> {
    let accounts = if view.options.no_users {
        accounts(trail)
    } else {
        BTreeSet::new()
    };
    let [run, machine, name, ip] = view.lead(view.first_address());
    let lead = || [run.clone(), machine.clone(), name.clone(), ip.clone()];
    if let Some((count, day)) = trail.dropped() {
        let said = format!("at least {count} older events are not kept");
        let mut row = Vec::from(lead());
        row.extend([Cell::Unknown, Cell::day(day), Cell::Empty, Cell::Empty]);
        row.extend([said.as_str().into(), "dropped".into()]);
        row.resize(TABLE.columns.len(), Cell::Empty);
        emit(&row)?;
    }
    for event in trail.shown(view.run.started) {
        let mut row = Vec::from(lead());
        row.extend(cells(event, view.options.no_users, &accounts));
        emit(&row)?;
    }
    Ok(())
}

fn cells<'a>(event: &'a TrailEvent, no_users: bool, accounts: &BTreeSet<String>) -> [Cell<'a>; 13] {
    let command = event.command.as_deref();
    let command = command.map(|text| command_for(text, no_users, accounts));
    let by = match event.by.as_deref() {
        _ if no_users => Cell::Empty,
        account => Cell::known(account),
    };
    [
        event.when.time().map_or(Cell::Unknown, Cell::Time),
        Cell::day(event.when.day()),
        event.when.not_before().map_or(Cell::Empty, Cell::Day),
        event.update.as_str().into(),
        Cell::maybe(event.title.as_deref()),
        event.action.as_str().into(),
        Cell::maybe(event.before.as_deref()),
        Cell::maybe(event.after.as_deref()),
        by,
        command.map_or(Cell::Empty, Cell::Text),
        Cell::maybe(event.code.as_deref()),
        event.source.as_str().into(),
        event.first.run.as_str().into(),
    ]
}

/// The accounts that a trail names, in lower case: of `CORP\ada` and `ada@corp` also the name alone.
fn accounts(trail: &Trail) -> BTreeSet<String> {
    let named = trail
        .events()
        .iter()
        .filter_map(|event| event.by.as_deref());
    let mut accounts = BTreeSet::new();
    for account in named {
        let own = account.rsplit('\\').next().unwrap_or(account);
        let own = own.split('@').next().unwrap_or(own);
        accounts.extend([account, own].map(str::to_lowercase));
    }
    accounts.retain(|account| !account.is_empty());
    accounts
}

/// A command, without the accounts that it names where names are left out.
fn command_for<'a>(text: &'a str, no_users: bool, accounts: &BTreeSet<String>) -> Cow<'a, str> {
    if !no_users {
        return Cow::Borrowed(text);
    }
    let words = text.split(' ').map(|word| {
        // A word may name several homes: `PATH=/home/a/bin:/home/b/bin`.
        let parts = word.split([':', ',', ';']);
        let ends = word.char_indices();
        let mut ends = ends.filter(|(_, c)| [':', ',', ';'].contains(c));
        let mut hidden = String::new();
        for part in parts {
            hidden.push_str(&without(&path_for(part, true), accounts));
            hidden.extend(ends.next().map(|(_, c)| c));
        }
        hidden
    });
    let words: Vec<String> = words.collect();
    Cow::Owned(words.join(" "))
}

/// A word without accounts.
fn without(word: &str, accounts: &BTreeSet<String>) -> String {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$' | '\\');
    let mut out = String::with_capacity(word.len());
    let mut name = String::new();
    let flush = |name: &mut String, out: &mut String| {
        let own = name.rsplit('\\').next().unwrap_or(name).to_lowercase();
        let is_account = |text: &str| accounts.contains(text);
        if is_account(&own) || is_account(&name.to_lowercase()) {
            out.push('…');
        } else {
            out.push_str(name);
        }
        name.clear();
    };
    for c in word.chars() {
        if is_name(c) {
            name.push(c);
        } else {
            flush(&mut name, &mut out);
            out.push(c);
        }
    }
    flush(&mut name, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_tells_no_account_where_names_are_left_out() {
        let accounts = BTreeSet::from(["ada".to_owned(), "corp\\ada".to_owned()]);
        let hidden = |text| command_for(text, true, &accounts).into_owned();
        assert_eq!(
            hidden("sudo -u ada apt-get install ./ada-tools"),
            "sudo -u … apt-get install ./ada-tools"
        );
        assert_eq!(hidden("--user=Ada ada@db1:/x"), "--user=… …@db1:/x");
        assert_eq!(
            hidden("PATH=/home/ben/bin:/home/cy/bin sh /home/dee/x.sh"),
            "PATH=/home/…/bin:/home/…/bin sh /home/…/x.sh"
        );
        assert_eq!(
            hidden(r"runas /user:CORP\ada C:\Users\eve\setup.exe"),
            r"runas /user:… C:\Users\…\setup.exe"
        );
        assert_eq!(
            command_for("sudo -u ada x", false, &accounts),
            "sudo -u ada x"
        );
    }
}
