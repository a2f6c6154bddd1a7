//! How the workbook looks: formats, widths, and the colours of words.
//!
//! No colour says anything by itself: every marked cell has its word, and what is urgent is bold besides.

use super::super::column::{Column, Kind};
use super::fault;
use crate::report::ReportError;
use rust_xlsxwriter::{
    Color, ConditionalFormatCell, ConditionalFormatCellRule, ConditionalFormatFormula, Format,
    FormatAlign, FormatBorder, FormatUnderline, Worksheet, utility,
};

const INK: Color = Color::RGB(0x001F_2937);
const BAND: Color = Color::RGB(0x001F_3A5F);
const FAINT: Color = Color::RGB(0x0059_5959);
const LINK: Color = Color::RGB(0x0005_63C1);

/// The formats that cells are written with.
#[derive(Debug)]
pub(super) struct Look {
    /// The header of a table.
    pub(super) header: Format,
    /// What nobody could learn.
    pub(super) unknown: Format,
    /// Text that reads like a formula: it stays text even when somebody edits the cell.
    pub(super) guarded: Format,
    /// Text of more than 255 characters: old versions show no more of a cell whose format is text.
    pub(super) long: Format,
    /// Both.
    pub(super) long_guarded: Format,
    /// A link.
    pub(super) link: Format,
    /// A link whose text reads like a formula.
    pub(super) link_guarded: Format,
    /// The headline of the summary.
    pub(super) title: Format,
    /// What stands below it.
    pub(super) remark: Format,
    /// The headline of a section.
    pub(super) section: Format,
    /// What a number is of.
    pub(super) label: Format,
    /// A number that people read.
    pub(super) number: Format,
    /// A text of the summary.
    pub(super) plain: Format,
    /// A text of several lines.
    pub(super) wrapped: Format,
    /// The same behind a number.
    pub(super) said: Format,
    /// A link of the summary.
    pub(super) contents: Format,
    /// The header of a table in the summary.
    pub(super) head: Format,
    /// The same over numbers.
    pub(super) head_right: Format,
    /// A warning.
    pub(super) warning: Format,
}

impl Look {
    pub(super) fn new() -> Self {
        let text = || Format::new().set_num_format("@");
        let link = || {
            let blue = text().set_font_color(LINK);
            blue.set_underline(FormatUnderline::Single)
        };
        let head = Format::new()
            .set_bold()
            .set_font_color(INK)
            .set_border_bottom(FormatBorder::Thin)
            .set_border_bottom_color(BAND);
        let top = || Format::new().set_align(FormatAlign::Top);
        Self {
            header: Format::new()
                .set_bold()
                .set_font_color(Color::White)
                .set_background_color(BAND)
                .set_align(FormatAlign::VerticalCenter),
            unknown: Format::new().set_italic().set_font_color(FAINT),
            guarded: text().set_quote_prefix(),
            long: Format::new(),
            long_guarded: Format::new().set_quote_prefix(),
            link: link(),
            link_guarded: link().set_quote_prefix(),
            title: Format::new()
                .set_bold()
                .set_font_size(18)
                .set_font_color(BAND),
            remark: Format::new().set_italic().set_font_color(FAINT),
            section: Format::new()
                .set_bold()
                .set_font_size(12)
                .set_font_color(Color::White)
                .set_background_color(BAND),
            label: top().set_font_color(INK),
            number: top().set_num_format("#,##0"),
            plain: top().set_num_format("@").set_align(FormatAlign::Left),
            wrapped: top().set_num_format("@").set_text_wrap(),
            said: top()
                .set_num_format("@")
                .set_text_wrap()
                .set_align(FormatAlign::Left)
                .set_indent(1),
            contents: link().set_align(FormatAlign::Top),
            head_right: head.clone().set_align(FormatAlign::Right),
            head,
            warning: Format::new()
                .set_bold()
                .set_font_color(Color::RGB(0x0080_1515))
                .set_background_color(Color::RGB(0x00FD_E2E1)),
        }
    }

