//! The readers, one for each kind of index.

use super::{IndexError, Kind, Vouched, Wanted, is_safe_name, is_safe_path, is_sha256};
use crate::catalog::hashes::{Algorithm, Stated};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use reqwest::Url;
use serde_json::Value;

/// A document beside an index, and beside it in the mirror.
fn beside(index: &Wanted, name: &str, kind: Kind) -> Result<Wanted, IndexError> {
    let strange = || IndexError::Strange(name.chars().take(80).collect(), "name of a file");
    if !is_safe_path(name) {
        return Err(strange());
    }
    let url = index.url.join(name).map_err(|_| strange())?;
    Ok(Wanted::new(url, place(index, name), kind))
}

/// The place of a file beside an index.
fn place(index: &Wanted, name: &str) -> String {
    match index.path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

fn some(wanted: Vec<Wanted>, what: &'static str) -> Result<Vec<Wanted>, IndexError> {
    if wanted.is_empty() {
        return Err(IndexError::Empty(what));
    }
    Ok(wanted)
}

/// The strings in a field of each object of an array.
fn rows<'a>(json: &'a Value, array: &str) -> impl Iterator<Item = &'a Value> {
    json.pointer(array)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

pub(super) fn months(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let json: Value = serde_json::from_str(text)?;
    let mut wanted = Vec::new();
    for row in rows(&json, "/value") {
        let Some(id) = row.get("ID").and_then(Value::as_str) else {
            continue;
        };
        let mut month = beside(index, &format!("{id}.xml"), Kind::File)?;
        let url = index.url.join(&format!("cvrf/{id}"));
        month.url = url.map_err(|_| IndexError::Strange(id.to_owned(), "name of a month"))?;
        let changed = row.get("CurrentReleaseDate").and_then(Value::as_str);
        month.stamp = changed.map(str::to_owned);
        wanted.push(month);
    }
    some(wanted, "month")
}

pub(super) fn channels(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let json: Value = serde_json::from_str(text)?;
    let mut wanted = Vec::new();
    for row in rows(&json, "/releases-index") {
        if let Some(channel) = row.get("channel-version").and_then(Value::as_str) {
            let mut releases = beside(index, &format!("{channel}/releases.json"), Kind::File)?;
            releases.path = place(index, &format!("{channel}.json"));
            wanted.push(releases);
        }
    }
    some(wanted, "channel")
}

/// The first of a list of mirrors. Those of Amazon Linux 1 are written without TLS.
pub(super) fn mirror(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.ok_or(IndexError::Empty("mirror"))?;
    let strange = || IndexError::Strange(line.chars().take(80).collect(), "address");
    let is_secure = index.url.scheme() == "https";
    let line = match line.strip_prefix("http://") {
        Some(rest) if is_secure => format!("https://{rest}"),
        _ => line.to_owned(),
    };
    let base = format!("{}/repodata/repomd.xml", line.trim_end_matches('/'));
    let url = Url::parse(&base).map_err(|_| strange())?;
    let mut wanted = Wanted::new(url, place(index, "repomd.xml"), Kind::Repomd);
    wanted.is_optional = index.is_optional;
    Ok(vec![wanted])
}

pub(super) fn extras(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let json: Value = serde_json::from_str(text)?;
    let mut wanted = Vec::new();
    for row in rows(&json, "/topics") {
        if let Some(name) = row.get("n").and_then(Value::as_str) {
            let address = format!("extras/{name}/latest/x86_64/mirror.list");
            let mut list = beside(index, &address, Kind::MirrorList)?;
            list.path = place(index, &format!("extras/{name}/mirror.list"));
            // A topic that was withdrawn stays in the catalogue.
            list.is_optional = true;
            wanted.push(list);
        }
    }
    some(wanted, "topic")
}

/// The update information that a repository has, if it has any.
pub(super) fn updateinfo(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let mut reader = Reader::from_str(text);
    let mut is_inside = false;
    let mut is_sum = false;
    let (mut href, mut sum, mut is_repository) = (None, None, false);
    loop {
        match reader.read_event()? {
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "repomd" => is_repository = true,
                "data" => is_inside = attribute(&tag, "type").as_deref() == Some("updateinfo"),
                "location" if is_inside => href = attribute(&tag, "href"),
                "checksum" if is_inside => {
                    is_sum = attribute(&tag, "type").as_deref() == Some("sha256");
                }
                _ => {}
            },
            Event::Text(text) if is_sum => {
                sum = Some(text.trim().to_lowercase()).filter(|sum| is_sha256(sum));
                is_sum = false;
            }
            Event::End(_) => is_sum = false,
            Event::Eof => break,
            _ => {}
        }
    }
    if !is_repository {
        return Err(IndexError::Empty("repository"));
    }
    let Some(href) = href else {
        return Ok(Vec::new());
    };
    let name = href.strip_prefix("repodata/").unwrap_or(&href);
    let mut wanted = beside(index, name, Kind::File)?;
    // Its name may begin with its digest, which changes.
    let ending = name.split_once("updateinfo").map_or(".xml", |(_, end)| end);
    wanted.path = place(index, &format!("updateinfo{ending}"));
    wanted.hash = sum.as_deref().map(|sum| Stated::sha256(sum, &index.path));
    wanted.stamp = sum;
    Ok(vec![wanted])
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok()??;
    Some(attribute.value.into_owned())
}

