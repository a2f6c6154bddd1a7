//! What is known of one product whose publisher speaks of updates, ready to be matched.

use super::slice::Kev;
use crate::model::{
    Advisory, AffectedProduct, BulletinId, Date, Download, Epss, Fix, KbId, KnownExploited, Nature,
    ProductKey, Restart, Severity, UpdateId, UpdateKind, UtcTime,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// What is known of one product: its flaws, and the updates that fix them. Once shared, it never
/// changes.
#[derive(Debug)]
pub struct ProductSlice {
    key: ProductKey,
    flaws: Vec<Flaw>,
    updates: Vec<Update>,
    kev: Arc<Kev>,
    is_sample: bool,
}

/// A flaw, as it concerns one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The CVE; where the publisher names none, the publisher's id: `ADV990001`.
    pub id: String,
    /// The advisories it stands in, sorted: the same again, or `MS17-010`.
    pub advisories: Vec<BulletinId>,
    /// The publisher's severity here, the highest of all documents.
    pub severity: Option<Severity>,
    /// The CVSS base score here, in tenths, the highest of all documents.
    pub cvss_tenths: Option<u8>,
    /// What sort of flaw it is here, by all documents. Flaws of one slice share what is equal.
    pub nature: Nature,
    /// How likely it is to be exploited.
    pub epss: Option<Epss>,
    /// When it was first published, in any document.
    pub published: Option<UtcTime>,
    /// The updates that fix it; any one does. Empty where no document states one.
    pub fixes: Vec<FixOf>,
}

/// An update as it fixes one flaw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FixOf {
    /// Its place in [`ProductSlice::updates`].
    pub update: usize,
    /// The lowest version that has the fix, as this flaw's record says. Records of one update may differ,
    /// and then some are wrong: [`Update::builds`] has them all.
    pub build: Option<Arc<str>>,
    /// The first version that is affected.
    pub since: Option<Box<str>>,
    /// The other updates that are needed beside it, sorted.
    pub together_with: Box<[KbId]>,
}

/// An update of the product, over all flaws that it fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Its name. What is named by words is one update for each build.
    pub id: UpdateId,
    /// What sort of update, as most records say.
    pub kind: UpdateKind,
    /// The month in which it came out: that of the document in which it fixes most flaws, for the same
    /// article is named in the documents of later months as well.
    pub released: Option<Month>,
    /// The builds that records state for it, the most frequent first.
    pub builds: Vec<Arc<str>>,
    /// The updates that it replaces, as any record says, sorted.
    pub supersedes: Vec<KbId>,
    /// Whether it asks for a restart.
    pub restart: Option<Restart>,
    /// Where the publisher says that it is.
    pub url: Option<String>,
    /// Its files, as any record says, each once.
    pub files: Box<[Download]>,
    /// How many flaws of this product it fixes.
    pub flaws: usize,
}

/// A month, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    /// The year.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl Month {
    /// Reads `2025-12`, or the beginning of a date.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, rest) = text.split_once('-')?;
        let month = rest.split('-').next()?.parse().ok()?;
        let year = year.parse().ok()?;
        (1..=12).contains(&month).then_some(Self { year, month })
    }

    /// The month of a day.
    pub fn of(day: Date) -> Option<Self> {
        Self::parse(&day.to_string())
    }

    /// The month of one of MSRC's monthly documents: `2025-Dec`, `2018-FEB`, `2017-May-B`.
    fn of_document(name: &str) -> Option<Self> {
        const NAMES: [&str; 12] = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ];
        let mut parts = name.split('-');
        let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
        let word = parts.next()?.to_ascii_lowercase();
        let month = NAMES.iter().position(|name| *name == word)?;
        let month = u8::try_from(month + 1).ok()?;
        Some(Self { year, month })
    }
}

impl ProductSlice {
    /// Makes a slice of advisories: what they say of the product.
    pub fn new(
        key: &ProductKey,
        advisories: impl IntoIterator<Item = Advisory>,
        kev: impl IntoIterator<Item = KnownExploited>,
    ) -> Self {
        let mut builder = ProductBuilder::default();
        for advisory in advisories {
            for affected in &advisory.affected {
                if ProductKey::of(&affected.product) == *key {
                    let fixes: Vec<&Fix> = affected.fixes.iter().collect();
                    builder.add(&Said::of(&advisory, affected, &fixes));
                }
            }
        }
        let kev = kev.into_iter().map(|known| (known.cve.clone(), known));
        builder.build(key.clone(), Arc::new(kev.collect()))
    }

