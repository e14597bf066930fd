//! `cargo dev bench reaction`: how long a step of load waits for its replicas, on the real cluster.
//!
//! Three subjects in one run: scaled by Prometheus, by direct scrape, and by a plain HPA on CPU. Each repetition is a stack
//! made anew, so that nothing is learned from the one before, and its step begins at a random phase of scrapes and ticks.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use jiff::Timestamp;
use pathfinder_tests::{
    cluster::{
        Engine, Paths, images,
        kind::{self, Wanted},
    },
    install,
    suite::{Stack, load::Load},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    args::{Output, ReactionOptions},
    bench::{
        document::{self, Bench},
        tables::Table,
    },
    finish,
};

const NODES: usize = 3;
const BASE_RATE: u32 = 50;
const STEP_RATE: u32 = 550;
const WANTED: i32 = 6;
// A plain HPA needs minutes at worst; what takes longer than this was never ordered.
const LONGEST: Duration = Duration::from_secs(150);
const BASE: Duration = Duration::from_secs(12);
const POLL: Duration = Duration::from_millis(200);
// The longest period of what the step may fall into: a scrape of Prometheus, a tick of the loop.
const PHASE: Duration = Duration::from_secs(5);

const HEADER: [&str; 8] = [
    "subject",
    "steps",
    "ordered, median",
    "p95",
    "most",
    "ready, median",
    "never ordered",
    "goal (median, p95)",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Subject {
    Prometheus,
    Pods,
    Hpa,
}

impl Subject {
    const ALL: [Self; 3] = [Self::Prometheus, Self::Pods, Self::Hpa];

    fn name(self) -> &'static str {
        match self {
            Self::Prometheus => "prometheus",
            Self::Pods => "pods",
            Self::Hpa => "hpa",
        }
    }

    // Seconds to the order, median and p95; none for the peer.
    fn goal(self) -> Option<(f64, f64)> {
        match self {
            Self::Prometheus => Some((11.0, 16.0)),
            Self::Pods => Some((6.0, 8.0)),
            Self::Hpa => None,
        }
    }

    // What differs from the defaults. The HPA's CPU request is what one replica was seen to use at 100 requests/s, over 70 %.
    fn change(self, resource: &mut Value) {
        let spec = &mut resource["spec"];
        spec["scaling"] = json!({});
        // Enough for the HPA above the floor to have nothing to say.
        spec["api"]["resources"]["requests"]["cpu"] = json!("100m");
        match self {
            Self::Prometheus => {}
            Self::Pods => spec["scaling"]["metrics"] = json!({"source": "Pods"}),
            Self::Hpa => {
                spec["scaling"]["mode"] = json!("Observe");
                spec["api"]["resources"]["requests"]["cpu"] = json!("40m");
            }
        }
    }
}

/// One step.
#[derive(Clone, Debug, Serialize)]
struct Row {
    subject: Subject,
    repetition: u32,
    /// From the first request of the step; absent where it never came, and for the HPA, which has no floor.
    floor_seconds: Option<f64>,
    ordered_seconds: Option<f64>,
    ready_seconds: Option<f64>,
}

pub(crate) fn run(paths: &Paths, options: &ReactionOptions) -> anyhow::Result<ExitCode> {
    if options.inside {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(measure(options))?;
        return Ok(ExitCode::SUCCESS);
    }
    let engine = Engine::current(paths);
    kind::up(paths, Wanted { nodes: NODES, engine })?;
    images::all(paths, engine)?;
    let program = std::env::current_exe()?;
    let mut inside = engine.inside(&program.to_string_lossy());
    inside.args([
        "bench",
        "reaction",
        "--inside",
        "--repetitions",
        &options.repetitions.to_string(),
    ]);
    if options.output == Output::Json {
        inside.args(["-o", "json"]);
    }
    if options.write_docs {
        inside.arg("--write-docs");
    }
    inside.env("PATHFINDER_OPERATOR_IMAGE", images::operator_fingerprint()?);
    finish(inside)
}

async fn measure(options: &ReactionOptions) -> anyhow::Result<()> {
    install::operator(&[]).await?;
    // One step at a time: two cores serve one load.
    let turn = Mutex::new(());
    let each = Subject::ALL.map(|subject| repeat(subject, options.repetitions, &turn));
    let rows: Vec<Row> = futures::future::try_join_all(each).await?.concat();
    match options.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&rows)?),
        Output::Table => print!("{}", table(&rows).text()),
    }
    if options.write_docs {
        document::write_table(Bench::Reaction, &table(&rows))?;
    }
    Ok(())
}

async fn repeat(subject: Subject, repetitions: u32, turn: &Mutex<()>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for repetition in 1..=repetitions {
        // A namespace of its own: what had its name before would be its past, and Prometheus remembers that.
        let name = format!("bench-{}-{repetition}", subject.name());
        let row = once(&name, (subject, repetition), turn).await.context(name)?;
        eprintln!("  {}", line(&row));
        rows.push(row);
    }
    Ok(rows)
}

