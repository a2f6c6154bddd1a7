//! Of which release and repository an update is.

use crate::catalog::feeds::rpm;

/// Names of Amazon Linux 2's collections that are not those of the repositories.
const RENAMED: &[(&str, &str)] = &[
    ("graphicsmagick1.3", "GraphicsMagick1.3"),
    ("nitro-enclaves", "aws-nitro-enclaves-cli"),
    ("r3.4", "R3.4"),
    ("r4", "R4"),
    ("unbound", "unbound1.13"),
    ("unbound-1.17", "unbound1.17"),
];

/// The ecosystem and the repository of a collection of Amazon's: `amazon-linux-2---kernel-5.10` has the
/// builds of `amzn2extra-kernel-5.10`.
pub(super) fn amazon(collection: &str) -> Option<(&'static str, String)> {
    let rest = collection.strip_prefix("amazon-linux")?;
    let (release, part) = rest.split_once("---").unwrap_or((rest, ""));
    let renamed = RENAMED.iter().find(|(short, _)| *short == part);
    let name = renamed.map_or(part, |(_, name)| name);
    let (ecosystem, repository) = match (release, part) {
        ("" | "-ami", _) => ("Amazon Linux:1", "amzn-updates".to_owned()),
        ("-2", "") => ("Amazon Linux:2", "amzn2-core".to_owned()),
        ("-2", _) => ("Amazon Linux:2", format!("amzn2extra-{name}")),
        ("-2022", _) => ("Amazon Linux:2022", "amazonlinux".to_owned()),
        ("-2023", "") => ("Amazon Linux:2023", "amazonlinux".to_owned()),
        ("-2023", _) => ("Amazon Linux:2023", part.to_owned()),
        _ => return None,
    };
    Some((ecosystem, repository))
}

/// Distributions by the first letters of their ids, with the ecosystem's name. The release is in the
/// builds: `1-1.el9`.
const BY_DIST: &[(&str, &str, &str)] = &[
    ("ALSA-", "AlmaLinux", "el"),
    ("RLSA-", "Rocky Linux", "el"),
    ("RXSA-", "Rocky Linux", "el"),
    ("FEDORA-", "Fedora", "fc"),
];

/// The ecosystem of a build of an update that is not Amazon's.
pub(super) fn ecosystem(id: &str, release: &str, build: &str) -> Option<String> {
    // What is built for Red Hat's releases beside them is nobody's advisory.
    if id.starts_with("FEDORA-EPEL-") {
        return None;
    }
    if let Some((_, name, dist)) = BY_DIST.iter().find(|(prefix, _, _)| id.starts_with(prefix)) {
        // Fedora says it in so many words; a build may be carried over from the release before.
        let stated = release
            .strip_prefix("Fedora ")
            .filter(|_| *name == "Fedora");
        let stated = stated.filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        let number = stated.or_else(|| rpm::dist(build, dist))?;
        return Some(format!("{name}:{number}"));
    }
    leap(id, release)
}

/// The interest group of Rocky Linux whose update it is.
pub(super) fn repository(id: &str, collections: &[String]) -> Option<String> {
    let is_one = id.starts_with("RXSA-");
    let mut names = collections.iter().map(|name| name.to_lowercase());
    let cloud = names.any(|name| name.contains("cloud"));
    is_one.then(|| if cloud { "sig-cloud" } else { "sig" }.to_owned())
}

/// openSUSE Leap's updates come from SUSE Linux Enterprise (`openSUSE-SLE-15.5-2024-123`) or are its own
/// (`openSUSE-2024-123`, of `openSUSE Leap 15.5`).
fn leap(id: &str, release: &str) -> Option<String> {
    let of_id = id
        .strip_prefix("openSUSE-SLE-")
        .and_then(|rest| rest.split('-').next());
    let of_release = || {
        let ours = id.starts_with("openSUSE-").then_some(release)?;
        let mut words = ours.split([' ', '-']).filter(|word| {
            word.split('.').count() == 2
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
        });
        words.next_back()
    };
    let number = of_id.or_else(of_release)?;
    let is_number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_number && !number.is_empty()).then(|| format!("openSUSE:Leap {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_collections_are_repositories() {
        let cases = [
            ("amazon-linux", "Amazon Linux:1", "amzn-updates"),
            ("amazon-linux-ami", "Amazon Linux:1", "amzn-updates"),
            ("amazon-linux-2", "Amazon Linux:2", "amzn2-core"),
            (
                "amazon-linux-2---kernel-5.10",
                "Amazon Linux:2",
                "amzn2extra-kernel-5.10",
            ),
            (
                "amazon-linux-2---nitro-enclaves",
                "Amazon Linux:2",
                "amzn2extra-aws-nitro-enclaves-cli",
            ),
            ("amazon-linux-2---r4", "Amazon Linux:2", "amzn2extra-R4"),
            ("amazon-linux-2023", "Amazon Linux:2023", "amazonlinux"),
            (
                "amazon-linux-2023---kernel-livepatch",
                "Amazon Linux:2023",
                "kernel-livepatch",
            ),
        ];
        for (collection, ecosystem, repository) in cases {
            let expected = Some((ecosystem, repository.to_owned()));
            assert_eq!(amazon(collection), expected, "{collection}");
        }
        assert_eq!(amazon("amazon-linux-2099"), None);
        assert_eq!(amazon("F40"), None);
    }

    #[test]
    fn the_release_is_said_or_stands_in_the_builds() {
        let cases = [
            (
                "ALSA-2022:0001",
                "AlmaLinux",
                "1-1.el9_0.2",
                Some("AlmaLinux:9"),
            ),
            (
                "RLSA-2022:0001",
                "1",
                "1-1.module+el8.5.0+706+735ec4b3",
                Some("Rocky Linux:8"),
            ),
            (
                "ALSA-2022:0001",
                "",
                "1-1.module_el10.0.0+1+a",
                Some("AlmaLinux:10"),
            ),
            (
                "FEDORA-2024-0fe8a9c9ac",
                "Fedora 40",
                "124.0-1.fc39",
                Some("Fedora:40"),
            ),
            (
                "FEDORA-2024-0fe8a9c9ac",
                "",
                "124.0-1.fc39",
                Some("Fedora:39"),
            ),
            ("FEDORA-EPEL-2024-1", "Fedora EPEL 9", "1-1.el9", None),
            (
                "openSUSE-SLE-15.4-2022-3806",
                "SUSE Updates openSUSE-SLE 15.4",
                "1-1",
                Some("openSUSE:Leap 15.4"),
            ),
            (
                "openSUSE-2023-12",
                "openSUSE Leap 15.5 Update",
                "1-1",
                Some("openSUSE:Leap 15.5"),
            ),
            (
                "SUSE-SLE-Module-Basesystem-15-SP4-2022-1",
                "SUSE Updates",
                "1-1",
                None,
            ),
            ("ALSA-2022:0001", "", "1-1", None),
        ];
        for (id, release, build, expected) in cases {
            assert_eq!(ecosystem(id, release, build).as_deref(), expected, "{id}");
        }
    }
}
