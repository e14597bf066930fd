//! What a person gets wrong that no schema can see: each ends in a condition and one event, and heals by itself.

use std::time::Duration;

use kube::api::DeleteParams;
use pathfinder_tests::suite::{Stack, kubectl::kubectl_with};
use serde_json::json;

const SOON: Duration = Duration::from_secs(120);

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_named_once_and_heals_with_the_right_one() {
    let stack = Stack::fresh("image").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["api"]["image"] = json!("localhost/pathfinder/no-such-image:1");
    stack.apply(&resource).await.unwrap();
    let condition = stack
        .wait_condition(("Ready", "False"), Some("ImagePullFailed"), SOON)
        .await
        .unwrap();
    assert!(condition.message.contains("no-such-image:1"), "{}", condition.message);
    stack.told_once_while_it_lasts("ImagePullFailed").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    stack.told_once("ImagePullFailed").await.unwrap();
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_nobody_defined_is_said_with_those_that_are_and_heals() {
    let stack = Stack::fresh("endpoint").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["metrics"] = json!({"endpoint": "east"});
    stack.apply(&resource).await.unwrap();
    let condition = stack
        .wait_condition(("MetricsAvailable", "False"), Some("UnknownEndpoint"), SOON)
        .await
        .unwrap();
    assert!(condition.message.contains("defined: default"), "{}", condition.message);
    stack.told_once_while_it_lasts("UnknownEndpoint").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(240))
        .await
        .unwrap();
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn a_quota_that_refuses_pods_is_said_once_and_heals_when_it_goes() {
    let stack = Stack::fresh("quota").await.unwrap();
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "tiny", "namespace": stack.namespace},
        "spec": {"hard": {"pods": "1"}},
    });
    kubectl_with(&["create", "-f", "-"], &quota.to_string())
        .await
        .unwrap()
        .ok()
        .unwrap();
    stack.apply(&stack.small()).await.unwrap();
    let condition = stack
        .wait_condition(("Ready", "False"), Some("PodsRefused"), SOON)
        .await
        .unwrap();
    assert!(
        condition.message.contains("exceeded quota: tiny"),
        "{}",
        condition.message
    );
    stack.told_once_while_it_lasts("PodsRefused").await.unwrap();
    let quotas: kube::Api<k8s_openapi::api::core::v1::ResourceQuota> = stack.api();
    quotas.delete("tiny", &DeleteParams::default()).await.unwrap();
    stack.wait_ready().await.unwrap();
    stack.remove().await.unwrap();
}
