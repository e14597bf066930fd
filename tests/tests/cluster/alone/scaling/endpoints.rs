//! Endpoints that are ill, and one that wants credentials: bounded, said, and nothing lowered.

use std::time::Duration;

use pathfinder_tests::{
    install,
    suite::{Stack, endpoint::IllEndpoint, kubectl::kubectl_with, load::Load, until},
};
use serde_json::json;

const SECRET: &str = "endpoint-token";

async fn write_token(token: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": "pathfinder-system"},
        "stringData": {"token": token},
    });
    kubectl_with(&["apply", "-f", "-"], &secret.to_string())
        .await
        .unwrap()
        .ok()
        .unwrap();
}

// The condition once its message says this.
async fn said(stack: &Stack, words: &str, deadline: Duration) {
    until(&format!("MetricsAvailable to say {words:?}"), deadline, || async {
        let condition = stack
            .condition("MetricsAvailable")
            .await
            .map_err(|error| error.to_string())?;
        match condition {
            Some(condition) if condition.message.contains(words) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_endpoint_that_is_ill_is_said_to_be_and_lowers_nothing_and_wrong_credentials_heal_when_they_are_rotated() {
    let stack = Stack::fresh("ill").await.unwrap();
    let ill = IllEndpoint::start(&stack.client).await.unwrap();
    ill.want_token("right");
    write_token("wrong").await;
    let mut words = Vec::new();
    for illness in ["slow", "huge", "html", "redirect", "secure"] {
        words.push(format!("prometheus.endpoints.{illness}.url={}", ill.url(illness)));
        words.push(format!("prometheus.endpoints.{illness}.scrapeIntervalSeconds=5"));
    }
    words.push(format!("prometheus.endpoints.secure.auth.bearer.secretName={SECRET}"));
    let words: Vec<&str> = words.iter().flat_map(|word| ["--set", word]).collect();
    install::operator(&words).await.unwrap();

    let mut resource = stack.small();
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": 10});
    resource["spec"]["scaling"]["scaleDown"] = json!({"cooldownSeconds": 20});
    resource["spec"]["scaling"]["maxReplicas"] = json!(4);
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let load = (38, Duration::from_secs(400));
    let load = Load::of_reads(&stack, "load", load).await.unwrap();
    stack
        .wait_replicas(
            ("4 replicas", |(floor, ordered, _)| floor == 4 && ordered == 4),
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    for (illness, words) in [
        ("slow", "gave no answer in"),
        ("huge", "answered more than"),
        ("html", "something else than Prometheus JSON"),
        ("redirect", "redirects"),
        ("secure", "check the endpoint's credentials"),
    ] {
        stack
            .patch(json!({"scaling": {"metrics": {"endpoint": illness}}}))
            .await
            .unwrap();
        said(&stack, words, Duration::from_secs(60)).await;
        assert_eq!(stack.replicas().await.unwrap().0, 4, "{illness} lowered something");
    }
    // The kubelet brings a changed Secret to the pod within about a minute.
    write_token("right").await;
    said(&stack, "the pods are not scraped", Duration::from_secs(180)).await;
    assert_eq!(stack.replicas().await.unwrap().0, 4, "no series is not no load");
    load.stop().await.unwrap();
    stack.remove().await.unwrap();
    install::operator(&[]).await.unwrap();
}
