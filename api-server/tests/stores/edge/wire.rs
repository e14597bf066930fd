//! Clients that are slow, greedy, many or foreign.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::people::url;
use crate::support::{Server, wait_for};

const SOMEWHERE: &str = "/api/tournaments/17";

async fn asked_by(server: &Server, address: &str) -> reqwest::Response {
    let request = Client::new()
        .get(url(server, SOMEWHERE))
        .header("x-forwarded-for", address);
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_closed() {
    let server = Server::start(&[("HEAD_TIMEOUT_SECONDS", "1")]).await;
    let mut slow = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .expect("it listens");
    let started = Instant::now();
    let mut answer = Vec::new();
    let trickle = async {
        let (mut read, mut write) = slow.split();
        let dripping = async {
            loop {
                if write.write_all(b"GET / HTTP/1.1\r\nx-a: ").await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = dripping => {}
            _ = read.read_to_end(&mut answer) => {}
        }
    };
    timeout(Duration::from_secs(30), trickle)
        .await
        .expect("closed within 30 s");
    assert!(
        started.elapsed() >= Duration::from_millis(900),
        "closed after {:?}",
        started.elapsed()
    );
    assert!(server.expect_status("/health", 200).await.is_ok());
}

/// Asks for far more than any socket's buffers hold, about 50 MB.
async fn greedy(server: &Server) -> TcpStream {
    let mut greedy = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .expect("it listens");
    let asks = "GET /openapi.json HTTP/1.1\r\nhost: t\r\n\r\n".repeat(1000);
    greedy.write_all(asks.as_bytes()).await.expect("it reads");
    greedy
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_closed() {
    let server = Server::start(&[("WRITE_TIMEOUT_SECONDS", "1")]).await;
    let mut greedy = greedy(&server).await;
    let started = Instant::now();
    let closed = async {
        // The kernel hears that the other end is gone when it has something to send.
        while greedy.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), closed)
        .await
        .expect("closed within 30 s");
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(900), "closed after {took:?}");
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_it() {
    let server = Server::start(&[("WRITE_TIMEOUT_SECONDS", "1")]).await;
    let mut slow = greedy(&server).await;
    let started = Instant::now();
    let mut part = vec![0; 256 * 1024];
    while started.elapsed() < Duration::from_secs(4) {
        slow.read_exact(&mut part).await.expect("it is still served");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = Server::start(&[]).await;
    let mut client = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .expect("it listens");
    let head = format!("GET / HTTP/1.1\r\nhost: t\r\nx-a: {}", "a".repeat(256 * 1024));
    // The server may close before it has taken all.
    let _cut = client.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _reset = timeout(Duration::from_secs(30), client.read_to_end(&mut answer))
        .await
        .expect("closed within 30 s");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(server.expect_status("/health", 200).await.is_ok());
}

#[tokio::test]
async fn more_connections_than_may_be_are_closed_at_once() {
    let server = Server::start(&[("MAX_CONNECTIONS", "2")]).await;
    wait_for("free connections", async || {
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(
                TcpStream::connect(("127.0.0.1", server.port))
                    .await
                    .expect("it listens"),
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut third = TcpStream::connect(("127.0.0.1", server.port))
            .await
            .expect("it listens");
        let mut byte = [0];
        match timeout(Duration::from_secs(2), third.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    wait_for("health", async || server.expect_status("/health", 200).await).await;
    assert!(server.metric("http_connections_refused_total").await >= 1.0);
}

#[tokio::test]
async fn one_address_that_asks_too_often_is_told_when_to_come_back_and_others_are_not() {
    let environment = [("RATE_LIMIT_PER_ADDRESS", "2"), ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = Server::start(&environment).await;
    let mut refused = None;
    for _ in 0..20 {
        let answer = asked_by(&server, "203.0.113.9").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    let refused = refused.expect("20 requests at once are too many");
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(
        asked_by(&server, "203.0.113.10").await.status(),
        StatusCode::BAD_REQUEST
    );
    let forged = asked_by(&server, "198.51.100.1, 203.0.113.9").await;
    assert_eq!(
        forged.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "what stands before the real address counts for nothing"
    );
    assert!(server.metric(r#"http_requests_limited_total{by="address"}"#).await >= 2.0);
}

#[tokio::test]
async fn an_untrusted_client_cannot_choose_its_address() {
    let server = Server::start(&[("RATE_LIMIT_PER_ADDRESS", "1")]).await;
    for last in 0..20 {
        // All of them are loopback, which is not limited; a forged address would be.
        let answer = asked_by(&server, "203.0.113.9").await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "request {last}");
    }
}

#[tokio::test]
async fn large_answers_are_compressed_for_clients_that_ask_for_it() {
    let server = Server::start(&[]).await;
    let plain = Client::new()
        .get(url(&server, "/openapi.json"))
        .send()
        .await
        .expect("an answer");
    assert!(!plain.headers().contains_key("content-encoding"));
    let etag = plain.headers()["etag"].to_str().expect("text").to_owned();
    let full = plain.bytes().await.expect("a body").len();
    let request = Client::new()
        .get(url(&server, "/openapi.json"))
        .header("accept-encoding", "gzip");
    let packed = request.send().await.expect("an answer");
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["etag"].to_str().expect("text"), format!("W/{etag}"));
    let body = packed.bytes().await.expect("a body");
    assert!(
        body.starts_with(&[0x1f, 0x8b]) && body.len() * 3 < full,
        "{} of {full} bytes",
        body.len()
    );
    let request = Client::new()
        .get(url(&server, "/openapi.json"))
        .header("if-none-match", format!("W/{etag}"));
    assert_eq!(
        request.send().await.expect("an answer").status(),
        StatusCode::NOT_MODIFIED
    );
}

#[tokio::test]
async fn every_answer_is_hardened_and_only_named_sites_may_use_it() {
    let server = Server::start(&[("CORS_ORIGINS", "https://play.example")]).await;
    let preflight = |origin: &'static str| {
        let request = Client::new().request(Method::OPTIONS, url(&server, "/api/tournaments"));
        request
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
    };
    let allowed = preflight("https://play.example").await.expect("an answer");
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://play.example");
    let other = preflight("https://evil.example").await.expect("an answer");
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    let answer = Client::new()
        .get(url(&server, "/nothing"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    assert!(
        answer.headers()["content-security-policy"]
            .to_str()
            .expect("text")
            .contains("default-src 'none'")
    );
}

#[tokio::test]
async fn with_more_in_flight_than_may_be_the_next_is_answered_503_at_once() {
    let server = Server::start(&[("MAX_IN_FLIGHT", "1"), ("REQUEST_TIMEOUT_SECONDS", "60")]).await;
    let mut slow = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .expect("it listens");
    let head = "POST /api/users HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.expect("it reads");
    wait_for("slow request", async || {
        let seen = server.metric("http_requests_in_flight").await;
        if seen >= 1.0 { Ok(()) } else { Err(seen) }
    })
    .await;
    let shed = server
        .expect_status(SOMEWHERE, 503)
        .await
        .expect("no room for a second one");
    assert_eq!(shed.headers["retry-after"], "1");
    assert!(shed.text.contains("overloaded"), "{}", shed.text);
    assert!(
        server.expect_status("/health", 200).await.is_ok(),
        "probes are never shed"
    );
    drop(slow);
    wait_for("free server", async || server.expect_status(SOMEWHERE, 400).await).await;
}
