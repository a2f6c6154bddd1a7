//! endoflife.date: how long the releases of operating systems and programs are supported.
//!
//! It comes in two forms, which name products and releases alike:
//!
//! - the API (<https://endoflife.date/docs/api/v1/>), one product (`result` is an object with `releases`) or
//!   all of them (`result` is an array). Its older API does not say of which product it speaks.
//! - the pages it is made from (`products/windows.md`), with the dates in YAML before the text. A page's
//!   `permalink` without its slash is the API's `name`.
//!
//! `eol` (`eolFrom`) is the last day of updates that cost nothing, `eoes` (`eoesFrom`) that of those which
//! do: for Windows the end of Extended Security Updates. Where it stands `true`, the end has come on
//! a day that nobody states: a [`Lifecycle`] has no word for that, so it is reported as a problem.

use super::text::page;
use super::{Feed, FeedError, FeedReport, Record};
use crate::catalog::outline::{Outline, Shape};
use crate::model::{Date, Lifecycle};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::io::{BufRead, Read as _};

/// All of it has a few megabytes.
const MOST_BYTES: u64 = 64 << 20;

/// A page has some ten kilobytes.
const MOST_PAGE_BYTES: u64 = 4 << 20;

/// <https://endoflife.date>
#[derive(Debug)]
pub(super) struct EndOfLifeDate;

/// Operating systems whose name is not the `ID` of their os-release: name, then `ID`.
const NAMED_OTHERWISE: &[(&str, &str)] = &[
    ("alpine-linux", "alpine"),
    ("amazon-linux", "amzn"),
    ("opensuse", "opensuse-leap"),
    ("oracle-linux", "ol"),
    ("rocky-linux", "rocky"),
];

/// Left out: [`super::lifecycle::DistroInfo`] speaks for them, and of one release only one may speak, or the
/// order of imports would decide.
const SPOKEN_FOR: &[&str] = &["debian", "ubuntu"];

impl Feed for EndOfLifeDate {
    fn name(&self) -> &'static str {
        "endoflife"
    }

    fn recognises(&self, outline: &Outline) -> bool {
        let inside = |depth| outline.has(depth, "name") && outline.has(depth, "releases");
        match outline.shape {
            Shape::Object => outline.has(1, "result") && (inside(2) || inside(3)),
            Shape::FrontMatter => outline.has(1, "permalink") && outline.has(1, "releases"),
            _ => false,
        }
    }

    fn read(
        &self,
        doc: &mut dyn BufRead,
        out: &mut dyn FnMut(Record),
    ) -> Result<FeedReport, FeedError> {
        let is_page = doc.fill_buf().is_ok_and(|head| {
            let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
            head.trim_ascii_start().starts_with(b"---")
        });
        let mut reading = Reading {
            report: FeedReport::default(),
            out,
        };
        if is_page {
            let page: Page = front_matter(self.name(), &page(self.name(), doc, MOST_PAGE_BYTES)?)?;
            let name = page.permalink.trim_matches('/');
            reading.releases::<OnPage>(name, page.releases);
        } else {
            let document: Document =
                serde_json::from_reader(doc.take(MOST_BYTES)).map_err(|source| {
                    let feed = self.name();
                    FeedError::Json { feed, source }
                })?;
            match document.result {
                Value::Array(products) => products.into_iter().for_each(|one| reading.product(one)),
                one => reading.product(one),
            }
        }
        Ok(reading.report)
    }
}

/// Reads the YAML that a page begins with.
fn front_matter<'de, T: Deserialize<'de>>(
    feed: &'static str,
    page: &'de str,
) -> Result<T, FeedError> {
    let wrong = |source: Box<dyn std::error::Error + Send + Sync>| FeedError::Page { feed, source };
    let body = page.trim_start().strip_prefix("---").unwrap_or(page);
    let mut end = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        if line.trim_end() == "---" {
            end = Some(at);
            break;
        }
        at += line.len();
    }
    let yaml = end.and_then(|end| body.get(..end));
    let cut = || wrong("cut short: no line of three hyphens after the dates".into());
    let yaml = yaml.ok_or_else(cut)?;
    serde_saphyr::from_str(yaml).map_err(|error| wrong(error.to_string().into()))
}

