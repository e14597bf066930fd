//! The operator's questions to a real Prometheus on loopback: what PromQL makes of them, and not what a made-up server would.
//!
//! Samples carry times of their own, on whole seconds, so rates are exact. What is then made of an answer is tested beside
//! the code.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "tests stop at the first surprise"
)]

mod protobuf;

use std::{fmt::Write, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Pod, PodCondition, PodStatus},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use pathfinder_crds::PathfinderCluster;
use pathfinder_operator::{
    cluster::Cluster,
    config::endpoint,
    scale::{
        past::{Archive, Past},
        prometheus::Endpoints,
        query::Scope,
        reading,
        sample::{Answer, Look, Samples},
    },
    validate::validate,
};
use pathfinder_scaling::{Memory, RequestsPerSecond, Seconds, Signal};
use pathfinder_tests::{
    loopback::{Exporter, Page, Prometheus, prometheus::counter},
    suite::until,
};
use rstest::rstest;

fn of(pods: usize) -> Scope<'static> {
    Scope {
        namespaces: ["demo"].into(),
        pods,
    }
}

const PODS: [&str; 2] = ["shop-api-7d9f-abcde", "shop-api-7d9f-fghij"];
// Of each pod: every count below is a whole number of it.
const RATE: u64 = 400;
// Old samples are nobody's fault here: the machine may be busy.
const MAX_AGE: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_secs(60);

fn endpoints(url: &str, settings: &str) -> Endpoints {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let text = format!("default: {{url: '{url}', scrapeIntervalSeconds: 5, {settings}}}");
    Endpoints::new(&endpoint::parse(&text).unwrap(), Path::new("/nonexistent"))
}

// Seconds since an hour before the test, so that counters are neither small nor huge.
fn whole_seconds() -> (u64, i64) {
    let now = Timestamp::now().as_second();
    (u64::try_from(now % 86_400).unwrap() + 3600, now * 1000)
}

/// 90 % of the requests take up to 0.25 s, the rest up to 0.5 s.
fn classic(_path: &str) -> Page {
    let (seconds, at) = whole_seconds();
    let all = seconds * RATE;
    let mut text = "# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n".to_owned();
    for (route, share) in [("/api/tournaments", 3), ("/api/tournaments/{id}", 1)] {
        let part = all * share / 4;
        writeln!(text, "http_requests_total{{route=\"{route}\"}} {part} {at}").unwrap();
        let buckets = [("0.1", 0), ("0.25", part * 9 / 10), ("0.5", part), ("+Inf", part)];
        for (le, count) in buckets {
            let labels = format!("route=\"{route}\",le=\"{le}\"");
            writeln!(text, "http_request_duration_seconds_bucket{{{labels}}} {count} {at}").unwrap();
        }
        writeln!(
            text,
            "http_request_duration_seconds_sum{{route=\"{route}\"}} {} {at}",
            part / 5
        )
        .unwrap();
        writeln!(
            text,
            "http_request_duration_seconds_count{{route=\"{route}\"}} {part} {at}"
        )
        .unwrap();
    }
    // A fifth of a second per request, half of it in the database, a tenth of that in Redis.
    writeln!(text, "database_query_duration_seconds_sum {} {at}", all / 10).unwrap();
    writeln!(text, "redis_command_duration_seconds_sum {} {at}", all / 100).unwrap();
    writeln!(
        text,
        "database_connections_active 12 {at}\ndatabase_connections_max 15 {at}"
    )
    .unwrap();
    Page::text(text)
}

/// The same requests as a native histogram.
fn native(_path: &str) -> Page {
    let (seconds, at) = whole_seconds();
    let all = seconds * RATE;
    Page::protobuf(
        [
            protobuf::counter("http_requests_total", all, at),
            // Bucket i of schema 0 reaches from 2^(i-1) to 2^i: -2 up to 0.25, -1 up to 0.5.
            protobuf::histogram("http_request_duration_seconds", (-2, [all * 9 / 10, all / 10]), at),
        ]
        .concat(),
    )
}

