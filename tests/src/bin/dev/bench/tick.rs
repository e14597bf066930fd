//! `cargo dev bench tick`: one tick of the scaling loop for many clusters, asking a real Prometheus that scrapes all of their pods.
//!
//! Starts the Prometheus and what it scrapes, and shows what the operator's own bench target (`operator/benches/tick.rs`)
//! measured; it knows nothing of how the operator works.

use std::{
    fmt::Write as _,
    fs,
    io::{Write, stdout},
    time::Instant,
};

use anyhow::Context;
use pathfinder_tests::{
    cluster::{Paths, images, packages, paths::workspace, process, step::step},
    loopback::{Exporter, Page, Prometheus},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    args::Output,
    bench::{
        document::{self, Bench},
        tables::Table,
    },
};

const SIZES: [usize; 2] = [100, 1000];
const PODS_PER_CLUSTER: usize = 3;
const ROUTES: [&str; 4] = [
    "/api/tournaments",
    "/api/tournaments/{id}",
    "/api/players",
    "/api/scores",
];
// Of all routes of a pod: three pods need three replicas at 100 each, so that nothing has to be ordered.
const RATE: f64 = 60.0;
const GOAL_SECONDS: f64 = 1.0;
const GOAL_CORE_SHARE: f64 = 0.2;
// Of /proc; the same on every Linux.
const JIFFIES_PER_SECOND: f64 = 100.0;

const HEADER: [&str; 8] = [
    "clusters",
    "pods",
    "series",
    "ticks",
    "seconds per tick, median",
    "most",
    "of a core",
    "Prometheus, of a core",
];

/// What the operator's bench target prints.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    tick_seconds: Vec<f64>,
    core_share: f64,
    clusters_with_load: usize,
    clusters_with_latency: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    clusters: usize,
    pods: usize,
    series: usize,
    ticks: usize,
    seconds_median: f64,
    seconds_most: f64,
    core_share: f64,
    prometheus_core_share: f64,
}

pub(super) fn run(paths: &Paths, output: Output, write_docs: bool) -> anyhow::Result<()> {
    packages::ensure(paths, packages::PROMETHEUS)?;
    let program = program()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut rows = Vec::new();
    for clusters in SIZES {
        eprintln!("{clusters} clusters: two minutes");
        rows.push(runtime.block_on(measure(&program, clusters))?);
    }
    let mut out = stdout().lock();
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut out, &rows)?;
            writeln!(out)?;
        }
        Output::Table => writeln!(
            out,
            "{}(goal at 1,000: at most {GOAL_SECONDS} s per tick, at most {:.0} % of a core: {})",
            table(&rows).text(),
            GOAL_CORE_SHARE * 100.0,
            if rows.iter().all(reached) { "reached" } else { "missed" }
        )?,
    }
    if write_docs {
        document::write_table(Bench::Tick, &table(&rows))?;
    }
    Ok(())
}

// As it is shipped: optimised.
fn program() -> anyhow::Result<String> {
    let mut command = images::cargo();
    command
        .args(["bench", "-q", "-p", "pathfinder-operator", "--bench", "tick"])
        .args(["--no-run", "--message-format=json"])
        .current_dir(workspace());
    let text = step("building the operator's bench", || {
        process::read_within(command, process::LONGEST)
    })?;
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "tick")
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .context("cargo named no program of the bench `tick`")
}

async fn measure(program: &str, clusters: usize) -> anyhow::Result<Row> {
    let begin = Instant::now();
    let exporter = Exporter::start(move |_| page(begin.elapsed().as_secs_f64())).await?;
    let prometheus = Prometheus::start(&configuration(clusters, &exporter)).await?;
    let process = prometheus.process().context("Prometheus runs")?;
    let mut bench = Command::new(program);
    bench
        .args(["--prometheus", &prometheus.url(), "--clusters", &clusters.to_string()])
        .stderr(std::process::Stdio::inherit())
        .kill_on_drop(true);
    let (started, before) = (Instant::now(), cpu_seconds(process)?);
    let said = bench.output().await.with_context(|| format!("running {program}"))?;
    let of_prometheus = (cpu_seconds(process)? - before) / started.elapsed().as_secs_f64();
    anyhow::ensure!(said.status.success(), "{program} ended with {}", said.status);
    let measured: Measured = serde_json::from_slice(&said.stdout).context("what the operator's bench printed")?;
    // Figures of a loop that saw nothing would be fine figures.
    anyhow::ensure!(
        measured.clusters_with_load == clusters && measured.clusters_with_latency == clusters,
        "of {clusters} clusters {} had a load and {} a latency at the last tick",
        measured.clusters_with_load,
        measured.clusters_with_latency
    );
    row(clusters, measured, of_prometheus)
}

