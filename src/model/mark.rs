//! Which files of the operator's a document was made by.

use super::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// A file, by its name and what is in it. The default stands for none: what is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Its name, without its folder.
    pub file: String,
    /// SHA-256 of its text, in hex.
    pub digest: String,
}

impl FileMark {
    /// A file of that name and text.
    pub fn of(file: &str, text: &[u8]) -> Self {
        Self {
            file: file.to_owned(),
            digest: hex(&Sha256::digest(text)),
        }
    }

    /// Whether there is a file.
    pub fn is_there(&self) -> bool {
        !self.digest.is_empty()
    }
}

/// What findings are weighed and machines compared by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The policy.
    pub policy: FileMark,
    /// The policy that the run began with, where that is known.
    pub policy_of_run: Option<FileMark>,
    /// Who is one machine and who is not.
    pub merge_rules: FileMark,
    /// SHA-256 of what was read of each list, in hex, by its name.
    pub lists: BTreeMap<String, String>,
    /// Whether every record stays a machine of its own.
    pub no_merge: bool,
    /// SHA-256 of what the people of the site have written down of findings, in hex.
    pub decisions: String,
    /// Of a run that verified: the digests of all that it and the earlier one are judged by now.
    pub judged_by: Vec<String>,
}

impl Marks {
    /// SHA-256 over all of it, in hex: what has another was weighed or compared otherwise. A file's name changes nothing.
    pub fn digest(&self) -> String {
        let all = (
            &self.policy.digest,
            &self.merge_rules.digest,
            &self.lists,
            self.no_merge,
            &self.decisions,
            &self.judged_by,
        );
        // Texts and lists of them always serialise.
        let text = serde_json::to_vec(&all).unwrap_or_default();
        hex(&Sha256::digest(text))
    }
}
