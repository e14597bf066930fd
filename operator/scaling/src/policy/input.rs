//! The numbers of a policy as they come in, with the defaults of a spec that says nothing.
//!
//! Plain data: what may be wrong with it is in `error`, what follows from it in the module above.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What may be done with a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Decide and write.
    #[default]
    Auto,
    /// Decide and explain; the floor is `minReplicas`.
    Observe,
    /// Decide and explain; the floor stays as it stands, within the bounds.
    Paused,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "Auto",
            Self::Observe => "Observe",
            Self::Paused => "Paused",
        })
    }
}

/// Whether signals may move the result in one direction. The bounds always may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Movement {
    /// They may.
    #[default]
    Allowed,
    /// They may not.
    Paused,
}

/// What is made of a signal that cannot be read, and of one that speaks against a decrease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignalRole {
    /// Nothing is lowered without it.
    Required,
    /// Lowering goes on without it; where it is there, it may hold a decrease at any utilisation.
    Optional,
    /// Lowering goes on without it; where it is there, it holds a decrease only where replicas would be missed.
    #[default]
    RaiseOnly,
}

/// What is made of what usually comes at a time of day and of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ForecastUse {
    /// It is a floor while it has been the better adviser lately.
    #[default]
    Followed,
    /// Nothing.
    Ignored,
}

/// How far the capacity that is learned may be from `requestsPerSecond.perReplica`, as factors of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CapacityBounds {
    /// The least; more than 0, at most 1.
    pub lowest: f64,
    /// The most; at least 1.
    pub highest: f64,
}

/// What to do after a time without usable data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// How long without.
    pub after: Duration,
    /// The replicas to have at least; at least 1.
    pub replicas: u32,
}

/// The numbers of a policy as they come in. Take [`PolicyInput::default`] for those that the spec does not have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyInput {
    /// The fewest replicas, whatever the load; at least 1.
    pub min_replicas: u32,
    /// The most replicas, whatever the load; at least `min_replicas`.
    pub max_replicas: u32,
    /// Requests per second that one replica serves well; more than 0.
    pub per_replica: f64,
    /// How far what a replica is found to serve may be from `per_replica`.
    pub capacity_bounds: CapacityBounds,
    /// The latency to be kept, more than 0; `None` where there is none to keep.
    pub latency_target: Option<Duration>,
    /// What is made of a latency that cannot be read.
    pub latency_role: SignalRole,
    /// The share of requests that should be within the latency target: 0.5 to 0.99999.
    pub objective: f64,
    /// What is made of what usually comes.
    pub forecast: ForecastUse,
    /// Time from ordering a pod to its readiness, until some were seen.
    pub pod_start: Duration,
    /// Time between two scrapes of a pod; more than 0.
    pub scrape_interval: Duration,
    /// Time between two routine increases that present demand does not ask for. Present demand never waits.
    pub scale_up_cooldown: Duration,
    /// Time from the last routine increase to the first decrease; `None` where what was learned of the workload says it.
    pub scale_down_cooldown: Option<Duration>,
    /// The most percent of what is ordered that may come on top at once; at least 1.
    pub up_percent_max: u32,
    /// The most percent of what is ordered that may go at once; 1 to 100.
    pub down_percent_max: u32,
    /// Changes of the result within an hour after which decreases wait; at least 1.
    pub change_budget_per_hour: u32,
    /// What to do after a time without usable data; `None` to hold for ever.
    pub fallback: Option<Fallback>,
    /// Whether signals may raise.
    pub paused_up: Movement,
    /// Whether signals may lower.
    pub paused_down: Movement,
    /// What may be done with a decision.
    pub mode: Mode,
    /// How long fresh data must cover before anything is lowered: at least the range of the query's own `rate()`, or a
    /// half-filled range after a gap would pass for a fall of the load.
    pub min_down_window: Duration,
    /// The longest time between two samples of an unbroken window; at least two ticks of the loop, more than 0.
    pub max_sample_gap: Duration,
}

impl Default for PolicyInput {
    fn default() -> Self {
        Self {
            min_replicas: 2,
            max_replicas: 10,
            per_replica: 100.0,
            capacity_bounds: CapacityBounds {
                lowest: 0.5,
                highest: 1.4,
            },
            latency_target: None,
            latency_role: SignalRole::RaiseOnly,
            objective: 0.999,
            forecast: ForecastUse::Followed,
            pod_start: Duration::from_secs(30),
            scrape_interval: Duration::from_secs(5),
            scale_up_cooldown: Duration::from_mins(5),
            scale_down_cooldown: None,
            up_percent_max: 900,
            down_percent_max: 50,
            change_budget_per_hour: 120,
            fallback: None,
            paused_up: Movement::Allowed,
            paused_down: Movement::Allowed,
            mode: Mode::Auto,
            min_down_window: Duration::from_secs(30),
            max_sample_gap: Duration::from_secs(15),
        }
    }
}
