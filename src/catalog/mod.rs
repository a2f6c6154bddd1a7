//! The bulletins we know of, cut into the slices that matching works on.
//!
//! [`import`] reads publishers' documents ([`feeds`]) into one file; a [`Catalog`] opens it and hands out
//! immutable [`Slice`]s, each checked against its digest. Matching never sees the file.

pub mod feeds;

mod age;
mod as_of;
mod content_sets;
mod desk;
mod error;
pub mod fetch;
mod file;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod hashes;
mod import;
mod info;
mod intake;
mod outcome;
mod outline;
mod problems;
mod product;
mod said;
mod search;
mod slice;
pub mod sources;
mod starter;
mod unpack;
mod update;

pub use error::CatalogError;
pub use file::{FORMAT, Portable, PortableError, export, is_portable, take};
pub use hashes::{Algorithm, Garbage, HashError, Mismatch, Stated};
pub use import::{import, import_within};
pub use info::{CatalogInfo, FeedInfo, SliceInfo};
pub use outcome::{FeedCount, ImportError, ImportReport};
pub use outline::{Outline, Shape};
pub use product::{FixOf, Flaw, Month, ProductSlice, Update};
pub use search::{Search, Words};
pub use slice::{BulletinHead, Entry, Slice};
pub use unpack::{Limits, UnpackError};
pub use update::{LeftOut, Updated, update};

use crate::model::{BuildRow, Date, FeedAge, Fix, Lifecycle, ProductKey, UtcTime, VersionRange};
use age::Imports;
use as_of::AsOf;
use file::{CatalogFile, Predictions};
use slice::Kev;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All bulletins. Slices are loaded when they are first asked for, and shared.
///
/// An open catalogue does not change: an import replaces the file, and whoever has the old one open
/// keeps the old one.
#[derive(Debug)]
pub struct Catalog {
    path: Option<PathBuf>,
    is_sample: bool,
    digest: String,
    imported: Option<UtcTime>,
    as_of: AsOf,
    imports: Imports,
    ages: Mutex<HashMap<String, Option<FeedAge>>>,
    file: Mutex<CatalogFile>,
    slices: Mutex<HashMap<String, Arc<Slice>>>,
    kev: Arc<Kev>,
    lifecycles: Vec<Lifecycle>,
    products: Vec<ProductKey>,
    ecosystems: Vec<String>,
    loaded: Mutex<Loaded>,
}

/// What was asked for already, of what is known by product.
#[derive(Debug, Default)]
struct Loaded {
    products: HashMap<ProductKey, Arc<ProductSlice>>,
    builds: HashMap<String, Arc<[BuildRow]>>,
    predictions: Option<Arc<Predictions>>,
    content_sets: Option<Arc<BTreeMap<String, Vec<String>>>>,
    titles: Option<BTreeMap<String, Vec<(String, String)>>>,
}

impl Loaded {
    fn predictions(&mut self, file: &CatalogFile) -> Result<Arc<Predictions>, CatalogError> {
        let known = match self.predictions.take() {
            Some(known) => known,
            None => Arc::new(file.predictions()?),
        };
        Ok(Arc::clone(self.predictions.insert(known)))
    }
}

/// What a document said of a flaw in a product before it said what it says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierFixes {
    /// When we learned otherwise.
    pub until: UtcTime,
    /// The feed and the document.
    pub place: String,
    /// The fixes that it stated.
    pub fixes: Vec<Fix>,
}

/// What a publisher said of a package before it said what it says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// When we learned otherwise.
    pub until: UtcTime,
    /// The package.
    pub package: String,
    /// The ranges it stated.
    pub ranges: Vec<VersionRange>,
}

