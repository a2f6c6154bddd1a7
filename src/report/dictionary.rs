//! The dictionary: every table and column, from the definitions that the formats write by.

use super::column::{Column, Form};
use super::tables::TABLES;
use super::{hits, plan, review};
use std::fmt::Write as _;

/// The tables of commands that write no run.
const FORMS: &[&Form] = &[
    &plan::PLAN_FORM,
    &plan::OVERDUE_FORM,
    &review::FORM,
    &hits::FORM,
];

/// `docs/columns.md`: what every column tells, as Markdown.
pub fn dictionary() -> String {
    let mut text = INTRODUCTION.to_owned();
    for table in TABLES {
        let says = capitalised(table.says);
        let _ = write!(
            text,
            "\n## {}.csv\n\n{says}. In JSON Lines: `\"type\": \"{}\"`.\n\n",
            table.name, table.kind
        );
        push_columns(table.columns, &mut text);
    }
    for form in FORMS {
        let says = capitalised(form.says);
        let _ = write!(
            text,
            "\n## {}\n\nOf `underdesk {}`: {says}.\n\n",
            form.file, form.command
        );
        push_columns(form.columns, &mut text);
    }
    text
}

fn push_columns(columns: &[Column], text: &mut String) {
    text.push_str("| column | cells | what it tells |\n|---|---|---|\n");
    for column in columns {
        let kind = column.kind.as_str();
        let _ = writeln!(text, "| `{}` | {kind} | {} |", column.name, column.says);
    }
}

const INTRODUCTION: &str = "\
# Files and columns

One file a table; every format has the same tables, with the same columns in the same order. Columns are only ever
appended. This page is made from the definitions that the formats write by.

An empty cell means that there is nothing to say, `unknown` that nobody could learn it: the two are never the same.
Dates are `YYYY-MM-DD`, times UTC (`_utc`), a list in a cell of CSV is joined by `; ` and has at most 20 items, then
`(+n)`; in JSON an empty cell is `null`, and lists, numbers and yes/no are of their own types.
";

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// `UNDERDESK_WRITE_DOCS=1 cargo test` writes the page anew.
    #[test]
    fn the_page_of_columns_is_the_one_that_the_tables_make() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/columns.md");
        if std::env::var_os("UNDERDESK_WRITE_DOCS").is_some() {
            fs::write(&path, dictionary()).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            page == dictionary(),
            "docs/columns.md is not what the tables say: write it anew"
        );
    }

    #[test]
    fn no_column_is_without_a_word_and_none_breaks_the_table() {
        let tables = TABLES.iter().map(|table| (table.name, table.columns));
        let forms = FORMS.iter().map(|form| (form.file, form.columns));
        for (table, columns) in tables.chain(forms) {
            for column in columns {
                let says = column.says;
                assert!(
                    !says.is_empty() && !says.contains(['|', '\n']),
                    "{table} {}",
                    column.name
                );
                assert!(!says.ends_with('.'), "{table} {}", column.name);
            }
        }
    }

    #[test]
    fn the_readme_names_every_file_of_a_run() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let page = fs::read_to_string(path).unwrap();
        for table in TABLES {
            let name = format!("`{}.csv`", table.name);
            assert!(page.contains(&name), "the README does not name {name}");
        }
    }
}