    /// The product.
    pub fn key(&self) -> &ProductKey {
        &self.key
    }

    /// The flaws, sorted by id.
    pub fn flaws(&self) -> &[Flaw] {
        &self.flaws
    }

    /// A flaw, by CVE or by the publisher's id.
    pub fn flaw(&self, id: &str) -> Option<&Flaw> {
        let at = self.flaws.binary_search_by(|flaw| flaw.id.as_str().cmp(id));
        self.flaws.get(at.ok()?)
    }

    /// The updates, sorted by month, then by name.
    pub fn updates(&self) -> &[Update] {
        &self.updates
    }

    /// Whether the flaws that are known to be exploited are listed: where none is, nobody looked, and a sample's few are
    /// no list.
    pub fn lists_exploited(&self) -> bool {
        !self.kev.is_empty() && !self.is_sample
    }

    /// What CISA says of a CVE that is known to be exploited.
    pub fn kev(&self, cve: &str) -> Option<&KnownExploited> {
        self.kev.get(cve)
    }

    /// The same, as a sample: what it does not speak of may still be there.
    #[must_use]
    pub(super) fn into_sample(self) -> Self {
        let is_sample = true;
        Self { is_sample, ..self }
    }

    /// Whether it holds only some of what is known of the product, so that no machine is clean by it.
    pub fn is_sample(&self) -> bool {
        self.is_sample
    }
}

/// What one document says of one flaw in one product.
pub(super) struct Said<'a> {
    pub(super) id: &'a BulletinId,
    pub(super) document: &'a str,
    /// Empty as well where the id is the only one.
    pub(super) cves: &'a [String],
    pub(super) published: Option<UtcTime>,
    pub(super) severity: Option<Severity>,
    pub(super) cvss_tenths: Option<u8>,
    pub(super) nature: &'a Nature,
    pub(super) fixes: &'a [&'a Fix],
}

impl<'a> Said<'a> {
    fn of(advisory: &'a Advisory, affected: &'a AffectedProduct, fixes: &'a [&'a Fix]) -> Self {
        Self {
            id: &advisory.id,
            document: &advisory.document,
            cves: &advisory.cves,
            published: advisory.published,
            severity: affected.severity,
            cvss_tenths: affected.cvss_tenths,
            nature: &affected.nature,
            fixes,
        }
    }
}

/// A slice in the making. What it is told may come in any order.
#[derive(Debug, Default)]
pub(super) struct ProductBuilder {
    flaws: BTreeMap<String, Flaw>,
    updates: Vec<Draft>,
    places: HashMap<(UpdateId, Option<Arc<str>>), usize>,
    /// Builds, once each: many flaws have the same.
    words: HashSet<Arc<str>>,
    natures: HashSet<Nature>,
}

/// The same, sharing its text with those before it.
fn shared(known: &mut HashSet<Nature>, nature: &Nature) -> Nature {
    if let Some(known) = known.get(nature) {
        return known.clone();
    }
    known.insert(nature.clone());
    nature.clone()
}

/// An update in the making: how many flaws say what of it.
#[derive(Debug, Default)]
struct Draft {
    kinds: BTreeMap<UpdateKind, usize>,
    months: BTreeMap<Month, usize>,
    builds: BTreeMap<Arc<str>, usize>,
    supersedes: Vec<KbId>,
    restart: Option<Restart>,
    url: Option<String>,
    files: BTreeSet<Download>,
}

impl ProductBuilder {
    /// Adds what one document says of one flaw. What is said of several CVEs is said of each.
    pub(super) fn add(&mut self, said: &Said<'_>) {
        let month = Month::of_document(said.document)
            .or_else(|| said.published.and_then(|time| Month::of(time.date())));
        let fixes: Vec<FixOf> = said.fixes.iter().map(|fix| self.fix(fix, month)).collect();
        let nature = shared(&mut self.natures, said.nature);
        let own = [said.id.as_str().to_owned()];
        let ids = if said.cves.is_empty() {
            &own[..]
        } else {
            said.cves
        };
        for id in ids {
            let flaw = self.flaws.entry(id.clone()).or_insert_with(|| Flaw {
                id: id.clone(),
                advisories: Vec::new(),
                severity: None,
                cvss_tenths: None,
                nature: Nature::default(),
                epss: None,
                published: None,
                fixes: Vec::new(),
            });
            if !flaw.advisories.contains(said.id) {
                flaw.advisories.push(said.id.clone());
            }
            flaw.severity = flaw.severity.max(said.severity);
            flaw.cvss_tenths = flaw.cvss_tenths.max(said.cvss_tenths);
            if flaw.nature.is_empty() {
                flaw.nature = nature.clone();
            } else if !nature.is_empty() && flaw.nature != nature {
                let both = Nature::union([&flaw.nature, &nature]);
                flaw.nature = shared(&mut self.natures, &both);
            }
            flaw.published = match (flaw.published, said.published) {
                (Some(known), Some(time)) => Some(known.min(time)),
                (known, time) => known.or(time),
            };
            flaw.fixes.extend(fixes.iter().cloned());
        }
    }

