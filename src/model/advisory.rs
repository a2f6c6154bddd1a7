//! What a publisher of updates says of a flaw: by product, and by the update that fixes it. Microsoft
//! speaks so; publishers of packages speak of version ranges ([`super::Bulletin`]).

use super::{BulletinId, Date, Download, KbId, Nature, Severity, UtcTime};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One flaw (or one bulletin of several) in one document of a publisher.
///
/// A newer copy of the document replaces what the older one said of the same flaw, and takes back
/// nothing by leaving it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// The publisher's id: `CVE-2025-54100`, `ADV990001`, `MS17-010`.
    pub id: BulletinId,
    /// The feed it came from: `msrc-cvrf`.
    pub feed: String,
    /// The document it stands in, by the publisher's name for it: `2025-Dec`. What is said twice in
    /// two documents is kept twice.
    pub document: String,
    /// One line for people.
    pub title: String,
    /// The CVE ids it is about, sorted; empty where the publisher names none.
    pub cves: Vec<String>,
    /// When it was first published.
    pub published: Option<UtcTime>,
    /// When it was last revised.
    pub modified: Option<UtcTime>,
    /// What it affects, and what fixes it there.
    pub affected: Vec<AffectedProduct>,
}

/// A product that an advisory speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffectedProduct {
    /// The product, as the publisher writes it: `Windows Server 2019  (Server Core installation)`. A
    /// component of another product is `COMPONENT on PRODUCT`.
    pub product: String,
    /// The publisher's severity here.
    pub severity: Option<Severity>,
    /// The CVSS base score here, in tenths.
    pub cvss_tenths: Option<u8>,
    /// What sort of flaw it is here, where the publisher says.
    pub nature: Nature,
    /// The updates that fix it; any one of them does, with those that it needs beside it
    /// ([`Fix::together_with`]). Empty where the publisher states none.
    pub fixes: Vec<Fix>,
}

/// An update that fixes a flaw in a product.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fix {
    /// The update.
    pub update: UpdateId,
    /// What sort of update.
    pub kind: UpdateKind,
    /// The lowest version that has it: dotted numbers without leading zeros, `10.0.17763.8146`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The first version that is affected, where earlier ones are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The updates that it replaces, as the publisher says; seldom all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<KbId>,
    /// The other updates that are needed beside it: the flaw is closed when all of them are there. A bulletin
    /// lists several updates of one product without saying which of its flaws each of them closes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together_with: Vec<KbId>,
    /// Whether it asks for a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Where to get it, or to read of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its files, by architecture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Download>,
}

/// How a publisher names an update.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum UpdateId {
    /// By a Knowledge Base article.
    Kb(KbId),
    /// By words: `Click to Run`, `Release Notes`. They name no update, only where it is described.
    Named(String),
}

impl UpdateId {
    /// The article, where it is named by one.
    pub fn kb(&self) -> Option<KbId> {
        match self {
            Self::Kb(kb) => Some(*kb),
            Self::Named(_) => None,
        }
    }
}

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kb(kb) => kb.fmt(f),
            Self::Named(words) => f.pad(words),
        }
    }
}

/// What sort of update: MSRC's `SubType`, in one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpdateKind {
    /// `Security Update`, `Cumulative Update`, `Alternate Cumulative`: of Windows 10 and later the
    /// cumulative update, of what came before and of other products a single one.
    Security,
    /// `Monthly Rollup`, `Preview Rollup`.
    MonthlyRollup,
    /// `Security Only`.
    SecurityOnly,
    /// `IE Cumulative`.
    IeCumulative,
    /// `Security Hotpatch Update`, in any of its spellings.
    Hotpatch,
    /// `Servicing Stack Update`.
    ServicingStack,
    /// `Standalone`, `Standalone Security Update`.
    Standalone,
    /// `Setup DU`: for installation media, not for the running system.
    SetupDynamic,
    /// Any other, or none stated.
    Other,
}

impl UpdateKind {
    /// The word used in exports and evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security update",
            Self::MonthlyRollup => "monthly rollup",
            Self::SecurityOnly => "security-only update",
            Self::IeCumulative => "cumulative update for Internet Explorer",
            Self::Hotpatch => "hotpatch",
            Self::ServicingStack => "servicing stack update",
            Self::Standalone => "standalone update",
            Self::SetupDynamic => "setup dynamic update",
            Self::Other => "update",
        }
    }
}

/// Whether an update asks for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Restart {
    /// Never.
    No,
    /// Where its files are in use.
    Maybe,
    /// Always.
    Yes,
}

impl Restart {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }
}

/// A product's name in the one spelling under which the catalogue keeps it: white space collapsed,
/// lower case, and known variants replaced by one of them. `Windows Server 2016  (Server Core
/// installation)` is `windows server 2016 (server core installation)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProductKey(String);

/// Spellings that the rules of [`ProductKey::of`] do not bring together: variant, then the one that counts.
/// As in MSRC's documents up to July 2026.
const SPELLINGS: &[(&str, &str)] = &[
    (
        "windows 11 for x64-based systems",
        "windows 11 version 21h2 for x64-based systems",
    ),
    (
        "windows 11 for arm64-based systems",
        "windows 11 version 21h2 for arm64-based systems",
    ),
    (
        "windows 11 version 25h2 for arm systems",
        "windows 11 version 25h2 for arm64-based systems",
    ),
    (
        "windows 11 version 26h1 for x64-based systems - extra",
        "windows 11 version 26h1 for x64-based systems",
    ),
    (
        "windows 10 version 1507 for 32-bit systems",
        "windows 10 for 32-bit systems",
    ),
    (
        "windows 10 version 1507 for x64-based systems",
        "windows 10 for x64-based systems",
    ),
];

