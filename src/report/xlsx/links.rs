//! The page of a bulletin, by its id.
//!
//! Ids come from feeds and files of others: only what is exactly of a publisher's own form becomes a link, and of it
//! only letters, digits and dashes go into the address.

/// A form of ids: what it begins with, what follows, and the page.
struct Form {
    /// In letters as the publisher writes them.
    prefix: &'static str,
    /// What follows: `9` is one digit, `n` one or more, `x` one or more of `0-9a-z`, all else itself.
    rest: &'static str,
    /// Its address.
    page: fn(&str) -> String,
}

/// Every form that has a page.
const FORMS: &[Form] = &[
    form("CVE-", "9999-n", |id| {
        format!("https://www.cve.org/CVERecord?id={id}")
    }),
    form("KB", "n", |id| {
        let number = id.trim_start_matches("KB");
        format!("https://support.microsoft.com/help/{number}")
    }),
    form("MS", "99-999", |id| {
        let year = id.get(2..4).unwrap_or_default();
        let name = id.to_ascii_lowercase();
        format!("https://learn.microsoft.com/security-updates/securitybulletins/20{year}/{name}")
    }),
    form("ADV", "n", |id| {
        format!("https://msrc.microsoft.com/update-guide/advisory/{id}")
    }),
    form("DSA-", "n", debian),
    form("DSA-", "n-n", debian),
    form("DLA-", "n", debian),
    form("DLA-", "n-n", debian),
    form("USN-", "n-n", ubuntu),
    form("LSN-", "n-n", ubuntu),
    form("RHSA-", "9999:n", redhat),
    form("RHBA-", "9999:n", redhat),
    form("RHEA-", "9999:n", redhat),
    form("RLSA-", "9999:n", rocky),
    form("RLBA-", "9999:n", rocky),
    form("RLEA-", "9999:n", rocky),
    form("ELSA-", "9999-n", oracle),
    form("ELBA-", "9999-n", oracle),
    form("SUSE-SU-", "9999:9999-n", suse),
    form("FEDORA-", "9999-x", fedora),
    form("FEDORA-EPEL-", "9999-x", fedora),
    form("GHSA-", "x-x-x", |id| {
        format!("https://github.com/advisories/{id}")
    }),
    form("AVG-", "n", |id| {
        format!("https://security.archlinux.org/{id}")
    }),
    form("ASA-", "n-n", |id| {
        format!("https://security.archlinux.org/{id}")
    }),
];

/// The longest id that is looked at.
const LONGEST: usize = 40;

/// The page of a bulletin, update or flaw; `None` where its id is of no form that is known.
pub(super) fn page(id: &str) -> Option<String> {
    if id.len() > LONGEST {
        return None;
    }
    let form = FORMS.iter().find(|form| {
        let rest = id.strip_prefix(form.prefix);
        rest.is_some_and(|rest| is_of(rest, form.rest))
    })?;
    Some((form.page)(id))
}

/// What our own tables say of Microsoft's catalogue, and nothing else, is a link as it stands.
pub(super) fn catalogue(text: &str) -> Option<String> {
    let number = text.strip_prefix("https://www.catalog.update.microsoft.com/Search.aspx?q=KB")?;
    (number.len() < LONGEST && is_of(number, "n")).then(|| text.to_owned())
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

/// `SUSE-SU-2023:0111-1` is at `…/2023/suse-su-20230111-1/`.
fn suse(id: &str) -> String {
    let year: String = id.chars().filter(char::is_ascii_digit).take(4).collect();
    let name = id.replace(':', "").to_ascii_lowercase();
    format!("https://www.suse.com/support/update/announcement/{year}/{name}/")
}

fn fedora(id: &str) -> String {
    format!("https://bodhi.fedoraproject.org/updates/{id}")
}

fn is_of(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    for sign in pattern.chars() {
        let left = match sign {
            '9' => rest.strip_prefix(|one: char| one.is_ascii_digit()),
            'n' => beyond(rest, |one| one.is_ascii_digit()),
            'x' => beyond(rest, |one| one.is_ascii_digit() || one.is_ascii_lowercase()),
            sign => rest.strip_prefix(sign),
        };
        let Some(left) = left else { return false };
        rest = left;
    }
    rest.is_empty()
}

/// What is behind at least one such character.
fn beyond(text: &str, is_such: impl Fn(char) -> bool) -> Option<&str> {
    let rest = text.trim_start_matches(is_such);
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_publishers_have_their_page() {
        for (id, address) in [
            (
                "CVE-2024-6387",
                "https://www.cve.org/CVERecord?id=CVE-2024-6387",
            ),
            ("KB5094123", "https://support.microsoft.com/help/5094123"),
            (
                "RHSA-2023:7435",
                "https://access.redhat.com/errata/RHSA-2023:7435",
            ),
            (
                "DSA-5532-1",
                "https://security-tracker.debian.org/tracker/DSA-5532-1",
            ),
            (
                "USN-6450-1",
                "https://ubuntu.com/security/notices/USN-6450-1",
            ),
            (
                "MS17-010",
                "https://learn.microsoft.com/security-updates/securitybulletins/2017/ms17-010",
            ),
            (
                "SUSE-SU-2023:0111-1",
                "https://www.suse.com/support/update/announcement/2023/suse-su-20230111-1/",
            ),
            (
                "FEDORA-EPEL-2023-0a1b2c3d4e",
                "https://bodhi.fedoraproject.org/updates/FEDORA-EPEL-2023-0a1b2c3d4e",
            ),
        ] {
            assert_eq!(page(id).as_deref(), Some(address));
        }
    }

    #[test]
    fn nothing_else_is_a_link() {
        let long = format!("KB{}", "1".repeat(60));
        for id in [
            "",
            "KB",
            "kb5094123",
            "CVE-2024-",
            "CVE-2024-1 ",
            "CVE-2024-1\" onclick",
            "CVE-٢٠٢٤-1",
            "https://example.org/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "RHSA-2023:7435/../..",
            "RHSA-2023:7435#x",
            "GHSA-x-x",
            "unknown:packages",
            &long,
        ] {
            assert_eq!(page(id), None, "{id}");
        }
        let ours = "https://www.catalog.update.microsoft.com/Search.aspx?q=KB5094123";
        assert_eq!(catalogue(ours).as_deref(), Some(ours));
        assert_eq!(catalogue(&format!("{ours}&x=1")), None);
        assert_eq!(catalogue("https://example.org/?q=KB1"), None);
    }
}
