//! `cargo dev demo`: the whole path on one screen. Cluster, operator, API, a step of load, and why it scaled.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use pathfinder_tests::{
    cluster::{
        Engine, Paths, addons, images, interrupt,
        kind::{self, Wanted},
        paths::workspace,
    },
    install,
    suite::{
        Counts, Stack,
        kubectl::{kubectl, kubectl_with},
        load::{Load, LoadReport},
        prometheus,
    },
};
use serde_json::json;

use crate::{args::DemoOptions, finish};

const NODES: usize = 3;
const BASE_RATE: u32 = 50;
const BASE: Duration = Duration::from_secs(20);
const COOLDOWN_SECONDS: u32 = 30;
// More than what the schedule before it leaves ordered.
const LOST_RATE: u32 = 550;
const LOST_WANTED: i32 = 6;
const LOST: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(250);
const ROW: Duration = Duration::from_secs(2);

pub(crate) fn run(paths: &Paths, options: &DemoOptions) -> anyhow::Result<ExitCode> {
    if options.inside {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(show(options))?;
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    println!("Pathfinder demo: a real cluster, a real operator, a real load.");
    let engine = Engine::current(paths);
    let ahead = images::begin(paths)?;
    kind::up(paths, Wanted { nodes: NODES, engine })?;
    images::all(paths, engine)?;
    drop(ahead);
    // Everything from here on talks to the cluster, so it runs inside its network.
    let program = std::env::current_exe()?;
    let mut inside = engine.inside(&program.to_string_lossy());
    inside.args([
        "demo",
        "--inside",
        "--rate",
        &options.rate.to_string(),
        "--seconds",
        &options.seconds.to_string(),
    ]);
    inside.env("PATHFINDER_OPERATOR_IMAGE", images::operator_fingerprint()?);
    let shown = finish(inside);
    if interrupt::came() {
        // It may have ended while Prometheus was stopped.
        interrupt::cleaning(|| addons::ensure(paths, engine))?;
    }
    let code = shown?;
    println!(
        "\nThe whole demo took {:.0} s. Look around: cargo dev kubectl -- get pfc,pods,hpa -n demo",
        started.elapsed().as_secs_f64()
    );
    Ok(code)
}

async fn show(options: &DemoOptions) -> anyhow::Result<()> {
    println!("\n$ helm upgrade --install pathfinder charts/pathfinder -n pathfinder-system");
    install::operator(&[]).await?;
    let stack = Stack::fresh_named("demo").await?;
    let example = workspace().join("crds/examples/minimal.yaml");
    println!("$ kubectl apply -n demo -f crds/examples/minimal.yaml");
    let applied = Instant::now();
    kubectl(&["apply", "-n", "demo", "-f", &example.to_string_lossy()])
        .await?
        .ok()?;
    // The demo's only change: it does not wait ten minutes for the way down.
    let short = json!({"spec": {"scaling": {"scaleDown": {"cooldownSeconds": COOLDOWN_SECONDS}}}});
    kubectl_with(
        &[
            "patch",
            "pfc",
            "shop",
            "-n",
            "demo",
            "--type=merge",
            "-p",
            &short.to_string(),
        ],
        "",
    )
    .await?
    .ok()?;
    stack.wait_ready().await?;
    println!("Ready {:.0} s after apply\n", applied.elapsed().as_secs_f64());
    seed(&stack).await?;

    let wanted = i32::try_from(options.rate.div_ceil(100)).unwrap_or(i32::MAX).min(10);
    println!(
        "{:>6} {:>8} {:>9} {:>6} {:>8} {:>6}  WHY",
        "TIME", "REQ/S", "P95", "FLOOR", "ORDERED", "READY"
    );
    let clock = Instant::now();
    let base = Load::of_reads(&stack, "load-base", (BASE_RATE, BASE)).await?;
    watch(&stack, clock, wanted, BASE).await?;
    let before = base.report(Duration::from_secs(30)).await?;
    let length = Duration::from_secs(options.seconds);
    let step = Load::of_reads(&stack, "load-step", (options.rate, length)).await?;
    let reached = watch(&stack, clock, wanted, length).await?;
    let peak = explain(&stack).await?;
    let report = step.report(Duration::from_secs(60)).await?;
    println!("       the load stops");
    rows_until(&stack, clock, ("2 replicas", |(_, ordered, _)| ordered == 2)).await?;
    conclude(options, &reached, (&before, &report), &peak)?;
    show_schedule(&stack, clock).await?;
    show_lost_source(&stack, clock).await?;
    Ok(())
}

// The edge of a schedule, a minute or two away: replicas are there before the load is.
async fn show_schedule(stack: &Stack, clock: Instant) -> anyhow::Result<()> {
    let start = (Timestamp::now() + SignedDuration::from_secs(75)).to_zoned(TimeZone::UTC);
    let cron = format!("{} {} * * *", start.minute(), start.hour());
    println!(
        "\nA schedule: 5 replicas at {:02}:{:02} UTC, ready 30 s before.",
        start.hour(),
        start.minute()
    );
    let schedule = json!([{
        "name": "opening", "start": cron, "durationSeconds": 60, "leadSeconds": 30, "replicas": 5,
    }]);
    stack.patch(json!({"scaling": {"schedules": schedule}})).await?;
    rows_until(
        stack,
        clock,
        ("the schedule's 5 replicas", |(floor, _, ready)| {
            floor == 5 && ready == 5
        }),
    )
    .await?;
    println!("\n$ kubectl pathfinder explain shop -n demo\n{}", explain(stack).await?);
    stack.patch(json!({"scaling": {"schedules": []}})).await
}

// Prometheus gone under load: the pods are asked, and nothing is lowered.
async fn show_lost_source(stack: &Stack, clock: Instant) -> anyhow::Result<()> {
    println!("\nPrometheus is stopped under a load of {LOST_RATE} requests/s.");
    let load = Load::of_reads(stack, "load-lost", (LOST_RATE, LOST)).await?;
    rows_until(
        stack,
        clock,
        ("6 replicas", |(floor, _, ready)| {
            floor >= LOST_WANTED && ready >= LOST_WANTED
        }),
    )
    .await?;
    let shown = without_prometheus(stack, clock).await;
    // Whatever was shown: nobody else starts it again.
    prometheus::scale(&stack.client, 1).await?;
    shown?;
    load.stop().await
}

async fn without_prometheus(stack: &Stack, clock: Instant) -> anyhow::Result<()> {
    prometheus::scale(&stack.client, 0).await?;
    stack
        .wait_condition(
            ("MetricsAvailable", "True"),
            Some("PodsInstead"),
            Duration::from_secs(60),
        )
        .await?;
    print_row(stack, clock, stack.replicas().await?).await?;
    println!("\n$ kubectl pathfinder explain shop -n demo\n{}", explain(stack).await?);
    let (floor, ..) = stack.replicas().await?;
    anyhow::ensure!(
        floor >= LOST_WANTED,
        "{floor} replicas without Prometheus: something was lowered"
    );
    Ok(())
}

async fn rows_until(stack: &Stack, clock: Instant, (what, enough): (&str, fn(Counts) -> bool)) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let seen = stack.replicas().await?;
        print_row(stack, clock, seen).await?;
        if enough(seen) {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "waited for {what}: {seen:?}\n{}",
            stack.picture().await
        );
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

// Something to list, so that reads are not of an empty table.
async fn seed(stack: &Stack) -> anyhow::Result<()> {
    for number in 1..=20 {
        let draft =
            json!({"name": format!("Cup {number}"), "game": "chess", "seats": 16, "startsAt": "2030-04-01T10:00:00Z"});
        stack.create_tournament(&draft).await?;
    }
    Ok(())
}

async fn explain(stack: &Stack) -> anyhow::Result<String> {
    kubectl(&["pathfinder", "explain", "shop", "-n", &stack.namespace])
        .await?
        .ok()
}

/// When each mark was first seen.
#[derive(Default)]
struct Reached {
    floor: Option<Timestamp>,
    ordered: Option<Timestamp>,
    ready: Option<Timestamp>,
}

async fn watch(stack: &Stack, clock: Instant, wanted: i32, length: Duration) -> anyhow::Result<Reached> {
    let mut reached = Reached::default();
    let started = Instant::now();
    let mut row = Instant::now();
    while started.elapsed() < length {
        let (floor, ordered, ready) = stack.replicas().await?;
        for (mark, count) in [
            (&mut reached.floor, floor),
            (&mut reached.ordered, ordered),
            (&mut reached.ready, ready),
        ] {
            if count >= wanted && mark.is_none() {
                *mark = Some(Timestamp::now());
            }
        }
        if row.elapsed() >= ROW {
            row = Instant::now();
            print_row(stack, clock, (floor, ordered, ready)).await?;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(reached)
}

async fn print_row(stack: &Stack, clock: Instant, (floor, ordered, ready): (i32, i32, i32)) -> anyhow::Result<()> {
    let pods = format!(r#"namespace="{}",pod=~"shop-api-.+""#, stack.namespace);
    let rate = format!("sum(irate(http_requests_total{{{pods}}}[20s]))");
    let p95 =
        format!("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{{{pods}}}[15s])))");
    // A row without figures is still a row: no data is not zero.
    let rate = prometheus::scalar(&stack.client, &rate).await.ok().flatten();
    let p95 = prometheus::scalar(&stack.client, &p95).await.ok().flatten();
    // The live decision; status holds only the last change of the result.
    let live = kubectl(&["pathfinder", "explain", "shop", "-n", &stack.namespace, "-o", "json"]).await?;
    let live: serde_json::Value = serde_json::from_str(&live.out).unwrap_or_default();
    println!(
        "{:>5}s {:>8} {:>9} {floor:>6} {ordered:>8} {ready:>6}  {}",
        clock.elapsed().as_secs(),
        rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
        p95.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1} ms", seconds * 1000.0)),
        live["sentence"].as_str().unwrap_or("-"),
    );
    Ok(())
}

fn conclude(
    options: &DemoOptions,
    reached: &Reached,
    (before, report): (&LoadReport, &LoadReport),
    peak: &str,
) -> anyhow::Result<()> {
    let since = |mark: Option<Timestamp>| {
        let mark = mark.context("the step never got its replicas; see the table above")?;
        anyhow::Ok(mark.duration_since(report.earliest).as_secs_f64())
    };
    println!("\nSeconds from the first of {} requests/s:", options.rate);
    println!("  {:.1}  floor written", since(reached.floor)?);
    println!("  {:.1}  replicas ordered", since(reached.ordered)?);
    println!("  {:.1}  replicas Ready", since(reached.ready)?);
    for (name, report) in [("before", before), ("step", report)] {
        println!(
            "Load {name}: {} requests, {:.2} % answered 2xx, p95 {:.1} ms at the client",
            report.requests,
            report.success * 100.0,
            report.p95_seconds * 1000.0
        );
    }
    println!("\nAt the peak, kubectl pathfinder explain said:\n{peak}");
    Ok(())
}
