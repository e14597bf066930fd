//! What is known of the world when a decision is made. Every figure can be absent, and absence is not zero.
//!
//! Filled by whoever does the IO; nothing here reads anything. [`Observation::of`] takes the one signal that every cluster
//! has; the rest is absent until somebody knows it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::signal::{MissingReason, Signal};
use crate::units::{Ratio, Replicas, Seconds};

/// The world at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The load of the whole API, summed over all its pods, as a rate over a window of a few scrapes.
    pub requests_per_second: Signal,
    /// The latency at the quantile of the spec, over all pods; `None` without a latency target.
    pub latency: Option<Signal<Seconds>>,
    /// Replicas that are ordered (`spec.replicas` of the Deployment); `None` when not known.
    pub replicas_ordered: Option<Replicas>,
    /// Replicas that are ready; `None` when not known, and then those that are ordered are taken for ready.
    pub replicas_ready: Option<Replicas>,
    /// Replicas whose container fails again and again; `None` when not known.
    pub crash_looping: Option<Replicas>,
    /// The floor as it stands (`spec.minReplicas` of the HPA); `None` when not known.
    pub floor: Option<Replicas>,
    /// Whether a new pod template is being rolled out.
    pub rollout: Rollout,
    /// Time from the order of a pod to its readiness, as it was seen lately; `None` before any was seen.
    pub pod_start: Option<Duration>,
    /// What an increase must not pass.
    pub ceilings: Ceilings,
    /// What else could make the API slow.
    pub suspects: Suspects,
}

impl Observation {
    /// A settled world of which only the load is known.
    pub const fn of(requests_per_second: Signal) -> Self {
        Self {
            requests_per_second,
            latency: None,
            replicas_ordered: None,
            replicas_ready: None,
            crash_looping: None,
            floor: None,
            rollout: Rollout::Settled,
            pod_start: None,
            ceilings: Ceilings {
                database_connections: None,
                quota: None,
            },
            suspects: Suspects {
                postgres: None,
                redis: None,
                slow_pod: None,
            },
        }
    }

    /// The floor as it stands; without one what is ordered, because that is what would be lost.
    pub(crate) fn standing(&self) -> Option<Replicas> {
        self.floor.or(self.replicas_ordered)
    }
}

impl Default for Observation {
    /// A world of which nothing is known yet.
    fn default() -> Self {
        Self::of(Signal::Missing {
            reason: MissingReason::NotAskedYet,
        })
    }
}

/// Whether a new pod template is being rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rollout {
    /// Pods of two templates run side by side: nothing is lowered.
    InProgress,
    /// All pods are of the current template.
    Settled,
}

/// Numbers of replicas that an increase must not pass, beside `maxReplicas`. They never take away what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ceilings {
    /// Replicas that the database has connections for: (`max_connections` - reserve) / pool size, rounded down.
    pub database_connections: Option<Replicas>,
    /// Replicas that the namespace's quota has room for.
    pub quota: Option<Replicas>,
}

/// What else could make the API slow, with what is known of it. Saturation is 1 where the thing is fully used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspects {
    /// Saturation of PostgreSQL (the largest of its CPU, connections and disk).
    pub postgres: Option<Signal<Ratio>>,
    /// Saturation of Redis (the largest of its CPU and memory).
    pub redis: Option<Signal<Ratio>>,
    /// One pod whose latency is far over that of the others; `None` when there is none.
    pub slow_pod: Option<SlowPod>,
}

/// One pod whose latency is far over that of the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowPod {
    /// The share of all requests that it serves.
    pub share: Ratio,
}
