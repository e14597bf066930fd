//! What nodes do to everything on them: power cuts, and a kube-proxy that starts again.

use std::time::Duration;

use pathfinder_tests::{
    cluster::faults::{self, Fault},
    suite::{Stack, kubectl::kubectl, until},
};
use serde_json::json;

#[tokio::test]
async fn a_worker_that_crashes_costs_no_data_and_the_api_runs_elsewhere_within_90_seconds() {
    let stack = Stack::fresh("power-cut").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    let draft = json!({"name": "Night Cup", "game": "go", "seats": 8, "startsAt": "2030-04-01T10:00:00Z"});
    let made = stack.create_tournament(&draft).await.unwrap();
    let path = format!("/api/tournaments/{}", made["id"].as_str().unwrap());

    // The node of the primary: API pods are spread, so one of them is there too, or on the other one.
    let node = stack.pods("postgres").await.unwrap()[0]
        .spec
        .as_ref()
        .unwrap()
        .node_name
        .clone()
        .unwrap();
    faults::inflict(Fault::Crash, &node).unwrap();
    let elsewhere = until("2 API pods on other nodes", Duration::from_secs(90), || async {
        let pods = stack.pods("api").await.map_err(|error| error.to_string())?;
        let there: Vec<_> = pods
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .filter(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) != Some(&node))
            .filter(|pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"))
            .map(|pod| pod.metadata.name.clone())
            .collect();
        if there.len() >= 2 {
            Ok(())
        } else {
            Err(format!("{there:?}"))
        }
    })
    .await;
    faults::inflict(Fault::Start, &node).unwrap();
    elsewhere.unwrap();
    stack.wait_ready().await.unwrap();
    let found = until("the API to find what was written", Duration::from_secs(60), || async {
        stack.call("GET", &path, None).await.map_err(|error| error.to_string())
    })
    .await
    .unwrap();
    assert_eq!(found["name"], draft["name"]);
    stack.remove().await.unwrap();
}

// It compares its rules with those that it finds when it starts, and once an hour. What it takes away then, nobody misses who
// is connected already: a new operator has to find the API server and its DNS.
#[tokio::test]
async fn services_answer_after_kube_proxy_started_again() {
    for (workload, namespace) in [
        ("daemonset/kube-proxy", "kube-system"),
        ("deployment/pathfinder-operator", "pathfinder-system"),
    ] {
        for words in [
            &["rollout", "restart", workload, "-n", namespace][..],
            &["rollout", "status", workload, "-n", namespace, "--timeout=120s"],
        ] {
            kubectl(words).await.unwrap().ok().unwrap();
        }
    }
}
