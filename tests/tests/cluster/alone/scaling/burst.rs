//! The leader killed in the middle of a burst: nothing changes by that, though its successor has seen nothing of it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use pathfinder_tests::suite::{Stack, load::Load, until, wait::always};
use serde_json::{Value, json};

const PER_REPLICA: f64 = 10.0;

// The need behind a decision: what a replica serves, and the load to be ready for.
fn need(explained: &Value) -> Option<(f64, f64)> {
    let reason = &explained["record"]["reason"];
    let need = reason.get("need").unwrap_or(reason);
    Some((need["perReplica"].as_f64()?, need["preparedFor"].as_f64()?))
}

fn is_learned(per_replica: f64) -> bool {
    per_replica > 1.3 * PER_REPLICA
}

// A floor that has stood for three ticks: a step is seen in two parts where a scrape falls into it.
async fn settled(stack: &Stack) -> i32 {
    for _ in 0..8 {
        let floor = until("a burst that is ordered", Duration::from_secs(60), || async {
            match stack.replicas().await {
                Ok((floor, ordered, _)) if floor >= 5 && floor == ordered => Ok(floor),
                other => Err(other),
            }
        })
        .await
        .unwrap();
        if stack
            .keeps(floor, "once the burst is seen", Duration::from_secs(15))
            .await
            .is_ok()
        {
            return floor;
        }
    }
    panic!("no floor stood for 15 s: {:?}", stack.replicas().await);
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
        match need(&explained) {
            Some((per_replica, _)) if is_learned(per_replica) => Ok(()),
            _ => Err(explained["record"].to_string()),
        }
    })
    .await
    .unwrap();
    let burst = (55, Duration::from_secs(300));
    let burst = Load::of_reads(&stack, "burst", burst).await.unwrap();
    let floor = settled(&stack).await;
    let killed = Timestamp::now();
    let operators: Api<Pod> = Api::namespaced(stack.client.clone(), "pathfinder-system");
    let selector = ListParams::default().labels("app.kubernetes.io/name=pathfinder-operator");
    // No grace: it ends like a process that crashed.
    operators
        .delete_collection(&DeleteParams::default().grace_period(0), &selector)
        .await
        .unwrap();
    let prepared_for = until(
        "the successor to decide by a load",
        Duration::from_secs(120),
        || async {
            let explained = stack.explain().await.map_err(|error| error.to_string())?;
            let at: Option<Timestamp> = explained["record"]["at"].as_str().and_then(|at| at.parse().ok());
            match (at, need(&explained)) {
                (Some(at), Some((per_replica, prepared_for))) if at > killed && is_learned(per_replica) => {
                    Ok(prepared_for)
                }
                _ => Err(explained["record"].to_string()),
            }
        },
    )
    .await
    .unwrap();
    // The past may have taught it another margin: by one replica, or two. Without the capacity it would be more.
    let allowed = floor..=floor + 2;
    let at_the_specs = prepared_for / PER_REPLICA;
    assert!(
        at_the_specs > f64::from(floor) + 2.0,
        "{at_the_specs} and {floor}: nothing is proved"
    );
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
