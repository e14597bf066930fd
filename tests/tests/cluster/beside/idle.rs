//! Idle means idle, and nobody fights over replicas: counted from the API server's audit log, by namespace.

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_tests::suite::{
    Stack,
    audit::{self, AUTOSCALER, OPERATOR},
    load::Load,
    until,
    wait::always,
};
use serde_json::json;

const QUIET: Duration = Duration::from_secs(300);

#[tokio::test]
async fn an_idle_operator_writes_nothing_for_five_minutes() {
    let stack = Stack::fresh("idle").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    // From here on the stack is as it should be; what follows is not start-up any more.
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(120))
        .await
        .unwrap();
    until(
        "the last write of the start to be half a minute old",
        Duration::from_secs(120),
        || async {
            let since = Timestamp::now() - Duration::from_secs(30);
            let recent: Vec<String> = operator_writes(&stack, since).iter().map(audit::Write::what).collect();
            if recent.is_empty() { Ok(()) } else { Err(recent) }
        },
    )
    .await
    .unwrap();
    let since = Timestamp::now();
    // The stack must be there all the time, or silence proves nothing.
    always("the stack to stay Ready", QUIET, || async {
        match stack.condition("Ready").await {
            Ok(Some(condition)) if condition.status == "True" => Ok(()),
            other => Err(other),
        }
    })
    .await
    .unwrap();
    let writes = operator_writes(&stack, since);
    let seen: Vec<_> = writes
        .iter()
        .map(|write| (write.what(), &write.request_received_timestamp))
        .collect();
    assert!(seen.is_empty(), "the operator wrote while nothing changed: {seen:?}");
    // The log itself must be alive: somebody (a kubelet, a controller) wrote in this namespace at its start.
    assert!(
        !audit::writes(&stack.namespace, Timestamp::UNIX_EPOCH)
            .unwrap()
            .is_empty()
    );
    stack.remove().await.unwrap();
}

fn operator_writes(stack: &Stack, since: Timestamp) -> Vec<audit::Write> {
    let writes = audit::writes(&stack.namespace, since).unwrap();
    writes
        .into_iter()
        .filter(|write| write.user.username == OPERATOR)
        .collect()
}

#[tokio::test]
async fn hpa_and_operator_fight_over_nothing_for_five_minutes_under_load() {
    let stack = Stack::fresh("ownership").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": 10});
    resource["spec"]["scaling"]["maxReplicas"] = json!(6);
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let minutes = Duration::from_secs(420);
    // 6 replicas serve 84 requests per second at the most that a replica may be found to serve: the bound keeps it there.
    let load = Load::of_reads(&stack, "load", (90, minutes)).await.unwrap();
    stack
        .wait_replicas(
            ("6 replicas to be ready", |(floor, _, ready)| floor == 6 && ready >= 6),
            Duration::from_secs(120),
        )
        .await
        .unwrap();
    let since = Timestamp::now();
    stack.keeps(6, "under a load that stays", QUIET).await.unwrap();
    load.stop().await.unwrap();
    let writes = audit::writes(&stack.namespace, since).unwrap();
    let contested: Vec<_> = writes
        .iter()
        .filter(|write| write.user.username == OPERATOR || write.user.username == AUTOSCALER)
        .filter(|write| {
            matches!(
                write.what().as_str(),
                "deployments/scale" | "deployments" | "horizontalpodautoscalers"
            )
        })
        .map(|write| (write.user.username.clone(), write.what()))
        .collect();
    assert!(
        contested.is_empty(),
        "writes to replicas or the floor while the load stayed the same: {contested:?}"
    );
    stack.remove().await.unwrap();
}
