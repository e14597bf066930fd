//! The decision record: what each signal said, what limited the result, and why it is what it is.
//!
//! Plain data for status, events, metrics and people; the words are in `explain`, the rules elsewhere. Bounded, without a
//! heap. As JSON: camelCase fields, enums tagged by `kind`, times as RFC 3339 in UTC, shares and seconds as numbers.

use arrayvec::{ArrayString, ArrayVec};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decision::Action;
use crate::observation::SlowPod;
use crate::policy::Mode;
use crate::signal::{InvalidReason, MissingReason, Signal};
use crate::units::{Quantity, Ratio, Replicas, RequestsPerSecond, Seconds};

/// One row per signal.
pub type SignalRows = ArrayVec<SignalRow, 5>;

/// One limit of each kind at most.
pub type Limits = ArrayVec<Limit, 20>;

/// The name of a schedule: a DNS label.
pub type ScheduleName = ArrayString<63>;

/// One decision, explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When it was made.
    pub at: Timestamp,
    /// One row per signal that there is.
    pub signals: SignalRows,
    /// Everything that kept the result from what the signals ask for; empty when nothing did.
    pub limits: Limits,
    /// The replicas that mode Auto orders.
    pub result: Replicas,
    /// The result before this one; at the first decision the floor as it was found.
    pub previous: Replicas,
    /// Why the result is what it is.
    pub reason: Reason,
    /// Latency is over its target, and more replicas would not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_not_scalable: Option<LatencyNotScalable>,
}

impl Record {
    /// How the result differs from the one before, also where it is only explained.
    pub fn action(&self) -> Action {
        Action::between(self.previous, self.result)
    }
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

/// What one signal said.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignalRow {
    /// Which signal.
    pub name: SignalName,
    /// Whether it could be used; in JSON two fields, `verdict` and, where there is a reason, `because`.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The value in the signal's own unit, where it was usable.
    pub value: Option<f64>,
    /// Age of the sample in seconds, where there was one.
    pub age_seconds: Option<f64>,
    /// Replicas that it asks for, before any limit, where it asks for some.
    pub asked: Option<Replicas>,
}

impl SignalRow {
    /// The row of a signal that is measured.
    pub(crate) fn measured<Q: Quantity>(name: SignalName, signal: Signal<Q>, asked: Option<Replicas>) -> Self {
        Self {
            name,
            verdict: signal.into(),
            value: signal.fresh().map(Quantity::raw),
            age_seconds: signal.age().map(|age| age.as_secs_f64()),
            asked,
        }
    }

    /// The row of what follows from the policy and the time alone.
    pub(crate) const fn planned(name: SignalName, asked: Replicas) -> Self {
        Self {
            name,
            verdict: Verdict::Fresh,
            value: None,
            age_seconds: None,
            asked: Some(asked),
        }
    }
}

/// The signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignalName {
    /// Load of the whole API in requests per second.
    RequestsPerSecond,
    /// Latency at the quantile of the spec, in seconds.
    Latency,
    /// A schedule of the spec that is in force.
    Schedule,
    /// What is usual at this time.
    Forecast,
    /// What to have without data.
    Fallback,
}

impl SignalName {
    /// The name as the spec writes it, for status and labels of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "requestsPerSecond",
            Self::Latency => "latency",
            Self::Schedule => "schedule",
            Self::Forecast => "forecast",
            Self::Fallback => "fallback",
        }
    }

    /// What stands behind a value of it.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::RequestsPerSecond | Self::Schedule | Self::Forecast | Self::Fallback => RequestsPerSecond::UNIT,
            Self::Latency => Seconds::UNIT,
        }
    }
}

/// Whether a signal could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "because")]
pub enum Verdict {
    /// A recent, sane value.
    Fresh,
    /// A value that is too old.
    Stale,
    /// No value.
    Missing(MissingReason),
    /// A value that cannot be.
    Invalid(InvalidReason),
}

impl Verdict {
    /// The name without the reason, for status and labels of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "Fresh",
            Self::Stale => "Stale",
            Self::Missing(_) => "Missing",
            Self::Invalid(_) => "Invalid",
        }
    }
}

impl<Q> From<Signal<Q>> for Verdict {
    fn from(signal: Signal<Q>) -> Self {
        match signal {
            Signal::Fresh { .. } => Self::Fresh,
            Signal::Stale { .. } => Self::Stale,
            Signal::Missing { reason } => Self::Missing(reason),
            Signal::Invalid { reason } => Self::Invalid(reason),
        }
    }
}

/// A direction of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// More replicas.
    Up,
    /// Fewer replicas.
    Down,
}

