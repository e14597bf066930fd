//! The figures and the goals as tables, for a terminal and for Markdown.

use std::iter::once;

use pathfinder_scaling::sim::{
    bench::{Policy, Row},
    goals::{Cell, Goal, cells},
};

/// Words in rows below a header.
pub(super) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    // How many columns at the left are words; the others are figures.
    words: usize,
}

const FIGURES: [&str; 12] = [
    "trace",
    "pod start",
    "policy",
    "late %",
    "replica-hours",
    "theta_U",
    "theta_O",
    "tau_U",
    "upsilon",
    "changes/h",
    "reversals/h",
    "short for",
];

/// Every policy's default, by cell.
pub(super) fn figures(rows: &[Row]) -> Table {
    let rows = cells(rows).iter().flat_map(defaults).map(figures_of).collect();
    Table {
        header: FIGURES.to_vec(),
        rows,
        words: 3,
    }
}

/// The same for one trace, without its name.
pub(super) fn figures_of_trace(rows: &[Row], trace: &str) -> Table {
    let rows = cells(rows)
        .iter()
        .filter(|cell| cell.trace == trace)
        .flat_map(defaults)
        .map(|row| figures_of(row).split_off(1))
        .collect();
    Table {
        header: FIGURES[1..].to_vec(),
        rows,
        words: 2,
    }
}

fn defaults<'a>(cell: &Cell<'a>) -> Vec<&'a Row> {
    Policy::ALL
        .into_iter()
        .filter_map(|policy| cell.default_of(policy))
        .collect()
}

fn figures_of(row: &Row) -> Vec<String> {
    vec![
        row.trace.clone(),
        format!("{} s", row.pod_start_seconds),
        row.policy.name().to_owned(),
        format!("{:.4}", 100.0 * row.violation_share),
        format!("{:.1}", row.replica_hours),
        format!("{:.2}", row.theta_u),
        format!("{:.1}", row.theta_o),
        format!("{:.2}", row.tau_u),
        format!("{:.1}", row.upsilon),
        format!("{:.1}", row.changes_per_hour),
        format!("{:.1}", row.reversals_per_hour),
        format!("{:.0} s", row.seconds_to_safe),
    ]
}

/// One line per goal.
pub(super) fn goals(goals: &[Goal]) -> Table {
    let rows = goals.iter().map(|goal| {
        vec![
            goal.what.to_owned(),
            goal.wanted.to_owned(),
            goal.found.clone(),
            goal.verdict.words().to_owned(),
        ]
    });
    Table {
        header: vec!["goal", "wanted", "found", "verdict"],
        rows: rows.collect(),
        words: 4,
    }
}

impl Table {
    /// Rows below a header, of which the first columns are words and the others figures.
    pub(super) fn new(header: Vec<&'static str>, rows: Vec<Vec<String>>, words: usize) -> Self {
        Self { header, rows, words }
    }

    /// Columns below each other.
    pub(super) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.header.len()).map(|column| self.width(column)).collect();
        let lines = self.lines().map(|cells| {
            let padded = cells
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    if column < self.words {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect::<Vec<_>>();
            format!("{}\n", padded.join("  ").trim_end())
        });
        lines.collect()
    }

    /// A table of Markdown.
    pub(super) fn markdown(&self) -> String {
        let rule = (0..self.header.len()).map(|column| if column < self.words { "---" } else { "--:" });
        let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
        let mut lines = self.lines().map(|cells| format!("| {} |\n", cells.join(" | ")));
        let header = lines.next().unwrap_or_default();
        once(header).chain(once(rule)).chain(lines).collect()
    }

    fn lines(&self) -> impl Iterator<Item = Vec<&str>> {
        let rows = self.rows.iter().map(|row| row.iter().map(String::as_str).collect());
        once(self.header.clone()).chain(rows)
    }

    fn width(&self, column: usize) -> usize {
        self.lines()
            .filter_map(|cells| cells.get(column).map(|cell| cell.chars().count()))
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            header: vec!["name", "hours"],
            rows: vec![
                vec!["a".to_owned(), "10.0".to_owned()],
                vec!["longer".to_owned(), "9.5".to_owned()],
            ],
            words: 1,
        }
    }

    #[test]
    fn words_stand_left_and_figures_right() {
        assert_eq!(table().text(), "name    hours\na        10.0\nlonger    9.5\n");
    }

    #[test]
    fn markdown_has_a_rule_below_its_header() {
        assert_eq!(
            table().markdown(),
            "| name | hours |\n|---|--:|\n| a | 10.0 |\n| longer | 9.5 |\n"
        );
    }
}
