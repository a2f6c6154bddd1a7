//! A bulletin that concerns a machine, and the proof.

use super::{BulletinId, Date, Epss, FileHash, KbId, Restart, Severity};
use serde::{Deserialize, Serialize};

/// What became of one bulletin on one machine. It names no machine, so that identical machines have
/// identical findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The bulletin. For an `unknown` row about a whole machine: `unknown:` and the question.
    pub bulletin: BulletinId,
    /// One line for people.
    pub title: String,
    /// The source package or product.
    pub product: String,
    /// The binary packages concerned, sorted.
    pub packages: Vec<String>,
    /// The installed version that was judged, verbatim; empty when unknown.
    pub installed: String,
    /// The first version without the flaw; `None` while there is none.
    pub fixed: Option<String>,
    /// The verdict.
    pub state: FindingState,
    /// How sure the verdict is.
    pub confidence: Confidence,
    /// The publisher's severity.
    pub severity: Option<Severity>,
    /// The CVSS base score in tenths.
    pub cvss_tenths: Option<u8>,
    /// What its flaws let an attacker do, as their publisher says: of [`super::IMPACTS`] the worst first, then
    /// others. Empty where none is stated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impacts: Vec<String>,
    /// The weaknesses behind its flaws, as their publisher says: `CWE-416`, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cwes: Vec<String>,
    /// The CVEs, sorted.
    pub cves: Vec<String>,
    /// Those of the CVEs that are known to be exploited.
    pub kev: Vec<String>,
    /// Whether a list of exploited flaws was at hand: without one, none in `kev` says nothing.
    /// Verdicts of earlier versions did not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kev_checked: bool,
    /// The earliest day by which CISA wants one of them fixed.
    pub kev_due: Option<Date>,
    /// The last day on which its product gets security updates without paying, where it is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_ends: Option<Date>,
    /// The highest of its flaws' EPSS scores, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
    /// What is to be installed; `None` where nothing is, or where the fixed version says it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Box<Remedy>>,
    /// Why we say so.
    pub evidence: Evidence,
}

/// A title without the name of what it is the title of, for places that say that name: nothing, where it is no more
/// than that. `2026-06 monthly rollup for Windows Server 2012 R2 (KB5094041)` has its article at the end.
pub fn without_name<'a>(title: &'a str, name: &str) -> &'a str {
    let own = title
        .strip_suffix(')')
        .and_then(|title| title.strip_suffix(name));
    let own = own.and_then(|title| title.strip_suffix(" ("));
    own.unwrap_or(if title == name { "" } else { title })
}

/// The update that closes a finding: the newest of its stream, which may be a later one than the
/// bulletin's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What to install: `KB5094123`, `Microsoft Edge 143.0.3650.66`.
    pub update: String,
    /// Its article, where it has one.
    pub kb: Option<KbId>,
    /// One line for people: `2026-06 cumulative update for Windows Server 2019`.
    pub title: String,
    /// The version that it brings.
    pub build: Option<String>,
    /// Whether it asks for a restart.
    pub restart: Option<Restart>,
    /// What must be installed before: articles, service packs.
    pub prerequisites: Vec<String>,
    /// The updates of this machine's findings that need not be installed when it is.
    pub supersedes: Vec<String>,
    /// Where the feed says that it is: its file for this machine, where that is known, else a page about it.
    pub download: Option<String>,
    /// The file's bytes, where the feed states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_size: Option<u64>,
    /// The file's hash, where the feed states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_hash: Option<FileHash>,
    /// What makes its installer ask nothing, where the feed says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_switch: Option<String>,
}

impl Finding {
    /// Whether it says that its machine as a whole could not be judged, or not fully: then the
    /// other findings are not all there are, and their absence says nothing.
    pub fn leaves_machine_unjudged(&self) -> bool {
        let id = self.bulletin.as_str();
        self.state == FindingState::Unknown && id.starts_with(super::ids::UNJUDGED)
    }

    /// Whether it says of a product, or of its machine's system, that its support has ended.
    pub fn is_end_of_support(&self) -> bool {
        let id = self.bulletin.as_str();
        self.state == FindingState::EndOfLife && id.starts_with(super::ids::END_OF_LIFE)
    }

    /// Whether it says that no catalogue covers one of its machine's products: what that lacks is not known.
    pub fn is_uncovered(&self) -> bool {
        let id = self.bulletin.as_str();
        self.state == FindingState::Unknown && id.starts_with(super::ids::UNCOVERED)
    }

    /// Whether one of its flaws is known to be exploited; `None` where that was not looked up.
    pub fn is_exploited(&self) -> Option<bool> {
        match self.kev.as_slice() {
            [] => self.kev_checked.then_some(false),
            _ => Some(true),
        }
    }

