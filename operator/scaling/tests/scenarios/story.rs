//! The operator and the cluster in miniature: it ticks every 5 s, writes what it is told to, and observes it the next time.
//!
//! Pods become ready a while after they are ordered; everything else of the world is set by the story.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pathfinder_scaling::{
    Decision, Memory, MissingReason, Need, Observation, Policy, PolicyInput, Reason, Record, Replicas, Seconds, Signal,
    decide,
};
use serde_json::Value;

pub(crate) const TICK_SECONDS: u64 = 5;
/// The cooldown of every story that says nothing else; no hold is longer.
pub(crate) const COOLDOWN_SECONDS: u64 = 60;
pub(crate) const WINDOW_SECONDS: u64 = 30;
/// How much longer than a hold a load stays in mind at most: one fifteenth of the longest hold, and a tick to see it.
pub(crate) const HOLD_SLACK_SECONDS: u64 = COOLDOWN_SECONDS / 15 + 2 * TICK_SECONDS;
/// Long enough for every hold, cooldown and step down that a story has.
pub(crate) const LONG_SECONDS: u64 = 1200;

pub(crate) const UNREACHABLE: Signal = Signal::Missing {
    reason: MissingReason::SourceUnreachable,
};

pub(crate) struct Story {
    pub(crate) input: PolicyInput,
    pub(crate) memory: Memory,
    /// The world but for its load and its replicas.
    pub(crate) world: Observation,
    pub(crate) floor: Option<Replicas>,
    pub(crate) pod_start_seconds: u64,
    pub(crate) now: Timestamp,
    ready: u32,
    seconds_since_order: u64,
}

impl Story {
    pub(crate) fn at_floor(floor: u32) -> Self {
        Self {
            input: PolicyInput {
                max_replicas: 40,
                scale_down_cooldown: Some(Duration::from_secs(COOLDOWN_SECONDS)),
                ..PolicyInput::default()
            },
            memory: Memory::default(),
            world: Observation::default(),
            floor: Some(Replicas::new(floor)),
            pod_start_seconds: 0,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            ready: floor,
            seconds_since_order: 0,
        }
    }

    /// The same where a late request costs so little that nothing is prepared for but the square root, and nothing held but
    /// for a tick: what the other laws do can be told by hand.
    pub(crate) fn without_margin(mut self) -> Self {
        self.input.objective = 0.5;
        self
    }

    /// The same with another cooldown.
    pub(crate) fn with_cooldown(mut self, seconds: u64) -> Self {
        self.input.scale_down_cooldown = Some(Duration::from_secs(seconds));
        self
    }

    /// The same with a latency target of half a second.
    pub(crate) fn with_latency_at_floor(floor: u32) -> Self {
        let mut story = Self::at_floor(floor);
        story.input.latency_target = Some(Duration::from_millis(500));
        story.world.latency = Some(latency(0.1));
        story
    }

    pub(crate) fn tick(&mut self, signal: Signal) -> Decision {
        self.now += SignedDuration::from_secs(TICK_SECONDS.cast_signed());
        let observation = Observation {
            requests_per_second: signal,
            replicas_ordered: self.floor,
            replicas_ready: Some(Replicas::new(self.ready())),
            floor: self.floor,
            ..self.world
        };
        let policy = Policy::parse(self.input).unwrap();
        let (decision, memory) = decide(&policy, std::mem::take(&mut self.memory), &observation, self.now);
        self.memory = memory;
        self.order(decision.floor);
        decision
    }

    /// Replicas that serve; a story may have more of them than are ordered.
    pub(crate) fn ready(&self) -> u32 {
        let ordered = self.floor.map_or(0, Replicas::get);
        if self.seconds_since_order >= self.pod_start_seconds {
            ordered
        } else {
            self.ready.min(ordered)
        }
    }

    fn order(&mut self, floor: Replicas) {
        self.ready = self.ready();
        self.seconds_since_order += TICK_SECONDS;
        if Some(floor) > self.floor {
            self.seconds_since_order = 0;
        }
        self.floor = Some(floor);
    }

    /// Ticks for that long and gives back the last decision.
    pub(crate) fn ticks(&mut self, seconds: u64, signal: Signal) -> Decision {
        let mut last = self.tick(signal);
        for _ in 1..seconds / TICK_SECONDS {
            last = self.tick(signal);
        }
        last
    }

    /// Ticks until the floor is lower than now, and gives back the seconds that it took; as long as a story lasts at most.
    pub(crate) fn seconds_until_lower(&mut self, signal: Signal) -> Option<u64> {
        let start = self.floor;
        (1..=LONG_SECONDS / TICK_SECONDS)
            .find(|_| Some(self.tick(signal).floor) < start)
            .map(|ticks| ticks * TICK_SECONDS)
    }

    pub(crate) fn restart(&mut self) {
        self.memory = Memory::default();
    }
}

pub(crate) fn load(requests_per_second: f64) -> Signal {
    Signal::classify(requests_per_second, Duration::from_secs(3), Duration::from_secs(15))
}

pub(crate) fn latency(seconds: f64) -> Signal<Seconds> {
    Signal::classify(seconds, Duration::from_secs(3), Duration::from_secs(15))
}

pub(crate) fn limits(record: &Record) -> Vec<&'static str> {
    record.limits.iter().map(|limit| limit.name()).collect()
}

pub(crate) fn replicas(count: u32) -> Replicas {
    Replicas::new(count)
}

/// What the load was found to need, before any bound.
pub(crate) fn asked(decision: &Decision) -> Replicas {
    decision.record.signals[0].asked.unwrap()
}

/// How the load was read.
pub(crate) fn need(record: &Record) -> Need {
    let found = match record.reason {
        Reason::Demand(need) | Reason::Held(need) | Reason::Burst { need, .. } | Reason::Latency { need, .. } => {
            Some(need)
        }
        Reason::Schedule(_) | Reason::Forecast(_) | Reason::Fallback { .. } | Reason::NoData { .. } => None,
    };
    found.unwrap()
}

/// Whether two texts of JSON say the same: as it is read here a number is exact to fifteen digits, not to the last bit.
pub(crate) fn same_json(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= 1e-14 * one.abs()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_json(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| same_json(value, other)))
        }
        (one, other) => one == other,
    }
}
