//! The published schemas (JSON Schema 2020-12) of what is written as JSON: made of the columns of the tables and of
//! the frozen structs of the manifest, so that they say what the exporters do.
//!
//! They are checked in as `docs/schema/…-1.schema.json`. Within a version things are only added: that is why no
//! object forbids what it does not know. What would break a reader goes into a version 2, beside the first.

use super::column::{Column, Kind};
use super::json::{self, HOLDER, SCHEMA_VERSION};
use super::manifest::{ManifestV1, RunV1};
use super::tables::{TABLES, Table};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Every published schema, by its file's name in `docs/schema`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("underdesk-json-1.schema.json", document()),
        ("underdesk-jsonl-1.schema.json", line()),
        ("underdesk-manifest-1.schema.json", manifest()),
    ]
}

fn settings() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
}

/// `run.json`.
fn document() -> Value {
    let mut generator = settings();
    let run = generator.subschema_for::<RunV1<'_>>().to_value();
    let tables: Vec<&'static Table> = TABLES.iter().collect();
    let (outer, inner) = json::layout(&tables);
    let mut properties = Map::new();
    properties.insert("schema_version".into(), json!({ "const": SCHEMA_VERSION }));
    properties.insert("tool".into(), json!({ "const": env!("CARGO_PKG_NAME") }));
    properties.insert("tool_version".into(), json!({ "type": "string" }));
    properties.insert("run".into(), run);
    properties.insert("only".into(), only());
    let verified = tables.iter().map(|table| table.name);
    let missing: Vec<&str> = verified.filter(|name| !outer.contains(name)).collect();
    for name in outer.iter().copied().chain(missing) {
        properties.insert(name.into(), list_of(name, name == HOLDER));
    }
    let mut definitions = definitions(&mut generator);
    let mut lists = Map::new();
    for name in inner {
        lists.insert(name.into(), list_of(name, false));
    }
    definitions.insert(
        "machine_with_its_rows".into(),
        json!({
            "description": "a machine, and in a list for each table the rows that are about it",
            "allOf": [{ "$ref": "#/$defs/machine" }],
            "properties": lists,
        }),
    );
    json!({
        "$schema": DIALECT,
        "$id": "urn:underdesk:schema:json:1",
        "title": "underdesk run.json, version 1",
        "description": "A run. `unknown` is a fact that nobody could learn, `null` that there is nothing to say.",
        "type": "object",
        "properties": properties,
        "required": ["schema_version", "tool", "tool_version", "run"],
        "$defs": definitions,
    })
}

/// One line of `run.jsonl`.
fn line() -> Value {
    let mut generator = settings();
    let run = generator.subschema_for::<RunV1<'_>>().to_value();
    let tagged = |kind: &str, of: Value| json!({ "allOf": [of], "properties": { "type": { "const": kind } }, "required": ["type"] });
    let rows = TABLES
        .iter()
        .map(|table| tagged(table.kind, reference(table.kind)));
    let run = json!({ "allOf": [run], "properties": { "only": only() } });
    let lines: Vec<Value> = [tagged("run", run)].into_iter().chain(rows).collect();
    json!({
        "$schema": DIALECT,
        "$id": "urn:underdesk:schema:jsonl:1",
        "title": "underdesk run.jsonl, version 1: one line",
        "description": "A row of a table, or the run. `unknown` is a fact that nobody could learn, `null` that there is nothing to say.",
        "type": "object",
        "oneOf": lines,
        "$defs": definitions(&mut generator),
    })
}

/// What a part of a run was limited to.
fn only() -> Value {
    json!({
        "description": "the flags that a part of the run was asked for with; not there where all of it is",
        "type": "array",
        "items": { "type": "string" },
    })
}

/// `manifest.json`.
fn manifest() -> Value {
    let mut schema = settings()
        .into_root_schema_for::<ManifestV1<'_>>()
        .to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$id".into(), "urn:underdesk:schema:manifest:1".into());
        object.insert("title".into(), "underdesk manifest.json, version 1".into());
    }
    schema
}

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What schemars has gathered, a row of each table, and each sort of cell.
fn definitions(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut all = generator.take_definitions(true);
    all.extend(
        TABLES
            .iter()
            .map(|table| (table.kind.to_owned(), row(table))),
    );
    all.extend(KINDS.iter().map(|kind| (name_of(*kind), cell(*kind))));
    all
}

fn row(table: &Table) -> Value {
    let columns = table.columns.iter();
    let properties = columns
        .clone()
        .map(|column| (column.name.to_owned(), of_column(column)));
    let required: Vec<&str> = columns.map(|column| column.name).collect();
    json!({
        "description": format!("{}.csv: {}", table.name, table.says),
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "required": required,
    })
}

fn of_column(column: &Column) -> Value {
    json!({ "$ref": format!("#/$defs/{}", name_of(column.kind)), "description": column.says })
}

fn list_of(name: &str, is_holder: bool) -> Value {
    let table = TABLES.iter().find(|table| table.name == name);
    let says = table.map_or("", |table| table.says);
    let kind = table.map_or("", |table| table.kind);
    let kind = if is_holder {
        "machine_with_its_rows"
    } else {
        kind
    };
    json!({ "type": "array", "items": reference(kind), "description": says })
}

fn reference(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

const KINDS: &[Kind] = &[
    Kind::Text,
    Kind::List,
    Kind::Count,
    Kind::Signed,
    Kind::Tenths,
    Kind::Probability,
    Kind::Percent,
    Kind::Flag,
    Kind::Day,
    Kind::Time,
    Kind::Address,
];

/// The definition of a sort of cell: `cell_count`.
fn name_of(kind: Kind) -> String {
    let name = match kind {
        Kind::Text => "text",
        Kind::List => "list",
        Kind::Count => "count",
        Kind::Signed => "integer",
        Kind::Tenths => "decimal",
        Kind::Probability => "probability",
        Kind::Percent => "percent",
        Kind::Flag => "flag",
        Kind::Day => "date",
        Kind::Time => "time",
        Kind::Address => "address",
    };
    format!("cell_{name}")
}

/// A cell: of its sort, or `"unknown"`, or `null`.
fn cell(kind: Kind) -> Value {
    let known = match kind {
        Kind::Text => return json!({ "type": ["string", "null"] }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::Signed => json!({ "type": "integer" }),
        Kind::Tenths => json!({ "type": "number", "minimum": 0, "maximum": 25.5 }),
        Kind::Probability => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Percent => json!({ "type": "number", "minimum": 0, "maximum": 100 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Day => json!({ "type": "string", "format": "date" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Address => json!({ "anyOf": [
            { "type": "string", "format": "ipv4" },
            { "type": "string", "format": "ipv6" },
        ] }),
    };
    json!({ "anyOf": [known, { "const": "unknown" }, { "type": "null" }] })
}

#[cfg(test)]
mod tests;
