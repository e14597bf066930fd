//! Pods on the loopback that answer well, badly, slowly or not at all.

use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response as Answered},
    routing::{MethodRouter, get},
};
use rstest::rstest;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;

// Longer than any test may take; a wait that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    target: Target,
    stop: CancellationToken,
    done: tokio::task::JoinHandle<()>,
}

async fn serve_at(name: &str, host: &str, metrics: MethodRouter) -> Served {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let target = Target {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: format!("uid of {name}"),
        address: listener.local_addr().unwrap(),
    };
    let stop = CancellationToken::new();
    let server = axum::serve(listener, Router::new().route("/metrics", metrics))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let done = tokio::spawn(async move { server.into_future().await.unwrap() });
    Served { target, stop, done }
}

async fn serve(name: &str, metrics: MethodRouter) -> Served {
    serve_at(name, "127.0.0.1", metrics).await
}

// Each look counts 100 requests more.
fn counting() -> MethodRouter {
    let looks = Arc::new(AtomicU32::new(0));
    get(move || {
        let looks = looks.fetch_add(1, Ordering::Relaxed);
        async move { format!("http_requests_total {}\n", looks * 100) }
    })
}

fn scraper(limits: Limits) -> Scraper {
    scraper_every(Duration::from_millis(200), limits)
}

fn scraper_every(interval: Duration, limits: Limits) -> Scraper {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let pace = Pace::every(interval);
    Scraper::new(pace, MetricNames::default(), limits).unwrap()
}

fn of<'s>(samples: &'s Samples, served: &Served) -> &'s PodSample {
    &samples[&("shop".to_owned(), served.target.name.clone())]
}

fn down() -> PodSample {
    PodSample {
        up: Some(0.0),
        ..PodSample::default()
    }
}

#[tokio::test]
async fn the_first_look_has_no_rate_and_looks_at_its_pace_have_one() {
    let pod = serve("a", counting()).await;
    let scraper = scraper(Limits::default());
    let before = Timestamp::now().as_duration().as_secs_f64();
    let first = scraper.look(std::slice::from_ref(&pod.target)).await;
    let sample = of(&first, &pod);
    assert_eq!((sample.up, sample.rate), (Some(1.0), None));
    let after = Timestamp::now().as_duration().as_secs_f64();
    assert!((before..=after).contains(&sample.sampled.unwrap()), "{sample:?}");

    let rated = async {
        loop {
            tokio::time::sleep(scraper.pace().interval()).await;
            let samples = scraper.look(std::slice::from_ref(&pod.target)).await;
            if of(&samples, &pod).rate.is_some_and(|rate| rate > 0.0) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, rated).await.expect("a rate");
}

#[tokio::test]
async fn an_address_of_ip_6_is_asked() {
    // Where the machine has none there is nothing to ask.
    if TcpListener::bind("[::1]:0").await.is_err() {
        return;
    }
    let pod = serve_at("six", "::1", counting()).await;
    let samples = scraper(Limits::default()).look(std::slice::from_ref(&pod.target)).await;
    assert_eq!(of(&samples, &pod).up, Some(1.0));
}

#[tokio::test]
async fn a_slow_pod_is_down_and_delays_no_other() {
    let slow = serve("slow", get(std::future::pending::<String>)).await;
    let trickling = serve(
        "trickling",
        get(|| async { Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>()) }),
    )
    .await;
    let good = serve("good", counting()).await;
    let limits = Limits {
        deadline: PATIENCE,
        ..Limits::default()
    };
    let scraper = scraper(limits);
    let targets = [slow.target.clone(), trickling.target.clone(), good.target.clone()];
    let samples = tokio::time::timeout(PATIENCE / 2, scraper.look(&targets))
        .await
        .unwrap();
    assert_eq!(of(&samples, &slow), &down());
    assert_eq!(of(&samples, &trickling), &down());
    assert_eq!(of(&samples, &good).up, Some(1.0));
}

#[tokio::test]
async fn pods_that_answered_go_first_and_a_look_ends_at_its_deadline() {
    let slow = serve("slow", get(std::future::pending::<String>)).await;
    let good = serve("good", counting()).await;
    let limits = Limits {
        timeout: PATIENCE,
        parallel: 1,
        deadline: Duration::from_secs(1),
        ..Limits::default()
    };
    let scraper = scraper_every(PATIENCE, limits);
    scraper.look(std::slice::from_ref(&good.target)).await;
    let samples = scraper.look(&[slow.target.clone(), good.target.clone()]).await;
    assert_eq!(of(&samples, &good).up, Some(1.0));
    assert_eq!(samples.len(), 1, "the slow one had no answer: {samples:?}");
}

