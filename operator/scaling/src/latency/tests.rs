//! Steps of latency: when one is asked for, what it taught, and who is suspected.

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
        let too_much =
            self.ask(|guard, situation, demand| guard.learn(situation, Some(demand), finding, Replicas::new(u32::MAX)));
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
