//! Sources of the user's own: `feeds.toml`, read and checked.
//!
//! ```toml
//! [[feed]]
//! name = "acme"
//! kind = "csaf"                       # osv, csaf or csv
//! url = "https://psirt.acme.example/csaf/changes.csv"
//! headers = { Authorization = { env = "ACME_TOKEN" } }
//! ```

use super::index::{Kind, is_safe_name, is_sha256};
use super::{From, Source, sources};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// Looks a variable of the environment up.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with `feeds.toml`, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}, line {line}: {what}", path.display())]
pub struct OwnError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    feed: Vec<Spanned<Own>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    name: Spanned<String>,
    kind: Spanned<String>,
    url: Option<Spanned<String>>,
    path: Option<Spanned<PathBuf>>,
    sha256: Option<Spanned<String>>,
    #[serde(default)]
    headers: BTreeMap<String, Spanned<Header>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Header {
    Env { env: String },
    Plain(serde::de::IgnoredAny),
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Header")
    }
}

/// What a kind is called, and the feeds that may read it.
const KINDS: [(&str, &[&str]); 3] = [
    ("osv", &["osv"]),
    ("csaf", &["csaf", "msrc-csaf", "msrc-vex", "redhat-csaf"]),
    ("csv", &["bulletins-csv"]),
];

/// A place in the text, and what is wrong there.
type Wrong = (usize, String);

/// The sources of a file.
///
/// # Errors
///
/// With the line of whatever is wrong.
pub fn own_sources(text: &str, path: &Path, lookup: Lookup<'_>) -> Result<Vec<Source>, OwnError> {
    let at = |(offset, what): Wrong| OwnError {
        path: path.to_owned(),
        line: text
            .bytes()
            .take(offset)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1,
        what,
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        at((start, error.message().to_owned()))
    })?;
    let mut read: Vec<Source> = Vec::new();
    for own in file.feed {
        let start = own.span().start;
        let own = own.into_inner();
        let name = (own.name.span().start, own.name.get_ref().clone());
        let source = source(own, start, path, lookup).map_err(at)?;
        let is_taken = |known: &Source| known.name == name.1 || known.feed == name.1;
        if sources().iter().any(is_taken) || read.iter().any(|known| known.name == name.1) {
            let what = format!("the name {:?} is taken: choose another", name.1);
            return Err(at((name.0, what)));
        }
        read.push(source);
    }
    Ok(read)
}

fn source(own: Own, start: usize, file: &Path, lookup: Lookup<'_>) -> Result<Source, Wrong> {
    let name = own.name.get_ref().clone();
    if !is_safe_name(&name) {
        let what = "a name is of letters, digits, `-`, `_`, `+` and `.`".to_owned();
        return Err((own.name.span().start, what));
    }
    let kind = own.kind.get_ref().to_lowercase();
    let Some((feed, only)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        let what = format!("unknown kind {kind:?}: one of osv, csaf, csv");
        return Err((own.kind.span().start, what));
    };
    let sha256 = own.sha256.map(checked_sum).transpose()?;
    let headers = headers(&own.headers, lookup)?;
    let (from, kind, file_name) = match (own.url, own.path) {
        (Some(url), None) => {
            let url = address(&url, sha256.is_some(), !headers.is_empty())?;
            let last = url.path().rsplit('/').next().unwrap_or_default();
            let last = if is_safe_name(last) { last } else { "document" };
            let (kind, last) = (kind_of(feed, last), last.to_owned());
            (From::Url(url), kind, last)
        }
        (None, Some(place)) => {
            let folder = file.parent().unwrap_or(Path::new("."));
            let place = folder.join(place.get_ref());
            (From::Path(place), Kind::File, "document".to_owned())
        }
        _ => {
            let what = format!("{name} needs one of `url` and `path`");
            return Err((start, what));
        }
    };
    if sha256.is_some() && kind != Kind::File {
        let what = format!("{name} has the address of an index: `sha256` is of one document");
        return Err((start, what));
    }
    Ok(Source {
        path: format!("own/{name}/{file_name}"),
        note: format!("from {}", file.display()),
        feed: (*feed).to_owned(),
        megabytes: 256,
        is_default: true,
        name,
        from,
        kind,
        sha256,
        headers,
        only,
    })
}

/// A CSAF address may be of an index.
fn kind_of(feed: &str, file_name: &str) -> Kind {
    match (feed, file_name) {
        ("csaf", "changes.csv") => Kind::Changes,
        ("csaf", "index.txt") => Kind::CsafIndex,
        ("csaf", "provider-metadata.json") => Kind::CsafProvider,
        ("csaf", name) if is_rolie(name) => Kind::Rolie,
        _ => Kind::File,
    }
}

/// Whether a name is a ROLIE feed's, as CSAF 2.0 has them: `csaf-feed-tlp-white.json`.
fn is_rolie(name: &str) -> bool {
    let is_json = name.rsplit_once('.').is_some_and(|(_, end)| end == "json");
    is_json && (name.contains("feed-tlp-") || name.contains("rolie"))
}

