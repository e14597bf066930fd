//! `simulate --from-prometheus` against a real Prometheus whose past was made beforehand.
//!
//! Beside the tests with a made-up server: here PromQL, ranges, counters that restart and pods that are scraped twice are
//! Prometheus' own business, and only the load is ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::{process::Output, time::Duration};

use jiff::Timestamp;
use pathfinder_tests::loopback::{Folder, Prometheus, prometheus::counter};
use serde_json::Value;
use tokio::process::Command;

const HOUR: i64 = 3600;
const SCRAPE: i64 = 30;

/// Requests per second of the first pod in the hour of `at`: 100, 150, 200, 250 and again. The second has half of that.
fn rate(at: i64) -> f64 {
    f64::from(i32::try_from(at.div_euclid(HOUR).rem_euclid(4)).unwrap()) * 50.0 + 100.0
}

/// A counter that grows at `share` of the rate from `from` to `to`, and begins anew at `restart`.
fn samples(share: f64, times: std::ops::Range<i64>, restart: Option<i64>) -> Vec<(i64, f64)> {
    let step = usize::try_from(SCRAPE).unwrap();
    let mut total = 0.0;
    let mut samples = Vec::new();
    for at in times.step_by(step) {
        total += share * rate(at - SCRAPE) * 30.0;
        if restart == Some(at) {
            total = 0.0;
        }
        samples.push((at, total));
    }
    samples
}

fn labels(job: &str, namespace: &str, pod: &str) -> String {
    format!(r#"job="{job}",namespace="{namespace}",pod="{pod}",route="/api/tournaments""#)
}

async fn simulate(url: &str, range: &str) -> Output {
    let folder = Folder::new("history").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-pathfinder"));
    command
        .args(["simulate", "shop", "-n", "demo", "--policy", "hpa", "-o", "json"])
        .args(["--from-prometheus", range, "--prometheus-url", url])
        .current_dir(folder.path())
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent")
        .kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(120), command.output()).await;
    ended.unwrap_or_else(|_| panic!("it still runs after 120 s")).unwrap()
}

fn document(output: &Output) -> Value {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn figure(document: &Value, name: &str) -> f64 {
    document["load"][name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name} of {document}"))
}

// The last 26 hours of two pods in whole hours' rates; `more` adds what must not count, or takes away.
async fn day(now: i64, more: impl FnOnce(&mut String, i64)) -> Prometheus {
    let begin = now - 26 * HOUR;
    let mut text = String::new();
    let first = samples(1.0, begin..now, None);
    let second = samples(0.5, begin..now, Some(begin + 13 * HOUR));
    counter(
        &mut text,
        ("http_requests", &labels("pods", "demo", "shop-api-7d9f-abcde")),
        first,
    );
    counter(
        &mut text,
        ("http_requests", &labels("pods", "demo", "shop-api-7d9f-fghij")),
        second,
    );
    more(&mut text, begin);
    Prometheus::with_past(&text).await.unwrap()
}

fn now() -> i64 {
    Timestamp::now().as_second() / SCRAPE * SCRAPE
}

#[tokio::test]
async fn a_day_is_what_the_pods_counted_over_restarts_and_whoever_scraped_them() {
    let now = now();
    let prometheus = day(now, |text, begin| {
        // Scraped by another job as well, and the pods of others: nothing of it is more load.
        let again = samples(1.0, begin..now, None);
        counter(
            text,
            ("http_requests", &labels("annotated", "demo", "shop-api-7d9f-abcde")),
            again,
        );
        for (namespace, pod) in [
            ("demo", "shop-v2-api-1-x"),
            ("other", "shop-api-7d9f-abcde"),
            ("demo", "shop-api-x-api-5c-yz"),
        ] {
            counter(
                text,
                ("http_requests", &labels("pods", namespace, pod)),
                samples(9.0, begin..now, None),
            );
        }
    })
    .await;
    let document = document(&simulate(&prometheus.url(), "24h").await);
    // 1440 points a minute apart, both ends asked for; the newest may be before the last two samples.
    let seconds = figure(&document, "seconds");
    assert!((86_280.0..=86_460.0).contains(&seconds), "{seconds}");
    // The largest hour: (250) * 1.5. The mean of four hours in turn: (100 + 150 + 200 + 250) / 4 * 1.5 = 262.5; the minute of
    // a restart and those across an edge are a little off.
    assert!(
        (figure(&document, "peakRequestsPerSecond") - 375.0).abs() < 1.0,
        "{document}"
    );
    assert!(
        (figure(&document, "meanRequestsPerSecond") - 262.5).abs() < 1.5,
        "{document}"
    );
}

#[tokio::test]
async fn what_prometheus_does_not_have_is_told_and_is_not_zero_load() {
    let now = now();
    let mut text = String::new();
    let hole = now - 6 * HOUR..now - 6 * HOUR + 1200;
    let begin = now - 12 * HOUR;
    let there = samples(1.0, begin..now, None)
        .into_iter()
        .filter(|(at, _)| !hole.contains(at));
    counter(
        &mut text,
        ("http_requests", &labels("pods", "demo", "shop-api-7d9f-abcde")),
        there,
    );
    let prometheus = Prometheus::with_past(&text).await.unwrap();
    let document = document(&simulate(&prometheus.url(), "24h").await);
    // Twelve hours of 100 to 250: without the hole's twenty minutes as zeros, which would be 2.8 % less.
    let mean = figure(&document, "meanRequestsPerSecond");
    assert!((mean - 175.0).abs() < 2.0, "{mean}");
    let notes = document["notes"].as_array().unwrap();
    let told = |word: &str| {
        notes
            .iter()
            .any(|note| note.as_str().is_some_and(|note| note.contains(word)))
    };
    assert!(told("only since") && notes.len() >= 2, "{notes:?}");
}

#[tokio::test]
async fn a_prometheus_that_knows_nothing_of_the_pods_is_an_error_that_says_so() {
    let prometheus = Prometheus::start("{}").await.unwrap();
    let output = simulate(&prometheus.url(), "1h").await;
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(err.contains("no request rates of shop in namespace demo"), "{err}");
}
