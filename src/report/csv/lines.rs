//! Rows as they stand in a file. Cells are written where they go out from: what copies each a few times before costs
//! as much as making it.

use super::super::cell::Cell;
use super::super::output::Guards;
use super::super::swar;
use super::Shape;

/// Some rows of a table, and what was done to their cells.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: String,
    /// Where each row ends.
    ends: Vec<usize>,
    /// What was done to the cells of a row, by its place; only of rows where something was.
    guarded: Vec<(usize, Guards)>,
}

impl Lines {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Takes them all away.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.guarded.clear();
    }

    /// Appends a row.
    pub(super) fn push<'c, 'a: 'c>(
        &mut self,
        shape: Shape,
        cells: impl Iterator<Item = &'c Cell<'a>>,
    ) {
        let mut guards = Guards::default();
        let separator = char::from(shape.separator);
        for (place, cell) in cells.enumerate() {
            if place > 0 {
                self.text.push(separator);
            }
            let start = self.text.len();
            cell.write_csv(shape.locale, &mut self.text, &mut guards);
            if cell.is_text() {
                quote(&mut self.text, start, shape.separator);
            }
        }
        self.text.push_str(shape.line_end());
        if guards != Guards::default() {
            self.guarded.push((self.ends.len(), guards));
        }
        self.ends.push(self.text.len());
    }

    /// The text of some rows, and what was done to their cells.
    pub(super) fn part(&self, from: usize, to: usize) -> (&str, Guards) {
        let place = |rows: usize| match rows.checked_sub(1) {
            None => Some(0),
            Some(last) => self.ends.get(last).copied(),
        };
        let text = place(from).zip(place(to));
        let text = text.and_then(|(start, end)| self.text.get(start..end));
        let guarded = self.guarded.iter();
        let guarded = guarded.filter(|(row, _)| (from..to).contains(row));
        let guards = guarded.fold(Guards::default(), |sum, (_, guards)| sum.and(*guards));
        (text.unwrap_or_default(), guards)
    }
}

/// Quotes what was written from `start` on, where RFC 4180 wants it. No cell has a line break by now.
fn quote(block: &mut String, start: usize, separator: u8) {
    let cell = block.get(start..).unwrap_or_default();
    if !swar::marks(cell.as_bytes(), [separator, b'"']).is_named {
        return;
    }
    let cell = block.split_off(start);
    block.push('"');
    for (place, part) in cell.split('"').enumerate() {
        if place > 0 {
            block.push_str("\"\"");
        }
        block.push_str(part);
    }
    block.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::csv::WriterBuilder;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cells_are_quoted_as_the_library_quotes_them(
            cells in prop::collection::vec("[a,;\" é]{0,20}", 2..6),
            separator in prop_oneof![Just(b','), Just(b';')],
        ) {
            let mut block = String::new();
            for (place, cell) in cells.iter().enumerate() {
                if place > 0 {
                    block.push(char::from(separator));
                }
                let start = block.len();
                block.push_str(cell);
                quote(&mut block, start, separator);
            }
            block.push('\n');
            let mut writer = WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
            writer.write_record(&cells).unwrap();
            prop_assert_eq!(block.into_bytes(), writer.into_inner().unwrap());
        }
    }
}
