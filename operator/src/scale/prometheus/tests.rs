//! Endpoints that answer, and endpoints that do everything else: slow, endless, elsewhere, or closed to us.
//!
//! The other side is a real server on loopback in every test.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path, query_param_contains},
};

use super::*;
use crate::{config::endpoint, scale::sample::PodSample};

mod own;
mod tls;

const QUERY: &str = "/api/v1/query";

fn of(pods: usize) -> Scope<'static> {
    Scope {
        pods,
        ..Scope::default()
    }
}

fn provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

// A folder of credentials that goes away with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("pathfinder-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, at: &str, text: &str) {
        let path = self.0.join(at);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn endpoint(url: &str, settings: &str) -> Endpoint {
    let text = format!("default: {{url: '{url}', {settings}}}");
    endpoint::parse(&text).unwrap().remove("default").unwrap()
}

fn endpoints(url: &str, settings: &str, folder: &Folder) -> Endpoints {
    provider();
    let all = BTreeMap::from([("default".to_owned(), endpoint(url, settings))]);
    let mut endpoints = Endpoints::new(&all, &folder.0);
    // Whoever answers at all does so in time, on a loaded machine too.
    endpoints.deadline = Duration::from_secs(30);
    endpoints.patience = Duration::from_secs(30);
    endpoints
}

fn vector(rows: &[Value]) -> ResponseTemplate {
    let data = json!({"resultType": "vector", "result": rows});
    ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
}

fn series(label: &str, value: &str, sample: &str) -> Value {
    json!({"metric": {"namespace": "shop", "pod": "shop-api-1", label: value}, "value": [1.0, sample]})
}

async fn server(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(QUERY)).respond_with(response).mount(&server).await;
    server
}

async fn why(response: ResponseTemplate) -> Why {
    let (server, folder) = (server(response).await, Folder::new());
    match endpoints(&server.uri(), "", &folder)
        .ask("default", &of(0))
        .await
        .answer
    {
        Answer::Unreachable(why) => why,
        other => panic!("{other:?}"),
    }
}

// The three questions, told apart by a word of each.
async fn three(load: ResponseTemplate, durations: ResponseTemplate, stores: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    for (word, response) in [("irate(", load), ("_bucket", durations), ("database_", stores)] {
        let mock = Mock::given(path(QUERY)).and(query_param_contains("query", word));
        mock.respond_with(response).mount(&server).await;
    }
    server
}

#[tokio::test]
async fn what_is_asked_in_three_questions_comes_together_by_pod() {
    let load = [
        series("signal", "rate", "12.5"),
        series("signal", "up", "1"),
        series("signal", "sampled", "99"),
    ];
    let server = three(
        vector(&load),
        vector(&[series("le", "0.5", "3"), series("le", "+Inf", "4")]),
        vector(&[series("signal", "connections", "0.5")]),
    )
    .await;
    let look = endpoints(&server.uri(), "", &Folder::new())
        .ask("default", &of(1))
        .await;
    let Answer::Samples(samples) = look.answer else {
        panic!("no samples")
    };
    let bucket = |le, rate| crate::scale::sample::Bucket { le, rate };
    let expected = PodSample {
        rate: Some(12.5),
        up: Some(1.0),
        sampled: Some(99.0),
        durations: vec![bucket(0.5, 3.0), bucket(f64::INFINITY, 4.0)],
        postgres: Some(0.5),
        redis: None,
    };
    assert_eq!(samples[&("shop".to_owned(), "shop-api-1".to_owned())], expected);
    assert_eq!((look.durations, look.stores), (None, None));
}

#[tokio::test]
async fn durations_that_fail_leave_the_rate() {
    let none = ResponseTemplate::new(503);
    let server = three(vector(&[series("signal", "rate", "12.5")]), none.clone(), none).await;
    let look = endpoints(&server.uri(), "", &Folder::new())
        .ask("default", &of(1))
        .await;
    let Answer::Samples(samples) = look.answer else {
        panic!("no samples")
    };
    assert_eq!(samples[&("shop".to_owned(), "shop-api-1".to_owned())].rate, Some(12.5));
    assert_eq!(
        (look.durations, look.stores),
        (Some(Why::Status(503)), Some(Why::Status(503)))
    );
}

#[tokio::test]
async fn durations_that_take_long_do_not_delay_the_rate() {
    let late = vector(&[series("le", "1", "1")]).set_delay(Duration::from_secs(60));
    let server = three(vector(&[series("signal", "rate", "12.5")]), late, vector(&[])).await;
    let mut endpoints = endpoints(&server.uri(), "", &Folder::new());
    endpoints.patience = Duration::from_millis(100);
    let look = endpoints.ask("default", &of(1)).await;
    assert!(matches!(look.answer, Answer::Samples(_)));
    assert_eq!((look.durations, look.stores), (Some(Why::NotYet), Some(Why::NotYet)));
}