struct Reading<'a> {
    report: FeedReport,
    out: &'a mut dyn FnMut(Record),
}

impl Reading<'_> {
    fn product(&mut self, value: Value) {
        match serde_json::from_value::<Product>(value) {
            Ok(product) => self.releases::<InApi>(&product.name, product.releases),
            Err(what) => self.report.skip("product", what),
        }
    }

    fn releases<T>(&mut self, product: &str, releases: Vec<Value>)
    where
        T: for<'de> Deserialize<'de> + Into<Dates>,
    {
        if SPOKEN_FOR.contains(&product) {
            self.report.irrelevant += 1;
            return;
        }
        let other = NAMED_OTHERWISE.iter().find(|(name, _)| *name == product);
        let id = other.map_or(product, |(_, id)| id);
        for value in releases {
            match serde_json::from_value::<T>(value) {
                Ok(dates) => self.release(id, dates.into()),
                Err(what) => self.report.skip(product, what),
            }
        }
    }

    fn release(&mut self, product: &str, dates: Dates) {
        if dates.end_of_life.is_none() && dates.has_ended {
            let record = format!("{product} {}", dates.version);
            let what = "its support has ended, on a day that is not stated";
            self.report.problem(&record, what);
        }
        self.report.read += 1;
        (self.out)(Record::Lifecycle(Lifecycle {
            product: product.to_owned(),
            version: dates.version,
            codename: dates.codename.map(|name| name.to_lowercase()),
            released: dates.released,
            end_of_life: dates.end_of_life,
            end_of_extended: dates.end_of_extended,
        }));
    }
}

/// What either form says of a release.
struct Dates {
    version: String,
    codename: Option<String>,
    released: Option<Date>,
    end_of_life: Option<Date>,
    has_ended: bool,
    end_of_extended: Option<Date>,
}

#[derive(Deserialize)]
struct Document {
    result: Value,
}

