//! What `reg query` prints: keys at the left edge, four spaces before a value.
//!
//! ```text
//! HKEY_LOCAL_MACHINE\SOFTWARE\Example
//!     Name    REG_SZ    text
//! ```
//!
//! Between name, type and data are four spaces, and any of the three may hold four spaces of its own:
//! the first type ends the name. A text with line breaks goes on at the left edge. Everything else at
//! the left edge is talk in the system's language.

use super::text::{clip, lines};
use std::borrow::Cow;

/// More keys than the largest hive that is asked for has.
const MOST_KEYS: usize = 100_000;

/// More values than a key that is asked for has.
const MOST_VALUES: usize = 2_000;

/// The most characters of one value.
const MOST_TEXT: usize = 4_000;

/// A key with the values that were printed below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    /// The whole path, `HKEY_LOCAL_MACHINE\…`.
    pub(super) path: &'a str,
    values: Vec<Value<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Value<'a> {
    name: &'a str,
    kind: &'a str,
    data: Cow<'a, str>,
}

/// Reads an answer. Total: any text gives some keys.
pub(super) fn keys(text: &str) -> Vec<Key<'_>> {
    let mut keys: Vec<Key<'_>> = Vec::new();
    // Whether the next line may belong to the value before it.
    let mut is_open = false;
    for line in lines(text) {
        if line.starts_with(r"HKEY_") {
            if keys.len() >= MOST_KEYS {
                break;
            }
            let path = line.trim_end().trim_end_matches('\\');
            let values = Vec::new();
            keys.push(Key { path, values });
            is_open = false;
            continue;
        }
        let Some(key) = keys.last_mut() else { continue };
        if let Some(value) = Value::read(line) {
            is_open = value.is_text();
            key.add(value);
        } else if line.is_empty() {
            is_open = false;
        } else if is_open {
            key.go_on(line);
        }
    }
    keys
}

impl<'a> Key<'a> {
    /// The last part of the path.
    pub(super) fn name(&self) -> &'a str {
        self.path
            .rsplit_once('\\')
            .map_or(self.path, |(_, name)| name)
    }

    /// The last part of the path of the key above.
    pub(super) fn parent(&self) -> &'a str {
        let above = self.path.rsplit_once('\\').map_or("", |(above, _)| above);
        above.rsplit_once('\\').map_or(above, |(_, name)| name)
    }

    /// The path below a folder, whatever the case: `Foo\Bar` below `…\Packages`.
    pub(super) fn below(&self, folder: &str) -> Option<&'a str> {
        let at = find_ignoring_case(self.path, folder)?;
        self.path.get(at + folder.len()..)?.strip_prefix('\\')
    }

    /// Whether a path ends with these parts, whatever the case.
    pub(super) fn is_at(&self, end: &str) -> bool {
        let start = self.path.len().checked_sub(end.len());
        let tail = start.and_then(|start| self.path.get(start..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    }

    /// A text, trimmed; `None` where there is none or an empty one, or where it is of another type.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.value(name).filter(|value| value.is_text())?;
        Some(value.data.trim()).filter(|text| !text.is_empty())
    }

    /// A text, cut to a length.
    pub(super) fn clipped(&self, name: &str, most: usize) -> Option<String> {
        self.text(name).map(|text| clip(text, most))
    }

    /// A number: `REG_DWORD` and `REG_QWORD`, in hex.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let value = self.value(name).filter(|value| value.is_number())?;
        let digits = value.data.trim();
        let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X"))?;
        u64::from_str_radix(digits, 16).ok()
    }

    /// A number of at most 32 bits.
    pub(super) fn dword(&self, name: &str) -> Option<u32> {
        self.number(name)?.try_into().ok()
    }

    /// Whether there is a value of this name, of whatever type.
    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The names of the values.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.values.iter().map(|value| value.name)
    }

    fn value(&self, name: &str) -> Option<&Value<'a>> {
        let named = |value: &&Value<'_>| value.name.eq_ignore_ascii_case(name);
        self.values.iter().find(named)
    }

    fn add(&mut self, value: Value<'a>) {
        if self.values.len() < MOST_VALUES {
            self.values.push(value);
        }
    }

    fn go_on(&mut self, line: &str) {
        let Some(value) = self.values.last_mut() else {
            return;
        };
        if value.data.len() + line.len() < MOST_TEXT {
            let data = value.data.to_mut();
            data.push('\n');
            data.push_str(line);
        }
    }
}

impl<'a> Value<'a> {
    fn read(line: &'a str) -> Option<Self> {
        const GAP: &str = "    ";
        let line = line.strip_prefix(GAP)?;
        for (at, gap) in line.match_indices("    REG_") {
            let rest = line.get(at + GAP.len()..)?;
            let end = rest
                .find(|c: char| !(c.is_ascii_uppercase() || c == '_'))
                .unwrap_or(rest.len());
            let (kind, data) = rest.split_at_checked(end)?;
            // A recording may have lost the spaces before an empty value.
            let data = data
                .strip_prefix(GAP)
                .or(data.trim().is_empty().then_some(""));
            if let Some(data) = data.filter(|_| kind.len() > gap.len() - GAP.len()) {
                let name = line.get(..at)?;
                let data = data.get(..).map(Cow::Borrowed)?;
                return Some(Self { name, kind, data });
            }
        }
        None
    }

