//! The operator's policy: `policy.toml`.

/// The thresholds of the classes, and the allow list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {}
