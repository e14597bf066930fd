//! One plot per trace: late requests (logarithmic) against replica-hours, a panel per pod start.
//!
//! No background and colours of middle lightness, so that it can be read on a light and on a dark page.

use std::collections::HashSet;

use anyhow::anyhow;
use pathfinder_scaling::sim::{
    bench::{Policy, Row},
    goals::{Cell, cells},
};
use plotters::{coord::Shift, prelude::*};

const SIZE: (u32, u32) = (1140, 420);
const HEAD: u32 = 34;
const WORDS: RGBColor = RGBColor(128, 128, 128);

/// In percent; what is less is drawn here, below 0.001.
const LEAST: f64 = 1e-4;
const MOST: f64 = 100.0;

/// How far to the right of ours a panel reaches.
const WIDEST: f64 = 2.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn colour(policy: Policy) -> RGBColor {
    match policy {
        Policy::Ours => RGBColor(222, 77, 44),
        Policy::Hpa => RGBColor(70, 130, 230),
        Policy::Keda => RGBColor(150, 90, 220),
        Policy::Kpa => RGBColor(32, 150, 130),
        Policy::Static => RGBColor(128, 128, 128),
        Policy::Clairvoyant => RGBColor(205, 150, 10),
    }
}

/// The picture of a trace.
pub(super) fn svg(rows: &[Row], trace: &str) -> anyhow::Result<String> {
    let panels: Vec<Cell<'_>> = cells(rows).into_iter().filter(|cell| cell.trace == trace).collect();
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let (head, body) = root.split_vertically(HEAD);
        legend(&head, trace).map_err(|error| anyhow!("{error}"))?;
        for (area, cell) in body.split_evenly((1, panels.len().max(1))).iter().zip(&panels) {
            panel(area, cell).map_err(|error| anyhow!("{error}"))?;
        }
        root.present()?;
    }
    Ok(compact(&text))
}

