//! The charts of the summary.

use super::super::ReportError;
use super::cells::done;
use super::front::NAME;
use super::paper::LAST;
use rust_xlsxwriter::{
    Chart, ChartDataLabel, ChartFont, ChartFormat, ChartLegendPosition, ChartSolidFill, ChartType,
    Color, Worksheet,
};

/// How wide they are, in digits and in columns.
pub(super) const DIGITS: f64 = 80.0;
pub(super) const COLUMNS: u16 = 10;
/// Their size in pixels, and how many rows the first takes.
const SIZE: (u32, u32) = (560, 320);
const ROWS: u32 = 18;
/// The row of the first.
const FIRST_ROW: u32 = 3;
/// What is stacked, by the column of the summary: from dark to light, so that it tells apart without colours.
const STACK: [(u16, &str, u32); 5] = [
    (1, "to install", 0x0080_1515),
    (2, "restart", 0x00D9_7A1E),
    (3, "no fix", 0x0054_6A7B),
    (4, "out of support", 0x008E_7CC3),
    (5, "undecided", 0x00C9_D6DF),
];
/// No label for what is not there.
const LABEL: &str = "#,##0;;";

/// Draws what was covered, machines by outcome, and below what can be stated, findings by severity; each by its rows.
pub(super) fn insert(
    sheet: &mut Worksheet,
    severities: Option<(u32, u32)>,
    outcomes: Option<(u32, u32)>,
) -> Result<(), ReportError> {
    let mut row = FIRST_ROW;
    for mut chart in [outcomes.map(by_outcome), severities.map(by_severity)]
        .into_iter()
        .flatten()
    {
        chart.set_width(SIZE.0).set_height(SIZE.1);
        done(sheet.insert_chart_with_offset(row, LAST + 1, &chart, 24, 0))?;
        row += ROWS;
    }
    Ok(())
}

fn by_severity((first, last): (u32, u32)) -> Chart {
    let mut chart = Chart::new(ChartType::ColumnStacked);
    for (column, name, colour) in STACK {
        let mut label = ChartDataLabel::new();
        let ink = if colour > 0x00C0_0000 {
            Color::Black
        } else {
            Color::White
        };
        label.show_value().set_num_format(LABEL);
        label.set_font(ChartFont::new().set_color(ink).set_size(8));
        let series = chart.add_series();
        series
            .set_name(name)
            .set_categories((NAME, first, 0, last, 0))
            .set_values((NAME, first, column, last, column))
            .set_format(&mut fill(colour))
            .set_gap(60)
            .set_data_label(&label);
    }
    chart
        .title()
        .set_name("Open and undecided findings by my severity");
    chart
        .title()
        .set_font(ChartFont::new().set_size(12).set_bold());
    chart.y_axis().set_num_format("#,##0");
    chart.legend().set_position(ChartLegendPosition::Bottom);
    chart.set_alt_text(
        "Open and undecided findings by severity and by what can be done: the table on the left",
    );
    chart
}

fn by_outcome((first, last): (u32, u32)) -> Chart {
    let mut chart = Chart::new(ChartType::Bar);
    let mut label = ChartDataLabel::new();
    label.show_value().set_num_format(LABEL);
    let series = chart.add_series();
    series
        .set_name("machines")
        .set_categories((NAME, first, 0, last, 0))
        .set_values((NAME, first, 1, last, 1))
        .set_format(&mut fill(0x001F_3A5F))
        .set_gap(60)
        .set_data_label(&label);
    chart.title().set_name("Machines by outcome");
    chart
        .title()
        .set_font(ChartFont::new().set_size(12).set_bold());
    chart.x_axis().set_num_format("#,##0");
    chart.y_axis().set_reverse();
    chart.legend().set_hidden();
    chart.set_alt_text("Machines by how far they were read: the table on the left");
    chart
}

fn fill(colour: u32) -> ChartFormat {
    let mut format = ChartFormat::new();
    let fill = ChartSolidFill::new().set_color(Color::RGB(colour)).clone();
    format.set_solid_fill(&fill);
    format
}
