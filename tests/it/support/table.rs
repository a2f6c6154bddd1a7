//! The program's CSV files, read as a spreadsheet would.

use std::fs;
use std::path::Path;

/// A CSV file: every row has as many cells as the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads a file in the default dialect.
    pub(crate) fn open(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = String::from_utf8(bytes).unwrap();
        let text = text.strip_prefix('\u{feff}');
        let text = text.unwrap_or_else(|| panic!("{name} has no byte order mark"));
        Self::parse(&name, text, b',')
    }

    /// Reads text, cells divided by `comma`.
    pub(crate) fn parse(name: &str, text: &str, comma: u8) -> Self {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .delimiter(comma)
            .from_reader(text.as_bytes());
        // The reader refuses a row with more or fewer cells than the first.
        let rows = reader
            .records()
            .map(|row| row.unwrap_or_else(|error| panic!("{name}: {error}")));
        let mut rows: Vec<Vec<String>> = rows
            .map(|row| row.iter().map(str::to_owned).collect())
            .collect();
        let header = rows.remove(0);
        Self {
            name: name.to_owned(),
            header,
            rows,
        }
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str) -> usize {
        let place = self.header.iter().position(|column| column == name);
        place.unwrap_or_else(|| panic!("{} has no column {name}", self.name))
    }

    /// A cell.
    pub(crate) fn cell<'a>(&self, row: &'a [String], column: &str) -> &'a str {
        &row[self.column(column)]
    }

    /// The rows in which a column has a value.
    pub(crate) fn rows_where(&self, column: &str, value: &str) -> Vec<&Vec<String>> {
        let place = self.column(column);
        self.rows.iter().filter(|row| row[place] == value).collect()
    }

    /// The one row in which a column has a value.
    pub(crate) fn row(&self, column: &str, value: &str) -> &Vec<String> {
        let rows = self.rows_where(column, value);
        let count = rows.len();
        assert_eq!(
            count, 1,
            "{}: {count} rows with {column} {value}",
            self.name
        );
        rows[0]
    }

    /// One value of the one row in which a column has a value.
    pub(crate) fn value(&self, (column, value): (&str, &str), wanted: &str) -> &str {
        self.cell(self.row(column, value), wanted)
    }

    /// The sum of a column of numbers.
    pub(crate) fn sum(&self, column: &str) -> u128 {
        let place = self.column(column);
        let numbers = self
            .rows
            .iter()
            .map(|row| row[place].parse::<u128>().unwrap());
        numbers.sum()
    }

    /// The values of a column.
    pub(crate) fn values(&self, column: &str) -> Vec<&str> {
        let place = self.column(column);
        self.rows.iter().map(|row| row[place].as_str()).collect()
    }

    /// The table without what two runs that found the same differ in: the run's id, times, durations.
    #[must_use]
    pub(crate) fn timeless(mut self) -> Self {
        let is_time = |name: &&String| {
            name.ends_with("run_id")
                || *name == "ms"
                || *name == "clock_skew_s"
                || name.ends_with("_utc")
        };
        let places = self.header.iter().enumerate();
        let places: Vec<usize> = places
            .filter(|(_, name)| is_time(name))
            .map(|(at, _)| at)
            .collect();
        for row in &mut self.rows {
            for place in &places {
                row[*place].clear();
            }
        }
        self
    }
}

/// Every CSV file of a folder, by name.
pub(crate) fn tables(folder: &Path) -> Vec<Table> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "csv"))
        .collect();
    paths.sort();
    paths.iter().map(|path| Table::open(path)).collect()
}
