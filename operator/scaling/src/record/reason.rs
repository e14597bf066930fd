//! Why a result is what it is: the law that had the largest answer, or what kept it.
//!
//! Also what latency says where replicas cannot help. Plain data; words are in `explain`.

use arrayvec::ArrayString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::observation::SlowPod;
use crate::record::Verdict;
use crate::units::{Ratio, Replicas, RequestsPerSecond, Seconds};

/// The name of a schedule: a DNS label.
pub type ScheduleName = ArrayString<63>;

/// Why the result is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Reason {
    /// The load needs it, within the bounds.
    Demand(Need),
    /// The load needs less, and a limit forbids to go there, or to go there all the way.
    Held(Need),
    /// The load jumped far over what was ordered, now or a short while ago.
    Burst {
        /// What the load needs.
        need: Need,
        /// When the hold after the jump is over.
        until: Timestamp,
    },
    /// Latency is or was over its target where more replicas help.
    Latency {
        /// What the load needs.
        need: Need,
        /// Latency at the quantile of the spec; `None` where it cannot be used now.
        latency: Option<Seconds>,
        /// What it should be at most.
        target: Seconds,
    },
    /// A schedule of the spec asks for it.
    Schedule(Scheduled),
    /// It was usual at this time.
    Forecast(Forecast),
    /// There is nothing to decide by for so long that the fallback is in force.
    Fallback {
        /// What the signal said.
        cause: Verdict,
        /// Since when there is nothing to decide by.
        since: Timestamp,
        /// What to have at least meanwhile.
        replicas: Replicas,
    },
    /// There is nothing to decide by.
    NoData {
        /// What the signal said.
        cause: Verdict,
        /// Since when there is nothing to decide by.
        since: Timestamp,
    },
}

impl Reason {
    /// The name without the figures, for labels of metrics and reasons of events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Demand(_) => "Demand",
            Self::Held(_) => "Held",
            Self::Burst { .. } => "Burst",
            Self::Latency { .. } => "Latency",
            Self::Schedule(_) => "Schedule",
            Self::Forecast(_) => "Forecast",
            Self::Fallback { .. } => "Fallback",
            Self::NoData { .. } => "NoData",
        }
    }
}

/// What a schedule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scheduled {
    /// The schedule's name in the spec.
    pub name: ScheduleName,
    /// What to have at least.
    pub replicas: Replicas,
    /// When it is over.
    pub until: Timestamp,
}

/// What a forecast asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// What to have at least.
    pub replicas: Replicas,
    /// The time that it is for.
    pub at: Timestamp,
}

/// What the demand law makes of the present load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The present load.
    pub requests_per_second: RequestsPerSecond,
    /// The load to be ready for; at least the present one.
    pub prepared_for: RequestsPerSecond,
    /// What one replica serves, as far as is known.
    pub per_replica: RequestsPerSecond,
    /// The replicas that the load to be ready for takes, before any bound.
    pub replicas: Replicas,
    /// How much more the load to be ready for is than the largest one in mind, as a factor; at least 1.
    pub margin: f64,
    /// The time within which that much more is expected, in seconds.
    pub within_seconds: f64,
    /// How long a load stays in mind, in seconds.
    pub hold_seconds: f64,
}

/// Latency is over its target, and more replicas would not help.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencyNotScalable {
    /// Latency at the quantile of the spec.
    pub latency: Seconds,
    /// What it should be at most.
    pub target: Seconds,
    /// What is slow instead.
    pub suspect: Suspect,
}

/// What is slow where more replicas would not help.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Suspect {
    /// PostgreSQL is saturated.
    Postgres {
        /// How much of it is used.
        saturation: Ratio,
    },
    /// Redis is saturated.
    Redis {
        /// How much of it is used.
        saturation: Ratio,
    },
    /// One pod is far slower than the others.
    SlowPod(SlowPod),
    /// Nothing that is observed.
    Unknown,
}

impl Suspect {
    /// The name without the figures, for labels of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres { .. } => "Postgres",
            Self::Redis { .. } => "Redis",
            Self::SlowPod(_) => "SlowPod",
            Self::Unknown => "Unknown",
        }
    }
}