impl Catalog {
    /// Opens a catalogue file.
    ///
    /// # Errors
    ///
    /// When there is none, when it is something else or newer than this program, or when its lists
    /// do not have the digests they should have.
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        Self::load(CatalogFile::open(path)?, Some(path.to_owned()))
    }

    /// The built-in catalogue: lifecycle dates, and a few bulletins. By its slices no machine is
    /// clean ([`Slice::is_sample`]), and it counts as never imported.
    ///
    /// # Errors
    ///
    /// None that a build which passes its tests can have.
    pub fn starter() -> Result<Self, CatalogError> {
        let mut catalog = Self::for_demo()?;
        (catalog.is_sample, catalog.imported) = (true, None);
        Ok(catalog)
    }

    /// The built-in catalogue for hosts that are simulated, of which it knows all there is to know.
    ///
    /// # Errors
    ///
    /// As [`Catalog::starter`].
    pub fn for_demo() -> Result<Self, CatalogError> {
        Self::load(starter::catalog()?, None)
    }

    /// Opens a catalogue file, with the built-in lifecycle dates for the releases that the file has
    /// no dates of, and with the built-in end of extended support where the file has the same end of
    /// support and no other. Its bulletins and its digest are those of the file alone.
    pub fn layered(path: &Path) -> Result<Self, CatalogError> {
        let mut catalog = Self::open(path)?;
        for row in starter::lifecycles()? {
            let same =
                |own: &&mut Lifecycle| own.product == row.product && own.version == row.version;
            match catalog.lifecycles.iter_mut().find(same) {
                None => catalog.lifecycles.push(row),
                Some(own) if own.end_of_life == row.end_of_life => {
                    own.end_of_extended = own.end_of_extended.or(row.end_of_extended);
                }
                Some(_) => {}
            }
        }
        Ok(catalog)
    }

    fn load(file: CatalogFile, path: Option<PathBuf>) -> Result<Self, CatalogError> {
        let header = file.header()?;
        let kev = file.kev()?.into_iter();
        let lifecycles = file.lifecycles()?;
        Ok(Self {
            path,
            is_sample: false,
            digest: header.digest,
            imported: header.imported,
            as_of: AsOf::default(),
            imports: file.imports()?,
            ages: Mutex::default(),
            slices: Mutex::default(),
            kev: Arc::new(kev.map(|known| (known.cve.clone(), known)).collect()),
            lifecycles,
            products: file.products()?,
            ecosystems: file.ecosystems()?,
            loaded: Mutex::default(),
            file: Mutex::new(file),
        })
    }

    /// The same as of a past day: without what was published, listed as exploited or released later. What has no
    /// date is there; fixes are those that are known today.
    #[must_use]
    pub fn as_of(self, day: Date) -> Self {
        let as_of = AsOf::day(day);
        let listed = self.kev.iter().filter(|(_, known)| as_of.had(known.added));
        let listed = listed.map(|(cve, known)| (cve.clone(), known.clone()));
        Self {
            kev: Arc::new(listed.collect()),
            as_of,
            slices: Mutex::default(),
            loaded: Mutex::default(),
            ..self
        }
    }

    /// What is known of a release, shared by all its hosts.
    ///
    /// `None` is not an empty slice: it means that nobody could say whether a host is up to date.
    ///
    /// # Errors
    ///
    /// When the slice is not what was imported.
    pub fn slice(&self, ecosystem: &str) -> Result<Option<Arc<Slice>>, CatalogError> {
        // Held while it loads, so that a thousand hosts of one release load it once.
        let mut slices = lock(&self.slices);
        if let Some(slice) = slices.get(ecosystem) {
            return Ok(Some(Arc::clone(slice)));
        }
        let Some(slice) = lock(&self.file).slice(ecosystem, &self.kev, self.as_of)? else {
            return Ok(None);
        };
        let slice = slice.with_predictions(self.predictions()?);
        let slice = Arc::new(if self.is_sample {
            slice.into_sample()
        } else {
            slice
        });
        slices.insert(ecosystem.to_owned(), Arc::clone(&slice));
        Ok(Some(slice))
    }

    /// The SHA-256 over everything in it, in hex. The same content has the same digest, whatever the
    /// order and the day of its imports.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// When something was last imported; `None` for the built-in catalogue that stands in where
    /// nothing ever was.
    pub fn imported(&self) -> Option<UtcTime> {
        self.imported
    }

    /// The file; `None` for the built-in catalogue.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The dates of a release, by os-release's `ID` and `VERSION_ID`. A point release without dates of
    /// its own (`9.6`) has those of the release it belongs to (`9`).
    pub fn lifecycle(&self, id: &str, version: &str) -> Option<&Lifecycle> {
        let dates = |version: &str| {
            let mut rows = self.lifecycles.iter();
            rows.find(|row| row.product == id && row.version == version)
        };
        let mut shorter = Some(version);
        while let Some(version) = shorter {
            let found = dates(version);
            if found.is_some() {
                return found;
            }
            shorter = version.rsplit_once('.').map(|(start, _)| start);
        }
        None
    }

    /// All lifecycle dates.
    pub fn lifecycles(&self) -> &[Lifecycle] {
        &self.lifecycles
    }

    /// The ecosystems that bulletins speak of, sorted.
    pub fn ecosystems(&self) -> &[String] {
        &self.ecosystems
    }

    /// The products that advisories speak of, sorted.
    pub fn products(&self) -> &[ProductKey] {
        &self.products
    }

    /// What is known of a product, shared by all hosts that have it.
    ///
    /// `None` where no advisory speaks of it.
    ///
    /// # Errors
    ///
    /// When the slice is not what was imported.
    pub fn product(&self, key: &ProductKey) -> Result<Option<Arc<ProductSlice>>, CatalogError> {
        // Held while it loads, so that a thousand hosts with one product load it once.
        let mut loaded = lock(&self.loaded);
        if let Some(slice) = loaded.products.get(key) {
            return Ok(Some(Arc::clone(slice)));
        }
        let file = lock(&self.file);
        let predictions = loaded.predictions(&file)?;
        let slice = file.product(key, (&self.kev, self.as_of), &mut |builder| {
            builder.predict(|cve| predictions.of(cve));
        })?;
        let Some(slice) = slice else {
            return Ok(None);
        };
        let slice = Arc::new(if self.is_sample {
            slice.into_sample()
        } else {
            slice
        });
        loaded.products.insert(key.clone(), Arc::clone(&slice));
        Ok(Some(slice))
    }

    /// The estimates of exploitation, loaded once.
    fn predictions(&self) -> Result<Arc<Predictions>, CatalogError> {
        let mut loaded = lock(&self.loaded);
        loaded.predictions(&lock(&self.file))
    }

    /// The releases of a product that its publisher's build table lists, sorted by branch and build;
    /// empty where there is no table.
    ///
    /// # Errors
    ///
    /// When the table is not what was imported.
    pub fn builds(&self, product: &str) -> Result<Arc<[BuildRow]>, CatalogError> {
        let mut loaded = lock(&self.loaded);
        if let Some(rows) = loaded.builds.get(product) {
            return Ok(Arc::clone(rows));
        }
        let mut rows = lock(&self.file).builds(product)?;
        rows.retain(|row| self.as_of.had(row.released));
        let rows: Arc<[BuildRow]> = rows.into();
        // What is not there is not kept: it may be any name.
        if !rows.is_empty() {
            loaded.builds.insert(product.to_owned(), Arc::clone(&rows));
        }
        Ok(rows)
    }

    /// The products for which an update or flaw is stated, by article (`KB5094123`), CVE or advisory id,
    /// sorted.
    ///
    /// # Errors
    ///
    /// When the file does not read.
    pub fn products_of(&self, id: &str) -> Result<Vec<ProductKey>, CatalogError> {
        let id = id.trim().to_uppercase();
        let is_article = id.bytes().all(|byte| byte.is_ascii_digit());
        let id = if is_article { format!("KB{id}") } else { id };
        lock(&self.file).products_of(&id)
    }

    /// What advisories of an id (a CVE, `ADV990001`, `MS17-010`) are called, with the feed and document of each.
    ///
    /// # Errors
    ///
    /// When the file does not read.
    pub fn titles_of(&self, id: &str) -> Result<Vec<(String, String)>, CatalogError> {
        let mut loaded = lock(&self.loaded);
        let titles = match loaded.titles.take() {
            Some(titles) => titles,
            None => self.load_titles()?,
        };
        let titles = &*loaded.titles.insert(titles);
        Ok(titles.get(id).cloned().unwrap_or_default())
    }

    fn load_titles(&self) -> Result<BTreeMap<String, Vec<(String, String)>>, CatalogError> {
        let mut titles: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for one in lock(&self.file).titles()? {
            let others = one.cves.into_iter().filter(|cve| *cve != one.id);
            for id in others.chain([one.id.clone()]) {
                let said = (one.words.clone(), one.place.clone());
                titles.entry(id).or_default().push(said);
            }
        }
        Ok(titles)
    }

    /// What documents stated of a flaw in a product before its fixes were changed, oldest first. The
    /// flaw is named by the publisher's id.
    pub fn earlier_fixes(
        &self,
        product: &ProductKey,
        id: &str,
    ) -> Result<Vec<EarlierFixes>, CatalogError> {
        let rows = lock(&self.file).said_before(product, id)?.into_iter();
        let earlier = rows.map(|(until, place, fixes)| EarlierFixes {
            until,
            place,
            fixes,
        });
        Ok(earlier.collect())
    }

    /// What it holds, for `catalog info`.
    pub fn info(&self) -> Result<CatalogInfo, CatalogError> {
        let file = lock(&self.file);
        let mut feeds = file.feeds()?;
        feeds.sort_by(|a, b| a.feed.cmp(&b.feed));
        for feed in &mut feeds {
            let dates: &[&str] = match feed.feed.as_str() {
                "lifecycle" => &["distro-info", "endoflife"],
                name => &[name],
            };
            let met = dates.iter().filter_map(|name| self.imports.of_feed(name));
            feed.met = met.max().map(UtcTime::date);
        }
        let mut slices = file.sections("slice")?;
        drop(file);
        for slice in &mut slices {
            slice.age = self.age_of_slice(&slice.ecosystem)?;
        }
        let file = lock(&self.file);
        Ok(CatalogInfo {
            path: self.path.clone(),
            digest: self.digest.clone(),
            imported: self.imported,
            feeds,
            slices,
            products: file.sections("product")?,
            builds: file.sections("builds")?,
            problems: file.problems()?,
        })
    }

    /// What a bulletin stated of a release before its fix was changed, oldest first.
    pub fn history(&self, ecosystem: &str, bulletin: &str) -> Result<Vec<Earlier>, CatalogError> {
        let rows = lock(&self.file).history(ecosystem, bulletin)?;
        let earlier = rows.into_iter().flat_map(|(until, packages)| {
            packages.into_iter().map(move |mut row| Earlier {
                until,
                ranges: row.ranges(),
                package: row.0,
            })
        });
        Ok(earlier.collect())
    }
}

/// A thread that panicked with the lock has changed nothing that could be half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
