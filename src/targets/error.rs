//! What can be wrong with targets, and where.

use super::GuardError;
use super::grammar::Fault;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why there is no target set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Something that is not a target.
    #[error("{origin}: expected {expected}, found {found:?}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What should stand there.
        expected: &'static str,
        /// What stands there, at most 80 characters of it.
        found: String,
    },
    /// A target of which no address can be a single host's.
    #[error("{origin}: {target:?} is {kind}, and never swept")]
    Refused {
        /// Where.
        origin: Origin,
        /// The target as written.
        target: String,
        /// What it is: `multicast`.
        kind: &'static str,
    },
    /// A list that cannot be read.
    #[error("{origin}: cannot read {list}")]
    Unreadable {
        /// Where it is named.
        origin: Origin,
        /// The file, or `standard input`.
        list: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Lists that name lists that name lists.
    #[error("{origin}: lists are nested more than {limit} deep; does {list} name itself?")]
    TooDeep {
        /// Where.
        origin: Origin,
        /// The file.
        list: String,
        /// How deep they may be.
        limit: usize,
    },
    /// More targets than are kept in memory.
    #[error("{origin}: more than {limit} targets and pieces of ranges: write blocks instead")]
    TooMany {
        /// Where the limit was reached.
        origin: Origin,
        /// The limit.
        limit: usize,
    },
    /// An exclusion that cannot be honoured.
    #[error(
        "{origin}: the excluded name {name:?} has no address ({why}): exclude its address instead"
    )]
    ExclusionUnresolved {
        /// Where.
        origin: Origin,
        /// The name.
        name: String,
        /// What the resolver said.
        why: String,
    },
    /// A scope that is not swept.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

impl TargetError {
    pub(super) fn at(place: &Place, fault: Fault) -> Self {
        Self::Syntax {
            origin: place.column(fault.column),
            expected: fault.expected,
            found: fault.found,
        }
    }
}

/// The list a target comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum List {
    /// The targets of the command line.
    Argument,
    /// The values of `--exclude`.
    Exclude,
    /// The values of `--exclude-file`.
    ExcludeFile,
    /// `never_scan` of the configuration, and in which file.
    NeverScan(String),
    /// What was taken out of a run that had begun.
    TakenOut,
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => f.write_str("argument"),
            Self::Exclude => f.write_str("--exclude"),
            Self::ExcludeFile => f.write_str("--exclude-file"),
            Self::NeverScan(_) => f.write_str("never_scan"),
            Self::TakenOut => f.write_str("taken out since the run began"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Input => f.write_str("standard input"),
        }
    }
}

/// Where a target is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// In which list.
    pub list: Arc<List>,
    /// On which line, from 1; among arguments, which one.
    pub line: usize,
    /// At which character, from 1.
    pub column: usize,
}

impl Origin {
    /// Where, without the character.
    pub(super) fn place(&self) -> String {
        let (list, line) = (&self.list, self.line);
        match &**list {
            List::File(_) | List::Input => format!("{list}, line {line}"),
            List::NeverScan(file) if !file.is_empty() => format!("{list} {line} in {file}"),
            _ => format!("{list} {line}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, column {}", self.place(), self.column)
    }
}

/// A rule that takes addresses of the targets out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Where it is written: `never_scan 1 in /etc/underdesk.toml`.
    pub place: String,
    /// The target as written.
    pub target: String,
    /// How many addresses of the targets it is about.
    pub addresses: u128,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {} ({})", self.addresses, self.target, self.place)
    }
}

/// A line of a list.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) list: Arc<List>,
    pub(super) line: usize,
}

impl Place {
    pub(super) fn column(&self, column: usize) -> Origin {
        Origin {
            list: Arc::clone(&self.list),
            line: self.line,
            column,
        }
    }
}
