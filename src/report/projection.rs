//! Which columns of a table are shown, and in which order: `--columns`.

use super::ReportError;
use super::cell::Cell;
use super::column::Column;
use super::tables::Table;

/// A table with the columns that are asked for.
pub(super) struct Projection {
    table: &'static Table,
    /// The places of the columns; `None` for all of them as they are.
    places: Option<Vec<usize>>,
}

/// The tables with these columns of theirs, in this order; with all where none is named. A column need not be in
/// every table.
///
/// # Errors
/// No table has a column, or a table has none of them.
pub(super) fn of(
    tables: &[&'static Table],
    columns: &[String],
) -> Result<Vec<Projection>, ReportError> {
    for name in columns {
        if !tables.iter().any(|table| place(table, name).is_some()) {
            return Err(no_such_column(tables, name));
        }
    }
    let project = |table: &&'static Table| {
        let table = *table;
        if columns.is_empty() {
            let places = None;
            return Ok(Projection { table, places });
        }
        let mut places = Vec::new();
        for place in columns.iter().filter_map(|name| place(table, name)) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        if places.is_empty() {
            return Err(ReportError::NoColumns {
                table: table.name.to_owned(),
                known: names(&[table]).join(", "),
            });
        }
        let places = Some(places);
        Ok(Projection { table, places })
    };
    tables.iter().map(project).collect()
}

impl Projection {
    /// The whole table.
    pub(super) fn table(&self) -> &'static Table {
        self.table
    }

    /// How many columns are shown.
    pub(super) fn len(&self) -> usize {
        match &self.places {
            None => self.table.columns.len(),
            Some(places) => places.len(),
        }
    }

    /// The columns that are shown.
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.of(self.table.columns)
    }

    /// The cells that are shown of a row.
    pub(super) fn cells<'c, 'a>(&self, row: &'c [Cell<'a>]) -> impl Iterator<Item = &'c Cell<'a>> {
        self.of(row)
    }

    fn of<'c, T>(&self, all: &'c [T]) -> impl Iterator<Item = &'c T> {
        let count = self.len();
        (0..count).filter_map(move |at| match &self.places {
            None => all.get(at),
            Some(places) => all.get(*places.get(at)?),
        })
    }
}

fn place(table: &Table, name: &str) -> Option<usize> {
    table.columns.iter().position(|column| column.name == name)
}

/// The names of the columns of some tables, each once.
fn names(tables: &[&Table]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for column in tables.iter().flat_map(|table| table.columns) {
        if !names.contains(&column.name) {
            names.push(column.name);
        }
    }
    names
}

fn no_such_column(tables: &[&'static Table], name: &str) -> ReportError {
    let known = names(tables);
    let near = known.iter().map(|one| (distance(one, name), *one));
    let near = near.min().filter(|(steps, _)| *steps <= 3);
    ReportError::NoSuchColumn {
        name: name.to_owned(),
        nearest: near.map_or(String::new(), |(_, one)| format!(", perhaps `{one}`")),
        known: known.join(", "),
    }
}

/// How many letters must be put in, taken out or changed to make one word of another (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for ((d, above), corner) in other.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            let changed = corner + usize::from(*d != c);
            next.push(changed.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tables;
    use super::*;

    fn project(table: &str, columns: &[&str]) -> Result<Vec<Vec<&'static str>>, ReportError> {
        let source = super::super::sample::run(Vec::new());
        let tables = tables::chosen(Some(table), &source)?;
        let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let all = of(&tables, &columns)?.into_iter();
        Ok(all
            .map(|one| one.columns().map(|column| column.name).collect())
            .collect())
    }

    #[test]
    fn columns_come_in_the_order_asked_for_and_each_once() {
        let chosen = project("findings", &["rank", "hostname", "rank"]).unwrap();
        assert_eq!(chosen, [["rank", "hostname"]]);
        let all = project("coverage", &[]).unwrap();
        assert_eq!(
            all[0].len(),
            tables::called("coverage").unwrap().columns.len()
        );
    }

    #[test]
    fn of_several_tables_each_shows_those_that_it_has() {
        let chosen = project("findings, machines", &["hostname", "rank", "os_name"]).unwrap();
        assert_eq!(chosen, [["hostname", "rank"], ["hostname", "os_name"]]);
        let error = project("findings,remediation", &["hostname"]).unwrap_err();
        assert!(
            error.to_string().contains("remediation has none"),
            "{error}"
        );
    }

    #[test]
    fn a_misspelt_column_is_told_with_the_nearest_and_all_others() {
        let error = project("findings", &["hostnme"]).unwrap_err().to_string();
        assert!(error.contains("`hostnme`, perhaps `hostname`"), "{error}");
        assert!(error.contains("run_id, machine_id"), "{error}");
        let error = project("findings", &["=cmd|calc"]).unwrap_err().to_string();
        assert!(!error.contains("perhaps"), "{error}");
        let error = project("fundings", &[]).unwrap_err().to_string();
        assert!(error.contains("fundings"), "{error}");
    }

    #[test]
    fn a_distance_counts_letters() {
        for (one, other, steps) in [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3)] {
            assert_eq!(distance(one, other), steps);
            assert_eq!(distance(other, one), steps);
        }
    }
}