// Both pods, each scraped by two jobs.
async fn scraping(exporter: &Exporter) -> Prometheus {
    let mut text = "scrape_configs:\n".to_owned();
    for job in ["pod-monitor", "annotated"] {
        writeln!(text, "- job_name: {job}\n  scrape_interval: 1s\n  static_configs:").unwrap();
        for pod in PODS {
            let labels = format!("{{namespace: demo, pod: {pod}, __metrics_path__: /{pod}}}");
            writeln!(text, "  - targets: ['{}']\n    labels: {labels}", exporter.address()).unwrap();
        }
    }
    Prometheus::start(&text).await.unwrap()
}

fn pods() -> Vec<Pod> {
    let ready = PodCondition {
        type_: "Ready".into(),
        status: "True".into(),
        ..PodCondition::default()
    };
    let pod = |name: &str| Pod {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: Some("demo".into()),
            ..ObjectMeta::default()
        },
        status: Some(PodStatus {
            conditions: Some(vec![ready.clone()]),
            ..PodStatus::default()
        }),
        ..Pod::default()
    };
    PODS.map(pod).to_vec()
}

// A look at which both pods have everything.
async fn whole(endpoints: &Endpoints) -> (Look, Samples) {
    until("all signals of both pods", DEADLINE, || async {
        let look = endpoints.ask("default", &of(PODS.len())).await;
        let Answer::Samples(samples) = look.answer.clone() else {
            return Err(format!("{look:?}"));
        };
        let complete = samples.len() == PODS.len()
            && samples.values().all(|pod| {
                let moving = pod.durations.last().is_some_and(|all| all.rate > 0.0);
                pod.rate.is_some() && pod.up.is_some() && pod.sampled.is_some() && moving
            });
        if complete {
            Ok((look, samples))
        } else {
            Err(format!("{look:?}"))
        }
    })
    .await
    .unwrap()
}

fn near(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() <= 0.01 * expected)
}

#[rstest]
#[case::classic(classic, "histograms: Classic")]
#[case::native(native, "histograms: Native")]
#[tokio::test]
async fn load_and_latency_are_those_of_the_pods_whatever_the_histogram_and_however_often_they_are_scraped(
    #[case] page: fn(&str) -> Page,
    #[case] histograms: &str,
) {
    let exporter = Exporter::start(page).await.unwrap();
    let prometheus = scraping(&exporter).await;
    let (look, samples) = whole(&endpoints(&prometheus.url(), histograms)).await;
    let pods = pods();
    let pods: Vec<&Pod> = pods.iter().collect();
    let sampling = (MAX_AGE, Timestamp::now());
    let load = reading::requests_per_second(&look.answer, &pods, sampling, |_| false);
    // Two pods of 400, each scraped twice.
    assert!(near(load.fresh().map(RequestsPerSecond::get), 800.0), "{load:?}");
    let latency = reading::latency(&look.answer, &pods, 0.95, sampling);
    // The middle of the bucket from 0.25 to 0.5, which has the last tenth.
    assert!(near(latency.fresh().map(Seconds::get), 0.375), "{latency:?}");
    assert!(samples.values().all(|pod| pod.up == Some(1.0)));
    assert!(look.durations.is_none() && look.stores.is_none(), "{look:?}");
}

