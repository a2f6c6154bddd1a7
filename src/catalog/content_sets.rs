//! What is in the repositories that a host has enabled.

use super::{Catalog, CatalogError, lock};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Catalog {
    /// The ecosystems of Red Hat's repositories, by the repository's id on a host
    /// (`rhel-9-for-x86_64-baseos-rpms` has `Red Hat:enterprise_linux:9::baseos`); empty where Red Hat's list of them
    /// was never imported.
    ///
    /// # Errors
    ///
    /// When the list is not what was imported.
    pub fn content_sets(&self) -> Result<Arc<BTreeMap<String, Vec<String>>>, CatalogError> {
        let mut loaded = lock(&self.loaded);
        if let Some(sets) = &loaded.content_sets {
            return Ok(Arc::clone(sets));
        }
        let sets = Arc::new(lock(&self.file).content_sets()?);
        Ok(Arc::clone(loaded.content_sets.insert(sets)))
    }
}
