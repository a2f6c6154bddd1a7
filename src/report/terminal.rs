//! Tables for people: as wide as the terminal, or as their cells where nobody looks at one.
//!
//! Columns are counted as a terminal shows them (UAX #11: a Chinese character takes two, a combining accent none).
//! Colours only repeat what words say, and come from here alone: what a host says cannot paint.

use super::escape::for_terminal;
use std::iter;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The widest column of [`columns`].
const WIDEST: usize = 60;
/// Between two columns.
const GAP: usize = 2;
/// Below this a column is only made narrower when nothing else helps.
const NARROW: usize = 8;

/// What a table is shown on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// How many columns it has; `None` where it is no terminal, and nothing is cut.
    pub width: Option<usize>,
    /// Whether it is painted.
    pub paint: Paint,
}

/// Whether colours and bold letters are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// No escape codes at all.
    #[default]
    Plain,
    /// Headers bold, and what is worst in colour.
    Colours,
}

/// How a column gives way on a screen that is too narrow for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// How narrow a text may become; `None` for what is of no use when it is cut: an id, an address, a state.
    least: Option<usize>,
    /// Whether a text goes on in the next line instead of being cut.
    folds: bool,
    /// How soon the column is left out: that of the highest number first, one of 0 never.
    leave: u8,
}

impl Fit {
    /// Shown whole, or left out.
    pub const fn whole(leave: u8) -> Self {
        Self {
            least: None,
            folds: false,
            leave,
        }
    }

    /// A text that may be cut to so many columns.
    pub const fn text(least: usize, leave: u8) -> Self {
        Self {
            least: Some(least),
            folds: false,
            leave,
        }
    }

    /// A text that may be folded to so many columns.
    pub const fn folded(least: usize, leave: u8) -> Self {
        Self {
            least: Some(least),
            folds: true,
            leave,
        }
    }

    /// The same, never left out.
    #[must_use]
    pub const fn kept(self) -> Self {
        Self { leave: 0, ..self }
    }

    /// The least width of a column whose widest cell is so wide.
    fn least(self, natural: usize) -> usize {
        self.least.map_or(natural, |least| least.min(natural))
    }
}

/// Lays rows out in columns under a header: left-aligned, cut at 60 characters, each cell harmless
/// to a terminal. Rows may be short; lines end without blanks.
pub fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let grid = Grid::of(header, rows);
    let widths: Vec<usize> = grid.widths.iter().map(|one| *one.min(&WIDEST)).collect();
    grid.lay_out(&widths, &[], Paint::Plain)
}

/// The most lines that a cell is folded into; what is left is cut.
const FOLDED: usize = 3;

