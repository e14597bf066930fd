//! The whole router without any store: what a server answers before, after and beside its database.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use http_body_util::BodyExt;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::config::{Config, serve_args};
use crate::store::watch::DatabaseState;

const TOURNAMENT: &str = "/api/tournaments/0197b5b2-6c6e-7d7a-8d31-7a3f0c9d5e21";

/// A server without stores, and without a database on this port when one is needed that never answers.
fn app(database_port: Option<u16>) -> Arc<App> {
    let url = format!("postgres://u:hunter2@127.0.0.1:{}/d", database_port.unwrap_or_default());
    let flags = [
        "--database-url",
        if database_port.is_some() { &url } else { "" },
        "--redis-url",
        "",
        "--primary-max-connections",
        "1",
        "--database-acquire-timeout-millis",
        "200",
        "--body-limit-bytes",
        "1024",
        "--max-connection-age-seconds",
        "0",
    ];
    let mut config = Config::try_from(serve_args(&flags)).expect("the flags fit together");
    config.limits.request_timeout = Duration::from_millis(500);
    Arc::new(App::new(&config).expect("the configuration is sound"))
}

async fn send(app: &Arc<App>, request: Request<Body>) -> Response {
    Server::new(Arc::clone(app)).answer(request).await
}

fn get_request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

fn post_request(content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/api/users")
        .header("content-type", content_type)
        .body(body.into())
        .expect("a request")
}

fn with_token(token: &str) -> Request<Body> {
    Request::get("/api/users/me")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .expect("a request")
}

