//! The words of Microsoft's pages about Office: versions, channels, editions and days, in English and
//! Portuguese, the languages in which we have seen such pages.

use super::text::day_of;
use crate::model::Date;

/// A version and its build.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) version: String,
    pub(super) build: String,
}

/// `Version 2106 (Build 14131.20320)`, in any language: the numbers alone.
pub(super) fn named(words: &str) -> Option<Named> {
    let numbers = words.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let mut version = None;
    for number in numbers.map(|number| number.trim_matches('.')) {
        let is_build = |number: &str| {
            let parts = number.split_once('.');
            parts.is_some_and(|(one, two)| {
                (4..=5).contains(&one.len())
                    && (4..=5).contains(&two.len())
                    && two.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        if number.len() == 4 && !number.contains('.') {
            version = Some(number.to_owned());
        } else if is_build(number) {
            let (one, two) = number.split_once('.')?;
            let two = two.trim_start_matches('0');
            return Some(Named {
                version: version?,
                build: format!("16.0.{one}.{two}"),
            });
        }
    }
    None
}

/// The channel or edition that words name, in English or Portuguese, or that the name of its page says:
/// `semi-annual-enterprise-channel-preview.md`.
pub(super) fn branch(words: &str) -> Option<String> {
    let words = words.to_lowercase();
    let any = |wanted: &[&str]| wanted.iter().any(|word| words.contains(word));
    let early = [
        "preview",
        "targeted",
        "visualiza",
        "direcionad",
        "segmentad",
    ];
    if let Some(edition) = editions(&words).pop() {
        return Some(edition);
    }
    let preview = if any(&early) { " (Preview)" } else { "" };
    let channel = if any(&["windows 7"]) {
        return Some("Microsoft 365 Apps on Windows 7".to_owned());
    } else if any(&["semi-annual", "semiannual", "semestral"]) {
        "Semi-Annual Enterprise Channel"
    } else if any(&["monthly", "mensal"]) && any(&["enterprise", "empresarial", "corporativo"]) {
        "Monthly Enterprise Channel"
    } else if any(&["current", "atual", "monthly", "mensal"]) {
        "Current Channel"
    } else {
        return None;
    };
    Some(format!(
        "{channel}{}",
        if preview.is_empty() && any(&["pré"]) {
            " (Preview)"
        } else {
            preview
        }
    ))
}

/// The editions that words name: `Retail versions of Office 2016 C2R and Office 2019`.
pub(super) fn editions(words: &str) -> Vec<String> {
    let words = words.to_lowercase();
    let is_retail = words.contains("retail") || words.contains("varejo");
    let is_volume = words.contains("volume");
    if is_retail == is_volume {
        return Vec::new();
    }
    let years = ["2016", "2019", "2021", "2024"].into_iter();
    years
        .filter(|year| words.contains(year))
        .map(|year| match (is_retail, year) {
            (true, _) => format!("Office {year} Retail"),
            (false, "2016" | "2019") => format!("Office {year} Perpetual Enterprise"),
            (false, _) => format!("Office LTSC {year} Perpetual Enterprise"),
        })
        .collect()
}

/// `july-13-2021`.
pub(super) fn day_of_anchor(anchor: &str) -> Option<Date> {
    let mut parts = anchor.split('-');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    day_of(year, month, day)
}

/// `version-2106-july-13`, `version-2106-build-1413120278-june-29`.
pub(super) fn day_in_anchor(year: &str, anchor: &str) -> Option<Date> {
    let parts: Vec<&str> = anchor.split('-').collect();
    let mut pairs = parts.windows(2);
    pairs.find_map(|pair| match pair {
        [month, day] => day_of(year, month, day),
        _ => None,
    })
}

/// A day in English or Portuguese: `July 13, 2021`, `13 de julho de 2021`, `1º de março de 2020`.
pub(super) fn day_of_words(words: &str) -> Option<Date> {
    /// Portuguese months that do not begin as the English do.
    const PORTUGUESE: [(&str, &str); 7] = [
        ("fev", "feb"),
        ("abr", "apr"),
        ("mai", "may"),
        ("ago", "aug"),
        ("set", "sep"),
        ("out", "oct"),
        ("dez", "dec"),
    ];
    let words = words.to_lowercase();
    let words = words.split(|letter: char| !letter.is_alphanumeric());
    let (mut year, mut month, mut day) = (None, None, None);
    for word in words.filter(|word| !word.is_empty()) {
        let number = word.trim_end_matches(['º', 'o', 's', 't', 'n', 'd', 'r', 'h']);
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            match number.len() {
                4 => year = Some(number.to_owned()),
                1 | 2 => day = Some(number.to_owned()),
                _ => return None,
            }
        } else if word.chars().count() >= 3 {
            let start: String = word.chars().take(3).collect();
            let found = PORTUGUESE.iter().find(|(name, _)| *name == start);
            let start = found.map_or(start, |(_, english)| (*english).to_owned());
            // `channel`, `lançado` and the like are no months.
            month = month.or_else(|| day_of("2000", &start, "1").map(|_| start));
        }
    }
    day_of(&year?, &month?, &day?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_known_by_every_name_they_had() {
        let cases = [
            (
                "Canal Semestral (Direcionado)",
                "Semi-Annual Enterprise Channel (Preview)",
            ),
            (
                "Canal Empresarial Semestral (Pré-visualização)",
                "Semi-Annual Enterprise Channel (Preview)",
            ),
            (
                "Canal semestral (segmentado)",
                "Semi-Annual Enterprise Channel (Preview)",
            ),
            (
                "Canal Empresarial Semestral",
                "Semi-Annual Enterprise Channel",
            ),
            ("Canal Corporativo Mensal", "Monthly Enterprise Channel"),
            ("Canal Mensal", "Current Channel"),
            ("Current Channel (Preview)", "Current Channel (Preview)"),
            ("monthly-channel-2020.md", "Current Channel"),
            (
                "Licenciado por volume do Office 2019",
                "Office 2019 Perpetual Enterprise",
            ),
            ("Varejo Office 2016", "Office 2016 Retail"),
        ];
        for (words, expected) in cases {
            assert_eq!(branch(words).as_deref(), Some(expected), "{words}");
        }
        assert_eq!(branch("Excel"), None);
    }

    #[test]
    fn days_are_read_in_both_languages() {
        let cases = [
            ("July 13, 2021", "2021-07-13"),
            ("13 de julho de 2021", "2021-07-13"),
            ("1º de março de 2020   ", "2020-03-01"),
            ("18 de março, 2021", "2021-03-18"),
            ("8 de dezembro 2020", "2020-12-08"),
        ];
        for (words, expected) in cases {
            assert_eq!(day_of_words(words), Date::parse(expected), "{words}");
        }
        assert_eq!(day_of_words("A versão 2107 foi lançada"), None);
        assert_eq!(day_of_anchor("july-13-2021"), Date::parse("2021-07-13"));
        assert_eq!(day_of_anchor("version-2106-july-13"), None);
    }
}
