//! What a document looks like at its beginning: enough to tell whose it is.

/// How many bytes of a document are looked at.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// The outline of a document's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// What it begins with.
    pub shape: Shape,
    /// Object keys with the number of brackets around them, in the order of the document. At most
    /// [`MOST_KEYS`], and none deeper than [`DEEPEST`]. Of a page with front matter its outermost keys.
    keys: Vec<(usize, String)>,
    /// Those of them that have a string, with it.
    texts: Vec<(usize, String, String)>,
    /// The first line, when it is text. A quoted field of a table may have line ends in it.
    pub first_line: String,
    /// The first element's name without a prefix, when it is XML.
    pub root: Option<String>,
    /// The first bytes, when they are text.
    text: String,
}

/// What a document begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// Nothing, or only white space.
    Empty,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
    /// XML, or something else in pointed brackets.
    Xml,
    /// A page of text that begins with YAML between two lines of three hyphens.
    FrontMatter,
    /// Anything else.
    Text,
}

const MOST_KEYS: usize = 256;
const DEEPEST: usize = 4;

impl Outline {
    /// Looks at the first bytes of a document, which may end anywhere.
    pub fn of(head: &[u8]) -> Self {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let head = head.trim_ascii_start();
        let shape = match head.first() {
            None => Shape::Empty,
            Some(b'{') => Shape::Object,
            Some(b'[') => Shape::Array,
            Some(b'<') => Shape::Xml,
            Some(b'-') if front_matter(head).is_some() => Shape::FrontMatter,
            Some(_) => Shape::Text,
        };
        let (keys, texts) = match shape {
            Shape::Object | Shape::Array => keys(head),
            Shape::FrontMatter => (front_keys(head), Vec::new()),
            Shape::Empty | Shape::Text | Shape::Xml => Keys::default(),
        };
        let is_text = matches!(shape, Shape::FrontMatter | Shape::Text | Shape::Xml);
        let line = first_line(head.get(..head.len().min(400)).unwrap_or_default());
        Self {
            shape,
            keys,
            texts,
            first_line: String::from_utf8_lossy(line).trim_end().to_owned(),
            root: (shape == Shape::Xml).then(|| root(head)).flatten(),
            text: if is_text {
                String::from_utf8_lossy(head).into_owned()
            } else {
                String::new()
            },
        }
    }

    /// Whether words stand among the first bytes of a text.
    pub fn says(&self, words: &str) -> bool {
        self.text.contains(words)
    }

    /// Whether a text begins with a row of columns, in any order and case and with any separator,
    /// among them those that we look for.
    pub fn has_columns(&self, wanted: &[&str]) -> bool {
        let first = self.text.lines().next().unwrap_or_default();
        let found: Vec<String> = first
            .split([',', ';', '\t'])
            .map(|column| column.trim().trim_matches('"').trim().to_lowercase())
            .collect();
        self.shape == Shape::Text
            && wanted
                .iter()
                .all(|wanted| found.iter().any(|column| column == wanted))
    }

    /// Whether a key stands inside so many brackets.
    pub fn has(&self, depth: usize, key: &str) -> bool {
        self.any(depth, |found| found == key)
    }

    /// Whether a key inside so many brackets has a string.
    pub fn has_text(&self, depth: usize, key: &str, text: &str) -> bool {
        let mut texts = self.texts.iter();
        texts.any(|found| (found.0, &*found.1, &*found.2) == (depth, key, text))
    }

    /// Whether a key inside so many brackets is one we look for.
    pub fn any(&self, depth: usize, wanted: impl Fn(&str) -> bool) -> bool {
        let mut keys = self.keys.iter();
        keys.any(|(found_depth, key)| *found_depth == depth && wanted(key))
    }
}

/// The name of the first element: behind declarations and comments.
fn root(xml: &[u8]) -> Option<String> {
    let mut rest = xml;
    loop {
        let at = rest.iter().position(|byte| *byte == b'<')?;
        rest = rest.get(at + 1..)?;
        let end: &[u8] = match rest {
            [b'?', ..] => b"?>",
            [b'!', b'-', b'-', ..] => b"-->",
            [b'!', ..] => b">",
            _ => break,
        };
        let at = rest.windows(end.len()).position(|window| window == end)?;
        rest = rest.get(at + end.len()..)?;
    }
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"/>".contains(byte);
    let name = rest.split(is_end).next()?;
    let local = name.rsplit(|byte| *byte == b':').next()?;
    Some(text(local)).filter(|name| !name.is_empty())
}

/// What stands after the line of three hyphens that a page begins with.
fn front_matter(page: &[u8]) -> Option<&[u8]> {
    let rest = page.strip_prefix(b"---")?.trim_ascii_start();
    let line = page.split(|byte| *byte == b'\n').next()?;
    (line.trim_ascii() == b"---").then_some(rest)
}