/// Something that kept the result from what the signals ask for. Every `until` is the wall's time, if nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Limit {
    /// Fewer are not allowed.
    MinReplicas {
        /// The bound.
        replicas: Replicas,
    },
    /// More are not allowed.
    MaxReplicas {
        /// The bound.
        replicas: Replicas,
    },
    /// The last routine increase is too recent for a decrease.
    ScaleDownCooldown {
        /// When it is not any more.
        until: Timestamp,
    },
    /// The last routine increase is too recent for another that present demand does not ask for.
    ScaleUpCooldown {
        /// When it is not any more.
        until: Timestamp,
    },
    /// A burst was here lately, and its hold is not over.
    RecentDemand {
        /// What it keeps.
        replicas: Replicas,
        /// When its hold is over.
        until: Timestamp,
    },
    /// Fresh samples do not yet cover one down window without a gap.
    WindowNotFull {
        /// When they will, if none is missed.
        until: Timestamp,
    },
    /// The load cannot be used, and without it nothing is lowered.
    Freshness,
    /// A signal whose role is Required cannot be used, and without it nothing is lowered.
    SignalRequired {
        /// Which one.
        signal: SignalName,
    },
    /// A rollout is in progress, and nothing is lowered meanwhile.
    Rollout,
    /// More than this at once are not allowed.
    StepUp {
        /// The most for now.
        replicas: Replicas,
    },
    /// Fewer than the result at once are not allowed, or the last decrease is too recent for its effect to be seen.
    StepDown {
        /// When the next decrease may follow.
        until: Timestamp,
    },
    /// A little more load would need them again.
    Hysteresis {
        /// What a tenth more load would need.
        replicas: Replicas,
    },
    /// With so few, the latency target would be missed at once.
    WouldBreach {
        /// That few.
        replicas: Replicas,
    },
    /// The result changed too often within the last hour for a decrease.
    ChangeBudget {
        /// When it did not any more.
        until: Timestamp,
    },
    /// The database has no connections for more.
    DatabaseConnections {
        /// What it has connections for.
        replicas: Replicas,
    },
    /// The namespace's quota has no room for more.
    Quota {
        /// What it has room for.
        replicas: Replicas,
    },
    /// Replicas whose container fails again and again: latency adds none to them.
    CrashLooping {
        /// How many they are.
        replicas: Replicas,
    },
    /// Latency asks for more, once the effect of the last increase is seen.
    LatencyWait {
        /// When that is, at the earliest.
        until: Timestamp,
    },
    /// Signals may not move the result in this direction.
    Paused {
        /// Which one.
        direction: Direction,
    },
    /// The mode forbids writing what the signals ask for.
    Mode {
        /// The mode.
        mode: Mode,
    },
}

impl Limit {
    /// The name without the figures, for labels of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MinReplicas { .. } => "MinReplicas",
            Self::MaxReplicas { .. } => "MaxReplicas",
            Self::ScaleDownCooldown { .. } => "ScaleDownCooldown",
            Self::ScaleUpCooldown { .. } => "ScaleUpCooldown",
            Self::RecentDemand { .. } => "RecentDemand",
            Self::WindowNotFull { .. } => "WindowNotFull",
            Self::Freshness => "Freshness",
            Self::SignalRequired { .. } => "SignalRequired",
            Self::Rollout => "Rollout",
            Self::StepUp { .. } => "StepUp",
            Self::StepDown { .. } => "StepDown",
            Self::Hysteresis { .. } => "Hysteresis",
            Self::WouldBreach { .. } => "WouldBreach",
            Self::ChangeBudget { .. } => "ChangeBudget",
            Self::DatabaseConnections { .. } => "DatabaseConnections",
            Self::Quota { .. } => "Quota",
            Self::CrashLooping { .. } => "CrashLooping",
            Self::LatencyWait { .. } => "LatencyWait",
            Self::Paused { .. } => "Paused",
            Self::Mode { .. } => "Mode",
        }
    }

    /// When it ends, where a time ends it.
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::ScaleDownCooldown { until }
            | Self::ScaleUpCooldown { until }
            | Self::RecentDemand { until, .. }
            | Self::WindowNotFull { until }
            | Self::StepDown { until }
            | Self::ChangeBudget { until }
            | Self::LatencyWait { until } => Some(until),
            Self::MinReplicas { .. }
            | Self::MaxReplicas { .. }
            | Self::Freshness
            | Self::SignalRequired { .. }
            | Self::Rollout
            | Self::StepUp { .. }
            | Self::Hysteresis { .. }
            | Self::WouldBreach { .. }
            | Self::DatabaseConnections { .. }
            | Self::Quota { .. }
            | Self::CrashLooping { .. }
            | Self::Paused { .. }
            | Self::Mode { .. } => None,
        }
    }

    /// What it does to the result.
    pub const fn effect(self) -> Effect {
        match self {
            Self::MinReplicas { .. } => Effect::Floor,
            Self::MaxReplicas { .. }
            | Self::StepUp { .. }
            | Self::DatabaseConnections { .. }
            | Self::Quota { .. }
            | Self::Paused {
                direction: Direction::Up,
            } => Effect::Ceiling,
            Self::ScaleDownCooldown { .. }
            | Self::RecentDemand { .. }
            | Self::WindowNotFull { .. }
            | Self::Freshness
            | Self::SignalRequired { .. }
            | Self::Rollout
            | Self::StepDown { .. }
            | Self::Hysteresis { .. }
            | Self::WouldBreach { .. }
            | Self::ChangeBudget { .. }
            | Self::Paused {
                direction: Direction::Down,
            } => Effect::HoldsDecrease,
            Self::ScaleUpCooldown { .. } | Self::CrashLooping { .. } | Self::LatencyWait { .. } => {
                Effect::DelaysLatency
            }
            Self::Mode { .. } => Effect::OnlyExplains,
        }
    }
}

/// What a limit does to the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Keeps it from being fewer, whatever the signals say.
    Floor,
    /// Keeps it from being more.
    Ceiling,
    /// Keeps it from being fewer for now.
    HoldsDecrease,
    /// Delays what latency asks for.
    DelaysLatency,
    /// Keeps it from being written.
    OnlyExplains,
}

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
