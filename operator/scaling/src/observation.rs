//! What is known of the world when a decision is made. Every figure can be absent, and absence is not zero.
//!
//! Filled by whoever does the IO; nothing here reads anything.

use crate::signal::Signal;
use crate::units::Replicas;

/// The world at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// The load of the whole API, summed over all its pods, as a rate over a window of a few scrapes.
    pub requests_per_second: Signal,
    /// Replicas that are ordered (`spec.replicas` of the Deployment); `None` when not known.
    pub replicas_ordered: Option<Replicas>,
    /// Replicas that are ready; `None` when not known. No law of today reads it.
    pub replicas_ready: Option<Replicas>,
    /// The floor as it stands (`spec.minReplicas` of the HPA); `None` when not known.
    pub floor: Option<Replicas>,
    /// Whether a new pod template is being rolled out.
    pub rollout: Rollout,
}

impl Observation {
    /// The floor as it stands; without one what is ordered, because that is what would be lost.
    pub(crate) fn standing(&self) -> Option<Replicas> {
        self.floor.or(self.replicas_ordered)
    }
}

/// Whether a new pod template is being rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Pods of two templates run side by side: nothing is lowered.
    InProgress,
    /// All pods are of the current template.
    Settled,
}
