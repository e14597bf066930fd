//! The past that a Prometheus knows, asked through the API server or directly.

use std::{fs, path::Path};

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{method, path, query_param},
};

use crate::support::{document, folder, run, stderr};

const THROUGH_THE_SERVICE: &str = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query_range";
const DIRECT: &str = "/api/v1/query_range";
const SHOP: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters/shop";
const CLUSTERS: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters";
const QUERY: &str = r#"sum(max by (pod) (sum by (pod, job) (rate(http_requests_total{namespace="demo", pod=~"shop-api-[a-z0-9]+-[a-z0-9]+"}[1m]))))"#;

/// Answers a range query as Prometheus does: a value at every step, from the times that were asked for.
struct Rates(fn(i64) -> Option<&'static str>);

impl Respond for Rates {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked = |name: &str| -> i64 {
            let pair = request.url.query_pairs().find(|(key, _)| key == name);
            pair.unwrap().1.parse().unwrap()
        };
        let (start, end, step) = (asked("start"), asked("end"), asked("step"));
        let points = (end - start) / step + 1;
        assert!(points <= 11_000, "Prometheus refuses {points} points");
        let values: Vec<Value> = (0..points)
            .map(|index| start + index * step)
            .filter_map(|at| Some(json!([at, (self.0)(at)?])))
            .collect();
        let series = if values.is_empty() {
            json!([])
        } else {
            json!([{"metric": {}, "values": values}])
        };
        ResponseTemplate::new(200)
            .set_body_json(json!({"status": "success", "data": {"resultType": "matrix", "result": series}}))
    }
}

async fn prometheus(at: &str, rates: fn(i64) -> Option<&'static str>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(at))
        .and(query_param("query", QUERY))
        .respond_with(Rates(rates))
        .mount(&server)
        .await;
    server
}

fn shop() -> Value {
    json!({
        "apiVersion": "pathfinder.dev/v1alpha1",
        "kind": "PathfinderCluster",
        "metadata": {"name": "shop", "namespace": "demo"},
        "spec": {"api": {"image": "shop"}, "scaling": {"maxReplicas": 17}},
    })
}

/// Serves the resource, and writes a kubeconfig for it.
async fn as_api_server(server: &MockServer, folder: &Path, clusters: &[Value]) {
    let list = json!({"apiVersion": "v1", "kind": "PathfinderClusterList", "metadata": {}, "items": clusters});
    for (at, body) in [(SHOP, shop()), (CLUSTERS, list)] {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path(at)).respond_with(answer).mount(server).await;
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "demo"}}],
        "clusters": [{"name": "test", "cluster": {"server": server.uri()}}],
        "users": [{"name": "test", "user": {}}],
    });
    fs::write(folder.join("kubeconfig"), config.to_string()).unwrap();
}

#[tokio::test]
async fn a_week_is_read_through_the_api_server_with_the_spec_of_the_only_resource() {
    let folder = folder("service");
    let server = prometheus(THROUGH_THE_SERVICE, |_| Some("250.5")).await;
    as_api_server(&server, &folder, &[shop()]).await;
    let line = "--from-prometheus 8d --kubeconfig kubeconfig --policy hpa -o json";
    let document = document(&run(&folder, line).await);
    // 8 x 1440 + 1 points of a minute each, in more than one query.
    assert_eq!(document["load"]["seconds"], 60 * (8 * 1440 + 1));
    assert_eq!(document["load"]["peakRequestsPerSecond"], 250.5);
    assert_eq!(document["setup"]["maxReplicas"], 17);
    assert_eq!(document["setup"]["spec"], "PathfinderCluster shop");
    assert_eq!(document["notes"], json!([]));
}

#[tokio::test]
async fn a_url_is_asked_without_any_cluster_and_short_ranges_are_finer() {
    let server = prometheus(DIRECT, |_| Some("100")).await;
    let line = format!(
        "shop -n demo --from-prometheus 30m --prometheus-url {} --policy keda -o json",
        server.uri()
    );
    let document = document(&run(&folder("url"), &line).await);
    // Points every 5 s: 360 bins and the last point's.
    assert_eq!(document["load"]["seconds"], 1805);
    assert_eq!(document["setup"]["spec"], "the defaults of every field");
}

#[tokio::test]
async fn a_hole_is_told_and_is_not_zero_load() {
    // Ten minutes of every six hours are missing.
    let server = prometheus(DIRECT, |at| (at % 21_600 >= 600).then_some("300")).await;
    let line = format!(
        "shop -n demo --from-prometheus 24h --prometheus-url {} --policy hpa -o json",
        server.uri()
    );
    let document = document(&run(&folder("hole"), &line).await);
    let mean = document["load"]["meanRequestsPerSecond"].as_f64().unwrap();
    assert!((mean - 300.0).abs() < 1.0, "{mean}");
    let note = document["notes"][0].as_str().unwrap();
    assert!(note.starts_with("Prometheus's data "), "{note}");
}

#[rstest]
#[case::empty(|_| None, "Prometheus has no request rates of shop in namespace demo in the last 1d: do the pods shop-api-...")]
#[case::nan(|_| Some("NaN"), "Prometheus answered NaN at 20")]
#[case::long_hole(|at| (at % 43_200 > 7200).then_some("5"), "Prometheus has no data from 20")]
#[tokio::test]
async fn data_that_would_be_a_lie_are_refused(#[case] rates: fn(i64) -> Option<&'static str>, #[case] expected: &str) {
    let server = prometheus(DIRECT, rates).await;
    let line = format!("shop -n demo --from-prometheus 24h --prometheus-url {}", server.uri());
    let output = run(&folder("refused"), &line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: {expected}")),
        "{}",
        stderr(&output)
    );
}

#[rstest]
#[case::no_service(404, json!({"kind": "Status", "code": 404, "message": "services \"prometheus\" not found"}),
    "cannot reach Prometheus at Service monitoring/prometheus:9090: services \"prometheus\" not found: pass --prometheus-service")]
#[case::forbidden(403, json!({"kind": "Status", "code": 403, "message": "no services/proxy"}),
    "forbidden to query Prometheus at Service monitoring/prometheus:9090: no services/proxy")]
#[case::its_own_error(400, json!({"status": "error", "errorType": "bad_data", "error": "too many points"}),
    "Prometheus at Service monitoring/prometheus:9090 did not answer the query: too many points")]
#[tokio::test]
async fn who_refused_is_told(#[case] code: u16, #[case] body: Value, #[case] expected: &str) {
    let folder = folder(&format!("refusal-{code}"));
    let server = MockServer::start().await;
    as_api_server(&server, &folder, &[shop()]).await;
    let answer = ResponseTemplate::new(code).set_body_json(body);
    Mock::given(path(THROUGH_THE_SERVICE))
        .respond_with(answer)
        .mount(&server)
        .await;
    let output = run(&folder, "shop --from-prometheus 24h --kubeconfig kubeconfig").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with(&format!("error: {expected}")),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn among_several_resources_a_name_is_needed() {
    let folder = folder("several");
    let server = MockServer::start().await;
    let mut till = shop();
    till["metadata"]["name"] = json!("till");
    as_api_server(&server, &folder, &[shop(), till]).await;
    let output = run(&folder, "--from-prometheus 24h --kubeconfig kubeconfig").await;
    assert_eq!(
        stderr(&output),
        "error: whose history? there are shop and till in namespace demo: write `kubectl pathfinder simulate NAME ...`\n"
    );
}
