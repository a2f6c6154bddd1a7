//! Inventories of Ansible: in INI, in YAML, and as `ansible-inventory --list` prints them.
//!
//! A host is a name or a pattern of names (`web[01:10].corp.example`); `ansible_host` says where it is.

mod pattern;

use super::draft::Draft;
use super::{Field, KnownError, cells};
use crate::model::{KnownRecord, ListKind};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// The deepest that groups may nest.
const DEEPEST: usize = 32;
/// The most hosts, after patterns.
const MOST_HOSTS: usize = 200_000;

/// Whether a text is an inventory in INI: it has groups, or hosts with variables of Ansible.
pub(super) fn is_ini(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines
        .clone()
        .take(2000)
        .any(|line| line.contains(" ansible_") && line.contains('='))
        || lines
            .find(|line| !is_comment(line))
            .is_some_and(|line| section(line).is_some())
}

/// Whether a text is one in YAML: a group is a key that has hosts or children.
pub(super) fn is_yaml(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !is_comment(line.trim()));
    let first = lines.next().unwrap_or_default().trim_end();
    let first = if first == "---" {
        lines.next().unwrap_or_default().trim_end()
    } else {
        first
    };
    let is_group = first.ends_with(':') && !first.starts_with([' ', '\t']);
    is_group
        && text
            .lines()
            .take(2000)
            .any(|line| ["hosts:", "children:"].contains(&line.trim()))
}

fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', ';'])
}

/// The name of a section: `[web:vars]`.
fn section(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.split(']').next()?;
    let is_name = |one: char| one.is_alphanumeric() || "_-.:".contains(one);
    (!name.is_empty() && name.chars().all(is_name) && line.contains(']')).then_some(name)
}

fn draft(form: &str) -> Draft {
    let uses = [
        ("inventory_hostname", Field::Name),
        ("ansible_host", Field::Address),
    ];
    Draft::of_form(ListKind::Ansible, form, &uses)
}

/// Reads an inventory in INI.
pub(super) fn read_ini(text: &str) -> Draft {
    let mut hosts = Hosts::new("Ansible inventory (INI)");
    let mut has_hosts = true;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if is_comment(line) {
            continue;
        }
        if let Some(name) = section(line) {
            has_hosts = !name.contains(':');
            continue;
        }
        if !has_hosts {
            continue;
        }
        let line = line.split(" #").next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let host = words.next().unwrap_or_default();
        let place = words.find_map(|word| {
            let (name, value) = word.split_once('=')?;
            is_place(name).then(|| value.trim_matches(['"', '\'']))
        });
        hosts.host(number, host, place);
    }
    hosts.finish()
}

/// Whether a variable says where a host is.
fn is_place(name: &str) -> bool {
    name == "ansible_host" || name == "ansible_ssh_host"
}

/// Reads an inventory in YAML. Depth, aliases and sizes are bounded by its reader.
pub(super) fn read_yaml(text: &str) -> Result<Draft, KnownError> {
    let value: Value = serde_saphyr::from_str(text).map_err(|error| KnownError::Malformed {
        form: "Ansible inventory in YAML",
        line: error.location().map_or(0, |place| place.line()),
        what: cells::shown(&error.without_snippet().to_string()),
    })?;
    let lines = keys(text);
    let mut hosts = Hosts::new("Ansible inventory (YAML)");
    if let Value::Object(groups) = &value {
        for group in groups.values() {
            hosts.group(group, &lines, 0);
        }
    }
    Ok(hosts.finish())
}

/// The first line of each key.
fn keys(text: &str) -> HashMap<&str, u64> {
    let mut lines = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let key = line.trim_start().split(": ").next().unwrap_or_default();
        let key = key
            .trim_end()
            .trim_end_matches(':')
            .trim_matches(['"', '\'']);
        lines.entry(key).or_insert(number);
    }
    lines
}

