//! What keeps a result from what the signals ask for.
//!
//! One kind per rule that may be in the way, with the figure or the end that a person wants to know. Words are in `words`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::Mode;
use crate::record::SignalName;
use crate::units::Replicas;

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
