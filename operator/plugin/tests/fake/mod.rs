//! A loopback API server with canned objects, and the built program run against it.
//!
//! Shared by the tests of the commands; each uses a part of it. Answers are those of an API server as far as the program
//! can tell; nothing here knows what the program makes of them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses a part of it, and stops at the first surprise"
)]

use std::{path::PathBuf, process::Output, time::Duration};

use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

pub(crate) const CLUSTERS: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters";
pub(crate) const ALL_CLUSTERS: &str = "/apis/pathfinder.dev/v1alpha1/pathfinderclusters";
pub(crate) const SHOP: &str = "/apis/pathfinder.dev/v1alpha1/namespaces/demo/pathfinderclusters/shop";
pub(crate) const HPAS: &str = "/apis/autoscaling/v2/namespaces/demo/horizontalpodautoscalers";
pub(crate) const HPA: &str = "/apis/autoscaling/v2/namespaces/demo/horizontalpodautoscalers/shop-api";
pub(crate) const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/pathfinder-system/leases/pathfinder-operator";
pub(crate) const RECORD: &str = "/api/v1/namespaces/pathfinder-system/pods/op-1:8080/proxy/decisions/demo/shop";
pub(crate) const WHY: &str = "590 requests/s need 6 at 100 per replica";

pub(crate) struct Cluster {
    pub(crate) server: MockServer,
    pub(crate) kubeconfig: PathBuf,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        // The port belongs to this test alone as long as its server lives, whatever else runs on the machine.
        let name = format!("kubeconfig-{}", server.address().port());
        let kubeconfig = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&kubeconfig, kubeconfig_text(&server.uri())).unwrap();
        Self { server, kubeconfig }
    }

    pub(crate) async fn with_shop() -> Self {
        let cluster = Self::start().await;
        cluster.serve(SHOP, 200, shop()).await;
        cluster
    }

    pub(crate) async fn serve(&self, at: &str, code: u16, body: Value) {
        let answer = ResponseTemplate::new(code).set_body_json(body);
        Mock::given(method("GET"))
            .and(path(at))
            .respond_with(answer)
            .mount(&self.server)
            .await;
    }

    pub(crate) async fn run(&self, line: &str) -> Output {
        let kubeconfig = self.kubeconfig.display();
        run(&format!("{line} --kubeconfig {kubeconfig}")).await
    }
}

pub(crate) fn kubeconfig_text(server: &str) -> String {
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

pub(crate) async fn run(line: &str) -> Output {
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

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn document(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

pub(crate) fn shop() -> Value {
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

pub(crate) fn list(kind: &str, items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "items": items})
}

pub(crate) fn not_found(kind: &str) -> Value {
    json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found", "details": {"kind": kind}})
}

pub(crate) fn forbidden(message: &str) -> Value {
    json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": message})
}

pub(crate) fn lease(holder: &str) -> Value {
    json!({"metadata": {"name": "pathfinder-operator"}, "spec": {"holderIdentity": holder}})
}

pub(crate) fn hpa() -> Value {
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

pub(crate) fn record() -> Value {
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
