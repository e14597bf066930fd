//! Pods and samples for the tests of signals, in the namespace `shop`, at one moment.
//!
//! Samples are two seconds old; a pod is up unless it is said to be down.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Pod, PodCondition, PodStatus},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};

use crate::scale::sample::{Answer, Bucket, PodSample};

pub(super) const MAX_AGE: Duration = Duration::from_secs(15);
const NOW: i64 = 1_000_000;

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

pub(super) fn pod(name: &str, ready_for_seconds: i64) -> Pod {
    with(
        name,
        PodCondition {
            type_: "Ready".into(),
            status: "True".into(),
            last_transition_time: Some(Time(Timestamp::from_second(NOW - ready_for_seconds).unwrap())),
            ..PodCondition::default()
        },
    )
}

pub(super) fn unready(name: &str) -> Pod {
    with(
        name,
        PodCondition {
            type_: "Ready".into(),
            status: "False".into(),
            ..PodCondition::default()
        },
    )
}

fn with(name: &str, condition: PodCondition) -> Pod {
    Pod {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: Some("shop".into()),
            ..ObjectMeta::default()
        },
        status: Some(PodStatus {
            conditions: Some(vec![condition]),
            ..PodStatus::default()
        }),
        ..Pod::default()
    }
}

pub(super) fn quiet() -> PodSample {
    PodSample {
        up: Some(1.0),
        ..PodSample::default()
    }
}

pub(super) fn down() -> PodSample {
    PodSample {
        up: Some(0.0),
        ..PodSample::default()
    }
}

pub(super) fn fresh() -> PodSample {
    PodSample {
        sampled: Some(999_998.0),
        ..quiet()
    }
}

pub(super) fn durations(buckets: &[(f64, f64)]) -> PodSample {
    PodSample {
        durations: buckets.iter().map(|&(le, rate)| Bucket { le, rate }).collect(),
        ..fresh()
    }
}

pub(super) fn samples(of: &[(&str, PodSample)]) -> Answer {
    let by_pod = of
        .iter()
        .map(|(name, sample)| (("shop".into(), (*name).into()), sample.clone()));
    Answer::Samples(by_pod.collect())
}
