//! Which of Red Hat's repositories hold packages of which streams.
//!
//! `repository-to-cpe.json`: the ids of repositories as `dnf` and `subscription-manager` know them
//! (`rhel-9-for-x86_64-baseos-rpms`), each with the CPEs of the streams in it. A host's enabled repositories so
//! say which advisories concern it: those of the main stream, or of an extended one. Repositories of other
//! products are left out.

use super::redhat::ecosystem;
use super::stream::or_default;
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::ContentSet;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

/// It has 2 MB.
const MOST_BYTES: u64 = 64 << 20;

/// <https://security.access.redhat.com/data/meta/v1/repository-to-cpe.json>
#[derive(Debug)]
pub(super) struct RedHatContentSets;

impl Feed for RedHatContentSets {
    fn name(&self) -> &'static str {
        "redhat-content-sets"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        outline.shape == Shape::Object && outline.has(1, "data") && outline.has(3, "cpes")
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let document: Document =
            serde_json::from_reader(doc.take(MOST_BYTES)).map_err(|source| FeedError::Json {
                feed: self.name(),
                source,
            })?;
        let mut report = FeedReport::default();
        for (repository, value) in document.data {
            let one: Repository = match serde_json::from_value(value) {
                Ok(one) => one,
                Err(what) => {
                    report.skip(&repository, what);
                    continue;
                }
            };
            let mut ecosystems: Vec<_> = one.cpes.iter().filter_map(|cpe| ecosystem(cpe)).collect();
            ecosystems.sort_unstable();
            ecosystems.dedup();
            if ecosystems.is_empty() || repository.contains(char::is_whitespace) {
                report.irrelevant += 1;
                continue;
            }
            report.read += 1;
            out(Record::ContentSet(ContentSet {
                repository,
                ecosystems,
            }));
        }
        Ok(report)
    }
}

#[derive(Deserialize)]
struct Document {
    data: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Repository {
    #[serde(default, deserialize_with = "or_default")]
    cpes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOC: &str =
        include_str!("../../../fixtures/feeds/redhat-content-sets/repository-to-cpe.json");

    fn read(doc: &str) -> Result<(FeedReport, Vec<ContentSet>), FeedError> {
        let mut sets = Vec::new();
        let report = RedHatContentSets.read(&mut doc.as_bytes(), &mut |record| match record {
            Record::ContentSet(set) => sets.push(set),
            other => panic!("{other:?}"),
        })?;
        Ok((report, sets))
    }

    #[test]
    fn a_repository_has_the_streams_of_its_cpes() {
        let (report, sets) = read(DOC).unwrap();
        assert_eq!((report.read, report.irrelevant, report.skipped), (3, 1, 1));
        let eus = &sets[0];
        assert_eq!(eus.repository, "rhel-8-for-x86_64-baseos-eus-rpms");
        let expected = [
            "Red Hat:rhel_eus:8.6::baseos",
            "Red Hat:rhel_eus:8.8::baseos",
        ];
        assert_eq!(eus.ecosystems, expected);
        assert_eq!(sets[2].ecosystems, ["Red Hat:enterprise_linux:9::baseos"]);
    }

    #[test]
    fn a_document_cut_short_is_an_error() {
        let end = DOC.trim_end().len();
        for length in (0..end).step_by(5) {
            assert!(read(DOC.get(..length).unwrap()).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(doc in "(\\{|\\}|\"data\":|\"a\":|\"cpes\":|\\[|\\]|\"cpe:/o:redhat:rhel_eus:1\"|,|1|null){0,12}") {
            let _ = read(&doc);
        }
    }
}
