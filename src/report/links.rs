//! Where a bulletin can be read, by its id: the one mapping, for every format that has links.
//!
//! Ids come from catalogues, which are documents of others: only those that are spelt exactly as their publisher
//! spells them get an address, and nothing of them gets into it that is not a letter, a digit, `-` or `:`.

/// A form of ids: what it begins with, what follows, and the page.
struct Form {
    /// In letters as the publisher writes them.
    prefix: &'static str,
    /// What follows, as [`is_of`] reads it.
    rest: &'static str,
    /// Its address.
    page: fn(&str) -> String,
}

/// Every form that has a page.
const FORMS: &[Form] = &[
    form("CVE-", CVE, |id| {
        format!("https://www.cve.org/CVERecord?id={id}")
    }),
    // What a distribution says of a flaw.
    form("DEBIAN-CVE-", CVE, |id| {
        debian(id.trim_start_matches("DEBIAN-"))
    }),
    form("UBUNTU-CVE-", CVE, |id| {
        let flaw = id.trim_start_matches("UBUNTU-");
        format!("https://ubuntu.com/security/{flaw}")
    }),
    form("KB", KB, |id| {
        let number = id.trim_start_matches("KB");
        format!("https://support.microsoft.com/help/{number}")
    }),
    form("MS", "99-999", |id| {
        let year = id.get(2..4).unwrap_or_default();
        let name = id.to_ascii_lowercase();
        format!("https://learn.microsoft.com/security-updates/securitybulletins/20{year}/{name}")
    }),
    form("ADV", "999999??", |id| {
        format!("https://msrc.microsoft.com/update-guide/advisory/{id}")
    }),
    form("DSA-", "9????", debian),
    form("DSA-", "9????-9?", debian),
    form("DLA-", "9????", debian),
    form("DLA-", "9????-9?", debian),
    form("USN-", "9????-9??", ubuntu),
    form("LSN-", "9????-9??", ubuntu),
    form("RHSA-", YEARLY, redhat),
    form("RHBA-", YEARLY, redhat),
    form("RHEA-", YEARLY, redhat),
    form("RLSA-", YEARLY, rocky),
    form("RLBA-", YEARLY, rocky),
    form("RLEA-", YEARLY, rocky),
    form("RXSA-", YEARLY, rocky),
    form("ALSA-", YEARLY, |id| {
        format!("https://osv.dev/vulnerability/{id}")
    }),
    form("ELSA-", "9999-9?????", oracle),
    form("ELBA-", "9999-9?????", oracle),
    form("SUSE-SU-", "9999:9?????-9?", suse),
    form("FEDORA-", "9999-hhhhhhhhhh", fedora),
    form("FEDORA-EPEL-", "9999-hhhhhhhhhh", fedora),
    form("GHSA-", "xxxx-xxxx-xxxx", |id| {
        format!("https://github.com/advisories/{id}")
    }),
    form("AVG-", "9????", arch),
    form("ASA-", "999999-9??", arch),
];

const CVE: &str = "9999-9999???";
/// The number of an article of Microsoft.
pub(super) const KB: &str = "999999??";
/// `RHSA-2024:1234`.
const YEARLY: &str = "9999:9?????";
/// The longest id that is looked at.
const LONGEST: usize = 40;

/// The page about a bulletin, update or flaw; `None` where its id is of no form that is known.
pub(super) fn bulletin(id: &str) -> Option<String> {
    if id.len() > LONGEST {
        return None;
    }
    let form = FORMS.iter().find(|form| {
        let rest = id.strip_prefix(form.prefix);
        rest.is_some_and(|rest| is_of(rest, form.rest))
    })?;
    Some((form.page)(id))
}

const fn form(prefix: &'static str, rest: &'static str, page: fn(&str) -> String) -> Form {
    Form { prefix, rest, page }
}

fn debian(id: &str) -> String {
    format!("https://security-tracker.debian.org/tracker/{id}")
}

fn ubuntu(id: &str) -> String {
    format!("https://ubuntu.com/security/notices/{id}")
}

fn redhat(id: &str) -> String {
    format!("https://access.redhat.com/errata/{id}")
}

fn rocky(id: &str) -> String {
    format!("https://errata.rockylinux.org/{id}")
}

fn oracle(id: &str) -> String {
    format!("https://linux.oracle.com/errata/{id}.html")
}

/// `SUSE-SU-2024:123-1` is at `…/2024/suse-su-20240123-1/`: its page has four digits at least.
fn suse(id: &str) -> String {
    let rest = id.trim_start_matches("SUSE-SU-");
    let (year, rest) = rest.split_once(':').unwrap_or_default();
    let (number, part) = rest.split_once('-').unwrap_or_default();
    format!(
        "https://www.suse.com/support/update/announcement/{year}/suse-su-{year}{number:0>4}-{part}/"
    )
}

fn fedora(id: &str) -> String {
    format!("https://bodhi.fedoraproject.org/updates/{id}")
}

fn arch(id: &str) -> String {
    format!("https://security.archlinux.org/{id}")
}

