//! Reading what publishers say by product: slices, titles, and tables of builds.

use super::{CatalogFile, collect, section};
use crate::catalog::as_of::AsOf;
use crate::catalog::error::CatalogError;
use crate::catalog::info::SliceInfo;
use crate::catalog::intake::Digest;
use crate::catalog::product::{ProductBuilder, ProductSlice};
use crate::catalog::said::Page;
use crate::catalog::slice::Kev;
use crate::model::{BuildRow, Fix, ProductKey, UtcTime};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// An advisory's own words.
pub(in crate::catalog) struct Title {
    pub(in crate::catalog) id: String,
    pub(in crate::catalog) cves: Vec<String>,
    pub(in crate::catalog) words: String,
    /// Feed and document, for people.
    pub(in crate::catalog) place: String,
}

impl CatalogFile {
    /// The products that advisories speak of, sorted.
    pub(in crate::catalog) fn products(&self) -> Result<Vec<ProductKey>, CatalogError> {
        let sql = "SELECT name FROM section WHERE kind = 'product' ORDER BY name";
        let row = |row: &Row<'_>| Ok(ProductKey::of(row.get_ref(0)?.as_str()?));
        collect(&self.db, sql, row).map_err(self.failed("read"))
    }

    /// Loads what is known of a product and checks its digest. `None` when nothing is.
    pub(in crate::catalog) fn product(
        &self,
        key: &ProductKey,
        (kev, as_of): (&Arc<Kev>, AsOf),
        predict: &mut dyn FnMut(&mut ProductBuilder),
    ) -> Result<Option<ProductSlice>, CatalogError> {
        let stated = section(&self.db, "product", key.as_str()).map_err(self.failed("read"))?;
        let Some(stated) = stated else {
            return Ok(None);
        };
        let mut builder = ProductBuilder::default();
        let digest = each_page(&self.db, key.as_str(), &mut |document, page| {
            let read = Page::each(page, document, &mut |said| {
                if as_of.had_by(said.published) {
                    builder.add(said);
                }
            });
            read.map(|()| 0).map_err(not_json)
        });
        match digest {
            Ok((found, _)) if found == stated => {
                predict(&mut builder);
                Ok(Some(builder.build(key.clone(), Arc::clone(kev))))
            }
            Ok(_) => Err(self.corrupt(format!("the product {key}"))),
            Err(source) => Err(self.failed("read a product of")(source)),
        }
    }

    /// The products whose pages name an update, a CVE or an advisory, sorted.
    pub(in crate::catalog) fn products_of(
        &self,
        id: &str,
    ) -> Result<Vec<ProductKey>, CatalogError> {
        if self.format < 2 {
            return Ok(Vec::new());
        }
        // An article stands on a page as a number.
        let digits = id.strip_prefix("KB").unwrap_or(id);
        let sql = "SELECT product, page FROM said WHERE instr(page, ?1) ORDER BY product";
        let read = || -> rusqlite::Result<Vec<ProductKey>> {
            let mut statement = self.db.prepare(sql)?;
            let mut rows = statement.query([digits])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let key = ProductKey::of(row.get_ref(0)?.as_str()?);
                let page = Page::read(row.get_ref(1)?.as_str()?).map_err(not_json)?;
                if page.names(id) && found.last() != Some(&key) {
                    found.push(key);
                }
            }
            Ok(found)
        };
        read().map_err(self.failed("read"))
    }

    /// All titles, digests checked, sorted by feed, document and id.
    pub(in crate::catalog) fn titles(&self) -> Result<Vec<Title>, CatalogError> {
        let mut titles = Vec::new();
        for SliceInfo {
            ecosystem: feed,
            digest,
            ..
        } in self.sections("titles")?
        {
            let found = each_title(&self.db, &feed, &mut |title| titles.push(title));
            let (found, _) = found.map_err(self.failed("read"))?;
            if found != digest {
                return Err(self.corrupt(format!("the titles of {feed}")));
            }
        }
        Ok(titles)
    }

    /// The table of builds of a product, digest checked, in the order of branches and builds.
    pub(in crate::catalog) fn builds(&self, product: &str) -> Result<Vec<BuildRow>, CatalogError> {
        let stated = section(&self.db, "builds", product).map_err(self.failed("read"))?;
        let Some(stated) = stated else {
            return Ok(Vec::new());
        };
        let mut rows: Vec<BuildRow> = Vec::new();
        let found = each_build(&self.db, product, &mut |entry| {
            rows.push(serde_json::from_str(entry).map_err(not_json)?);
            Ok(())
        });
        let (found, _) = found.map_err(self.failed("read a table of builds of"))?;
        if found != stated {
            return Err(self.corrupt(format!("the builds of {product}")));
        }
        rows.sort_by(|a, b| {
            let order = |row: &BuildRow| numbers(&row.build);
            a.branch
                .cmp(&b.branch)
                .then_with(|| order(a).cmp(&order(b)))
        });
        Ok(rows)
    }

    /// What was said of a flaw in a product before, oldest first: when we learned otherwise, in which
    /// document, and the fixes.
    pub(in crate::catalog) fn said_before(
        &self,
        product: &ProductKey,
        id: &str,
    ) -> Result<Vec<(UtcTime, String, Vec<Fix>)>, CatalogError> {
        if self.format < 2 {
            return Ok(Vec::new());
        }
        let sql = "SELECT replaced, feed || ' ' || document, fixes FROM said_before \
                   WHERE product = ?1 AND id = ?2 ORDER BY replaced, rowid";
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map(params![product.as_str(), id], |row| {
                let fixes = serde_json::from_str(row.get_ref(2)?.as_str()?).map_err(not_json)?;
                Ok((UtcTime::from_unix(row.get(0)?), row.get(1)?, fixes))
            })?;
            rows.collect()
        };
        read().map_err(self.failed("read the history of"))
    }
}

