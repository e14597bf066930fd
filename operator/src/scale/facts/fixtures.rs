//! Pods for the tests of facts, in the namespace `shop`, at one moment.
//!
//! Every pod runs on a node and was created an hour ago unless a test says otherwise.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Pod, PodCondition, PodStatus},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn now() -> Timestamp {
    at(1_000_000)
}

pub(super) fn seconds_ago(seconds: i64) -> Time {
    Time(at(now().as_second() - seconds))
}

/// A pod that has been ready for so many seconds, or is not.
pub(super) fn pod(name: &str, ready_for_seconds: Option<i64>) -> Pod {
    let condition = PodCondition {
        type_: "Ready".into(),
        status: if ready_for_seconds.is_some() { "True" } else { "False" }.into(),
        last_transition_time: ready_for_seconds.map(seconds_ago),
        ..PodCondition::default()
    };
    Pod {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: Some("shop".into()),
            creation_timestamp: Some(seconds_ago(3600)),
            ..ObjectMeta::default()
        },
        status: Some(PodStatus {
            phase: Some("Running".into()),
            conditions: Some(vec![condition]),
            ..PodStatus::default()
        }),
        ..Pod::default()
    }
}
