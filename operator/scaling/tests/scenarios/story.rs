//! The operator and the cluster in miniature: it ticks every 5 s, writes what it is told to, and observes it the next time.
//!
//! Pods become ready a while after they are ordered; everything else of the world is set by the story.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pathfinder_scaling::{
    Decision, Memory, MissingReason, Observation, Policy, PolicyInput, Record, Replicas, Seconds, Signal, decide,
};

pub(crate) const TICK_SECONDS: u64 = 5;
pub(crate) const COOLDOWN_SECONDS: u64 = 600;
pub(crate) const WINDOW_SECONDS: u64 = 30;
/// How long the load behind the seam of learning stays in mind, and how much longer than that at most: one thirtieth.
pub(crate) const HOLD_SECONDS: u64 = 120;
pub(crate) const HOLD_SLACK_SECONDS: u64 = HOLD_SECONDS / 30 + TICK_SECONDS;

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
            input: PolicyInput::default(),
            memory: Memory::default(),
            world: Observation::default(),
            floor: Some(Replicas::new(floor)),
            pod_start_seconds: 0,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            ready: floor,
            seconds_since_order: 0,
        }
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

    /// Ticks until the floor is lower than now, and gives back the seconds that it took; at most two cooldowns.
    pub(crate) fn seconds_until_lower(&mut self, signal: Signal) -> Option<u64> {
        let start = self.floor;
        (1..=2 * COOLDOWN_SECONDS / TICK_SECONDS)
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
