//! Gates of decreases, one by one and together.

use std::time::Duration;

use jiff::Timestamp;
use rstest::rstest;

use super::*;
use crate::clock::Clock;
use crate::learning::Prepared;
use crate::observation::{Ceilings, Observation};
use crate::policy::PolicyInput;
use crate::signal::Signal;
use crate::units::Seconds;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn rate(raw: f64) -> RequestsPerSecond {
    RequestsPerSecond::new(raw).unwrap()
}

fn input() -> PolicyInput {
    PolicyInput {
        scale_down_cooldown: Some(Duration::from_mins(1)),
        latency_target: Some(Duration::from_millis(500)),
        ..PolicyInput::default()
    }
}

/// A memory that saw fresh samples every 5 s from second 0 to 60, the time of every decision here.
fn memory() -> Memory {
    let mut memory = Memory::default();
    for second in (0..=60).step_by(5) {
        memory.window.take(Duration::from_secs(15), at(second));
    }
    memory
}

fn names(limits: &Limits) -> Vec<&'static str> {
    limits.iter().map(|limit| limit.name()).collect()
}

/// From six down to two at a load of 100 without a margin, with everything open.
struct Fall {
    input: PolicyInput,
    world: Observation,
    memory: Memory,
    load: f64,
}

impl Fall {
    fn new() -> Self {
        Self {
            input: PolicyInput {
                down_percent_max: 100,
                ..input()
            },
            world: Observation::default(),
            memory: memory(),
            load: 100.0,
        }
    }

    fn lower(&self) -> (u32, Vec<&'static str>) {
        let policy = Policy::parse(self.input).unwrap();
        let situation = Situation {
            policy: &policy,
            observation: &self.world,
            clock: Clock::starting(at(60)),
            from: Replicas::new(6),
            capacity: rate(100.0),
        };
        let prepared = Prepared {
            load: rate(self.load),
            margin: 1.0,
            hold: Duration::ZERO,
        };
        let demand = demand::demand(&situation, rate(self.load), prepared);
        let mut limits = Limits::new();
        let to = policy.clamp(demand.need.replicas);
        let result = lower(&situation, &self.memory, &demand, to, &mut limits);
        (result.get(), names(&limits))
    }
}

#[test]
fn all_gates_open_lets_it_go_all_the_way() {
    assert_eq!(Fall::new().lower(), (2, vec![]));
}

fn with_latency(fall: &mut Fall, seconds: f64) {
    fall.world.latency = Some(Signal::Fresh {
        value: Seconds::new(seconds).unwrap(),
        age: Duration::ZERO,
    });
}

type Change = fn(&mut Fall);

const SHUT: [(Change, &str); 9] = [
    (|fall| fall.input.paused_down = Movement::Paused, "Paused"),
    (|fall| fall.world.rollout = Rollout::InProgress, "Rollout"),
    (|fall| fall.input.latency_role = SignalRole::Required, "SignalRequired"),
    (
        |fall| fall.memory.last_routine_increase = Some(at(1)),
        "ScaleDownCooldown",
    ),
    (|fall| fall.memory.window.forget(), "WindowNotFull"),
    (|fall| fall.memory.last_decrease = Some(at(31)), "StepDown"),
    (
        |fall| {
            fall.input.change_budget_per_hour = 1;
            fall.memory.changes.count(at(10));
        },
        "ChangeBudget",
    ),
    // 460 need 5, and 506 need 6 again.
    (|fall| fall.load = 460.0, "Hysteresis"),
    // 170 of the 200 that two serve, at 82 % of the target.
    (
        |fall| {
            fall.load = 170.0;
            with_latency(fall, 0.41);
        },
        "WouldBreach",
    ),
];

#[test]
fn one_shut_gate_holds_everything_and_is_named() {
    for (change, name) in SHUT {
        let mut fall = Fall::new();
        change(&mut fall);
        assert_eq!(fall.lower(), (6, vec![name]));
    }
}

