//! Names that must not be confused with each other.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as it is written.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_id!(
    /// One run of the scanner: `r-20261122T180000Z-4f2a`.
    RunId
);
text_id!(
    /// A machine, for life: `m-` and 12 hex digits. See [`MachineId::from_key`].
    MachineId
);
text_id!(
    /// One open or closed matter on one machine: `f-` and 16 hex digits. See [`FindingId::of`].
    FindingId
);
text_id!(
    /// Something to install or do, over all machines: `x-` and 16 hex digits. See [`FixId::of`].
    FixId
);
text_id!(
    /// Something that somebody was allowed to leave for a while: `e-` and 8 hex digits. See
    /// [`ExceptionId::of`].
    ExceptionId
);
text_id!(
    /// The `id` of a credential in the operator's file: all that logs, store and exports see of it.
    CredentialId
);
text_id!(
    /// A publisher's name for a bulletin: `DSA-5532-1`, `RHSA-2024:1234`, `CVE-2024-6387`.
    BulletinId
);

impl BulletinId {
    /// The id of the row that says why a whole machine could not be judged, by the question that
    /// was left open.
    pub fn unjudged(question: &str) -> Self {
        Self(format!("{UNJUDGED}{question}"))
    }

    /// The id of the row about the end of support of a product's release: `end-of-life:debian:11`.
    pub fn end_of_life(product: &str, release: &str) -> Self {
        Self(format!("{END_OF_LIFE}{product}:{release}"))
    }

    /// The release that it speaks of, where it is about the end of support of that product.
    pub fn release_of(&self, product: &str) -> Option<&str> {
        let rest = self.0.strip_prefix(END_OF_LIFE)?.strip_prefix(product)?;
        rest.strip_prefix(':')
    }

    /// The id of the row that says that no catalogue covers a product.
    pub fn uncovered(what: &str) -> Self {
        Self(format!("{UNCOVERED}{what}"))
    }
}

pub(super) const UNJUDGED: &str = "unknown:";
/// How the id of a row begins that says when the support of a system or product ends.
pub(super) const END_OF_LIFE: &str = "end-of-life:";
/// How the id of a row begins that says that no catalogue covers a product.
pub(super) const UNCOVERED: &str = "uncovered:";

impl MachineId {
    /// The id of a machine that is first known by a key of a kind (`machine-id`,
    /// `ssh-host-key`, `address`, …) at a site.
    pub fn from_key(site: &str, kind: &str, value: &str) -> Self {
        Self(format!("m-{}", short_hash(&[site, kind, value], 6)))
    }
}

impl FindingId {
    /// The id of a bulletin's matter with one package (or update stream) of one machine. Neither a
    /// version nor a date goes in, so that it is the same from run to run.
    pub fn of(machine: &MachineId, package: &str, bulletin: &BulletinId) -> Self {
        let parts = [machine.as_str(), package, bulletin.as_str()];
        Self(format!("f-{}", short_hash(&parts, 8)))
    }
}

impl FixId {
    /// The id of what is to be done, by the words that tell it apart: the kind of step, the update, or
    /// the product and the version to bring it to. The same from run to run.
    pub fn of(parts: &[&str]) -> Self {
        Self(format!("x-{}", short_hash(parts, 8)))
    }
}

impl ExceptionId {
    /// The id of an exception, by the words that tell it apart: the site, what it is about, who granted it and when.
    pub fn of(parts: &[&str]) -> Self {
        Self(format!("e-{}", short_hash(parts, 4)))
    }
}

/// The first bytes of the SHA-256 over parts, each preceded by its length, in hex.
fn short_hash(parts: &[&str], bytes: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    hex(digest.get(..bytes).unwrap_or(&digest))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borders_between_parts_count() {
        let one = MachineId::from_key("ab", "c", "d");
        assert_ne!(one, MachineId::from_key("a", "bc", "d"));
        assert_eq!(one.as_str().len(), 14);
    }

    #[test]
    fn a_finding_id_stays_the_same_from_run_to_run() {
        let machine = MachineId::new("m-000000000000");
        let id = FindingId::of(&machine, "openssl", &BulletinId::new("CVE-2023-5363"));
        assert_eq!(
            id,
            FindingId::of(&machine, "openssl", &BulletinId::new("CVE-2023-5363"))
        );
        assert_eq!(id.as_str().len(), 18);
    }
}
