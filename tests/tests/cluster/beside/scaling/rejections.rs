//! What cannot be meant about scaling is refused by the API server, with words that say what to write instead.

use pathfinder_tests::suite::{Stack, kubectl::kubectl_with};
use serde_json::{Value, json};

fn schedule(change: &Value) -> Value {
    let mut schedule = json!({"name": "lunch", "start": "30 11 * * *", "durationSeconds": 60, "replicas": 3});
    for (name, value) in change.as_object().unwrap() {
        schedule[name] = value.clone();
    }
    json!({"schedules": [schedule]})
}

#[allow(clippy::too_many_lines, reason = "a table")]
// What `spec.scaling` says, and what the refusal must say.
fn cases() -> Vec<(Value, &'static str)> {
    let mut cases = vec![
        (
            json!({"latency": {"target": "soon"}}),
            "write milliseconds or seconds, for example 500ms",
        ),
        (
            json!({"latency": {"target": "-5ms"}}),
            "write milliseconds or seconds, for example 500ms",
        ),
        (
            json!({"latency": {"target": "0ms"}}),
            "must be more than 0 and at most 60s",
        ),
        (
            json!({"latency": {"target": "61s"}}),
            "must be more than 0 and at most 60s",
        ),
        (
            json!({"latency": {"quantile": 1}}),
            "write a quantile from 0.5 to 0.999",
        ),
        (
            json!({"latency": {"mode": "Off"}}),
            "supported values: \"Enabled\", \"Disabled\"",
        ),
        (json!({"latency": {"query": ""}}), "should be at least 1 chars long"),
        (
            json!({"latency": {"query": "x".repeat(2001)}}),
            "may not be more than 2000",
        ),
        (
            json!({"objective": 1}),
            "write a share of all requests from 0.5 to 0.99999",
        ),
        (
            json!({"objective": -0.1}),
            "write a share of all requests from 0.5 to 0.99999",
        ),
        (json!({"requestsPerSecond": {"perReplica": -1}}), "must be more than 0"),
        (
            json!({"minReplicas": 5, "maxReplicas": 4}),
            "raise maxReplicas or lower minReplicas",
        ),
        (
            json!({"fallback": {"replicas": 11}}),
            "raise maxReplicas or lower fallback.replicas",
        ),
        (
            json!({"fallback": {"afterSeconds": 0, "replicas": 2}}),
            "should be greater than or equal to 1",
        ),
        (json!({"fallback": {}}), "fallback.replicas: Required value"),
        (
            json!({"scaleUp": {"maxPercent": 0}}),
            "should be greater than or equal to 1",
        ),
        (
            json!({"scaleDown": {"maxPercent": 101}}),
            "should be less than or equal to 100",
        ),
        (
            json!({"metrics": {"source": "Graphite"}}),
            "supported values: \"Prometheus\", \"Pods\"",
        ),
        (
            json!({"metrics": {"source": "Pods"}, "latency": {"query": "up"}}),
            "or use source Prometheus",
        ),
        (
            json!({"metrics": {"intervalSeconds": 60}}),
            "should be less than or equal to 5",
        ),
        (
            json!({"forecast": {"mode": "Always"}}),
            "supported values: \"Auto\", \"Disabled\"",
        ),
        (
            json!({"cpu": {"mode": "Off"}}),
            "supported values: \"Enabled\", \"Disabled\"",
        ),
    ];
    let schedules = [
        (json!({"name": "Lunch!"}), "write lower-case letters, digits and -"),
        (json!({"start": "30 11 * *"}), "write five fields"),
        (json!({"start": "soon"}), "write five fields"),
        (json!({"timeZone": "Europe/Berlin; drop"}), "write an IANA name"),
        (json!({"multiplier": 2}), "and not both"),
        (
            json!({"replicas": null, "multiplier": 0}),
            "more than 0 and at most 1000",
        ),
        (json!({"replicas": 11}), "raise maxReplicas or lower replicas"),
        (json!({"durationSeconds": 0}), "should be greater than or equal to 1"),
        (json!({"leadSeconds": -1}), "should be greater than or equal to 0"),
    ];
    cases.extend(schedules.map(|(change, said)| (schedule(&change), said)));
    let one = schedule(&json!({}))["schedules"][0].clone();
    cases.push((json!({"schedules": [one, one]}), "Duplicate value"));
    cases
}

#[tokio::test]
async fn what_cannot_be_meant_about_scaling_is_refused_with_words_that_help() {
    let stack = Stack::fresh("scaling-refused").await.unwrap();
    let mut wrong = Vec::new();
    for (scaling, words) in cases() {
        let mut resource = stack.small();
        resource["spec"]["scaling"] = scaling.clone();
        let said = kubectl_with(&["apply", "--dry-run=server", "-f", "-"], &resource.to_string())
            .await
            .unwrap();
        if said.worked || !said.err.contains(words) {
            wrong.push(format!(
                "{scaling}\n  should say {words:?} and said {}{}",
                said.out, said.err
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stack.remove().await.unwrap();
}
