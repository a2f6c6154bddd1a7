//! Counts the lines of a text, on and on.

/// Where a reader is.
pub(crate) struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// The line, from 1, of what begins at a byte, or behind the ends of lines that are there. It never goes back.
    pub(crate) fn of(&mut self, byte: usize) -> u64 {
        let mut end = byte.max(self.at).min(self.text.len());
        let ends = self.text.as_bytes().iter().skip(end);
        end += ends.take_while(|one| matches!(one, b'\r' | b'\n')).count();
        let passed = self.text.get(self.at..end).unwrap_or_default();
        self.line += passed.matches('\n').count() as u64;
        self.at = end;
        self.line
    }
}
