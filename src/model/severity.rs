//! How bad a vendor says it is.

use serde::{Deserialize, Serialize};

/// A severity, lowest first. Vendors' own words are kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The vendor calls it no security problem in practice (Debian's `unimportant`).
    Negligible,
    /// Low.
    Low,
    /// Medium, or Microsoft's and Red Hat's "Moderate".
    Medium,
    /// High, or "Important".
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// Reads a vendor's word; `None` for words that state no severity (`not yet assigned`).
    pub fn parse(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" => Some(Self::Critical),
            "high" | "important" => Some(Self::High),
            "medium" | "moderate" => Some(Self::Medium),
            "low" => Some(Self::Low),
            "unimportant" | "negligible" => Some(Self::Negligible),
            _ => None,
        }
    }

    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
