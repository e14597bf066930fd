//! The goals of the bench, computed from its rows: what is wanted, what came out, and the cells that miss it.
//!
//! A cell is a trace at a pod start. Rules:
//! - **Ties.** Replica-hours within 0.1 % of each other are equal; so are violation shares within 1e-7 of each other.
//!   "Worse" means worse by more than that.
//! - **Interpolation.** The front of a set of settings are those that no other setting beats or equals in both figures. Between
//!   two neighbours of a front, violations at given replica-hours lie on a straight line of ln(violation share + 1e-6).
//! - **Ratios.** Violations are compared as (a + 1e-5) / (b + 1e-5): below one late request in a hundred thousand there is
//!   nothing left to win.
//!
//! A front says nothing outside of its range of hours. What is compared with it and lies beyond its most hours, with more
//! violations than it has there, is beaten in both figures and counts as a miss.

mod front;

use serde::Serialize;

use crate::sim::{
    bench::{Policy, READ_DIRECTLY, Row},
    goals::front::{Front, Point, ratio},
    sensors::Sensing,
};

/// Whether a goal is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is.
    Reached,
    /// It is not.
    Missed,
    /// No row says.
    NotMeasured,
}

impl Verdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Missed => "missed",
            Self::NotMeasured => "not measured",
        }
    }

    fn of(reached: bool) -> Self {
        if reached { Self::Reached } else { Self::Missed }
    }
}

/// One goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// What is compared.
    pub what: &'static str,
    /// What is wanted.
    pub wanted: &'static str,
    /// What came out.
    pub found: String,
    /// Whether it is reached.
    pub verdict: Verdict,
    /// The cells that miss it, with their figures.
    pub misses: Vec<String>,
}

/// The share of cells in which some peer setting, chosen in hindsight, may beat ours in both figures.
const BEATEN_IN_HINDSIGHT: f64 = 0.1;
const AGAINST_FRONT: (f64, f64) = (0.7, 1.2);
const AGAINST_CLAIRVOYANT: f64 = 1.25;
const FORECAST: (f64, f64) = (0.8, 1.0);

/// All goals. `calm` names the traces that are calm.
pub fn goals(rows: &[Row], calm: &[String]) -> Vec<Goal> {
    let cells = cells(rows);
    vec![
        against_defaults(&cells, Sensing::Prometheus),
        against_any_setting(&cells, Sensing::Prometheus),
        against_the_front(&cells),
        against_the_clairvoyant(&cells, calm),
        with_and_without_forecast(&cells),
    ]
}

/// The goals of our default against peers, where ours reads the pods itself as Knative does: what of the misses is sensing.
pub fn goals_read_directly(rows: &[Row]) -> Vec<Goal> {
    let cells = cells(rows);
    vec![
        against_defaults(&cells, Sensing::Direct),
        against_any_setting(&cells, Sensing::Direct),
    ]
}

/// The rows of a trace at a pod start.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    /// Name of the trace.
    pub trace: &'a str,
    /// Seconds from an order to ready.
    pub pod_start_seconds: u32,
    /// Its rows.
    pub rows: Vec<&'a Row>,
}

/// Rows by cell, in the order in which cells first come.
pub fn cells(rows: &[Row]) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for row in rows {
        let here = |cell: &&mut Cell<'_>| cell.trace == row.trace && cell.pod_start_seconds == row.pod_start_seconds;
        match cells.iter_mut().find(here) {
            Some(cell) => cell.rows.push(row),
            None => cells.push(Cell {
                trace: &row.trace,
                pod_start_seconds: row.pod_start_seconds,
                rows: vec![row],
            }),
        }
    }
    cells
}

