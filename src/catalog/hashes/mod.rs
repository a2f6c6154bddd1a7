//! What a publisher says that the bytes of a document hash to: the files `.sha256` and `.sha512` beside it, and lists
//! of many.
//!
//! Their lines are those of sha256sum (`hash  name`), of BSD (`SHA256 (name) = hash`), or the hash alone. CSAF 2.0,
//! section 7.1.18, asks for the first. A file that holds no hash is an error and never "no hash": whoever put it
//! there meant to say something.

mod disk;

pub(super) use disk::{agree, beside, is_hash_file, sha256};

use std::path::PathBuf;

/// How it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Both, the one that is asked for first before the other.
    pub(super) const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// What the file is called that is beside a document: that document's name, and this.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Sha256 => ".sha256",
            Self::Sha512 => ".sha512",
        }
    }

    /// What the list of a folder is called.
    fn list(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256SUMS",
            Self::Sha512 => "SHA512SUMS",
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// How many digits its hashes have in hex.
    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// What a document must hash to, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// How it is hashed.
    pub algorithm: Algorithm,
    /// In hex, lower case.
    pub hash: String,
    /// Who says so: a file, an index, `feeds.toml`.
    pub by: String,
}

impl Stated {
    /// A SHA-256, which somebody states.
    pub(super) fn sha256(hash: impl Into<String>, by: &str) -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            hash: hash.into(),
            by: by.to_owned(),
        }
    }
}

/// A document is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {} is {found} and should be {wanted}, as {by} states", algorithm.name())]
pub struct Mismatch {
    /// How it was hashed.
    pub algorithm: Algorithm,
    /// As stated.
    pub wanted: String,
    /// As it is.
    pub found: String,
    /// Who states it: a file, an index, `feeds.toml`.
    pub by: String,
}

/// What is wrong with a document or with the files that vouch for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// It is another document.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The file that should say its hash does not.
    #[error("{by} {why}")]
    Garbage {
        /// The file.
        by: String,
        /// What is wrong with it.
        why: Garbage,
    },
    /// The document, or the file that should say its hash, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Why a file says no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Garbage {
    /// Nothing in it is a hash.
    #[error("holds no {}", .0.name())]
    NoHash(Algorithm),
    /// It has hashes, of other documents.
    #[error("has the hashes of other documents and none of this")]
    Others,
    /// It says two things of one document.
    #[error("has two hashes for the same document")]
    Two,
    /// It is far longer than such a file can be.
    #[error("is longer than {0} bytes")]
    TooLong(u64),
}

/// The most bytes of a file with the hash of one document.
pub(super) const MOST_OF_FILE: u64 = 64 << 10;
/// The most bytes of a list.
const MOST_OF_LIST: u64 = 16 << 20;

/// The hash in a file that is about one document. It may be called otherwise there, as a copy may have another
/// name; where the file has several hashes, one must be of this name.
pub(super) fn of_file(text: &str, name: &str, algorithm: Algorithm) -> Result<String, Garbage> {
    let lines: Vec<Line<'_>> = lines(text, algorithm).collect();
    match lines.as_slice() {
        [] => Err(Garbage::NoHash(algorithm)),
        [one] => Ok(one.hash.to_ascii_lowercase()),
        many => named(many, name)?.ok_or(Garbage::Others),
    }
}

/// The hash of a document in a list of many; `None` where it is not listed.
pub(super) fn of_list(
    text: &str,
    name: &str,
    algorithm: Algorithm,
) -> Result<Option<String>, Garbage> {
    let lines: Vec<Line<'_>> = lines(text, algorithm).collect();
    if lines.is_empty() {
        return Err(Garbage::NoHash(algorithm));
    }
    named(&lines, name)
}

/// A line that states a hash.
struct Line<'a> {
    hash: &'a str,
    /// Empty where the line has none.
    name: &'a str,
}

