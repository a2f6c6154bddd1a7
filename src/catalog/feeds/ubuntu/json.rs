//! A page of the tracker's JSON.

use super::super::FeedError;
use super::super::stream::or_default;
use super::{Issue, NAME, Reading, Status};
use crate::model::UtcTime;
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, Read as _};

/// A page of twenty CVEs has less than one megabyte.
const MOST_BYTES: u64 = 256 << 20;

pub(super) fn read(doc: &mut dyn BufRead, reading: &mut Reading<'_>) -> Result<(), FeedError> {
    let page: Page = serde_json::from_reader(doc.take(MOST_BYTES))
        .map_err(|source| FeedError::Json { feed: NAME, source })?;
    for value in page.cves {
        let id = value.get("id").and_then(Value::as_str);
        let id = id.unwrap_or("without an id").to_owned();
        match serde_json::from_value::<Cve>(value) {
            Ok(cve) => reading.issue(cve.into_issue()),
            Err(what) => reading.report.skip(&id, what),
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Page {
    cves: Vec<Value>,
}

#[derive(Deserialize)]
struct Cve {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_default")]
    priority: String,
    cvss3: Option<f64>,
    published: Option<String>,
    updated_at: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    statuses: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    release_codename: String,
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_default")]
    pocket: String,
}

impl Cve {
    fn into_issue(self) -> Issue {
        let statuses = self.packages.into_iter().flat_map(|package| {
            package.statuses.into_iter().map(move |said| Status {
                package: package.name.clone(),
                release: said.release_codename,
                pocket: said.pocket,
                word: said.status,
                detail: said.description,
                priority: None,
            })
        });
        Issue {
            statuses: statuses.collect(),
            id: self.id,
            description: self.description,
            priority: self.priority,
            cvss_tenths: self.cvss3.and_then(tenths),
            published: self.published.as_deref().and_then(time),
            modified: self.updated_at.as_deref().and_then(time),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a score is within 0 and 10"
)]
fn tenths(score: f64) -> Option<u8> {
    (0.0..=10.0)
        .contains(&score)
        .then(|| (score * 10.0).round() as u8)
}

/// These times may lack their zone, which is UTC.
fn time(text: &str) -> Option<UtcTime> {
    UtcTime::parse(text).or_else(|| UtcTime::parse(&format!("{text}Z")))
}
