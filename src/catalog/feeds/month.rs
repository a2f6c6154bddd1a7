//! The names of months, as Microsoft calls its monthly documents.

use super::text::day_of;
use crate::model::Date;

/// The month of a day: `2008-Nov`.
pub(super) fn month(day: Date) -> String {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = day.to_string();
    let mut parts = text.split('-');
    let year = parts.next().unwrap_or_default();
    let number = parts.next().and_then(|month| month.parse::<usize>().ok());
    let name = number.and_then(|number| NAMES.get(number.checked_sub(1)?));
    format!("{year}-{}", name.unwrap_or(&""))
}

/// The first day of the month that a document is called by.
pub(in crate::catalog) fn month_of(document: &str) -> Option<Date> {
    let (year, name) = document.split_once('-')?;
    let day = day_of(year, name, "1")?;
    (month(day) == document).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_called_as_its_document() {
        let name = |text| month(Date::parse(text).unwrap());
        assert_eq!(name("2008-11-11"), "2008-Nov");
        assert_eq!(name("2026-01-01"), "2026-Jan");
        assert_eq!(name("2025-12-31"), "2025-Dec");
        assert_eq!(month_of("2016-Apr"), Date::parse("2016-04-01"));
        for other in [
            "2016-April",
            "16-Apr",
            "2016-Apx",
            "2016-Apr-B",
            "CVE-2016-0001",
            "",
        ] {
            assert_eq!(month_of(other), None, "{other}");
        }
    }
}
