//! What one replica serves: learned from what was seen, within bounds, and forgotten slowly.
//!
//! ```text
//! up       c := max(c, q)   q: the least load per ready replica of a full window with fresh latency at most its target;
//!                           4 q where latency was at most half its target: the queue is short, so there is room
//! down     c := min(c, q)   q: the load per replica at which latency was over its target, where more replicas mended it
//! always   lowest x perReplica <= c <= highest x perReplica, and c nears perReplica with a half-life of 48 h
//! ```
//!
//! Requests/s per replica. After llm-d and Kapacity, who learn it from a model; here it is only ever what was seen. Without
//! a latency there is nothing to learn from, and c is perReplica. It comes down only by proof (see `latency`): a slow
//! database at high load looks like small replicas, and would double them. Time under a latency that is over its target
//! ages nothing, for the same reason.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::situation::Situation;
use crate::span;
use crate::units::RequestsPerSecond;

/// In this time half of what was learned is forgotten.
const HALF_LIFE: Duration = Duration::from_hours(48);

/// The part of the latency target below which a queue is short.
const WELL_WITHIN: f64 = 0.5;

/// What is credited to a load per replica that was served well within the target: what a replica can do is not seen while
/// it has little to do, so within the bounds it is believed until latency says otherwise.
const CREDIT: f64 = 4.0;

/// What was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Capacity {
    learned: Option<RequestsPerSecond>,
    updated: Option<Timestamp>,
    run: Option<Run>,
}

/// A time with latency within its target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    since: Timestamp,
    least: RequestsPerSecond,
}

impl Capacity {
    /// As another memory had learned it.
    pub(crate) const fn known(learned: RequestsPerSecond) -> Self {
        Self {
            learned: Some(learned),
            updated: None,
            run: None,
        }
    }

    /// What was learned, if anything was.
    pub(crate) const fn learned(&self) -> Option<RequestsPerSecond> {
        self.learned
    }

    /// What one replica serves; more than 0.
    pub(crate) fn per_replica(&self, policy: &Policy) -> RequestsPerSecond {
        match (policy.latency_target(), self.learned) {
            (Some(_), Some(learned)) => bounded(policy, learned.get()),
            (Some(_) | None, _) => policy.per_replica(),
        }
    }

    /// Learns from what is there, after the decision. `too_much` is a load per replica that was proven to be.
    pub(crate) fn learn(&mut self, situation: &Situation<'_>, too_much: Option<RequestsPerSecond>) {
        let now = situation.clock.now;
        let idle = span::elapsed(self.updated.unwrap_or(now), now);
        self.updated = Some(now);
        if situation.observation.latency.is_none() || situation.policy.latency_target().is_none() {
            *self = Self {
                updated: self.updated,
                ..Self::default()
            };
            return;
        }
        self.age(situation, idle);
        if let Some(served) = self.served(situation) {
            self.set(situation.policy, |known| known.max(served.get()));
        }
        if let Some(too_much) = too_much {
            self.set(situation.policy, |known| known.min(too_much.get()));
        }
    }

    fn set(&mut self, policy: &Policy, change: impl FnOnce(f64) -> f64) {
        self.learned = Some(bounded(policy, change(self.per_replica(policy).get())));
    }