/// The hash of a name, which may stand in a folder that the list was made in.
fn named(lines: &[Line<'_>], name: &str) -> Result<Option<String>, Garbage> {
    let is_of = |line: &&Line<'_>| line.name.strip_prefix("./").unwrap_or(line.name) == name;
    let mut hashes = lines
        .iter()
        .filter(is_of)
        .map(|line| line.hash.to_ascii_lowercase());
    let first = hashes.next();
    let others = hashes.any(|other| first.as_ref() != Some(&other));
    if others {
        return Err(Garbage::Two);
    }
    Ok(first)
}

/// The lines that state a hash. Others are comments, signatures, blank.
fn lines(text: &str, algorithm: Algorithm) -> impl Iterator<Item = Line<'_>> {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().filter_map(move |line| {
        let line = line.trim();
        of_bsd(line, algorithm).or_else(|| of_coreutils(line, algorithm))
    })
}

/// `hash  name`, `hash *name`, `hash name`, `hash`.
fn of_coreutils(line: &str, algorithm: Algorithm) -> Option<Line<'_>> {
    let (hash, name) = line
        .split_once(|c: char| c.is_ascii_whitespace())
        .unwrap_or((line, ""));
    let name = name.trim_start();
    let name = name.strip_prefix('*').unwrap_or(name);
    is_hash(hash, algorithm).then_some(Line { hash, name })
}

/// `SHA256 (name) = hash`.
fn of_bsd(line: &str, algorithm: Algorithm) -> Option<Line<'_>> {
    let word = algorithm.list().trim_end_matches("SUMS");
    let rest = line.strip_prefix(word)?.trim_start().strip_prefix('(')?;
    let (name, hash) = rest.rsplit_once(')')?;
    let hash = hash.trim_start().strip_prefix('=')?.trim_start();
    is_hash(hash, algorithm).then_some(Line { hash, name })
}

fn is_hash(text: &str, algorithm: Algorithm) -> bool {
    text.len() == algorithm.digits() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11";
    const B: &str = "bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22";

    fn of(text: &str) -> Result<String, Garbage> {
        of_file(text, "a.json", Algorithm::Sha256)
    }

    #[test]
    fn the_ways_of_writing_a_hash_are_read() {
        let upper = A.to_uppercase();
        for text in [
            A.to_owned(),
            format!("{A}\n"),
            format!("{A}  a.json\n"),
            format!("{A} *a.json\r\n"),
            format!("{A}\ta.json"),
            format!("\u{feff}{upper} a.json\n"),
            format!("SHA256 (a.json) = {A}\n"),
            // A copy has another name.
            format!("{A}  csaf_vex_2026-06-01.tar.zst\n"),
            format!("# of June\n\n{B}  b.json\n{A}  ./a.json\n"),
        ] {
            assert_eq!(of(&text).as_deref(), Ok(A), "{text:?}");
        }
        let long = A.repeat(2);
        let text = format!("{long}  a.json");
        assert_eq!(of_file(&text, "a.json", Algorithm::Sha512), Ok(long));
    }

    #[test]
    fn what_says_no_hash_is_an_error_and_never_nothing() {
        let none = Err(Garbage::NoHash(Algorithm::Sha256));
        for text in [
            "",
            "\n",
            "404",
            "<html></html>",
            "zz",
            A.get(1..).unwrap(),
            &A.repeat(2),
        ] {
            assert_eq!(of(text), none, "{text:?}");
        }
        let others = format!("{A}  c.json\n{B}  b.json\n");
        assert_eq!(of(&others), Err(Garbage::Others));
        let two = format!("{A}  a.json\n{B}  a.json\n");
        assert_eq!(of(&two), Err(Garbage::Two));
        let twice = format!("{A}  a.json\n{A}  a.json\n");
        assert_eq!(of(&twice).as_deref(), Ok(A));
    }

    #[test]
    fn a_list_speaks_of_what_it_names() {
        let list = format!("{A}  a.json\n{B}  b.json\n");
        let of = |name: &str| of_list(&list, name, Algorithm::Sha256);
        assert_eq!(of("b.json"), Ok(Some(B.to_owned())));
        assert_eq!(of("json"), Ok(None));
        let none = of_list("nothing", "a.json", Algorithm::Sha256);
        assert_eq!(none, Err(Garbage::NoHash(Algorithm::Sha256)));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in ".{0,300}", name in ".{0,20}") {
            for algorithm in Algorithm::ALL {
                of_file(&text, &name, algorithm).ok();
                of_list(&text, &name, algorithm).ok();
            }
        }
    }
}