    fn is_text(&self) -> bool {
        matches!(self.kind, "REG_SZ" | "REG_EXPAND_SZ" | "REG_MULTI_SZ")
    }

    fn is_number(&self) -> bool {
        matches!(self.kind, "REG_DWORD" | "REG_QWORD")
    }
}

/// Where a text is, whatever the case of its ASCII letters.
fn find_ignoring_case(hay: &str, needle: &str) -> Option<usize> {
    let (hay, needle) = (hay.as_bytes(), needle.as_bytes());
    if needle.is_empty() {
        return None;
    }
    hay.windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Uninstall\\Tool\r\n    \
        (Standard)    REG_SZ    Vorgabe\r\n    \
        Display Name    REG_SZ    with    REG_SZ    inside\r\n    \
        Size    REG_DWORD    0x15a0\r\n    Big    REG_QWORD    0x1d9f00000000\r\n    \
        Blob    REG_BINARY    DEADBEEF\r\n    None    REG_NONE    \r\n    \
        Languages    REG_MULTI_SZ    en\\0de\r\n    Empty    REG_SZ    \r\n    \
        Two    REG_SZ    a\r\nb\r\n    Last    REG_EXPAND_SZ    %windir%\\x\r\n\r\n\
        HKEY_LOCAL_MACHINE\\SOFTWARE\\Uninstall\\Leer\r\n\r\n\
        HKEY_LOCAL_MACHINE\\SOFTWARE\\Uninstall\\\u{4e2d}\u{6587}\r\n    \
        DisplayName    REG_SZ    M\u{fc}ller \u{30c4}\u{30fc}\u{30eb}\r\n\r\n\
        Suche abgeschlossen: 3 \u{dc}bereinstimmung(en) gefunden.\r\n";

    #[test]
    fn names_types_and_data_are_told_apart_by_the_first_type() {
        let keys = keys(TEXT);
        let tool = &keys[0];
        assert_eq!(tool.name(), "Tool");
        assert_eq!(tool.parent(), "Uninstall");
        assert_eq!(tool.text("display name"), Some("with    REG_SZ    inside"));
        assert_eq!(tool.dword("Size"), Some(0x15a0));
        assert_eq!(tool.number("Big"), Some(0x1d9f_0000_0000));
        assert_eq!(tool.dword("Big"), None);
        assert_eq!(tool.text("Size"), None);
        assert_eq!(tool.text("Empty"), None);
        assert!(tool.has("Empty") && tool.has("None") && !tool.has("Nothing"));
        assert_eq!(tool.text("Two"), Some("a\nb"));
        assert_eq!(tool.text("Last"), Some(r"%windir%\x"));
        assert_eq!(tool.text("Languages"), Some(r"en\0de"));
        assert_eq!(tool.below(r"software\uninstall"), Some("Tool"));
        assert!(tool.is_at(r"\uninstall\tool"));
    }

    #[test]
    fn keys_without_values_and_foreign_names_are_keys_and_talk_is_none() {
        let keys = keys(TEXT);
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[1].names().count(), 0);
        assert_eq!(keys[2].name(), "\u{4e2d}\u{6587}");
        let name = "M\u{fc}ller \u{30c4}\u{30fc}\u{30eb}";
        assert_eq!(keys[2].text("DisplayName"), Some(name));
        assert_eq!(keys[2].names().count(), 1);
    }

    #[test]
    fn line_endings_do_not_matter() {
        assert_eq!(keys(TEXT), keys(&TEXT.replace("\r\n", "\n")));
        let trimmed = "HKEY_USERS\\S\n    Empty    REG_SZ\n    N    REG_QWORD    (null)\n";
        let keys = keys(trimmed);
        assert!(keys[0].has("Empty"));
        assert_eq!(keys[0].number("N"), None);
    }

    #[test]
    fn what_reg_says_about_a_key_that_is_not_there_is_no_value() {
        let text = "HKEY_USERS\\S\r\n    A    REG_SZ    1\r\n\r\nreg: Unable to find the specified registry key\r\n\r\nHKEY_USERS\\T\r\n";
        let keys = keys(text);
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].text("A"), Some("1"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            keys(&text);
        }

        #[test]
        fn any_text_much_like_an_answer_is_read_without_a_panic(
            text in "(HKEY_[A-Z]{0,3}\\\\?.{0,5}\n|    .{0,9}    REG_[A-Z_]{0,4} {0,5}.{0,9}\r?\n|.{0,9}\n){0,9}",
        ) {
            for key in keys(&text) {
                let _ = (key.name(), key.parent(), key.below("A"), key.is_at("é"));
                for name in key.names() {
                    let _ = (key.text(name), key.number(name), key.dword(name));
                }
            }
        }

        #[test]
        fn a_value_comes_back_as_it_was(
            name in "[A-Za-z][A-Za-z ]{0,20}[a-z]",
            data in "[^\\r\\n]{0,40}[a-z]",
        ) {
            let text = format!("\r\nHKEY_USERS\\K\r\n    {name}    REG_SZ    {data}\r\n\r\n");
            let keys = keys(&text);
            prop_assert_eq!(keys[0].text(&name), Some(data.trim()));
        }
    }
}
