//! Latency over its target where replicas would not help: the database that is locked, and the one pod that is slow.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use pathfinder_tests::suite::{Stack, kubectl::kubectl};
use serde_json::json;

use super::{load, scaled};

async fn sql(stack: &Stack, text: &str) -> String {
    kubectl(&[
        "exec",
        "-n",
        &stack.namespace,
        "shop-postgres-0",
        "-c",
        "postgres",
        "--",
        "psql",
        "-U",
        "postgres",
        "-d",
        "app",
        "-c",
        text,
    ])
    .await
    .unwrap()
    .ok()
    .unwrap()
}

#[tokio::test]
async fn a_locked_database_is_named_and_the_api_is_not_driven_to_its_maximum() {
    let scaling = json!({"maxReplicas": 10, "requestsPerSecond": {"perReplica": 20}, "latency": {"target": "200ms"}});
    let stack = scaled("locked", scaling).await;
    let under = load(&stack, "load", (20, 150)).await;
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(60))
        .await
        .unwrap();
    let before = stack.replicas().await.unwrap().0;
    // A real lock on what every uncached read needs, given back before the test ends.
    let locking = sql(
        &stack,
        "BEGIN; LOCK TABLE tournaments IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(100); COMMIT",
    );
    let watching = stack.wait_condition(("LatencyNotScalable", "True"), None, Duration::from_secs(120));
    let (_, condition) = tokio::join!(locking, watching);
    let condition = condition.unwrap();
    assert_eq!(condition.reason, "PostgresSaturated", "{condition:?}");
    let (floor, ..) = stack.replicas().await.unwrap();
    assert!(floor <= before + 2, "from {before} to {floor}");
    under.stop().await.unwrap();
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn one_slow_pod_is_named() {
    let scaling = json!({"minReplicas": 4, "maxReplicas": 8, "requestsPerSecond": {"perReplica": 30}, "latency": {"target": "20ms"}});
    let stack = scaled("slow-pod", scaling).await;
    let slow = stack.pods("api").await.unwrap().remove(0).name_any();
    // A hundredth of a core, changed in place: the pod stays ready and serves, slowly.
    let body = json!({"spec": {"containers": [{"name": "api", "resources": {"requests": {"cpu": "10m"}, "limits": {"cpu": "10m"}}}]}});
    let pods: Api<Pod> = stack.api();
    pods.patch_subresource("resize", &slow, &PatchParams::default(), &Patch::Strategic(body))
        .await
        .unwrap();
    let under = load(&stack, "load", (60, 150)).await;
    let condition = stack
        .wait_condition(
            ("LatencyNotScalable", "True"),
            Some("SlowPod"),
            Duration::from_secs(140),
        )
        .await
        .unwrap();
    assert!(condition.message.contains(&slow), "{slow}: {condition:?}");
    under.stop().await.unwrap();
    stack.remove().await.unwrap();
}
