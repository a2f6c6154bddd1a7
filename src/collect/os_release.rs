//! os-release(5): how a Linux says which distribution it is.

use std::collections::BTreeMap;

/// The fields of an os-release file. Values are without their quotes; the last of two equal names
/// counts, as in a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OsRelease(BTreeMap<String, String>);

impl OsRelease {
    /// Reads an os-release file. Lines that are no assignment are passed over, as the manual asks.
    pub(super) fn parse(text: &str) -> Self {
        let assignments = text.lines().filter_map(assignment);
        Self(assignments.take(200).collect())
    }

    /// What another file says, in os-release's words.
    pub(super) fn from_fields(fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let fields = fields.into_iter();
        Self(
            fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// A field that is set to something.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// A field in lower case.
    pub(super) fn lower(&self, name: &str) -> Option<String> {
        self.field(name).map(str::to_ascii_lowercase)
    }
}

fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_owned(), unquote(value)))
}

/// What a shell would assign: without the quotes, and without the backslashes before
/// ``"``, `$`, `\` and `` ` ``.
fn unquote(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
    {
        return inner.to_owned();
    }
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let mut out = String::new();
    let mut escaped = false;
    for letter in quoted.unwrap_or(value).chars() {
        if letter == '\\' && !escaped {
            escaped = true;
            continue;
        }
        if escaped && !matches!(letter, '"' | '$' | '\\' | '`') && quoted.is_some() {
            out.push('\\');
        }
        escaped = false;
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_a_shells() {
        let os = OsRelease::parse(
            "# a comment\n\nID='debian'\nNAME=\"a \\\"b\\\" \\$c \\d\"\r\nVERSION_ID=12\nbad line\nX Y=1\n",
        );
        assert_eq!(os.field("ID"), Some("debian"));
        assert_eq!(os.field("NAME"), Some("a \"b\" $c \\d"));
        assert_eq!(os.field("VERSION_ID"), Some("12"));
        assert_eq!(os.field("X Y"), None);
    }

    #[test]
    fn an_empty_field_is_no_field() {
        let os = OsRelease::parse("VERSION_ID=\"\"\nVERSION_CODENAME=\n");
        assert_eq!(
            (os.field("VERSION_ID"), os.field("VERSION_CODENAME")),
            (None, None)
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = OsRelease::parse(&text);
        }
    }
}
