//! Rollouts and crashes at the peak: the load is what it was, and what does not start is not multiplied.

use std::{ops::RangeInclusive, time::Duration};

use pathfinder_tests::suite::{Counts, Stack, has_learned, load::Load, until, wait::always};
use serde_json::json;

use super::{PER_REPLICA, load, scaled};

// A load of 36 requests per second at 10 per replica, until it is served by what it needs and nothing of its beginning is
// held any more: the floor then. Before it is known what a replica serves, which takes a window that was served well, noise of
// one request per second is a replica or two. The maximum is far away, so that counting twice would show.
async fn at_the_peak(test: &str) -> (Stack, Load, i32) {
    // Held for a minute, so that noise moves nothing; the load's beginning is over then.
    let scaling = json!({"maxReplicas": 12, "scaleDown": {"cooldownSeconds": 60, "maxPercent": 100}, "latency": {"target": "5s"}});
    let stack = scaled(test, scaling).await;
    let under = load(&stack, "load", (36, 300)).await;
    let served = async |(floor, _, ready): Counts| {
        let explained = stack.explain().await.map_err(|error| error.to_string())?;
        let reason = &explained["record"]["reason"];
        if floor >= 4 && ready == floor && reason["kind"] == "Demand" && has_learned(&explained, PER_REPLICA) {
            Ok(())
        } else {
            Err(format!("{floor} wanted, {ready} ready: {reason}"))
        }
    };
    let floor = stack
        .stands(
            ("a load that is served by what it needs", served),
            Duration::from_secs(200),
        )
        .await
        .unwrap();
    (stack, under, floor)
}

// Noise of the load may ask for one more or one fewer. A surge would ask for half as many again; a rate that is divided among
// old and new pods for half, which is less than 4.
fn about(floor: i32) -> RangeInclusive<i32> {
    (floor - 1).max(4)..=floor + 1
}

#[tokio::test]
async fn a_rolling_update_at_the_peak_is_read_as_no_change_of_the_load() {
    let (stack, under, before) = at_the_peak("rolling").await;
    stack
        .patch(json!({"api": {"env": [{"name": "ROLLED", "value": "yes"}]}}))
        .await
        .unwrap();
    always("the floor to stay", Duration::from_secs(50), || async {
        match stack.replicas().await {
            Ok((floor, ordered, _)) if about(before).contains(&floor) && about(before).contains(&ordered) => Ok(()),
            other => Err((before, other)),
        }
    })
    .await
    .unwrap();
    stack.wait_ready().await.unwrap();
    let report = under.report(Duration::from_secs(240)).await.unwrap();
    assert!(report.success > 0.99, "{report:?}");
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn an_image_that_crashes_at_the_peak_is_not_multiplied_and_the_old_pods_serve_on() {
    let (stack, under, before) = at_the_peak("crashing").await;
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
            Ok((floor, _, ready)) if about(before).contains(&floor) && ready >= before - 1 => Ok(()),
            other => Err((before, other)),
        }
    })
    .await
    .unwrap();
    let report = under.report(Duration::from_secs(240)).await.unwrap();
    assert!(report.success > 0.99, "{report:?}");
    stack.remove().await.unwrap();
}