/// How the bulletins call components of Windows, and how the monthly documents do: beginnings of names.
const COMPONENTS: &[(&str, &str)] = &[
    ("windows internet explorer ", "internet explorer "),
    ("microsoft internet explorer ", "internet explorer "),
    (
        "microsoft edge on windows ",
        "microsoft edge (edgehtml-based) on windows ",
    ),
];

impl ProductKey {
    /// Reads a name in any spelling.
    pub fn of(name: &str) -> Self {
        let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
        let mut key = words.join(" ").replace("( server core", "(server core");
        // The bulletins of Windows XP and 2003 name the maker.
        if key.starts_with("microsoft windows ") {
            key.replace_range(..10, "");
        }
        key = key.replace(" on microsoft windows ", " on windows ");
        for (bulletins, monthly) in COMPONENTS {
            if key.contains(" on ") && key.starts_with(bulletins) {
                key.replace_range(..bulletins.len(), monthly);
            }
        }
        // A component of a product: both have spellings.
        let start = key.rfind(" on ").map_or(0, |at| at + 4);
        let product = key.get(start..).unwrap_or_default();
        let found = SPELLINGS.iter().find(|(variant, _)| *variant == product);
        if let Some((_, spelling)) = found {
            key.replace_range(start.., spelling);
        }
        Self(key)
    }

    /// The spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before ` on `, and the product that it is a component of.
    pub fn component(&self) -> Option<(&str, &str)> {
        self.0.rsplit_once(" on ")
    }
}

impl fmt::Display for ProductKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One release of a product, from its publisher's table of builds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BuildRow {
    /// The product: `sql server 2019`, `exchange server 2019`, `office click-to-run`, `.net 8.0`,
    /// `.net framework`.
    pub product: String,
    /// The line that it belongs to, within which builds are compared: `gdr`, `cu`; an Exchange
    /// cumulative update (`CU14`); an Office channel (`Current Channel`); else empty.
    pub branch: String,
    /// The build, dotted numbers without leading zeros.
    pub build: String,
    /// Its name for people: `SP3 CU12`, `Nov24SU`, `2107`.
    pub label: String,
    /// The article that describes it.
    pub kb: Option<KbId>,
    /// When it came out.
    pub released: Option<Date>,
    /// The last day of support for it.
    pub supported_until: Option<Date>,
    /// Whether it fixes flaws; `None` where the table does not say.
    pub is_security: Option<bool>,
    /// The flaws that it fixes, where the table names them.
    pub cves: Vec<String>,
    /// The files that bring it, by architecture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Download>,
}

impl BuildRow {
    /// The row, with what an earlier one of the same build stated and this one leaves open. Office's history
    /// of builds says nothing of flaws, and its security notes nothing of support.
    #[must_use]
    pub fn with_what_is_known(mut self, known: Option<Self>) -> Self {
        let Some(known) = known else {
            return self;
        };
        self.kb = self.kb.or(known.kb);
        self.released = self.released.or(known.released);
        self.supported_until = self.supported_until.or(known.supported_until);
        if self.is_security.is_none() {
            (self.is_security, self.cves) = (known.is_security, known.cves);
        }
        if self.files.is_empty() {
            self.files = known.files;
        }
        self
    }
}

/// How likely a flaw is to be exploited within 30 days, as FIRST estimates (EPSS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExploitPrediction {
    /// The CVE.
    pub cve: String,
    /// The probability.
    pub score: Epss,
    /// The day of the estimate.
    pub day: Option<Date>,
}

/// A probability, in hundred-thousandths: 0.97565 is 97565.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epss(pub u32);

impl fmt::Display for Epss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}", self.0 / 100_000, self.0 % 100_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_product_have_one_key() {
        let same = [
            "Windows Server 2016  (Server Core installation)",
            "windows server 2016 (Server Core Installation)",
            "Windows Server 2016 ( Server Core installation)",
        ];
        for name in same {
            let key = ProductKey::of(name);
            assert_eq!(
                key.as_str(),
                "windows server 2016 (server core installation)"
            );
        }
        let key =
            ProductKey::of("Microsoft .NET Framework 4.8 on Windows 11 for x64-based Systems");
        assert_eq!(
            key.component(),
            Some((
                "microsoft .net framework 4.8",
                "windows 11 version 21h2 for x64-based systems"
            ))
        );
        assert_eq!(
            ProductKey::of("Microsoft Windows XP Service Pack 3").as_str(),
            "windows xp service pack 3"
        );
        let bulletins = [
            "Windows Internet Explorer 11 on Windows 8.1 for x64-based systems",
            "Microsoft Internet Explorer 11 on Windows 8.1 for x64-based Systems ",
        ];
        for name in bulletins {
            assert_eq!(
                ProductKey::of(name).as_str(),
                "internet explorer 11 on windows 8.1 for x64-based systems"
            );
        }
        assert_eq!(
            ProductKey::of("Microsoft Edge on Windows 10 Version 1507 for 32-bit Systems").as_str(),
            "microsoft edge (edgehtml-based) on windows 10 for 32-bit systems"
        );
        assert_ne!(
            ProductKey::of("Windows Server 2012"),
            ProductKey::of("Windows Server 2012 R2")
        );
    }

    #[test]
    fn a_probability_is_written_as_published() {
        assert_eq!(Epss(97_565).to_string(), "0.97565");
        assert_eq!(Epss(100_000).to_string(), "1.00000");
        assert_eq!(Epss(4).to_string(), "0.00004");
    }
}
