//! The decision record: what each signal said, what limited the result, and why it is what it is.
//!
//! Plain data for status, events, metrics and people; the words are in `explain`, the rules elsewhere. Bounded, without a
//! heap. As JSON: camelCase fields, enums tagged by `kind`, times as RFC 3339 in UTC, shares and seconds as numbers.

mod limit;
mod reason;

use arrayvec::ArrayVec;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decision::Action;
use crate::signal::{InvalidReason, MissingReason, Signal};
use crate::units::{Quantity, Replicas, RequestsPerSecond, Seconds};

pub use limit::{Direction, Effect, Limit};
pub use reason::{Forecast, LatencyNotScalable, Need, Reason, ScheduleName, Scheduled, Suspect};

/// One row per signal.
pub type SignalRows = ArrayVec<SignalRow, 5>;

/// One limit of each kind at most.
pub type Limits = ArrayVec<Limit, 20>;

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
    /// Every signal there is.
    pub const ALL: [Self; 5] = [
        Self::RequestsPerSecond,
        Self::Latency,
        Self::Schedule,
        Self::Forecast,
        Self::Fallback,
    ];

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
