//! The documents, typed in: every command that README and docs print runs, page after page, at a desk that has what they
//! speak of.
//!
//! What they say of networks is said of a simulated company on loopback ([`stand_ins`]); a command that still names
//! another address is not run, and fails. What cannot be typed here as it is printed is in [`OTHERWISE`], with the reason;
//! an entry that the documents do not have any more fails, too. How a command may end is what `docs/exit-codes.md` says.

mod company;
mod pages;
mod stand_ins;

use company::Company;
use pages::{Page, Typed, pages};
use stand_ins::{Here, OTHERWISE, stand_in};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

/// How many pages are read at once.
const READERS: usize = 4;

#[test]
fn every_command_of_the_documents_runs() {
    let (company, codes) = (Company::open(), codes());
    let pages = Mutex::new(pages());
    let (met, failures) = (Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    let read = || {
        while let Some(page) = { pages.lock().unwrap().pop() } {
            let (entries, faults) = follow(&company, &page, &codes);
            met.lock().unwrap().extend(entries);
            failures.lock().unwrap().extend(faults);
        }
    };
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(read);
        }
    });
    let mut failures = failures.into_inner().unwrap();
    let met = met.into_inner().unwrap();
    let stale = OTHERWISE.iter().filter(|entry| !met.contains(entry.typed));
    failures.extend(stale.map(|entry| format!("no document has any more: {}", entry.typed)));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Types what a page prints, in its order. Returns the entries of [`OTHERWISE`] that it met, and what went wrong.
fn follow(
    company: &Company,
    page: &Page,
    codes: &BTreeSet<i32>,
) -> (BTreeSet<&'static str>, Vec<String>) {
    let (mut met, mut faults) = (BTreeSet::new(), Vec::new());
    let mut desk = company.desk();
    for typed in &page.commands {
        let entry = OTHERWISE.iter().find(|entry| entry.is_of(&typed.text));
        if let Some(entry) = entry {
            met.insert(entry.typed);
        }
        let here = entry.map_or(&Here::AsItIs, |entry| &entry.here);
        let line = match here {
            Here::Nowhere => continue,
            Here::With(program) if !is_installed(program) => {
                let at = format!("{}:{}", page.name, typed.line);
                eprintln!("SKIPPED: {program} is not installed here to type {at}");
                continue;
            }
            Here::Instead(line) => (*line).to_owned(),
            Here::UpTo(end) => typed.text.split(end).next().unwrap_or_default().to_owned(),
            Here::AsItIs | Here::Asks | Here::With(_) => typed.text.clone(),
        };
        let typed = Typed {
            text: line,
            line: typed.line,
        };
        if let Err(fault) = run(&mut desk, &typed, matches!(here, Here::Asks), codes) {
            faults.push(format!("{}:{}: {fault}", page.name, typed.line));
        }
    }
    (met, faults)
}

/// Whether a program is where the shell of a reader looks for it.
fn is_installed(program: &str) -> bool {
    let folders = ["/usr/bin", "/bin"];
    folders
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

/// Types one line, and says what is wrong with how it ends.
fn run(
    desk: &mut company::Reader,
    typed: &Typed,
    asks: bool,
    codes: &BTreeSet<i32>,
) -> Result<(), String> {
    let line = stand_in(&typed.text, desk)?;
    let ended = desk.types(&line);
    let mut told = String::new();
    write!(told, "{}\n{}\n{}", line, ended.out, ended.err).unwrap();
    if ended.err.contains("panicked at") || ended.out.contains("panicked at") {
        return Err(format!("it panics\n{told}"));
    }
    let Some(code) = ended.code else {
        return Err(format!("a signal ended it\n{told}"));
    };
    if asks {
        let says_so = ["nobody can be asked", "is missing", "terminal"];
        let says_so = says_so.iter().any(|words| ended.err.contains(words));
        return (code == 2 && says_so)
            .then_some(())
            .ok_or_else(|| format!("{code}, where it should ask\n{told}"));
    }
    // What only shows ends with 0; a run, or what is written of one, with what the run was like.
    let of_a_run = [
        "scan", "sweep", "verify", "match", "export", "demo", "doctor", "update", "mirror", "test",
    ];
    let of_a_run = line.split_whitespace().any(|word| of_a_run.contains(&word));
    let is_right = code == 0 || (of_a_run && ![1, 2, 130].contains(&code) && codes.contains(&code));
    is_right
        .then_some(())
        .ok_or_else(|| format!("it ends with {code}\n{told}"))
}

/// The codes with which the documents say that a command may end.
fn codes() -> BTreeSet<i32> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit-codes.md");
    let text = fs::read_to_string(page).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let codes: BTreeSet<i32> = rows
        .filter_map(|row| row.split(' ').next()?.parse().ok())
        .collect();
    assert!(codes.len() > 5, "{codes:?}");
    codes
}
