//! The bench: every policy over every trace and pod start, with one plant, one seed and one set of bounds.
//!
//! Knows who takes part and in which order rows come; the figures are the simulator's, and what they are worth is said by
//! the goals. The same bench gives the same rows on any number of cores.

mod entrant;
mod row;
mod workers;

use thiserror::Error;

pub use crate::sim::bench::row::{Policy, Row};
use crate::sim::{
    bench::{
        entrant::Entrant,
        row::with_best_size,
        workers::{Counter, side_by_side},
    },
    clairvoyant,
    contenders::{Contender, start},
    load::Load,
    plant::PER_REPLICA,
    run::{Bounds, Setup, run},
    score::{Outcome, demand},
    trace::Trace,
};

/// `scaling.objective` of who sets nothing.
pub const DEFAULT_OBJECTIVE: f64 = 0.999;

/// The setting of ours that differs from its default in its sensing alone: as Knative, it asks the pods themselves.
pub const READ_DIRECTLY: &str = "source=Pods";

/// Traces of at least this length are run with and without a forecast: it needs days to learn from.
pub const FORECAST_SECONDS: u32 = 3 * 86_400;

/// A trace is calm when in 99.9 % of its seconds the mean of the next 30 s is at most this many times the mean of a minute
/// around a point 90 s before.
const CALM_GROWTH: f64 = 1.3;

/// What a clairvoyant plan counts for on the way to the end, in runs.
const CLAIRVOYANT_RUNS: u64 = 60;

/// What is run. Every field may be made smaller for a quick look.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The traces, in the order of their rows.
    pub traces: Vec<Trace>,
    /// Seconds from an order to ready.
    pub pod_starts: Vec<u32>,
    /// The bounds of every policy.
    pub bounds: Bounds,
    /// The load of the largest second in requests/s.
    pub peak: f64,
    /// The seed of arrivals and service times.
    pub seed: u64,
    /// The peers.
    pub peers: Vec<Contender>,
    /// Constant sizes.
    pub sizes: Vec<u32>,
    /// Objectives of ours; [`DEFAULT_OBJECTIVE`] is run in any case.
    pub objectives: Vec<f64>,
}

/// How far a run of the bench is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Seconds that were simulated.
    pub done: u64,
    /// Seconds that will have been simulated.
    pub total: u64,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// One row per trace, pod start, policy and setting.
    pub rows: Vec<Row>,
    /// Names of the traces that are calm.
    pub calm: Vec<String>,
}

