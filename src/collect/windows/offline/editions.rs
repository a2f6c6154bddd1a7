//! The edition that the name of a system tells, by the table beside this file.
//!
//! `EditionID` is a word of the registry's, which `systeminfo` does not print.

/// One row of the table: words of a name, in lower case, and the edition that they mean.
const TABLE: &str = include_str!("editions.csv");

/// The `EditionID` of a system by its name; `None` where the table does not have its words. Of several
/// rows the longest counts.
pub(super) fn edition(name: &str, is_server: bool) -> Option<String> {
    let kind = if is_server { "server" } else { "client" };
    let name = plain(name);
    let rows = TABLE.lines().skip(1).filter_map(|line| {
        let (of, rest) = line.split_once(',')?;
        let (words, edition) = rest.rsplit_once(',')?;
        (of == kind && has_words(&name, words)).then_some((words, edition))
    });
    let (_, edition) = rows.max_by_key(|(words, _)| words.len())?;
    // Editions without Media Player, for Europe and Korea.
    let without = ["n", "kn"]
        .into_iter()
        .find(|mark| name.split(' ').next_back() == Some(*mark));
    let without = without.filter(|_| !is_server).unwrap_or_default();
    Some(format!("{edition}{}", without.to_uppercase()))
}

/// Lower case, single blanks.
fn plain(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Whether words stand in a name, whole.
fn has_words(name: &str, words: &str) -> bool {
    let mut places = name.match_indices(words);
    places.any(|(at, _)| {
        let before = name.get(..at).and_then(|text| text.chars().next_back());
        let after = name
            .get(at + words.len()..)
            .and_then(|text| text.chars().next());
        let is_end = |char: Option<char>| char.is_none_or(|char| !char.is_alphanumeric());
        is_end(before) && is_end(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editions_are_told_in_any_language_of_the_table() {
        let cases = [
            ("Microsoft Windows 10 Enterprise", false, "Enterprise"),
            ("Microsoft Windows 10 企业版 LTSC", false, "EnterpriseS"),
            ("Microsoft Windows 11 Enterprise LTSC", false, "EnterpriseS"),
            ("Microsoft Windows 10 Pro", false, "Professional"),
            (
                "Microsoft Windows\u{a0}7 Entreprise N ",
                false,
                "EnterpriseN",
            ),
            ("Microsoft Windows 7 Ultimate N ", false, "UltimateN"),
            (
                "Microsoft Windows Server 2022 Datacenter",
                true,
                "ServerDatacenter",
            ),
            (
                "Microsoft Windows Server 2022 Datacenter: Azure Edition",
                true,
                "ServerTurbine",
            ),
            (
                "Microsoft(R) Windows(R) Server 2003, Standard Edition",
                true,
                "ServerStandard",
            ),
        ];
        for (name, is_server, told) in cases {
            assert_eq!(edition(name, is_server).as_deref(), Some(told), "{name}");
        }
        assert_eq!(edition("Microsoft Windows 12 Vorzug", false), None);
        assert_eq!(edition("Microsoft Windows 10 Professionals", false), None);
    }
}