/// Collects the outermost keys of front matter: words at the beginning of a line that a colon follows.
fn front_keys(page: &[u8]) -> Vec<(usize, String)> {
    let lines = front_matter(page).unwrap_or_default();
    let lines = lines
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end);
    let lines = lines.take_while(|line| *line != b"---");
    let key = |line: &[u8]| {
        let end = line.iter().position(|byte| *byte == b':')?;
        let key = line.get(..end)?;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        (key.first().is_some_and(u8::is_ascii_alphabetic) && key.iter().all(is_word))
            .then(|| (1, text(key)))
    };
    lines.filter_map(key).take(MOST_KEYS).collect()
}

/// The first line of text, with what line ends its quoted fields have in them.
pub(super) fn first_line(head: &[u8]) -> &[u8] {
    let mut is_quoted = false;
    let mut ends = head.iter().enumerate().filter(|(_, byte)| {
        is_quoted ^= **byte == b'"';
        **byte == b'\n' && !is_quoted
    });
    let end = ends.next().map_or(head.len(), |(at, _)| at);
    head.get(..end).unwrap_or_default()
}

/// Keys with the number of brackets around them, and the same with the strings that are their values.
type Keys = (Vec<(usize, String)>, Vec<(usize, String, String)>);

/// Collects keys: strings that a colon follows.
fn keys(json: &[u8]) -> Keys {
    let (mut found, mut texts) = Keys::default();
    let mut depth = 0usize;
    let mut last: &[u8] = &[];
    let mut awaited = None;
    let mut rest = json;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                (last, rest) = string(after);
                texts.extend(awaited.take().map(|key| (depth, key, text(last))));
            }
            b':' if depth <= DEEPEST => {
                found.push((depth, text(last)));
                awaited = Some(text(last));
                continue;
            }
            byte if byte.is_ascii_whitespace() => continue,
            _ => {}
        }
        awaited = None;
        if found.len() >= MOST_KEYS {
            break;
        }
    }
    (found, texts)
}

fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..bytes.len().min(100)).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// Splits after the string that the bytes begin inside of.
fn string(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let end = bytes.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    let Some(end) = end else {
        return (bytes, &[]);
    };
    let (string, rest) = bytes.split_at(end);
    (string, rest.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_told_from_values_and_know_their_depth() {
        let outline = Outline::of(br#" {"a": "b", "c\"": [ {"d": {}, "e": "#);
        assert_eq!(outline.shape, Shape::Object);
        assert!(outline.has(1, "a") && !outline.has(1, "b") && outline.has(1, "c\\\""));
        assert!(outline.has(3, "d") && outline.has(3, "e") && !outline.has(2, "d"));
    }

    #[test]
    fn a_key_is_known_with_its_string() {
        let outline =
            Outline::of(br#"{"a" : "x", "b": {"c":"y", "d": ["z"], "e": 1, "f": "cut sh"#);
        assert!(outline.has_text(1, "a", "x") && outline.has_text(2, "c", "y"));
        assert!(
            !outline.has_text(1, "b", "y")
                && !outline.has_text(2, "d", "z")
                && !outline.has_text(2, "a", "x")
        );
    }

    #[test]
    fn text_has_a_first_line_and_no_keys() {
        let outline = Outline::of(b"\xef\xbb\xbfversion,codename\r\n1,2");
        assert_eq!(outline.shape, Shape::Text);
        assert_eq!(outline.first_line, "version,codename");
        assert_eq!(Outline::of(b" \n ").shape, Shape::Empty);
    }

    #[test]
    fn xml_has_a_root() {
        let root = |head: &str| Outline::of(head.as_bytes()).root;
        let name = Some("cvrfdoc".to_owned());
        assert_eq!(root("<cvrf:cvrfdoc\n  xmlns:a=\"b\">"), name);
        assert_eq!(
            root("\u{feff}<?xml version=\"1.0\"?>\n<!-- <a> --><cvrfdoc/>"),
            name
        );
        assert_eq!(root("<!-- <a>"), None);
        assert_eq!(root("<"), None);
    }

    #[test]
    fn a_page_with_front_matter_has_its_outermost_keys() {
        let page =
            b"---\r\ntitle: A\r\nreleases:\r\n  - releaseCycle: \"1\"\r\n---\r\n# Not a: key\r\n";
        let outline = Outline::of(page);
        assert_eq!(outline.shape, Shape::FrontMatter);
        assert!(outline.has(1, "title") && outline.has(1, "releases"));
        assert!(!outline.has(1, "releaseCycle") && !outline.has(1, "# Not a"));
        assert!(outline.says("# Not a: key"));
        assert_eq!(Outline::of(b"---- a line").shape, Shape::Text);
    }

    #[test]
    fn columns_stand_in_any_order_and_case() {
        let outline = Outline::of(b"\"Title\"; PRODUCT ;fixed_version\r\na;b;c");
        assert!(outline.has_columns(&["product", "fixed_version"]));
        assert!(!outline.has_columns(&["product", "cve"]));
        assert!(!Outline::of(b"a,b\nproduct,fixed_version").has_columns(&["product"]));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            Outline::of(&head);
        }
    }
}
