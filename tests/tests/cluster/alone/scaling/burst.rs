//! The leader killed in the middle of a burst: nothing changes by that, though its successor has seen nothing of it.

use std::time::Duration;

use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use pathfinder_tests::suite::{Counts, Stack, has_learned, load::Load, until, wait::always};
use serde_json::json;

const NAMESPACE: &str = "pathfinder-system";
const PER_REPLICA: f64 = 10.0;

async fn leader(stack: &Stack) -> Option<String> {
    let leases: Api<Lease> = Api::namespaced(stack.client.clone(), NAMESPACE);
    let lease = leases.get_opt("pathfinder-operator").await.unwrap()?;
    lease.spec?.holder_identity
}

#[tokio::test]
async fn an_operator_killed_in_the_middle_of_a_burst_takes_nothing_back_and_adds_nothing() {
    let stack = Stack::fresh("burst").await.unwrap();
    let mut resource = stack.small();
    let scaling = &mut resource["spec"]["scaling"];
    scaling["requestsPerSecond"] = json!({"perReplica": PER_REPLICA});
    // Far more than the burst asks for, and a latency that a busy machine keeps: nothing but what is known holds the floor down.
    scaling["maxReplicas"] = json!(16);
    scaling["latency"] = json!({"target": "5s"});
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let base = (15, Duration::from_secs(480));
    let base = Load::of_reads(&stack, "base", base).await.unwrap();
    // A window that was served well teaches it that a replica serves more than the spec says.
    until("the capacity to be learned", Duration::from_secs(120), || async {
        let explained = stack.explain().await.map_err(|error| error.to_string())?;
        if has_learned(&explained, PER_REPLICA) {
            Ok(())
        } else {
            Err(explained["record"].to_string())
        }
    })
    .await
    .unwrap();
    let burst = (55, Duration::from_secs(300));
    let burst = Load::of_reads(&stack, "burst", burst).await.unwrap();
    let ordered = async |(floor, ordered, _): Counts| match floor {
        5.. if floor == ordered => Ok(()),
        _ => Err(format!("{ordered} of {floor} ordered")),
    };
    let floor = stack
        .stands(("a burst that is ordered", ordered), Duration::from_secs(120))
        .await
        .unwrap();
    let before = leader(&stack).await;
    let operators: Api<Pod> = Api::namespaced(stack.client.clone(), NAMESPACE);
    let selector = ListParams::default().labels("app.kubernetes.io/name=pathfinder-operator");
    // No grace: it ends like a process that crashed.
    operators
        .delete_collection(&DeleteParams::default().grace_period(0), &selector)
        .await
        .unwrap();
    until(
        "the successor to decide by a load",
        Duration::from_secs(120),
        || async {
            let now = leader(&stack).await;
            let explained = stack.explain().await.map_err(|error| error.to_string())?;
            if now != before && has_learned(&explained, PER_REPLICA) {
                Ok(())
            } else {
                Err(format!("{now:?}: {}", explained["record"]))
            }
        },
    )
    .await
    .unwrap();
    // The past may have taught it another margin: by one replica, or two. At the capacity of the spec it would be two fifths more,
    // and nothing is taken back for ten minutes.
    let allowed = floor..=floor + 2;
    always("the floor to stay", Duration::from_secs(45), || async {
        match stack.replicas().await {
            Ok((seen, ordered, _)) if allowed.contains(&seen) && allowed.contains(&ordered) => Ok(()),
            other => Err((floor, other)),
        }
    })
    .await
    .unwrap();
    burst.stop().await.unwrap();
    base.stop().await.unwrap();
    stack.remove().await.unwrap();
}
