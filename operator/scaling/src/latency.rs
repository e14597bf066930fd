//! The latency guard: a few more replicas where latency says that they are missing, and a reason where they would not help.
//!
//! A guard and never a ratio: a quantile of latency is not inverse in replicas (docs/SCALING.md). With u = load / (serving
//! replicas x capacity), fresh latency over its target
//!
//! ```text
//! u >= 0.8, no store saturated   one step of max(1, 10 %) replicas, then a wait of one pod start and one window, at least
//!                                scaleUp.cooldownSeconds; a step that mended nothing is the last (2 replicas at most)
//! else                           no replicas: the bottleneck is elsewhere, and the suspect is named
//! ```
//!
//! A step mended something where latency fell by a quarter at the same load; the load per replica before it was too much,
//! which is what `capacity` learns. What was added stays on top of demand until latency was within its target for one hold.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::demand::Demand;
use crate::observation::Suspects;
use crate::record::{Limit, Suspect};
use crate::signal::Signal;
use crate::situation::Situation;
use crate::span;
use crate::units::{Ratio, Replicas, RequestsPerSecond, Seconds};

/// Below this utilisation more replicas cannot be what is missing: a queue at 80 % is five services long, not more.
pub(crate) const HIGH_UTILISATION: f64 = 0.8;

/// Above this saturation a store is what is slow.
const SATURATED: f64 = 0.8;

/// A step, as a part of what is ordered.
const STEP_DIVISOR: u32 = 10;

/// The most replicas that are added before one of them has helped.
const MOST_UNPROVEN: u32 = 2;

/// What latency must fall to, as a part of what it was, for a step to have helped.
const MENDED: f64 = 0.75;

/// What the load may fall to meanwhile: below it, it was the load that mended latency.
const SAME_LOAD: f64 = 0.95;

/// What latency asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finding {
    /// No target, no fresh latency, or no fresh load to judge it by.
    Silent,
    /// Within its target.
    Within,
    /// More replicas.
    Step {
        /// How many in all.
        to: Replicas,
    },
    /// More replicas, but not yet.
    Waits(Limit),
    /// Not more replicas.
    NotScalable(Suspect),
}

/// What the guard remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guard {
    /// The replicas after the last step.
    floor: Option<Replicas>,
    /// The replicas that the guard added.
    added: u32,
    /// Those of them that have not helped.
    unproven: u32,
    trust: Trust,
    on_trial: Option<Step>,
    stepped: Option<Timestamp>,
    within_since: Option<Timestamp>,
    last_over: Option<Timestamp>,
}

/// Whether more replicas have helped since latency went over its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Trust {
    #[default]
    Unproven,
    Proven,
}

/// A step whose effect is not seen yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Step {
    at: Timestamp,
    added: u32,
    latency: Seconds,
    load: RequestsPerSecond,
    per_ready: RequestsPerSecond,
}

impl Guard {
    /// What latency asks for now.
    pub(crate) fn find(&self, situation: &Situation<'_>, demand: Option<&Demand>) -> Finding {
        let (Some((latency, target)), Some(demand)) = (situation.latency(), demand) else {
            return Finding::Silent;
        };
        if latency <= target {
            return Finding::Within;
        }
        let suspects = &situation.observation.suspects;
        let elsewhere = situation.utilisation(demand.load) < HIGH_UTILISATION || self.is_spent();
        match saturated(suspects) {
            Some(store) => Finding::NotScalable(store),
            None if elsewhere => Finding::NotScalable(suspects.slow_pod.map_or(Suspect::Unknown, Suspect::SlowPod)),
            None => match self.waits(situation) {
                Some(limit) => Finding::Waits(limit),
                None => Finding::Step {
                    to: situation.base().plus(self.step(situation.base())),
                },
            },
        }
    }

    /// The replicas that earlier steps ask for still: what they added stays on top of demand, up to where they went.
    pub(crate) fn floor(&self, demand: &Demand) -> Option<Replicas> {
        self.floor.map(|floor| floor.min(demand.need.replicas.plus(self.added)))
    }

