//! Prometheus killed at the peak and returned without its history: the pods are asked meanwhile, and nothing is lowered.

use std::time::Duration;

use pathfinder_tests::suite::{Stack, load::Load, prometheus, wait::always};
use serde_json::json;

#[tokio::test]
async fn prometheus_killed_at_the_peak_and_returned_half_filled_lowers_nothing() {
    let stack = Stack::fresh("killed-source").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": 10});
    resource["spec"]["scaling"]["maxReplicas"] = json!(4);
    // So short that a decrease would come within the time that is watched.
    resource["spec"]["scaling"]["scaleDown"] = json!({"cooldownSeconds": 20});
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let url = stack.url("/api/tournaments");
    let load = (38, Duration::from_secs(150));
    let load = Load::start(&stack.client, (&stack.namespace, "load"), &url, load)
        .await
        .unwrap();
    stack
        .wait_replicas(
            ("4 replicas", |(floor, ordered, _)| floor == 4 && ordered == 4),
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    prometheus::scale(&stack.client, 0).await.unwrap();
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
    let held = || async {
        match stack.replicas().await {
            Ok((4, 4, _)) => Ok(()),
            other => Err(other),
        }
    };
    always("4 replicas by what the pods say", Duration::from_secs(20), held)
        .await
        .unwrap();
    // It comes back empty: its volume was its pod's.
    prometheus::scale(&stack.client, 1).await.unwrap();
    always(
        "4 replicas with a window that is half filled",
        Duration::from_secs(30),
        held,
    )
    .await
    .unwrap();
    load.report(Duration::from_secs(180)).await.unwrap();
    stack
        .wait_replicas(
            ("2 replicas after the load", |seen| seen.0 == 2),
            Duration::from_secs(240),
        )
        .await
        .unwrap();
    stack.remove().await.unwrap();
}