#[derive(Deserialize)]
struct Product {
    name: String,
    releases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InApi {
    name: String,
    codename: Option<String>,
    #[serde(rename = "releaseDate")]
    released: Option<Date>,
    #[serde(default)]
    is_eol: bool,
    eol_from: Option<Date>,
    eoes_from: Option<Date>,
}

impl From<InApi> for Dates {
    fn from(read: InApi) -> Self {
        Self {
            version: read.name,
            codename: read.codename,
            released: read.released,
            end_of_life: read.eol_from,
            has_ended: read.is_eol,
            end_of_extended: read.eoes_from,
        }
    }
}

#[derive(Deserialize)]
struct Page {
    permalink: String,
    releases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnPage {
    #[serde(deserialize_with = "cycle")]
    release_cycle: String,
    codename: Option<String>,
    #[serde(rename = "releaseDate")]
    released: Option<Date>,
    #[serde(default)]
    eol: End,
    #[serde(default)]
    eoes: End,
}

impl From<OnPage> for Dates {
    fn from(read: OnPage) -> Self {
        let day = |end| match end {
            End::On(day) => Some(day),
            End::Come | End::NotYet => None,
        };
        Self {
            version: read.release_cycle,
            codename: read.codename,
            released: read.released,
            end_of_life: day(read.eol),
            has_ended: read.eol == End::Come,
            end_of_extended: day(read.eoes),
        }
    }
}

/// The end of support, as a page states it: a day, `true` or `false`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    On(Date),
    Come,
    #[default]
    NotYet,
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(yaml: D) -> Result<Self, D::Error> {
        match Value::deserialize(yaml)? {
            Value::Bool(true) => Ok(Self::Come),
            Value::Bool(false) | Value::Null => Ok(Self::NotYet),
            Value::String(text) => Date::parse(&text).map(Self::On).ok_or_else(|| {
                let text = text.escape_debug();
                serde::de::Error::custom(format!("`{text}` is neither a day nor true or false"))
            }),
            _ => Err(serde::de::Error::custom("neither a day nor true or false")),
        }
    }
}

/// A release's name. Without quotes `2.10` is the number 2.1, and so is refused; `2025` stays what it is.
fn cycle<'de, D: Deserializer<'de>>(yaml: D) -> Result<String, D::Error> {
    match Value::deserialize(yaml)? {
        Value::String(name) if !name.is_empty() => Ok(name),
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom(
            "releaseCycle is no name in quotes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut doc: &[u8]) -> Result<(FeedReport, Vec<Lifecycle>), FeedError> {
        let mut rows = Vec::new();
        let report = EndOfLifeDate.read(&mut doc, &mut |record| match record {
            Record::Lifecycle(row) => rows.push(row),
            other => panic!("{other:?}"),
        })?;
        Ok((report, rows))
    }

    fn expect(row: &Lifecycle, expected: (&str, &str, &str, &str)) {
        let text = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let (end, extended) = (text(row.end_of_life), text(row.end_of_extended));
        let found = (&*row.product, &*row.version, &*end, &*extended);
        assert_eq!(found, expected);
    }

    const PAGE: &[u8] = include_bytes!("../../../fixtures/feeds/endoflife/windows-server.md");

    #[test]
    fn the_api_speaks_of_one_product_or_of_all() {
        let release = r#"{"name":"9","codename":null,"releaseDate":"2022-07-06","eolFrom":"2032-06-30","eoesFrom":"2035-06-30"}"#;
        let product = format!(r#"{{"name":"oracle-linux","releases":[{release},{{"name":7}}]}}"#);
        let one = format!(r#"{{"schema_version":"1.2.0","result":{product}}}"#);
        let all = format!(r#"{{"result":[{{"name":"php","releases":[]}},{product}]}}"#);
        for doc in [one, all] {
            let outline = Outline::of(doc.as_bytes());
            assert!(EndOfLifeDate.recognises(&outline), "{doc}");
            let (report, rows) = read(doc.as_bytes()).unwrap();
            assert_eq!((report.read, report.skipped), (1, 1));
            expect(&rows[0], ("ol", "9", "2032-06-30", "2035-06-30"));
        }
    }

    #[test]
    fn a_page_has_the_end_of_support_and_of_extended_security_updates() {
        assert!(EndOfLifeDate.recognises(&Outline::of(PAGE)));
        let (report, rows) = read(PAGE).unwrap();
        assert_eq!((report.read, report.skipped), (4, 2), "{report:?}");
        let product = "windows-server";
        expect(&rows[0], (product, "2022", "2031-10-14", ""));
        expect(&rows[1], (product, "2012-r2", "2023-10-10", "2026-10-13"));
        expect(
            &rows[2],
            (product, "2008-r2-sp1", "2020-01-14", "2023-01-10"),
        );
        expect(&rows[3], (product, "2000", "", ""));
        assert_eq!(rows[0].released, Date::parse("2021-08-18"));
        assert_eq!(
            report.problems,
            [
                "record windows-server 2000: its support has ended, on a day that is not stated",
                "record windows-server: `soon` is neither a day nor true or false",
                "record windows-server: releaseCycle is no name in quotes"
            ]
        );
    }

    #[test]
    fn debian_and_ubuntu_are_left_to_their_own_tables() {
        let doc =
            r#"{"result":{"name":"debian","releases":[{"name":"12","eolFrom":"2026-06-10"}]}}"#;
        let (report, rows) = read(doc.as_bytes()).unwrap();
        assert_eq!((report.irrelevant, rows.len()), (1, 0));
    }

    #[test]
    fn a_page_whose_dates_are_cut_short_is_an_error() {
        let text = std::str::from_utf8(PAGE).unwrap();
        let end = text.rfind("\n---").unwrap();
        for length in 3..end {
            assert!(read(&PAGE[..length]).is_err(), "{length}");
        }
        assert!(read(b"---\npermalink: [\nreleases: x\n---\n").is_err());
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
            d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n\
            g: &g [*f,*f,*f,*f,*f,*f,*f,*f]\n";
        let bomb = format!("---\n{bomb}permalink: /x\nreleases: [*g, *g, *g, *g]\n---\n");
        assert!(read(bomb.as_bytes()).is_err());
    }
}
