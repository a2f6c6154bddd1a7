//! The operator's word on who is one machine: `merge.toml`.

/// Who is one machine, and who is not, whatever the evidence says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeRules {}
