//! What publishers' OSV records get wrong, or say in places of their own. Every rule here was made for
//! records that are out there.

use crate::catalog::feeds::rpm;
use crate::model::Spoken;

/// A distribution whose packages we match.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Distribution {
    name: &'static str,
    /// Whether its ecosystems must name a release: without one, nobody knows which it is.
    needs_release: bool,
    /// Whose names and versions its records state.
    pub(super) spoken: Spoken,
    /// Whether its versions are rpm's.
    pub(super) is_rpm: bool,
}

const fn distribution(name: &'static str, spoken: Spoken, is_rpm: bool) -> Distribution {
    Distribution {
        name,
        needs_release: true,
        spoken,
        is_rpm,
    }
}

const fn rolling(name: &'static str) -> Distribution {
    Distribution {
        needs_release: false,
        ..distribution(name, Spoken::Source, false)
    }
}

const DISTRIBUTIONS: &[Distribution] = &[
    distribution("AlmaLinux", Spoken::Binary, true),
    rolling("Alpaquita"),
    distribution("Alpine", Spoken::Source, false),
    distribution("Azure Linux", Spoken::Source, false),
    rolling("Chainguard"),
    distribution("Debian", Spoken::Source, false),
    rolling("Echo"),
    distribution("Mageia", Spoken::Source, false),
    rolling("MinimOS"),
    distribution("openEuler", Spoken::Source, false),
    distribution("openSUSE", Spoken::Binary, true),
    distribution("Photon OS", Spoken::Source, false),
    distribution("Red Hat", Spoken::Binary, true),
    distribution("Rocky Linux", Spoken::Source, true),
    distribution("SUSE", Spoken::Binary, true),
    distribution("Ubuntu", Spoken::Source, false),
    rolling("Wolfi"),
];

/// The distribution that an ecosystem is a release of. Language packages and whole distributions without
/// a release (`Debian` in old dumps) are none.
pub(super) fn distribution_of(ecosystem: &str) -> Option<&'static Distribution> {
    let (name, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
    let mut known = DISTRIBUTIONS.iter();
    known.find(|known| known.name == name && !(known.needs_release && release.is_empty()))
}

/// Whether an advisory is about security: `AlmaLinux` publishes bug fixes (ALBA) and enhancements (ALEA)
/// among its records. Red Hat's (RHBA, RHEA) are there only when they fix a CVE.
pub(super) fn is_security(id: &str) -> bool {
    !["ALBA-", "ALEA-"].iter().any(|kind| id.starts_with(kind))
}

/// The id under which a record is kept. Since 2025 osv.dev writes `DEBIAN-CVE-2024-1` for what it called
/// `CVE-2024-1` before. One matter keeps one id, so that a newer dump updates the older one's records.
pub(super) fn canonical_id(id: &str) -> &str {
    let mut prefixes = ["DEBIAN-", "ALPINE-"].iter();
    let bare = prefixes.find_map(|prefix| id.strip_prefix(prefix));
    bare.filter(|bare| bare.starts_with("CVE-")).unwrap_or(id)
}

/// Packages of Rocky Linux whose epoch has lost its first digit in OSV records, with what was left of
/// it. Counted against the errata that the records were made from: 41 of 5,429, and no other package.
const LOST_EPOCHS: &[(&str, &str, &str)] = &[
    ("aspell", "2", "12"),
    ("bind", "2", "32"),
    ("bind9.16", "2", "32"),
    ("bind9.18", "2", "32"),
    ("dhcp", "2", "12"),
    ("qemu-kvm", "5", "15"),
    ("qemu-kvm", "7", "17"),
    ("tcpdump", "4", "14"),
];

/// The epoch that a package of Rocky Linux really has, where the stated one has lost a digit. Taken at
/// its word, `2:9.16.23-1` is older than every `32:` and nothing would ever match.
pub(super) fn whole_epoch(package: &str, version: &str) -> Option<String> {
    let (stated, rest) = version.split_once(':')?;
    let mut known = LOST_EPOCHS.iter();
    let lost = known.find(|(name, left, _)| (*name, *left) == (package, stated));
    lost.map(|(_, _, whole)| format!("{whole}:{rest}"))
}

/// The special interest group that builds what a record of Rocky Linux speaks of: `sig-cloud` of
/// `pkg:rpm/rocky-linux/kernel?distro=rocky-linux-8-sig-cloud`. Its repository is not the distribution's,
/// and its kernels, `.cloud`, sort above the stock ones.
pub(super) fn interest_group(purl: &str) -> Option<String> {
    let (_, query) = purl.split_once('?')?;
    let mut fields = query.split('&');
    let release = fields.find_map(|field| field.strip_prefix("distro="))?;
    let (_, group) = release.split_once("-sig-")?;
    (!group.is_empty()).then(|| format!("sig-{group}"))
}