    /// Asks for the estimate of each flaw so far.
    pub(super) fn predict(&mut self, estimate: impl Fn(&str) -> Option<Epss>) {
        for (id, flaw) in &mut self.flaws {
            flaw.epss = estimate(id);
        }
    }

    /// A text that is kept once.
    fn once(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.words.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = Arc::from(text);
        self.words.insert(Arc::clone(&text));
        text
    }

    fn fix(&mut self, fix: &Fix, month: Option<Month>) -> FixOf {
        let build = fix.build.as_deref().map(|build| self.once(build));
        let apart = fix.update.kb().is_none().then(|| build.clone()).flatten();
        let next = self.updates.len();
        let place = self.places.entry((fix.update.clone(), apart));
        let update = *place.or_insert(next);
        if update == next {
            self.updates.push(Draft::default());
        }
        if let Some(draft) = self.updates.get_mut(update) {
            draft.add(fix, build.clone(), month);
        }
        let since = fix.since.as_deref().map(Box::from);
        FixOf {
            update,
            build,
            since,
            together_with: fix.together_with.as_slice().into(),
        }
    }

    pub(super) fn build(self, key: ProductKey, kev: Arc<Kev>) -> ProductSlice {
        let mut names: Vec<(usize, UpdateId)> = self
            .places
            .into_iter()
            .map(|((id, _), place)| (place, id))
            .collect();
        names.sort_unstable_by_key(|(place, _)| *place);
        let drafts = self.updates.into_iter().zip(names);
        let mut updates: Vec<(usize, Update)> = drafts
            .map(|(draft, (place, id))| (place, draft.finish(id)))
            .collect();
        updates.sort_by(|(_, a), (_, b)| {
            (a.released, &a.id, &a.builds).cmp(&(b.released, &b.id, &b.builds))
        });
        let mut place_of = vec![0; updates.len()];
        for (new, (old, _)) in updates.iter().enumerate() {
            if let Some(place) = place_of.get_mut(*old) {
                *place = new;
            }
        }
        let mut updates: Vec<Update> = updates.into_iter().map(|(_, update)| update).collect();
        let mut flaws: Vec<Flaw> = self.flaws.into_values().collect();
        for flaw in &mut flaws {
            for fix in &mut flaw.fixes {
                fix.update = place_of.get(fix.update).copied().unwrap_or_default();
            }
            flaw.fixes.sort_unstable();
            flaw.fixes.dedup();
            flaw.fixes.shrink_to_fit();
            flaw.advisories.shrink_to_fit();
            flaw.advisories.sort_unstable();
            let mut last = None;
            for fix in &flaw.fixes {
                if last != Some(fix.update)
                    && let Some(update) = updates.get_mut(fix.update)
                {
                    update.flaws += 1;
                }
                last = Some(fix.update);
            }
        }
        ProductSlice {
            key,
            flaws,
            updates,
            kev,
            is_sample: false,
        }
    }
}

impl Draft {
    fn add(&mut self, fix: &Fix, build: Option<Arc<str>>, month: Option<Month>) {
        *self.kinds.entry(fix.kind).or_default() += 1;
        if let Some(month) = month {
            *self.months.entry(month).or_default() += 1;
        }
        if let Some(build) = build {
            *self.builds.entry(build).or_default() += 1;
        }
        for kb in &fix.supersedes {
            if !self.supersedes.contains(kb) {
                self.supersedes.push(*kb);
            }
        }
        self.restart = self.restart.max(fix.restart);
        if self.url.is_none() {
            self.url.clone_from(&fix.url);
        }
        self.files.extend(fix.files.iter().cloned());
    }

