//! The built program against a loopback API server that answers with canned objects.
//!
//! Proves what only the whole program shows: requests, fallbacks, deadlines, exit codes, and that stdout holds the answer
//! and nothing else. What the text says is tested beside the renderers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::{
    path::PathBuf,
    process::Output,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path, query_param},
};

const CLUSTERS: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters";
const ALL_CLUSTERS: &str = "/apis/pathfinder.dev/v1alpha1/pathfinderclusters";
const SHOP: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters/shop";
const HPAS: &str = "/apis/autoscaling/v2/namespaces/demo/horizontalpodautoscalers";
const HPA: &str = "/apis/autoscaling/v2/namespaces/demo/horizontalpodautoscalers/shop-api";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/pathfinder-system/leases/pathfinder-operator";
const RECORD: &str = "/api/v1/namespaces/pathfinder-system/pods/op-1:8080/proxy/decisions/demo/shop";
const WHY: &str = "590 requests/s need 6 at 100 per replica";

struct Cluster {
    server: MockServer,
    kubeconfig: PathBuf,
}

impl Cluster {
    async fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = MockServer::start().await;
        let name = format!("kubeconfig-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let kubeconfig = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&kubeconfig, kubeconfig_text(&server.uri())).unwrap();
        Self { server, kubeconfig }
    }

    async fn with_shop() -> Self {
        let cluster = Self::start().await;
        cluster.serve(SHOP, 200, shop()).await;
        cluster
    }

    async fn serve(&self, at: &str, code: u16, body: Value) {
        let answer = ResponseTemplate::new(code).set_body_json(body);
        Mock::given(method("GET"))
            .and(path(at))
            .respond_with(answer)
            .mount(&self.server)
            .await;
    }

    async fn run(&self, line: &str) -> Output {
        let kubeconfig = self.kubeconfig.display();
        run(&format!("{line} --kubeconfig {kubeconfig}")).await
    }
}

fn kubeconfig_text(server: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "demo"}}],
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {}}],
    })
    .to_string()
}

async fn run(line: &str) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-pathfinder"))
        .args(line.split_whitespace())
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent")
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(Duration::from_secs(30), output)
        .await
        .unwrap_or_else(|_| panic!("`{line}` still runs after 30 s"))
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

fn shop() -> Value {
    json!({
        "apiVersion": "pathfinder.dev/v1alpha1",
        "kind": "PathfinderCluster",
        "metadata": {"name": "shop", "namespace": "demo", "generation": 1},
        "spec": {"api": {"image": "ghcr.io/acme/shop:1"}, "postgres": {}},
        "status": {
            "observedGeneration": 1,
            "api": {"replicas": 6, "readyReplicas": 6},
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "AsSpecified", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
            "scaling": {"replicas": 6, "previous": 2, "why": WHY, "time": "2026-01-01T00:00:00Z"},
        },
    })
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "items": items})
}

fn not_found(kind: &str) -> Value {
    json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found", "details": {"kind": kind}})
}

fn forbidden(message: &str) -> Value {
    json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": message})
}

fn lease(holder: &str) -> Value {
    json!({"metadata": {"name": "pathfinder-operator"}, "spec": {"holderIdentity": holder}})
}

fn hpa() -> Value {
    json!({
        "metadata": {"name": "shop-api", "namespace": "demo"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "shop-api"},
            "minReplicas": 6,
            "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70},
            }}],
        },
        "status": {
            "currentReplicas": 6,
            "desiredReplicas": 6,
            "currentMetrics": [{"type": "Resource", "resource": {
                "name": "cpu", "current": {"averageUtilization": 20, "averageValue": "50m"},
            }}],
        },
    })
}

fn record() -> Value {
    json!({
        "namespace": "demo",
        "name": "shop",
        "sentence": "6 replicas: live",
        "record": {
            "at": "2026-01-01T00:00:00Z",
            "signals": [
                {"name": "requestsPerSecond", "verdict": "Fresh", "value": 590.0, "ageSeconds": 3.0, "asked": 6},
            ],
            "limits": [{"kind": "MaxReplicas", "replicas": 6}],
            "result": 6,
            "previous": 2,
            "reason": {
                "kind": "Demand", "requestsPerSecond": 590.0, "preparedFor": 590.0, "perReplica": 100.0, "replicas": 6,
                "margin": 1.0, "withinSeconds": 40.0, "holdSeconds": 300.0,
            },
        },
    })
}