    /// The format of text that is no link.
    pub(super) fn text(&self, is_guarded: bool, is_long: bool) -> Option<&Format> {
        match (is_guarded, is_long) {
            (false, false) => None,
            (true, false) => Some(&self.guarded),
            (false, true) => Some(&self.long),
            (true, true) => Some(&self.long_guarded),
        }
    }
}

/// The format of a column: how its cells show, and what becomes of what people write into it.
pub(super) fn of_kind(kind: Kind) -> Format {
    // Numbers keep off the text to their right.
    let right = || Format::new().set_align(FormatAlign::Right).set_indent(1);
    let left = || Format::new().set_align(FormatAlign::Left);
    match kind {
        Kind::Text | Kind::List | Kind::Address => Format::new().set_num_format("@"),
        Kind::Count | Kind::Signed => right().set_num_format("0"),
        Kind::Tenths => right().set_num_format("0.0"),
        Kind::Probability => right().set_num_format("0.00000"),
        Kind::Percent => right().set_num_format("0.00"),
        Kind::Flag => Format::new().set_align(FormatAlign::Center),
        Kind::Day => left().set_num_format("yyyy-mm-dd"),
        Kind::Time => left().set_num_format("yyyy-mm-dd hh:mm:ss"),
    }
}

/// Columns whose cells are longer or shorter than their kind.
const WIDTHS: &[(&str, f64)] = &[
    ("run_id", 12.0),
    ("machine_id", 17.0),
    ("hostname", 22.0),
    ("finding_id", 22.0),
    ("fix_id", 22.0),
    ("fqdn", 30.0),
    ("title", 52.0),
    ("fix", 46.0),
    ("evidence", 70.0),
    ("detail", 50.0),
    ("fix_hint", 60.0),
    ("before", 34.0),
    ("after", 34.0),
    ("managed_reason", 40.0),
    ("suggestion", 60.0),
    ("seems_to_be", 34.0),
    ("banner", 40.0),
    ("program", 34.0),
    ("command", 40.0),
    ("purl", 44.0),
    ("catalogue_url", 40.0),
    ("download", 50.0),
    ("supersedes", 34.0),
    ("proto", 8.0),
    ("arch", 10.0),
    ("state", 24.0),
    ("cves", 36.0),
    ("reason", 50.0),
    ("expected", 26.0),
    ("found", 26.0),
    ("name", 32.0),
    ("product", 30.0),
    ("os_name", 34.0),
    ("installed_version", 26.0),
    ("fixed_version", 26.0),
    ("version", 26.0),
    ("update", 34.0),
    ("tls_subject", 30.0),
    ("tls_issuer", 30.0),
];

/// How wide a column is, in digits: what its cells need, and at least its header with the arrow of the filter.
pub(super) fn width(column: &Column) -> f64 {
    let named = WIDTHS.iter().find(|(name, _)| *name == column.name);
    let cells = named.map_or_else(|| of_cells(column.kind), |(_, width)| *width);
    let header = column.name.chars().map(|_| 1.1).sum::<f64>() + 3.0;
    match named {
        // Ids are for programs: they may be cut.
        Some((name, width)) if name.ends_with("_id") => *width,
        _ => cells.max(header),
    }
}

fn of_cells(kind: Kind) -> f64 {
    match kind {
        Kind::Text => 18.0,
        Kind::List => 30.0,
        Kind::Count | Kind::Signed | Kind::Tenths | Kind::Percent | Kind::Flag => 8.0,
        Kind::Probability => 10.0,
        Kind::Day => 12.0,
        Kind::Time => 20.0,
        Kind::Address => 17.0,
    }
}

/// How a word is marked.
#[derive(Clone, Copy, Debug)]
enum Mark {
    /// Now.
    Alarm,
    /// Soon.
    Strong,
    /// Look at it.
    Amber,
    /// It is said.
    Mild,
    /// Done.
    Good,
    /// Nobody knows.
    Faint,
}