// Many settings of a calm trace share a pixel; of equal dots one is enough.
fn compact(picture: &str) -> String {
    let mut seen = HashSet::new();
    picture
        .lines()
        .filter(|line| !line.starts_with("<circle") || seen.insert(*line))
        .map(|line| {
            line.replace(r#" stroke="none" stroke-width="1""#, "")
                .replace(r#" opacity="1""#, "")
                + "\n"
        })
        .collect()
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn legend(area: &Area<'_>, trace: &str) -> Drawn {
    let words = ("sans-serif", 15).into_font().color(&WORDS);
    area.draw(&Text::new(trace.to_owned(), (12, 10), words.clone()))?;
    for (x, policy) in (330..).step_by(132).zip(Policy::ALL) {
        area.draw(&Circle::new((x, 17), 5, colour(policy).filled()))?;
        area.draw(&Text::new(policy.name(), (x + 12, 10), words.clone()))?;
    }
    Ok(())
}

fn percent(row: &Row) -> f64 {
    (100.0 * row.violation_share).clamp(LEAST, MOST)
}

fn panel(area: &Area<'_>, cell: &Cell<'_>) -> Drawn {
    let (from, to) = range(cell);
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("pod start {} s", cell.pod_start_seconds),
            ("sans-serif", 14).into_font().color(&WORDS),
        )
        .margin(8)
        .x_label_area_size(38)
        .y_label_area_size(58)
        .build_cartesian_2d(from..to, (LEAST..MOST).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("replica-hours")
        .y_desc("late requests, %")
        .axis_style(WORDS)
        .bold_line_style(WORDS.mix(0.25))
        .max_light_lines(0)
        .label_style(("sans-serif", 12).into_font().color(&WORDS))
        .x_label_formatter(&|hours| ((hours * 100.0).round() / 100.0).to_string())
        .y_label_formatter(&|share| share.to_string())
        .x_labels(6)
        .draw()?;
    let settings = Settings::of(cell, from, to);
    let dot = |(point, policy): &(Point, Policy), size| Circle::new(*point, size, colour(*policy).filled());
    let faint = settings
        .others
        .iter()
        .map(|(point, policy)| Circle::new(*point, 2, colour(*policy).mix(0.45).filled()));
    chart.draw_series(faint)?;
    chart.draw_series(LineSeries::new(
        settings.ours.iter().map(|(point, _)| *point),
        colour(Policy::Ours).stroke_width(2),
    ))?;
    chart.draw_series(settings.ours.iter().map(|one| dot(one, 3)))?;
    chart.draw_series(settings.defaults.iter().map(|one| dot(one, 6)))?;
    Ok(())
}

/// Replica-hours, and late requests in percent.
type Point = (f64, f64);

/// What a panel shows.
struct Settings {
    // Ours over its objectives, by hours.
    ours: Vec<(Point, Policy)>,
    defaults: Vec<(Point, Policy)>,
    others: Vec<(Point, Policy)>,
}

impl Settings {
    fn of(cell: &Cell<'_>, from: f64, to: f64) -> Self {
        let within: Vec<&Row> = cell
            .rows
            .iter()
            .copied()
            .filter(|row| (from..=to).contains(&row.replica_hours))
            .collect();
        let kept = |wanted: &dyn Fn(&Row) -> bool| -> Vec<(Point, Policy)> {
            let rows = within.iter().filter(|row| wanted(row));
            rows.map(|row| ((row.replica_hours, percent(row)), row.policy))
                .collect()
        };
        let mut ours = kept(&Row::is_of_the_sweep);
        ours.sort_by(|one, other| one.0.0.total_cmp(&other.0.0));
        Self {
            ours,
            defaults: kept(&|row| row.setting == "default"),
            others: kept(&|row| !row.is_of_the_sweep() && row.setting != "default"),
        }
    }
}

/// From the clairvoyant to some times of ours, or to where the last peer lies.
fn range(cell: &Cell<'_>) -> (f64, f64) {
    let hours = || cell.rows.iter().map(|row| row.replica_hours);
    let least = hours().fold(f64::INFINITY, f64::min);
    let most = hours().fold(0.0, f64::max);
    let from = cell
        .default_of(Policy::Clairvoyant)
        .map_or(least, |row| 0.9 * row.replica_hours);
    let to = cell
        .default_of(Policy::Ours)
        .map_or(most, |row| (WIDEST * row.replica_hours).min(most));
    (from, to.max(from + 1e-3) * 1.02)
}

#[cfg(test)]
mod tests {
    use pathfinder_scaling::sim::score::Outcome;

    use super::*;

    #[test]
    fn equal_dots_are_drawn_once_and_equal_words_stay() {
        let dot = "<circle cx=\"1\" opacity=\"1\"/>\n";
        let picture = format!("{dot}<text>\n{dot}<text>\n");
        assert_eq!(compact(&picture), "<circle cx=\"1\"/>\n<text>\n<text>\n");
    }

    #[test]
    fn a_plot_has_a_panel_per_pod_start_and_a_mark_per_policy() {
        let row = |start, policy, replica_hours| {
            let outcome = Outcome {
                replica_hours,
                violation_share: 0.01,
                ..Outcome::default()
            };
            Row::of(("step", start), policy, "default".to_owned(), &outcome)
        };
        let rows = [
            row(5, Policy::Ours, 10.0),
            row(5, Policy::Hpa, 12.0),
            row(90, Policy::Ours, 11.0),
        ];
        let picture = svg(&rows, "step").unwrap();
        assert!(picture.starts_with("<svg"));
        assert!(picture.contains("pod start 5 s") && picture.contains("pod start 90 s"));
        // One each in the legend; 2 defaults of ours, each with a point of the line, and 1 of the HPA.
        let circles = |policy| {
            let RGBColor(red, green, blue) = colour(policy);
            let wanted = format!("#{red:02X}{green:02X}{blue:02X}");
            picture
                .split("<circle")
                .skip(1)
                .filter(|circle| circle.split('>').next().unwrap().contains(&wanted))
                .count()
        };
        assert_eq!(circles(Policy::Ours), 1 + 4);
        assert_eq!(circles(Policy::Hpa), 1 + 1);
    }
}
