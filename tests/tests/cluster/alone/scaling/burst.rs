//! The operator killed in the middle of a burst: nothing changes by that.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use pathfinder_tests::suite::{Stack, load::Load};
use serde_json::json;

#[tokio::test]
async fn an_operator_killed_in_the_middle_of_a_burst_takes_nothing_back() {
    let stack = Stack::fresh("burst").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": 10});
    resource["spec"]["scaling"]["maxReplicas"] = json!(5);
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let load = (48, Duration::from_secs(75));
    let load = Load::of_reads(&stack, "load", load).await.unwrap();
    stack
        .wait_replicas(
            ("5 ordered", |(floor, ordered, _)| floor == 5 && ordered == 5),
            Duration::from_secs(45),
        )
        .await
        .unwrap();
    let operators: Api<Pod> = Api::namespaced(stack.client.clone(), "pathfinder-system");
    let selector = ListParams::default().labels("app.kubernetes.io/name=pathfinder-operator");
    // No grace: it ends like a process that crashed.
    operators
        .delete_collection(&DeleteParams::default().grace_period(0), &selector)
        .await
        .unwrap();
    stack
        .keeps(5, "while another operator takes over", Duration::from_secs(60))
        .await
        .unwrap();
    load.report(Duration::from_secs(90)).await.unwrap();
    stack.remove().await.unwrap();
}
