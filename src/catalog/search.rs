//! Finding advisories by words: an update, a bulletin, a CVE, a product, a package, what a title says.
//!
//! Everything is looked at once, row by row, and the newest are kept: a search takes seconds and little memory, however
//! many it finds. Words are texts and no patterns.

use super::error::CatalogError;
use super::{Catalog, lock, sources};
use crate::model::AdvisoryHit;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Sources of tables that judge what others tell, and of dates: they hold no advisories.
const TABLES: [&str; 10] = [
    "dbatools-builds",
    "exchange-builds",
    "dotnet-releases",
    "edge-updates",
    "office-c2r",
    "redhat-content-sets",
    "kev",
    "epss",
    "endoflife",
    "distro-info",
];

/// What is looked for: all of the words.
#[derive(Clone, Debug)]
pub struct Words(Vec<Word>);

/// A text that is found in any case of its ASCII letters; a number at either end of it is a whole number.
#[derive(Clone, Debug)]
pub(super) struct Word {
    text: String,
    /// As it stands in JSON.
    escaped: String,
    /// The number of an article: `KB5094123` stands on a page as `5094123`.
    article: Option<String>,
}

impl Words {
    /// Reads words; `None` where one is empty.
    pub fn parse(words: &[String]) -> Option<Self> {
        let words = words.iter().map(|word| Word::parse(word));
        words.collect::<Option<Vec<Word>>>().map(Self)
    }

    pub(super) fn each(&self) -> &[Word] {
        &self.0
    }
}

impl Word {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let quoted = serde_json::Value::from(text).to_string();
        let escaped = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        let digits = text.get(2..).filter(|digits| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let start = text.get(..2).unwrap_or_default();
            start.eq_ignore_ascii_case("KB") && !digits.is_empty() && is_number
        });
        Some(Self {
            text: text.to_owned(),
            escaped: escaped.to_owned(),
            article: digits.map(str::to_owned),
        })
    }

    /// Whether a text has it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        has(text, &self.text)
    }

    /// Whether a list of packages, as JSON, may have it.
    pub(super) fn may_be_in(&self, json: &str) -> bool {
        has(json, &self.escaped)
    }

    /// Whether a page, as JSON, may have it.
    pub(super) fn may_be_on(&self, page: &str) -> bool {
        has(page, self.article.as_ref().unwrap_or(&self.escaped))
    }
}

fn has(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    if word.is_empty() {
        return false;
    }
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let (starts, ends) = (is_digit(word.first()), is_digit(word.last()));
    let mut places = text.windows(word.len()).enumerate();
    places.any(|(at, part)| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        part.eq_ignore_ascii_case(word)
            && !(starts && is_digit(before))
            && !(ends && is_digit(text.get(at + word.len())))
    })
}

/// Who speaks in a catalogue.
#[derive(Debug, Default)]
pub(super) struct Voices {
    /// Feeds, each with the publisher of the releases that it speaks of; empty where it speaks of products.
    seen: BTreeSet<(String, String)>,
}

impl Voices {
    pub(super) fn hear(&mut self, feed: &str, ecosystem: &str) {
        let publisher = ecosystem.split(':').next().unwrap_or_default();
        let is_known = self
            .seen
            .iter()
            .any(|(one, whose)| one == feed && whose == publisher);
        if !is_known {
            self.seen.insert((feed.to_owned(), publisher.to_owned()));
        }
    }