#[tokio::test]
async fn explain_shows_the_leaders_record_and_who_asked() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(RECORD, 200, record()).await;
    cluster.serve(HPA, 200, hpa()).await;
    let output = cluster.run("explain shop").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("shop: 6 replicas: live\n(live record of op-1, decided "),
        "{text}"
    );
    assert!(text.contains("  - maxReplicas is 6\n"), "{text}");
    assert!(
        text.contains("the floor (6) asked for it; the HPA's own metrics ask for 2 (cpu, estimate)"),
        "{text}"
    );
    assert_eq!(stderr(&output), "");
}

#[tokio::test]
async fn explain_as_json_is_one_document_with_the_whole_record() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(RECORD, 200, record()).await;
    cluster.serve(HPA, 200, hpa()).await;
    let document = document(&cluster.run("explain shop -o json").await);
    assert_eq!(document["source"]["kind"], "Live");
    assert_eq!(document["record"]["limits"][0]["kind"], "MaxReplicas");
    assert_eq!(document["decision"]["signals"][0]["asked"], 6);
    assert_eq!(document["replicas"]["askedBy"], "Floor");
}

#[rstest]
#[case::no_operator((404, not_found("leases")), (200, json!({})), "no operator found in namespace pathfinder-system")]
#[case::lease_forbidden((403, forbidden("no leases for you")), (200, json!({})), "forbidden: no leases for you")]
#[case::no_leader((200, lease("")), (200, json!({})), "the operator has no leader at the moment")]
#[case::proxy_forbidden((200, lease("op-1")), (403, forbidden("no pods/proxy")), "forbidden: no pods/proxy")]
#[case::pod_gone((200, lease("op-1")), (404, not_found("pods")), "the leader's pod op-1 is gone")]
#[case::undecided((200, lease("op-1")), (404, json!({"error": "unknown"})), "the leader op-1 has not decided about it yet")]
#[case::other_version((200, lease("op-1")), (200, json!({"record": 1})), "is this plugin of the operator's version?")]
#[tokio::test]
async fn explain_falls_back_to_the_last_change_and_says_why(
    #[case] (lease_code, lease_body): (u16, Value),
    #[case] (record_code, record_body): (u16, Value),
    #[case] because: &str,
) {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, lease_code, lease_body).await;
    cluster.serve(RECORD, record_code, record_body).await;
    cluster.serve(HPA, 404, not_found("horizontalpodautoscalers")).await;
    let output = cluster.run("explain shop").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with(&format!("shop: {WHY}\n(live record not available: ")),
        "{text}"
    );
    assert!(text.contains(because), "{text}");
    assert!(text.contains("; showing the last change, "), "{text}");
}

#[tokio::test]
async fn a_leader_that_does_not_answer_costs_one_timeout_and_not_the_answer() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(HPA, 200, hpa()).await;
    let slow = ResponseTemplate::new(200)
        .set_body_json(record())
        .set_delay(Duration::from_secs(20));
    Mock::given(path(RECORD))
        .respond_with(slow)
        .mount(&cluster.server)
        .await;
    let begun = Instant::now();
    let output = cluster.run("explain shop --request-timeout 500ms").await;
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("live record not available: no answer within 500ms"),
        "{}",
        stdout(&output)
    );
}

#[tokio::test]
async fn the_operator_is_looked_for_where_the_flag_says() {
    let cluster = Cluster::with_shop().await;
    let lease_path = LEASE.replace("pathfinder-system", "tools");
    cluster.serve(&lease_path, 200, lease("op-1")).await;
    cluster
        .serve(&RECORD.replace("pathfinder-system", "tools"), 200, record())
        .await;
    let output = cluster.run("explain shop --operator-namespace tools").await;
    assert!(
        stdout(&output).starts_with("shop: 6 replicas: live\n"),
        "{}",
        stdout(&output)
    );
}

#[tokio::test]
async fn status_lists_what_is_there_with_what_the_hpa_wants() {
    let cluster = Cluster::start().await;
    cluster
        .serve(CLUSTERS, 200, list("PathfinderClusterList", &[shop()]))
        .await;
    let managed = ResponseTemplate::new(200).set_body_json(list("HorizontalPodAutoscalerList", &[hpa()]));
    Mock::given(path(HPAS))
        .and(query_param("labelSelector", "app.kubernetes.io/managed-by=pathfinder"))
        .respond_with(managed)
        .mount(&cluster.server)
        .await;
    let text = stdout(&cluster.run("status").await);
    assert_eq!(
        text,
        format!("NAME  READY  REPLICAS  AGE  WHY\nshop  True   6/6       -    {WHY}\n")
    );
}