fn row(clusters: usize, measured: Measured, prometheus_core_share: f64) -> anyhow::Result<Row> {
    let mut seconds = measured.tick_seconds;
    seconds.sort_by(f64::total_cmp);
    let pods = clusters * PODS_PER_CLUSTER;
    let page = String::from_utf8(page(1.0).body)?;
    Ok(Row {
        clusters,
        pods,
        // Prometheus adds five of its own to each target.
        series: pods * (page.lines().filter(|line| !line.starts_with('#')).count() + 5),
        ticks: seconds.len(),
        seconds_median: *seconds.get(seconds.len() / 2).context("no tick was measured")?,
        seconds_most: seconds.last().copied().unwrap_or_default(),
        core_share: measured.core_share,
        prometheus_core_share,
    })
}

fn reached(row: &Row) -> bool {
    row.seconds_most <= GOAL_SECONDS && row.core_share <= GOAL_CORE_SHARE
}

fn table(rows: &[Row]) -> Table {
    let cells = |row: &Row| {
        vec![
            row.clusters.to_string(),
            row.pods.to_string(),
            row.series.to_string(),
            row.ticks.to_string(),
            format!("{:.3}", row.seconds_median),
            format!("{:.3}", row.seconds_most),
            format!("{:.1} %", row.core_share * 100.0),
            format!("{:.0} %", row.prometheus_core_share * 100.0),
        ]
    };
    Table::new(HEADER.to_vec(), rows.iter().map(cells).collect(), 1)
}

// A target per pod, as in a cluster: `up` is Prometheus' own.
fn configuration(clusters: usize, exporter: &Exporter) -> String {
    let mut text = "global: {scrape_interval: 5s}\nscrape_configs:\n- job_name: pods\n  static_configs:\n".to_owned();
    for cluster in 0..clusters {
        for pod in 1..=PODS_PER_CLUSTER {
            let (namespace, name) = (cluster / 10, format!("shop-{cluster}-api-7d9f-p{pod}"));
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "  - targets: ['{}']\n    labels: {{namespace: team-{namespace}, pod: {name}, __metrics_path__: /{name}}}",
                exporter.address()
            );
        }
    }
    text
}

// What the API that ships with the project serves, with four routes in use.
fn page(seconds: f64) -> Page {
    const BOUNDS: [&str; 12] = [
        "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "1", "2.5", "5", "10",
    ];
    let total = seconds * RATE / 4.0;
    let mut text = "# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n".to_owned();
    for route in ROUTES {
        let labels = format!("method=\"GET\",route=\"{route}\",status_code=\"200\"");
        let _ = writeln!(text, "http_requests_total{{{labels}}} {total}");
        let mut shares = 0.0_f64;
        for bound in BOUNDS {
            shares = (shares + 0.125).min(1.0);
            let count = total * shares;
            let _ = writeln!(
                text,
                "http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count}"
            );
        }
        let _ = writeln!(
            text,
            "http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {total}"
        );
        let _ = writeln!(text, "http_request_duration_seconds_sum{{{labels}}} {}", total / 10.0);
        let _ = writeln!(text, "http_request_duration_seconds_count{{{labels}}} {total}");
    }
    for kind in ["select", "insert"] {
        let _ = writeln!(
            text,
            "database_query_duration_seconds_sum{{query_type=\"{kind}\"}} {}",
            total / 50.0
        );
    }
    let _ = writeln!(text, "redis_command_duration_seconds_sum {}", total / 100.0);
    for pool in ["primary", "replica"] {
        let _ = writeln!(
            text,
            "database_connections_active{{pool=\"{pool}\"}} 4\ndatabase_connections_max{{pool=\"{pool}\"}} 20"
        );
    }
    Page::text(text)
}

fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in brackets may hold anything; utime and stime are the twelfth and thirteenth word behind it.
    let words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let jiffies: f64 = words.skip(11).take(2).filter_map(|word| word.parse::<f64>().ok()).sum();
    Ok(jiffies / JIFFIES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_about_the_slowest_tick() {
        let measured = |seconds: Vec<f64>| Measured {
            tick_seconds: seconds,
            core_share: 0.1,
            clusters_with_load: 1,
            clusters_with_latency: 1,
        };
        let one = row(1000, measured(vec![0.1, 0.3, 0.2]), 0.5).unwrap();
        assert!((one.seconds_median - 0.2).abs() < 1e-9 && reached(&one));
        assert!(!reached(&row(1000, measured(vec![0.1, 1.1, 0.2]), 0.5).unwrap()));
        assert!(row(1000, measured(vec![]), 0.5).is_err());
    }
}
