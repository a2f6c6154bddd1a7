//! Reading a TOML table with errors that say where, and quote nothing.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with the text of a credentials file. Quotes none of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl ParseError {
    fn at(text: &str, offset: usize, problem: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let last = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: last.chars().count() + 1,
            problem: problem.into(),
        }
    }
}

/// A syntax error without the line that the `toml` crate would show.
pub(super) fn syntax(text: &str, error: &toml::de::Error) -> ParseError {
    let offset = error.span().map_or(text.len(), |span| span.start);
    let place = ParseError::at(text, offset, "");
    let line = text.lines().nth(place.line - 1).unwrap_or_default();
    // Its message is made of constants; should that change, no word of the line passes.
    let message: String = error.message().chars().take(LONGEST_MESSAGE).collect();
    let quotes = message
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word.len() > 3 && line.contains(word));
    let problem = if quotes {
        "not valid TOML".to_owned()
    } else {
        format!("not valid TOML: {message}")
    };
    ParseError { problem, ..place }
}

/// Longer messages than that are cut, in characters.
const LONGEST_MESSAGE: usize = 160;

/// A text of the file, and where it stands.
type Words<'t> = (&'t str, Range<usize>);

/// A table of the file, and where it stands.
pub(super) struct Table<'t> {
    text: &'t str,
    entries: &'t DeTable<'t>,
    span: Range<usize>,
}

impl<'t> Table<'t> {
    pub(super) fn new(text: &'t str, entries: &'t DeTable<'t>, span: Range<usize>) -> Self {
        Self {
            text,
            entries,
            span,
        }
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> ParseError {
        self.at(&self.span, problem)
    }

    pub(super) fn at(&self, span: &Range<usize>, problem: impl Into<String>) -> ParseError {
        ParseError::at(self.text, span.start, problem)
    }

    /// A problem that is known by its line alone.
    pub(super) fn in_line(&self, line: usize, problem: impl Into<String>) -> ParseError {
        let lines = self.text.split_inclusive('\n');
        let before = lines.take(line.saturating_sub(1)).map(str::len).sum();
        ParseError::at(self.text, before, problem)
    }

    /// A value that has to be a table.
    pub(super) fn inner(
        &self,
        value: &'t DeValue<'t>,
        span: Range<usize>,
        expected: &str,
    ) -> Result<Self, ParseError> {
        match value.as_table() {
            Some(entries) => Ok(Self::new(self.text, entries, span)),
            None => Err(self.at(&span, expected)),
        }
    }

    /// How many keys it has.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The line at which it begins, from 1.
    pub(super) fn line(&self) -> usize {
        self.error("").line
    }

    /// Where a key's value is; the table itself without one.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.get(key)
            .map_or_else(|| self.span.clone(), |(_, span)| span)
    }

    pub(super) fn get(&self, key: &str) -> Option<(&'t DeValue<'t>, Range<usize>)> {
        let value = self.entries.get(key)?;
        Some((value.get_ref(), value.span()))
    }

    /// Refuses keys that are not known, with the nearest one that is.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ParseError> {
        let mut keys: Vec<_> = self.entries.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        let Some(unknown) = keys
            .iter()
            .find(|key| !known.contains(&key.get_ref().as_ref()))
        else {
            return Ok(());
        };
        let name = unknown.get_ref();
        let distance = |word: &&&str| distance(&name.to_lowercase().replace('-', "_"), word);
        let near = known
            .iter()
            .min_by_key(distance)
            .filter(|word| distance(word) <= 2 && !name.is_empty());
        let problem = match near {
            Some(near) => format!("unknown key `{name}`; did you mean `{near}`?"),
            None => format!("unknown key; expected one of: {}", known.join(", ")),
        };
        Err(self.at(&unknown.span(), problem))
    }

    /// A text that is not empty.
    pub(super) fn words(&self, key: &str) -> Result<Option<Words<'t>>, ParseError> {
        let Some((value, span)) = self.get(key) else {
            return Ok(None);
        };
        match value.as_str() {
            Some(text) if !text.trim().is_empty() && !text.contains(char::is_control) => {
                Ok(Some((text, span)))
            }
            _ => Err(self.at(
                &span,
                format!("{key}: expected a text on one line, in quotes"),
            )),
        }
    }

    pub(super) fn need(&self, key: &str, example: &str) -> Result<Words<'t>, ParseError> {
        self.words(key)?
            .ok_or_else(|| self.error(format!("`{key}` is missing; expected {key} = {example}")))
    }

    /// A switch, off by default.
    pub(super) fn flag(&self, key: &str) -> Result<bool, ParseError> {
        let Some((value, span)) = self.get(key) else {
            return Ok(false);
        };
        value
            .as_bool()
            .ok_or_else(|| self.at(&span, format!("{key}: expected true or false")))
    }

    /// The strings of an array.
    pub(super) fn list(&self, key: &str) -> Result<Option<Vec<Words<'t>>>, ParseError> {
        let Some((value, span)) = self.get(key) else {
            return Ok(None);
        };
        let expected = || format!("{key}: expected a list of texts, as in [\"a\", \"b\"]");
        let Some(items) = value.as_array() else {
            return Err(self.at(&span, expected()));
        };
        let item = |item: &'t Spanned<DeValue<'t>>| {
            let text = item.get_ref().as_str();
            text.map(|text| (text, item.span()))
                .ok_or_else(|| self.at(&item.span(), expected()))
        };
        items.iter().map(item).collect::<Result<_, _>>().map(Some)
    }
}

/// Levenshtein's distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (above_left, x) in a.chars().enumerate() {
        let mut left = above_left + 1;
        let mut next = vec![left];
        for (y, pair) in b.chars().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
