//! yum, dnf (dnf.conf(5)) and zypper (zypper(8), zypp.conf): the same files with other defaults.

use super::ini::{Section, sections};
use super::{File, has_extension, is_plain, is_yes, source};
use crate::model::{PackageManager, SourceDanger, UpdateSource};
use std::collections::BTreeSet;

/// The repositories, each once: what an override says of one counts.
pub(super) fn read(files: &[File<'_>]) -> Vec<UpdateSource> {
    let defaults = Defaults::of(files);
    let mut sources = Vec::new();
    let repos = files.iter().filter(|file| has_extension(file.path, "repo"));
    let (overrides, repos): (Vec<_>, Vec<_>) =
        repos.partition(|file| file.path.contains("/repos.override.d/"));
    let overrides: Vec<Section<'_>> = overrides
        .iter()
        .flat_map(|file| sections(&file.lines))
        .collect();
    for file in repos {
        let zypp = file.path.starts_with("/etc/zypp/");
        for section in sections(&file.lines) {
            if section.name == "main" || section.name.is_empty() {
                continue;
            }
            let over = overrides.iter().filter(|one| one.name == section.name);
            let over: Vec<&Section<'_>> = over.collect();
            let repo = Repo { section, over };
            sources.push(repo.source(if zypp { None } else { Some(&defaults) }));
        }
    }
    sources
}

/// What `[main]` says for every repository that does not say otherwise.
#[derive(Default)]
struct Defaults {
    /// dnf.conf(5): "the default is False".
    gpg_check: bool,
    skip_tls_check: bool,
}

impl Defaults {
    fn of(files: &[File<'_>]) -> Self {
        let mut defaults = Self::default();
        let configuration = files.iter().filter(|file| {
            has_extension(file.path, "conf") && !file.path.starts_with("/etc/zypp/")
        });
        let mains = configuration
            .flat_map(|file| sections(&file.lines))
            .filter(|section| section.name == "main");
        for main in mains {
            if let Some(value) = gpg_check(&main) {
                defaults.gpg_check = is_yes(value);
            }
            if let Some(value) = main.value("sslverify") {
                defaults.skip_tls_check = !is_yes(value);
            }
        }
        defaults
    }
}

/// dnf 5 has another name for it beside the old one.
fn gpg_check<'a>(section: &'a Section<'_>) -> Option<&'a str> {
    section.value("pkg_gpgcheck").or(section.value("gpgcheck"))
}

struct Repo<'a> {
    section: Section<'a>,
    over: Vec<&'a Section<'a>>,
}

impl Repo<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        let over = self.over.iter().rev().find_map(|one| one.value(key));
        over.or(self.section.value(key))
    }

    /// The repository as yum and dnf take it, or with no defaults as zypper does.
    fn source(&self, defaults: Option<&Defaults>) -> UpdateSource {
        let addresses = ["baseurl", "mirrorlist", "metalink"];
        let addresses = addresses.iter().filter_map(|key| self.value(key));
        let addresses: Vec<&str> = addresses.filter(|value| !value.is_empty()).collect();
        let mut dangers = BTreeSet::new();
        if !self.is_signed(defaults) {
            dangers.insert(SourceDanger::Unsigned);
        }
        if addresses.iter().any(|urls| is_plain(urls)) {
            dangers.insert(SourceDanger::PlainText);
        }
        let skips = match (self.value("sslverify"), defaults) {
            (Some(value), Some(_)) => !is_yes(value),
            (None, Some(defaults)) => defaults.skip_tls_check,
            // zypper has it in the address.
            (_, None) => addresses.iter().any(|url| url.contains("ssl_verify=no")),
        };
        if skips {
            dangers.insert(SourceDanger::UnverifiedTls);
        }
        let enabled = self.value("enabled").is_none_or(is_yes);
        let url = addresses.first().copied().unwrap_or_default();
        source(
            PackageManager::Rpm,
            self.section.name,
            url,
            enabled,
            dangers,
        )
    }

    fn is_signed(&self, defaults: Option<&Defaults>) -> bool {
        let own = self.value("pkg_gpgcheck").or(self.value("gpgcheck"));
        match (own, defaults) {
            (Some(value), Some(_)) => is_yes(value),
            (None, Some(defaults)) => defaults.gpg_check,
            // Checked unless switched off; a package or the index is enough.
            (_, None) => {
                let off = self.value("gpgcheck").is_some_and(|value| !is_yes(value));
                let checks = ["pkg_gpgcheck", "repo_gpgcheck"];
                let other = checks.iter().any(|key| self.value(key).is_some_and(is_yes));
                !off || other
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn a_repository_says_or_main_says_or_nobody_checks() {
        let text = "# /etc/dnf/dnf.conf\n[main]\ngpgcheck=1\n\
            # /etc/yum.repos.d/a.repo\n[baseos]\nmirrorlist=https://mirrors.example/$releasever/baseos\nenabled=1\n\
            [epel]\nmetalink = https://mirrors.example/epel\n#off\nenabled = 0\ngpgcheck = 0\n\
            [own]\nbaseurl=https://a.example/\n   http://b.example/\nsslverify=false\n";
        assert_eq!(
            read(text),
            [
                "rpm baseos | https://mirrors.example/$releasever/baseos | on",
                "rpm epel | https://mirrors.example/epel | off unsigned",
                "rpm own | https://a.example/ http://b.example/ | on plain_text,unverified_tls",
            ]
        );
        let silent = "# /etc/yum.repos.d/a.repo\n[a]\nbaseurl=https://a/\n";
        assert_eq!(read(silent), ["rpm a | https://a/ | on unsigned"]);
    }

    #[test]
    fn an_override_counts() {
        let text = "# /etc/yum.repos.d/a.repo\n[a]\nbaseurl=https://a/\ngpgcheck=1\nenabled=1\n\
            # /etc/dnf/repos.override.d/99.repo\n[a]\nenabled=0\n";
        assert_eq!(read(text), ["rpm a | https://a/ | off"]);
    }

    #[test]
    fn zypper_checks_unless_told_otherwise() {
        let text = "# /etc/zypp/repos.d/a.repo\n[Basesystem]\nenabled=1\nautorefresh=1\nbaseurl=https://updates.example/x?ssl_verify=no\n\
            [other]\nbaseurl=dir:///srv\ngpgcheck=0\n[third]\nbaseurl=http://c/\ngpgcheck=0\nrepo_gpgcheck=1\n";
        assert_eq!(
            read(text),
            [
                "rpm Basesystem | https://updates.example/x?ssl_verify=no | on unverified_tls",
                "rpm other | dir:///srv | on unsigned",
                "rpm third | http://c/ | on plain_text",
            ]
        );
    }
}