fn checked_sum(sum: Spanned<String>) -> Result<String, Wrong> {
    let start = sum.span().start;
    let sum = sum.into_inner().to_lowercase();
    if is_sha256(&sum) {
        return Ok(sum);
    }
    Err((
        start,
        "`sha256` is 64 hex digits, as sha256sum prints them".to_owned(),
    ))
}

fn address(text: &Spanned<String>, has_sum: bool, has_headers: bool) -> Result<Url, Wrong> {
    let start = text.span().start;
    let wrong = |what: &str| (start, what.to_owned());
    let url = Url::parse(text.get_ref())
        .map_err(|error| (start, format!("no address ({error}): https://…")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "no name or password in an address: use headers = { Authorization = { env = \"…\" } }",
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" if has_headers => Err(wrong("headers are sent over https only")),
        "http" if has_sum => Ok(url),
        "http" => Err(wrong(
            "what comes over http may be anybody's: use https, or give its `sha256`",
        )),
        _ => Err(wrong(
            "an address begins with https://; of a file give the `path`",
        )),
    }
}

/// Whether an address is of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn headers(
    given: &BTreeMap<String, Spanned<Header>>,
    lookup: Lookup<'_>,
) -> Result<HeaderMap, Wrong> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let start = value.span().start;
        let wrong = |what: String| (start, what);
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong(format!("{name:?} is no header's name")))?;
        let Header::Env { env } = value.get_ref() else {
            return Err(wrong(format!(
                "secrets do not belong here: write {name} = {{ env = \"VARIABLE\" }}"
            )));
        };
        let value = lookup(env).ok_or_else(|| {
            wrong(format!(
                "the variable {env} for the header {name} is not set"
            ))
        })?;
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| wrong(format!("what {env} holds is no header's value")))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Source>, String> {
        let lookup = |name: &str| (name == "TOKEN").then(|| "hunter2".to_owned());
        let path = Path::new("/etc/feeds.toml");
        own_sources(text, path, &lookup).map_err(|error| error.to_string())
    }

    fn wrong(text: &str) -> String {
        read(text).unwrap_err()
    }

    const HEAD: &str = "[[feed]]\nname = \"acme\"\nkind = \"csaf\"\n";

    #[test]
    fn a_source_of_ones_own_is_a_source() {
        let text = format!(
            "{HEAD}url = \"https://a.example/csaf/changes.csv\"\n\
             headers = {{ Authorization = {{ env = \"TOKEN\" }} }}\n\
             [[feed]]\nname = \"ours\"\nkind = \"csv\"\npath = \"ours.csv\"\n"
        );
        let found = read(&text).unwrap();
        assert_eq!(found[0].path, "own/acme/changes.csv");
        assert_eq!(found[0].kind, Kind::Changes);
        assert!(found[0].is_default && found[0].only.contains(&"csaf"));
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        assert_eq!(found[1].from, From::Path(PathBuf::from("/etc/ours.csv")));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_to_do() {
        let cases = [
            (
                "url = \"http://a.example/x\"",
                "line 4: what comes over http may be anybody's",
            ),
            (
                "url = \"https://u:p@a.example/x\"",
                "line 4: no name or password",
            ),
            (
                "url = \"ftp://a.example/x\"",
                "line 4: an address begins with https://",
            ),
            ("url = \"x\"", "line 4: no address"),
            ("", "line 1: acme needs one of `url` and `path`"),
            (
                "path = \"a\"\nsha256 = \"12\"",
                "line 5: `sha256` is 64 hex digits",
            ),
            (
                "path = \"a\"\nsha265 = \"12\"",
                "line 5: unknown field `sha265`",
            ),
            (
                "url = \"https://a.example/x\"\nheaders = { A = \"hunter2\" }",
                "line 5: secrets do not belong here",
            ),
            (
                "url = \"https://a.example/x\"\nheaders = { A = { env = \"NONE\" } }",
                "line 5: the variable NONE for the header A is not set",
            ),
        ];
        for (lines, expected) in cases {
            let error = wrong(&format!("{HEAD}{lines}\n"));
            let expected = format!("/etc/feeds.toml, {expected}");
            assert!(error.starts_with(&expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let taken = wrong("[[feed]]\nname = \"kev\"\nkind = \"csv\"\npath = \"a\"\n");
        assert!(
            taken.contains("line 2: the name \"kev\" is taken"),
            "{taken}"
        );
        let kind = wrong("[[feed]]\nname = \"a\"\nkind = \"xml\"\npath = \"a\"\n");
        assert!(kind.contains("line 3: unknown kind \"xml\""), "{kind}");
    }

    #[test]
    fn http_is_for_loopback_and_for_what_has_a_digest() {
        let sum = "0".repeat(64);
        for good in [
            "url = \"http://127.0.0.1:8/x\"".to_owned(),
            "url = \"http://[::1]/x\"".to_owned(),
            format!("url = \"http://a.example/x\"\nsha256 = \"{sum}\""),
        ] {
            assert!(read(&format!("{HEAD}{good}\n")).is_ok(), "{good}");
        }
    }
}
