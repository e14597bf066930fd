//! The decision record: what each signal said, what limited the result, and why it is what it is.
//!
//! Plain data for status, events, metrics and people; the words are in `explain`, the rules elsewhere.
//! As JSON: camelCase fields, enums tagged by `kind`, times as RFC 3339 in UTC.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decision::Action;
use crate::policy::Mode;
use crate::signal::{InvalidReason, MissingReason, Signal};
use crate::units::{Replicas, RequestsPerSecond};

/// One decision, explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When it was made.
    pub at: Timestamp,
    /// One row per signal.
    pub signals: Vec<SignalRow>,
    /// Everything that kept the result from what the signals ask for; empty when nothing did.
    pub limits: Vec<Limit>,
    /// The replicas that mode Auto orders.
    pub result: Replicas,
    /// The result before this one; at the first decision the floor as it was found.
    pub previous: Replicas,
    /// Why the result is what it is.
    pub reason: Reason,
}

impl Record {
    /// How the result differs from the one before, also where it is only explained.
    pub fn action(&self) -> Action {
        Action::between(self.previous, self.result)
    }
}

/// What one signal said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Replicas that it asks for, before any limit, where it could be used.
    pub asked: Option<Replicas>,
}

impl SignalRow {
    /// The row of the load.
    pub(crate) fn requests_per_second(signal: Signal, reason: Reason) -> Self {
        let (value, age) = match signal {
            Signal::Fresh { value, age } => (Some(value.get()), Some(age)),
            Signal::Stale { age } => (None, Some(age)),
            Signal::Missing { .. } | Signal::Invalid { .. } => (None, None),
        };
        let asked = match reason {
            Reason::Demand(need) | Reason::Held(need) => Some(need.replicas),
            Reason::NoData { .. } => None,
        };
        Self {
            name: SignalName::RequestsPerSecond,
            verdict: signal.into(),
            value,
            age_seconds: age.map(|age| age.as_secs_f64()),
            asked,
        }
    }
}

/// The signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignalName {
    /// Load of the whole API in requests per second.
    RequestsPerSecond,
}

impl SignalName {
    /// The name as the spec writes it, for status and labels of metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "requestsPerSecond",
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

impl From<Signal> for Verdict {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Fresh { .. } => Self::Fresh,
            Signal::Stale { .. } => Self::Stale,
            Signal::Missing { reason } => Self::Missing(reason),
            Signal::Invalid { reason } => Self::Invalid(reason),
        }
    }
}

/// Something that kept the result from what the signals ask for.
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
    /// The last increase is too recent for a decrease.
    ScaleDownCooldown {
        /// When it is not any more.
        until: Timestamp,
    },
    /// The last routine increase is too recent for another. Present demand never waits for it, and no law of today makes
    /// routine increases, so no decision of today carries it.
    ScaleUpCooldown {
        /// When it is not any more.
        until: Timestamp,
    },
    /// The load needed more within the down window.
    RecentDemand {
        /// What it needed, within the bounds.
        replicas: Replicas,
        /// When that has left the window, if the load stays as it is.
        until: Timestamp,
    },
    /// Fresh samples do not yet cover one down window without a gap.
    WindowNotFull {
        /// When they will, if none is missed.
        until: Timestamp,
    },
    /// The signal cannot be used, and without it nothing is lowered.
    Freshness,
    /// A rollout is in progress, and nothing is lowered meanwhile.
    Rollout,
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
            Self::Rollout => "Rollout",
            Self::Mode { .. } => "Mode",
        }
    }
}

/// Why the result is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Reason {
    /// The load needs it, within the bounds.
    Demand(Need),
    /// The load needs less, and a limit forbids to go there, or to go there all the way.
    Held(Need),
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
            Self::NoData { .. } => "NoData",
        }
    }
}

/// What the demand law makes of the present load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The present load.
    pub requests_per_second: RequestsPerSecond,
    /// What one replica serves.
    pub per_replica: RequestsPerSecond,
    /// The replicas that this takes, before any bound.
    pub replicas: Replicas,
}
