//! Resources, HPAs, events and a live record for tests, each as small as it can be.
//!
//! Built from JSON as the API server sends it, so that reading it is tested as well. Compiled for tests only.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition},
    core::v1::Event,
};
use pathfinder_crds::PathfinderCluster;
use serde_json::{Value, json};

use crate::model::explanation::Live;

/// Why the scaled resource has six replicas.
pub(crate) const WHY: &str = "590 requests/s need 6 at 100 per replica";

/// The present time of all tests; resources are made 1h5m before.
pub(crate) fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A resource that nobody has reported about.
pub(crate) fn cluster(name: &str) -> PathfinderCluster {
    read(json!({
        "apiVersion": "pathfinder.dev/v1alpha1",
        "kind": "PathfinderCluster",
        "metadata": {
            "name": name,
            "namespace": "demo",
            "generation": 7,
            "creationTimestamp": "2026-01-01T10:55:00Z",
        },
        "spec": {"api": {"image": "ghcr.io/acme/shop:1"}, "postgres": {}, "redis": {}},
    }))
}

/// A resource that is ready with two replicas.
pub(crate) fn ready(name: &str) -> PathfinderCluster {
    let mut cluster = cluster(name);
    cluster.status = read(json!({"observedGeneration": 7, "api": {"replicas": 2, "readyReplicas": 2}}));
    add_condition(&mut cluster, "Ready", "True", "AsSpecified");
    add_condition(&mut cluster, "PostgresReady", "True", "AsSpecified");
    add_condition(&mut cluster, "RedisReady", "True", "AsSpecified");
    cluster
}

/// A resource whose floor went from two to six, 4m12s ago.
pub(crate) fn scaled(name: &str) -> PathfinderCluster {
    let mut cluster = ready(name);
    let status = cluster.status.get_or_insert_default();
    status.api = read(json!({"replicas": 6, "readyReplicas": 6}));
    status.scaling = read(json!({
        "replicas": 6,
        "previous": 2,
        "why": WHY,
        "time": "2026-01-01T11:55:48Z",
        "signals": [
            {"name": "requestsPerSecond", "verdict": "Fresh", "value": 590.0, "ageSeconds": 3.2, "asked": 6},
        ],
    }));
    cluster
}

/// Adds a condition that holds since 4m12s.
pub(crate) fn add_condition(cluster: &mut PathfinderCluster, type_: &str, status: &str, reason: &str) {
    let condition = read(json!({
        "type": type_,
        "status": status,
        "reason": reason,
        "message": format!("about {type_}"),
        "lastTransitionTime": "2026-01-01T11:55:48Z",
    }));
    cluster.status.get_or_insert_default().conditions.push(condition);
}

/// Replaces a condition.
pub(crate) fn set_condition(cluster: &mut PathfinderCluster, type_: &str, status: &str, reason: &str) {
    let conditions = &mut cluster.status.get_or_insert_default().conditions;
    conditions.retain(|condition| condition.type_ != type_);
    add_condition(cluster, type_, status, reason);
}

/// The HPA of a resource, of at most ten replicas: its floor, its current and desired replicas, and the utilisation of
/// CPU (target 70 %) and memory (target 80 %).
pub(crate) fn hpa(
    cluster: &str,
    floor: i32,
    [current, desired]: [i32; 2],
    utilization: Option<[i32; 2]>,
) -> HorizontalPodAutoscaler {
    let target = |name: &str, percent: i32| {
        let target = json!({"type": "Utilization", "averageUtilization": percent});
        json!({"type": "Resource", "resource": {"name": name, "target": target}})
    };
    let figure = |name: &str, percent: i32| json!({"type": "Resource", "resource": {"name": name, "current": {"averageUtilization": percent}}});
    let figures = utilization.map(|[cpu, memory]| vec![figure("cpu", cpu), figure("memory", memory)]);
    read(json!({
        "metadata": {"name": format!("{cluster}-api"), "namespace": "demo"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": format!("{cluster}-api")},
            "minReplicas": floor,
            "maxReplicas": 10,
            "metrics": [target("cpu", 70), target("memory", 80)],
        },
        "status": {"currentReplicas": current, "desiredReplicas": desired, "currentMetrics": figures},
    }))
}

/// Makes an HPA say that it cannot act.
pub(crate) fn fail_hpa(hpa: &mut HorizontalPodAutoscaler, reason: &str, message: &str) {
    let condition = HorizontalPodAutoscalerCondition {
        type_: "ScalingActive".into(),
        status: "False".into(),
        reason: Some(reason.into()),
        message: Some(message.into()),
        ..HorizontalPodAutoscalerCondition::default()
    };
    hpa.status.get_or_insert_default().conditions = Some(vec![condition]);
}

/// An event in that minute of the day.
pub(crate) fn event(minute: u32, reason: &str) -> Event {
    read(json!({
        "metadata": {"name": format!("event-{minute}")},
        "involvedObject": {"kind": "PathfinderCluster", "name": "shop"},
        "type": "Normal",
        "reason": reason,
        "message": "2 -> 6",
        "lastTimestamp": format!("2026-01-01T00:{minute:02}:00Z"),
    }))
}

/// A live record of two seconds ago that asks for six, with these limits and this row of its signal.
pub(crate) fn live_with(limits: &Value, signal: &Value) -> Live {
    let record = json!({
        "at": now() - SignedDuration::from_secs(2),
        "signals": [signal],
        "limits": limits,
        "result": 6,
        "previous": 6,
        "reason": {
            "kind": "Demand", "requestsPerSecond": 590.0, "preparedFor": 590.0, "perReplica": 100.0, "replicas": 6,
            "margin": 1.0, "withinSeconds": 40.0, "holdSeconds": 300.0,
        },
    });
    Live {
        leader: "pathfinder-operator-1".into(),
        body: read(
            json!({"namespace": "demo", "name": "shop", "record": record, "sentence": format!("6 replicas: {WHY}")}),
        ),
    }
}

/// A live record of two seconds ago: fresh, not limited.
pub(crate) fn live() -> Live {
    let signal =
        json!({"name": "requestsPerSecond", "verdict": "Fresh", "value": 590.0, "ageSeconds": 3.2, "asked": 6});
    live_with(&json!([]), &signal)
}