#[tokio::test]
async fn a_rate_that_fails_is_no_answer_whatever_else_came() {
    let server = three(
        ResponseTemplate::new(503),
        vector(&[series("le", "1", "1")]),
        vector(&[]),
    )
    .await;
    let look = endpoints(&server.uri(), "", &Folder::new())
        .ask("default", &of(1))
        .await;
    assert_eq!(look.answer, Answer::Unreachable(Why::Status(503)));
}

#[rstest]
#[case(ResponseTemplate::new(503), Why::Status(503))]
#[case(ResponseTemplate::new(401), Why::Refused(401))]
#[case(ResponseTemplate::new(200).set_body_string("<html>login</html>"), Why::NotPrometheus)]
#[case(ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"), Why::Redirects)]
#[case(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 10_000_000]), Why::TooLong { limit_bytes: 256 * 1024 })]
#[case(ResponseTemplate::new(500).set_body_bytes(vec![b' '; 10_000_000]), Why::Status(500))]
#[tokio::test]
async fn an_endpoint_that_does_something_else_says_what(#[case] response: ResponseTemplate, #[case] expected: Why) {
    assert_eq!(why(response).await, expected);
}

#[tokio::test]
async fn an_endpoint_that_is_too_slow_is_not_waited_for() {
    let server = server(vector(&[]).set_delay(Duration::from_secs(60))).await;
    let mut endpoints = endpoints(&server.uri(), "", &Folder::new());
    endpoints.deadline = Duration::from_millis(100);
    let slow = Why::Slow(Duration::from_millis(100));
    assert_eq!(endpoints.ask("default", &of(0)).await.answer, Answer::Unreachable(slow));
}

#[tokio::test]
async fn more_pods_may_say_more() {
    // 400 KiB: more than 256, less than 256 + 16 * 16.
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[]}}}}{}"#,
        " ".repeat(400 * 1024)
    );
    let server = server(ResponseTemplate::new(200).set_body_string(body)).await;
    let endpoints = endpoints(&server.uri(), "", &Folder::new());
    let too_long = Why::TooLong {
        limit_bytes: 256 * 1024,
    };
    assert_eq!(
        endpoints.ask("default", &of(0)).await.answer,
        Answer::Unreachable(too_long)
    );
    assert!(matches!(
        endpoints.ask("default", &of(16)).await.answer,
        Answer::Samples(_)
    ));
}

#[tokio::test]
async fn nobody_at_home_says_so() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoints = endpoints(&format!("http://{address}"), "", &Folder::new());
    let Answer::Unreachable(Why::Connection(text)) = endpoints.ask("default", &of(0)).await.answer else {
        panic!("nobody listens there")
    };
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn a_name_that_nobody_defined_is_unknown() {
    let endpoints = endpoints("http://127.0.0.1:1", "", &Folder::new());
    assert_eq!(endpoints.ask("east", &of(0)).await.answer, Answer::Unknown);
    assert_eq!(endpoints.ask_user("east", "1").await, UserAnswer::Unknown);
    let now = Timestamp::UNIX_EPOCH;
    let history = endpoints
        .history("east", ("a", "b"), now..now, Duration::from_secs(1))
        .await;
    assert_eq!(history, Err(Why::NotDefined));
}

#[rstest]
#[case(
    "bearer: {secretName: access}",
    "access/token",
    "open sesame\n",
    "Bearer open sesame"
)]
// base64 of `me:open sesame`.
#[case(
    "basic: {secretName: access}",
    "access/password",
    "open sesame",
    "Basic bWU6b3BlbiBzZXNhbWU="
)]
#[tokio::test]
async fn credentials_come_from_their_files(
    #[case] auth: &str,
    #[case] at: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let (server, folder) = (MockServer::start().await, Folder::new());
    let open = Mock::given(path(QUERY)).and(header("authorization", expected));
    open.respond_with(vector(&[])).mount(&server).await;
    let closed = Mock::given(path(QUERY))
        .respond_with(ResponseTemplate::new(401))
        .with_priority(9);
    closed.mount(&server).await;
    folder.put("access/username", "me");
    folder.put(at, value);
    let endpoints = endpoints(&server.uri(), &format!("auth: {{{auth}}}"), &folder);
    assert!(matches!(
        endpoints.ask("default", &of(0)).await.answer,
        Answer::Samples(_)
    ));
}