    /// Takes what was found and what became of it, after the decision. Gives the load per replica that was proven too much.
    pub(crate) fn learn(
        &mut self,
        situation: &Situation<'_>,
        demand: Option<&Demand>,
        finding: Finding,
        result: Replicas,
    ) -> Option<RequestsPerSecond> {
        let demand = demand?;
        let too_much = self.prove(situation, demand);
        if let Finding::Step { to } = finding {
            self.step_taken(situation, demand, to.min(result));
        }
        self.let_go(situation, demand);
        too_much
    }

    fn is_spent(&self) -> bool {
        self.on_trial.is_none() && self.trust == Trust::Unproven && self.unproven >= MOST_UNPROVEN
    }

    fn step(&self, base: Replicas) -> u32 {
        let step = (base.get() / STEP_DIVISOR).max(1);
        match self.trust {
            Trust::Proven => step,
            Trust::Unproven => step.min(MOST_UNPROVEN.saturating_sub(self.unproven)),
        }
    }

    /// What a step has to wait for.
    fn waits(&self, situation: &Situation<'_>) -> Option<Limit> {
        let clock = situation.clock;
        let failing = situation.observation.crash_looping.unwrap_or_default();
        if failing.get() > 0 && failing.get() >= situation.ordered().get().div_ceil(2) {
            return Some(Limit::CrashLooping { replicas: failing });
        }
        if situation.serving() < situation.base() {
            let until = clock.shown(span::after(clock.now, situation.pod_start()));
            return Some(Limit::LatencyWait { until });
        }
        let stepped = self.stepped?;
        let seen = span::after(stepped, effect_seen_after(situation));
        let cooled = span::after(stepped, situation.policy.scale_up_cooldown());
        if clock.now < cooled && seen < cooled {
            Some(Limit::ScaleUpCooldown {
                until: clock.shown(cooled),
            })
        } else if clock.now < seen || self.on_trial.is_some() {
            Some(Limit::LatencyWait {
                until: clock.shown(seen.max(clock.now)),
            })
        } else {
            None
        }
    }

    /// Whether the step on trial helped, once that can be seen.
    fn prove(&mut self, situation: &Situation<'_>, demand: &Demand) -> Option<RequestsPerSecond> {
        let step = self.on_trial?;
        let (latency, _) = situation.latency()?;
        let early = situation.clock.now < span::after(step.at, effect_seen_after(situation));
        if early || !situation.settled() || situation.serving() < situation.ordered() {
            return None;
        }
        self.on_trial = None;
        let same_load = demand.load.get() >= SAME_LOAD * step.load.get();
        if same_load && latency.get() <= MENDED * step.latency.get() {
            self.trust = Trust::Proven;
            self.unproven = self.unproven.saturating_sub(step.added);
            Some(step.per_ready)
        } else {
            self.trust = Trust::Unproven;
            None
        }
    }

    fn step_taken(&mut self, situation: &Situation<'_>, demand: &Demand, to: Replicas) {
        // Where demand asks for as many, the increase is demand's.
        let without = situation.base().max(demand.need.replicas);
        let (Some((latency, _)), added @ 1..) = (situation.latency(), to.minus(without.get()).get()) else {
            return;
        };
        let now = situation.clock.now;
        self.floor = Some(to);
        self.added = self.added.saturating_add(added);
        self.unproven = self.unproven.saturating_add(added);
        self.stepped = Some(now);
        self.on_trial = Some(Step {
            at: now,
            added,
            latency,
            load: demand.load,
            per_ready: RequestsPerSecond::saturating(demand.load.get() / f64::from(situation.serving().get().max(1))),
        });
    }

    /// Forgets what was added once latency was within its target for a hold, or could not be read for a cooldown.
    fn let_go(&mut self, situation: &Situation<'_>, demand: &Demand) {
        let now = situation.clock.now;
        // Not before its effect was judged: a step that is let go unproven teaches nothing, and is taken again for ever.
        let hold = demand.prepared.hold.max(effect_seen_after(situation));
        match situation.latency() {
            Some((latency, target)) if latency > target => {
                self.within_since = None;
                self.last_over = Some(now);
            }
            Some(_) => self.within_since = self.within_since.or(Some(now)),
            None => self.within_since = None,
        }
        let within = self.within_since.is_some_and(|since| span::elapsed(since, now) >= hold);
        let unread_for = hold.max(situation.policy.longest_hold());
        let unread = self.within_since.is_none()
            && self
                .last_over
                .is_some_and(|last| span::elapsed(last, now) >= unread_for);
        if within || unread {
            *self = Self {
                within_since: self.within_since,
                ..Self::default()
            };
        }
    }
}

