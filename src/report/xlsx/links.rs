//! Links of the workbook besides those of bulletins ([`super::super::links`]).

use super::super::links::{KB, is_of};

/// What our own tables say of Microsoft's catalogue, and nothing else, is a link as it stands.
pub(super) fn catalogue(text: &str) -> Option<String> {
    let number = text.strip_prefix("https://www.catalog.update.microsoft.com/Search.aspx?q=KB")?;
    is_of(number, KB).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::catalogue;

    #[test]
    fn of_addresses_only_our_own_ones_of_the_catalogue_are_links() {
        let ours = "https://www.catalog.update.microsoft.com/Search.aspx?q=KB5094123";
        assert_eq!(catalogue(ours).as_deref(), Some(ours));
        assert_eq!(catalogue(&format!("{ours}&x=1")), None);
        assert_eq!(catalogue("https://example.org/?q=KB1"), None);
    }
}
