//! apk, pacman, FreeBSD's pkg and opkg, each with a format of its own.

use super::ini::sections;
use super::{File, is_plain, is_yes, source};
use crate::model::{PackageManager, SourceDanger, UpdateSource};
use std::collections::BTreeSet;

/// The sources of whichever of them is there.
pub(super) fn read(files: &[File<'_>]) -> Vec<UpdateSource> {
    let mut sources = Vec::new();
    let mut ports: Vec<Port<'_>> = Vec::new();
    for file in files {
        match file.path {
            path if path.starts_with("/etc/apk/") => {
                sources.extend(file.lines.iter().filter_map(|line| apk(line)));
            }
            "/etc/pacman.conf" => sources.extend(pacman(file, files)),
            path if path.starts_with("/etc/pkg/") || path.contains("/etc/pkg/repos/") => {
                merge(&mut ports, blocks(&file.lines));
            }
            _ => {}
        }
    }
    sources.extend(ports.iter().map(Port::source));
    sources.extend(opkg(files));
    sources
}

fn plain(url: &str) -> BTreeSet<SourceDanger> {
    let dangers = is_plain(url).then_some(SourceDanger::PlainText);
    dangers.into_iter().collect()
}

/// apk-repositories(5): `[@tag] address`. Indexes and packages are always signed, unless somebody
/// says otherwise on the command line.
fn apk(line: &str) -> Option<UpdateSource> {
    let line = line.trim();
    let url = match line.strip_prefix('@') {
        Some(tagged) => tagged.split_once([' ', '\t'])?.1.trim(),
        None => line,
    };
    let mut parts = url.trim_end_matches('/').rsplit('/');
    let (last, before) = (parts.next()?, parts.next()?);
    let id = format!("{before}/{last}");
    Some(source(PackageManager::Apk, &id, url, true, plain(url)))
}

/// pacman.conf(5). A repository without an address of its own takes the first of the mirrors.
fn pacman(file: &File<'_>, files: &[File<'_>]) -> Vec<UpdateSource> {
    let sections = sections(&file.lines);
    let options = sections.iter().find(|section| section.name == "options");
    let general = options.and_then(|options| options.value("SigLevel"));
    let mirrors = files.iter().find(|file| file.path.ends_with("/mirrorlist"));
    let mirror = mirrors.and_then(|file| file.lines.first()?.split_once('='));
    let mirror = mirror.map_or("", |(_, url)| url.trim());
    let repositories = sections.iter().filter(|section| section.name != "options");
    repositories
        .map(|section| {
            let url = section.values("Server").next().unwrap_or(mirror);
            let mut dangers = plain(url);
            if !requires_signatures(section.value("SigLevel").or(general)) {
                dangers.insert(SourceDanger::Unsigned);
            }
            source(PackageManager::Pacman, section.name, url, true, dangers)
        })
        .collect()
}

/// Whether packages need a signature: the last word on packages counts, and without one it is optional.
fn requires_signatures(level: Option<&str>) -> bool {
    let words = level.unwrap_or_default().split_whitespace();
    let words = words.map(|word| word.strip_prefix("Package").unwrap_or(word));
    let mut words = words.filter(|word| matches!(*word, "Never" | "Optional" | "Required"));
    words.next_back() == Some("Required")
}

/// A repository of pkg.conf(5).
struct Port<'a> {
    name: &'a str,
    keys: Vec<(&'a str, &'a str)>,
}

/// `name: { key: value, … }`, in as many lines as one likes but for the braces.
fn blocks<'a>(lines: &[&'a str]) -> Vec<Port<'a>> {
    let mut ports: Vec<Port<'a>> = Vec::new();
    let mut is_open = false;
    for line in lines {
        let mut rest = line.trim();
        if !is_open && let Some((name, tail)) = rest.split_once('{') {
            let name = name
                .trim()
                .trim_end_matches([':', '='])
                .trim()
                .trim_matches('"');
            let keys = Vec::new();
            ports.push(Port { name, keys });
            (is_open, rest) = (true, tail);
        }
        let Some(port) = ports.last_mut().filter(|_| is_open) else {
            continue;
        };
        // Addresses hold braces of variables: a block ends with a brace of its own.
        let closes = rest.trim_end_matches([',', ';', ' ']) == "}" || rest.ends_with(" }");
        for pair in rest.trim_end_matches('}').split([',', ';']) {
            if let Some((key, value)) = pair.split_once(':').or(pair.split_once('=')) {
                port.keys.push((key.trim(), value.trim().trim_matches('"')));
            }
        }
        is_open = !closes;
    }
    ports
}

/// A later file says more of the same repository.
fn merge<'a>(ports: &mut Vec<Port<'a>>, later: Vec<Port<'a>>) {
    for port in later {
        match ports.iter_mut().find(|known| known.name == port.name) {
            Some(known) => known.keys.extend(port.keys),
            None => ports.push(port),
        }
    }
}

