//! What the two kinds of Office have in common.

use super::super::Case;
use super::lifecycle::{self, Dated};
use crate::model::Finding;

/// The row of an Office past its end: `2016`, `2019`.
pub(super) fn ended(
    case: &Case<'_>,
    cycle: &str,
    installed: &str,
    question: &str,
) -> Option<Finding> {
    let name = format!("Microsoft Office {cycle}");
    let dated = Dated {
        id: "office",
        cycle,
        product: &name,
        name: &name,
        installed,
        question,
    };
    lifecycle::ended(case, &dated)
}