/// The places that a page links to.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let parts = page.split("href=").skip(1);
    parts.filter_map(|part| {
        let quote = part.chars().next().filter(|c| "\"'".contains(*c))?;
        let name = part.get(1..)?.split(quote).next()?;
        Some(name.strip_prefix("./").unwrap_or(name))
    })
}

pub(super) fn releases(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let is_release = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    let mut names: Vec<_> = links(text)
        .map(|link| link.trim_end_matches('/'))
        .filter(is_release)
        .collect();
    names.sort_unstable();
    names.dedup();
    let wanted = names.into_iter().map(|name| {
        let address = format!("{name}/Everything/x86_64/repodata/repomd.xml");
        let mut wanted = beside(index, &address, Kind::Repomd)?;
        wanted.path = place(index, &format!("{name}/repomd.xml"));
        Ok(wanted)
    });
    some(wanted.collect::<Result<_, IndexError>>()?, "release")
}

/// The folders and the JSON documents of a page. Links to elsewhere are left out.
pub(super) fn folders(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let mut names: Vec<_> = links(text).collect();
    names.sort_unstable();
    names.dedup();
    let mut wanted = Vec::new();
    for name in names {
        if let Some(folder) = name.strip_suffix('/').filter(|name| is_safe_name(name)) {
            let mut page = beside(index, folder, Kind::Folders)?;
            page.url = index.url.join(name).unwrap_or(page.url);
            page.path = place(index, &format!("{folder}/index.html"));
            wanted.push(page);
        } else if is_safe_name(name) && is_json(name) {
            wanted.push(beside(index, name, Kind::File)?);
        }
    }
    some(wanted, "folder or document")
}

/// The newest archive, and what was changed since.
pub(super) fn archive(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let name = text.trim();
    let mut archive = beside(index, name, Kind::File)?;
    archive.path = place(index, "archive.tar.zst");
    archive.stamp = Some(name.to_owned());
    archive.vouched = Vouched::Beside;
    let is_day = |part: &&str| {
        part.len() == 10
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    let stem = name.strip_suffix(".tar.zst").unwrap_or_default();
    let day = stem.split('_').find(is_day);
    let strange = || IndexError::Strange(name.to_owned(), "archive of a day");
    let day = day.ok_or_else(strange)?;
    let changes = beside(index, "changes.csv", Kind::ChangesSince(day.to_owned()))?;
    Ok(vec![archive, changes])
}

/// The documents of `changes.csv` (CSAF 2.0, section 7.1.13), those of a day and later.
pub(super) fn changes(index: &Wanted, text: &str, since: &str) -> Result<Vec<Wanted>, IndexError> {
    let mut table = csv::ReaderBuilder::new();
    let mut table = table
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut wanted = Vec::new();
    for row in table.records() {
        let row = row?;
        let (Some(name), Some(time)) = (row.get(0), row.get(1)) else {
            continue;
        };
        if is_json(name) && time >= since {
            let mut changed = beside(index, name, Kind::File)?;
            changed.stamp = Some(time.to_owned());
            changed.vouched = Vouched::Beside;
            wanted.push(changed);
        }
    }
    Ok(wanted)
}

/// Whether it is a document and not its signature or digest.
fn is_json(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end == "json")
}

pub(super) fn lines(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let names = text.lines().map(str::trim);
    let names = names.filter(|name| is_json(name));
    let wanted = names.map(|name| {
        let mut named = beside(index, name, Kind::File)?;
        named.vouched = Vouched::Beside;
        Ok(named)
    });
    some(wanted.collect::<Result<_, IndexError>>()?, "document")
}

/// The folders of a CSAF provider (section 7.1.11 and later), each with its `changes.csv`, and his ROLIE feeds
/// where he has no folder. Of these, those that everybody may read.
pub(super) fn directories(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let json: Value = serde_json::from_str(text)?;
    let mut wanted = Vec::new();
    for (at, row) in rows(&json, "/distributions").enumerate() {
        if let Some(folder) = row.get("directory_url").and_then(Value::as_str) {
            let address = format!("{}/changes.csv", folder.trim_end_matches('/'));
            let strange = || IndexError::Strange(folder.chars().take(80).collect(), "address");
            let url = Url::parse(&address).map_err(|_| strange())?;
            let path = place(index, &format!("{}/changes.csv", at + 1));
            wanted.push(Wanted::new(url, path, Kind::Changes));
        }
    }
    if wanted.is_empty() {
        wanted = rolie_feeds(index, &json)?;
    }
    some(wanted, "folder or feed of documents")
}