#[tokio::test]
async fn how_full_the_stores_are_is_known_by_pod() {
    let exporter = Exporter::start(classic).await.unwrap();
    let prometheus = scraping(&exporter).await;
    let endpoints = endpoints(&prometheus.url(), "");
    until("saturation of both stores", DEADLINE, || async {
        let (_, samples) = whole(&endpoints).await;
        // 12 of 15 connections is more than half of the time; a hundredth of a second of a fifth is a twentieth.
        let told = |pod| near(samples[&("demo".to_owned(), pod)].postgres, 0.8);
        let redis = |pod| near(samples[&("demo".to_owned(), pod)].redis, 0.05);
        let all = PODS
            .iter()
            .all(|pod| told((*pod).to_owned()) && redis((*pod).to_owned()));
        if all { Ok(()) } else { Err(samples) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_target_that_is_down_is_seen_as_down_and_not_as_no_load() {
    let exporter = Exporter::start(classic).await.unwrap();
    let prometheus = scraping(&exporter).await;
    let endpoints = endpoints(&prometheus.url(), "");
    whole(&endpoints).await;
    drop(exporter);
    let pods = pods();
    let pods: Vec<&Pod> = pods.iter().collect();
    until("no load to be known", DEADLINE, || async {
        let look = endpoints.ask("default", &of(PODS.len())).await;
        match reading::requests_per_second(&look.answer, &pods, (MAX_AGE, Timestamp::now()), |_| false) {
            Signal::Missing { .. } => Ok(()),
            other => Err(other),
        }
    })
    .await
    .unwrap();
}

// Twelve hours of a pod at 40 and one at 20 requests/s, the second one scraped twice, with two hours missing.
fn past(begin: i64, end: i64) -> String {
    let mut text = String::new();
    let hole = begin + 4 * 3600..begin + 6 * 3600;
    let series = [
        ("pod-monitor", PODS[0], 40.0),
        ("pod-monitor", PODS[1], 20.0),
        ("annotated", PODS[1], 20.0),
    ];
    for (job, pod, rate) in series {
        let labels = format!(r#"job="{job}",namespace="demo",pod="{pod}""#);
        let samples = (begin..end)
            .step_by(15)
            .filter(|at| !hole.contains(at))
            .map(|at| (at, rate * f64::from(i32::try_from(at - begin).unwrap())));
        counter(&mut text, ("http_requests", &labels), samples);
    }
    text
}

#[tokio::test]
async fn the_past_is_read_as_it_was_and_a_gap_stays_a_gap() {
    let end = Timestamp::now().as_second() / 60 * 60;
    let begin = end - 12 * 3600;
    let prometheus = Prometheus::with_past(&past(begin, end)).await.unwrap();
    let endpoints = endpoints(&prometheus.url(), "");
    // A day is asked for, of which half is there.
    let range = Timestamp::from_second(begin - 12 * 3600).unwrap()..Timestamp::from_second(end).unwrap();
    let step = Duration::from_secs(60);
    let points = endpoints
        .history("default", ("demo", "shop"), range, step)
        .await
        .unwrap();
    let hole = f64::from(4 * 3600);
    let since = |at: f64| at - begin as f64;
    for (at, rate) in &points {
        // A rate across an edge of what is there is of fewer samples.
        let inside = since(*at) > 60.0 && !(hole - 60.0..hole + 7260.0).contains(&since(*at));
        assert!(!inside || (rate - 60.0).abs() < 0.1, "{rate} at {}", since(*at));
        assert!(
            !(hole + 60.0..hole + 7200.0).contains(&since(*at)),
            "made up at {}",
            since(*at)
        );
    }
    // Ten hours of minutes; a few more or less at the edges.
    assert!((590..=606).contains(&points.len()), "{}", points.len());
    let unknown = endpoints
        .history(
            "default",
            ("demo", "shop-v2"),
            Timestamp::UNIX_EPOCH..Timestamp::UNIX_EPOCH,
            step,
        )
        .await;
    assert_eq!(unknown.unwrap(), vec![]);
}

fn cluster() -> Cluster {
    let mut resource: PathfinderCluster =
        serde_yaml::from_str(include_str!("../../crds/examples/minimal.yaml")).unwrap();
    resource.metadata.name = Some("shop".into());
    resource.metadata.namespace = Some("demo".into());
    resource.metadata.uid = Some("1".into());
    validate(&resource).unwrap()
}

#[tokio::test]
async fn a_new_leader_is_taught_by_what_prometheus_remembers() {
    let end = Timestamp::now().as_second() / 60 * 60;
    let prometheus = Prometheus::with_past(&past(end - 12 * 3600, end)).await.unwrap();
    let archive = Archive::new(Arc::new(endpoints(&prometheus.url(), "")));
    let (cluster, mut known) = (cluster(), Past::default());
    let mut memory = Memory::default();
    for _ in 0..600 {
        memory = archive.teach(&mut known, &cluster, memory).await;
        if memory != Memory::default() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing was learned within a minute");
}