async fn once(name: &str, (subject, repetition): (Subject, u32), turn: &Mutex<()>) -> anyhow::Result<Row> {
    let stack = Stack::fresh_named(name).await?;
    let mut resource = stack.small();
    subject.change(&mut resource);
    stack.apply(&resource).await?;
    stack.wait_ready().await?;
    let base = Load::of_reads(&stack, "base", (BASE_RATE, LONGEST * 10)).await?;
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(60))
        .await?;
    let row = {
        let _turn = turn.lock().await;
        tokio::time::sleep(BASE + phase()).await;
        let (_, ordered, _) = stack.replicas().await?;
        anyhow::ensure!(ordered < WANTED, "{ordered} replicas are ordered before the step");
        let step = Load::of_reads(&stack, "step", (STEP_RATE, LONGEST)).await?;
        let row = watch(&stack, (subject, repetition), step.began().await?).await?;
        step.stop().await?;
        row
    };
    base.stop().await?;
    stack.remove().await?;
    // What shuts down takes the cores that the next step needs.
    stack.gone().await?;
    Ok(row)
}

// Anywhere within the longest period; the clock's own nanoseconds are as good as dice.
fn phase() -> Duration {
    PHASE.mul_f64(f64::from(Timestamp::now().subsec_nanosecond().unsigned_abs()) / 1e9)
}

async fn watch(stack: &Stack, (subject, repetition): (Subject, u32), began: Timestamp) -> anyhow::Result<Row> {
    let mut row = Row {
        subject,
        repetition,
        floor_seconds: None,
        ordered_seconds: None,
        ready_seconds: None,
    };
    let started = Instant::now();
    while started.elapsed() < LONGEST && row.ready_seconds.is_none() {
        let (floor, ordered, ready) = stack.replicas().await?;
        let seconds = Timestamp::now().duration_since(began).as_secs_f64();
        for (mark, count) in [
            (&mut row.floor_seconds, floor),
            (&mut row.ordered_seconds, ordered),
            (&mut row.ready_seconds, ready),
        ] {
            if count >= WANTED && mark.is_none() {
                *mark = Some(seconds);
            }
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(row)
}

fn line(row: &Row) -> String {
    format!(
        "{:<10} {:>3}  floor {:>8}  ordered {:>8}  ready {:>8}",
        row.subject.name(),
        row.repetition,
        shown(row.floor_seconds),
        shown(row.ordered_seconds),
        shown(row.ready_seconds)
    )
}

fn shown(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1} s"))
}

fn table(rows: &[Row]) -> Table {
    let cells = Subject::ALL.map(|subject| {
        let of: Vec<&Row> = rows.iter().filter(|row| row.subject == subject).collect();
        cells(subject, &of)
    });
    Table::new(HEADER.to_vec(), cells.to_vec(), 1)
}

fn cells(subject: Subject, rows: &[&Row]) -> Vec<String> {
    let sorted = |of_row: fn(&Row) -> Option<f64>| {
        let mut seconds: Vec<f64> = rows.iter().filter_map(|row| of_row(row)).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    };
    let (ordered, ready) = (sorted(|row| row.ordered_seconds), sorted(|row| row.ready_seconds));
    let never = rows.len() - ordered.len();
    let (median, p95) = (quantile(&ordered, 0.5), quantile(&ordered, 0.95));
    let goal = subject.goal().map_or_else(String::new, |goal| {
        let within = |seconds: Option<f64>, most: f64| seconds.is_some_and(|seconds| seconds <= most);
        let met = never == 0 && within(median, goal.0) && within(p95, goal.1);
        format!("{} s, {} s: {}", goal.0, goal.1, if met { "met" } else { "missed" })
    });
    vec![
        subject.name().to_owned(),
        rows.len().to_string(),
        shown(median),
        shown(p95),
        shown(ordered.last().copied()),
        shown(quantile(&ready, 0.5)),
        never.to_string(),
        goal,
    ]
}

// The smallest value that at least this share of all values does not exceed (nearest rank).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank within a short list"
    )]
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let seconds: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(quantile(&seconds, 0.5), Some(10.0));
        assert_eq!(quantile(&seconds, 0.95), Some(19.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_step_that_was_never_ordered_is_counted_and_misses_the_goal_however_fast_the_others_were() {
        let row = |ordered_seconds| Row {
            subject: Subject::Pods,
            repetition: 1,
            floor_seconds: None,
            ordered_seconds,
            ready_seconds: ordered_seconds,
        };
        let line = |rows: &[Row]| table(rows).markdown().lines().nth(3).unwrap_or_default().to_owned();
        let all = line(&[row(Some(5.0)), row(Some(7.0))]);
        assert_eq!(all, "| pods | 2 | 5.0 s | 7.0 s | 7.0 s | 5.0 s | 0 | 6 s, 8 s: met |");
        let one = line(&[row(Some(5.0)), row(None)]);
        assert_eq!(
            one,
            "| pods | 2 | 5.0 s | 5.0 s | 5.0 s | 5.0 s | 1 | 6 s, 8 s: missed |"
        );
    }
}
