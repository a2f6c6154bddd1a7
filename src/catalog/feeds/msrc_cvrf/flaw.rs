//! What is common to both forms of a document: its fields as they stand there, and what they mean.

use super::super::{FeedReport, MSRC_CVRF, Record, msrc_clean as clean};
use crate::model::{
    Advisory, AffectedProduct, Fix, Nature, Severity, UpdateId, UpdateKind, UtcTime,
};
use std::collections::HashMap;

/// What a document says of itself.
#[derive(Debug, Default)]
pub(super) struct Tracking {
    pub(super) id: String,
    pub(super) alias: String,
    pub(super) released: String,
    pub(super) revised: String,
}

/// A flaw, as it stands in the document.
#[derive(Debug, Default)]
pub(super) struct RawFlaw {
    pub(super) title: String,
    pub(super) cve: String,
    /// The ids of the products that are affected.
    pub(super) affected: Vec<String>,
    /// Severities, each with products.
    pub(super) severities: Vec<(String, Vec<String>)>,
    /// Impacts, each with products.
    pub(super) impacts: Vec<(String, Vec<String>)>,
    /// The weaknesses behind it.
    pub(super) cwes: Vec<String>,
    /// CVSS base scores, each with products.
    pub(super) scores: Vec<(String, Vec<String>)>,
    /// Remediations that are fixes.
    pub(super) fixes: Vec<RawFix>,
    /// The times of its revisions, in no order.
    pub(super) revisions: Vec<String>,
}

/// A remediation, as it stands in the document.
#[derive(Debug, Default)]
pub(super) struct RawFix {
    pub(super) description: String,
    pub(super) url: String,
    pub(super) supercedence: String,
    pub(super) restart: String,
    pub(super) sub_type: String,
    pub(super) fixed_build: String,
    pub(super) products: Vec<String>,
}

/// Takes the parts of a document in their order, and hands out advisories.
pub(super) struct Taker<'a> {
    out: &'a mut dyn FnMut(Record),
    pub(super) report: FeedReport,
    document: Option<Document>,
    /// Names by id; `None` for a package of Linux.
    names: HashMap<String, Option<String>>,
}

struct Document {
    name: String,
    released: Option<UtcTime>,
    revised: Option<UtcTime>,
}

impl<'a> Taker<'a> {
    pub(super) fn new(out: &'a mut dyn FnMut(Record)) -> Self {
        Self {
            out,
            report: FeedReport::default(),
            document: None,
            names: HashMap::new(),
        }
    }

    /// Takes what the document says of itself. Without a name it is not known which it is.
    pub(super) fn tracking(&mut self, tracking: &Tracking) -> Result<(), &'static str> {
        let names = [&tracking.id, &tracking.alias].map(|name| clean::words(name));
        let name = names.into_iter().find(|name| !name.is_empty());
        self.document = Some(Document {
            name: name.ok_or("it has no id")?,
            released: clean::time(&tracking.released),
            revised: clean::time(&tracking.revised),
        });
        Ok(())
    }

    /// Takes a product. An id that comes again says nothing new.
    pub(super) fn product(&mut self, id: String, name: &str) {
        self.names.entry(id).or_insert_with(|| {
            let name = clean::words(name);
            (!clean::is_linux_package(&name)).then_some(name)
        });
    }

    /// Takes a flaw. It has to come after the name of the document and the products.
    pub(super) fn flaw(&mut self, raw: &RawFlaw) -> Result<(), &'static str> {
        let document = self.document.take().ok_or("a flaw comes before its id")?;
        match self.advisory(raw, &document) {
            Ok(Some(advisory)) => {
                self.report.read += 1;
                (self.out)(Record::Advisory(advisory));
            }
            Ok(None) => self.report.irrelevant += 1,
            Err(cve) => self.report.skip(&cve, "begins with no id of a flaw"),
        }
        self.document = Some(document);
        Ok(())
    }

    fn advisory(&mut self, raw: &RawFlaw, document: &Document) -> Result<Option<Advisory>, String> {
        let mut products = Products::default();
        for id in &raw.affected {
            products.place(id, self);
        }
        for fix in &raw.fixes {
            for id in &fix.products {
                products.place(id, self);
            }
        }
        let speaks_of_some = !raw.affected.is_empty() || !raw.fixes.is_empty();
        if products.all.is_empty() && products.unknown.is_empty() && speaks_of_some {
            return Ok(None);
        }
        let Some((id, is_cve)) = clean::flaw_id(&raw.cve) else {
            // What speaks of no product hides no finding.
            let id = clean::words(&raw.cve);
            return if speaks_of_some { Err(id) } else { Ok(None) };
        };
        for product in &products.unknown {
            let what = format!("product `{product}` is not among the document's products");
            self.report.problem(id.as_str(), what);
        }
        for (word, ids) in &raw.severities {
            let severity = Severity::parse(word);
            products.each(ids, &mut |one| one.severity = one.severity.max(severity));
        }
        let cwes = Nature::of([], raw.cwes.iter().map(String::as_str));
        for one in &mut products.all {
            one.nature = cwes.clone();
        }
        for (impact, ids) in &raw.impacts {
            let impact = Nature::of([impact.as_str()], []);
            products.each(ids, &mut |one| {
                one.nature = Nature::union([&one.nature, &impact]);
            });
        }
        for (score, ids) in &raw.scores {
            let tenths = clean::tenths(score);
            products.each(ids, &mut |one| {
                one.cvss_tenths = one.cvss_tenths.max(tenths);
            });
        }
        for fix in &raw.fixes {
            self.fix(id.as_str(), fix, &mut products);
        }
        let revisions = raw.revisions.iter().filter_map(|text| clean::time(text));
        let revisions: Vec<UtcTime> = revisions.collect();
        Ok(Some(Advisory {
            feed: MSRC_CVRF.to_owned(),
            document: document.name.clone(),
            title: clean::words(&raw.title),
            cves: is_cve.then(|| id.as_str().to_owned()).into_iter().collect(),
            id,
            published: revisions.iter().min().copied().or(document.released),
            // Rows are put right without a revision of the flaw: the document's date counts as well.
            modified: revisions.iter().max().copied().max(document.revised),
            affected: products.all,
        }))
    }

    /// Adds a remediation to its products.
    fn fix(&mut self, cve: &str, raw: &RawFix, products: &mut Products) {
        if !raw
            .products
            .iter()
            .any(|id| products.places.contains_key(id))
        {
            return;
        }
        let mut problem = |what: String| self.report.problem(cve, what);
        let fix = cleaned(raw, &mut problem);
        let mut is_no_build_of_windows = false;
        products.each(&raw.products, &mut |one| {
            let mut fix = fix.clone();
            if fix.build.is_some() && !can_be_build(&fix, &one.product) {
                is_no_build_of_windows = true;
                fix.build = None;
            }
            if !one.fixes.contains(&fix) {
                one.fixes.push(fix);
            }
        });
        if is_no_build_of_windows {
            let text = clean::words(&raw.fixed_build);
            problem(format!("FixedBuild `{text}` is no build of Windows"));
        }
    }
}