#[rstest]
#[case(None, "is not there")]
#[case(Some(""), "one line of text")]
#[case(Some("two\nlines"), "one line of text")]
#[tokio::test]
async fn a_secret_that_cannot_be_used_is_named_and_never_shown(#[case] value: Option<&str>, #[case] says: &str) {
    let folder = Folder::new();
    if let Some(value) = value {
        folder.put("access/token", value);
    }
    let endpoints = endpoints("http://127.0.0.1:1", "auth: {bearer: {secretName: access}}", &folder);
    let Answer::Unreachable(why) = endpoints.ask("default", &of(0)).await.answer else {
        panic!("there are no credentials")
    };
    let text = why.to_string();
    assert!(
        text.contains("Secret access (key token)") && text.contains(says),
        "{text}"
    );
    assert!(!text.contains("two"), "{text}");
}

#[tokio::test]
async fn rotated_credentials_are_used_after_ten_seconds_and_the_client_is_kept_until_then() {
    provider();
    let folder = Folder::new();
    folder.put("access/token", "old");
    let endpoint = endpoint("http://127.0.0.1:1", "auth: {bearer: {secretName: access}}");
    let connection = Connection::new(&folder.0);
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    connection.client(&endpoint, start).await.unwrap();
    std::fs::remove_dir_all(folder.0.join("access")).unwrap();
    assert!(connection.client(&endpoint, after(9)).await.is_ok());
    assert!(matches!(
        connection.client(&endpoint, after(10)).await,
        Err(Why::NoSecret(_))
    ));
    folder.put("access/token", "new");
    assert!(connection.client(&endpoint, after(19)).await.is_err());
    assert!(connection.client(&endpoint, after(20)).await.is_ok());
}

#[tokio::test]
async fn a_users_query_is_not_sent_where_that_is_forbidden() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(vector(&[]))
        .expect(0)
        .mount(&server)
        .await;
    let endpoints = endpoints(&server.uri(), "", &Folder::new());
    assert_eq!(endpoints.ask_user("default", "up").await, UserAnswer::Forbidden);
}

#[rstest]
#[case(vector(&[series("a", "b", "2.5")]), UserAnswer::Value(2.5))]
#[case(
    ResponseTemplate::new(400).set_body_string(r#"{"status":"error","errorType":"bad_data","error":"parse error: 1:5"}"#),
    UserAnswer::Unreachable(Why::Rejected("parse error: 1:5".to_owned()))
)]
#[case(
    ResponseTemplate::new(200).set_body_bytes(vec![b' '; 100_000]),
    UserAnswer::Unreachable(Why::TooLong { limit_bytes: 64 * 1024 })
)]
#[tokio::test]
async fn a_users_query_gives_a_number_or_says_why_not(
    #[case] response: ResponseTemplate,
    #[case] expected: UserAnswer,
) {
    let server = server(response).await;
    let endpoints = endpoints(&server.uri(), "userQueries: Allowed", &Folder::new());
    assert_eq!(endpoints.ask_user("default", "up").await, expected);
}

#[tokio::test]
async fn a_query_that_is_too_long_for_a_url_is_posted() {
    let server = MockServer::start().await;
    let posted = Mock::given(method("POST")).and(path(QUERY));
    posted
        .respond_with(vector(&[series("a", "b", "1")]))
        .mount(&server)
        .await;
    let endpoints = endpoints(&server.uri(), "userQueries: Allowed", &Folder::new());
    let query = format!("up # {}", "x".repeat(LONGEST_IN_URL));
    assert_eq!(endpoints.ask_user("default", &query).await, UserAnswer::Value(1.0));
}

#[tokio::test]
async fn the_past_is_asked_in_pieces() {
    let server = MockServer::start().await;
    let matrix = |points: Value| {
        let result = json!([{"metric": {}, "values": points}]);
        let data = json!({"resultType": "matrix", "result": result});
        ResponseTemplate::new(200).set_body_json(json!({"status": "success", "data": data}))
    };
    // The second piece begins behind 11,000 points of 10 s.
    for (start, points) in [("0", json!([[0, "1"], [30, "2"]])), ("110000", json!([[110_000, "3"]]))] {
        let mock = Mock::given(path("/api/v1/query_range")).and(wiremock::matchers::query_param("start", start));
        mock.respond_with(matrix(points)).expect(1).mount(&server).await;
    }
    let end = Timestamp::from_second(120_000).unwrap();
    let endpoints = endpoints(&server.uri(), "", &Folder::new());
    let range = Timestamp::UNIX_EPOCH..end;
    let history = endpoints
        .history("default", ("shop", "shop"), range, Duration::from_secs(10))
        .await;
    assert_eq!(history, Ok(vec![(0.0, 1.0), (30.0, 2.0), (110_000.0, 3.0)]));
}