impl Port<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        let mut keys = self.keys.iter().rev();
        let found = keys.find(|pair| pair.0.eq_ignore_ascii_case(key));
        found.map(|pair| pair.1)
    }

    fn source(&self) -> UpdateSource {
        let url = self.value("url").unwrap_or_default();
        let mut dangers = plain(url);
        let signed = self.value("signature_type");
        if signed.is_none_or(|kind| kind.is_empty() || kind.eq_ignore_ascii_case("none")) {
            dangers.insert(SourceDanger::Unsigned);
        }
        let enabled = self.value("enabled").is_none_or(is_yes);
        source(PackageManager::Pkg, self.name, url, enabled, dangers)
    }
}

/// opkg: `src/gz name address`; signatures are checked where an option says so.
fn opkg(files: &[File<'_>]) -> Vec<UpdateSource> {
    let lines = files
        .iter()
        .filter(|file| file.path.starts_with("/etc/opkg"))
        .flat_map(|file| file.lines.iter().copied());
    let lines: Vec<&str> = lines.collect();
    let checks = lines.iter().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("option")
            && words.next() == Some("check_signature")
            && words.next() != Some("0")
    });
    let sources = lines.iter().filter_map(|line| {
        let mut words = line.split_whitespace();
        let kind = words.next()?;
        let (name, url) = (words.next()?, words.next()?);
        let mut dangers = plain(url);
        if !checks {
            dangers.insert(SourceDanger::Unsigned);
        }
        let is_source = kind == "src" || kind.starts_with("src/");
        is_source.then(|| source(PackageManager::Opkg, name, url, true, dangers))
    });
    sources.collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn apk_is_known_by_its_path() {
        let text = "# /etc/apk/repositories\nhttps://dl-cdn.alpinelinux.org/alpine/v3.19/main\n\
            @testing http://dl-cdn.alpinelinux.org/alpine/edge/testing\n/media/cdrom/apks\n";
        assert_eq!(
            read(text),
            [
                "apk v3.19/main | https://dl-cdn.alpinelinux.org/alpine/v3.19/main | on",
                "apk edge/testing | http://dl-cdn.alpinelinux.org/alpine/edge/testing | on plain_text",
                "apk cdrom/apks | /media/cdrom/apks | on",
            ]
        );
    }

    #[test]
    fn pacman_takes_what_may_be_unsigned_for_unsigned() {
        let text = "# /etc/pacman.conf\n[options]\nSigLevel    = Required DatabaseOptional\n\
            [core]\nInclude = /etc/pacman.d/mirrorlist\n[own]\nSigLevel = PackageNever DatabaseRequired\nServer = http://repo.example\n\
            # /etc/pacman.d/mirrorlist\nServer = https://mirror.example/$repo/os/$arch\n";
        assert_eq!(
            read(text),
            [
                "pacman core | https://mirror.example/$repo/os/$arch | on",
                "pacman own | http://repo.example | on unsigned,plain_text",
            ]
        );
        let bare = "# /etc/pacman.conf\n[options]\n[core]\nServer = https://a\n";
        assert_eq!(read(bare), ["pacman core | https://a | on unsigned"]);
    }

    #[test]
    fn pkg_merges_what_two_files_say() {
        let text = "# /etc/pkg/FreeBSD.conf\nFreeBSD: {\n  url: \"pkg+https://pkg.FreeBSD.org/${ABI}/quarterly\",\n  mirror_type: \"srv\",\n  signature_type: \"fingerprints\",\n  enabled: yes\n}\n\
            # /usr/local/etc/pkg/repos/own.conf\nFreeBSD: { enabled: no }\nown: {\n  url: \"http://pkg.example/${ABI}\"\n}\n";
        assert_eq!(
            read(text),
            [
                "pkg FreeBSD | pkg+https://pkg.FreeBSD.org/${ABI}/quarterly | off",
                "pkg own | http://pkg.example/${ABI} | on unsigned,plain_text",
            ]
        );
    }

    #[test]
    fn opkg_checks_signatures_where_it_is_told_to() {
        let text = "# /etc/opkg.conf\ndest root /\noption check_signature\n\
            # /etc/opkg/distfeeds.conf\nsrc/gz openwrt_core https://downloads.openwrt.org/x/core\n";
        let url = "https://downloads.openwrt.org/x/core";
        assert_eq!(read(text), [format!("opkg openwrt_core | {url} | on")]);
        let unchecked = text.replace("option check_signature\n", "");
        let expected = format!("opkg openwrt_core | {url} | on unsigned");
        assert_eq!(read(&unchecked), [expected]);
    }
}