    /// Nears what the user wrote: both ways while latency is within its target, only down while it cannot be read.
    fn age(&mut self, situation: &Situation<'_>, idle: Duration) {
        let over = situation.latency().is_some_and(|(latency, target)| latency > target);
        let silent = situation.latency().is_none();
        let stated = situation.policy.per_replica().get();
        let kept = (-idle.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2();
        self.learned = self.learned.map(|learned| {
            let off = learned.get() - stated;
            if over || (silent && off < 0.0) {
                learned
            } else {
                RequestsPerSecond::saturating(stated + off * kept)
            }
        });
    }

    /// The load per ready replica that a full window was served well at.
    fn served(&mut self, situation: &Situation<'_>) -> Option<RequestsPerSecond> {
        let Some(served) = served_now(situation) else {
            self.run = None;
            return None;
        };
        let now = situation.clock.now;
        let run = self.run.map_or(
            Run {
                since: now,
                least: served,
            },
            |run| Run {
                least: if served < run.least { served } else { run.least },
                ..run
            },
        );
        let full = span::elapsed(run.since, now) >= situation.policy.down_window();
        self.run = (!full).then_some(run);
        full.then_some(run.least)
    }
}

/// The load per ready replica, where latency says that it is served well.
fn served_now(situation: &Situation<'_>) -> Option<RequestsPerSecond> {
    let (latency, target) = situation.latency()?;
    let ready = situation.observation.replicas_ready.map(|_| situation.serving())?;
    let well = situation.settled() && latency <= target && ready.get() > 0;
    let load = situation.load()?;
    let credit = if latency.get() <= WELL_WITHIN * target.get() {
        CREDIT
    } else {
        1.0
    };
    well.then(|| RequestsPerSecond::saturating(credit * load.get() / f64::from(ready.get())))
}

fn bounded(policy: &Policy, learned: f64) -> RequestsPerSecond {
    let (lowest, highest) = policy.capacity_bounds();
    RequestsPerSecond::saturating(learned.max(lowest.get()).min(highest.get()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::clock::Clock;
    use crate::observation::{Observation, Rollout};
    use crate::policy::PolicyInput;
    use crate::signal::{MissingReason, Signal};
    use crate::units::{Replicas, Seconds};

    /// A tick of five seconds with ten ready replicas at a load per replica, and a latency whose target is half a second.
    #[derive(Clone, Copy)]
    struct Tick {
        per_replica: f64,
        latency: Option<f64>,
        rollout: Rollout,
    }

    // Within the target of half a second, but not by half.
    const WELL: Option<f64> = Some(0.3);
    const WELL_WITHIN_IT: Option<f64> = Some(0.2);
    const BADLY: Option<f64> = Some(0.9);

    fn served(per_replica: f64, latency: Option<f64>) -> Tick {
        Tick {
            per_replica,
            latency,
            rollout: Rollout::Settled,
        }
    }

    struct Learner {
        capacity: Capacity,
        seconds: i64,
    }

    impl Learner {
        fn new() -> Self {
            Self {
                capacity: Capacity::default(),
                seconds: 0,
            }
        }

        fn live(&mut self, tick: Tick, seconds: i64, too_much: Option<f64>) -> f64 {
            let policy = Policy::parse(PolicyInput {
                latency_target: Some(Duration::from_millis(500)),
                ..PolicyInput::default()
            })
            .unwrap();
            let latency = tick.latency.map_or(
                Signal::Missing {
                    reason: MissingReason::NotScraped,
                },
                |seconds| Signal::Fresh {
                    value: Seconds::new(seconds).unwrap(),
                    age: Duration::ZERO,
                },
            );
            let observation = Observation {
                latency: Some(latency),
                replicas_ordered: Some(Replicas::new(10)),
                replicas_ready: Some(Replicas::new(10)),
                rollout: tick.rollout,
                ..Observation::of(Signal::classify(
                    tick.per_replica * 10.0,
                    Duration::ZERO,
                    Duration::ZERO,
                ))
            };
            for _ in 0..=seconds / 5 {
                let situation = Situation {
                    policy: &policy,
                    observation: &observation,
                    clock: Clock::starting(Timestamp::from_second(self.seconds).unwrap()),
                    from: Replicas::new(10),
                    capacity: self.capacity.per_replica(&policy),
                };
                self.capacity
                    .learn(&situation, too_much.map(|raw| RequestsPerSecond::new(raw).unwrap()));
                self.seconds += 5;
            }
            self.capacity.per_replica(&policy).get()
        }
    }

    #[rstest]
    #[case::more_than_was_written(served(130.0, WELL), 30, 130.0)]
    #[case::no_more_than_the_bound(served(400.0, WELL), 30, 140.0)]
    // Four times 30.
    #[case::more_than_it_served_where_the_queue_was_short(served(30.0, WELL_WITHIN_IT), 30, 120.0)]
    #[case::not_before_a_full_window(served(130.0, WELL), 20, 100.0)]
    #[case::not_while_latency_is_over_its_target(served(130.0, BADLY), 600, 100.0)]
    #[case::not_without_a_latency(served(130.0, None), 600, 100.0)]
    #[case::less_load_says_nothing(served(20.0, WELL), 600, 100.0)]
    #[case::not_during_a_rollout(Tick { rollout: Rollout::InProgress, ..served(130.0, WELL) }, 600, 100.0)]
    fn it_learns_what_a_full_window_was_served_well_at(#[case] tick: Tick, #[case] seconds: i64, #[case] learned: f64) {
        let found = Learner::new().live(tick, seconds, None);
        assert!((found - learned).abs() < 0.5, "{found}");
    }

    #[rstest]
    #[case::to_what_was_too_much(90.0, 90.0)]
    #[case::no_lower_than_the_bound(10.0, 50.0)]
    #[case::never_up(120.0, 100.0)]
    fn proof_that_a_load_was_too_much_brings_it_down(#[case] too_much: f64, #[case] learned: f64) {
        let found = Learner::new().live(served(20.0, BADLY), 0, Some(too_much));
        assert!((found - learned).abs() < 1e-9, "{found}");
    }

    #[rstest]
    // Half of the 30 above 100 is forgotten after 48 h.
    #[case::within_the_target(WELL, 115.0)]
    #[case::without_a_latency_towards_more_replicas(None, 115.0)]
    #[case::never_while_a_slow_database_lasts(BADLY, 130.0)]
    fn it_is_forgotten_slowly(#[case] latency: Option<f64>, #[case] left: f64) {
        let mut learner = Learner::new();
        learner.live(served(130.0, WELL), 30, None);
        let found = learner.live(served(20.0, latency), 48 * 3600, None);
        assert!((found - left).abs() < 0.1, "{found}");
    }

    #[test]
    fn without_a_latency_it_is_not_forgotten_towards_fewer_replicas() {
        let mut learner = Learner::new();
        learner.live(served(20.0, BADLY), 0, Some(80.0));
        let found = learner.live(served(20.0, None), 24 * 3600, None);
        assert!((found - 80.0).abs() < 1e-9, "{found}");
    }
}
