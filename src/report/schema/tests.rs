//! The schemas are those that are checked in, and every document of the samples is as they say.

use super::super::sample::{self, Memory};
use super::super::sample_verified::verified_run;
use super::super::tests::{compared, exported, hostile_texts, plain, sample_run};
use super::super::{Options, sample_windows};
use super::schemas;
use proptest::prelude::*;
use quick_xml::events::Event;
use serde_json::Value;
use std::{fs, path::Path};

/// `UNDERDESK_WRITE_DOCS=1 cargo test` writes them anew.
#[test]
fn the_published_schemas_are_those_that_the_tables_make() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    for (name, schema) in schemas() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let path = folder.join(name);
        if std::env::var_os("UNDERDESK_WRITE_DOCS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == text,
            "docs/schema/{name} is not what the tables say: write it anew"
        );
    }
}

#[test]
fn every_document_of_the_samples_is_as_its_schema_says() {
    let options = Options {
        all_findings: true,
        ..plain()
    };
    let restless = sample::run(vec![
        sample::unread("10.0.2.1"),
        sample_windows::judged("10.0.2.2", "srv"),
    ]);
    let empty = sample::run(Vec::new());
    for run in [
        sample_run(),
        compared(),
        sample::filled(&hostile_texts()),
        restless,
        empty,
    ] {
        let (memory, _) = exported(&run, &["json", "jsonl"], &options);
        check(&memory);
    }
}

#[test]
fn a_run_that_verified_is_as_its_schema_says() {
    let (memory, _) = exported(&verified_run(), &["json", "jsonl"], &plain());
    check(&memory);
    let document: Value = serde_json::from_str(&memory.text("run.json")).unwrap();
    let lists =
        ["coverage", "verify", "access"].map(|name| document[name].as_array().unwrap().len());
    assert_eq!(lists, [2, 3, 1]);
    assert!(document.get("machines").is_none());
}

