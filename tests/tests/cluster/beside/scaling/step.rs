//! A step of load: ordered at once, explained, and down again when it is over.

use std::time::Duration;

use pathfinder_tests::suite::until;
use serde_json::{Value, json};

use super::{load, scaled};

#[tokio::test]
async fn a_step_of_load_is_ordered_explained_and_given_back() {
    let stack = scaled("step", json!({"maxReplicas": 6})).await;
    let steady = load(&stack, "steady", (8, 15)).await;
    steady.report(Duration::from_secs(60)).await.unwrap();
    let step = load(&stack, "step", (48, 40)).await;
    stack
        .wait_replicas(
            ("5 or 6 replicas, ordered and ready", |(floor, ordered, ready)| {
                floor >= 5 && ordered >= 5 && ready >= 5
            }),
            Duration::from_secs(60),
        )
        .await
        .unwrap();
    // The HPA looks every 15 s, and has no figures of its own while most pods have just started.
    let explained = until("the floor to have asked", Duration::from_secs(30), || async {
        let explained = stack.explain().await.map_err(|error| error.to_string())?;
        let by_floor = ["Floor", "FloorAlone"].map(Value::from);
        if by_floor.contains(&explained["replicas"]["askedBy"]) {
            Ok(explained)
        } else {
            Err(explained.to_string())
        }
    })
    .await
    .unwrap();
    let kinds = ["Demand", "Burst", "Held"];
    assert!(
        kinds.contains(&explained["record"]["reason"]["kind"].as_str().unwrap()),
        "{explained}"
    );
    let names: Vec<&str> = explained["record"]["signals"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    assert!(names.starts_with(&["requestsPerSecond", "latency"]), "{names:?}");
    let report = step.report(Duration::from_secs(90)).await.unwrap();
    assert!(report.success > 0.99, "{report:?}");
    stack
        .wait_replicas(("2 replicas again", |seen| seen == (2, 2, 2)), Duration::from_secs(240))
        .await
        .unwrap();
    until(
        "no latency at night: a quantile of no requests is none",
        Duration::from_secs(90),
        || async {
            let night = stack.explain().await.map_err(|error| error.to_string())?;
            let latency = night["record"]["signals"][1].clone();
            if latency["verdict"] == "Missing" {
                Ok(())
            } else {
                Err(latency.to_string())
            }
        },
    )
    .await
    .unwrap();
    assert_eq!(
        stack.condition("MetricsAvailable").await.unwrap().unwrap().status,
        "True"
    );
    stack.remove().await.unwrap();
}
