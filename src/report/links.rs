//! Where a bulletin can be read, by its id.
//!
//! Ids come from catalogues, which are documents of others: only those that are spelt exactly as their publisher
//! spells them get an address, and nothing of them gets into it that is not a letter, a digit or one of `-:_`.

/// The page about a bulletin; `None` where the id is of no kind that is known here.
pub(super) fn bulletin(id: &str) -> Option<String> {
    PUBLISHERS.iter().find_map(|publisher| publisher(id))
}

/// Reads an id of one publisher.
type Publisher = fn(&str) -> Option<String>;

/// Those whose ids are known; the first that recognises an id has it.
const PUBLISHERS: [Publisher; 14] = [
    cve,
    of_distribution,
    kb,
    microsoft_bulletin,
    debian,
    ubuntu,
    red_hat,
    rocky,
    oracle,
    suse,
    fedora,
    arch,
    github,
    alma,
];

fn cve(id: &str) -> Option<String> {
    is_cve(id).then(|| format!("https://www.cve.org/CVERecord?id={id}"))
}

/// `DEBIAN-CVE-2024-1`, `UBUNTU-CVE-2024-1`: what a distribution says of a flaw.
fn of_distribution(id: &str) -> Option<String> {
    let (place, flaw) = match id.split_once('-')? {
        ("DEBIAN", flaw) => ("https://security-tracker.debian.org/tracker/", flaw),
        ("UBUNTU", flaw) => ("https://ubuntu.com/security/", flaw),
        _ => return None,
    };
    is_cve(flaw).then(|| format!("{place}{flaw}"))
}

fn kb(id: &str) -> Option<String> {
    let number = id.strip_prefix("KB")?;
    is_number(number, 6, 8).then(|| format!("https://support.microsoft.com/help/{number}"))
}

/// `MS17-010`.
fn microsoft_bulletin(id: &str) -> Option<String> {
    let (year, number) = id.strip_prefix("MS")?.split_once('-')?;
    let is_one = is_number(year, 2, 2) && is_number(number, 3, 3);
    is_one.then(|| {
        format!("https://learn.microsoft.com/security-updates/securitybulletins/20{year}/ms{year}-{number}")
    })
}

fn debian(id: &str) -> Option<String> {
    let rest = id
        .strip_prefix("DSA-")
        .or_else(|| id.strip_prefix("DLA-"))?;
    let (number, part) = rest.split_once('-').unwrap_or((rest, "1"));
    let is_one = is_number(number, 1, 5) && is_number(part, 1, 2);
    is_one.then(|| format!("https://security-tracker.debian.org/tracker/{id}"))
}

fn ubuntu(id: &str) -> Option<String> {
    let rest = id
        .strip_prefix("USN-")
        .or_else(|| id.strip_prefix("LSN-"))?;
    let (number, part) = rest.split_once('-')?;
    let is_one = is_number(number, 1, 5) && is_number(part, 1, 3);
    is_one.then(|| format!("https://ubuntu.com/security/notices/{id}"))
}

fn red_hat(id: &str) -> Option<String> {
    is_yearly(id, &["RHSA", "RHBA", "RHEA"])
        .then(|| format!("https://access.redhat.com/errata/{id}"))
}

fn rocky(id: &str) -> Option<String> {
    is_yearly(id, &["RLSA", "RXSA"]).then(|| format!("https://errata.rockylinux.org/{id}"))
}

fn alma(id: &str) -> Option<String> {
    is_yearly(id, &["ALSA"]).then(|| format!("https://osv.dev/vulnerability/{id}"))
}

fn oracle(id: &str) -> Option<String> {
    let (year, number) = id.strip_prefix("ELSA-")?.split_once('-')?;
    let is_one = is_number(year, 4, 4) && is_number(number, 1, 6);
    is_one.then(|| format!("https://linux.oracle.com/errata/{id}.html"))
}

/// `SUSE-SU-2024:123-1`; its page pads the number to four digits.
fn suse(id: &str) -> Option<String> {
    let (year, rest) = id.strip_prefix("SUSE-SU-")?.split_once(':')?;
    let (number, part) = rest.split_once('-')?;
    let is_one = is_number(year, 4, 4) && is_number(number, 1, 6) && is_number(part, 1, 2);
    is_one.then(|| {
        format!("https://www.suse.com/support/update/announcement/{year}/suse-su-{year}{number:0>4}-{part}/")
    })
}

fn fedora(id: &str) -> Option<String> {
    let (year, number) = id.strip_prefix("FEDORA-")?.split_once('-')?;
    let is_hex = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_one = is_number(year, 4, 4) && number.len() == 10 && is_hex(number);
    is_one.then(|| format!("https://bodhi.fedoraproject.org/updates/{id}"))
}

fn arch(id: &str) -> Option<String> {
    let is_one = match id.split_once('-')? {
        ("AVG", number) => is_number(number, 1, 5),
        ("ASA", rest) => {
            let (month, number) = rest.split_once('-')?;
            is_number(month, 6, 6) && is_number(number, 1, 3)
        }
        _ => false,
    };
    is_one.then(|| format!("https://security.archlinux.org/{id}"))
}

fn github(id: &str) -> Option<String> {
    let parts: Vec<&str> = id.strip_prefix("GHSA-")?.split('-').collect();
    let is_part = |part: &&str| {
        let mut bytes = part.bytes();
        part.len() == 4 && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is_one = parts.len() == 3 && parts.iter().all(is_part);
    is_one.then(|| format!("https://github.com/advisories/{id}"))
}

fn is_cve(id: &str) -> bool {
    let parts = id
        .strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| is_number(year, 4, 4) && is_number(number, 4, 7))
}

/// `RHSA-2024:1234`.
fn is_yearly(id: &str, kinds: &[&str]) -> bool {
    let Some((kind, rest)) = id.split_once('-') else {
        return false;
    };
    let parts = rest.split_once(':');
    kinds.contains(&kind)
        && parts.is_some_and(|(year, number)| is_number(year, 4, 4) && is_number(number, 1, 6))
}

fn is_number(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::bulletin;

    #[test]
    fn ids_as_their_publishers_spell_them_lead_to_their_pages() {
        for (id, url) in [
            (
                "CVE-2024-6387",
                "https://www.cve.org/CVERecord?id=CVE-2024-6387",
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
                "FEDORA-2024-aefac7f5d8",
                "https://bodhi.fedoraproject.org/updates/FEDORA-2024-aefac7f5d8",
            ),
            ("AVG-2843", "https://security.archlinux.org/AVG-2843"),
            (
                "GHSA-2gvm-wx5h-7p2c",
                "https://github.com/advisories/GHSA-2gvm-wx5h-7p2c",
            ),
        ] {
            assert_eq!(bulletin(id).as_deref(), Some(url), "{id}");
        }
    }

    #[test]
    fn whatever_else_leads_nowhere() {
        for id in [
            "",
            "CVE-2024-1",
            "CVE-2024-63870000",
            "cve-2024-6387",
            "CVE-2024-6387 ",
            "CVE-2024-6387\"onclick=a",
            "CVE-２０２４-6387",
            "KB5094123/../x",
            "KB12",
            "javascript:alert(1)",
            "RHSA-2024:4312#x",
            "DSA-x-1",
            "UBUNTU-CVE-2024-6387?",
            "GHSA-2gvm-wx5h",
            "FEDORA-2024-AEFAC7F5D8",
            "unknown:packages",
            "SUSE-SU-2024:1",
        ] {
            assert_eq!(bulletin(id), None, "{id}");
        }
    }
}
