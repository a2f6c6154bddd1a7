//! What a WMI query answered, as text: the same over WinRM, over SSH and in a recorded file.
//!
//! An instance is a block of lines `Property=value`, closed by an empty line. A null property is left
//! out, an array repeats its line, an empty text is `Property=`. In values `\\`, line feed, carriage
//! return and tab are written as `\\`, `\n`, `\r` and `\t`. Booleans are `true` and `false`; times are
//! as the protocol gave them: ISO 8601, or DMTF (`20240601080001.500000+060`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One instance: its properties by name, each with one value or, of an array, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WmiRow(BTreeMap<String, Vec<String>>);

impl WmiRow {
    /// Adds a value to a property.
    pub fn push(&mut self, property: impl Into<String>, value: impl Into<String>) {
        self.0
            .entry(property.into())
            .or_default()
            .push(value.into());
    }

    /// A property's value, the first of an array; `None` for null. Names count whatever their case.
    pub fn get(&self, property: &str) -> Option<&str> {
        self.all(property).first().map(String::as_str)
    }

    /// Every value of a property.
    pub fn all(&self, property: &str) -> &[String] {
        let named = |entry: &(&String, &Vec<String>)| entry.0.eq_ignore_ascii_case(property);
        self.0.iter().find(named).map_or(&[], |(_, values)| values)
    }

    /// The properties that are not null, sorted by name.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &[String])> {
        let entries = self.0.iter();
        entries.map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Reads the text of an answer. Total: a line without `=` is passed over.
    pub fn parse(text: &str) -> Vec<Self> {
        let mut rows = Vec::new();
        let mut row = Self::default();
        for line in text.lines() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                rows.extend(row.take());
                continue;
            }
            if let Some((name, value)) = line.split_once('=') {
                row.push(name, unescape(value));
            }
        }
        rows.extend(row.take());
        rows
    }

    /// Writes instances as the text of an answer.
    pub fn write(rows: &[Self]) -> String {
        let mut text = String::new();
        for row in rows {
            for (name, values) in row.properties() {
                for value in values {
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "{name}={}", escape(value));
                }
            }
            text.push('\n');
        }
        text
    }

    fn take(&mut self) -> Option<Self> {
        let row = std::mem::take(self);
        (!row.0.is_empty()).then_some(row)
    }
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for char in value.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_instance_is_a_block_of_lines() {
        let text = "HotFixID=KB5034122\r\nInstalledOn=\r\n\r\nHotFixID=KB1\nPath=C:\\\\new\nIPAddress=10.0.0.1\nIPAddress=fe80::1\n";
        let rows = WmiRow::parse(text);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get("hotfixid"), Some("KB5034122"));
        assert_eq!(rows[0].get("InstalledOn"), Some(""));
        assert_eq!(rows[0].get("Path"), None);
        assert_eq!(rows[1].get("Path"), Some(r"C:\new"));
        assert_eq!(rows[1].all("IPAddress").len(), 2);
    }

    proptest! {
        #[test]
        fn any_value_comes_back_as_it_was(values in prop::collection::vec(any::<String>(), 1..4)) {
            let mut row = WmiRow::default();
            for value in &values {
                row.push("A", value);
            }
            let text = WmiRow::write(&[row.clone(), row.clone()]);
            // What splits lines for others does not for `str::lines`.
            prop_assert_eq!(WmiRow::parse(&text), [row.clone(), row]);
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            WmiRow::parse(&text);
        }
    }
}
