//! What feeds of rpm's distributions have in common: versions, modules, names of architectures.

/// Whether a text is `[epoch:]version[-release]`. Red Hat's records have had a module's stream in its
/// place, `virt-devel:rhel` (<https://github.com/ossf/osv-schema/issues/422>).
pub(super) fn is_evr(text: &str) -> bool {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    let is_number = |text: &str| {
        !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_part = |text: &str| {
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~^%{}".contains(&byte);
        !text.is_empty() && text.bytes().all(is_ours)
    };
    is_number(epoch)
        && is_part(version)
        && version.bytes().any(|byte| byte.is_ascii_digit())
        && is_part(release)
}

/// A version as rpm's collectors write it: the epoch is left out when it is 0. `None` where that is no
/// version.
pub(super) fn evr(epoch: &str, version: &str, release: &str) -> Option<String> {
    let text = match epoch.trim() {
        "" | "0" | "(none)" | "None" => format!("{version}-{release}"),
        epoch => format!("{epoch}:{version}-{release}"),
    };
    is_evr(&text).then_some(text)
}

/// Whether a build is a module's: `1.module+el8.4.0+534+4680a14e`, `AlmaLinux`'s `1.module_el8.6.0+2867`.
pub(super) fn is_modular(evr: &str) -> bool {
    evr.contains(".module+") || evr.contains(".module_")
}

/// The module streams that an advisory's title names: `virt:rhel` and `virt-devel:rhel` in `Moderate:
/// virt:rhel and virt-devel:rhel security update`.
pub(super) fn streams(title: &str) -> Vec<String> {
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    let is_name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(is_ours)
    };
    let mut streams = Vec::new();
    for word in title.split_whitespace() {
        let word = word.trim_matches(|end: char| ",;.()".contains(end));
        let Some((name, stream)) = word.split_once(':') else {
            continue;
        };
        // `httpd:2.4/mod_http2` is about one package of a stream.
        let stream = stream.split('/').next().unwrap_or_default();
        // `CVE:2021` is a number, and no module has less than a letter.
        let has_letter = name.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_name(name) && is_name(stream) && has_letter {
            streams.push(format!("{name}:{stream}"));
        }
    }
    streams.sort_unstable();
    streams.dedup();
    streams
}

/// The modules that a build belongs to. `None` stands for no module; an empty name for one that nobody
/// states. Several where a title names several and does not say which build is whose.
pub(super) fn modules_of(evr: &str, streams: &[String]) -> Vec<Option<String>> {
    if !is_modular(evr) {
        return vec![None];
    }
    if streams.is_empty() {
        return vec![Some(String::new())];
    }
    streams.iter().cloned().map(Some).collect()
}

/// The number of the release that a build is made for: `9` of `1.0-1.el9_4.1`, where `dist` is `el`.
pub(super) fn dist<'a>(evr: &'a str, dist: &str) -> Option<&'a str> {
    evr.split(['.', '+', '_', '~', '-']).find_map(|part| {
        let rest = part.strip_prefix(dist)?;
        let is_number = |text: &&str| {
            !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        Some(rest).filter(is_number)
    })
}

/// Parts of `name-epoch:version-release.arch.rpm`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nevra<'a> {
    pub(super) name: &'a str,
    pub(super) epoch: &'a str,
    pub(super) version: &'a str,
    pub(super) release: &'a str,
    pub(super) arch: &'a str,
}

impl<'a> Nevra<'a> {
    /// Reads one; the epoch and `.rpm` may be left out.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_suffix(".rpm").unwrap_or(text);
        let (rest, arch) = text.rsplit_once('.')?;
        let (rest, release) = rest.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        let (epoch, version) = version.split_once(':').unwrap_or(("0", version));
        let parts = [name, version, release, arch];
        let is_whole = parts.iter().all(|part| !part.is_empty());
        is_whole.then_some(Self {
            name,
            epoch,
            version,
            release,
            arch,
        })
    }
}

/// Whether a host can have a build of this architecture installed: sources are not.
pub(super) fn is_binary(arch: &str) -> bool {
    !matches!(arch, "src" | "nosrc" | "source")
}

