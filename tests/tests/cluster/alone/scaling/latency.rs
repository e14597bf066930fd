//! One pod that is far slower than the others: named, and not answered with more pods.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use pathfinder_tests::suite::{Stack, load::Load};
use serde_json::json;

#[tokio::test]
async fn one_slow_pod_is_named() {
    let scaling = json!({"minReplicas": 4, "maxReplicas": 4, "latency": {"target": "300ms"},
        "cpu": {"mode": "Disabled"}, "memory": {"mode": "Disabled"}});
    let stack = Stack::fresh("slow-pod").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"] = scaling;
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let credentials = stack.sign_up().await;
    let slow = stack.pods("api").await.unwrap().remove(0).name_any();
    // Changed in place: a password takes some 25 ms of a core, so four periods of 100 ms at eight hundredths of one, and two of
    // them each second leave enough for the probes.
    let body = json!({"spec": {"containers": [{"name": "api", "resources": {"limits": {"cpu": "80m"}}}]}});
    let pods: Api<Pod> = stack.api();
    pods.patch_subresource("resize", &slow, &PatchParams::default(), &Patch::Strategic(body))
        .await
        .unwrap();
    let url = stack.url("/api/sessions");
    let under = Load::start_posts(
        &stack.client,
        (&stack.namespace, "load"),
        (&url, &credentials),
        (8, Duration::from_secs(150)),
    )
    .await
    .unwrap();
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
