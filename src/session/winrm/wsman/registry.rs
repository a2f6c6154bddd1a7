//! The registry by way of WMI (`StdRegProv`), for hosts that give no shell, written as `reg query`
//! writes it.
//!
//! Two calls a key and one a value, so [`Calls`] bounds them. Values come expanded where they hold
//! `%variables%`, the one thing in which this differs from `reg query`.

use super::dialogue::{Dialogue, TalkError};
use super::envelope::{Request, fits_xml, text_of};
use super::names;
use super::soap::{Node, Ns, SoapError};
use crate::session::View;
use std::fmt::Write as _;
use tokio::time::Instant;

/// The most calls a host.
pub(super) const CALLS: u32 = 3_000;
/// How deep a tree is read: links may lead in circles.
const DEPTH: usize = 16;
/// The longest name of a key, in characters (Microsoft's "Registry Element Size Limits").
const LONGEST_NAME: usize = 255;

/// What the reading may still cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) until: Instant,
    pub(super) calls: u32,
}

/// Which part of the registry is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) key: &'a str,
    pub(super) tree: bool,
    pub(super) value: Option<&'a str>,
    pub(super) view: View,
    /// The most bytes of its text.
    pub(super) bytes: usize,
}

/// Why a part could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// There is no such key or value.
    Missing,
    /// The account may not read it, or something below it.
    Denied,
    /// The calls are spent.
    Spent,
    /// It is longer than we read.
    TooMuch,
    Talk(TalkError),
}

impl From<TalkError> for ReadError {
    fn from(error: TalkError) -> Self {
        Self::Talk(error)
    }
}

/// A value: its name, its type by number (`winnt.h`), its data as `reg query` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) kind: u32,
    pub(super) data: String,
}

/// Reads a part of the registry, as the text of `reg query`.
pub(super) async fn read(
    dialogue: &mut Dialogue,
    part: Part<'_>,
    budget: &mut Budget,
) -> Result<String, ReadError> {
    let place = Place::of(part.key, part.view).ok_or(ReadError::Missing)?;
    let mut calls = Calls {
        dialogue,
        budget,
        hive: place.hive,
    };
    let mut text = String::new();
    let mut open = vec![(place.path.to_owned(), 0)];
    // What waits to be read counts, too: a host may name more keys than anybody could.
    let mut waiting = 0_usize;
    let mut held = 0_usize;
    while let Some((path, depth)) = open.pop() {
        waiting = waiting.saturating_sub(path.len());
        let left = part.bytes.saturating_sub(text.len());
        let names = calls.values(&place.seen(&path), part.value, left).await?;
        let wanted = part.value.is_some();
        if !names.is_empty() || (depth > 0 && !wanted) {
            write_key(&mut text, &place.shown(&path), &names);
        }
        if wanted && !part.tree {
            break;
        }
        let children = calls.children(&place.seen(&path)).await?;
        if part.tree && depth < DEPTH {
            for name in children.iter().rev() {
                waiting += path.len() + 1 + name.len();
                if waiting > part.bytes {
                    return Err(ReadError::TooMuch);
                }
                open.push((format!("{path}\\{name}"), depth + 1));
            }
        } else if !part.tree {
            write_names(&mut text, &place.shown(&path), &children);
        }
        let more = text.len().saturating_sub(held);
        held = text.len();
        if text.len() > part.bytes || !calls.dialogue.holds(more) {
            return Err(ReadError::TooMuch);
        }
    }
    if part.value.is_some() && text.is_empty() {
        return Err(ReadError::Missing);
    }
    Ok(text)
}

/// Writes a key and its values, and an empty line.
pub(super) fn write_key(text: &mut String, key: &str, values: &[Value]) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\r\n{key}\r\n");
    for Value { name, kind, data } in values {
        let name = if name.is_empty() { "(Default)" } else { name };
        let _ = write!(text, "    {name}    {}    {data}\r\n", type_name(*kind));
    }
}

fn write_names(text: &mut String, key: &str, children: &[String]) {
    if children.is_empty() {
        return;
    }
    text.push_str("\r\n");
    for child in children {
        let _ = write!(text, "{key}\\{child}\r\n");
    }
}

/// Where a key is: for the call, and for the reader.
struct Place<'a> {
    hive: u32,
    hive_name: &'static str,
    path: &'a str,
    is_wow: bool,
}

impl<'a> Place<'a> {
    fn of(key: &'a str, view: View) -> Option<Self> {
        let (root, path) = key.split_once('\\').unwrap_or((key, ""));
        let (_, hive, hive_name) = HIVES.iter().find(|hive| hive.0 == root)?;
        let is_wow = view == View::Bits32 && *hive_name == "HKEY_LOCAL_MACHINE";
        Some(Self {
            hive: *hive,
            hive_name,
            path,
            is_wow,
        })
    }

