//! `cargo dev bench reaction`: how long a step of load waits for its replicas, on the real cluster.
//!
//! Three subjects in one run: scaled by Prometheus, by direct scrape, and by a plain HPA on CPU. Each repetition is a stack
//! made anew, so that nothing is learned from the one before, and its step begins at a random phase of scrapes and ticks.

use std::{
    fmt::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use jiff::Timestamp;
use kube::api::DeleteParams;
use pathfinder_tests::{
    cluster::{
        Engine, Paths, images,
        kind::{self, Wanted},
    },
    install,
    suite::{Stack, load::Load, until},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    args::{Output, ReactionOptions},
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
    let engine = Engine::detect();
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
        Output::Table => print!("{}", table(&rows)),
    }
    Ok(())
}

async fn repeat(subject: Subject, repetitions: u32, turn: &Mutex<()>) -> anyhow::Result<Vec<Row>> {
    let stack = Stack::fresh_named(&format!("bench-{}", subject.name())).await?;
    let mut rows = Vec::new();
    for repetition in 1..=repetitions {
        let row = once(&stack, (subject, repetition), turn)
            .await
            .with_context(|| format!("{} {repetition}", subject.name()))?;
        eprintln!("  {}", line(&row));
        rows.push(row);
    }
    stack.remove().await?;
    Ok(rows)
}

async fn once(stack: &Stack, (subject, repetition): (Subject, u32), turn: &Mutex<()>) -> anyhow::Result<Row> {
    let mut resource = stack.small();
    subject.change(&mut resource);
    stack.apply(&resource).await?;
    stack.wait_ready().await?;
    let url = stack.url("/api/tournaments");
    let names = (format!("base-{repetition}"), format!("step-{repetition}"));
    let base = (BASE_RATE, LONGEST * 10);
    let base = Load::start(&stack.client, (&stack.namespace, &names.0), &url, base).await?;
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(60))
        .await?;
    let row = {
        let _turn = turn.lock().await;
        tokio::time::sleep(BASE + phase()).await;
        let step = (STEP_RATE, LONGEST);
        let step = Load::start(&stack.client, (&stack.namespace, &names.1), &url, step).await?;
        let row = watch(stack, (subject, repetition), step.began().await?).await?;
        step.stop().await?;
        row
    };
    base.stop().await?;
    stack.resources().delete(&stack.name, &DeleteParams::default()).await?;
    until("the pods to be gone", Duration::from_secs(120), || async {
        match stack.pods("api").await {
            Ok(pods) if pods.is_empty() => Ok(()),
            other => Err(other.map(|pods| pods.len())),
        }
    })
    .await?;
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
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} s"));
    format!(
        "{:<10} {:>3}  floor {:>8}  ordered {:>8}  ready {:>8}",
        row.subject.name(),
        row.repetition,
        seconds(row.floor_seconds),
        seconds(row.ordered_seconds),
        seconds(row.ready_seconds)
    )
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| subject | steps | ordered, median | ordered, p95 | ready, median | not ordered |\n|---|---|---|---|---|---|\n",
    );
    for subject in Subject::ALL {
        let of: Vec<&Row> = rows.iter().filter(|row| row.subject == subject).collect();
        let figures = |of_row: fn(&Row) -> Option<f64>| {
            let mut seconds: Vec<f64> = of.iter().filter_map(|row| of_row(row)).collect();
            seconds.sort_by(f64::total_cmp);
            seconds
        };
        let (ordered, ready) = (figures(|row| row.ordered_seconds), figures(|row| row.ready_seconds));
        let shown = |seconds: &[f64], share: f64| {
            quantile(seconds, share).map_or_else(|| "-".to_owned(), |value| format!("{value:.1} s"))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            subject.name(),
            of.len(),
            shown(&ordered, 0.5),
            shown(&ordered, 0.95),
            shown(&ready, 0.5),
            of.len() - ordered.len()
        );
    }
    text
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
    fn a_step_that_was_never_ordered_is_counted_and_not_averaged_away() {
        let row = |ordered_seconds| Row {
            subject: Subject::Hpa,
            repetition: 1,
            floor_seconds: None,
            ordered_seconds,
            ready_seconds: ordered_seconds,
        };
        let text = table(&[row(Some(30.0)), row(None)]);
        assert!(text.contains("| hpa | 2 | 30.0 s | 30.0 s | 30.0 s | 1 |"), "{text}");
    }
}
