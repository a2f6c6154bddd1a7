//! Where packages come from, from the configuration of whichever package managers are there.
//!
//! A line that cannot be read costs itself. What makes a source unsafe is recorded as it is
//! configured; what to make of it is the operator's: apt checks signatures also over plain HTTP.

mod apt;
mod ini;
mod others;
mod rpm;

use super::super::platform::clip;
use super::questions::SOURCES;
use crate::model::{Gap, GapCause, PackageManager, SourceDanger, UpdateSource};
use crate::session::Answers;
use std::collections::BTreeSet;

/// More sources than any host has.
const MOST: usize = 2_000;

/// Every configured source, in the order of the files.
pub(super) fn sources(answers: &Answers) -> Result<Vec<UpdateSource>, Gap> {
    let text = answers.text(SOURCES)?;
    let gap = |cause| Gap {
        question: SOURCES.to_owned(),
        cause,
    };
    let files = files(text).ok_or_else(|| gap(GapCause::Malformed))?;
    let mut sources = apt::read(&files);
    sources.extend(rpm::read(&files));
    sources.extend(others::read(&files));
    if sources.is_empty() && text.lines().any(|line| line.starts_with("denied\t")) {
        return Err(gap(GapCause::Denied));
    }
    sources.truncate(MOST);
    Ok(sources)
}

/// Whether a file's name ends so. Case counts: package managers pass over `X.REPO`.
fn has_extension(path: &str, extension: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .is_some_and(|(_, own)| own == extension)
}

/// One file of the answer.
struct File<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
}

/// The files between their headers; `None` where something else came before the first.
fn files(text: &str) -> Option<Vec<File<'_>>> {
    let mut files: Vec<File<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("# /").and(line.strip_prefix("# ")) {
            let lines = Vec::new();
            files.push(File { path, lines });
        } else if let Some(file) = files.last_mut() {
            file.lines.push(line);
        } else if !line.starts_with("denied\t") {
            return None;
        }
    }
    Some(files)
}

/// A source, with its texts cut to a sensible length.
fn source(
    manager: PackageManager,
    id: &str,
    url: &str,
    enabled: bool,
    dangers: BTreeSet<SourceDanger>,
) -> UpdateSource {
    UpdateSource {
        manager,
        id: clip(id, 300),
        url: clip(url, 1_000),
        enabled,
        dangers: dangers.into_iter().collect(),
    }
}

/// Whether any of some addresses is fetched over a connection that protects nothing. Schemes may be
/// stacked: `mirror+http:`, `pkg+http:`.
fn is_plain(urls: &str) -> bool {
    urls.split_whitespace().any(|url| {
        let scheme = url.split("://").next().unwrap_or_default();
        let last = scheme.rsplit('+').next().unwrap_or_default();
        url.contains("://")
            && (last.eq_ignore_ascii_case("http") || last.eq_ignore_ascii_case("ftp"))
    })
}

/// What package managers take for yes.
fn is_yes(value: &str) -> bool {
    let value = value.trim().trim_matches('"').to_ascii_lowercase();
    matches!(
        value.as_str(),
        "1" | "yes" | "true" | "on" | "with" | "enable"
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::super::tests::answers;
    use super::*;

    pub(super) fn read(text: &str) -> Vec<String> {
        let line = |source: &UpdateSource| {
            let dangers: Vec<_> = source.dangers.iter().map(|one| one.as_str()).collect();
            format!(
                "{} {} | {} | {} {}",
                source.manager.as_str(),
                source.id,
                source.url,
                if source.enabled { "on" } else { "off" },
                dangers.join(","),
            )
            .trim_end()
            .to_owned()
        };
        let sources = sources(&answers(&[(SOURCES, text)])).unwrap();
        sources.iter().map(line).collect()
    }

    #[test]
    fn a_file_that_may_not_be_read_is_no_empty_list() {
        let of = |text| sources(&answers(&[(SOURCES, text)])).map(|list| list.len());
        assert_eq!(of(""), Ok(0));
        let denied = of("denied\t/etc/yum.repos.d/a.repo\n# /etc/dnf/dnf.conf\n[main]\n");
        assert_eq!(denied.unwrap_err().cause, GapCause::Denied);
        assert_eq!(of("what?\n").unwrap_err().cause, GapCause::Malformed);
        let gap = sources(&Answers::default()).unwrap_err();
        assert_eq!(gap.cause, GapCause::NotAsked);
    }

    #[test]
    fn only_what_is_neither_encrypted_nor_local_is_plain() {
        for url in [
            "http://a/",
            "FTP://a",
            "mirror+http://a",
            "https://a http://b",
        ] {
            assert!(is_plain(url), "{url}");
        }
        for url in [
            "https://a/http://",
            "cdrom:[x]/",
            "file:/srv",
            "tor+https://a",
            "/media",
            "",
        ] {
            assert!(!is_plain(url), "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "(# /etc/(apt/sources.list|a.sources|yum.repos.d/a.repo|zypp/repos.d/b.repo|apk/repositories|pacman.conf|pkg/a.conf|opkg.conf)\n)([a-z=:\\[\\]{} \t/@\"\u{e9}]{0,40}\n){0,6}"
        ) {
            let _ = sources(&answers(&[(SOURCES, &text)]));
        }
    }
}
