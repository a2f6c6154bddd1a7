//! What one document says of one product: how it is laid down, and what a newer copy changes of it.

use super::product::Said;
use crate::model::{Advisory, AffectedProduct, BulletinId, Fix, Nature, Severity, UtcTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one document says of one product, by the publisher's id of the flaw.
///
/// As JSON it is the same for the same content: `[fixes, flaws]`, both sorted, each fix once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page(pub(super) BTreeMap<String, Statement>);

/// What a document says of one flaw in one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Sorted.
    cves: Vec<String>,
    severity: Option<Severity>,
    cvss_tenths: Option<u8>,
    nature: Nature,
    published: Option<UtcTime>,
    modified: Option<UtcTime>,
    /// Sorted, each once.
    pub(super) fixes: Vec<Fix>,
}

/// What became of a statement that a document makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// It says what is known already.
    Same,
    /// It is older than what is known, and was left out.
    Older,
    /// It was not known.
    Added,
    /// It replaced what was known.
    Changed,
}

/// The same as JSON: [`Fix`]es, then flaws with the places of theirs, then the sorts of flaws, where any is stated
/// (since format 4).
#[derive(Serialize, Deserialize)]
struct Form(
    Vec<Fix>,
    Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")] Vec<Nature>,
);

/// Id, CVEs unless it is the only one, severity, CVSS in tenths, published, modified, fixes, and the place of its
/// sort.
#[derive(Serialize, Deserialize)]
struct Row(
    String,
    Option<Vec<String>>,
    Option<Severity>,
    Option<u8>,
    Option<UtcTime>,
    Option<UtcTime>,
    Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<usize>,
);

impl Statement {
    pub(super) fn of(advisory: &Advisory, affected: AffectedProduct) -> Self {
        let mut fixes = affected.fixes;
        fixes.sort_unstable();
        fixes.dedup();
        Self {
            cves: advisory.cves.clone(),
            severity: affected.severity,
            cvss_tenths: affected.cvss_tenths,
            nature: affected.nature,
            published: advisory.published,
            modified: advisory.modified,
            fixes,
        }
    }

    /// Adds what the same document says of it elsewhere, under another id or spelling of the product.
    pub(super) fn join(&mut self, other: Self) {
        self.cves.extend(other.cves);
        self.cves.sort_unstable();
        self.cves.dedup();
        self.severity = self.severity.max(other.severity);
        self.cvss_tenths = self.cvss_tenths.max(other.cvss_tenths);
        self.nature = Nature::union([&self.nature, &other.nature]);
        self.published = match (self.published, other.published) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.modified = self.modified.max(other.modified);
        self.fixes.extend(other.fixes);
        self.fixes.sort_unstable();
        self.fixes.dedup();
    }

    /// Says in this statement's place what another copy of the document says, unless that is older.
    /// Returns what was said before, where other fixes were.
    pub(super) fn replace(&mut self, new: Self) -> (Change, Option<Self>) {
        let times = new.modified.zip(self.modified);
        if times.is_some_and(|(new, known)| new < known) {
            return (Change::Older, None);
        }
        let modified = new.modified;
        let dated = Self {
            modified,
            ..std::mem::replace(self, new)
        };
        if dated == *self {
            return (Change::Same, None);
        }
        let has_other_fixes = dated.fixes != self.fixes;
        (Change::Changed, has_other_fixes.then_some(dated))
    }
}

impl Page {
    pub(super) fn read(json: &str) -> serde_json::Result<Self> {
        let Form(fixes, rows, natures) = serde_json::from_str(json)?;
        let read = |row: Row| {
            let Row(id, cves, severity, cvss_tenths, published, modified, places, nature) = row;
            let nature = nature.and_then(|place| natures.get(place));
            let fixes = places.iter().filter_map(|place| fixes.get(*place));
            let statement = Statement {
                cves: cves.unwrap_or_else(|| vec![id.clone()]),
                severity,
                cvss_tenths,
                nature: nature.cloned().unwrap_or_default(),
                published,
                modified,
                fixes: fixes.cloned().collect(),
            };
            (id, statement)
        };
        Ok(Self(rows.into_iter().map(read).collect()))
    }

