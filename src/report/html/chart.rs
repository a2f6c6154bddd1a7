//! The trend over runs as a drawing.
//!
//! `plotters` writes plain shapes whose colours are attributes: no style that the page's policy would forbid, and
//! none that the page's own style sheet could not overrule by the colour's name. So each line has a colour that stands
//! for what it is, and `page.css` gives it the one that is seen, in the light and in the dark.

use super::kept::SEVERITIES;
use crate::model::{Severity, TrendPoint, TrendSums};
use plotters::prelude::*;

/// How large it is drawn; the page scales it.
const SIZE: (u32, u32) = (920, 280);

/// What is drawn, from below: the colour that `page.css` knows, and which findings.
const LINES: [(RGBColor, &str); 3] = [
    (RGBColor(1, 0, 0), "critical"),
    (RGBColor(2, 0, 0), "high"),
    (RGBColor(3, 0, 0), "all open"),
];
/// The colours of axes and of text.
const AXIS: RGBColor = RGBColor(4, 0, 0);
const TEXT: RGBColor = RGBColor(5, 0, 0);

/// Draws the open findings of the runs of which anything can be said; `None` where that are fewer than two.
pub(super) fn trend(points: &[TrendPoint]) -> Option<String> {
    let told: Vec<(usize, &TrendSums)> = points
        .iter()
        .enumerate()
        .filter_map(|(at, point)| {
            Some((at, point.sums.as_ref().filter(|sums| sums.says_findings())?))
        })
        .collect();
    if told.len() < 2 {
        return None;
    }
    let most = told.iter().map(|(_, sums)| sums.all_open()).max()?.max(1);
    let mut svg = String::new();
    draw(points, &told, most, &mut svg).ok()?;
    // The page says in words what it shows; a reader of the screen gets the table below.
    Some(svg.replacen("<svg ", "<svg aria-hidden=\"true\" class=\"trend\" ", 1))
}

/// How many findings of a run a line shows.
fn value(sums: &TrendSums, line: &str) -> u64 {
    let of = |severity| sums.open.get(&Some(severity)).copied().unwrap_or_default();
    match line {
        "critical" => of(Severity::Critical),
        "high" => of(Severity::High),
        _ => sums.all_open(),
    }
}

type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(
    points: &[TrendPoint],
    told: &[(usize, &TrendSums)],
    most: u64,
    svg: &'a mut String,
) -> Drawn<'a> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
    let (last, top) = ((points.len() - 1) as f64, most as f64 * 1.1);
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .margin_right(90)
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..last.max(1.0), 0.0..top)?;
    let label = |at: &f64| label(points, *at);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(points.len().min(8))
        .y_labels(5)
        .x_label_formatter(&label)
        .y_label_formatter(&|count| {
            if count.fract() == 0.0 {
                format!("{count}")
            } else {
                String::new()
            }
        })
        .bold_line_style(AXIS.mix(0.35))
        .light_line_style(TRANSPARENT)
        .axis_style(AXIS)
        .label_style(("sans-serif", 15).into_font().color(&TEXT))
        .draw()?;
    let mut lowest = f64::INFINITY;
    for (colour, line) in LINES.into_iter().rev() {
        #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
        let places = told
            .iter()
            .map(|(at, sums)| (*at as f64, value(sums, line) as f64));
        let places: Vec<(f64, f64)> = places.collect();
        chart.draw_series(LineSeries::new(
            places.iter().copied(),
            colour.stroke_width(3),
        ))?;
        chart.draw_series(
            places
                .iter()
                .map(|place| Circle::new(*place, 4, colour.filled())),
        )?;
        if let Some((at, count)) = places.last() {
            // Names of lines that end at one place stand below each other.
            lowest = count.min(lowest - top * 0.08);
            let style = ("sans-serif", 15).into_font().color(&colour);
            let text = EmptyElement::at((*at, lowest)) + Text::new(line, (9, -7), style);
            chart.draw_series(std::iter::once(text))?;
        }
    }
    root.present()
}

/// The day of the run at a place, where there is one.
fn label(points: &[TrendPoint], at: f64) -> String {
    let near = at.round();
    if (at - near).abs() > 0.01 || near < 0.0 {
        return String::new();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small whole number"
    )]
    let point = points.get(near as usize);
    point.map_or_else(String::new, |point| {
        let day = point.started.date();
        let is_one_of_many = points
            .iter()
            .filter(|one| one.started.date() == day)
            .count()
            > 1;
        let time = point.started.to_string();
        match time.get(5..16) {
            // Several runs of a day are told apart by the hour.
            Some(minute) if is_one_of_many => minute.replace('T', " "),
            _ => day.to_string(),
        }
    })
}

/// A bar that is so many hundredths of its cell long, of the colour of a severity.
pub(super) fn bar(severity: usize, share: u64) -> String {
    let class = match SEVERITIES.get(severity) {
        Some(&"") | None => "unrated",
        Some(word) => word,
    };
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"back\" width=\"100\" height=\"8\"/><rect class=\"fill-{class}\" width=\"{}\" height=\"8\"/></svg>",
        share.min(100)
    )
}