#[tokio::test]
async fn status_of_one_shows_what_it_may_read_and_names_what_it_may_not() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(HPA, 200, hpa()).await;
    cluster
        .serve("/api/v1/namespaces/demo/pods", 403, forbidden("no pods for you"))
        .await;
    cluster
        .serve("/api/v1/namespaces/demo/events", 200, list("EventList", &[]))
        .await;
    let output = cluster.run("status shop -o yaml").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let document: Value = serde_yaml::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["readiness"]["status"], "True");
    assert_eq!(document["lastChange"]["replicas"], 6);
    let note = document["notes"][0].as_str().unwrap();
    assert!(
        note.starts_with("forbidden to list pods in namespace demo: no pods for you"),
        "{note}"
    );
}

#[tokio::test]
async fn a_name_that_is_not_there_ends_with_those_that_are() {
    let cluster = Cluster::with_shop().await;
    cluster
        .serve(&SHOP.replace("shop", "shpo"), 404, not_found("pathfinderclusters"))
        .await;
    cluster
        .serve(CLUSTERS, 200, list("PathfinderClusterList", &[shop()]))
        .await;
    let output = cluster.run("explain shpo").await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    assert_eq!(
        stderr(&output),
        "error: no PathfinderCluster shpo in namespace demo: there is only shop\n"
    );
}

#[tokio::test]
async fn a_name_that_is_elsewhere_ends_with_where() {
    let cluster = Cluster::start().await;
    cluster.serve(SHOP, 404, not_found("pathfinderclusters")).await;
    cluster.serve(CLUSTERS, 200, list("PathfinderClusterList", &[])).await;
    let mut elsewhere = shop();
    elsewhere["metadata"]["namespace"] = json!("prod");
    cluster
        .serve(ALL_CLUSTERS, 200, list("PathfinderClusterList", &[elsewhere]))
        .await;
    let output = cluster.run("status shop").await;
    assert_eq!(
        stderr(&output),
        "error: no PathfinderCluster shop in namespace demo: there is one in namespace prod: pass -n prod\n"
    );
}

#[rstest]
#[case("status")]
#[case("status -A")]
#[case("status shop")]
#[case("explain shop")]
#[tokio::test]
async fn without_the_resource_definition_it_says_how_to_install(#[case] line: &str) {
    // An API server answers a path that it does not serve in plain text; so does the mock, with an empty body.
    let cluster = Cluster::start().await;
    let output = cluster.run(line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("helm install pathfinder"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn a_failure_as_json_is_a_document_too() {
    let cluster = Cluster::start().await;
    cluster.serve(SHOP, 403, forbidden("not you")).await;
    let output = cluster.run("explain shop -o json").await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(document(&output)["error"]["kind"], "Forbidden");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let cluster = Cluster::start().await;
    // A port that was just free and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    std::fs::write(&cluster.kubeconfig, kubeconfig_text(&format!("http://{free}"))).unwrap();
    let output = cluster.run("status").await;
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("error: cannot reach the API server at http://{free}: ");
    assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
}

#[rstest]
#[case("status --kubeconfig /nonexistent/config", "no kubeconfig at /nonexistent/config")]
#[case("status", "no kubeconfig at /nonexistent/.kube/config")]
#[tokio::test]
async fn without_a_kubeconfig_it_says_which_flag_to_pass(#[case] line: &str, #[case] expected: &str) {
    let output = run(line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert!(stderr(&output).contains("--kubeconfig FILE"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_context_that_is_not_there_ends_with_those_that_are() {
    let cluster = Cluster::start().await;
    let output = cluster.run("status --context prod").await;
    assert_eq!(
        stderr(&output),
        "error: the kubeconfig has no context prod: there is only test\n"
    );
}

#[tokio::test]
async fn wrong_usage_exits_with_2() {
    assert_eq!(run("explain").await.status.code(), Some(2));
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[tokio::test]
async fn completion_needs_no_cluster(#[case] shell: &str) {
    let output = run(&format!("completion {shell}")).await;
    assert!(output.status.success());
    assert!(stdout(&output).contains("explain"));
}

#[tokio::test]
async fn the_version_is_that_of_the_package() {
    let output = run("version -o json").await;
    assert_eq!(document(&output)["version"], env!("CARGO_PKG_VERSION"));
}