/// Reads what `ansible-inventory --list` prints: groups with the names of their hosts, and the hosts' variables
/// apart.
pub(super) fn read_list(value: &Value) -> Draft {
    let mut hosts = Hosts::new("Ansible inventory (JSON)");
    let Value::Object(groups) = value else {
        return hosts.finish();
    };
    let variables = groups.get("_meta").and_then(|meta| meta.get("hostvars"));
    let mut number = 0;
    for (name, variables) in variables.and_then(Value::as_object).into_iter().flatten() {
        number += 1;
        hosts.host(number, name, variables.as_object().and_then(place));
    }
    let listed = groups
        .values()
        .filter_map(|group| group.get("hosts")?.as_array());
    for name in listed.flatten().filter_map(Value::as_str) {
        number += 1;
        hosts.host(number, name, None);
    }
    hosts.finish()
}

fn place(variables: &Map<String, Value>) -> Option<&str> {
    let mut variables = variables.iter().filter(|(name, _)| is_place(name));
    variables.find_map(|(_, value)| value.as_str())
}

/// Hosts as they are met, each once.
struct Hosts {
    draft: Draft,
    records: BTreeMap<String, KnownRecord>,
}

impl Hosts {
    fn new(form: &str) -> Self {
        Self {
            draft: draft(form),
            records: BTreeMap::new(),
        }
    }

    fn group(&mut self, group: &Value, lines: &HashMap<&str, u64>, depth: usize) {
        if depth >= DEEPEST {
            return;
        }
        let of = |name: &str| {
            group
                .get(name)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
        };
        for (name, variables) in of("hosts") {
            let line = lines.get(name.as_str()).copied().unwrap_or(0);
            self.host(line, name, variables.as_object().and_then(place));
        }
        for (_, child) in of("children") {
            self.group(child, lines, depth + 1);
        }
    }

    fn host(&mut self, row: u64, text: &str, place: Option<&str>) {
        let names = match pattern::names(text) {
            Ok(names) => names,
            Err(what) => return self.draft.problem(row, "", what),
        };
        for name in names {
            if place.is_none() && matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1") {
                let what = "`localhost` is the machine that Ansible runs on: name it to compare it";
                self.draft.problem(row, "", what);
                continue;
            }
            if self.records.len() >= MOST_HOSTS {
                let what = format!("more than {MOST_HOSTS} hosts: left out");
                return self.draft.problem(row, "", what);
            }
            let record = self.records.entry(name.clone()).or_default();
            if record.row == 0 {
                record.row = row;
                called(record, &name);
            }
            if let Some(place) = place {
                called(record, place);
            }
        }
    }

    fn finish(mut self) -> Draft {
        let mut records: Vec<_> = self.records.into_values().collect();
        records.sort_by_key(|record| record.row);
        for record in records {
            self.draft.take(record);
        }
        self.draft
    }
}

/// Takes in what a host is called, or where it is.
fn called(record: &mut KnownRecord, text: &str) {
    if let Some(address) = cells::address(text) {
        if !record.addresses.contains(&address) {
            record.addresses.push(address);
        }
        return;
    }
    let Some(text) = cells::text(text).filter(|text| !text.contains("{{")) else {
        return;
    };
    let named = cells::name(text);
    record.name = record.name.take().or(named.name);
    record.fqdn = record.fqdn.take().or(named.fqdn);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_is_told_from_a_plain_list() {
        assert!(is_ini("# ours\n[web]\npc-1\n"));
        assert!(is_ini("pc-1 ansible_host=10.0.0.5\n"));
        assert!(!is_ini("pc-1\n10.0.0.5\n"));
        assert!(is_yaml("---\nall:\n  hosts:\n    pc-1:\n"));
        assert!(!is_yaml("name: x\nhosts: y\n"));
    }

    #[test]
    fn what_is_a_template_says_nothing() {
        let draft =
            read_ini("pc-1 ansible_host={{x}} ansible_user=a\nlocalhost\n[web:vars]\npc-2\n");
        let [record] = &draft.records[..] else {
            panic!("{draft:?}")
        };
        assert_eq!(record.name.as_deref(), Some("pc-1"));
        assert_eq!(draft.unread[0].row, 2);
    }
}
