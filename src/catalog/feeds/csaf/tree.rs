//! A document's products: branches by vendor, name and version, and components of others.

use super::super::stream::or_default;
use super::super::{FeedReport, msrc_clean as clean};
use serde::Deserialize;
use std::collections::HashMap;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TreeForm {
    #[serde(deserialize_with = "or_default")]
    branches: Vec<Branch>,
    #[serde(deserialize_with = "or_default")]
    full_product_names: Vec<FullName>,
    #[serde(deserialize_with = "or_default")]
    relationships: Vec<Relationship>,
    #[serde(deserialize_with = "or_default")]
    product_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Branch {
    category: String,
    name: String,
    #[serde(default)]
    branches: Vec<Self>,
    #[serde(default)]
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    name: String,
    product_id: String,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    product_ids: Vec<String>,
}

/// A product that a document names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Product {
    /// Its name without a version: `Windows Server 2019`.
    pub(super) name: String,
    /// With its version, as a product that others are components of.
    full_name: String,
    /// Which versions of it, in the publisher's form.
    pub(super) version: Version,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Version {
    /// The document names none.
    #[default]
    Any,
    /// This one.
    One(String),
    /// A range.
    Range(String),
}

/// The products of a document, by the document's id.
pub(super) struct Tree {
    products: HashMap<String, Product>,
    groups: HashMap<String, Vec<String>>,
}

impl Tree {
    pub(super) fn of(form: TreeForm, report: &mut FeedReport) -> Self {
        let mut products = HashMap::new();
        for branch in form.branches {
            walk(branch, &Product::default(), &mut products);
        }
        for full in form.full_product_names {
            let name = clean::words(&full.name);
            let product = Product {
                full_name: name.clone(),
                name,
                version: Version::Any,
            };
            products.entry(full.product_id).or_insert(product);
        }
        // A component of a component comes after it.
        for one in form.relationships {
            let ends = [&one.product_reference, &one.relates_to_product_reference];
            let [Some(part), Some(whole)] = ends.map(|id| products.get(id)) else {
                report.problem(
                    &one.full_product_name.product_id,
                    "is a part of no known product",
                );
                continue;
            };
            let product = Product {
                name: format!("{} on {}", part.name, whole.full_name),
                full_name: clean::words(&one.full_product_name.name),
                version: part.version.clone(),
            };
            products
                .entry(one.full_product_name.product_id)
                .or_insert(product);
        }
        let groups = form.product_groups.into_iter();
        Self {
            products,
            groups: groups.map(|one| (one.group_id, one.product_ids)).collect(),
        }
    }

    pub(super) fn product(&self, id: &str) -> Option<&Product> {
        self.products.get(id)
    }

    pub(super) fn group(&self, id: &str) -> &[String] {
        self.groups.get(id).map_or(&[], Vec::as_slice)
    }
}

/// Goes down a branch with what the branches above say.
fn walk(branch: Branch, above: &Product, products: &mut HashMap<String, Product>) {
    let name = clean::words(&branch.name);
    let mut here = above.clone();
    match branch.category.as_str() {
        "product_name" => here.name = name,
        "service_pack" if !here.name.is_empty() => here.name = format!("{} {name}", here.name),
        "product_version" => here.version = Version::One(name),
        "product_version_range" => here.version = Version::Range(name),
        _ => {}
    }
    if let Some(full) = branch.product {
        let full_name = clean::words(&full.name);
        let named = if here.name.is_empty() {
            full_name.clone()
        } else {
            here.name.clone()
        };
        let product = Product {
            name: named,
            full_name,
            version: here.version.clone(),
        };
        products.entry(full.product_id).or_insert(product);
    }
    for inner in branch.branches {
        walk(inner, &here, products);
    }
}