/// When a cell is marked.
#[derive(Clone, Copy, Debug)]
enum When {
    /// It is this word.
    Is(&'static str),
    /// It is a number, and this holds for it; `#` is the cell.
    Holds(&'static str),
}

type Rules = &'static [(When, Mark)];

const SEVERITY: Rules = &[
    (When::Is("critical"), Mark::Alarm),
    (When::Is("high"), Mark::Strong),
    (When::Is("medium"), Mark::Amber),
    (When::Is("low"), Mark::Mild),
    (When::Is("negligible"), Mark::Faint),
];
const STATE: Rules = &[
    (When::Is("missing"), Mark::Strong),
    (When::Is("missing_needs_subscription"), Mark::Strong),
    (When::Is("inconsistent"), Mark::Strong),
    (When::Is("end_of_life"), Mark::Strong),
    (When::Is("drift"), Mark::Strong),
    (When::Is("unreachable"), Mark::Amber),
    (When::Is("pending_reboot"), Mark::Amber),
    (When::Is("no_fix_yet"), Mark::Mild),
    (When::Is("wont_fix"), Mark::Mild),
    (When::Is("unverified"), Mark::Faint),
    (When::Is("fixed"), Mark::Good),
];
const SOME: Rules = &[(When::Holds("#>0"), Mark::Strong)];
const YES: Rules = &[(When::Is("yes"), Mark::Alarm)];

/// The columns whose words are marked, in every table that has them.
const MARKS: &[(&str, Rules)] = &[
    ("my_severity", SEVERITY),
    ("vendor_severity", SEVERITY),
    ("worst_severity", SEVERITY),
    ("my_worst_severity", SEVERITY),
    ("state", STATE),
    ("state_before", STATE),
    ("kev", YES),
    ("kev_count", SOME),
    ("kev_closed", SOME),
    ("overdue_count", SOME),
    ("reboot_pending", &[(When::Is("yes"), Mark::Amber)]),
    (
        "days_left",
        &[
            (When::Holds("#<0"), Mark::Alarm),
            (When::Holds("#<=7"), Mark::Amber),
        ],
    ),
    (
        "outcome",
        &[
            (When::Is("failed"), Mark::Alarm),
            (When::Is("not_begun"), Mark::Strong),
            (When::Is("network_only"), Mark::Amber),
            (When::Is("scanned_partial"), Mark::Mild),
        ],
    ),
    (
        "managed_state",
        &[
            (When::Is("unmanaged"), Mark::Alarm),
            (When::Is("overlooked"), Mark::Strong),
            (When::Is("unidentified"), Mark::Amber),
        ],
    ),
];

impl Mark {
    fn format(self) -> Format {
        let of = |ink, ground| {
            let format = Format::new().set_font_color(Color::RGB(ink));
            format.set_background_color(Color::RGB(ground))
        };
        match self {
            Self::Alarm => of(0x00FF_FFFF, 0x00B0_1E1E).set_bold(),
            Self::Strong => of(0x0080_1515, 0x00FD_E2E1).set_bold(),
            Self::Amber => of(0x005C_4400, 0x00FF_F2CC),
            Self::Mild => of(0x001F_4E79, 0x00DD_EBF7),
            Self::Good => of(0x001E_4620, 0x00E2_F0D9),
            Self::Faint => Format::new().set_font_color(FAINT).set_italic(),
        }
    }
}

/// Marks the words of a column in so many rows below the header.
pub(super) fn mark(
    sheet: &mut Worksheet,
    (at, column): (u16, &Column),
    rows: u32,
) -> Result<(), ReportError> {
    let found = MARKS.iter().find(|(name, _)| *name == column.name);
    let Some((_, rules)) = found.filter(|_| rows > 0) else {
        return Ok(());
    };
    for (when, mark) in *rules {
        let done = match when {
            When::Is(word) => {
                let rule = ConditionalFormatCell::new()
                    .set_rule(ConditionalFormatCellRule::EqualTo(*word))
                    .set_format(mark.format());
                sheet.add_conditional_format(1, at, rows, at, &rule)
            }
            When::Holds(what) => {
                let cell = utility::row_col_to_cell(1, at);
                let holds = what.replace('#', &cell);
                let rule = ConditionalFormatFormula::new()
                    .set_rule(format!("=AND(ISNUMBER({cell}),{holds})").as_str())
                    .set_format(mark.format());
                sheet.add_conditional_format(1, at, rows, at, &rule)
            }
        };
        done.map_err(fault)?;
    }
    Ok(())
}
