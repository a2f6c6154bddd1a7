//! The registry of a host, rebuilt from the recorded texts of `reg query`, and the methods of WMI's
//! `StdRegProv` on it.
//! <https://learn.microsoft.com/previous-versions/windows/desktop/regprov/stdregprov>

use super::library::Library;
use super::xml::{Element, escape};
use crate::collect::WINDOWS;
use crate::session::{Ask, View};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Both halves of a 64-bit registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    native: Tree,
    bits_32: Tree,
}

/// Keys by their path in lower case.
type Tree = BTreeMap<String, Key>;

#[derive(Clone, Debug, Default)]
struct Key {
    /// Names of the keys below, as they are written.
    below: Vec<String>,
    values: Vec<Value>,
    denied: bool,
}

#[derive(Clone, Debug)]
struct Value {
    /// Empty for the default value.
    name: String,
    kind: Kind,
    data: String,
}

/// A type of values: the name that reg.exe prints, its number, and the method that reads it.
type Kind = &'static (&'static str, u32, &'static str, &'static str);

const KINDS: [(&str, u32, &str, &str); 6] = [
    ("REG_SZ", 1, "GetStringValue", "sValue"),
    ("REG_EXPAND_SZ", 2, "GetExpandedStringValue", "sValue"),
    ("REG_BINARY", 3, "GetBinaryValue", "uValue"),
    ("REG_DWORD", 4, "GetDWORDValue", "uValue"),
    ("REG_MULTI_SZ", 7, "GetMultiStringValue", "sValue"),
    ("REG_QWORD", 11, "GetQWORDValue", "uValue"),
];

/// What a method is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    root: u32,
    key: &'a str,
    value: &'a str,
    /// Whether the 32-bit half is meant.
    pub(super) narrow: bool,
}

/// What a method gives back: the inside of its `_OUTPUT` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) xml: String,
    /// Whether the key is one of which the host was asked, or which it has named itself.
    pub(super) known: bool,
}

/// Results of the methods: system error codes, and `WBEM_E_TYPE_MISMATCH`.
const DONE: u32 = 0;
const NO_VALUE: u32 = 1;
const NO_KEY: u32 = 2;
const DENIED: u32 = 5;
const OTHER_TYPE: u32 = 0x8004_1005;

impl<'a> Call<'a> {
    /// Reads the body of a request.
    pub(super) fn read(method: &'a str, body: &'a Element, narrow: bool) -> Option<Self> {
        let input = body.children.first()?;
        if input.name != format!("{method}_INPUT") {
            return None;
        }
        let text = |name: &str| {
            let mut children = input.children.iter();
            let found = children.find(|child| child.name.eq_ignore_ascii_case(name));
            found.map(|child| child.text.as_str())
        };
        Some(Self {
            method,
            root: text("hDefKey").map_or(Some(0x8000_0002), |root| root.trim().parse().ok())?,
            key: text("sSubKeyName").unwrap_or_default(),
            value: text("sValueName").unwrap_or_default(),
            narrow,
        })
    }

    fn path(&self) -> Option<String> {
        let root = match self.root {
            0x8000_0001 => "HKEY_CURRENT_USER",
            0x8000_0002 => "HKEY_LOCAL_MACHINE",
            0x8000_0003 => "HKEY_USERS",
            _ => return None,
        };
        let key = self.key.trim_matches('\\');
        Some(match key {
            "" => root.to_owned(),
            key => format!("{root}\\{key}"),
        })
    }
}

impl Registry {
    /// Everything that the recorded answers say of keys and values.
    pub(super) fn new(library: &Library) -> Self {
        let mut registry = Self::default();
        for entry in library.entries() {
            let (key, view) = match entry.ask {
                Ask::Registry { key, view, .. } => (Some(key), view),
                Ask::Cmd(_) if entry.text.contains("HKEY_") => (None, View::Any),
                _ => continue,
            };
            if let (Some(key), 121) = (key, entry.exit) {
                registry.half(view).entry(long(key)).or_default().denied = true;
                continue;
            }
            if view != View::Bits32 {
                fill(&mut registry.native, &entry.text, false);
            }
            if view != View::Bits64 {
                fill(&mut registry.bits_32, &entry.text, false);
            }
            if view == View::Bits32 {
                fill(&mut registry.native, &entry.text, true);
            }
        }
        registry
    }

    fn half(&mut self, view: View) -> &mut Tree {
        match view {
            View::Any | View::Bits64 => &mut self.native,
            View::Bits32 => &mut self.bits_32,
        }
    }

