//! No data is not no load: Prometheus is stopped while replicas are needed.

use std::time::Duration;

use pathfinder_tests::suite::{Stack, load::Load, prometheus, until, wait::always};
use serde_json::json;

#[tokio::test]
async fn no_data_is_not_no_load_prometheus_stopped_under_load_never_lowers_replicas() {
    let stack = Stack::fresh("no-data").await.unwrap();
    let mut resource = stack.small();
    // A query of the user's own: what it asks for is not to be had of the pods, so nothing stands in for Prometheus.
    let query = format!(
        r#"sum(rate(http_requests_total{{namespace="{}"}}[20s]))"#,
        stack.namespace
    );
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": 10, "query": query});
    resource["spec"]["scaling"]["metrics"] = json!({"endpoint": "queries"});
    resource["spec"]["scaling"]["maxReplicas"] = json!(4);
    // So short that a decrease would come within the time that is watched.
    resource["spec"]["scaling"]["scaleDown"] = json!({"cooldownSeconds": 20});
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let url = stack.url("/api/tournaments");
    let load = Load::start(
        &stack.client,
        (&stack.namespace, "load"),
        &url,
        (35, Duration::from_secs(40)),
    )
    .await
    .unwrap();
    until("4 replicas", Duration::from_secs(60), || async {
        match stack.replicas().await {
            Ok((4, 4, _)) => Ok(()),
            other => Err(other),
        }
    })
    .await
    .unwrap();
    prometheus::scale(&stack.client, 0).await.unwrap();
    // The load ends while nobody can see it, and still nothing may be lowered.
    load.report(Duration::from_secs(90)).await.unwrap();
    always(
        "4 replicas to be held without data",
        Duration::from_secs(90),
        || async {
            match stack.replicas().await {
                Ok((4, 4, _)) => Ok(()),
                other => Err(other),
            }
        },
    )
    .await
    .unwrap();
    let condition = stack.condition("MetricsAvailable").await.unwrap().unwrap();
    assert_eq!(condition.status, "False", "{condition:?}");
    prometheus::scale(&stack.client, 1).await.unwrap();
    // With data that says zero, and only then, it comes down.
    until("the decrease after fresh data", Duration::from_secs(180), || async {
        match stack.replicas().await {
            Ok((2, 2, _)) => Ok(()),
            other => Err(other),
        }
    })
    .await
    .unwrap();
    stack.remove().await.unwrap();
}
