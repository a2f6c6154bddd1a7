//! Targets as given, lists read, names not yet resolved.

use super::error::{List, Origin, Place, TargetError};
use super::grammar::{self, Entry, What};
use super::guard;
use super::spans::{Span, Spans};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How deep lists may name lists.
const DEPTH_LIMIT: usize = 8;
/// How many lines and pieces of ranges are kept.
const PIECES_LIMIT: usize = 1 << 22;

/// What the operator asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Targets, exclusions (`!x`) among them.
    pub targets: Vec<String>,
    /// The values of `--exclude`.
    pub exclude: Vec<String>,
    /// The values of `--exclude-file`.
    pub exclude_files: Vec<PathBuf>,
    /// What the configuration says is never swept. No flag overrides it.
    pub never_scan: Vec<String>,
    /// In which file each of them is written; those of the same file follow each other.
    pub never_scan_files: Vec<String>,
    /// What was taken out after the run had begun.
    pub taken_out: Vec<String>,
}

impl Request {
    /// Whether standard input is one of the lists.
    pub fn wants_input(&self) -> bool {
        let mut values = self.targets.iter().chain(&self.exclude);
        values.any(|value| matches!(value.trim(), "-" | "!-"))
    }

    /// What is never swept, file by file; of runs of earlier versions nobody knows the file.
    fn never_scan_by_file(&self) -> Vec<(&str, Vec<String>)> {
        let mut by_file: Vec<(&str, Vec<String>)> = Vec::new();
        for (at, target) in self.never_scan.iter().enumerate() {
            let file = self.never_scan_files.get(at).map_or("", String::as_str);
            match by_file.last_mut() {
                Some((last, targets)) if *last == file => targets.push(target.clone()),
                _ => by_file.push((file, vec![target.clone()])),
            }
        }
        by_file
    }
}

/// Where target lists come from.
pub trait Lists {
    /// The text of a file.
    fn file(&self, path: &Path) -> io::Result<String>;

    /// The text of standard input.
    fn input(&self) -> io::Result<String>;
}

/// What the search of IPv6 blocks that are too large to be swept came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The addresses, each once. Those outside the blocks do not count.
    pub addresses: Vec<Ipv6Addr>,
    /// By what each block was searched, by the target as written.
    pub by: BTreeMap<String, Vec<String>>,
}

/// Targets and exclusions whose names are not yet resolved.
#[derive(Debug)]
pub struct TargetList {
    pub(super) lines: Vec<Line>,
    pub(super) found: Found,
}

/// A target or an exclusion.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) origin: Origin,
    pub(super) excluded: bool,
    pub(super) text: String,
    pub(super) what: Meaning,
    pub(super) tags: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Meaning {
    Addresses {
        spans: Vec<Span>,
        ends: Option<[u128; 2]>,
    },
    Name(String),
}

impl TargetList {
    /// Reads everything the operator gave, and the lists that it names.
    ///
    /// # Errors
    /// The first thing that is no target, or a list that cannot be read, with its place.
    pub fn read(request: &Request, lists: &dyn Lists) -> Result<Self, TargetError> {
        let mut reader = Reader {
            lists,
            refused: guard::refused(),
            lines: Vec::new(),
            pieces: 0,
        };
        reader.values(&List::Argument, &request.targets, false)?;
        reader.values(&List::Exclude, &request.exclude, true)?;
        for (file, targets) in request.never_scan_by_file() {
            reader.values(&List::NeverScan(file.to_owned()), &targets, true)?;
        }
        reader.values(&List::TakenOut, &request.taken_out, true)?;
        let list = Arc::new(List::ExcludeFile);
        for (at, path) in request.exclude_files.iter().enumerate() {
            let place = Place {
                list: Arc::clone(&list),
                line: at + 1,
            };
            reader.file(path, &place.column(1), true, 1)?;
        }
        Ok(Self {
            lines: reader.lines,
            found: Found::default(),
        })
    }

    /// Puts what a search has found into its blocks.
    #[must_use]
    pub fn with_found(self, found: Found) -> Self {
        Self { found, ..self }
    }

    /// The names to resolve, each once, in alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        let names = self.lines.iter().filter_map(|line| match &line.what {
            Meaning::Name(name) => Some(name.as_str()),
            Meaning::Addresses { .. } => None,
        });
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

struct Reader<'a> {
    lists: &'a dyn Lists,
    refused: Spans,
    lines: Vec<Line>,
    pieces: usize,
}

