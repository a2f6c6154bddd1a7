//! The document as JSON (`Accept: application/json`), read flaw by flaw. It has numbers where the XML has
//! words.

use super::super::stream::{Weaknesses, or_default};
use super::flaw::{RawFix, RawFlaw, Taker, Tracking};
use super::{FeedError, MSRC_CVRF};
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use std::fmt;
use std::io::BufRead;

/// `FirstAffected`, `KnownAffected`, `LastAffected`.
const AFFECTED: [u8; 3] = [0, 3, 5];
/// The threat that is an impact.
const IMPACT: u8 = 0;
/// The threat that is a severity.
const SEVERITY: u8 = 3;
/// The remediation that is a fix.
const VENDOR_FIX: u8 = 2;

/// Reads a document.
pub(super) fn read(doc: &mut dyn BufRead, taker: &mut Taker<'_>) -> Result<(), FeedError> {
    let mut json = serde_json::Deserializer::from_reader(doc);
    let read = json.deserialize_map(Whole(taker)).and_then(|()| json.end());
    read.map_err(|source| FeedError::Json {
        feed: MSRC_CVRF,
        source,
    })
}

struct Whole<'t, 'a>(&'t mut Taker<'a>);

impl<'de> Visitor<'de> for Whole<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CVRF document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "DocumentTracking" => {
                    let tracking = map.next_value::<JsonTracking>()?.into();
                    self.0.tracking(&tracking).map_err(A::Error::custom)?;
                }
                "ProductTree" => {
                    for product in map.next_value::<JsonTree>()?.names {
                        self.0.product(product.id, &product.name);
                    }
                }
                "Vulnerability" => map.next_value_seed(Flaws(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The list of flaws.
struct Flaws<'t, 'a>(&'t mut Taker<'a>);

impl<'de> DeserializeSeed<'de> for Flaws<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Flaws<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of flaws")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0u64;
        while let Some(value) = list.next_element::<Value>()? {
            number += 1;
            let name = value.get("CVE").and_then(Value::as_str);
            let name = name.map_or_else(|| format!("number {number}"), str::to_owned);
            match serde_json::from_value::<JsonFlaw>(value) {
                Ok(flaw) => self.0.flaw(&flaw.into()).map_err(A::Error::custom)?,
                Err(error) => self.0.report.skip(&name, error),
            }
        }
        Ok(())
    }
}

/// A text inside an object.
#[derive(Default, Deserialize)]
struct Text {
    #[serde(rename = "Value", default, deserialize_with = "or_default")]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JsonTracking {
    identification: JsonIdentification,
    #[serde(default, deserialize_with = "or_default")]
    initial_release_date: String,
    #[serde(default, deserialize_with = "or_default")]
    current_release_date: String,
}

#[derive(Deserialize)]
struct JsonIdentification {
    #[serde(rename = "ID", default, deserialize_with = "or_default")]
    id: Text,
    #[serde(rename = "Alias", default, deserialize_with = "or_default")]
    alias: Text,
}

impl From<JsonTracking> for Tracking {
    fn from(json: JsonTracking) -> Self {
        Self {
            id: json.identification.id.value,
            alias: json.identification.alias.value,
            released: json.initial_release_date,
            revised: json.current_release_date,
        }
    }
}

#[derive(Deserialize)]
struct JsonTree {
    #[serde(rename = "FullProductName", default, deserialize_with = "or_default")]
    names: Vec<JsonProduct>,
}

#[derive(Deserialize)]
struct JsonProduct {
    #[serde(rename = "ProductID")]
    id: String,
    #[serde(rename = "Value", default, deserialize_with = "or_default")]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JsonFlaw {
    #[serde(default, deserialize_with = "or_default")]
    title: Text,
    #[serde(rename = "CVE", default, deserialize_with = "or_default")]
    cve: String,
    #[serde(default, deserialize_with = "or_default")]
    product_statuses: Vec<JsonPart>,
    #[serde(default, deserialize_with = "or_default")]
    threats: Vec<JsonPart>,
    #[serde(rename = "CWE", default)]
    cwes: Weaknesses,
    #[serde(rename = "CVSSScoreSets", default, deserialize_with = "or_default")]
    scores: Vec<JsonScore>,
    #[serde(default, deserialize_with = "or_default")]
    remediations: Vec<JsonFix>,
    #[serde(default, deserialize_with = "or_default")]
    revision_history: Vec<JsonRevision>,
}

/// A status or a threat.
#[derive(Deserialize)]
struct JsonPart {
    #[serde(rename = "Type")]
    kind: u8,
    #[serde(rename = "Description", default, deserialize_with = "or_default")]
    description: Text,
    #[serde(rename = "ProductID", default, deserialize_with = "or_default")]
    products: Vec<String>,
}

#[derive(Deserialize)]
struct JsonScore {
    #[serde(rename = "BaseScore", default, deserialize_with = "or_default")]
    base: Option<serde_json::Number>,
    #[serde(rename = "ProductID", default, deserialize_with = "or_default")]
    products: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JsonFix {
    #[serde(rename = "Type")]
    kind: u8,
    #[serde(default, deserialize_with = "or_default")]
    description: Text,
    #[serde(rename = "URL", default, deserialize_with = "or_default")]
    url: String,
    #[serde(default, deserialize_with = "or_default")]
    supercedence: String,
    #[serde(default, deserialize_with = "or_default")]
    restart_required: Text,
    #[serde(default, deserialize_with = "or_default")]
    sub_type: String,
    #[serde(default, deserialize_with = "or_default")]
    fixed_build: String,
    #[serde(rename = "ProductID", default, deserialize_with = "or_default")]
    products: Vec<String>,
}

#[derive(Deserialize)]
struct JsonRevision {
    #[serde(rename = "Date", default, deserialize_with = "or_default")]
    date: String,
}

impl From<JsonFlaw> for RawFlaw {
    fn from(json: JsonFlaw) -> Self {
        let statuses = json.product_statuses.into_iter();
        let statuses = statuses.filter(|status| AFFECTED.contains(&status.kind));
        let of_kind = |kind: u8| {
            let threats = json.threats.iter().filter(move |one| one.kind == kind);
            threats
                .map(|one| (one.description.value.clone(), one.products.clone()))
                .collect()
        };
        let scores = json.scores.into_iter();
        let scores = scores.filter_map(|score| Some((score.base?.to_string(), score.products)));
        let fixes = json.remediations.into_iter();
        let fixes = fixes.filter(|fix| fix.kind == VENDOR_FIX);
        let revisions = json.revision_history.into_iter();
        Self {
            title: json.title.value,
            cve: json.cve,
            affected: statuses.flat_map(|status| status.products).collect(),
            severities: of_kind(SEVERITY),
            impacts: of_kind(IMPACT),
            cwes: json.cwes.ids().map(str::to_owned).collect(),
            scores: scores.collect(),
            fixes: fixes.map(RawFix::from).collect(),
            revisions: revisions.map(|revision| revision.date).collect(),
        }
    }
}

impl From<JsonFix> for RawFix {
    fn from(json: JsonFix) -> Self {
        Self {
            description: json.description.value,
            url: json.url,
            supercedence: json.supercedence,
            restart: json.restart_required.value,
            sub_type: json.sub_type,
            fixed_build: json.fixed_build,
            products: json.products,
        }
    }
}