    /// Whether it stays with its machine where what is closed is dropped: open or undecided, or the end of a product's
    /// support that is still to come.
    pub fn is_kept(&self) -> bool {
        !self.state.is_closed() || self.support_ends.is_some()
    }

    /// How bad it is: the publisher's word, else the rating that FIRST gives the CVSS base score
    /// (CVSS v3.1 specification, section 5). `None` where neither is stated.
    pub fn rating(&self) -> Option<Severity> {
        let rated = || match self.cvss_tenths? {
            0 => None,
            1..=39 => Some(Severity::Low),
            40..=69 => Some(Severity::Medium),
            70..=89 => Some(Severity::High),
            _ => Some(Severity::Critical),
        };
        self.severity.or_else(rated)
    }
}

/// A verdict. The words are those of the `state` column everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingState {
    /// A fix is out and not installed.
    Missing,
    /// A fix is out for subscribers only (ESU, Pro, EUS, LTSS).
    MissingNeedsSubscription,
    /// The fix is installed, the old code still runs.
    PendingReboot,
    /// The package store says installed, the files say no.
    Inconsistent,
    /// Vulnerable, and no fix is out.
    NoFixYet,
    /// Vulnerable, and there will be no fix.
    WontFix,
    /// Vulnerable or unjudged, and out of support.
    EndOfLife,
    /// A question or privilege is missing that would settle it.
    Unknown,
    /// Not decidable from package data.
    Unverified,
    /// Closed: the fix is installed.
    Fixed,
    /// Closed: a later update contains it.
    Superseded,
    /// Closed: it does not concern this machine.
    NotApplicable,
}

impl FindingState {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::Missing,
        Self::MissingNeedsSubscription,
        Self::PendingReboot,
        Self::Inconsistent,
        Self::NoFixYet,
        Self::WontFix,
        Self::EndOfLife,
        Self::Unknown,
        Self::Unverified,
        Self::Fixed,
        Self::Superseded,
        Self::NotApplicable,
    ];

    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::MissingNeedsSubscription => "missing_needs_subscription",
            Self::PendingReboot => "pending_reboot",
            Self::Inconsistent => "inconsistent",
            Self::NoFixYet => "no_fix_yet",
            Self::WontFix => "wont_fix",
            Self::EndOfLife => "end_of_life",
            Self::Unknown => "unknown",
            Self::Unverified => "unverified",
            Self::Fixed => "fixed",
            Self::Superseded => "superseded",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Whether it is closed, and so left out of `findings.csv` unless everything is asked for.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Fixed | Self::Superseded | Self::NotApplicable)
    }

    /// Whether it counts in `missing_count`.
    pub fn counts_as_missing(self) -> bool {
        matches!(
            self,
            Self::Missing | Self::MissingNeedsSubscription | Self::Inconsistent
        )
    }

    /// Whether it counts in `no_fix_count`.
    pub fn counts_as_no_fix(self) -> bool {
        matches!(self, Self::NoFixYet | Self::WontFix)
    }

    /// Whether it counts in `unknown_count`.
    pub fn counts_as_unknown(self) -> bool {
        matches!(self, Self::Unknown | Self::Unverified)
    }
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A guess worth a look.
    Low,
    /// Likely.
    Medium,
    /// Follows from what the host and the publisher say.
    High,
}

impl Confidence {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Why a verdict is what it is: enough for a reader to check it by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was seen on the host: `libssl3:amd64 3.0.9-1 (source openssl)`.
    pub observed: String,
    /// Where: the question's id.
    pub question: String,
    /// The rule that was applied: `dpkg: installed < fixed`.
    pub rule: String,
    /// The catalogue record that states the fix or its absence: `osv CVE-2023-5363`.
    pub record: String,
    /// What else was looked at, each with its value and where it was read, agreeing or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
}

/// A fact that speaks for or against a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// What sort of fact.
    pub kind: WitnessKind,
    /// Where it was read: the question's id, and the path or key where there are several.
    pub source: String,
    /// What was read: `17763.8511`, `KB5082123 installed`.
    pub value: String,
    /// Whether by this fact alone the fix is in; `None` where it decides nothing.
    pub says_fixed: Option<bool>,
}

/// A sort of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WitnessKind {
    /// The package store or the registry: hotfix lists, build numbers, Uninstall keys.
    Registry,
    /// A file's version.
    File,
    /// What runs: services, boot time, restart signs.
    Service,
}

impl WitnessKind {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::File => "file",
            Self::Service => "service",
        }
    }
}
