//! Live events: watchers at several servers.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::people::Person;
use crate::support::{Postgres, Redis, Server, wait_for};

type Watcher = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn watch(server: &Server, tournament: &str) -> Watcher {
    let address = format!("ws://127.0.0.1:{}{tournament}/live", server.port);
    connect_async(address).await.expect("a WebSocket").0
}

/// The next text that is no `resync`.
async fn next_event(watcher: &mut Watcher) -> Value {
    let next = async {
        loop {
            if let Message::Text(text) = watcher.next().await.expect("open").expect("a message") {
                let event: Value = serde_json::from_str(&text).expect("JSON");
                if event["type"] != "resync" {
                    return event;
                }
            }
        }
    };
    timeout(Duration::from_secs(30), next)
        .await
        .expect("an event within 30 s")
}

async fn close_code(watcher: &mut Watcher) -> Option<CloseCode> {
    let closing = async {
        loop {
            match watcher.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    timeout(Duration::from_secs(30), closing)
        .await
        .expect("a goodbye within 30 s")
}

async fn watchers(server: &Server, wanted: f64) {
    wait_for("watchers", async || {
        let seen = server.metric("live_connections").await;
        if (seen - wanted).abs() < 0.5 { Ok(()) } else { Err(seen) }
    })
    .await;
}

const SOMEWHERE: &str = "/api/tournaments/0197b5b2-6c6e-7d7a-8d31-7a3f0c9d5e21";

#[tokio::test]
async fn a_score_set_at_one_server_reaches_the_watchers_of_all() {
    let (postgres, mut redis) = (Postgres::start().await, Redis::start().await);
    let (postgres_url, redis_url) = (postgres.url(), redis.url());
    let environment = [("DATABASE_URL", &*postgres_url), ("REDIS_URL", &*redis_url)];
    let (one, two) = tokio::join!(Server::start(&environment), Server::start(&environment));
    tokio::join!(one.ready(), two.ready());
    let owner = Person::new(&one, "owner").await;
    let (tournament, other) = (owner.tournament(2, None).await, owner.tournament(2, None).await);
    owner.register(&tournament).await;
    for server in [&one, &two] {
        wait_for("connection of live events", async || live_state(server, "ready").await).await;
    }
    let (mut here, mut there, mut elsewhere) = (
        watch(&one, &tournament).await,
        watch(&two, &tournament).await,
        watch(&two, &other).await,
    );
    let path = format!("{tournament}/scores/{}", owner.id);
    let set = owner.send(Method::PUT, &path, Some(&json!({"points": 7}))).await;
    assert_eq!(set.status(), 200);
    for watcher in [&mut here, &mut there] {
        let event = next_event(watcher).await;
        assert_eq!(
            (&event["type"], &event["points"]),
            (&json!("score"), &json!(7)),
            "{event}"
        );
    }
    redis.crash();
    wait_for("loss of Redis", async || live_state(&two, "alone").await).await;
    redis.resume().await;
    wait_for("return of Redis", async || live_state(&two, "ready").await).await;
    let resync = timeout(Duration::from_secs(30), elsewhere.next())
        .await
        .expect("told within 30 s");
    assert_eq!(
        resync
            .expect("open")
            .expect("a message")
            .into_text()
            .expect("text")
            .as_str(),
        r#"{"type":"resync"}"#
    );
}

async fn live_state(server: &Server, wanted: &str) -> Result<(), Value> {
    let health = server.expect_status("/health", 200).await.map_err(Value::from)?.json();
    if health["components"]["live"]["status"] == wanted {
        Ok(())
    } else {
        Err(health)
    }
}

#[tokio::test]
async fn a_server_that_stops_sends_its_watchers_elsewhere_and_then_ends() {
    let mut server = Server::start(&[("DRAIN_DELAY_SECONDS", "1")]).await;
    let mut watcher = watch(&server, SOMEWHERE).await;
    watchers(&server, 1.0).await;
    server.signal("-TERM");
    assert_eq!(close_code(&mut watcher).await, Some(CloseCode::Away));
    let status = server.ended().await;
    assert!(status.success(), "{status}: {}", server.log());
}

#[tokio::test]
async fn the_number_of_watchers_is_bounded_and_one_that_talks_is_closed() {
    let server = Server::start(&[("LIVE_MAX_CONNECTIONS", "2")]).await;
    let mut first = watch(&server, SOMEWHERE).await;
    let _second = watch(&server, SOMEWHERE).await;
    let address = format!("ws://127.0.0.1:{}{SOMEWHERE}/live", server.port);
    match connect_async(&address).await {
        Err(Error::Http(refused)) => {
            assert_eq!(refused.status(), 503);
            assert!(refused.headers().contains_key("retry-after"));
        }
        other => panic!("not refused: {other:?}"),
    }
    first.send(Message::text("hello")).await.expect("open");
    assert_eq!(close_code(&mut first).await, Some(CloseCode::Policy));
    watchers(&server, 1.0).await;
    watch(&server, SOMEWHERE).await;
}

#[tokio::test]
async fn a_watcher_that_gives_no_sign_of_life_is_dropped_and_one_that_answers_stays() {
    let server = Server::start(&[("LIVE_PING_SECONDS", "1")]).await;
    // Nobody reads it, so no ping is answered.
    let _dead = watch(&server, SOMEWHERE).await;
    let mut alive = watch(&server, SOMEWHERE).await;
    watchers(&server, 2.0).await;
    let answering = tokio::spawn(async move { while let Some(Ok(_)) = alive.next().await {} });
    watchers(&server, 1.0).await;
    assert!(!answering.is_finished());
}

#[tokio::test]
async fn what_is_no_websocket_is_told_so() {
    let server = Server::start(&[]).await;
    let answer = server
        .expect_status(&format!("{SOMEWHERE}/live"), 400)
        .await
        .expect("a problem");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_thousand_watchers_cost_little_memory() {
    const WATCHERS: usize = 1000;
    let server = Server::start(&[]).await;
    let before = server.resident_kib();
    let mut held = Vec::with_capacity(WATCHERS);
    for _ in 0..WATCHERS {
        held.push(watch(&server, SOMEWHERE).await);
    }
    watchers(&server, 1000.0).await;
    let each = (server.resident_kib() - before) / WATCHERS as u64;
    // 5,000 may take 200 MiB: 40 KiB each.
    assert!(each <= 32, "{each} KiB for each watcher");
}
