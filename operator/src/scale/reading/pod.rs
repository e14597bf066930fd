//! What every signal asks of a pod: which sample is its own, how old that is, and whether its silence matters.
//!
//! Pure. What follows from silence is for each signal to say.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

use crate::scale::sample::{PodSample, Samples};

/// What the source said of this pod.
pub fn sample<'a>(samples: &'a Samples, pod: &Pod) -> Option<&'a PodSample> {
    let key = (
        pod.metadata.namespace.clone().unwrap_or_default(),
        pod.metadata.name.clone().unwrap_or_default(),
    );
    samples.get(&key)
}

/// Time since `sampled`, in Unix seconds.
pub(super) fn age(sampled: f64, now: Timestamp) -> Duration {
    // A clock that runs a little ahead makes no sample younger than now.
    Duration::try_from_secs_f64(now.as_duration().as_secs_f64() - sampled).unwrap_or(Duration::ZERO)
}

/// Whether traffic is sent to the pod.
pub(super) fn is_ready(pod: &Pod) -> bool {
    ready(pod).is_some()
}

/// Whether the pod's silence means something: only a pod that has been ready long enough to have been sampled twice must
/// be heard of.
pub(super) fn must_be_heard(pod: &Pod, grace: Duration, now: Timestamp) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && ready(pod).is_some_and(|it| {
            it.last_transition_time
                .as_ref()
                .is_none_or(|since| now.duration_since(since.0).unsigned_abs() >= grace && now >= since.0)
        })
}

fn ready(pod: &Pod) -> Option<&PodCondition> {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.find(|it| it.type_ == "Ready" && it.status == "True")
}