/// Whether a text is of a pattern: `9` is a digit, `?` one that may be missing, `h` one of `0-9a-f`, `x` one of
/// `0-9a-z`, all else itself.
pub(super) fn is_of(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    for sign in pattern.chars() {
        let left = match sign {
            '9' => rest.strip_prefix(|one: char| one.is_ascii_digit()),
            '?' => rest
                .strip_prefix(|one: char| one.is_ascii_digit())
                .or(Some(rest)),
            'h' => rest.strip_prefix(|one| matches!(one, '0'..='9' | 'a'..='f')),
            'x' => rest.strip_prefix(|one| matches!(one, '0'..='9' | 'a'..='z')),
            sign => rest.strip_prefix(sign),
        };
        let Some(left) = left else { return false };
        rest = left;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_as_their_publishers_spell_them_lead_to_their_pages() {
        for (id, url) in PAGES {
            assert_eq!(bulletin(id).as_deref(), Some(*url), "{id}");
        }
    }

    const PAGES: &[(&str, &str)] = &[
        (
            "CVE-2024-6387",
            "https://www.cve.org/CVERecord?id=CVE-2024-6387",
        ),
        (
            "DEBIAN-CVE-2024-6387",
            "https://security-tracker.debian.org/tracker/CVE-2024-6387",
        ),
        (
            "UBUNTU-CVE-2024-6387",
            "https://ubuntu.com/security/CVE-2024-6387",
        ),
        ("KB5094123", "https://support.microsoft.com/help/5094123"),
        (
            "MS17-010",
            "https://learn.microsoft.com/security-updates/securitybulletins/2017/ms17-010",
        ),
        (
            "ADV190013",
            "https://msrc.microsoft.com/update-guide/advisory/ADV190013",
        ),
        (
            "DSA-5532",
            "https://security-tracker.debian.org/tracker/DSA-5532",
        ),
        (
            "DSA-5532-1",
            "https://security-tracker.debian.org/tracker/DSA-5532-1",
        ),
        (
            "USN-6859-1",
            "https://ubuntu.com/security/notices/USN-6859-1",
        ),
        (
            "RHSA-2024:4312",
            "https://access.redhat.com/errata/RHSA-2024:4312",
        ),
        (
            "RLSA-2024:4312",
            "https://errata.rockylinux.org/RLSA-2024:4312",
        ),
        (
            "ALSA-2024:4312",
            "https://osv.dev/vulnerability/ALSA-2024:4312",
        ),
        (
            "ELSA-2024-4312",
            "https://linux.oracle.com/errata/ELSA-2024-4312.html",
        ),
        (
            "SUSE-SU-2024:123-1",
            "https://www.suse.com/support/update/announcement/2024/suse-su-20240123-1/",
        ),
        (
            "SUSE-SU-2023:0111-1",
            "https://www.suse.com/support/update/announcement/2023/suse-su-20230111-1/",
        ),
        (
            "FEDORA-2024-aefac7f5d8",
            "https://bodhi.fedoraproject.org/updates/FEDORA-2024-aefac7f5d8",
        ),
        (
            "FEDORA-EPEL-2023-0a1b2c3d4e",
            "https://bodhi.fedoraproject.org/updates/FEDORA-EPEL-2023-0a1b2c3d4e",
        ),
        ("AVG-2843", "https://security.archlinux.org/AVG-2843"),
        (
            "ASA-202106-1",
            "https://security.archlinux.org/ASA-202106-1",
        ),
        (
            "GHSA-2gvm-wx5h-7p2c",
            "https://github.com/advisories/GHSA-2gvm-wx5h-7p2c",
        ),
    ];

    #[test]
    fn every_form_ends_where_its_publisher_ends() {
        for form in FORMS {
            let longest = form.rest.replace(['9', '?'], "1").replace(['h', 'x'], "a");
            let shortest = form
                .rest
                .replace('?', "")
                .replace('9', "2")
                .replace(['h', 'x'], "0");
            for rest in [longest.as_str(), &shortest] {
                let id = format!("{}{rest}", form.prefix);
                let url = bulletin(&id).unwrap_or_default();
                assert!(url.starts_with("https://"), "{id}");
            }
            for wrong in [
                format!("{longest}1"),
                format!("{shortest} "),
                longest.to_uppercase() + "A",
            ] {
                assert_eq!(
                    bulletin(&format!("{}{wrong}", form.prefix)),
                    None,
                    "{wrong}"
                );
            }
        }
    }

    #[test]
    fn whatever_else_leads_nowhere() {
        let long = format!("KB{}", "1".repeat(60));
        for id in [
            "",
            "KB",
            "KB12",
            "kb5094123",
            "KB5094123/../x",
            "CVE-2024-",
            "CVE-2024-1",
            "CVE-2024-63870000",
            "cve-2024-6387",
            "CVE-2024-6387 ",
            "CVE-2024-6387\"onclick=a",
            "CVE-２０２４-6387",
            "CVE-٢٠٢٤-6387",
            "DEBIAN-DEBIAN-CVE-2024-6387",
            "UBUNTU-CVE-2024-6387?",
            "https://example.org/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "RHSA-2024:4312#x",
            "RHSA-2023:7435/../..",
            "DSA-x-1",
            "GHSA-2gvm-wx5h",
            "GHSA-x-x",
            "FEDORA-2024-AEFAC7F5D8",
            "SUSE-SU-2024:1",
            "unknown:packages",
            &long,
        ] {
            assert_eq!(bulletin(id), None, "{id}");
        }
    }
}
