//! What a load found, as one line of JSON.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// The figures of one kind of request, or of all.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct Figures {
    /// How many were sent.
    pub requests: u64,
    /// Quantiles of the time from when a request was due to the end of its answer, milliseconds.
    pub p50_ms: f64,
    /// Likewise.
    pub p95_ms: f64,
    /// Likewise.
    pub p99_ms: f64,
    /// The longest.
    pub most_ms: f64,
}

impl Figures {
    /// Of these times.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self {
            requests: times.len() as u64,
            p50_ms: quantile(&times, 50),
            p95_ms: quantile(&times, 95),
            p99_ms: quantile(&times, 99),
            most_ms: quantile(&times, 100),
        }
    }
}

// The nearest rank: the smallest time that so many percent do not exceed.
fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// What the mixed load found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Mixed {
    /// Over all.
    pub all: Figures,
    /// By kind.
    pub kinds: BTreeMap<String, Figures>,
    /// Connections that were open at once.
    pub connections: usize,
    /// Requests per second that were sent.
    pub rate: f64,
    /// Answers that were not a success, and how often each came.
    pub errors: BTreeMap<String, u64>,
    /// `/metrics` when the load began.
    pub before: String,
    /// `/metrics` when it had ended.
    pub after: String,
}

/// What the spectators found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spectators {
    /// Sockets that were open at once.
    pub open: usize,
    /// Scores that were set.
    pub scores: u64,
    /// How often one was heard, over all sockets.
    pub heard: u64,
    /// From setting a score to hearing it.
    pub latency: Figures,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let figures = Figures::of((1..=200).map(Duration::from_millis).collect());
        assert_eq!((figures.p50_ms, figures.p95_ms, figures.most_ms), (100.0, 190.0, 200.0));
        assert_eq!(Figures::of(Vec::new()), Figures::default());
    }
}