    /// The path as the provider, a 64-bit process, sees it.
    fn seen(&self, path: &str) -> String {
        let software = "SOFTWARE\\";
        match path.strip_prefix(software) {
            Some(rest) if self.is_wow => format!("{software}WOW6432Node\\{rest}"),
            _ => path.to_owned(),
        }
    }

    fn shown(&self, path: &str) -> String {
        if path.is_empty() {
            return self.hive_name.to_owned();
        }
        format!("{}\\{path}", self.hive_name)
    }
}

const HIVES: &[(&str, u32, &str)] = &[
    ("HKCR", 0x8000_0000, "HKEY_CLASSES_ROOT"),
    ("HKCU", 0x8000_0001, "HKEY_CURRENT_USER"),
    ("HKLM", 0x8000_0002, "HKEY_LOCAL_MACHINE"),
    ("HKU", 0x8000_0003, "HKEY_USERS"),
];

fn type_name(kind: u32) -> &'static str {
    match kind {
        1 => "REG_SZ",
        2 => "REG_EXPAND_SZ",
        3 => "REG_BINARY",
        4 => "REG_DWORD",
        7 => "REG_MULTI_SZ",
        11 => "REG_QWORD",
        _ => "REG_NONE",
    }
}

/// Calls of the provider's methods in one hive.
struct Calls<'a> {
    dialogue: &'a mut Dialogue,
    budget: &'a mut Budget,
    hive: u32,
}

impl Calls<'_> {
    /// The values of a key, or the one that is wanted, of so many bytes at most.
    async fn values(
        &mut self,
        path: &str,
        wanted: Option<&str>,
        mut left: usize,
    ) -> Result<Vec<Value>, ReadError> {
        let answer = self.call("EnumValues", path, None).await?;
        let names = texts(&answer, "sNames");
        let kinds = texts(&answer, "Types");
        let mut values = Vec::new();
        for (name, kind) in names.into_iter().zip(kinds) {
            if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&name)) {
                continue;
            }
            let kind = kind.trim().parse().unwrap_or(0);
            let data = self.data(path, &name, kind).await?;
            let size = name.len() + data.len();
            left = left.checked_sub(size).ok_or(ReadError::TooMuch)?;
            values.push(Value { name, kind, data });
        }
        Ok(values)
    }

    async fn children(&mut self, path: &str) -> Result<Vec<String>, ReadError> {
        let answer = self.call("EnumKey", path, None).await?;
        let mut names = texts(&answer, "sNames");
        // What XML cannot carry cannot be asked for; a host that writes XML cannot name it either.
        names.retain(|name| {
            let is_short = name.len() <= 4 * LONGEST_NAME && name.chars().count() <= LONGEST_NAME;
            !name.is_empty() && is_short && name.chars().all(fits_xml)
        });
        Ok(names)
    }

    async fn data(&mut self, path: &str, name: &str, kind: u32) -> Result<String, ReadError> {
        let method = match kind {
            1 => "GetStringValue",
            2 => "GetExpandedStringValue",
            3 => "GetBinaryValue",
            4 => "GetDWORDValue",
            7 => "GetMultiStringValue",
            11 => "GetQWORDValue",
            _ => return Ok(String::new()),
        };
        let answer = match self.call(method, path, Some(name)).await {
            // It was there a moment ago, or has no data.
            Err(ReadError::Missing) => return Ok(String::new()),
            other => other?,
        };
        let texts = texts(
            &answer,
            if matches!(kind, 1 | 2 | 7) {
                "sValue"
            } else {
                "uValue"
            },
        );
        Ok(match kind {
            7 => texts.join("\\0"),
            3 => bytes(&texts),
            4 | 11 => number(&texts),
            _ => texts.into_iter().next().unwrap_or_default(),
        })
    }

    /// Calls a method of the provider, and returns its output where it says that all is well.
    async fn call(
        &mut self,
        method: &str,
        path: &str,
        value: Option<&str>,
    ) -> Result<Node, ReadError> {
        self.budget.calls = self.budget.calls.checked_sub(1).ok_or(ReadError::Spent)?;
        let uri = names::REGISTRY;
        let mut body = format!(
            "<r:{method}_INPUT xmlns:r=\"{uri}\"><r:hDefKey>{}</r:hDefKey><r:sSubKeyName>{}</r:sSubKeyName>",
            self.hive,
            text_of(path)
        );
        if let Some(value) = value {
            let _ = write!(body, "<r:sValueName>{}</r:sValueName>", text_of(value));
        }
        let _ = write!(body, "</r:{method}_INPUT>");
        let asked = value.map_or_else(|| path.to_owned(), |value| format!("{path} : {value}"));
        let request = Request::new(uri, format!("{uri}/{method}"))
            .body(body)
            .asking(format!("(StdRegProv, hive {:#x}) {asked}", self.hive));
        let answer = self.dialogue.exchange(&request, self.budget.until).await?;
        let mut nodes = answer.children.into_iter();
        let lacks = || TalkError::from(SoapError::Lacks("output of a method"));
        let output = nodes
            .find(|node| node.name.ends_with("_OUTPUT"))
            .ok_or_else(lacks)?;
        let status = output.child(Ns::Other, "ReturnValue").ok_or_else(lacks)?;
        match status.text.trim() {
            "0" => Ok(output),
            "1" | "2" => Err(ReadError::Missing),
            "5" => Err(ReadError::Denied),
            _ if value.is_some() => Err(ReadError::Missing),
            other => {
                let why = format!(
                    "the registry answers with status {}",
                    super::fault::one_line(other)
                );
                Err(TalkError::Garbled(why).into())
            }
        }
    }
}

