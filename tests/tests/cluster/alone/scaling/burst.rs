//! The leader killed in the middle of a burst: nothing changes by that, though its successor has seen nothing of it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use pathfinder_tests::suite::{Stack, load::Load, until, wait::always};
use serde_json::json;

const PER_REPLICA: f64 = 10.0;

#[tokio::test]
async fn an_operator_killed_in_the_middle_of_a_burst_takes_nothing_back_and_adds_nothing() {
    let stack = Stack::fresh("burst").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": PER_REPLICA});
    // Far more than the burst asks for: nothing but what is known holds the floor down.
    resource["spec"]["scaling"]["maxReplicas"] = json!(16);
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let base = Load::of_reads(&stack, "base", (15, Duration::from_secs(300)))
        .await
        .unwrap();
    // A window that was served well teaches it that a replica serves more than the spec says.
    until(
        "more than the spec's capacity to be known",
        Duration::from_secs(120),
        || async {
            let said = stack.explain().await.map_err(|error| error.to_string())?;
            let reason = &said["record"]["reason"];
            if reason["perReplica"].as_f64() > Some(1.3 * PER_REPLICA) {
                Ok(())
            } else {
                Err(reason.to_string())
            }
        },
    )
    .await
    .unwrap();
    let burst = Load::of_reads(&stack, "burst", (55, Duration::from_secs(120)))
        .await
        .unwrap();
    let floor = until(
        "a burst that was ordered, and told",
        Duration::from_secs(60),
        || async {
            let scaling = stack.get().await.map_err(|error| error.to_string())?.status;
            let scaling = scaling.and_then(|status| status.scaling);
            let floor = stack.replicas().await.map_err(|error| error.to_string())?.0;
            match &scaling {
                Some(told) if told.replicas >= 5 && told.replicas == floor => match told.capacity_per_replica {
                    Some(capacity) if capacity > 1.3 * PER_REPLICA => Ok(floor),
                    _ => Err(format!("{scaling:?}")),
                },
                _ => Err(format!("{scaling:?}")),
            }
        },
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
    // At the capacity of the spec the same load would ask for two fifths more.
    always("the floor to stay", Duration::from_secs(60), || async {
        match stack.replicas().await {
            Ok((seen, ordered, _)) if (floor..=floor + 1).contains(&seen) && (floor..=floor + 1).contains(&ordered) => {
                Ok(())
            }
            other => Err((floor, other)),
        }
    })
    .await
    .unwrap();
    burst.stop().await.unwrap();
    base.stop().await.unwrap();
    stack.remove().await.unwrap();
}