/// Builds are compared number by number; a part that is none counts as 0.
fn numbers(build: &str) -> Vec<u64> {
    let parts = build.split('.');
    parts.map(|part| part.parse().unwrap_or_default()).collect()
}

pub(super) fn not_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
}

/// Visits the pages of a product in a fixed order: document and page. Returns the digest, and the
/// sum of what `each` returns.
pub(super) fn each_page(
    db: &Connection,
    product: &str,
    each: &mut dyn FnMut(&str, &str) -> rusqlite::Result<usize>,
) -> rusqlite::Result<(String, usize)> {
    let sql = "SELECT feed, document, page FROM said WHERE product = ?1 ORDER BY feed, document";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([product])?;
    let mut digest = Digest::default();
    let mut sum = 0;
    while let Some(row) = rows.next()? {
        let document = row.get_ref(1)?.as_str()?;
        let page = row.get_ref(2)?.as_str()?;
        for text in [row.get_ref(0)?.as_str()?, document, page] {
            digest.text(text);
        }
        sum += each(document, page)?;
    }
    Ok((digest.finish(), sum))
}

/// Visits the titles of a feed in a fixed order. Returns the digest and the count.
pub(super) fn each_title(
    db: &Connection,
    feed: &str,
    each: &mut dyn FnMut(Title),
) -> rusqlite::Result<(String, i64)> {
    let sql = "SELECT document, id, title, cves, published, modified FROM advisory \
               WHERE feed = ?1 ORDER BY document, id";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([feed])?;
    let mut digest = Digest::default();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        for column in 0..4 {
            digest.text(row.get_ref(column)?.as_str()?);
        }
        digest.number(row.get(4)?);
        digest.number(row.get(5)?);
        count += 1;
        let cves = row.get_ref(3)?.as_str()?.split_whitespace();
        each(Title {
            id: row.get(1)?,
            cves: cves.map(str::to_owned).collect(),
            words: row.get(2)?,
            place: format!("{feed} {}", row.get_ref(0)?.as_str()?),
        });
    }
    Ok((digest.finish(), count))
}

/// Visits the builds of a product in a fixed order. Returns the digest and the count.
pub(super) fn each_build(
    db: &Connection,
    product: &str,
    each: &mut dyn FnMut(&str) -> rusqlite::Result<()>,
) -> rusqlite::Result<(String, i64)> {
    let sql = "SELECT entry FROM build WHERE product = ?1 ORDER BY branch, build";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([product])?;
    let mut digest = Digest::default();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let entry = row.get_ref(0)?.as_str()?;
        digest.text(entry);
        each(entry)?;
        count += 1;
    }
    Ok((digest.finish(), count))
}
