//! How a machine stands to what it should be.

/// One rule of a baseline on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The baseline's id.
    pub baseline: String,
    /// What is asked for.
    pub rule: DriftRule,
    /// What it is about: a package, a program; of a build or release the system.
    pub object: String,
    /// What should be.
    pub expected: String,
    /// What is; `None` where nobody knows.
    pub found: Option<String>,
    /// The verdict.
    pub state: DriftState,
    /// Why it should be so; of what is unknown the question that would tell.
    pub reason: String,
}

/// A kind of rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DriftRule {
    /// A Windows has at least this build.
    Build,
    /// The system has at least this release.
    OsVersion,
    /// It is installed.
    Required,
    /// It is not installed.
    Forbidden,
    /// Where it is installed, it has at least this version.
    Minimum,
}

impl DriftRule {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::OsVersion => "os_version",
            Self::Required => "required",
            Self::Forbidden => "forbidden",
            Self::Minimum => "minimum",
        }
    }
}

/// A verdict on a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DriftState {
    /// It is as it should be.
    Ok,
    /// It is not.
    Drift,
    /// What was not read, or has no place in any order, nobody can say.
    Unknown,
}

impl DriftState {
    /// The word used in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Drift => "drift",
            Self::Unknown => "unknown",
        }
    }
}