impl Reader<'_> {
    fn values(
        &mut self,
        list: &List,
        values: &[String],
        excluded: bool,
    ) -> Result<(), TargetError> {
        let list = Arc::new(list.clone());
        for (at, value) in values.iter().enumerate() {
            let place = Place {
                list: Arc::clone(&list),
                line: at + 1,
            };
            let entry = grammar::argument(value).map_err(|fault| TargetError::at(&place, fault))?;
            if let Some(entry) = entry {
                self.entry(entry, &place, excluded, 0)?;
            }
        }
        Ok(())
    }

    fn text(
        &mut self,
        list: List,
        text: &str,
        excluded: bool,
        depth: usize,
    ) -> Result<(), TargetError> {
        let list = Arc::new(list);
        // Windows editors begin a file with a mark that is not text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, line) in text.lines().enumerate() {
            let place = Place {
                list: Arc::clone(&list),
                line: at + 1,
            };
            let entry = grammar::line(line).map_err(|fault| TargetError::at(&place, fault))?;
            if let Some(entry) = entry {
                self.entry(entry, &place, excluded, depth)?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        entry: Entry,
        place: &Place,
        inverted: bool,
        depth: usize,
    ) -> Result<(), TargetError> {
        let origin = place.column(entry.column);
        if inverted && entry.excluded {
            let expected = "a target without ! in a list of exclusions";
            let found = format!("!{}", entry.text.chars().take(80).collect::<String>());
            return Err(TargetError::Syntax {
                origin,
                expected,
                found,
            });
        }
        let excluded = inverted || entry.excluded;
        let what = match entry.what {
            What::File(path) => return self.file(Path::new(&path), &origin, excluded, depth + 1),
            What::Input => return self.input(&origin, excluded, depth),
            What::Name(name) => Meaning::Name(name),
            What::Addresses { spans, ends } => Meaning::Addresses { spans, ends },
        };
        let line = Line {
            origin,
            excluded,
            text: entry.text,
            what,
            tags: entry.tags,
        };
        self.line(line)
    }

    fn line(&mut self, line: Line) -> Result<(), TargetError> {
        if let Meaning::Addresses { spans, .. } = &line.what {
            self.pieces += spans.len();
            let all = Spans::new(spans.clone());
            let first = all.nth(0).filter(|_| !line.excluded);
            // Whether a block is refused as a whole is asked of its own few spans only.
            let free = |span: Span| self.refused.count_in(span) < span.count();
            if let (Some(first), false) = (first, all.iter().any(free)) {
                return Err(TargetError::Refused {
                    origin: line.origin,
                    target: line.text,
                    kind: guard::refused_as(first),
                });
            }
            let is_nowhere = |span| guard::is_searched(span) && guard::is_link_local(span);
            if !line.excluded && spans.iter().copied().any(is_nowhere) {
                return Err(TargetError::Refused {
                    origin: line.origin,
                    target: line.text,
                    kind: "link-local, where an address means nothing without its interface",
                });
            }
        } else {
            self.pieces += 1;
        }
        if self.pieces > PIECES_LIMIT {
            return Err(TargetError::TooMany {
                origin: line.origin,
                limit: PIECES_LIMIT,
            });
        }
        self.lines.push(line);
        Ok(())
    }

    fn file(
        &mut self,
        path: &Path,
        origin: &Origin,
        excluded: bool,
        depth: usize,
    ) -> Result<(), TargetError> {
        let list = || path.display().to_string();
        if depth > DEPTH_LIMIT {
            return Err(TargetError::TooDeep {
                origin: origin.clone(),
                list: list(),
                limit: DEPTH_LIMIT,
            });
        }
        // A list is named relative to the list that names it.
        let folder = match &*origin.list {
            List::File(from) => from.parent(),
            _ => None,
        };
        let path = folder.map_or_else(|| path.to_owned(), |folder| folder.join(path));
        let text = self.lists.file(&path);
        let text = text.map_err(|source| TargetError::Unreadable {
            origin: origin.clone(),
            list: list(),
            source,
        })?;
        self.text(List::File(path), &text, excluded, depth)
    }

    fn input(&mut self, origin: &Origin, excluded: bool, depth: usize) -> Result<(), TargetError> {
        if depth > 0 {
            return Err(TargetError::Syntax {
                origin: origin.clone(),
                expected: "- on the command line only",
                found: "-".to_owned(),
            });
        }
        let text = self.lists.input();
        let text = text.map_err(|source| TargetError::Unreadable {
            origin: origin.clone(),
            list: "standard input".to_owned(),
            source,
        })?;
        self.text(List::Input, &text, excluded, 1)
    }
}