/// What a remediation means. What in it does not read is told.
fn cleaned(raw: &RawFix, problem: &mut dyn FnMut(String)) -> Fix {
    let update = clean::update(&raw.description, &raw.sub_type, &raw.url);
    if update.is_none() {
        let url = clean::words(&raw.url);
        problem(format!("the update at `{url}` has no name"));
    }
    let kind = clean::kind(&raw.sub_type);
    if kind.is_none() {
        let word = clean::words(&raw.sub_type);
        problem(format!("SubType `{word}` is new to us"));
    }
    let build = clean::build(&raw.fixed_build).unwrap_or_else(|clean::NoBuild| {
        let text = clean::words(&raw.fixed_build);
        problem(format!("FixedBuild `{text}` is no build"));
        None
    });
    let (supersedes, junk) = clean::superseded(&raw.supercedence);
    for item in junk {
        problem(format!("Supercedence `{item}` is no article"));
    }
    let restart = clean::restart(&raw.restart).unwrap_or_else(|word| {
        problem(format!("RestartRequired `{word}` is new to us"));
        None
    });
    let url = clean::url(&raw.url).unwrap_or_else(|text| {
        problem(format!("URL `{text}` is no address on the web"));
        None
    });
    Fix {
        together_with: Vec::new(),
        files: Vec::new(),
        update: update.unwrap_or_else(|| UpdateId::Named("Vendor Fix".to_owned())),
        kind: kind.unwrap_or(UpdateKind::Other),
        build,
        since: None,
        supersedes,
        restart,
        url,
    }
}

/// Whether a build can be one of the product. Packages that carry no build of Windows (updates of Internet
/// Explorer or of the boot blocklist) have their own numbers: `1.001`, `V1.003`.
fn can_be_build(fix: &Fix, product: &str) -> bool {
    let is_windows = product.starts_with("Windows ") || fix.kind == UpdateKind::IeCumulative;
    let parts = fix.build.iter().flat_map(|build| build.split('.')).count();
    fix.update.kb().is_none() || !is_windows || parts >= 3
}

/// The products of one flaw, and where they stand by their ids.
#[derive(Default)]
struct Products {
    all: Vec<AffectedProduct>,
    places: HashMap<String, usize>,
    unknown: Vec<String>,
}

impl Products {
    fn place(&mut self, id: &str, taker: &Taker<'_>) {
        if self.places.contains_key(id) {
            return;
        }
        match taker.names.get(id) {
            Some(Some(name)) if !name.is_empty() => {
                self.places.insert(id.to_owned(), self.all.len());
                self.all.push(AffectedProduct {
                    product: name.clone(),
                    severity: None,
                    cvss_tenths: None,
                    nature: Nature::default(),
                    fixes: Vec::new(),
                });
            }
            Some(None) => {}
            _ if self.unknown.iter().any(|known| known == id) => {}
            _ => self.unknown.push(id.to_owned()),
        }
    }

    fn each(&mut self, ids: &[String], change: &mut dyn FnMut(&mut AffectedProduct)) {
        for id in ids {
            let place = self.places.get(id);
            if let Some(one) = place.and_then(|place| self.all.get_mut(*place)) {
                change(one);
            }
        }
    }
}
