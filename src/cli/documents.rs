//! The documents: what they tell people to type is understood, and where they point there is something.

use super::args::Arguments;
use clap::Parser as _;
use std::fs;
use std::path::{Path, PathBuf};

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    pages.extend(
        [root.join("README.md"), root.join("SECURITY.md")]
            .into_iter()
            .filter(|path| path.exists()),
    );
    pages.sort();
    pages
}

/// The lines of a page that somebody would type, as words. A line that ends with `\` goes on.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let typed = line.strip_prefix("    ").map(str::trim_start);
        match typed {
            Some(more) if goes_on => {
                let last = lines.last_mut().unwrap();
                *last = format!("{} {more}", last.trim_end_matches('\\'));
            }
            Some(typed) if typed.starts_with("underdesk ") => lines.push(typed.to_owned()),
            _ => {
                goes_on = false;
                continue;
            }
        }
        goes_on = line.ends_with('\\');
    }
    lines.iter().map(|line| words(line)).collect()
}

/// As a shell splits a line, up to a comment, a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut has_word) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match quote {
            Some(mark) if c == mark => quote = None,
            None if c == '"' || c == '\'' => (quote, has_word) = (Some(c), true),
            None if c.is_whitespace() => {
                if has_word {
                    words.push(std::mem::take(&mut word));
                }
                has_word = false;
            }
            None if !has_word && matches!(c, '#' | '|' | '>' | '<' | ';' | '&') => break,
            _ => {
                word.push(c);
                has_word = true;
            }
        }
    }
    if has_word {
        words.push(word);
    }
    words
}

#[test]
fn every_command_of_the_documents_is_one_that_the_program_takes() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for command in commands(&text) {
            let shown = format!("{}: {}", page.display(), command.join(" "));
            let helps = command
                .iter()
                .any(|word| word == "--help" || word == "--version");
            let taken = Arguments::try_parse_from(&command).is_ok();
            assert!(taken || helps, "{shown}");
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn every_page_that_a_page_points_to_is_there() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let path = page.parent().unwrap().join(file);
            assert!(path.exists(), "{} points to {target}", page.display());
        }
    }
}
