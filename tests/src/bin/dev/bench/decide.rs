//! `cargo dev bench decide`: how long one decision takes, how long a tick of 1,000 clusters, and what is allocated.
//!
//! Every cluster lives through hours of a noisy load first, so that its memory is full. The engine is built optimised in
//! this profile too.

use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use pathfinder_scaling::{Memory, Observation, Policy, PolicyInput, Replicas, Signal, decide};
use serde::Serialize;

use crate::args::Output;

const CLUSTERS: usize = 1000;
const TICK: Duration = Duration::from_secs(5);
// Two days, so that yesterday is known.
const WARM_UP_TICKS: u32 = 2 * 24 * 720;
const MEASURED: usize = 20_000;
const TICKS: usize = 20;

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    decide_median_microseconds: f64,
    decide_p99_microseconds: f64,
    thousand_clusters_median_milliseconds: f64,
    allocations_per_decide: f64,
}

// One cluster that is being lived through.
#[derive(Clone)]
struct Cluster {
    memory: Memory,
    floor: Replicas,
    tick: u32,
}

impl Cluster {
    fn new(tick: u32) -> Self {
        Self {
            memory: Memory::default(),
            floor: Replicas::new(2),
            tick,
        }
    }

    fn live(&mut self, policy: &Policy) {
        let time = f64::from(self.tick);
        // A wave of two hours and a faster one: no two ticks alike.
        let load = 900.0 + 600.0 * (time / 230.0).sin() + 90.0 * (time * 1.7).sin();
        let signal = |raw| Signal::classify(raw, Duration::from_secs(2), Duration::from_secs(15));
        let observation = Observation {
            latency: Some(Signal::classify(0.1, Duration::from_secs(2), Duration::from_secs(15))),
            replicas_ordered: Some(self.floor),
            replicas_ready: Some(self.floor),
            floor: Some(self.floor),
            ..Observation::of(signal(load))
        };
        let now = Timestamp::UNIX_EPOCH + TICK * self.tick;
        let (decision, memory) = decide(policy, std::mem::take(&mut self.memory), &observation, now);
        self.memory = memory;
        self.floor = decision.floor;
        self.tick += 1;
    }
}

pub(crate) fn run(output: Output) -> anyhow::Result<()> {
    let input = PolicyInput {
        max_replicas: 100,
        latency_target: Some(Duration::from_millis(500)),
        ..PolicyInput::default()
    };
    let policy = Policy::parse(input).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    eprintln!("living through two days, then measuring ...");
    let figures = measured(&policy)?;
    match output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&figures)?),
        Output::Table => println!(
            "one decide               median {:.2} microseconds, p99 {:.2}   (goal: at most 10)\n\
             a tick of 1,000 clusters median {:.2} milliseconds         (goal: at most 10)\n\
             allocations per decide   {}                             (goal: 0)",
            figures.decide_median_microseconds,
            figures.decide_p99_microseconds,
            figures.thousand_clusters_median_milliseconds,
            figures.allocations_per_decide,
        ),
    }
    Ok(())
}

fn measured(policy: &Policy) -> anyhow::Result<Figures> {
    let mut cluster = Cluster::new(0);
    for _ in 0..WARM_UP_TICKS {
        cluster.live(policy);
    }
    let mut times = Vec::with_capacity(MEASURED);
    let counted = allocation_counter::measure(|| {
        for _ in 0..MEASURED {
            let started = Instant::now();
            cluster.live(policy);
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    });
    // Copies of a warm one: two days of each of a thousand would take minutes and change nothing.
    let mut clusters = vec![cluster; CLUSTERS];
    let mut ticks: Vec<f64> = (0..TICKS)
        .map(|_| {
            let started = Instant::now();
            for cluster in &mut clusters {
                cluster.live(policy);
            }
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    Ok(Figures {
        decide_median_microseconds: quantile(&mut times, 50)?,
        decide_p99_microseconds: quantile(&mut times, 99)?,
        thousand_clusters_median_milliseconds: quantile(&mut ticks, 50)?,
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        allocations_per_decide: counted.count_total as f64 / MEASURED as f64,
    })
}

fn quantile(times: &mut [f64], percent: usize) -> anyhow::Result<f64> {
    times.sort_by(f64::total_cmp);
    times
        .get(times.len() * percent / 100)
        .copied()
        .context("nothing was measured")
}
