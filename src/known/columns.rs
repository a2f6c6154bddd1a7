//! Which column of a table is what: by the operator's word, else by its name, else by its content.

use super::table::Table;
use super::{ColumnUse, Field, KnownError, ReadOptions, Why, cells, headers};
use crate::model::ListKind;
use crate::tabular::days::{self, Day, Order, Signs};

/// The columns of a table, and how they are read.
#[derive(Debug)]
pub(super) struct Columns {
    /// The columns that are used: where each is and what. Of one field, the one that counts stands first.
    pub(super) used: Vec<(usize, Field)>,
    /// Every column, as it is shown.
    pub(super) uses: Vec<ColumnUse>,
    /// How days such as `03/11/2026` are read.
    pub(super) order: Order,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

/// Recognises the columns of a table.
pub(super) fn recognise(
    table: &Table,
    kind: ListKind,
    options: &ReadOptions,
) -> Result<Columns, KnownError> {
    let mut picks: Vec<Pick> = table.headers.iter().map(|_| Pick::default()).collect();
    by_map(table, options, &mut picks)?;
    by_name(table, kind, &mut picks);
    by_content(table, &mut picks);
    let mut used: Vec<(usize, usize, Field)> = Vec::new();
    let mut uses = Vec::new();
    for (at, (pick, header)) in picks.iter().zip(&table.headers).enumerate() {
        used.extend(pick.field.map(|field| (pick.rank, at, field)));
        uses.push(ColumnUse {
            header: header.clone(),
            used_as: pick.field,
            why: pick.why,
            hint: pick.hint.clone(),
        });
    }
    used.sort_by_key(|(rank, at, field)| (*field, *rank, *at));
    let used: Vec<_> = used.iter().map(|(_, at, field)| (*at, *field)).collect();
    if !used.iter().any(|(_, field)| field.identifies()) {
        return Err(KnownError::NoColumn {
            found: found(table),
        });
    }
    let (order, note) = order(table, &used);
    Ok(Columns {
        used,
        uses,
        order,
        notes: note.into_iter().collect(),
    })
}

/// What a column is taken for, so far.
struct Pick {
    field: Option<Field>,
    why: Why,
    rank: usize,
    hint: Option<String>,
    /// Whether its name is known, and says that it is not used.
    is_passed_over: bool,
}

impl Default for Pick {
    fn default() -> Self {
        Self {
            field: None,
            why: Why::Unused,
            rank: usize::MAX,
            hint: None,
            is_passed_over: false,
        }
    }
}

/// The headers as an error shows them.
fn found(table: &Table) -> String {
    let shown: Vec<_> = table.headers.iter().take(30).map(String::as_str).collect();
    let rest = table.headers.len().saturating_sub(shown.len());
    let more = if rest > 0 {
        format!(", and {rest} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

/// A column that the operator names stands before any other of its field, which are not used then.
fn by_map(table: &Table, options: &ReadOptions, picks: &mut [Pick]) -> Result<(), KnownError> {
    for mapped in &options.map {
        let at = position(table, &mapped.header);
        let Some(pick) = at.and_then(|at| picks.get_mut(at)) else {
            if mapped.is_optional {
                continue;
            }
            return Err(KnownError::NoSuchColumn {
                field: mapped.field,
                header: mapped.header.clone(),
                found: found(table),
            });
        };
        pick.field = Some(mapped.field);
        pick.why = Why::Map;
        pick.rank = 0;
    }
    Ok(())
}

/// Where a column is: `#3`, or a header, as it is written or at least as it is compared.
fn position(table: &Table, wanted: &str) -> Option<usize> {
    let number = wanted
        .strip_prefix('#')
        .and_then(|number| number.parse::<usize>().ok());
    if let Some(number) = number {
        return number.checked_sub(1).filter(|at| *at < table.headers.len());
    }
    let mut headers = table.headers.iter();
    let exact = headers.position(|header| header == wanted);
    let wanted = headers::folded(wanted);
    let alike = || {
        let mut headers = table.headers.iter();
        headers.position(|header| headers::folded(header) == wanted)
    };
    exact.or_else(|| alike().filter(|_| !wanted.is_empty()))
}

fn by_name(table: &Table, kind: ListKind, picks: &mut [Pick]) {
    let mapped: Vec<Field> = picks.iter().filter_map(|pick| pick.field).collect();
    for (pick, header) in picks.iter_mut().zip(&table.headers) {
        if pick.field.is_some() {
            continue;
        }
        match headers::field(kind, header) {
            Some((Some(field), _)) if mapped.contains(&field) => pick.is_passed_over = true,
            Some((Some(field), rank)) => {
                pick.field = Some(field);
                pick.why = Why::Name;
                pick.rank = rank;
            }
            Some((None, _)) => pick.is_passed_over = true,
            None => {}
        }
    }
}

/// What a column holds, if nearly all of it is that.
fn content(table: &Table, column: usize) -> Option<Content> {
    const TESTS: &[(Content, Test)] = &[
        (Content::Mac, |text| cells::mac(text).is_some()),
        (Content::Address, |text| cells::address(text).is_some()),
        (Content::Uuid, |text| cells::uuid(text).is_some()),
        (Content::Day, |text| {
            matches!(days::read(text, Order::default()), Day::On(_) | Day::Never)
        }),
        (Content::Fqdn, cells::is_fqdn),
        (Content::Hostname, cells::is_hostname),
    ];
    let values: Vec<&str> = table.sample(column).collect();
    if values.is_empty() {
        return None;
    }
    let fits = |test: Test| {
        let count = values.iter().filter(|value| test(value)).count();
        count * 10 >= values.len() * 9
    };
    let found = TESTS
        .iter()
        .find(|(_, test)| fits(*test))
        .map(|(content, _)| *content)?;
    // Many rows with few words in them are a class, a site, an operating system.
    let mut different = values.clone();
    different.sort_unstable();
    different.dedup();
    let tells = different.len() * 10 >= values.len() * 9;
    (found != Content::Hostname || tells).then_some(found)
}

/// Whether a value is of a content.
type Test = fn(&str) -> bool;

/// What a value can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Mac,
    Address,
    Uuid,
    Day,
    Fqdn,
    Hostname,
}

/// Columns of which the name says nothing. What would be a claim that its content cannot bear out is only hinted
/// at: a uuid need not be the hardware's, and a day may be any.
fn by_content(table: &Table, picks: &mut [Pick]) {
    let contents: Vec<_> = (0..picks.len()).map(|at| content(table, at)).collect();
    let mut fields = picks.iter().filter_map(|pick| pick.field);
    let strong = [Content::Mac, Content::Address, Content::Fqdn];
    let tells_machines = fields.any(Field::identifies)
        || contents
            .iter()
            .flatten()
            .any(|content| strong.contains(content));
    for (at, content) in contents.into_iter().enumerate() {
        let is_open = |pick: &Pick| pick.field.is_none() && !pick.is_passed_over;
        if !picks.get(at).is_some_and(is_open) {
            continue;
        }
        let Some(content) = content else {
            continue;
        };
        let has = |field| picks.iter().any(|pick| pick.field == Some(field));
        // A word alone may be anything: a name it is where something else tells machines apart.
        let is_open = !has(Field::Name) && !has(Field::Fqdn) && tells_machines;
        let (field, hint) = match content {
            Content::Mac => (Some(Field::Mac), None),
            Content::Address => (Some(Field::Address), None),
            Content::Fqdn if !has(Field::Fqdn) => (Some(Field::Fqdn), None),
            Content::Hostname if is_open => (Some(Field::Name), None),
            Content::Uuid => (None, Some("uuids: --map uuid=… if they are the hardware's")),
            Content::Day => (None, Some("days: --map last_seen=… if they are that")),
            Content::Fqdn | Content::Hostname => (None, None),
        };
        let Some(pick) = picks.get_mut(at) else {
            continue;
        };
        pick.field = field;
        pick.why = if field.is_some() {
            Why::Content
        } else {
            Why::Unused
        };
        pick.hint = hint.map(|what| format!("holds {what}"));
    }
}

/// How days are read, and what to say of it.
fn order(table: &Table, used: &[(usize, Field)]) -> (Order, Option<String>) {
    let mut signs = Signs::default();
    let days = used.iter().filter(|(_, field)| field.is_day());
    for (column, _) in days {
        for row in &table.rows {
            signs.look(row.cells.get(*column).unwrap_or_default());
        }
    }
    if let Some(order) = signs.order() {
        return (order, None);
    }
    // A spreadsheet that separates by semicolons is of a country where the comma is in numbers: none of these
    // writes the month first.
    let order = match table.separator {
        Some(';') => Order::DayFirst,
        _ => Order::MonthFirst,
    };
    let word = match order {
        Order::DayFirst => "day first, as where tables are separated by semicolons",
        Order::MonthFirst => "month first, as PowerShell and consoles in English write them",
    };
    let note = format!(
        "days such as 03/11/2026 could be read in two ways, and no day here shows which: they are read {word}; \
         export them as 2026-11-03 if that is wrong"
    );
    (order, (signs.ambiguous > 0).then_some(note))
}