impl<'a> Cell<'a> {
    /// The row of a policy's default.
    pub fn default_of(&self, policy: Policy) -> Option<&'a Row> {
        self.rows.iter().copied().find(|row| row.is_default(policy))
    }

    fn peers(&self) -> impl Iterator<Item = &'a Row> {
        self.rows
            .iter()
            .copied()
            .filter(|row| Policy::PEERS.contains(&row.policy))
    }

    fn ours(&self, forecast: Forecast) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().copied().filter(move |row| match forecast {
            Forecast::On => row.is_of_the_sweep(),
            Forecast::Off => row.policy == Policy::Ours && row.setting.ends_with("forecast=off"),
        })
    }

    fn ours_by(&self, sensing: Sensing) -> Option<&'a Row> {
        match sensing {
            Sensing::Prometheus => self.default_of(Policy::Ours),
            Sensing::Direct => self
                .rows
                .iter()
                .copied()
                .find(|row| row.policy == Policy::Ours && row.setting == READ_DIRECTLY),
        }
    }

    fn named(&self, figure: &str) -> String {
        format!("{} at {} s: {figure}", self.trace, self.pod_start_seconds)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forecast {
    On,
    Off,
}

fn against_defaults(cells: &[Cell<'_>], sensing: Sensing) -> Goal {
    let mut misses = Vec::new();
    for cell in cells {
        let Some(ours) = cell.ours_by(sensing) else {
            continue;
        };
        let beaten = Policy::PEERS
            .into_iter()
            .filter_map(|policy| cell.default_of(policy))
            .filter(|peer| Point::of(ours).is_worse_in_both_than(Point::of(peer)));
        misses.extend(beaten.map(|peer| cell.named(&compared(ours, peer))));
    }
    Goal {
        what: "ours at its default worse in both violations and replica-hours than a peer's own default",
        wanted: "in no cell",
        found: format!("{} of {} cells", cells_of(&misses), cells.len()),
        verdict: measured(cells, sensing, misses.is_empty()),
        misses,
    }
}

/// Cells, of which one may miss in more than one way.
fn cells_of(misses: &[String]) -> usize {
    let mut cells: Vec<_> = misses
        .iter()
        .filter_map(|miss| miss.split_once(": ").map(|(cell, _)| cell))
        .collect();
    cells.dedup();
    cells.len()
}

fn measured(cells: &[Cell<'_>], sensing: Sensing, reached: bool) -> Verdict {
    let any = cells
        .iter()
        .any(|cell| cell.ours_by(sensing).is_some() && cell.peers().next().is_some());
    if any {
        Verdict::of(reached)
    } else {
        Verdict::NotMeasured
    }
}

fn compared(ours: &Row, other: &Row) -> String {
    format!(
        "{} {} has {:.4} % at {:.1} h, ours {:.4} % at {:.1} h",
        other.policy.name(),
        other.setting,
        100.0 * other.violation_share,
        other.replica_hours,
        100.0 * ours.violation_share,
        ours.replica_hours
    )
}

fn against_any_setting(cells: &[Cell<'_>], sensing: Sensing) -> Goal {
    let misses: Vec<String> = cells
        .iter()
        .filter_map(|cell| {
            let ours = cell.ours_by(sensing)?;
            let beaten: Vec<&Row> = cell
                .peers()
                .filter(|peer| Point::of(ours).is_worse_in_both_than(Point::of(peer)))
                .collect();
            let best = beaten
                .iter()
                .min_by(|one, other| one.violation_share.total_cmp(&other.violation_share))?;
            let text = format!("{} settings, such as {}", beaten.len(), compared(ours, best));
            Some(cell.named(&text))
        })
        .collect();
    let reached = float(misses.len()) <= BEATEN_IN_HINDSIGHT * float(cells.len());
    Goal {
        what: "ours at its default worse in both than some setting of the peers' grids, chosen in hindsight",
        wanted: "in at most 10 % of cells",
        found: format!("{} of {} cells", misses.len(), cells.len()),
        verdict: measured(cells, sensing, reached),
        misses,
    }
}

/// What a set of cells gives against fronts.
#[derive(Default)]
struct Against {
    // Per cell that can be compared: its name and the geometric mean over its points.
    ratios: Vec<(String, f64)>,
    beyond: Vec<String>,
}

impl Against {
    fn take(&mut self, cell: &Cell<'_>, front: &Front, points: impl Iterator<Item = Point>) {
        let mut ratios = Vec::new();
        for point in points {
            match front.violations_at(point.hours) {
                Some(there) => ratios.push(ratio(point.violations, there)),
                None if front.beats_from_its_end(point) => {
                    let figure = format!(
                        "beyond the front's most hours: {:.4} % at {:.1} h",
                        100.0 * point.violations,
                        point.hours
                    );
                    self.beyond.push(cell.named(&figure));
                }
                None => {}
            }
        }
        if let Some(mean) = geometric_mean(&ratios) {
            let name = cell.named(&format!("{mean:.2}x over {} points", ratios.len()));
            self.ratios.push((name, mean));
        }
    }

    fn goal(self, (what, wanted): (&'static str, &'static str), (mean_most, cell_most): (f64, f64)) -> Goal {
        let means: Vec<f64> = self.ratios.iter().map(|(_, mean)| *mean).collect();
        let highest = means.iter().copied().fold(0.0, f64::max);
        let Some(mean) = geometric_mean(&means) else {
            return Goal {
                what,
                wanted,
                found: "no cell can be compared".to_owned(),
                verdict: Verdict::NotMeasured,
                misses: self.beyond,
            };
        };
        let over = self.ratios.into_iter().filter(|(_, mean)| *mean > cell_most);
        let misses: Vec<String> = over.map(|(name, _)| name).chain(self.beyond).collect();
        Goal {
            what,
            wanted,
            found: format!("{mean:.2}x over {} cells, highest {highest:.2}x", means.len()),
            verdict: Verdict::of(mean <= mean_most && misses.is_empty()),
            misses,
        }
    }
}

fn against_the_front(cells: &[Cell<'_>]) -> Goal {
    let mut against = Against::default();
    for cell in cells {
        let front = Front::of(cell.peers().map(Point::of));
        against.take(cell, &front, cell.ours(Forecast::On).map(Point::of));
    }
    let words = (
        "violations at equal replica-hours, ours over its objectives against the front of all peers' settings",
        "geometric mean at most 0.7x, no cell above 1.2x",
    );
    against.goal(words, AGAINST_FRONT)
}

fn against_the_clairvoyant(cells: &[Cell<'_>], calm: &[String]) -> Goal {
    let ratios: Vec<(bool, String, f64)> = cells
        .iter()
        .filter_map(|cell| {
            let (ours, best) = (cell.default_of(Policy::Ours)?, cell.default_of(Policy::Clairvoyant)?);
            let ratio = ours.replica_hours / best.replica_hours;
            let is_calm = calm.iter().any(|name| name == cell.trace);
            Some((is_calm, cell.named(&format!("{ratio:.2}x")), ratio))
        })
        .collect();
    let all: Vec<f64> = ratios.iter().map(|(.., ratio)| *ratio).collect();
    let of_calm: Vec<f64> = ratios
        .iter()
        .filter(|(is_calm, ..)| *is_calm)
        .map(|(.., ratio)| *ratio)
        .collect();
    let figure = |ratios: &[f64]| {
        geometric_mean(ratios).map_or("not measured".to_owned(), |mean| {
            format!("{mean:.2}x, highest {:.2}x", ratios.iter().copied().fold(0.0, f64::max))
        })
    };
    let misses: Vec<String> = ratios
        .into_iter()
        .filter(|(is_calm, _, ratio)| *is_calm && *ratio > AGAINST_CLAIRVOYANT)
        .map(|(_, name, _)| name)
        .collect();
    let verdict = if of_calm.is_empty() {
        Verdict::NotMeasured
    } else {
        Verdict::of(misses.is_empty())
    };
    Goal {
        what: "replica-hours of ours at its default against the clairvoyant optimum with no more violations",
        wanted: "at most 1.25x on calm traces",
        found: format!("calm traces {}; all traces {}", figure(&of_calm), figure(&all)),
        verdict,
        misses,
    }
}

fn with_and_without_forecast(cells: &[Cell<'_>]) -> Goal {
    let mut against = Against::default();
    for cell in cells {
        let front = Front::of(cell.ours(Forecast::Off).map(Point::of));
        against.take(cell, &front, cell.ours(Forecast::On).map(Point::of));
    }
    let words = (
        "days of history: violations with forecast against without, at equal replica-hours",
        "geometric mean at most 0.8x, no cell above 1.0x",
    );
    // Two digits are shown: 1.00x is not above 1.0x.
    against.goal(words, (FORECAST.0, FORECAST.1 + 0.005))
}

fn geometric_mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (sum / float(values.len())).exp())
}

#[expect(clippy::cast_precision_loss, reason = "counts of cells")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
