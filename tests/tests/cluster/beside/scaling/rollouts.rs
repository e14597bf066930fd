//! Rollouts and crashes at the peak: nothing is lowered, and what does not start is not multiplied.

use std::time::Duration;

use pathfinder_tests::suite::{until, wait::always};
use serde_json::json;

use super::{load, scaled};

#[tokio::test]
async fn a_rolling_update_at_the_peak_lowers_nothing_and_counts_no_surge_as_demand() {
    let stack = scaled("rolling", json!({"maxReplicas": 8})).await;
    let under = load(&stack, "load", (36, 100)).await;
    stack
        .wait_replicas(
            ("4 replicas", |(floor, _, ready)| floor >= 4 && ready >= 4),
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    let before = stack.replicas().await.unwrap().0;
    stack
        .patch(json!({"api": {"env": [{"name": "ROLLED", "value": "yes"}]}}))
        .await
        .unwrap();
    always("the floor to stay", Duration::from_secs(50), || async {
        match stack.replicas().await {
            // One more may be asked for by noise of the load; a surge would ask for half as many again.
            Ok((floor, ordered, _)) if (before..=before + 1).contains(&floor) && ordered <= before + 1 => Ok(()),
            other => Err((before, other)),
        }
    })
    .await
    .unwrap();
    stack.wait_ready().await.unwrap();
    let report = under.report(Duration::from_secs(120)).await.unwrap();
    assert!(report.success > 0.99, "{report:?}");
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn an_image_that_crashes_at_the_peak_is_not_multiplied_and_the_old_pods_serve_on() {
    let stack = scaled("crashing", json!({"maxReplicas": 8})).await;
    let under = load(&stack, "load", (36, 100)).await;
    stack
        .wait_replicas(
            ("4 replicas", |(floor, _, ready)| floor >= 4 && ready >= 4),
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    let before = stack.replicas().await.unwrap().0;
    // No number: the process ends at once, again and again.
    stack
        .patch(json!({"api": {"env": [{"name": "DATABASE_PRIMARY_MAX_CONNECTIONS", "value": "many"}]}}))
        .await
        .unwrap();
    until("a pod that crashes", Duration::from_secs(60), || async {
        let pods = stack.pods("api").await.map_err(|error| error.to_string())?;
        let waiting = pods.iter().filter_map(|pod| {
            let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
            Some(container.restart_count)
        });
        let restarts = waiting.max().unwrap_or_default();
        if restarts >= 1 {
            Ok(())
        } else {
            Err(format!("{restarts} restarts"))
        }
    })
    .await
    .unwrap();
    always("no more replicas", Duration::from_secs(30), || async {
        match stack.replicas().await {
            Ok((floor, _, ready)) if (before..=before + 1).contains(&floor) && ready >= before - 1 => Ok(()),
            other => Err((before, other)),
        }
    })
    .await
    .unwrap();
    let report = under.report(Duration::from_secs(120)).await.unwrap();
    assert!(report.success > 0.99, "{report:?}");
    stack.remove().await.unwrap();
}