/// What programs read: JSON of every sort, and XML.
fn is_well_formed(texts: &[String]) -> Result<(), TestCaseError> {
    let options = Options {
        all_findings: true,
        ..plain()
    };
    let formats = ["json", "jsonl", "cyclonedx", "defectdojo", "nmap"];
    let (memory, written) = exported(&sample::filled(texts), &formats, &options);
    prop_assert!(written.files.len() >= 5);
    check(&memory);
    for name in memory.names() {
        let text = memory.text(&name);
        let is_harmless = |c: char| c == '\n' || !c.is_control();
        prop_assert!(text.chars().all(is_harmless), "{name}");
        if name.strip_suffix(".json").is_some() {
            let read = serde_json::from_str::<Value>(&text);
            prop_assert!(read.is_ok(), "{name}: {read:?}");
        } else if name.strip_suffix(".xml").is_some() {
            let mut reader = quick_xml::Reader::from_str(&text);
            while reader
                .read_event()
                .map_err(|error| TestCaseError::fail(error.to_string()))?
                != Event::Eof
            {}
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_text_breaks_a_document(
        texts in prop::collection::vec("\\PC*|.{0,40}|[-<>&=+@;,\"'`\r\n\t\0 0-9e.]{0,12}", 1..40),
    ) {
        is_well_formed(&texts)?;
    }
}

#[test]
fn a_document_that_is_not_as_its_schema_says_is_found_out() {
    let (memory, _) = exported(&sample_run(), &["json"], &plain());
    let schema = published("underdesk-json-1.schema.json");
    let document: Value = serde_json::from_str(&memory.text("run.json")).unwrap();
    let spoilt = |change: fn(&mut Value)| {
        let mut document = document.clone();
        change(&mut document);
        violations(&schema, &schema, &document)
    };
    assert!(spoilt(|_| {}).is_empty());
    let without = spoilt(|document| {
        document["machines"][0]
            .as_object_mut()
            .unwrap()
            .remove("arch");
    });
    assert!(without[0].contains("arch"), "{without:?}");
    assert!(
        !spoilt(|document| document["machines"][0]["findings"][0]["kev"] = "maybe".into())
            .is_empty()
    );
    assert!(!spoilt(|document| document["coverage"][0]["silent"] = (-1).into()).is_empty());
    assert!(!spoilt(|document| document["schema_version"] = 2.into()).is_empty());
}

fn published(name: &str) -> Value {
    schemas()
        .into_iter()
        .find(|(file, _)| *file == name)
        .unwrap()
        .1
}

fn check(memory: &Memory) {
    let mut checked = 0;
    let mut of = |name: &str, text: &str| {
        let schema = published(name);
        let document: Value = serde_json::from_str(text).unwrap();
        let found = violations(&schema, &schema, &document);
        assert!(found.is_empty(), "{name}: {found:?}\n{text}");
        checked += 1;
    };
    of("underdesk-json-1.schema.json", &memory.text("run.json"));
    of(
        "underdesk-manifest-1.schema.json",
        &memory.text("manifest.json"),
    );
    for line in memory.text("run.jsonl").lines() {
        of("underdesk-jsonl-1.schema.json", line);
    }
    assert!(checked > 2);
}

/// What of a document is not as a schema says: as much of JSON Schema as ours use, and nothing that it passes over.
fn violations(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let Some(rules) = schema.as_object() else {
        assert_eq!(schema, &Value::Bool(true));
        return Vec::new();
    };
    let mut found = Vec::new();
    for (rule, says) in rules {
        match parts(root, rules, (rule, says), value) {
            Some(inner) => found.extend(inner),
            None if holds(root, rule, says, value) => {}
            None => found.push(format!("{value} is not as {rule} {says} says")),
        }
    }
    found
}

/// What is not as a rule says that hands parts of the value on to other schemas; `None` for any other rule.
fn parts(
    root: &Value,
    rules: &serde_json::Map<String, Value>,
    (rule, says): (&str, &Value),
    value: &Value,
) -> Option<Vec<String>> {
    let known = rules.get("properties").and_then(Value::as_object);
    let members = || value.as_object().into_iter().flatten();
    Some(match rule {
        "$ref" => {
            let pointer = says.as_str().unwrap().strip_prefix('#').unwrap();
            violations(root, root.pointer(pointer).unwrap(), value)
        }
        "required" => {
            let names = says.as_array().unwrap().iter();
            let missing = names.filter(|name| value.get(name.as_str().unwrap()).is_none());
            missing.map(|name| format!("{name} is missing")).collect()
        }
        "properties" => members()
            .filter_map(|(name, part)| Some((says.get(name)?, part)))
            .flat_map(|(schema, part)| violations(root, schema, part))
            .collect(),
        "additionalProperties" => members()
            .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
            .flat_map(|(_, part)| violations(root, says, part))
            .collect(),
        "items" => {
            let items = value.as_array().into_iter().flatten();
            items
                .flat_map(|item| violations(root, says, item))
                .collect()
        }
        "allOf" => {
            let all = says.as_array().unwrap().iter();
            all.flat_map(|one| violations(root, one, value)).collect()
        }
        _ => return None,
    })
}

fn holds(root: &Value, rule: &str, says: &Value, value: &Value) -> bool {
    match rule {
        "$schema" | "$id" | "$defs" | "title" | "description" | "format" => true,
        "type" => match says {
            Value::Array(types) => types.iter().any(|one| is_of(value, one)),
            one => is_of(value, one),
        },
        "const" => value == says,
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= says.as_f64().unwrap()),
        "maximum" => value
            .as_f64()
            .is_none_or(|number| number <= says.as_f64().unwrap()),
        "anyOf" => fitting(root, says, value) > 0,
        "oneOf" => fitting(root, says, value) == 1,
        other => panic!("a rule that this test does not know: {other}"),
    }
}

fn fitting(root: &Value, schemas: &Value, value: &Value) -> usize {
    let schemas = schemas.as_array().unwrap().iter();
    schemas
        .filter(|one| violations(root, one, value).is_empty())
        .count()
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}
