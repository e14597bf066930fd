//! Paused, and paused in one direction: by the plugin, as a person would.

use std::time::Duration;

use pathfinder_tests::suite::kubectl::kubectl;
use serde_json::json;

use super::{load, scaled};

#[tokio::test]
async fn paused_scaling_leaves_replicas_as_they_are_and_resumed_scaling_follows_the_load() {
    let stack = scaled("paused", json!({"maxReplicas": 4})).await;
    let namespace = stack.namespace.clone();
    let pathfinder = |words: &'static [&'static str]| {
        let namespace = namespace.clone();
        async move {
            let mut all = vec!["pathfinder"];
            all.extend(words);
            all.extend(["shop", "-n", &namespace]);
            kubectl(&all).await.unwrap().ok().unwrap()
        }
    };
    let said = pathfinder(&["pause", "--up"]).await;
    assert!(said.contains("paused"), "{said}");
    let under = load(&stack, "load", (38, 90)).await;
    stack
        .keeps(2, "while increases are paused", Duration::from_secs(25))
        .await
        .unwrap();
    let explained = stack.explain().await.unwrap();
    assert!(
        explained["record"]["limits"].to_string().contains("Paused"),
        "{explained}"
    );
    pathfinder(&["resume", "--up"]).await;
    stack
        .wait_replicas(
            ("4 replicas", |(floor, ordered, _)| floor == 4 && ordered == 4),
            Duration::from_secs(45),
        )
        .await
        .unwrap();
    pathfinder(&["pause"]).await;
    stack
        .wait_condition(("ScalingActive", "False"), Some("Paused"), Duration::from_secs(60))
        .await
        .unwrap();
    under.stop().await.unwrap();
    stack
        .keeps(4, "while scaling is paused", Duration::from_secs(60))
        .await
        .unwrap();
    pathfinder(&["resume"]).await;
    stack
        .wait_replicas(("2 replicas", |seen| seen.0 == 2), Duration::from_secs(240))
        .await
        .unwrap();
    stack.remove().await.unwrap();
}