    fn has(&self, source: &sources::Source) -> bool {
        // One feed reads what many publishers say in one format: `linux/osv/Rocky-Linux/all.zip`.
        let whose = source.path.strip_prefix("linux/osv/");
        let whose = whose.and_then(|rest| rest.split('/').next());
        let whose = whose.map(|name| name.replace('-', " "));
        let mut seen = self.seen.iter();
        seen.any(|(feed, publisher)| {
            *feed == source.feed && whose.as_ref().is_none_or(|whose| whose == publisher)
        })
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What advisories say, the newest first: at most as much as was asked for.
    pub hits: Vec<AdvisoryHit>,
    /// How much there is.
    pub count: u64,
    /// The feeds that were looked at, sorted.
    pub feeds: Vec<String>,
    /// The sources of which the catalogue has nothing and that are fetched by default, in the order of their table.
    pub not_there: Vec<&'static str>,
    /// Whether any flaw is listed as exploited: without that list, nobody looked.
    pub lists_exploited: bool,
    /// CVEs that were asked for and that CISA lists as exploited, and no advisory speaks of.
    pub only_listed: Vec<String>,
}

/// What is found, while more is.
struct Found {
    hits: Vec<AdvisoryHit>,
    count: u64,
    most: usize,
}

impl Found {
    fn add(&mut self, hit: AdvisoryHit) {
        self.count += 1;
        self.hits.push(hit);
        if self.hits.len() >= self.most.saturating_mul(2).max(1_000) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.hits.sort_by(|one, other| {
            let key = |hit: &AdvisoryHit| Reverse(hit.published);
            let words = |hit: &AdvisoryHit| {
                let AdvisoryHit {
                    id, release, feed, ..
                } = hit;
                (
                    id.clone(),
                    release.clone(),
                    hit.product.clone(),
                    feed.clone(),
                )
            };
            let days = key(one).cmp(&key(other));
            days.then_with(|| words(one).cmp(&words(other)))
        });
        self.hits.truncate(self.most);
    }
}

impl Catalog {
    /// What advisories say of which all words hold, the newest `most`.
    ///
    /// # Errors
    ///
    /// When the file does not read.
    pub fn search(&self, words: &Words, most: usize) -> Result<Search, CatalogError> {
        let mut found = Found {
            hits: Vec::new(),
            count: 0,
            most,
        };
        let mut add = |mut hit: AdvisoryHit| {
            let own = [hit.id.clone()];
            let cves = if hit.cves.is_empty() {
                &own[..]
            } else {
                &hit.cves
            };
            let is_listed = cves.iter().any(|cve| self.kev.contains_key(cve));
            hit.exploited = (!self.kev.is_empty()).then_some(is_listed);
            found.add(hit);
        };
        let file = lock(&self.file);
        let mut voices = Voices::default();
        file.search_packages(words, &mut voices, &mut add)?;
        file.search_products(words, &mut voices, &mut add)?;
        found.settle();
        let feeds: BTreeSet<String> = voices.seen.iter().map(|(feed, _)| feed.clone()).collect();
        let wanted = sources::sources().iter().filter(|source| {
            source.is_default && !TABLES.contains(&source.feed.as_str()) && !voices.has(source)
        });
        let asked = words.each().iter().map(|word| word.text.to_uppercase());
        let only_listed = asked.filter(|cve| found.count == 0 && self.kev.contains_key(cve));
        Ok(Search {
            only_listed: only_listed.collect(),
            hits: found.hits,
            count: found.count,
            feeds: feeds.into_iter().collect(),
            not_there: wanted.map(|source| source.name.as_str()).collect(),
            lists_exploited: !self.kev.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(words: &[&str]) -> Search {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let catalog = Catalog::for_demo().unwrap();
        catalog
            .search(&Words::parse(&words).unwrap(), 1_000)
            .unwrap()
    }

    #[test]
    fn a_package_an_id_and_a_title_find_what_speaks_of_them() {
        let by_id = search(&["cve-2023-4911"]);
        assert!(by_id.count > 0);
        for hit in &by_id.hits {
            assert!(hit.cves.iter().any(|cve| cve == "CVE-2023-4911"), "{hit:?}");
            assert_eq!(hit.exploited, Some(true));
        }
        let glibc = by_id.hits.iter().find(|hit| hit.release == "Debian:12");
        assert_eq!(glibc.unwrap().product, "glibc");
        assert_eq!(glibc.unwrap().fix(), "2.36-9+deb12u3");
        let by_both = search(&["GLIBC", "Debian:12"]);
        assert!(by_both.count > 1);
        let is_meant = |hit: &AdvisoryHit| {
            hit.release == "Debian:12" && format!("{hit:?}").to_lowercase().contains("glibc")
        };
        assert!(by_both.hits.iter().all(is_meant), "{by_both:?}");
        assert!(by_both.hits.is_sorted_by_key(|hit| Reverse(hit.published)));
    }

    #[test]
    fn an_update_finds_the_flaws_that_it_fixes() {
        let found = search(&["KB5094128"]);
        assert!(found.count > 0);
        for hit in &found.hits {
            assert!(hit.fixes.iter().any(|fix| fix == "KB5094128"), "{hit:?}");
            assert!(!hit.product.is_empty() && hit.release.is_empty());
        }
        assert_eq!(search(&["5094128"]).count, found.count);
        assert_eq!(search(&["KB509412"]).count, 0);
    }

    #[test]
    fn words_are_no_patterns_and_numbers_are_whole() {
        for word in ["%", "CVE_2023", "*", "CVE-2023-491", "'", "\" OR \"", "\\"] {
            let found = search(&["CVE-2023-4911", word]);
            assert_eq!(found.count, 0, "{word}: {found:?}");
        }
        assert!(Words::parse(&[" ".to_owned()]).is_none());
        assert!(has("CVE-2024-6387", "2024") && has("openssl3", "OpenSSL"));
        assert!(!has("CVE-2024-63870", "CVE-2024-6387") && !has("15.1", "5.1"));
        assert!(has("a\"b%_", "\"b%_") && !has("ab", "a_b") && !has("", "a"));
    }

    #[test]
    fn what_the_catalogue_does_not_have_is_named() {
        let found = search(&["glibc"]);
        assert!(found.not_there.contains(&"osv-ubuntu"), "{found:?}");
        assert!(!found.not_there.contains(&"osv-debian"), "{found:?}");
        assert!(!found.not_there.contains(&"kev"), "{found:?}");
        assert!(found.feeds.contains(&"msrc-cvrf".to_owned()), "{found:?}");
    }

    #[test]
    fn the_newest_are_kept_and_all_are_counted() {
        let all = search(&["cve"]);
        let words = Words::parse(&["cve".to_owned()]).unwrap();
        let few = Catalog::for_demo().unwrap().search(&words, 3).unwrap();
        assert_eq!(few.count, all.count);
        assert_eq!(few.hits, all.hits[..3]);
    }
}
