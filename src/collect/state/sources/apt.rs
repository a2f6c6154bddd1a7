//! apt: sources.list(5), in lines and in stanzas, and what apt.conf(5) allows for all of them.

use super::{File, has_extension, is_plain, is_yes, source};
use crate::model::{PackageManager, SourceDanger, UpdateSource};
use std::collections::BTreeSet;

/// The sources of binary packages.
pub(super) fn read(files: &[File<'_>]) -> Vec<UpdateSource> {
    let policy = Policy::of(files);
    let mut sources = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.starts_with("/etc/apt/"))
    {
        if has_extension(file.path, "sources") {
            for stanza in stanzas(&file.lines) {
                sources.extend(stanza.sources(&policy));
            }
        } else if has_extension(file.path, "list") {
            let lines = file.lines.iter();
            sources.extend(lines.filter_map(|line| one_line(line, &policy)));
        }
    }
    sources
}

/// What the configuration allows whatever the source says.
#[derive(Default)]
struct Policy {
    unsigned: bool,
    unverified: bool,
}

impl Policy {
    fn of(files: &[File<'_>]) -> Self {
        let mut policy = Self::default();
        let configuration = files.iter().filter(|file| file.path.contains("/apt.conf"));
        for line in configuration.flat_map(|file| &file.lines) {
            let lower = line.to_ascii_lowercase();
            let value = |name: &str| {
                let (_, rest) = lower.split_once(name)?;
                let value = rest.trim_start_matches('"').trim_start();
                value.split([';', '}', ' ']).next().map(is_yes)
            };
            for name in ["allowunauthenticated", "allowinsecurerepositories"] {
                policy.unsigned |= value(name) == Some(true);
            }
            for name in ["verify-peer", "verify-host"] {
                policy.unverified |= value(name) == Some(false);
            }
        }
        policy
    }

    fn dangers(&self, url: &str, trusted: bool) -> BTreeSet<SourceDanger> {
        let mut dangers = BTreeSet::new();
        if trusted || self.unsigned {
            dangers.insert(SourceDanger::Unsigned);
        }
        if is_plain(url) {
            dangers.insert(SourceDanger::PlainText);
        }
        if self.unverified && url.contains("https:") {
            dangers.insert(SourceDanger::UnverifiedTls);
        }
        dangers
    }
}

/// `deb [option=value …] address suite component …`
fn one_line(line: &str, policy: &Policy) -> Option<UpdateSource> {
    let line = line.split(" #").next().unwrap_or(line);
    let rest = line.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let trusted = options.split_whitespace().any(|option| {
        let (name, value) = option.split_once('=').unwrap_or_default();
        matches!(name, "trusted" | "allow-insecure") && is_yes(value)
    });
    // The name of a disc may hold blanks: `cdrom:[Debian 12 …]/`.
    let (url, rest) = match rest.trim_start().strip_prefix("cdrom:[") {
        Some(disc) => ("cdrom:", disc.split_once(']')?.1.split_once(' ')?.1),
        None => rest.trim_start().split_once([' ', '\t'])?,
    };
    let id: Vec<&str> = rest.split_whitespace().collect();
    let dangers = policy.dangers(url, trusted);
    let known = !id.is_empty();
    known.then(|| source(PackageManager::Dpkg, &id.join(" "), url, true, dangers))
}

/// A paragraph of a `.sources` file: fields by name, a field of many lines with blanks between.
#[derive(Default)]
struct Stanza {
    fields: Vec<(String, String)>,
}

fn stanzas(lines: &[&str]) -> Vec<Stanza> {
    let mut all = vec![Stanza::default()];
    for line in lines {
        if line.trim().is_empty() {
            all.push(Stanza::default());
            continue;
        }
        let Some(stanza) = all.last_mut() else { break };
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let name = name.trim().to_ascii_lowercase();
            stanza.fields.push((name, value.trim().to_owned()));
        }
    }
    all
}

impl Stanza {
    fn field(&self, name: &str) -> &str {
        let mut fields = self.fields.iter();
        let found = fields.find(|field| field.0 == name);
        found.map_or("", |(_, value)| value)
    }

    /// A source for each of its suites at each of its addresses.
    fn sources(&self, policy: &Policy) -> Vec<UpdateSource> {
        const MOST_EACH: usize = 50;
        if !self
            .field("types")
            .split_whitespace()
            .any(|kind| kind == "deb")
        {
            return Vec::new();
        }
        let enabled = self.field("enabled");
        let enabled = enabled.is_empty() || is_yes(enabled);
        let trusted = is_yes(self.field("trusted")) || is_yes(self.field("allow-insecure"));
        let components = self.field("components");
        let urls = self.field("uris").split_whitespace().take(MOST_EACH);
        urls.flat_map(|url| {
            let suites = self.field("suites").split_whitespace().take(MOST_EACH);
            suites.map(move |suite| {
                let id = format!("{suite} {components}");
                let dangers = policy.dangers(url, trusted);
                source(PackageManager::Dpkg, id.trim_end(), url, enabled, dangers)
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn lines_tell_suite_components_and_trust() {
        let text = "# /etc/apt/sources.list\n\
            deb http://deb.debian.org/debian bookworm main contrib # the base\n\
            deb-src http://deb.debian.org/debian bookworm main\n\
            deb [ arch=amd64 signed-by=/k.gpg ] https://packages.example/apt stable main\n\
            # /etc/apt/sources.list.d/own.list\n\
            deb [trusted=yes] http://apt.corp.example ./\n\
            deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_]/ bookworm main\n\
            deb nonsense\n";
        assert_eq!(
            read(text),
            [
                "dpkg bookworm main contrib | http://deb.debian.org/debian | on plain_text",
                "dpkg stable main | https://packages.example/apt | on",
                "dpkg ./ | http://apt.corp.example | on unsigned,plain_text",
                "dpkg bookworm main | cdrom: | on",
            ]
        );
    }

    #[test]
    fn stanzas_tell_the_same_for_each_suite() {
        let text = "# /etc/apt/sources.list.d/debian.sources\n\
            Types: deb deb-src\nURIs: http://deb.debian.org/debian\n\
            Suites: bookworm\n bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\n\
            types: deb\nuris: https://security.example/\nsuites: bookworm-security\nenabled: no\ntrusted: yes\n\n\
            Types: deb-src\nURIs: https://a/\nSuites: b\n";
        assert_eq!(
            read(text),
            [
                "dpkg bookworm main | http://deb.debian.org/debian | on plain_text",
                "dpkg bookworm-updates main | http://deb.debian.org/debian | on plain_text",
                "dpkg bookworm-security | https://security.example/ | off unsigned",
            ]
        );
    }

    #[test]
    fn the_configuration_speaks_for_every_source() {
        let text = "# /etc/apt/apt.conf.d/99local\n\
            APT::Get::AllowUnauthenticated \"true\";\nAcquire::https::Verify-Peer \"false\";\n\
            # /etc/apt/sources.list\ndeb https://a.example/ s m\n";
        let expected = ["dpkg s m | https://a.example/ | on unsigned,unverified_tls"];
        assert_eq!(read(text), expected);
        let text = text
            .replace("\"true\"", "\"false\"")
            .replace("Peer \"false\"", "Peer \"true\"");
        assert_eq!(read(&text), ["dpkg s m | https://a.example/ | on"]);
    }
}