const OPEN: [Change; 6] = [
    |fall| fall.memory.last_routine_increase = Some(at(0)),
    |fall| fall.memory.last_decrease = Some(at(30)),
    |fall| fall.memory.changes.count(at(10)),
    // 100 of the 200 that two serve: latency is not theirs.
    |fall| with_latency(fall, 0.49),
    |fall| {
        fall.input.latency_role = SignalRole::Required;
        with_latency(fall, 0.4);
    },
    |fall| fall.input.paused_up = Movement::Paused,
];

#[test]
fn what_is_just_far_enough_away_holds_nothing() {
    for change in OPEN {
        let mut fall = Fall::new();
        change(&mut fall);
        assert_eq!(fall.lower(), (2, vec![]));
    }
}

#[test]
fn every_shut_gate_is_named() {
    let mut fall = Fall::new();
    fall.world.rollout = Rollout::InProgress;
    fall.memory.last_routine_increase = Some(at(50));
    fall.memory.window.forget();
    assert_eq!(fall.lower(), (6, vec!["Rollout", "ScaleDownCooldown", "WindowNotFull"]));
}

#[rstest]
#[case::half(50, (3, vec!["StepDown"]))]
#[case::a_third_rounded_down(34, (4, vec!["StepDown"]))]
#[case::at_least_one(1, (5, vec!["StepDown"]))]
fn one_step_down_is_no_larger_than_its_percent(#[case] percent: u32, #[case] lowered: (u32, Vec<&'static str>)) {
    let mut fall = Fall::new();
    fall.input.down_percent_max = percent;
    assert_eq!(fall.lower(), lowered);
}

/// From four up to nine under a policy, where six are ordered by somebody and so many are allowed.
fn raised(input: PolicyInput, connections: Option<u32>, quota: Option<u32>) -> (u32, Vec<&'static str>) {
    let policy = Policy::parse(input).unwrap();
    let observation = Observation {
        replicas_ordered: Some(Replicas::new(6)),
        ceilings: Ceilings {
            database_connections: connections.map(Replicas::new),
            quota: quota.map(Replicas::new),
        },
        ..Observation::default()
    };
    let situation = Situation {
        policy: &policy,
        observation: &observation,
        clock: Clock::starting(at(60)),
        from: Replicas::new(4),
        capacity: rate(100.0),
    };
    let mut limits = Limits::new();
    let result = raise(&situation, Replicas::new(9), &mut limits);
    (result.get(), names(&limits))
}

fn stepping(up_percent_max: u32) -> PolicyInput {
    PolicyInput {
        up_percent_max,
        ..input()
    }
}

#[rstest]
#[case::free(stepping(900), None, None, (9, vec![]))]
#[case::connections(stepping(900), Some(7), None, (7, vec!["DatabaseConnections"]))]
#[case::both(stepping(900), Some(8), Some(7), (7, vec!["DatabaseConnections", "Quota"]))]
#[case::below_what_stands(stepping(900), None, Some(1), (4, vec!["Quota"]))]
#[case::above_what_is_asked(stepping(900), Some(9), Some(20), (9, vec![]))]
// A third of the six that are ordered is two.
#[case::a_step(stepping(34), None, None, (8, vec!["StepUp"]))]
#[case::at_least_one(stepping(1), None, None, (7, vec!["StepUp"]))]
fn an_increase_goes_as_far_as_nothing_is_in_the_way(
    #[case] input: PolicyInput,
    #[case] connections: Option<u32>,
    #[case] quota: Option<u32>,
    #[case] expected: (u32, Vec<&'static str>),
) {
    assert_eq!(raised(input, connections, quota), expected);
}

#[rstest]
#[case(1, Some("MinReplicas"))]
#[case(2, None)]
#[case(10, None)]
#[case(11, Some("MaxReplicas"))]
fn a_bound_is_named_when_it_is_passed(#[case] asked: u32, #[case] limit: Option<&str>) {
    let policy = Policy::parse(input()).unwrap();
    assert_eq!(bounds(&policy, Replicas::new(asked)).map(Limit::name), limit);
}
