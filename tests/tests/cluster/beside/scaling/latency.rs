//! Latency over its target where replicas would not help: the database that is locked.

use std::time::Duration;

use pathfinder_tests::suite::{Stack, kubectl::kubectl, load::Load};
use serde_json::json;

use super::scaled;

// Pages of as many sizes, each cached by itself: when the cache has forgotten them, each waits for the database on a
// connection of its own, and there are more of them than connections.
const PAGES: u32 = 60;

async fn sql(stack: &Stack, text: &str) -> String {
    kubectl(&[
        "exec",
        "-n",
        &stack.namespace,
        "shop-postgres-0",
        "-c",
        "postgres",
        "--",
        "psql",
        "-U",
        "postgres",
        "-d",
        "app",
        "-c",
        text,
    ])
    .await
    .unwrap()
    .ok()
    .unwrap()
}

#[tokio::test]
async fn a_locked_database_is_named_and_the_api_is_not_driven_to_its_maximum() {
    let scaling = json!({"maxReplicas": 10, "requestsPerSecond": {"perReplica": 100}});
    let stack = scaled("locked", scaling).await;
    let pages: Vec<String> = (1..=PAGES)
        .map(|limit| stack.url(&format!("/api/tournaments?limit={limit}")))
        .collect();
    let under = Load::start(
        &stack.client,
        (&stack.namespace, "load"),
        // The load generator takes one request per line.
        &pages.join("\nGET "),
        (20, Duration::from_secs(150)),
    )
    .await
    .unwrap();
    stack
        .wait_condition(("MetricsAvailable", "True"), None, Duration::from_secs(60))
        .await
        .unwrap();
    let before = stack.replicas().await.unwrap().0;
    // A real lock on what every uncached read needs, given back before the test ends.
    let locking = sql(
        &stack,
        "BEGIN; LOCK TABLE tournaments IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(100); COMMIT",
    );
    let named = ("LatencyNotScalable", "True");
    let watching = stack.wait_condition(named, Some("PostgresSaturated"), Duration::from_secs(120));
    let (_, condition) = tokio::join!(locking, watching);
    condition.unwrap();
    let (floor, ..) = stack.replicas().await.unwrap();
    assert!(floor <= before + 2, "from {before} to {floor}");
    under.stop().await.unwrap();
    stack.remove().await.unwrap();
}
