//! What the documents print to be typed: lines of blocks, and words between backticks.

use std::fs;
use std::path::{Path, PathBuf};

/// With these a line begins that somebody would type.
const PROGRAMS: [&str; 10] = [
    "underdesk",
    "cargo",
    "cp",
    "curl",
    "jq",
    "just",
    "podman",
    "printf",
    "sha256sum",
    "sudo",
];

/// A document.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) name: String,
    pub(super) commands: Vec<Typed>,
}

/// A command as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Typed {
    /// Without a comment.
    pub(super) text: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
}

/// All documents that print commands.
pub(super) fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = docs
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    paths.extend(["README.md", "SECURITY.md"].map(|name| root.join(name)));
    paths.sort();
    let pages = paths.iter().map(|path| Page {
        name: path.strip_prefix(root).unwrap().display().to_string(),
        commands: commands(&fs::read_to_string(path).unwrap()),
    });
    let pages: Vec<Page> = pages.filter(|page| !page.commands.is_empty()).collect();
    let count: usize = pages.iter().map(|page| page.commands.len()).sum();
    assert!(count > 150, "{count}");
    pages
}

/// The commands of a page, in its order.
fn commands(text: &str) -> Vec<Typed> {
    let (mut found, mut prose) = (Vec::new(), String::new());
    let mut lines = text.lines().zip(1..);
    let mut is_fenced = false;
    while let Some((line, number)) = lines.next() {
        is_fenced ^= line.trim_start().starts_with("```");
        let typed = line.trim_start();
        let is_block = is_fenced || line.starts_with("    ");
        let typed = typed.strip_prefix("$ ").unwrap_or(typed);
        let program = typed.split(' ').next().unwrap_or_default();
        if !is_block || !PROGRAMS.contains(&program) {
            // A block without commands is no prose either.
            if !is_block {
                spoken(&mut prose, line, number, &mut found);
            }
            continue;
        }
        let mut whole = without_comment(typed).to_owned();
        while let Some(more) = whole.strip_suffix(['\\', '|']) {
            let (end, Some((next, _))) = (whole.ends_with('|'), lines.next()) else {
                break;
            };
            let pipe = if end { "| " } else { "" };
            whole = format!("{}{pipe}{}", more, without_comment(next.trim_start()));
        }
        found.push(Typed {
            text: whole,
            line: number,
        });
    }
    found
}

/// Finds commands between backticks; `open` is one that the line before began.
fn spoken(open: &mut String, line: &str, number: usize, found: &mut Vec<Typed>) {
    for (at, part) in line.split('`').enumerate() {
        if at > 0 {
            let words = std::mem::take(open).replace("\\|", "|");
            if let Some(words) = words.strip_prefix('`')
                && words
                    .split_once(' ')
                    .is_some_and(|(first, _)| first == "underdesk")
            {
                let text = words.to_owned();
                found.push(Typed { text, line: number });
            }
            *open = if words.starts_with('`') {
                String::new()
            } else {
                "`".to_owned()
            };
        }
        if open.starts_with('`') {
            open.push_str(part);
        }
    }
    match line.trim() {
        "" => open.clear(),
        _ if open.starts_with('`') => open.push(' '),
        _ => {}
    }
}

fn without_comment(line: &str) -> &str {
    line.split(" #").next().unwrap_or_default().trim_end()
}

#[test]
fn blocks_and_backticks_are_read_as_they_are_typed() {
    let text = "Try `underdesk show x`, or `--yes`, or `underdesk diff\nA B`.\n\n    $ underdesk findings   # all\n    \
        RANK  SEVERITY\n    sudo setcap \\\n        x y\n\n1. So:\n\n       underdesk man a | man -l -\n\n| `underdesk a\\|b` |\n";
    let found = commands(text);
    let found: Vec<(&str, usize)> = found
        .iter()
        .map(|one| (one.text.as_str(), one.line))
        .collect();
    assert_eq!(
        found,
        [
            ("underdesk show x", 1),
            ("underdesk diff A B", 2),
            ("underdesk findings", 4),
            ("sudo setcap x y", 6),
            ("underdesk man a | man -l -", 11),
            ("underdesk a|b", 13),
        ]
    );
}
