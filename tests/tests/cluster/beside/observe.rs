//! `mode: Observe`: decided and explained, not written.

use std::time::Duration;

use pathfinder_tests::suite::{Stack, load::Load, until};
use serde_json::json;

#[tokio::test]
async fn observe_explains_and_writes_nothing_driven_by_a_signal() {
    let stack = Stack::fresh("observe").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["requestsPerSecond"] = json!({"perReplica": 10});
    resource["spec"]["scaling"]["mode"] = json!("Observe");
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let load = Load::of_reads(&stack, "load", (40, Duration::from_secs(60)))
        .await
        .unwrap();
    until(
        "the decision to ask for at least 4",
        Duration::from_secs(45),
        || async {
            let asked = stack
                .get()
                .await
                .unwrap()
                .status
                .and_then(|it| it.scaling)
                .map(|it| (it.replicas, it.signals));
            match &asked {
                Some((_, signals)) if signals.iter().any(|signal| signal.asked >= Some(4)) => Ok(()),
                _ => Err(asked),
            }
        },
    )
    .await
    .unwrap();
    assert_eq!(stack.replicas().await.unwrap().0, 2);
    assert_eq!(
        stack.condition("ScalingActive").await.unwrap().unwrap().reason,
        "Observing"
    );
    load.stop().await.unwrap();
    stack.remove().await.unwrap();
}
