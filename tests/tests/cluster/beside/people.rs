//! What a person sees: `kubectl explain`, the table of `kubectl get`, and the plugin.

use std::time::Duration;

use pathfinder_tests::suite::{Stack, kubectl::kubectl, until};
use serde_json::Value;

#[tokio::test]
async fn kubectl_explain_reads_like_documentation() {
    let text = kubectl(&["explain", "pfc.spec.scaling"]).await.unwrap().ok().unwrap();
    for words in [
        "requestsPerSecond",
        "Demand by requests per second",
        "The fewest replicas",
        "enum: Auto, Observe, Paused",
    ] {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
    assert!(
        !text.contains("<no description>"),
        "a field has no description:\n{text}"
    );
}

#[tokio::test]
async fn the_plugin_is_found_by_kubectl_and_explains_the_number() {
    let stack = Stack::fresh("plugin").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(120))
        .await
        .unwrap();
    let namespace = stack.namespace.as_str();
    let status = kubectl(&["pathfinder", "status", "shop", "-n", namespace])
        .await
        .unwrap()
        .ok()
        .unwrap();
    assert!(status.contains("Ready"), "{status}");
    let live = until("a live record with a fresh signal", Duration::from_secs(30), || async {
        let words = ["pathfinder", "explain", "shop", "-n", namespace, "-o", "json"];
        let said = kubectl(&words).await.unwrap().ok().unwrap();
        let value: Value = serde_json::from_str(&said).unwrap();
        if said.contains("Fresh") { Ok(value) } else { Err(said) }
    })
    .await
    .unwrap();
    assert!(live.is_object());
    let text = kubectl(&["pathfinder", "explain", "shop", "-n", namespace])
        .await
        .unwrap()
        .ok()
        .unwrap();
    assert!(
        text.contains("requestsPerSecond") || text.contains("requests/s"),
        "{text}"
    );
    let nobody = kubectl(&["pathfinder", "explain", "nobody", "-n", namespace])
        .await
        .unwrap();
    assert!(
        !nobody.worked && nobody.err.contains("shop"),
        "an unknown name lists those that exist: {}",
        nobody.err
    );
    stack.remove().await.unwrap();
}
