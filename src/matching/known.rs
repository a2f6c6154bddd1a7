//! What the catalogue knows of one host, loaded before it is judged.

use super::packages::{Access, Pocket, pockets};
use super::windows::{self, Rules};
use super::{Knowledge, lifecycle_of};
use crate::catalog::{CatalogError, ProductSlice, Slice};
use crate::model::{BuildRow, FeedAge, Inventory, Lifecycle, ProductKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the catalogue knows of one host.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// The parts of the catalogue that speak of its packages; none for a system that no package advisory
    /// speaks of.
    pub pockets: Vec<Pocket>,
    /// The dates of its release.
    pub lifecycle: Option<&'a Lifecycle>,
    /// All lifecycle dates, for what is installed on it.
    pub lifecycles: &'a [Lifecycle],
    /// The products of its system and of what is installed on it, as far as advisories speak of them.
    pub products: BTreeMap<ProductKey, Arc<ProductSlice>>,
    /// The build tables of those products, by the product they name; without an entry there is none.
    pub builds: BTreeMap<String, Arc<[BuildRow]>>,
    /// Whether the catalogue has any advisory of the kind at all: an empty one says nothing of a host.
    pub has_products: bool,
    /// Of the feeds that it is judged by, the one that was not met for longest.
    pub age: Option<FeedAge>,
    /// What its programs are taken for; the built-in rules by default.
    pub rules: &'a Rules,
}

/// What of the catalogue a host needs to be judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Products, each of which the catalogue has.
    pub products: Vec<ProductKey>,
    /// Build tables, which it may not have.
    pub builds: Vec<String>,
}

/// Whether an ecosystem, or a part of it, is among some: `…:9` has `…:9::baseos`.
fn is_in(ecosystem: &str, all: &BTreeSet<String>) -> bool {
    let part = format!("{ecosystem}:");
    all.iter()
        .any(|one| one == ecosystem || one.starts_with(&part))
}

impl<'a> Known<'a> {
    /// Looks up all that concerns a host.
    ///
    /// # Errors
    ///
    /// A part of the catalogue that is not what was imported: better no verdict than a wrong one.
    pub fn load(knowledge: &'a Knowledge, inventory: &Inventory) -> Result<Self, CatalogError> {
        let (catalog, rules) = (&knowledge.catalog, &knowledge.rules);
        let platform = &inventory.platform;
        let ecosystems = catalog.ecosystems().iter().map(String::as_str);
        let mut found = Vec::new();
        let mut ages = Vec::new();
        let sets = catalog.content_sets()?;
        let offered = pockets::offered(inventory, &sets);
        for (ecosystem, access) in pockets::pockets(inventory, ecosystems, &sets) {
            let is_offered = offered.as_ref().is_none_or(|all| is_in(ecosystem, all));
            if let Some(slice) = catalog.slice(ecosystem)? {
                ages.extend(catalog.age_of_slice(ecosystem)?);
                found.push(Pocket {
                    slice,
                    access,
                    is_offered,
                });
            }
        }
        let release = lifecycle_of(platform);
        let lifecycle = release.and_then(|(id, version)| catalog.lifecycle(&id, &version));
        let wanted = windows::wanted(inventory, catalog.products(), rules);
        let mut products = BTreeMap::new();
        for key in wanted.products {
            if let Some(slice) = catalog.product(&key)? {
                ages.extend(catalog.age_of_product(&key)?);
                products.insert(key, slice);
            }
        }
        let mut builds = BTreeMap::new();
        for product in wanted.builds {
            let rows = catalog.builds(&product)?;
            if !rows.is_empty() {
                ages.extend(catalog.age_of_builds(&product)?);
                builds.insert(product, rows);
            }
        }
        Ok(Self {
            pockets: found,
            lifecycle,
            lifecycles: catalog.lifecycles(),
            products,
            builds,
            has_products: !catalog.products().is_empty(),
            age: ages.into_iter().min(),
            rules,
        })
    }

    /// A slice of packages and nothing else.
    pub fn of_slice(slice: Option<Arc<Slice>>, lifecycle: Option<&'a Lifecycle>) -> Self {
        let pockets = slice.into_iter().map(|slice| Pocket {
            slice,
            access: Access::Open,
            is_offered: true,
        });
        Self {
            pockets: pockets.collect(),
            lifecycle,
            ..Self::default()
        }
    }
}
