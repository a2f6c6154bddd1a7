//! JSON: an array of machines, one in each line, or an answer of an interface with the array in it.

use super::table::{MOST_COLUMNS, Table};
use super::{KnownError, cells};
use csv::StringRecord;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Under what answers of interfaces keep their machines.
const ENVELOPES: &[&str] = &[
    "value", "results", "result", "data", "assets", "devices", "hosts", "items", "rows",
];

/// What a JSON text is.
pub(super) enum Json {
    /// Objects, each with its line.
    Machines(Table),
    /// What `ansible-inventory --list` prints.
    Inventory(Value),
}

/// The most bytes of one document: in memory it takes many times that. One object in each line may be more.
const MOST_BYTES: usize = 64 << 20;

/// Reads a JSON text. Depth is bounded by the reader.
pub(super) fn read(text: &str) -> Result<Json, KnownError> {
    let end = text.char_indices().nth(MOST_BYTES).map(|(end, _)| end);
    let whole = serde_json::from_str::<Value>(end.and_then(|end| text.get(..end)).unwrap_or(text));
    if let Ok(Value::Object(object)) = &whole
        && object.contains_key("_meta")
    {
        return Ok(Json::Inventory(Value::Object(object.clone())));
    }
    let mut machines = Machines::default();
    match whole {
        Ok(Value::Array(objects)) => machines.all(&objects)?,
        Ok(Value::Object(object)) => match envelope(&object) {
            Some(objects) => machines.all(objects)?,
            None => machines.one(1, &Value::Object(object))?,
        },
        Ok(_) => return Err(malformed(1, "it holds no machines")),
        Err(error) => lines(text, &error, &mut machines)?,
    }
    Ok(Json::Machines(machines.into_table()?))
}

/// Whether a text begins with an array of objects. A section of an INI file begins with a bracket, too.
pub(super) fn is_array(text: &str) -> bool {
    let rest = text.strip_prefix('[').map(str::trim_start);
    rest.is_some_and(|rest| rest.starts_with(['{', ']']))
}

fn envelope(object: &Map<String, Value>) -> Option<&Vec<Value>> {
    ENVELOPES
        .iter()
        .find_map(|name| object.get(*name)?.as_array())
}

fn malformed(line: u64, what: &str) -> KnownError {
    KnownError::Malformed {
        form: "JSON",
        line,
        what: what.to_owned(),
    }
}

/// One object in each line. If already the first does not read, the text as a whole is what is wrong.
fn lines(text: &str, error: &serde_json::Error, machines: &mut Machines) -> Result<(), KnownError> {
    machines.form = "JSON lines";
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Value>(line) {
            Ok(object) => machines.one(number, &object)?,
            Err(_) if machines.rows.is_empty() => {
                return Err(malformed(error.line() as u64, &error.to_string()));
            }
            Err(error) => return Err(malformed(number, &error.to_string())),
        }
    }
    Ok(())
}

/// Objects that become rows.
struct Machines {
    form: &'static str,
    headers: Vec<String>,
    places: HashMap<String, usize>,
    rows: Vec<(u64, Vec<(usize, String)>)>,
    values: usize,
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            form: "JSON",
            headers: Vec::new(),
            places: HashMap::new(),
            rows: Vec::new(),
            values: 0,
        }
    }
}

impl Machines {
    fn all(&mut self, objects: &[Value]) -> Result<(), KnownError> {
        let mut numbered = (1..).zip(objects);
        numbered.try_for_each(|(number, object)| self.one(number, object))
    }

    fn one(&mut self, number: u64, object: &Value) -> Result<(), KnownError> {
        let Value::Object(object) = object else {
            return Err(malformed(
                number,
                "it is no object with the fields of a machine",
            ));
        };
        let mut row = Vec::new();
        for (key, value) in object {
            if let Some(text) = scalar(value)
                && let Some(place) = self.place(key)
            {
                row.push((place, text));
            }
        }
        self.values += row.len();
        self.rows.push((number, row));
        Ok(())
    }

    fn place(&mut self, key: &str) -> Option<usize> {
        if let Some(place) = self.places.get(key) {
            return Some(*place);
        }
        let place = self.headers.len();
        if place >= MOST_COLUMNS {
            return None;
        }
        self.headers.push(cells::kept(key));
        self.places.insert(key.to_owned(), place);
        Some(place)
    }

    fn into_table(self) -> Result<Table, KnownError> {
        let mut table = Table::new(self.form.to_owned(), None);
        let width = self.headers.len();
        table.headers = self.headers;
        for (number, cells) in self.rows {
            let mut row = vec![String::new(); width];
            for (place, text) in cells {
                if let Some(cell) = row.get_mut(place) {
                    *cell = text;
                }
            }
            table.push(number, StringRecord::from(row))?;
        }
        Ok(table)
    }
}

/// The text of a value: of a list its values, of an object nothing.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let texts = values.iter().filter(|value| !value.is_array());
            let texts: Vec<_> = texts.filter_map(scalar).take(64).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
    }
}