/// Whether a package is only there to look into others. Advisories list them by the hundred, always
/// with the version of what they belong to.
pub(super) fn is_debug(name: &str) -> bool {
    name.ends_with("-debuginfo") || name.ends_with("-debugsource") || name.contains("-debuginfo-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_the_shape_of_one() {
        for text in [
            "8.7p1-38.el9_4.1",
            "0:39.31.5.1-118.2.el8_8.1",
            "1:0.1.15-2.git2d0b8a3.module_el8.5.0+119+9a9ec082",
            "2.34.1~rc1^git1-0",
            "51.0.2704.103-85.3",
            "20230214",
        ] {
            assert!(is_evr(text), "{text}");
        }
        for text in [
            "virt-devel:rhel",
            "rhel",
            "",
            "-1",
            "1:",
            "1.0-",
            ":1.0-1",
            "a:1.0-1",
            "1.0 -1",
            "1:2:3-4",
        ] {
            assert!(!is_evr(text), "{text}");
        }
    }

    #[test]
    fn an_epoch_of_zero_is_left_out() {
        assert_eq!(evr("0", "1.0", "1.el9").as_deref(), Some("1.0-1.el9"));
        assert_eq!(
            evr("32", "9.16.23", "1.el9").as_deref(),
            Some("32:9.16.23-1.el9")
        );
        assert_eq!(evr("", "rhel", "x y"), None);
    }

    #[test]
    fn a_title_names_its_module_streams() {
        let expected: &[(&str, &[&str])] = &[
            (
                "Important: container-tools:rhel8 security and bug fix update",
                &["container-tools:rhel8"],
            ),
            (
                "Moderate: virt:rhel and virt-devel:rhel security update",
                &["virt-devel:rhel", "virt:rhel"],
            ),
            (
                "Moderate: 389-ds:1.4 security, bug fix, and enhancement update",
                &["389-ds:1.4"],
            ),
            (
                "Red Hat Security Advisory: perl:5.32 security update",
                &["perl:5.32"],
            ),
            (
                "Important: httpd:2.4/mod_http2 security update",
                &["httpd:2.4"],
            ),
            ("container-tools bug fix update", &[]),
            ("Low: see https://example.org/a and 10:30", &[]),
        ];
        for (title, expected) in expected {
            assert_eq!(streams(title), *expected, "{title}");
        }
    }

    #[test]
    fn a_build_of_a_module_belongs_to_one_even_when_nobody_says_to_which() {
        let modular = "5.32.1-471.module+el8.6.0+1232+1cb6c2a3";
        assert_eq!(
            modules_of("5.26.3-419.el8", &["perl:5.32".to_owned()]),
            [None]
        );
        assert_eq!(modules_of(modular, &[]), [Some(String::new())]);
        let named = ["perl:5.32".to_owned()];
        assert_eq!(modules_of(modular, &named), [Some("perl:5.32".to_owned())]);
        assert!(is_modular("2.0.7.1-6.module_el8.3.0+2041+d1f204ad"));
    }

    #[test]
    fn a_build_says_for_which_release_it_is_made() {
        for (evr, expected) in [
            ("8.7p1-38.el9_4.1", Some("9")),
            ("1-2.module+el8.4.0+534+4680a14e", Some("8")),
            ("1-2.module_el10.0.0+1+a", Some("10")),
            ("1-1.amzn2", None),
            ("1-1.elixir", None),
        ] {
            assert_eq!(dist(evr, "el"), expected, "{evr}");
        }
    }

    #[test]
    fn the_name_of_a_file_has_all_parts_of_a_build() {
        let parts = Nevra {
            name: "python2-psycopg2",
            epoch: "0",
            version: "2.7.5",
            release: "7.module+el8.5.0+706+735ec4b3",
            arch: "aarch64",
        };
        let file = "python2-psycopg2-0:2.7.5-7.module+el8.5.0+706+735ec4b3.aarch64.rpm";
        assert_eq!(Nevra::parse(file), Some(parts));
        let found = Nevra::parse("bash-5.1.8-6.el9.x86_64").unwrap();
        assert_eq!(
            (found.epoch, found.version, found.arch),
            ("0", "5.1.8", "x86_64")
        );
        for text in ["", "a.rpm", "a-1.x86_64", "-1-1.x86_64", "a-1-.x86_64.rpm"] {
            assert_eq!(Nevra::parse(text), None, "{text}");
        }
    }
}