/// The texts of the elements of a name; an array repeats its element.
fn texts(output: &Node, name: &str) -> Vec<String> {
    let nodes = output.children.iter();
    nodes
        .filter(|node| node.is(Ns::Other, name) && !node.is_nil())
        .map(|node| node.text.clone())
        .collect()
}

fn number(texts: &[String]) -> String {
    let number: Option<u64> = texts.first().and_then(|text| text.trim().parse().ok());
    number.map_or(String::new(), |number| format!("{number:#x}"))
}

fn bytes(texts: &[String]) -> String {
    let mut hex = String::new();
    for byte in texts
        .iter()
        .filter_map(|text| text.trim().parse::<u8>().ok())
    {
        let _ = write!(hex, "{byte:02X}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::super::super::courier::{CarryError, Courier, Delivery};
    use super::*;
    use async_trait::async_trait;
    use std::time::Duration;

    /// A host that answers each method with these elements.
    struct Flood(fn(&str) -> String);

    #[async_trait]
    impl Courier for Flood {
        async fn carry(&mut self, envelope: &str, _: Instant) -> Result<Delivery, CarryError> {
            let output = (self.0)(envelope);
            let body = format!(
                "<s:Envelope xmlns:s=\"{}\"><s:Body><p:X_OUTPUT xmlns:p=\"{}\">{output}<p:ReturnValue>0</p:ReturnValue></p:X_OUTPUT></s:Body></s:Envelope>",
                names::SOAP,
                names::REGISTRY
            );
            let (status, body) = (200, body.into_bytes());
            Ok(Delivery { status, body })
        }

        fn to(&self) -> &'static str {
            ""
        }

        fn is_local_account(&self) -> bool {
            false
        }
    }

    /// How the reading of a tree ends, and after how many calls.
    async fn read_from(host: fn(&str) -> String) -> (Result<String, ReadError>, u32) {
        let mut dialogue = Dialogue::new(Box::new(Flood(host)));
        let part = Part {
            key: r"HKLM\SOFTWARE",
            tree: true,
            value: None,
            view: View::Any,
            bytes: 100_000,
        };
        let mut budget = Budget {
            until: Instant::now() + Duration::from_mins(1),
            calls: 200,
        };
        let read = read(&mut dialogue, part, &mut budget).await;
        (read, 200 - budget.calls)
    }

    #[tokio::test]
    async fn a_key_of_endless_keys_is_too_much_before_they_are_kept() {
        let (read, calls) = read_from(|asked| {
            if asked.contains("EnumKey_INPUT") {
                return format!("<p:sNames>{}</p:sNames>", "k".repeat(200)).repeat(2_000);
            }
            String::new()
        })
        .await;
        assert_eq!(read, Err(ReadError::TooMuch));
        assert!(calls <= 4, "{calls}");
    }

    #[tokio::test]
    async fn a_name_that_no_key_can_have_is_not_asked_for() {
        let (read, calls) = read_from(|asked| {
            assert!(asked.len() < 10_000);
            if asked.contains("EnumKey_INPUT") {
                return format!("<p:sNames>{}</p:sNames>", "k".repeat(50_000));
            }
            String::new()
        })
        .await;
        assert_eq!(read, Ok(String::new()));
        assert_eq!(calls, 2);
    }

    #[tokio::test]
    async fn values_without_end_are_too_much_before_they_are_kept() {
        let (read, calls) = read_from(|asked| {
            if asked.contains("EnumValues_INPUT") {
                return "<p:sNames>v</p:sNames><p:Types>1</p:Types>".repeat(150);
            }
            format!("<p:sValue>{}</p:sValue>", "x".repeat(30_000))
        })
        .await;
        assert_eq!(read, Err(ReadError::TooMuch));
        assert!(calls <= 6, "{calls}");
    }
}
