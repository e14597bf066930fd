//! `cargo dev bench step`: how fast and how far the engine orders after a tenfold step, at every phase.
//!
//! Shows what the simulator found as a table, as rows, or as the documentation; measures nothing itself.

use std::io::{Write, stdout};

use pathfinder_scaling::sim::reaction::{Reaction, reactions};

use crate::{
    args::Output,
    bench::{
        document::{self, Bench},
        tables::Table,
    },
};

const HEADER: [&str; 8] = [
    "sensing",
    "latency.target",
    "pod start",
    "trials",
    "median",
    "p95",
    "most",
    "overshoot p95 (most)",
];

pub(super) fn run(output: Output, write_docs: bool) -> anyhow::Result<()> {
    let found = reactions().map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let mut out = stdout().lock();
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &found)?;
            writeln!(out)?;
        }
        Output::Table => writeln!(
            out,
            "{}(goal at p95: 15 s by Prometheus, 7 s direct, overshoot 1.3x)",
            table(&found).text()
        )?,
    }
    if write_docs {
        document::write_table(Bench::Step, &table(&found))?;
    }
    Ok(())
}

fn table(found: &[Reaction]) -> Table {
    Table::new(HEADER.to_vec(), found.iter().map(row).collect(), 2)
}

fn row(found: &Reaction) -> Vec<String> {
    let seconds = |seconds: Option<f64>| seconds.map_or("never".to_owned(), |seconds| format!("{seconds:.1} s"));
    vec![
        found.sensing.words().to_owned(),
        found.target.words().to_owned(),
        format!("{} s", found.pod_start_seconds),
        found.trials.to_string(),
        seconds(found.seconds_median),
        seconds(found.seconds_p95),
        seconds(found.seconds_most),
        format!("{:.2}x ({:.2}x)", found.overshoot_p95, found.overshoot_most),
    ]
}