fn sign_in() -> Request<Body> {
    Request::post("/api/sessions")
        .header("content-type", "application/json")
        .body(r#"{"email": "a@b", "password": "x"}"#.into())
        .expect("a request")
}

async fn text(response: Response) -> String {
    let bytes = response
        .into_body()
        .collect()
        .await
        .expect("a body in memory")
        .to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

async fn body(response: Response) -> Value {
    serde_json::from_str(&text(response).await).expect("JSON")
}

async fn metrics(app: &Arc<App>) -> String {
    text(send(app, get_request("/metrics")).await).await
}

fn total_requests(metrics: &str) -> u64 {
    let counts = metrics.lines().filter(|line| line.starts_with("http_requests_total{"));
    counts
        .map(|line| {
            line.rsplit(' ')
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .expect("a count")
        })
        .sum()
}

#[tokio::test]
async fn without_a_database_the_server_is_healthy_and_names_what_is_missing() {
    let response = send(&app(None), get_request("/health")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let health = body(response).await;
    assert_eq!(health["status"], "ok");
    assert_eq!(health["components"]["database"]["status"], "not configured");
    assert_eq!(health["components"]["cache"]["status"], "not configured");
}

#[tokio::test]
async fn without_a_database_the_server_is_not_ready_and_says_what_to_set() {
    let response = send(&app(None), get_request("/ready")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let reasons = body(response).await["reasons"].to_string();
    assert!(reasons.contains("DATABASE_URL is not set"), "{reasons}");
}

#[rstest]
#[case::before_the_first_look(DatabaseState::Waiting { reason: None }, "waiting for the database")]
#[case::while_it_starts(DatabaseState::Waiting { reason: Some("refused".into()) }, "waiting for the database: refused")]
#[case::after_it_was_lost(DatabaseState::Lost { reason: "refused".into() }, "does not answer: refused")]
#[tokio::test]
async fn a_server_whose_database_is_away_says_why_it_is_not_ready(#[case] state: DatabaseState, #[case] reason: &str) {
    let app = app(None);
    app.database.set(state);
    let response = send(&app, get_request("/ready")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let reasons = body(response).await["reasons"].to_string();
    assert!(reasons.contains(reason), "{reasons}");
}

#[tokio::test]
async fn a_server_with_its_database_is_ready_without_a_cache() {
    let app = app(None);
    app.database.set(DatabaseState::Ready);
    let response = send(&app, get_request("/ready")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(body(response).await, json!({"status": "ready", "reasons": []}));
}

#[tokio::test]
async fn a_draining_server_is_alive_but_not_ready_and_sends_its_clients_away() {
    let app = app(None);
    app.database.set(DatabaseState::Ready);
    assert_eq!(
        send(&app, get_request("/ready")).await.headers().get("connection"),
        None
    );
    app.lifecycle.start_draining();
    let response = send(&app, get_request("/ready")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["connection"], "close");
    let reasons = body(response).await["reasons"].to_string();
    assert!(reasons.contains("draining"), "{reasons}");
    assert_eq!(send(&app, get_request("/health")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn probes_and_metrics_are_not_counted() {
    let app = app(None);
    for path in ["/health", "/ready", "/metrics", "/metrics"] {
        send(&app, get_request(path)).await;
    }
    let delete = Request::delete("/health").body(Body::empty()).expect("a request");
    assert_eq!(send(&app, delete).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(total_requests(&metrics(&app).await), 0);
}

#[tokio::test]
async fn requests_are_counted_under_the_template_of_their_path() {
    let app = app(None);
    send(&app, get_request("/api/tournaments?limit=5")).await;
    send(&app, get_request("/api/tournaments?limit=6")).await;
    send(&app, get_request(TOURNAMENT)).await;
    send(&app, get_request("/admin.php?x=1")).await;
    let metrics = metrics(&app).await;
    for series in [
        r#"http_requests_total{method="GET",route="/api/tournaments",status_code="503"} 2"#,
        r#"http_requests_total{method="GET",route="/api/tournaments/{id}",status_code="503"} 1"#,
        r#"http_requests_total{method="GET",route="unmatched",status_code="404"} 1"#,
        r#"http_request_duration_seconds_count{method="GET",route="unmatched",status_code="404"} 1"#,
    ] {
        assert!(
            metrics.lines().any(|line| line == series),
            "no `{series}` in:\n{metrics}"
        );
    }
    assert_eq!(total_requests(&metrics), 4);
    assert!(!metrics.contains("admin.php") && !metrics.contains("0197b5b2"));
}

#[tokio::test]
async fn metrics_are_in_the_open_metrics_format() {
    let response = send(&app(None), get_request("/metrics")).await;
    let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    assert!(text(response).await.ends_with("# EOF\n"));
}

#[rstest]
#[case::unknown_path(get_request("/nothing"), 404, "no-such-path")]
#[case::unknown_method(Request::delete("/api/tournaments").body(Body::empty()).expect("a request"), 405, "method-not-allowed")]
#[case::id_that_is_no_uuid(get_request("/api/tournaments/17"), 400, "invalid-path")]
#[case::limit_out_of_range(get_request("/api/tournaments?limit=0"), 400, "invalid-page")]
#[case::forged_cursor(get_request("/api/tournaments?cursor=%27%3B--"), 400, "invalid-page")]
#[case::limit_given_twice(get_request("/api/tournaments?limit=1&limit=2"), 400, "invalid-query")]
#[case::no_json(post_request("text/plain", "{}"), 415, "invalid-body")]
#[case::broken_json(post_request("application/json", "{"), 400, "invalid-body")]
#[case::missing_field(post_request("application/json", "{}"), 422, "invalid-body")]
#[case::body_too_large(post_request("application/json", "x".repeat(2048)), 413, "invalid-body")]
#[case::unknown_status(get_request("/api/tournaments?status=open"), 400, "invalid-query")]
#[case::no_token(get_request("/api/users/me"), 401, "unauthenticated")]
#[case::no_token_of_ours(with_token("not.a.token"), 401, "invalid-token")]
#[case::no_redis_to_sign_in(sign_in(), 503, "sessions-unavailable")]
#[case::no_database(get_request(TOURNAMENT), 503, "database-unavailable")]
#[tokio::test]
async fn every_failure_is_a_problem_document(#[case] request: Request<Body>, #[case] status: u16, #[case] name: &str) {
    let response = send(&app(None), request).await;
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(response.headers().contains_key("retry-after"), status == 503);
    assert_eq!(response.headers().contains_key("www-authenticate"), status == 401);
    let problem = body(response).await;
    assert_eq!(problem["type"], format!("urn:pathfinder:problem:{name}"));
    assert_eq!(problem["status"], status);
    assert!(
        problem["title"].is_string() && problem["detail"].is_string(),
        "{problem}"
    );
}

#[tokio::test]
async fn a_refused_method_names_those_that_are_taken() {
    let request = Request::delete("/api/tournaments")
        .body(Body::empty())
        .expect("a request");
    let response = send(&app(None), request).await;
    assert_eq!(response.headers()["allow"], "GET,HEAD,POST");
}

#[tokio::test]
async fn a_body_that_breaks_rules_is_answered_with_every_one_of_them() {
    let sign_up = json!({"name": "", "email": "nobody", "password": "short"});
    let response = send(&app(None), post_request("application/json", sign_up.to_string())).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem = body(response).await;
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    assert_eq!(fields, ["email", "name", "password"]);
}

#[tokio::test]
async fn a_database_that_refuses_connections_is_answered_503_and_its_password_stays_secret() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound")
        .port();
    let app = app(Some(closed));
    let response = send(&app, get_request(TOURNAMENT)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!text(response).await.contains("hunter2"));
    assert!(!format!("{app:?}").contains("hunter2"));
}

/// The layers of the API around handlers that misbehave.
async fn misbehaving(path: &str) -> (Arc<App>, Response) {
    async fn panics() -> StatusCode {
        panic!("on purpose")
    }
    async fn hangs() -> StatusCode {
        std::future::pending().await
    }
    let app = app(None);
    let routes = Router::new().route("/panics", get(panics)).route("/hangs", get(hangs));
    let server = Server::around(Arc::clone(&app), routes);
    let answer = tokio::time::timeout(Duration::from_secs(30), server.answer(get_request(path)));
    let response = answer.await.expect("an answer within 30 s");
    (app, response)
}

#[tokio::test]
async fn a_panic_is_answered_500_and_counted() {
    let (app, response) = misbehaving("/panics").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(metrics(&app).await.contains(r#"status_code="500"} 1"#));
}

#[tokio::test]
async fn a_request_that_hangs_is_answered_503_at_its_deadline_and_is_no_longer_in_flight() {
    let (app, response) = misbehaving("/hangs").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body(response).await["type"], "urn:pathfinder:problem:deadline");
    assert_eq!(app.metrics.in_flight_now(), 0);
}

#[tokio::test]
async fn a_clients_request_id_comes_back() {
    let request = Request::get("/api/tournaments")
        .header("x-request-id", "mine-1")
        .body(Body::empty());
    let response = send(&app(None), request.expect("a request")).await;
    assert_eq!(response.headers()["x-request-id"], "mine-1");
}

#[test]
fn the_committed_openapi_document_is_the_one_of_the_code() {
    let committed = include_str!("../../openapi.json");
    let made = crate::http::openapi::text(&document()).expect("a document");
    assert!(
        committed == made,
        "openapi.json is out of date: run `cargo run -p pathfinder-api -- openapi > api-server/openapi.json`"
    );
}

#[test]
fn every_described_path_is_counted_under_its_own_name() {
    let names = names();
    for template in document().paths.paths.keys() {
        let found = names.at(template).expect("it has a name");
        assert_eq!(found.value.as_str(), template);
    }
}

#[tokio::test]
async fn the_openapi_document_is_served_and_a_client_that_has_it_gets_304() {
    let app = app(None);
    let first = send(&app, get_request("/openapi.json")).await;
    assert_eq!(first.status(), StatusCode::OK);
    let etag = first.headers()["etag"].clone();
    assert!(body(first).await["paths"]["/api/tournaments"]["get"].is_object());
    let again = Request::get("/openapi.json")
        .header("if-none-match", etag)
        .body(Body::empty());
    let again = send(&app, again.expect("a request")).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(text(again).await, "");
}