/// Why nothing was run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BenchError {
    /// An objective that our policy refuses.
    #[error("objective {objective} is no setting of ours: {reason}")]
    Objective {
        /// The objective.
        objective: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Bench {
    /// The published bench: peak at 40 pods that serve well, bounds 2 to 80, pod start 5, 30 and 90 s, the whole grid.
    pub fn of(traces: Vec<Trace>) -> Self {
        Self {
            traces,
            pod_starts: vec![5, 30, 90],
            bounds: Bounds { min: 2, max: 80 },
            peak: 40.0 * PER_REPLICA,
            seed: 1,
            peers: Contender::DEFAULTS.into_iter().chain(Contender::grid()).collect(),
            // The peak saturates 28 pods: no size above 45 differs much.
            sizes: (2..=45).chain([50, 55, 60, 70, 80]).collect(),
            objectives: vec![0.9, 0.99, 0.997, DEFAULT_OBJECTIVE, 0.9997, 0.9999, 0.99999],
        }
    }

    /// Runs everything on all cores, and tells `progress` now and then.
    ///
    /// # Errors
    /// [`BenchError`] before anything is run.
    pub fn run(&self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Report, BenchError> {
        for objective in &self.objectives {
            entrant::accepted(*objective, self.bounds)?;
        }
        let loads = side_by_side(self.traces.len(), &|index| self.prepared(&self.traces[index]));
        let jobs = self.jobs(&loads);
        let counter = Counter::new(self.total(&jobs, &loads), progress);
        let outcomes = side_by_side(jobs.len(), &|index| {
            let outcome = self.one(&jobs[index], &loads);
            counter.add(u64::from(loads[jobs[index].trace].load.seconds()));
            outcome
        });
        let mut cells = self.cells(&jobs, &outcomes);
        let clairvoyants = side_by_side(cells.len(), &|index| {
            let load = &loads[index / self.pod_starts.len()];
            let row = self.clairvoyant(&cells[index], load);
            counter.add(CLAIRVOYANT_RUNS * u64::from(load.load.seconds()));
            row
        });
        for (cell, row) in cells.iter_mut().zip(clairvoyants) {
            with_best_size(cell);
            cell.extend(row);
        }
        let calm = loads.iter().filter(|one| is_calm(&one.load));
        Ok(Report {
            rows: cells.into_iter().flatten().collect(),
            calm: calm.map(|one| one.load.name().to_owned()).collect(),
        })
    }

    fn prepared(&self, trace: &Trace) -> Prepared {
        let load = Load::of(trace, self.peak, self.seed);
        let demand = demand(&load);
        Prepared { load, demand }
    }

    /// What is run, cell by cell. A constant size has no pods to start: once per trace is enough.
    fn jobs(&self, loads: &[Prepared]) -> Vec<Job> {
        let mut jobs = Vec::new();
        for (trace, prepared) in loads.iter().enumerate() {
            for (cell, pod_start_seconds) in self.pod_starts.iter().copied().enumerate() {
                let sizes = if cell == 0 { self.sizes.as_slice() } else { &[] };
                let entrants = entrant::of_ours(&self.objectives, prepared.load.seconds())
                    .into_iter()
                    .chain(self.peers.iter().copied().map(Entrant::Peer))
                    .chain(
                        sizes
                            .iter()
                            .map(|replicas| Entrant::Peer(Contender::Static { replicas: *replicas })),
                    );
                jobs.extend(entrants.map(|entrant| Job {
                    trace,
                    pod_start_seconds,
                    entrant,
                }));
            }
        }
        jobs
    }

    fn total(&self, jobs: &[Job], loads: &[Prepared]) -> u64 {
        let runs: u64 = jobs.iter().map(|job| u64::from(loads[job.trace].load.seconds())).sum();
        let seconds: u64 = loads.iter().map(|one| u64::from(one.load.seconds())).sum();
        let starts = u64::try_from(self.pod_starts.len()).unwrap_or(u64::MAX);
        runs + CLAIRVOYANT_RUNS * starts * seconds
    }

    fn setup<'a>(&self, prepared: &'a Prepared, pod_start_seconds: u32) -> Setup<'a> {
        let first = prepared.load.rates().first().copied().unwrap_or_default();
        Setup {
            load: &prepared.load,
            demand: &prepared.demand,
            pod_start_seconds,
            bounds: self.bounds,
            start: start(f64::from(first), self.bounds),
        }
    }

    fn one(&self, job: &Job, loads: &[Prepared]) -> Option<Outcome> {
        let setup = self.setup(&loads[job.trace], job.pod_start_seconds);
        let start = job.entrant.start().unwrap_or(setup.start);
        let mut autoscaler = job
            .entrant
            .autoscaler(job.pod_start_seconds, self.bounds, setup.start)?;
        Some(run(&Setup { start, ..setup }, autoscaler.as_mut()))
    }

    /// The rows of every cell, in order.
    fn cells(&self, jobs: &[Job], outcomes: &[Option<Outcome>]) -> Vec<Vec<Row>> {
        let mut cells = Vec::new();
        for (trace, of) in self.traces.iter().enumerate() {
            for pod_start_seconds in self.pod_starts.iter().copied() {
                let rows = jobs
                    .iter()
                    .zip(outcomes)
                    .filter(|(job, _)| {
                        let here = job.pod_start_seconds == pod_start_seconds || job.entrant.is_constant();
                        job.trace == trace && here
                    })
                    .filter_map(|(job, outcome)| {
                        let (policy, setting) = job.entrant.names();
                        Some(Row::of((of.name(), pod_start_seconds), policy, setting, &(*outcome)?))
                    });
                let mut rows: Vec<Row> = rows.collect();
                rows.sort_by_key(|row| row.policy);
                cells.push(rows);
            }
        }
        cells
    }

    /// With no more violations than ours at its default.
    fn clairvoyant(&self, cell: &[Row], prepared: &Prepared) -> Option<Row> {
        let ours = cell.iter().find(|row| row.is_default(Policy::Ours))?;
        let setup = self.setup(prepared, ours.pod_start_seconds);
        let (outcome, _) = clairvoyant::optimum(&setup, ours.violation_share);
        let place = (ours.trace.as_str(), ours.pod_start_seconds);
        Some(Row::of(place, Policy::Clairvoyant, "default".to_owned(), &outcome))
    }
}

struct Prepared {
    load: Load,
    demand: Vec<u16>,
}

struct Job {
    trace: usize,
    pod_start_seconds: u32,
    entrant: Entrant,
}

/// Whether a load never grows faster than pods of the slowest start can follow.
fn is_calm(load: &Load) -> bool {
    let seconds = i64::from(load.seconds());
    let grown = (60..seconds - 120)
        .filter(|second| {
            // Ten requests/s are a tenth of a pod: what they become is no growth.
            let before = load.mean(second - 30, second + 30).max(10.0);
            load.mean(second + 90, second + 120) > CALM_GROWTH * before
        })
        .count();
    u64::try_from(grown).unwrap_or(u64::MAX) * 1000 <= u64::from(load.seconds())
}

#[cfg(test)]
mod tests;