    /// Does what a method of `StdRegProv` does; `None` where there is no such method.
    pub(super) fn call(&self, call: &Call<'_>, denied: bool) -> Option<Given> {
        let tree = if call.narrow {
            &self.bits_32
        } else {
            &self.native
        };
        let path = call.path()?;
        let found = tree.get(&path.to_lowercase());
        let result = match found {
            _ if denied => Err(DENIED),
            Some(key) if key.denied => Err(DENIED),
            Some(key) => key.call(call)?,
            None => Err(NO_KEY),
        };
        let (xml, code) = result.map_or_else(|code| (String::new(), code), |xml| (xml, DONE));
        Some(Given {
            xml: format!("{xml}<p:ReturnValue>{code}</p:ReturnValue>"),
            known: found.is_some() || is_asked(&path),
        })
    }
}

impl Key {
    /// What a method finds here; `None` where there is no such method.
    fn call(&self, call: &Call<'_>) -> Option<Result<String, u32>> {
        match call.method {
            "EnumKey" => {
                let names = self.below.iter().map(|name| element("sNames", name));
                Some(Ok(names.collect()))
            }
            "EnumValues" => {
                let names = self
                    .values
                    .iter()
                    .map(|value| element("sNames", &value.name));
                let kinds = self.values.iter();
                let kinds = kinds.map(|value| format!("<p:Types>{}</p:Types>", value.kind.1));
                Some(Ok(names.chain(kinds).collect()))
            }
            method => {
                let kind = KINDS.iter().find(|kind| kind.2 == method)?;
                let named = |value: &&Value| value.name.eq_ignore_ascii_case(call.value);
                Some(match self.values.iter().find(named) {
                    None => Err(NO_VALUE),
                    Some(value) => value.read(kind),
                })
            }
        }
    }
}

impl Value {
    fn read(&self, kind: Kind) -> Result<String, u32> {
        // GetStringValue reads an expandable text too, as it stands.
        let expandable = (kind.1, self.kind.1) == (1, 2);
        if kind.1 != self.kind.1 && !expandable {
            return Err(OTHER_TYPE);
        }
        let number = |text: &str| {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            u64::from_str_radix(digits, 16).unwrap_or(0).to_string()
        };
        Ok(match kind.1 {
            3 => {
                let (pairs, _) = self.data.as_bytes().as_chunks::<2>();
                let byte = |pair: &[u8; 2]| number(&String::from_utf8_lossy(pair));
                pairs
                    .iter()
                    .map(|pair| element(kind.3, &byte(pair)))
                    .collect()
            }
            4 | 11 => element(kind.3, &number(&self.data)),
            7 => self
                .data
                .split("\\0")
                .map(|text| element(kind.3, text))
                .collect(),
            _ => element(kind.3, &self.data),
        })
    }
}

fn element(name: &str, text: &str) -> String {
    format!("<p:{name}>{}</p:{name}>", escape(text))
}

/// Whether a key is one of which the program asks, or above one.
fn is_asked(path: &str) -> bool {
    let path = path.to_lowercase().replace("\\wow6432node", "");
    WINDOWS.questions.iter().any(|question| {
        let Ask::Registry { key, .. } = question.ask else {
            // Programs of users lie below keys that the host names, but need not be there.
            return path.starts_with("hkey_users");
        };
        long(key).starts_with(&path)
    })
}

/// A question's key with its root spelt out, in lower case.
fn long(key: &str) -> String {
    key.replacen("HKLM\\", "HKEY_LOCAL_MACHINE\\", 1)
        .to_lowercase()
}

/// Puts what a text of `reg query` says into a tree; of the 32-bit half where 64-bit programs see it.
fn fill(tree: &mut Tree, text: &str, under_node: bool) {
    let mut at: Option<String> = None;
    for line in text.lines() {
        if line.starts_with("HKEY_") {
            let mut path = line.trim_end().to_owned();
            if under_node {
                let root = "HKEY_LOCAL_MACHINE\\SOFTWARE\\";
                let rest = path.get(root.len()..).unwrap_or_default();
                path = format!("{root}WOW6432Node\\{rest}");
            }
            plant(tree, &path);
            at = Some(path.to_lowercase());
            continue;
        }
        let Some(key) = at.as_ref().and_then(|at| tree.get_mut(at)) else {
            continue;
        };
        if let Some(value) = value(line) {
            let known = |old: &Value| old.name.eq_ignore_ascii_case(&value.name);
            if !key.values.iter().any(known) {
                key.values.push(value);
            }
        } else if let (Some(last), false) = (key.values.last_mut(), line.trim().is_empty()) {
            // A text with a line break goes on. Writing to a String cannot fail.
            let _ = write!(last.data, "\r\n{line}");
        }
    }
}