    pub(super) fn write(&self) -> String {
        let all = self.0.values().flat_map(|statement| &statement.fixes);
        let mut places: BTreeMap<&Fix, usize> = all.map(|fix| (fix, 0)).collect();
        for (place, at) in places.values_mut().enumerate() {
            *at = place;
        }
        let stated = self.0.values().map(|statement| &statement.nature);
        let natures: BTreeSet<&Nature> = stated.filter(|one| !one.is_empty()).collect();
        let natures: Vec<&Nature> = natures.into_iter().collect();
        let row = |(id, said): (&String, &Statement)| {
            let is_its_own = matches!(said.cves.as_slice(), [cve] if cve == id);
            let fixes = said.fixes.iter().filter_map(|fix| places.get(fix).copied());
            Row(
                id.clone(),
                (!is_its_own).then(|| said.cves.clone()),
                said.severity,
                said.cvss_tenths,
                said.published,
                said.modified,
                fixes.collect(),
                natures.binary_search(&&said.nature).ok(),
            )
        };
        let rows = self.0.iter().map(row).collect();
        let fixes = places.keys().map(|fix| (*fix).clone()).collect();
        // Strings, numbers and lists always serialise.
        let natures = natures.into_iter().cloned().collect();
        serde_json::to_string(&Form(fixes, rows, natures)).unwrap_or_default()
    }

    /// Reads a page only to hand out what it says.
    pub(super) fn each(
        json: &str,
        document: &str,
        each: &mut dyn FnMut(&Said<'_>),
    ) -> serde_json::Result<()> {
        let Form(fixes, rows, natures) = serde_json::from_str(json)?;
        let unstated = Nature::default();
        for Row(id, cves, severity, cvss_tenths, published, _, places, nature) in rows {
            let fixes = places.iter().filter_map(|place| fixes.get(*place));
            each(&Said {
                id: &BulletinId::new(id),
                document,
                cves: cves.as_deref().unwrap_or_default(),
                published,
                severity,
                cvss_tenths,
                nature: nature
                    .and_then(|place| natures.get(place))
                    .unwrap_or(&unstated),
                fixes: &fixes.collect::<Vec<&Fix>>(),
            });
        }
        Ok(())
    }

    /// Whether an update, a CVE or an advisory stands on it.
    pub(super) fn names(&self, id: &str) -> bool {
        let names_update = |fix: &Fix| fix.update.to_string() == id;
        self.0.iter().any(|(own, said)| {
            own == id
                || said.cves.iter().any(|cve| cve == id)
                || said.fixes.iter().any(names_update)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KbId, UpdateId, UpdateKind};

    fn statement(day: i64, kbs: &[u32]) -> Statement {
        let fix = |kb: &u32| Fix {
            together_with: Vec::new(),
            files: Vec::new(),
            update: UpdateId::Kb(KbId(*kb)),
            kind: UpdateKind::Security,
            build: None,
            since: None,
            supersedes: Vec::new(),
            restart: None,
            url: None,
        };
        Statement {
            cves: vec!["CVE-1".to_owned()],
            severity: None,
            cvss_tenths: Some(78),
            nature: Nature::of(["Spoofing"], ["CWE-79"]),
            published: None,
            modified: Some(UtcTime::from_unix(day * 86_400)),
            fixes: kbs.iter().map(fix).collect(),
        }
    }

    #[test]
    fn a_page_reads_as_it_was_written_and_keeps_each_fix_once() {
        let mut page = Page::default();
        page.0.insert("CVE-1".to_owned(), statement(1, &[1, 2]));
        page.0.insert("MS17-010".to_owned(), statement(1, &[2]));
        let json = page.write();
        assert_eq!(json.matches("\"update\":2").count(), 1, "{json}");
        assert_eq!(json.matches("[\"G 79\"]").count(), 1, "{json}");
        assert_eq!(Page::read(&json).unwrap(), page);
        assert!(page.names("KB2") && page.names("MS17-010") && !page.names("KB3"));
    }

    #[test]
    fn a_page_of_the_format_before_reads_and_is_written_as_it_was() {
        let mut page = Page::default();
        let mut plain = statement(1, &[1]);
        plain.nature = Nature::default();
        page.0.insert("CVE-1".to_owned(), plain);
        let json = page.write();
        let old = r#"[[{"update":1,"kind":"security"}],[["CVE-1",null,null,78,null,86400,[0]]]]"#;
        assert_eq!(json, old);
        assert_eq!(Page::read(old).unwrap(), page);
    }

    #[test]
    fn an_older_copy_replaces_nothing_and_a_newer_one_what_it_says_anew() {
        let mut known = statement(2, &[1]);
        assert_eq!(known.replace(statement(1, &[9])), (Change::Older, None));
        assert_eq!(known.replace(statement(3, &[1])), (Change::Same, None));
        assert_eq!(known, statement(3, &[1]));
        let (change, before) = known.replace(statement(4, &[2]));
        assert_eq!(change, Change::Changed);
        assert_eq!(before.unwrap().fixes, statement(3, &[1]).fixes);
        assert_eq!(known, statement(4, &[2]));
    }
}