/// The ROLIE feeds of a CSAF provider (section 7.1.15).
fn rolie_feeds(index: &Wanted, json: &Value) -> Result<Vec<Wanted>, IndexError> {
    const FOR_ALL: [&str; 3] = ["WHITE", "CLEAR", "UNLABELED"];
    let feeds = rows(json, "/distributions").flat_map(|row| rows(row, "/rolie/feeds"));
    let is_for_all = |row: &&Value| {
        let label = row.get("tlp_label").and_then(Value::as_str);
        label.is_none_or(|label| FOR_ALL.contains(&label))
    };
    let mut wanted = Vec::new();
    for row in feeds.filter(is_for_all) {
        let Some(address) = row.get("url").and_then(Value::as_str) else {
            continue;
        };
        let strange = || IndexError::Strange(address.chars().take(80).collect(), "address");
        let url = Url::parse(address).map_err(|_| strange())?;
        let path = place(index, &format!("{}/feed.json", wanted.len() + 1));
        wanted.push(Wanted::new(url, path, Kind::Rolie));
    }
    Ok(wanted)
}

/// The documents of a ROLIE feed (section 7.1.15; RFC 8322), each with the hash that the feed links to. They lie on
/// the feed's own server, and in a mirror as there below the feed.
pub(super) fn rolie(index: &Wanted, text: &str) -> Result<Vec<Wanted>, IndexError> {
    let json: Value = serde_json::from_str(text)?;
    if json.get("feed").is_none() {
        return Err(IndexError::Empty("ROLIE feed"));
    }
    let mut wanted = Vec::new();
    for entry in rows(&json, "/feed/entry") {
        let links = |relation: &'static str| {
            let is_it =
                move |link: &&Value| link.get("rel").and_then(Value::as_str) == Some(relation);
            let address =
                |link: &'_ Value| link.get("href").and_then(Value::as_str).map(str::to_owned);
            rows(entry, "/link").filter(is_it).filter_map(address)
        };
        let source = entry.pointer("/content/src").and_then(Value::as_str);
        let source = source.map(str::to_owned).or_else(|| links("self").next());
        let Some(source) = source else { continue };
        let strange = || {
            IndexError::Strange(
                source.chars().take(80).collect(),
                "document of the same server",
            )
        };
        let url = on_same_server(index, &source).ok_or_else(strange)?;
        let name = below(&index.url, &url).filter(|name| is_safe_path(name) && is_json(name));
        let path = place(index, &name.ok_or_else(strange)?);
        let mut document = Wanted::new(url, path, Kind::File);
        let updated = entry.get("updated").and_then(Value::as_str);
        document.stamp = updated.map(str::to_owned);
        document.vouched = hash_of(index, links("hash")).unwrap_or(Vouched::Beside);
        wanted.push(document);
    }
    Ok(wanted)
}

/// An address on an index's own server.
fn on_same_server(index: &Wanted, address: &str) -> Option<Url> {
    let url = index.url.join(address).ok()?;
    (url.origin() == index.url.origin()).then_some(url)
}

/// The path of a document below a feed's folder; of one that lies elsewhere its last two parts.
fn below(feed: &Url, document: &Url) -> Option<String> {
    let folder = feed.path().rsplit_once('/')?.0;
    let inside = document.path().strip_prefix(folder);
    if let Some(inside) = inside.and_then(|inside| inside.strip_prefix('/')) {
        return Some(inside.to_owned());
    }
    let mut parts: Vec<&str> = document.path().rsplit('/').take(2).collect();
    parts.reverse();
    parts.retain(|part| !part.is_empty());
    Some(parts.join("/"))
}

/// Where a document's hash is, of the addresses that a feed names, by what they end in.
fn hash_of(index: &Wanted, mut links: impl Iterator<Item = String>) -> Option<Vouched> {
    let known = |address: String| {
        let url = on_same_server(index, &address)?;
        let is_of = |algorithm: &Algorithm| url.path().ends_with(algorithm.ending());
        let algorithm = Algorithm::ALL.into_iter().find(is_of)?;
        Some(Vouched::At(algorithm, url))
    };
    links.find_map(known)
}

/// The page after a page, which lies beside it under the next number.
pub(super) fn next_page(index: &Wanted, text: &str, at: &str) -> Result<Vec<Wanted>, IndexError> {
    let json: Value = serde_json::from_str(text)?;
    let Some(next) = json.pointer(at).and_then(Value::as_str) else {
        return Ok(Vec::new());
    };
    let strange = || IndexError::Strange(next.chars().take(80).collect(), "page of the same place");
    let url = index.url.join(next).map_err(|_| strange())?;
    let (folder, number) = index.path.rsplit_once("page-").ok_or_else(strange)?;
    let number: u32 = number
        .trim_end_matches(".json")
        .parse()
        .map_err(|_| strange())?;
    if url.origin() != index.url.origin() || url == index.url || number >= 10_000 {
        return Err(strange());
    }
    let path = format!("{folder}page-{}.json", number + 1);
    Ok(vec![Wanted::new(url, path, index.kind.clone())])
}