/// `    name    REG_SZ    data`
fn value(line: &str) -> Option<Value> {
    let line = line.strip_prefix("    ")?;
    let (at, kind) = KINDS
        .iter()
        .filter_map(|kind| Some((line.find(&format!("    {}", kind.0))?, kind)))
        .min_by_key(|(at, kind)| (*at, usize::MAX - kind.0.len()))?;
    let (name, rest) = line.split_at_checked(at)?;
    let data = rest.strip_prefix("    ")?.strip_prefix(kind.0)?;
    let data = data.strip_prefix("    ").unwrap_or(data);
    let name = if name == "(Default)" { "" } else { name };
    Some(Value {
        name: name.to_owned(),
        kind,
        data: data.to_owned(),
    })
}

/// Makes a key and all keys above it.
fn plant(tree: &mut Tree, path: &str) {
    tree.entry(path.to_lowercase()).or_default();
    let mut rest = path;
    while let Some((above, name)) = rest.rsplit_once('\\') {
        let key = tree.entry(above.to_lowercase()).or_default();
        if key
            .below
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return;
        }
        key.below.push(name.to_owned());
        rest = above;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\A\r\n    (Default)    REG_SZ    here\r\n    N    REG_DWORD    0x1f\r\n\r\n\
        HKEY_LOCAL_MACHINE\\SOFTWARE\\A\\{1}\r\n    DisplayName    REG_SZ    A    REG_DWORD    trap\r\n    M    REG_MULTI_SZ    a\\0b\r\n    B    REG_BINARY    00FF\r\n    L    REG_EXPAND_SZ    one\r\ntwo\r\n";

    fn call(method: &str, key: &str, value: &str) -> String {
        let mut registry = Registry::default();
        fill(&mut registry.native, TEXT, false);
        let call = Call {
            method,
            root: 0x8000_0002,
            key,
            value,
            narrow: false,
        };
        let given = registry.call(&call, false).unwrap().xml;
        given.replace("p:", "")
    }

    #[test]
    fn keys_and_values_are_those_of_the_text() {
        let done = "<ReturnValue>0</ReturnValue>";
        let cases = [
            (call("EnumKey", "SOFTWARE\\A", ""), "<sNames>{1}</sNames>"),
            (call("EnumKey", "software", ""), "<sNames>A</sNames>"),
            (
                call("EnumValues", "SOFTWARE\\A", ""),
                "<sNames></sNames><sNames>N</sNames><Types>1</Types><Types>4</Types>",
            ),
            (
                call("GetDWORDValue", "SOFTWARE\\A", "n"),
                "<uValue>31</uValue>",
            ),
            (
                call("GetStringValue", "SOFTWARE\\A", ""),
                "<sValue>here</sValue>",
            ),
            (
                call("GetStringValue", "SOFTWARE\\A\\{1}", "DisplayName"),
                "<sValue>A    REG_DWORD    trap</sValue>",
            ),
            (
                call("GetMultiStringValue", "SOFTWARE\\A\\{1}", "M"),
                "<sValue>a</sValue><sValue>b</sValue>",
            ),
            (
                call("GetBinaryValue", "SOFTWARE\\A\\{1}", "B"),
                "<uValue>0</uValue><uValue>255</uValue>",
            ),
            (
                call("GetExpandedStringValue", "SOFTWARE\\A\\{1}", "L"),
                "<sValue>one&#13;\ntwo</sValue>",
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(given, format!("{expected}{done}"));
        }
        assert_eq!(
            call("EnumKey", "SOFTWARE\\B", ""),
            "<ReturnValue>2</ReturnValue>"
        );
        assert_eq!(
            call("GetStringValue", "SOFTWARE\\A", "x"),
            "<ReturnValue>1</ReturnValue>"
        );
        assert_eq!(
            call("GetStringValue", "SOFTWARE\\A", "N"),
            "<ReturnValue>2147749893</ReturnValue>"
        );
    }

    #[test]
    fn a_key_that_nobody_asks_for_is_told_apart() {
        assert!(is_asked(
            r"HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall"
        ));
        assert!(!is_asked(r"HKEY_LOCAL_MACHINE\SAM\SAM"));
    }
}
