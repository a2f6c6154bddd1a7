//! The cells of the bulletin tables, cleaned of what people typed into them.

use crate::model::{Date, KbId, Restart};

/// The CVEs in a text, whatever stands between them, sorted: `CVE-2015-2442CVE-2015-2446`, `CVE20163247`,
/// `cve-2012-0159`. Before 2005 they were candidates (`CAN-2001-0718`) under the number they have now.
pub(super) fn cves(text: &str) -> Vec<String> {
    let upper = text.to_ascii_uppercase();
    let starts = upper.match_indices("CVE").chain(upper.match_indices("CAN"));
    let mut cves: Vec<_> = starts
        .filter_map(|(at, word)| cve(upper.get(at + word.len()..)?))
        .collect();
    cves.sort_unstable();
    cves.dedup();
    cves
}

/// The CVE whose digits a text begins with.
fn cve(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['-', ' ']);
    let year = text.get(..4).filter(|year| is_number(year))?;
    let rest = text.get(4..)?.trim_start_matches(['-', ' ']);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = rest.get(..digits).filter(|_| (4..=7).contains(&digits))?;
    matches!(year.get(..2), Some("19" | "20")).then(|| format!("CVE-{year}-{number}"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The articles in a text: `955069`, `KB955069`, `MS12-016[2633870],MS12-025[2656368]`, `MS16-106, 3185911`.
/// A bulletin's own id is none, nor is `None`, markup, or a version (`2.41.0`).
pub(super) fn articles(text: &str) -> Vec<KbId> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let mut articles: Vec<_> = words.filter_map(article).collect();
    articles.sort_unstable();
    articles.dedup();
    articles
}

fn article(word: &str) -> Option<KbId> {
    let word = word.trim_end_matches('.');
    let digits = word.trim_start_matches(['K', 'B', 'Q', 'k', 'b', 'q']);
    let is_article = (5..=7).contains(&digits.len()) && is_number(digits);
    let number: u32 = digits.parse().ok().filter(|_| is_article)?;
    (number > 0).then_some(KbId(number))
}

/// A day as Microsoft's tables have it over the years: `2008-11-11`, `20081111`, `11-11-08`,
/// `[$-10009]1/8/2013`, or Excel's number of the day.
pub(super) fn day(text: &str) -> Option<Date> {
    let text = text.rsplit(']').next()?.trim();
    let text = text.split([' ', 'T']).next()?;
    if is_number(text) {
        return numbered_day(text);
    }
    let mut parts = text.split(['-', '/']).map(|part| part.parse::<u16>().ok());
    let (first, second, third) = (parts.next()??, parts.next()??, parts.next()??);
    let (year, month, day) = match first {
        1000.. => (first, second, third),
        _ => (third, first, second),
    };
    let year = match year {
        0..=79 => 2000 + year,
        80..=99 => 1900 + year,
        _ => year,
    };
    Date::parse(&format!("{year:04}-{month:02}-{day:02}"))
}

fn numbered_day(text: &str) -> Option<Date> {
    if text.len() == 8 {
        let (year, month, day) = (text.get(..4)?, text.get(4..6)?, text.get(6..)?);
        return Date::parse(&format!("{year}-{month}-{day}"));
    }
    // 25569 is 1970-01-01; the tables begin in 1998.
    let number: i64 = text.parse().ok()?;
    let is_likely = (35_000..60_000).contains(&number);
    is_likely.then(|| crate::model::UtcTime::from_unix((number - 25_569) * 86_400).date())
}

/// Whether an update asks for a restart.
pub(super) fn restart(text: &str) -> Option<Restart> {
    let first = text.trim().chars().next()?.to_ascii_lowercase();
    match first {
        'y' => Some(Restart::Yes),
        'm' => Some(Restart::Maybe),
        'n' => Some(Restart::No),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cves_are_found_however_they_were_typed() {
        let found = |text| cves(text).join(" ");
        assert_eq!(
            found("CVE-2007-0099,CVE-2008-4029, CVE-2008-4033"),
            "CVE-2007-0099 CVE-2008-4029 CVE-2008-4033"
        );
        assert_eq!(
            found("CVE-2015-2442CVE-2015-2446"),
            "CVE-2015-2442 CVE-2015-2446"
        );
        assert_eq!(found("CVE20163247"), "CVE-2016-3247");
        assert_eq!(found("cve-2012-0159"), "CVE-2012-0159");
        assert_eq!(found("CAN-2001-0718"), "CVE-2001-0718");
        assert_eq!(found("CVE"), "");
        assert_eq!(found("SP7X64SP1 CVE-20 CVE-9999-1234"), "");
    }

    #[test]
    fn superseded_bulletins_mean_their_articles() {
        let found = |text| articles(text).iter().map(|kb| kb.0).collect::<Vec<_>>();
        assert_eq!(found("MS17-005[4010250]"), [4_010_250]);
        assert_eq!(
            found("MS12-016[2633870],MS12-025[2656368]"),
            [2_633_870, 2_656_368]
        );
        assert_eq!(found("MS16-106, 3185911; KB955069."), [955_069, 3_185_911]);
        for junk in ["None", "a<br><br>b", "2.41.0", "MS08-067", "", "123456789"] {
            assert_eq!(found(junk), [0u32; 0], "{junk}");
        }
    }

    #[test]
    fn days_are_read_in_every_form_of_the_tables() {
        let read = |text| day(text).map(|day| day.to_string()).unwrap_or_default();
        for text in ["2008-11-11", "20081111", "11-11-08", "11/11/2008", "39763"] {
            assert_eq!(read(text), "2008-11-11");
        }
        assert_eq!(read("[$-10009]1/8/2013"), "2013-01-08");
        assert_eq!(read("10-04-99"), "1999-10-04");
        for text in ["", "soon", "13-13-13", "1", "2008-11", "99999999"] {
            assert_eq!(read(text), "", "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_them_panic(text in any::<String>()) {
            cves(&text);
            articles(&text);
            day(&text);
            restart(&text);
        }

        #[test]
        fn what_looks_like_a_cell_does_not_either(text in "[CVEANKBQ0-9.,;/\\[\\] ä-]{0,40}") {
            cves(&text);
            articles(&text);
            day(&text);
        }
    }
}