/// The architecture that a purl states, where a host can have it.
pub(super) fn arch(purl: &str) -> Option<String> {
    let (_, query) = purl.split_once('?')?;
    let mut fields = query.split('&');
    let arch = fields.find_map(|field| field.strip_prefix("arch="))?;
    let is_one = rpm::is_binary(arch) && !matches!(arch, "" | "noarch" | "all");
    is_one.then(|| arch.to_owned())
}

/// The pocket that has an Ubuntu fix. What only subscribers get stands, in some records, among what
/// everybody gets.
pub(super) fn pocket(ecosystem: String, availability: Option<&str>) -> String {
    let is_for_subscribers = availability.is_some_and(|text| text.contains("Ubuntu Pro"));
    match ecosystem.strip_prefix("Ubuntu:") {
        Some(release) if is_for_subscribers && !release.starts_with("Pro:") => {
            format!("Ubuntu:Pro:{release}")
        }
        _ => ecosystem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ecosystem_is_a_release_of_a_distribution() {
        for known in [
            "Debian:12",
            "Wolfi",
            "Ubuntu:Pro:FIPS-updates:22.04:LTS",
            "Red Hat:rhel_eus:9.2::appstream",
        ] {
            assert!(distribution_of(known).is_some(), "{known}");
        }
        for none in ["", "Debian", "Debian:", "PyPI", "Ubuntu", "Debianish:12"] {
            assert_eq!(distribution_of(none), None, "{none}");
        }
    }

    #[test]
    fn the_red_hat_family_and_suse_speak_of_binaries_and_rocky_of_sources() {
        let spoken = |name: &str| distribution_of(name).unwrap().spoken;
        for name in [
            "AlmaLinux:9",
            "Red Hat:enterprise_linux:9::baseos",
            "SUSE:Linux Enterprise Server 15 SP5",
            "openSUSE:Tumbleweed",
        ] {
            assert_eq!(spoken(name), Spoken::Binary, "{name}");
        }
        for name in [
            "Rocky Linux:9",
            "Debian:12",
            "Ubuntu:22.04:LTS",
            "Alpine:v3.19",
            "Chainguard",
        ] {
            assert_eq!(spoken(name), Spoken::Source, "{name}");
        }
    }

    #[test]
    fn bug_fixes_of_alma_linux_are_no_security_matter_and_those_of_red_hat_are() {
        assert!(!is_security("ALBA-2024:0001") && !is_security("ALEA-2024:0001"));
        assert!(is_security("ALSA-2024:4312") && is_security("RHBA-2024:6202"));
    }

    #[test]
    fn an_epoch_of_rocky_linux_that_lost_a_digit_gets_it_back() {
        let whole = |package, version| whole_epoch(package, version);
        assert_eq!(
            whole("bind", "2:9.16.23-1.el9_0.1").as_deref(),
            Some("32:9.16.23-1.el9_0.1")
        );
        assert_eq!(
            whole("qemu-kvm", "7:8.2.0-11.el9_4").as_deref(),
            Some("17:8.2.0-11.el9_4")
        );
        assert_eq!(whole("bind", "32:9.16.23-1.el9"), None);
        assert_eq!(whole("podman", "2:4.4.1-21.el9_2"), None);
        assert_eq!(whole("bind", "9.16.23-1.el9"), None);
    }

    #[test]
    fn what_an_interest_group_builds_is_in_a_repository_of_its_own() {
        let purl = "pkg:rpm/rocky-linux/kernel?distro=rocky-linux-8-sig-cloud&epoch=0";
        assert_eq!(interest_group(purl).as_deref(), Some("sig-cloud"));
        assert_eq!(
            interest_group("pkg:rpm/rocky-linux/bind?distro=rocky-linux-8-4-legacy&epoch=2"),
            None
        );
        assert_eq!(interest_group(""), None);
    }

    #[test]
    fn an_architecture_is_one_that_a_host_can_have() {
        assert_eq!(
            arch("pkg:rpm/redhat/a?arch=aarch64").as_deref(),
            Some("aarch64")
        );
        for purl in [
            "pkg:deb/debian/a?arch=source",
            "pkg:apk/wolfi/a",
            "pkg:rpm/a/b?arch=noarch",
        ] {
            assert_eq!(arch(purl), None, "{purl}");
        }
    }

    #[test]
    fn a_fix_for_subscribers_is_in_their_pocket() {
        let pro = Some("Available with Ubuntu Pro: https://ubuntu.com/pro");
        let moved = |name: &str, availability| pocket(name.to_owned(), availability);
        assert_eq!(moved("Ubuntu:18.04:LTS", pro), "Ubuntu:Pro:18.04:LTS");
        assert_eq!(moved("Ubuntu:Pro:18.04:LTS", pro), "Ubuntu:Pro:18.04:LTS");
        let free = Some("No subscription required");
        assert_eq!(moved("Ubuntu:22.04:LTS", free), "Ubuntu:22.04:LTS");
    }
}