async fn endless() -> Answered {
    let chunk = "http_requests_total 1\n".repeat(4096).into_bytes();
    Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()))).into_response()
}

async fn cut_off() -> Answered {
    let cut = Err(std::io::Error::other("the process ends"));
    Body::from_stream(stream::iter([Ok("http_requests_total 1\n"), cut])).into_response()
}

#[rstest]
#[case::ten_megabytes(get(|| async { "http_requests_total 1\n".repeat(500_000) }))]
#[case::endless(get(endless))]
#[case::html(get(|| async { axum::response::Html("<html>sign in</html>\n") }))]
#[case::a_redirect_to_itself(get(|| async { Redirect::temporary("/metrics") }))]
#[case::cut_off_between_lines(get(cut_off))]
#[case::an_error(get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "http_requests_total 1\n") }))]
#[case::nothing(get(|| async { "" }))]
#[case::no_content(get(|| async { StatusCode::NO_CONTENT }))]
#[case::no_such_path(axum::routing::post(|| async { "http_requests_total 1\n" }))]
#[case::no_text(get(|| async { vec![0xff_u8, 0xfe, 0x0a] }))]
#[tokio::test]
async fn what_is_no_exposition_of_bounded_size_is_down_and_not_zero(#[case] metrics: MethodRouter) {
    let pod = serve("a", metrics).await;
    // A timeout would hide that the size is bounded.
    let limits = Limits {
        timeout: PATIENCE,
        deadline: PATIENCE,
        ..Limits::default()
    };
    let look = scraper(limits);
    let samples = tokio::time::timeout(PATIENCE / 2, look.look(std::slice::from_ref(&pod.target)))
        .await
        .unwrap();
    assert_eq!(of(&samples, &pod), &down());
}

#[tokio::test]
async fn a_redirect_to_metrics_that_are_well_is_not_followed() {
    let other = serve("other", counting()).await;
    let elsewhere = format!("http://{}/metrics", other.target.address);
    let redirects = move || std::future::ready(Redirect::temporary(&elsewhere));
    let pod = serve("a", get(redirects)).await;
    let samples = scraper(Limits::default()).look(std::slice::from_ref(&pod.target)).await;
    assert_eq!(of(&samples, &pod), &down());
}

#[tokio::test]
async fn a_pod_that_goes_away_is_down_at_the_next_look() {
    let pod = serve("a", counting()).await;
    let scraper = scraper(Limits::default());
    let targets = [pod.target.clone()];
    assert_eq!(of(&scraper.look(&targets).await, &pod).up, Some(1.0));
    pod.stop.cancel();
    let Served { target, done, .. } = pod;
    tokio::time::timeout(PATIENCE, done).await.unwrap().unwrap();
    let samples = scraper.look(&[target]).await;
    assert_eq!(samples.values().collect::<Vec<_>>(), [&down()]);
}

#[tokio::test]
async fn a_pod_that_is_no_longer_asked_is_forgotten() {
    let pod = serve("a", counting()).await;
    let scraper = scraper_every(Duration::from_millis(20), Limits::default());
    scraper.look(std::slice::from_ref(&pod.target)).await;
    let forgotten = async {
        while scraper.counters().knows(&pod.target.uid) {
            scraper.look(&[]).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
}

#[tokio::test]
async fn a_pod_is_asked_for_the_text_formats() {
    let pod = serve(
        "a",
        get(|headers: HeaderMap| async move {
            let accepts = headers[ACCEPT].to_str().unwrap().to_owned();
            if accepts.contains("openmetrics-text") && accepts.contains("text/plain;version=0.0.4") {
                (StatusCode::OK, "http_requests_total 1\n")
            } else {
                (StatusCode::NOT_ACCEPTABLE, "")
            }
        }),
    )
    .await;
    let samples = scraper(Limits::default()).look(std::slice::from_ref(&pod.target)).await;
    assert_eq!(of(&samples, &pod).up, Some(1.0));
}

#[tokio::test]
async fn more_pods_than_are_asked_at_once_are_all_asked() {
    let pod = serve("a", counting()).await;
    let targets: Vec<Target> = (0..100)
        .map(|at| Target {
            name: format!("pod{at}"),
            uid: format!("u{at}"),
            ..pod.target.clone()
        })
        .collect();
    let limits = Limits {
        timeout: PATIENCE,
        deadline: PATIENCE,
        ..Limits::default()
    };
    let samples = scraper(limits).look(&targets).await;
    assert_eq!(samples.values().filter(|sample| sample.up == Some(1.0)).count(), 100);
}
