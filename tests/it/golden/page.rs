//! A page as a person reads it: its text, headings and tables, without its style and script.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::mem;

/// The rows of a table that are shown.
const ROWS: usize = 8;

/// The text of a page: a line for each paragraph and row.
pub(super) fn text(html: &str) -> String {
    let html = without(&without(html, "style"), "script");
    let mut page = Shown::default();
    let (head, rest) = html.split_once('<').unwrap_or((&html, ""));
    page.words(head);
    for part in rest.split('<') {
        let (tag, words) = part.split_once('>').unwrap_or((part, ""));
        page.tag(tag);
        page.words(words);
    }
    page.end_line();
    page.text
}

/// A text without some elements.
fn without(html: &str, element: &str) -> String {
    let (begin, end) = (format!("<{element}"), format!("</{element}>"));
    let mut shown = String::new();
    let mut rest = html;
    while let Some((before, inner)) = rest.split_once(&begin) {
        shown.push_str(before);
        rest = inner.split_once(&end).map_or("", |(_, after)| after);
    }
    shown + rest
}

#[derive(Default)]
struct Shown {
    text: String,
    line: String,
    /// The rows of the table at hand behind its head.
    rows: Vec<String>,
    is_body: bool,
}

impl Shown {
    fn tag(&mut self, tag: &str) {
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name {
            "h1" | "h2" | "h3" | "h4" => {
                self.end_line();
                let depth: usize = name.trim_start_matches('h').parse().unwrap();
                self.line = format!("\n{} ", "#".repeat(depth));
            }
            "td" | "th" => self.line.push_str(" | "),
            "tbody" => self.is_body = true,
            "/tbody" => self.end_table(),
            "/a" => {}
            "a" => {
                // Where it leads is what a person sees when they click.
                if let Some(to) = attribute(tag, "href").filter(|to| !to.starts_with('#')) {
                    write!(self.line, "<{to}> ").unwrap();
                }
            }
            "span" | "strong" | "b" | "em" | "code" | "time" | "tspan" | "text" | "option"
            | "label" => {
                self.line.push(' ');
            }
            _ if BLOCKS.contains(&name.trim_start_matches('/')) => self.end_line(),
            _ => {}
        }
        // A region is called as the caption in it says.
        let label = attribute(tag, "aria-label").or_else(|| attribute(tag, "placeholder"));
        if let Some(label) = label.filter(|_| name != "div") {
            write!(self.line, " [{}]", plain(&label)).unwrap();
        }
    }

    fn words(&mut self, words: &str) {
        let words = plain(words);
        if words.starts_with(char::is_whitespace) {
            self.line.push(' ');
        }
        let inner: Vec<&str> = words.split_whitespace().collect();
        self.line.push_str(&inner.join(" "));
        if words.ends_with(char::is_whitespace) {
            self.line.push(' ');
        }
    }

    fn end_line(&mut self) {
        let line = mem::take(&mut self.line);
        let (blank, line) = line
            .strip_prefix('\n')
            .map_or(("", line.as_str()), |line| ("\n", line));
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            return;
        }
        if self.is_body {
            self.rows.push(line);
        } else {
            writeln!(self.text, "{blank}{line}").unwrap();
        }
    }

    fn end_table(&mut self) {
        self.end_line();
        self.is_body = false;
        let rows = mem::take(&mut self.rows);
        for row in rows.iter().take(ROWS) {
            writeln!(self.text, "{row}").unwrap();
        }
        if rows.len() > ROWS {
            let digest = Sha256::digest(rows.join("\n"));
            writeln!(
                self.text,
                "… {} rows, {:02x}{:02x}{:02x}{:02x}",
                rows.len(),
                digest[0],
                digest[1],
                digest[2],
                digest[3]
            )
            .unwrap();
        }
    }
}

/// What begins a line of its own.
const BLOCKS: [&str; 24] = [
    "article",
    "body",
    "br",
    "caption",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "head",
    "header",
    "li",
    "main",
    "nav",
    "p",
    "section",
    "summary",
    "tr",
    "ul",
];

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split('"').next()?.to_owned())
}

/// Text without references to characters.
fn plain(text: &str) -> String {
    const REFERENCES: [(&str, &str); 6] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ];
    let text = text.to_owned();
    REFERENCES
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

#[test]
fn a_page_is_read_by_its_blocks() {
    let html = "<html><style>a{}</style><body><h2 id=\"x\">Who &amp; what</h2><p>One <b>two</b>\nthree.</p><table>\
        <thead><tr><th>N</th></tr></thead><tbody><tr><td>1</td><td><a href=\"https://a.example/\">A</a></td></tr>\
        </tbody></table><script>if (a<b) {}</script></body></html>";
    let shown = "\n## Who & what\nOne two three.\n| N\n| 1 | <https://a.example/> A\n";
    assert_eq!(text(html), shown);
}
