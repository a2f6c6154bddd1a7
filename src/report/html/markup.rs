//! HTML while it is written: what is markup comes from this program only, all else goes in as text.

use super::super::escape;
use std::fmt::{Display, Write as _};

/// A piece of a page.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A text, whatever is in it.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        escape::for_html(text, &mut self.0);
        self
    }

    /// What displays itself, as text.
    pub(super) fn show(&mut self, value: impl Display) -> &mut Self {
        self.text(&value.to_string())
    }

    /// An element that holds a text. `tag` may have attributes.
    pub(super) fn element(&mut self, tag: &str, text: &str) -> &mut Self {
        let name = tag.split(' ').next().unwrap_or(tag);
        let _ = write!(self.0, "<{tag}>");
        self.text(text);
        let _ = writeln!(self.0, "</{name}>");
        self
    }

    /// A sentence.
    pub(super) fn says(&mut self, text: &str) -> &mut Self {
        self.element("p", text)
    }

    /// A link to another document.
    pub(super) fn link(&mut self, url: &str, text: &str) -> &mut Self {
        self.raw("<a rel=\"noreferrer noopener\" target=\"_blank\" href=\"");
        self.text(url).raw("\">").text(text).raw("</a>")
    }

    /// A bulletin, as a link where its id is known.
    pub(super) fn bulletin(&mut self, id: &str) -> &mut Self {
        match super::super::links::bulletin(id) {
            Some(url) => self.link(&url, id),
            None => self.text(id),
        }
    }

    /// Begins a table: its caption and headers. A header that begins with `#` is of numbers.
    pub(super) fn table(&mut self, caption: &str, heads: &[&str]) -> &mut Self {
        self.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
        self.text(caption).raw("\"><table><caption>").text(caption);
        self.raw("</caption><thead><tr>");
        for head in heads {
            match head.strip_prefix('#') {
                Some(head) => self.element("th scope=\"col\" class=\"n\"", head),
                None => self.element("th scope=\"col\"", head),
            };
        }
        self.raw("</tr></thead><tbody>\n")
    }

    /// Ends a table.
    pub(super) fn end_table(&mut self) -> &mut Self {
        self.raw("</tbody></table></div>\n")
    }

    /// The cell that heads a row.
    pub(super) fn head(&mut self, text: &str) -> &mut Self {
        self.element("th scope=\"row\"", text)
    }

    /// A cell.
    pub(super) fn cell(&mut self, text: &str) -> &mut Self {
        self.element("td", text)
    }

    /// A cell with a number, or what stands in its place.
    pub(super) fn figure(&mut self, text: &str) -> &mut Self {
        self.element("td class=\"n\"", text)
    }

    /// A severity, told by its word and its mark and not by its colour alone.
    pub(super) fn severity(&mut self, word: &str) -> &mut Self {
        let class = match word {
            "critical" | "high" | "medium" | "low" | "negligible" => word,
            _ => "unrated",
        };
        let word = if word.is_empty() { "not rated" } else { word };
        self.raw("<span class=\"sev ").raw(class).raw("\">");
        self.text(word).raw("</span>")
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// What was written so far.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// How long it is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
