//! What `fuzz/` reaches of what is private: only there when fuzzing.

use super::hashes::{self, Algorithm};

/// What a file beside a document says that this hashes to, by each algorithm.
pub fn of_file(text: &str, name: &str) -> [Option<String>; 2] {
    Algorithm::ALL.map(|algorithm| hashes::of_file(text, name, algorithm).ok())
}

/// What the list of a folder says that a document hashes to, by each algorithm.
pub fn of_list(text: &str, name: &str) -> [Option<String>; 2] {
    Algorithm::ALL.map(|algorithm| hashes::of_list(text, name, algorithm).ok().flatten())
}
