//! What the operator says of a list: in the configuration, or by flags.

use super::{Field, ReadOptions};
use crate::model::{Date, ListKind, Vouch};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A list that was named, as `[[known]]` of a configuration file or `--known` names it.
///
/// ```toml
/// [[known]]
/// file = "ad.csv"
/// name = "AD"
/// kind = "active_directory"
/// vouches = ["managed"]
/// as_of = "2026-11-01"
/// map = { name = "Computer", serial = "#3" }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The file.
    #[serde(rename = "file")]
    pub path: PathBuf,
    /// What to call the list; else the file's name without extension.
    #[serde(default)]
    pub name: Option<String>,
    /// What wrote it; else what it looks like.
    #[serde(default)]
    pub kind: Option<ListKind>,
    /// What it vouches for; else what its kind does.
    #[serde(default)]
    pub vouches: Option<Vec<Vouch>>,
    /// The day it tells of; else the newest day in it, else the file's own.
    #[serde(default)]
    pub as_of: Option<Date>,
    /// Which column is what, over what is recognised: a header, or `#` and a number from 1.
    #[serde(default)]
    pub map: BTreeMap<Field, String>,
}

/// A `--map` flag: of one list, or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The list it is for, by name; else every list that has the column.
    pub list: Option<String>,
    /// What the column is.
    pub field: Field,
    /// The column: a header, or `#` and a number from 1.
    pub header: String,
}

/// Why a flag cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No file is named.
    #[error("`{0}` names no file: write `--known FILE` or `--known NAME=FILE`")]
    NoFile(String),
    /// It is not `FIELD=HEADER`.
    #[error("`{0}` maps nothing: write `--map FIELD=HEADER`, or `--map LIST:FIELD=HEADER`")]
    NoMapping(String),
    /// No such field.
    #[error("`{field}` is nothing that a column can be: {}", words())]
    NoField {
        /// What was written.
        field: String,
    },
    /// A column number that is none.
    #[error("`{0}` is no column: they are counted from #1")]
    NoColumn(String),
}

fn words() -> String {
    let words: Vec<_> = Field::ALL.iter().map(|field| field.as_str()).collect();
    words.join(", ")
}

impl Source {
    /// Reads `[NAME=]FILE`. A file whose own name has a `=` needs a name before it, or `./`: what stands before
    /// the first `=` is a name where it has no slash.
    pub fn parse_flag(flag: &str) -> Result<Self, SourceError> {
        let (name, path) = match flag.split_once('=') {
            Some((name, path)) if !name.contains(['/', '\\']) => (Some(name.trim()), path),
            _ => (None, flag),
        };
        if path.trim().is_empty() || name.is_some_and(str::is_empty) {
            return Err(SourceError::NoFile(flag.to_owned()));
        }
        Ok(Self {
            path: PathBuf::from(path),
            name: name.map(str::to_owned),
            ..Self::default()
        })
    }

    /// What it is called: the operator's word, else the file's name without extension.
    pub fn name(&self) -> String {
        let stem = || Some(self.path.file_stem()?.to_string_lossy().into_owned());
        let name = self.name.clone().or_else(stem);
        name.unwrap_or_else(|| "list".to_owned())
    }

    /// How to read it. `flags` come before its own `map`; a flag that names another list says nothing here.
    pub fn options(&self, flags: &[Mapping]) -> ReadOptions {
        let name = self.name();
        let mine = flags.iter().filter(|flag| {
            let list = flag.list.as_deref();
            list.is_none_or(|list| list.eq_ignore_ascii_case(&name))
        });
        let is_optional = |flag: &Mapping| flag.list.is_none();
        let mut map: Vec<Mapped> = mine
            .map(|flag| Mapped {
                field: flag.field,
                header: flag.header.clone(),
                is_optional: is_optional(flag),
            })
            .collect();
        for (field, header) in &self.map {
            if !map.iter().any(|one| one.field == *field) {
                map.push(Mapped {
                    field: *field,
                    header: header.clone(),
                    is_optional: false,
                });
            }
        }
        ReadOptions {
            kind: self.kind,
            name: Some(name),
            vouches: self.vouches.clone(),
            as_of: self.as_of,
            written: None,
            map,
        }
    }
}

/// That a column is something, because the operator says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// What it is.
    pub field: Field,
    /// Its header, or `#` and its number from 1.
    pub header: String,
    /// Whether it is no error if there is no such column: it was said of all lists.
    pub is_optional: bool,
}

/// Reads `[LIST:]FIELD=HEADER`.
pub fn parse_map(flag: &str) -> Result<Mapping, SourceError> {
    let none = || SourceError::NoMapping(flag.to_owned());
    let (field, header) = flag.split_once('=').ok_or_else(none)?;
    let (list, field) = match field.rsplit_once(':') {
        Some((list, field)) => (Some(list.trim()), field),
        None => (None, field),
    };
    let (field, header) = (field.trim(), header.trim());
    if header.is_empty() || list.is_some_and(str::is_empty) {
        return Err(none());
    }
    if let Some(number) = header.strip_prefix('#')
        && !number.parse::<u32>().is_ok_and(|number| number > 0)
    {
        return Err(SourceError::NoColumn(header.to_owned()));
    }
    let parsed = Field::parse(&field.to_lowercase().replace('-', "_"));
    Ok(Mapping {
        list: list.map(str::to_owned),
        field: parsed.ok_or_else(|| SourceError::NoField {
            field: field.to_owned(),
        })?,
        header: header.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_names_a_file_and_may_name_the_list() {
        let read = |flag: &str| {
            let source = Source::parse_flag(flag).unwrap();
            (source.name(), source.path.display().to_string())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(read("lists/ad.csv"), pair("ad", "lists/ad.csv"));
        assert_eq!(read("AD=lists/x.csv"), pair("AD", "lists/x.csv"));
        assert_eq!(read("./a=b.csv"), pair("a=b", "./a=b.csv"));
        for flag in ["", "AD=", "=x.csv"] {
            assert!(Source::parse_flag(flag).is_err(), "{flag}");
        }
    }

    #[test]
    fn a_mapping_names_a_field_and_a_column() {
        let map = parse_map("CMDB:last-seen=Zuletzt gesehen").unwrap();
        assert_eq!(map.list.as_deref(), Some("CMDB"));
        assert_eq!(map.field, Field::LastSeen);
        assert_eq!(map.header, "Zuletzt gesehen");
        assert_eq!(parse_map("name=#3").unwrap().header, "#3");
        let error = parse_map("colour=x").unwrap_err().to_string();
        assert!(error.contains("last_seen"), "{error}");
        for flag in ["name", "name=", "name=#0", "name=#x", ":name=x"] {
            assert!(parse_map(flag).is_err(), "{flag}");
        }
    }

    #[test]
    fn the_configuration_says_the_same_and_a_flag_says_it_louder() {
        let source: Source = toml::from_str(
            "file = 'ad.csv'\nname = 'AD'\nkind = 'active_directory'\nvouches = ['managed']\n\
             as_of = '2026-11-01'\nmap = { name = 'Computer', serial = '#3' }",
        )
        .unwrap();
        let flags = [
            parse_map("ad:name=Host").unwrap(),
            parse_map("x:mac=M").unwrap(),
        ];
        let options = source.options(&flags);
        let map: Vec<_> = options.map.iter().map(|one| one.header.as_str()).collect();
        assert_eq!(map, ["Host", "#3"]);
        assert_eq!(options.as_of, Date::parse("2026-11-01"));
        assert!(toml::from_str::<Source>("file = 'a'\ncolour = 'x'").is_err());
    }
}