/// When the effect of a step can be seen: its pods serve, and the window of the latency holds nothing from before.
fn effect_seen_after(situation: &Situation<'_>) -> Duration {
    situation.pod_start().saturating_add(situation.policy.down_window())
}

fn saturated(suspects: &Suspects) -> Option<Suspect> {
    let over = |signal: Option<Signal<Ratio>>| signal.and_then(Signal::fresh).filter(|it| it.get() > SATURATED);
    let postgres = over(suspects.postgres).map(|saturation| Suspect::Postgres { saturation });
    postgres.or(over(suspects.redis).map(|saturation| Suspect::Redis { saturation }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::clock::Clock;
    use crate::demand;
    use crate::learning::Prepared;
    use crate::observation::Observation;
    use crate::policy::{Policy, PolicyInput};

    const HOLD: Duration = Duration::from_secs(120);

    /// Forty replicas of 100 requests/s, all ready, at a load and a latency whose target is half a second.
    #[derive(Clone)]
    struct World {
        guard: Guard,
        observation: Observation,
        load: f64,
        seconds: i64,
    }

    impl World {
        fn slow_at(load: f64) -> Self {
            let mut world = Self {
                guard: Guard::default(),
                observation: Observation {
                    replicas_ordered: Some(Replicas::new(40)),
                    replicas_ready: Some(Replicas::new(40)),
                    ..Observation::default()
                },
                load,
                seconds: 0,
            };
            world.latency(2.0);
            world
        }

        fn latency(&mut self, seconds: f64) {
            self.observation.latency = Some(Signal::classify(seconds, Duration::ZERO, Duration::ZERO));
        }

        fn ask<T>(&mut self, ask: impl FnOnce(&mut Guard, &Situation<'_>, &Demand) -> T) -> T {
            let policy = Policy::parse(PolicyInput {
                max_replicas: 1000,
                latency_target: Some(Duration::from_millis(500)),
                scale_up_cooldown: Duration::ZERO,
                ..PolicyInput::default()
            })
            .unwrap();
            let load = RequestsPerSecond::new(self.load).unwrap();
            let observation = Observation {
                requests_per_second: Signal::Fresh {
                    value: load,
                    age: Duration::ZERO,
                },
                ..self.observation
            };
            let situation = Situation {
                policy: &policy,
                observation: &observation,
                clock: Clock::starting(Timestamp::from_second(self.seconds).unwrap()),
                from: Replicas::new(40),
                capacity: policy.per_replica(),
            };
            let prepared = Prepared {
                load,
                margin: 1.0,
                hold: HOLD,
            };
            ask(&mut self.guard, &situation, &demand::demand(&situation, load, prepared))
        }

        fn find(&mut self) -> Finding {
            self.ask(|guard, situation, demand| guard.find(situation, Some(demand)))
        }

        /// One tick: what is found, and what is learned of it.
        fn tick(&mut self) -> (Finding, Option<f64>) {
            let finding = self.find();
            let too_much = self
                .ask(|guard, situation, demand| guard.learn(situation, Some(demand), finding, Replicas::new(u32::MAX)));
            self.seconds += 5;
            (finding, too_much.map(RequestsPerSecond::get))
        }

        /// What was asked for is ordered and ready.
        fn has(&mut self, replicas: u32) {
            self.observation.replicas_ordered = Some(Replicas::new(replicas));
            self.observation.replicas_ready = Some(Replicas::new(replicas));
        }

        fn waits(&mut self, seconds: i64) -> Option<f64> {
            (0..=seconds / 5).fold(None, |found, _| self.tick().1.or(found))
        }
    }

    fn step(to: u32) -> Finding {
        Finding::Step { to: Replicas::new(to) }
    }

    #[rstest]
    #[case::high(3900.0, step(42))]
    #[case::just_high_enough(3200.0, step(42))]
    #[case::low(3190.0, Finding::NotScalable(Suspect::Unknown))]
    fn replicas_are_added_where_utilisation_is_high(#[case] load: f64, #[case] finding: Finding) {
        // A tenth of 40 is 4, but before any has helped, two are the most.
        assert_eq!(World::slow_at(load).find(), finding);
    }

    #[test]
    fn the_surge_of_a_rollout_serves_nothing() {
        let mut world = World::slow_at(3300.0);
        world.observation.replicas_ready = Some(Replicas::new(60));
        assert_eq!(world.find(), step(42), "3300 on 40 are 83 %, on 60 they would be 55 %");
    }

    #[test]
    fn without_a_fresh_latency_or_load_nothing_is_found() {
        let mut world = World::slow_at(3900.0);
        assert_eq!(
            world.ask(|guard, situation, _| guard.find(situation, None)),
            Finding::Silent
        );
        world.latency(f64::NAN);
        assert_eq!(world.find(), Finding::Silent);
        world.latency(0.5);
        assert_eq!(world.find(), Finding::Within);
    }

    #[rstest]
    #[case::all_seven_start(7, None, "LatencyWait")]
    #[case::half_crash(40, Some(20), "CrashLooping")]
    fn pods_that_are_not_there_yet_are_waited_for(
        #[case] ready: u32,
        #[case] crash_looping: Option<u32>,
        #[case] limit: &str,
    ) {
        let mut world = World::slow_at(3900.0);
        world.observation.replicas_ready = Some(Replicas::new(ready));
        world.observation.crash_looping = crash_looping.map(Replicas::new);
        let Finding::Waits(found) = world.find() else {
            panic!("{:?}", world.find())
        };
        assert_eq!(found.name(), limit);
    }

    #[test]
    fn a_step_that_helped_names_the_load_that_was_too_much_and_allows_larger_steps() {
        let mut world = World::slow_at(3900.0);
        assert_eq!(world.tick(), (step(42), None));
        world.has(42);
        // A quarter off two seconds, where pods take 30 s to start and a window 30 s.
        world.latency(1.5);
        let too_much = world.waits(55).unwrap();
        // 3900 on the 40 that served.
        assert!((too_much - 97.5).abs() < 1e-9, "{too_much}");
        assert_eq!(world.find(), step(46), "a tenth of 42");
    }

    #[rstest]
    #[case::too_little(1.6, 3900.0)]
    #[case::by_the_load_that_fell(0.6, 3600.0)]
    fn a_step_that_did_not_help_was_the_last(#[case] latency: f64, #[case] load: f64) {
        let mut world = World::slow_at(3900.0);
        world.tick();
        world.has(42);
        world.latency(latency);
        world.load = load;
        assert_eq!(world.waits(60), None);
        assert_eq!(world.find(), Finding::NotScalable(Suspect::Unknown));
    }

    #[test]
    fn what_was_added_stays_on_top_of_demand_and_no_higher_than_it_went() {
        let mut world = World::slow_at(3900.0);
        world.tick();
        let mut floor_at = |load: f64| {
            world.load = load;
            world.ask(|guard, _, demand| guard.floor(demand).unwrap().get())
        };
        // Two were added to 40: 39 and 2, 20 and 2, and at 50 demand needs none of them.
        assert_eq!([floor_at(3900.0), floor_at(2000.0), floor_at(5000.0)], [41, 22, 42]);
    }

    #[test]
    fn what_was_added_goes_once_latency_was_within_its_target_for_a_hold() {
        let mut world = World::slow_at(3900.0);
        world.tick();
        world.latency(0.4);
        world.waits(115);
        assert!(world.clone().ask(|guard, _, demand| guard.floor(demand)).is_some());
        world.tick();
        assert_eq!(world.ask(|guard, _, demand| guard.floor(demand)), None);
    }

    #[test]
    fn an_increase_that_demand_makes_anyway_is_not_latencys() {
        let mut world = World::slow_at(5000.0);
        // 50 are needed, 42 would be latency's.
        assert_eq!(world.tick().0, step(42));
        assert_eq!(world.ask(|guard, _, demand| guard.floor(demand)), None);
    }
}
