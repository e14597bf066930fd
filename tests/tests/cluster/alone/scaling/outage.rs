//! No data is not no load: Prometheus stopped at the peak, and returned without its history.
//!
//! One outage for two stacks, since nothing else may run meanwhile: for one of them the pods stand in, for the other nobody
//! does.

use std::time::Duration;

use pathfinder_tests::suite::{Stack, load::Load, prometheus};
use serde_json::{Value, json};

#[tokio::test]
async fn no_data_is_not_no_load_prometheus_stopped_under_load_never_lowers_replicas() {
    // A query of the user's own: what it asks for is not to be had of the pods, so nothing stands in for Prometheus.
    let query = r#"sum(rate(http_requests_total{namespace="t-no-data"}[20s]))"#;
    let (seen, blind) = tokio::join!(
        // Under load until after the outage.
        at_its_peak("killed-source", (json!({}), json!({})), 240),
        // Its load ends while nobody can see it, and still nothing may be lowered.
        at_its_peak("no-data", (json!({"query": query}), json!({"endpoint": "queries"})), 75),
    );
    prometheus::scale(&seen.0.client, 0).await.unwrap();
    tokio::join!(outage_with_pods(&seen.0), outage_without_data(blind.0.clone(), blind.1));
    // It comes back empty: its volume was its pod's.
    prometheus::scale(&seen.0.client, 1).await.unwrap();
    tokio::join!(after_with_load(seen.0, seen.1), after_without_load(blind.0));
}

// A stack with 4 replicas, all that it may have, and what keeps it there.
async fn at_its_peak(test: &str, (demand, metrics): (Value, Value), seconds: u64) -> (Stack, Load) {
    let stack = Stack::fresh(test).await.unwrap();
    let mut resource = stack.small();
    let scaling = &mut resource["spec"]["scaling"];
    scaling["requestsPerSecond"] = demand;
    scaling["requestsPerSecond"]["perReplica"] = json!(10);
    scaling["metrics"] = metrics;
    scaling["maxReplicas"] = json!(4);
    // So short that a decrease would come within the time that is watched.
    scaling["scaleDown"] = json!({"cooldownSeconds": 20});
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let load = (38, Duration::from_secs(seconds));
    let load = Load::of_reads(&stack, "load", load).await.unwrap();
    stack
        .wait_replicas(
            ("4 replicas", |(floor, ordered, _)| floor == 4 && ordered == 4),
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    (stack, load)
}

async fn outage_with_pods(stack: &Stack) {
    let condition = stack
        .wait_condition(
            ("MetricsAvailable", "True"),
            Some("PodsInstead"),
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    assert!(
        condition.message.contains("the pods are asked instead"),
        "{condition:?}"
    );
    stack
        .keeps(4, "by what the pods say", Duration::from_secs(20))
        .await
        .unwrap();
}

async fn outage_without_data(stack: Stack, load: Load) {
    load.report(Duration::from_secs(120)).await.unwrap();
    stack.keeps(4, "without data", Duration::from_secs(90)).await.unwrap();
    let condition = stack.condition("MetricsAvailable").await.unwrap().unwrap();
    assert_eq!(condition.status, "False", "{condition:?}");
}

async fn after_with_load(stack: Stack, load: Load) {
    stack
        .keeps(4, "with a window that is half filled", Duration::from_secs(30))
        .await
        .unwrap();
    load.report(Duration::from_secs(240)).await.unwrap();
    stack
        .wait_replicas(
            ("2 replicas after the load", |seen| seen.0 == 2),
            Duration::from_secs(240),
        )
        .await
        .unwrap();
    stack.remove().await.unwrap();
}

// With data that says zero, and only then, it comes down.
async fn after_without_load(stack: Stack) {
    stack
        .wait_replicas(
            ("2 replicas after fresh data", |(floor, ordered, _)| {
                (floor, ordered) == (2, 2)
            }),
            Duration::from_secs(180),
        )
        .await
        .unwrap();
    stack.remove().await.unwrap();
}
