//! What verdicts are made by.

use super::windows::Rules;
use crate::catalog::Catalog;
use std::sync::Arc;

/// The catalogue, and the rules by which it is told what programs are.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// What publishers say.
    pub catalog: Arc<Catalog>,
    /// Which installed program is which of its products.
    pub rules: Arc<Rules>,
}

impl From<Catalog> for Knowledge {
    /// With no rules but the built-in ones.
    fn from(catalog: Catalog) -> Self {
        Self {
            catalog: Arc::new(catalog),
            rules: Arc::new(Rules::builtin().clone()),
        }
    }
}
