//! The names of months, as Microsoft calls its monthly documents.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_called_as_its_document() {
        let name = |text| month(Date::parse(text).unwrap());
        assert_eq!(name("2008-11-11"), "2008-Nov");
        assert_eq!(name("2026-01-01"), "2026-Jan");
        assert_eq!(name("2025-12-31"), "2025-Dec");
    }
}