    fn finish(self, id: UpdateId) -> Update {
        let mut supersedes = self.supersedes;
        supersedes.retain(|kb| Some(*kb) != id.kb());
        supersedes.sort_unstable();
        let mut builds: Vec<(Arc<str>, usize)> = self.builds.into_iter().collect();
        builds.sort_by(|(_, a), (_, b)| b.cmp(a));
        // A feed that knows no kinds says `Other`: any other word is worth more.
        let kinds = self.kinds.into_iter();
        let kind = kinds.max_by_key(|(kind, count)| (*kind != UpdateKind::Other, *count));
        // The earliest of equals.
        let months = self.months.into_iter().rev();
        let released = months.max_by_key(|(_, count)| *count);
        Update {
            id,
            kind: kind.map_or(UpdateKind::Other, |(kind, _)| kind),
            released: released.map(|(month, _)| month),
            builds: builds.into_iter().map(|(build, _)| build).collect(),
            supersedes,
            restart: self.restart,
            url: self.url,
            files: self.files.into_iter().collect(),
            flaws: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(kb: u32, kind: UpdateKind, build: Option<&str>) -> Fix {
        Fix {
            together_with: Vec::new(),
            files: Vec::new(),
            update: UpdateId::Kb(KbId(kb)),
            kind,
            build: build.map(str::to_owned),
            since: None,
            supersedes: vec![KbId(kb), KbId(1)],
            restart: None,
            url: None,
        }
    }

    fn advisory(document: &str, cve: &str, fixes: Vec<Fix>) -> Advisory {
        Advisory {
            id: BulletinId::new(cve),
            feed: "msrc-cvrf".to_owned(),
            document: document.to_owned(),
            title: String::new(),
            cves: vec![cve.to_owned()],
            published: None,
            modified: None,
            affected: vec![AffectedProduct {
                product: "Windows Server  2019".to_owned(),
                severity: Some(Severity::High),
                cvss_tenths: Some(78),
                nature: Nature::default(),
                fixes,
            }],
        }
    }

    #[test]
    fn an_update_came_out_in_the_month_in_which_it_fixes_most_flaws() {
        let kb = |build| vec![fix(5_040_430, UpdateKind::Security, Some(build))];
        let advisories = [
            advisory("2023-May", "CVE-2023-24932", kb("10.0.17763.6054")),
            advisory("2024-Jul", "CVE-2024-1", kb("10.0.17763.6054")),
            advisory("2024-Jul", "CVE-2024-2", kb("10.0.17763.6045")),
            advisory("2024-Jul", "CVE-2024-3", kb("10.0.17763.6054")),
        ];
        let key = ProductKey::of("windows server 2019");
        let slice = ProductSlice::new(&key, advisories, []);
        let [update] = slice.updates() else {
            panic!("{slice:?}")
        };
        assert_eq!(update.released.unwrap().to_string(), "2024-07");
        assert_eq!(&*update.builds[0], "10.0.17763.6054");
        assert_eq!(update.flaws, 4);
        assert_eq!(update.supersedes, [KbId(1)]);
        assert_eq!(slice.flaw("CVE-2024-2").unwrap().cvss_tenths, Some(78));
    }

    #[test]
    fn what_two_documents_say_of_a_flaw_are_alternatives() {
        let advisories = [
            advisory(
                "2019-Jul",
                "CVE-2019-1",
                vec![fix(10_001, UpdateKind::SecurityOnly, None)],
            ),
            advisory(
                "2019-Aug",
                "CVE-2019-1",
                vec![
                    fix(10_002, UpdateKind::MonthlyRollup, None),
                    fix(10_001, UpdateKind::SecurityOnly, None),
                ],
            ),
        ];
        let key = ProductKey::of("windows server 2019");
        let slice = ProductSlice::new(&key, advisories, []);
        assert_eq!(slice.flaw("CVE-2019-1").unwrap().fixes.len(), 2);
        let kinds: Vec<_> = slice.updates().iter().map(|one| one.kind).collect();
        assert_eq!(kinds, [UpdateKind::SecurityOnly, UpdateKind::MonthlyRollup]);
    }

    #[test]
    fn documents_of_a_month_are_read_in_all_their_spellings() {
        let month = |name| Month::of_document(name).map(|month| month.to_string());
        assert_eq!(month("2018-FEB").as_deref(), Some("2018-02"));
        assert_eq!(month("2017-May-B").as_deref(), Some("2017-05"));
        assert_eq!(month("CVE-2025-1"), None);
        assert_eq!(Month::parse("2025-12-09"), Month::parse("2025-12"));
    }
}
