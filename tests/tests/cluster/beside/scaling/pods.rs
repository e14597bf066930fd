//! The pods asked directly, without any Prometheus.

use std::time::Duration;

use serde_json::json;

use super::{load, scaled};

#[tokio::test]
async fn with_source_pods_the_pods_are_asked_and_no_endpoint_is_needed() {
    let scaling = json!({"maxReplicas": 5, "metrics": {"source": "Pods", "endpoint": "nowhere"}});
    let stack = scaled("pods", scaling).await;
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(60))
        .await
        .unwrap();
    let under = load(&stack, "load", (48, 40)).await;
    stack
        .wait_replicas(
            ("5 replicas", |(floor, ordered, ready)| {
                floor == 5 && ordered == 5 && ready == 5
            }),
            Duration::from_secs(45),
        )
        .await
        .unwrap();
    let explained = stack.explain().await.unwrap();
    let load = &explained["record"]["signals"][0];
    assert_eq!(load["verdict"], "Fresh", "{explained}");
    assert!(load["ageSeconds"].as_f64().unwrap() < 5.0, "{explained}");
    under.report(Duration::from_secs(90)).await.unwrap();
    stack
        .wait_replicas(("2 replicas", |seen| seen.0 == 2), Duration::from_secs(240))
        .await
        .unwrap();
    stack.remove().await.unwrap();
}