/// Lays rows out like [`table`], but so that ids, addresses and states stay whole: texts become narrower first, then
/// columns are left out, the least needed first, and a last line says which. Only where that is not enough everything
/// is cut.
pub fn fitted(columns: &[(&str, Fit)], rows: &[Vec<String>], screen: Screen) -> String {
    let header: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    let Some(width) = screen.width else {
        return table(&header, rows, screen);
    };
    let grid = Grid::of(&header, rows);
    let natural = |at: usize| grid.widths.get(at).copied().unwrap_or_default();
    let fit_of = |at: usize| columns.get(at).map_or(Fit::whole(0), |(_, fit)| *fit);
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let needs = |kept: &[usize]| {
        let least: usize = kept.iter().map(|at| fit_of(*at).least(natural(*at))).sum();
        least + kept.len().saturating_sub(1) * GAP
    };
    while needs(&kept) > width {
        let leaving = kept.iter().copied().filter(|at| fit_of(*at).leave > 0);
        let Some(first) = leaving.max_by_key(|at| fit_of(*at).leave) else {
            break;
        };
        kept.retain(|at| *at != first);
    }
    let naturals: Vec<usize> = kept.iter().map(|at| natural(*at)).collect();
    let fits: Vec<Fit> = kept.iter().map(|at| fit_of(*at)).collect();
    let widths = if needs(&kept) > width {
        fit(&naturals, width)
    } else {
        share(&naturals, &fits, width)
    };
    let folds: Vec<bool> = fits.iter().map(|fit| fit.folds).collect();
    let mut text = grid.only(&kept).lay_out(&widths, &folds, screen.paint);
    let gone = (0..columns.len()).filter(|at| !kept.contains(at));
    let gone: Vec<&str> = gone.filter_map(|at| header.get(at).copied()).collect();
    if !gone.is_empty() {
        let said = format!(
            "left out on this screen: {} (in a pipe all are there)",
            gone.join(", ")
        );
        for line in fold(&said, width, usize::MAX) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// The widths at which all columns fit where only texts give way: the widest of them first.
fn share(natural: &[usize], fits: &[Fit], screen: usize) -> Vec<usize> {
    let gaps = natural.len().saturating_sub(1) * GAP;
    let room = screen.saturating_sub(gaps);
    let capped = |cap: usize| -> Vec<usize> {
        let columns = natural.iter().zip(fits);
        let columns = columns.map(|(natural, fit)| (*natural).min(cap).max(fit.least(*natural)));
        columns.collect()
    };
    let widest = natural.iter().copied().max().unwrap_or(0);
    let mut caps = (1..=widest).rev();
    let cap = caps.find(|cap| capped(*cap).iter().sum::<usize>() <= room);
    // What is folded shows more of itself for it than what is cut.
    let (folded, cut): (Vec<usize>, Vec<usize>) =
        (0..fits.len()).partition(|at| fits.get(*at).is_some_and(|fit| fit.folds));
    let order = folded.into_iter().chain(cut);
    spread(natural, capped(cap.unwrap_or(1)), room, order)
}

/// Lays rows out like [`columns`], as wide as a screen: the widest columns are made narrower until all fit, and what
/// is cut ends with `…`. Without a width nothing is cut.
pub fn table(header: &[&str], rows: &[Vec<String>], screen: Screen) -> String {
    let grid = Grid::of(header, rows);
    let widths = match screen.width {
        None => grid.widths.clone(),
        Some(width) => fit(&grid.widths, width),
    };
    grid.lay_out(&widths, &[], screen.paint)
}

/// Cells that are harmless to a terminal, and how wide each column is.
struct Grid {
    rows: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Grid {
    fn of(header: &[&str], rows: &[Vec<String>]) -> Self {
        let header: Vec<String> = header.iter().map(|title| (*title).to_owned()).collect();
        let harmless = |row: &Vec<String>| {
            let cells = row.iter().map(|cell| for_terminal(cell).into_owned());
            cells.collect::<Vec<_>>()
        };
        let rows: Vec<_> = iter::once(&header).chain(rows).map(harmless).collect();
        let mut widths = vec![0; rows.iter().map(Vec::len).max().unwrap_or(0)];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        Self { rows, widths }
    }

    /// Some of the columns, in this order.
    fn only(&self, columns: &[usize]) -> Self {
        let cell = |row: &Vec<String>, at: &usize| row.get(*at).cloned().unwrap_or_default();
        let row = |row: &Vec<String>| columns.iter().map(|at| cell(row, at)).collect();
        let width = |at: &usize| self.widths.get(*at).copied().unwrap_or_default();
        Self {
            rows: self.rows.iter().map(row).collect(),
            widths: columns.iter().map(width).collect(),
        }
    }

    /// Lays the rows out at these widths; columns that do not fold are cut.
    fn lay_out(&self, widths: &[usize], folds: &[bool], paint: Paint) -> String {
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            let folds = folds.iter().copied().chain(iter::repeat(false));
            let cells = row.iter().zip(widths).zip(folds);
            let cells = cells.map(|((cell, width), folds)| {
                let lines = if folds {
                    fold(cell, *width, FOLDED)
                } else {
                    vec![cut(cell, *width)]
                };
                (cell, *width, lines)
            });
            let cells: Vec<(&String, usize, Vec<String>)> = cells.collect();
            let lines = cells.iter().map(|(_, _, lines)| lines.len());
            for number in 0..lines.max().unwrap_or(1) {
                let mut line = String::new();
                let mut blanks = 0;
                for (cell, width, lines) in &cells {
                    let shown = lines.get(number).map_or("", String::as_str);
                    if !shown.is_empty() {
                        line.extend(iter::repeat_n(' ', blanks));
                        blanks = 0;
                        let code = match (paint, at) {
                            (Paint::Plain, _) => "",
                            (Paint::Colours, 0) => BOLD,
                            (Paint::Colours, _) => colour(cell),
                        };
                        push(&mut line, shown, code);
                    }
                    blanks += width.saturating_sub(shown.width()) + GAP;
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        text
    }
}

const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// Words of our own that stand out, where a cell is nothing else.
const COLOURED: &[(&str, &str)] = &[
    ("critical", "\u{1b}[1;31m"),
    ("high", "\u{1b}[31m"),
    ("medium", "\u{1b}[33m"),
    ("failed", "\u{1b}[31m"),
    ("unmanaged", "\u{1b}[31m"),
    ("overlooked", "\u{1b}[33m"),
    ("unknown", "\u{1b}[2m"),
];

fn colour(cell: &str) -> &'static str {
    let found = COLOURED.iter().find(|(word, _)| *word == cell);
    found.map_or("", |(_, code)| code)
}

fn push(line: &mut String, text: &str, code: &str) {
    line.push_str(code);
    line.push_str(text);
    if !code.is_empty() {
        line.push_str(RESET);
    }
}

/// The widths at which all columns fit: the widest are made narrower first, and none below [`NARROW`] while that is
/// enough. Too many columns for a screen overflow it.
fn fit(natural: &[usize], screen: usize) -> Vec<usize> {
    let gaps = natural.len().saturating_sub(1) * GAP;
    let room = screen.saturating_sub(gaps);
    for floor in [NARROW, 1] {
        let capped = |cap: usize| natural.iter().map(move |one| *one.min(&cap));
        let widest = natural.iter().copied().max().unwrap_or(0);
        let caps = (floor..=widest.max(floor)).rev();
        let mut fitting = caps.filter(|cap| capped(*cap).sum::<usize>() <= room);
        if let Some(cap) = fitting.next() {
            return spread(natural, capped(cap).collect(), room, 0..natural.len());
        }
    }
    natural.iter().map(|one| *one.min(&1)).collect()
}

/// Gives what is left of the room to the columns that were made narrower, in this order.
fn spread(
    natural: &[usize],
    mut widths: Vec<usize>,
    room: usize,
    order: impl Iterator<Item = usize>,
) -> Vec<usize> {
    let mut left = room.saturating_sub(widths.iter().sum());
    for at in order {
        if let (Some(width), Some(natural)) = (widths.get_mut(at), natural.get(at))
            && left > 0
            && *width < *natural
        {
            *width += 1;
            left -= 1;
        }
    }
    widths
}

/// A text in lines of at most so many columns, broken between words; what more lines than `most` would hold is cut.
fn fold(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(std::mem::replace(&mut line, word.to_owned()));
        }
    }
    lines.push(line);
    if lines.len() > most {
        let rest = lines.split_off(most.saturating_sub(1));
        lines.push(rest.join(" "));
    }
    lines.iter().map(|line| cut(line, width)).collect()
}

/// A text of at most so many columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        kept.push(c);
    }
    // Some sequences are wider together than their parts.
    while kept.width() + 1 > width && kept.pop().is_some() {}
    kept.truncate(kept.trim_end().len());
    if width > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owned(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|&cell| cell.to_owned()).collect()
    }

    fn screen(width: usize) -> Screen {
        Screen {
            width: Some(width),
            paint: Paint::Plain,
        }
    }

    #[test]
    fn columns_line_up_and_hostile_cells_stay_in_place() {
        let rows = vec![
            vec!["10.0.0.1".to_owned(), "web\u{1b}[2J\nx".to_owned()],
            vec!["10.0.0.20".to_owned(), "a".repeat(100)],
        ];
        let text = columns(&["IP", "NAME"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "IP         NAME");
        assert_eq!(lines[1], "10.0.0.1   web␛[2J⏎x");
        assert_eq!(lines[2].chars().count(), 11 + WIDEST);
    }

    #[test]
    fn wide_and_combining_characters_are_counted_as_they_are_shown() {
        let rows = [
            owned(&["数据库", "x"]),
            owned(&["cafe\u{301}", "x"]),
            owned(&["plain", "x"]),
        ];
        let text = table(&["N", "X"], &rows, Screen::default());
        let at: Vec<usize> = text
            .lines()
            .map(|line| line.split_once(['X', 'x']).unwrap().0.width())
            .collect();
        assert_eq!(at, [8, 8, 8, 8], "{text}");
        assert_eq!(cut("数据库", 5), "数据…");
        assert_eq!(cut("数据库", 4), "数…");
        assert_eq!(cut("数据库", 6), "数据库");
        assert_eq!(cut("cafe\u{301}s", 5), "cafe\u{301}s");
        assert_eq!(cut("ab  cd", 5), "ab…");
    }

    #[test]
    fn the_widest_columns_give_way_first() {
        let rows = [owned(&["1", "critical", &"t".repeat(90), &"f".repeat(50)])];
        let header = ["RANK", "SEVERITY", "TITLE", "FIX"];
        for width in [40, 80, 200] {
            let text = table(&header, &rows, screen(width));
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
            assert!(text.contains("critical"), "{text}");
            assert_eq!(text.contains('…'), width < 160, "{text}");
        }
        assert_eq!(fit(&[4, 8, 90, 50], 80), [4, 8, 31, 31]);
        assert_eq!(fit(&[4, 8, 90, 50], 200), [4, 8, 90, 50]);
    }

    #[test]
    fn without_a_screen_nothing_is_cut() {
        let rows = [owned(&[&"t".repeat(500), "b"])];
        let text = table(&["A", "B"], &rows, Screen::default());
        assert!(text.contains(&"t".repeat(500)), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn only_our_own_words_are_painted_and_hosts_cannot() {
        let screen = Screen {
            width: Some(60),
            paint: Paint::Colours,
        };
        let rows = [owned(&["critical", "\u{1b}[31mweb\u{9b}2J"])];
        let text = table(&["SEVERITY", "HOST"], &rows, screen);
        assert!(text.contains("\u{1b}[1;31mcritical\u{1b}[0m"), "{text:?}");
        assert_eq!(text.matches('\u{1b}').count(), 2 * 3, "{text:?}");
        assert!(!text.contains('\u{9b}'), "{text:?}");
        let plain = Screen {
            paint: Paint::Plain,
            ..screen
        };
        assert!(!table(&["SEVERITY", "HOST"], &rows, plain).contains('\u{1b}'));
    }

    const COLUMNS: [(&str, Fit); 5] = [
        ("HOST", Fit::text(8, 0)),
        ("IP", Fit::whole(0)),
        ("SYSTEM", Fit::text(8, 2)),
        ("STATE", Fit::whole(1)),
        ("TO DO", Fit::folded(10, 0)),
    ];

    #[test]
    fn ids_stay_whole_and_what_is_least_needed_is_left_out() {
        let rows = [
            owned(&[
                "label-printing",
                "127.77.0.71",
                "Windows Server 2022",
                "out_of_scope",
                "Find its owner, or take it off",
            ]),
            owned(&["web", "10.0.0.1", "Debian", "managed", "Nothing."]),
        ];
        let wide = fitted(&COLUMNS, &rows, screen(120));
        assert!(!wide.contains("left out") && !wide.contains('…'), "{wide}");
        let narrow = fitted(&COLUMNS, &rows, screen(50));
        assert_eq!(
            narrow,
            "HOST        IP           STATE         TO DO\n\
             label-pri…  127.77.0.71  out_of_scope  Find its\n\
             \u{20}                                      owner, or\n\
             \u{20}                                      take it off\n\
             web         10.0.0.1     managed       Nothing.\n\
             left out on this screen: SYSTEM (in a pipe all are\n\
             there)\n"
        );
        let narrowest = fitted(&COLUMNS, &rows, screen(20));
        assert!(
            narrowest.lines().all(|line| line.width() <= 20),
            "{narrowest}"
        );
        let piped = fitted(&COLUMNS, &rows, Screen::default());
        assert!(piped.contains("Find its owner, or take it off"), "{piped}");
    }

    proptest! {
        #[test]
        fn a_fitted_table_is_never_wider_than_its_screen(
            cells in proptest::collection::vec(".{0,30}", 15),
            width in 12_usize..120,
        ) {
            let rows: Vec<Vec<String>> = cells.chunks(5).map(<[String]>::to_vec).collect();
            let text = fitted(&COLUMNS, &rows, screen(width));
            for line in text.lines() {
                prop_assert!(line.width() <= width, "{:?}", line);
            }
        }

        #[test]
        fn a_table_is_never_wider_than_its_screen(
            cells in proptest::collection::vec(".{0,30}", 12),
            width in 12_usize..120,
        ) {
            let rows: Vec<Vec<String>> = cells.chunks(4).map(<[String]>::to_vec).collect();
            let text = table(&["A", "B", "C", "D"], &rows, screen(width));
            prop_assert_eq!(text.lines().count(), 4);
            for line in text.lines() {
                prop_assert!(line.width() <= width, "{:?}", line);
            }
        }
    }
}
