//! A history that is being lived through, tick by tick: what was decided is what is found at the next one.
//!
//! Knows no property and draws nothing at random.

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_scaling::{Decision, Memory, Observation, Policy, Quantity, Replicas, Signal, decide};

/// One tick of a history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) world: Observation,
    /// Replicas that are ready, of ten that are ordered; more than ten where a rollout surges.
    pub(crate) ready_tenths: u32,
    pub(crate) seconds: i64,
}

pub(crate) fn fresh<Q: Quantity>(raw: f64) -> Signal<Q> {
    Signal::classify(raw, Duration::ZERO, Duration::ZERO)
}

/// The same tick with another load.
pub(crate) fn with_load(step: Step, requests_per_second: Signal) -> Step {
    let world = Observation {
        requests_per_second,
        ..step.world
    };
    Step { world, ..step }
}

/// A history that is being lived through: what was decided is what is found at the next tick.
pub(crate) struct History {
    pub(crate) policy: Policy,
    pub(crate) memory: Memory,
    pub(crate) floor: Option<Replicas>,
    pub(crate) now: Timestamp,
}

impl History {
    pub(crate) fn new(policy: Policy, floor: Option<u32>) -> Self {
        Self {
            policy,
            memory: Memory::default(),
            floor: floor.map(Replicas::new),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn observed(&self, step: Step) -> Observation {
        let ready = |ordered: Replicas| Replicas::new(ordered.get().saturating_mul(step.ready_tenths) / 10);
        Observation {
            replicas_ordered: self.floor,
            replicas_ready: self.floor.map(ready),
            floor: self.floor,
            ..step.world
        }
    }

    pub(crate) fn live(&mut self, step: Step) -> Decision {
        self.now = Timestamp::from_second(self.now.as_second() + step.seconds).unwrap();
        let observation = self.observed(step);
        let (decision, memory) = decide(&self.policy, std::mem::take(&mut self.memory), &observation, self.now);
        self.memory = memory;
        self.floor = Some(decision.floor);
        decision
    }

    pub(crate) fn lived(policy: Policy, floor: u32, steps: &[Step]) -> Self {
        let mut history = Self::new(policy, Some(floor));
        for step in steps {
            history.live(*step);
        }
        history
    }
}
