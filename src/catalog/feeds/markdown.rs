//! Pages in Markdown, as Microsoft keeps its documentation: headings, rows of tables and lines of text, in
//! order. Everything else is left out.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A heading.
    Heading {
        /// The name that links have for it, in English on a translated page too: what
        /// `<a name="july-13-2021">` says, else the heading's own words, as in `july-13-2021`.
        anchor: String,
    },
    /// A table's row of column names.
    Columns(Vec<Cell>),
    /// Any other row of a table.
    Row(Vec<Cell>),
    /// A line of a paragraph or of a list.
    Line(Cell),
}

/// Some text, with the links in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// The text, without marks. A line break is one.
    pub(super) text: String,
    /// The links: their text, and where they lead.
    pub(super) links: Vec<(String, String)>,
}

/// Reads a page.
pub(super) fn blocks(page: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reading = Reading::default();
    for event in Parser::new_ext(page, options) {
        reading.event(event);
    }
    reading.blocks
}

#[derive(Default)]
struct Reading {
    blocks: Vec<Block>,
    cell: Cell,
    row: Vec<Cell>,
    link: Option<(usize, String)>,
    anchor: Option<String>,
    is_metadata: bool,
}

impl Reading {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::MetadataBlock(_)) => self.is_metadata = true,
            Event::End(TagEnd::MetadataBlock(_)) => self.is_metadata = false,
            _ if self.is_metadata => {}
            Event::Start(Tag::Heading { .. }) => (self.cell, self.anchor) = (Cell::default(), None),
            Event::Start(Tag::Link { dest_url, .. }) => {
                self.link = Some((self.cell.text.len(), dest_url.into_string()));
            }
            Event::End(TagEnd::Link) => self.end_of_link(),
            Event::Start(Tag::TableCell | Tag::Paragraph | Tag::Item) => {
                // What precedes a list inside an item is a line of its own.
                self.end_of_line();
            }
            Event::Text(text) | Event::Code(text) => self.cell.text.push_str(&text),
            Event::InlineHtml(html) => self.html(&html),
            Event::SoftBreak | Event::HardBreak => self.end_of_line_in_text(),
            Event::End(TagEnd::Heading(_)) => {
                let words = std::mem::take(&mut self.cell).text;
                let anchor = self.anchor.take().unwrap_or_else(|| slug(&words));
                self.blocks.push(Block::Heading { anchor });
            }
            Event::End(TagEnd::TableCell) => {
                let cell = std::mem::take(&mut self.cell);
                self.row.push(cell);
            }
            Event::End(TagEnd::TableHead) => {
                let row = std::mem::take(&mut self.row);
                self.blocks.push(Block::Columns(row));
            }
            Event::End(TagEnd::TableRow) => {
                let row = std::mem::take(&mut self.row);
                self.blocks.push(Block::Row(row));
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item) => self.end_of_line(),
            _ => {}
        }
    }

    fn end_of_link(&mut self) {
        let Some((start, address)) = self.link.take() else {
            return;
        };
        let words = self.cell.text.get(start..).unwrap_or_default().to_owned();
        self.cell.links.push((words, address));
    }

    /// `<br/>`, and `<a name="july-13-2021">`.
    fn html(&mut self, html: &CowStr<'_>) {
        let html = html.to_ascii_lowercase();
        if html.starts_with("<br") {
            self.cell.text.push('\n');
        }
        let name = html.strip_prefix("<a name=");
        let name = name.and_then(|rest| rest.split(['"', '\'']).nth(1));
        if let Some(name) = name {
            self.anchor = Some(name.to_owned());
        }
    }

    /// A line of a paragraph ends. A link does not go on in the next.
    fn end_of_line_in_text(&mut self) {
        match self.link {
            None => self.end_of_line(),
            Some(_) => self.cell.text.push(' '),
        }
    }

    fn end_of_line(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        if !cell.text.trim().is_empty() {
            self.blocks.push(Block::Line(cell));
        }
    }
}

/// A heading's words as links name them.
fn slug(words: &str) -> String {
    let words = words.to_lowercase();
    let words = words.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_is_its_headings_rows_and_lines() {
        let page = "---\ntitle: T\n---\n# <a name=\"the-name\"></a>Der Name\n\nOne: [a](b.md#c)\nTwo\n\n\
            - three\n\n[//]: # (A note)\n\n## July 13, 2021\n\n|**A**|B|\n|:-|:-|\n|x<br/>y|[v1](e.md)<br/>[v2](f.md)|\n\n\
            <details>\n\n|A|\n|-|\n|z|\n\n</details>\n";
        let texts: Vec<_> = blocks(page)
            .into_iter()
            .map(|block| match block {
                Block::Heading { anchor } => format!("# {anchor}"),
                Block::Columns(cells) => format!("columns {}", cells.len()),
                Block::Row(cells) => {
                    let cells = cells.iter().map(|cell| format!("{:?}", cell.text));
                    cells.collect::<Vec<_>>().join("|")
                }
                Block::Line(cell) => format!("{} {}", cell.text, cell.links.len()),
            })
            .collect();
        let expected = [
            "# the-name",
            "One: a 1",
            "Two 0",
            "three 0",
            "# july-13-2021",
            "columns 2",
            "\"x\\ny\"|\"v1\\nv2\"",
            "columns 1",
            "\"z\"",
        ];
        assert_eq!(texts, expected);
        let rows = blocks(page).into_iter().find_map(|block| match block {
            Block::Row(cells) => Some(cells),
            _ => None,
        });
        let links = &rows.unwrap()[1].links;
        assert_eq!(links[1], ("v2".to_owned(), "f.md".to_owned()));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(page in "[-|:#\\[\\]()<>a/\"= \n*`~!]{0,300}") {
            blocks(&page);
        }
    }
}
