//! One decision's view of the world: the policy, what was observed, the time, and where the result stands.
//!
//! Gives the laws the figures that they share, with the reading of absence in one place. Decides nothing.

use std::time::Duration;

use crate::clock::Clock;
use crate::learning::Sample;
use crate::observation::{Observation, Rollout};
use crate::policy::Policy;
use crate::units::{Replicas, RequestsPerSecond, Seconds};

/// A pod that takes longer than this to start does not make the laws wait longer: its start is stuck, not slow.
const LONGEST_POD_START: Duration = Duration::from_mins(15);

/// What the laws see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) observation: &'a Observation,
    pub(crate) clock: Clock,
    /// The result before this decision, within the bounds.
    pub(crate) from: Replicas,
    /// What one replica serves, as far as is known; more than 0.
    pub(crate) capacity: RequestsPerSecond,
}

impl Situation<'_> {
    /// The load, where it may be acted on.
    pub(crate) fn load(&self) -> Option<RequestsPerSecond> {
        self.observation.requests_per_second.fresh()
    }

    /// The latency, where it may be acted on and there is a target for it.
    pub(crate) fn latency(&self) -> Option<(Seconds, Seconds)> {
        Some((self.observation.latency?.fresh()?, self.policy.latency_target()?))
    }

    /// What is ordered, by whomever.
    pub(crate) fn ordered(&self) -> Replicas {
        self.observation.replicas_ordered.unwrap_or(self.from)
    }

    /// What is ordered, by whomever, or will be once the last decision is written.
    pub(crate) fn base(&self) -> Replicas {
        self.from.max(self.ordered())
    }

    /// What serves. Pods above what is ordered are a rollout's, and gone after it.
    pub(crate) fn serving(&self) -> Replicas {
        let ready = self.observation.replicas_ready.unwrap_or(self.ordered());
        ready.min(self.ordered())
    }

    /// Load over the capacity of what serves; infinite where nothing does.
    pub(crate) fn utilisation(&self, load: RequestsPerSecond) -> f64 {
        utilisation(load, self.serving(), self.capacity)
    }

    /// Time from ordering a pod to its readiness.
    pub(crate) fn pod_start(&self) -> Duration {
        let seen = self.observation.pod_start.unwrap_or(self.policy.pod_start());
        seen.min(LONGEST_POD_START)
    }

    /// How far ahead an order works: a pod's start, and the two samples that it takes to see a rate.
    pub(crate) fn horizon(&self) -> Duration {
        self.pod_start()
            .saturating_add(self.policy.scrape_interval().saturating_mul(2))
    }

    /// A load as the learning takes it.
    pub(crate) fn sample(&self, load: RequestsPerSecond) -> Sample {
        Sample {
            load,
            capacity: self.capacity,
            served: RequestsPerSecond::saturating(f64::from(self.serving().get()) * self.capacity.get()),
            horizon: self.horizon(),
            now: self.clock.now,
            wall: self.clock.wall,
        }
    }

    /// Whether pods of one template serve.
    pub(crate) fn settled(&self) -> bool {
        self.observation.rollout == Rollout::Settled
    }
}

/// Load over the capacity of `replicas`.
pub(crate) fn utilisation(load: RequestsPerSecond, replicas: Replicas, capacity: RequestsPerSecond) -> f64 {
    let served = f64::from(replicas.get()) * capacity.get();
    if served > 0.0 {
        load.get() / served
    } else {
        f64::INFINITY
    }
}
