//! One scale decision as it is shown, whether it came from the live record or from the resource's status.
//!
//! Pure. Both sources end in the same type, so that tables and documents need not know where a decision came from.

use jiff::Timestamp;
use pathfinder_crds::{ScalingStatus, SignalStatus, SignalVerdict};
use pathfinder_scaling::{Reason, Record, SignalName, SignalRow, Verdict};
use serde::Serialize;

use crate::model::{limit, reason};

/// One scale decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Decision {
    /// Replicas that it asks for.
    pub(crate) replicas: i64,
    /// Replicas that the one before asked for.
    pub(crate) previous: i64,
    /// When it was made.
    pub(crate) time: Timestamp,
    /// What each signal said.
    pub(crate) signals: Vec<Signal>,
    /// What limited it, in words; empty when nothing did.
    pub(crate) limits: Vec<String>,
    /// Why the result is what it is, in words; none where the sentence is all that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
    /// What one replica serves and what it is ready for, in words, where the load decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capacity: Option<String>,
    /// That latency is over its target and replicas would not help, in words, with what is slow instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_not_scalable: Option<String>,
}

/// What one signal said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Signal {
    /// Its name as the spec writes it.
    pub(crate) name: String,
    /// The schedule that decided, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<String>,
    /// The raw value in the signal's own unit.
    pub(crate) value: Option<f64>,
    /// Age of the sample when the decision was made.
    pub(crate) age_seconds: Option<f64>,
    /// `Fresh`, `Stale`, `Missing` or `Invalid`.
    pub(crate) verdict: &'static str,
    /// Why it is missing or invalid, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<String>,
    /// Replicas that it asked for, before any limit.
    pub(crate) asked: Option<i64>,
}

impl Decision {
    /// From the record that the leader serves, at `now`.
    pub(crate) fn of_record(record: &Record, now: Timestamp) -> Self {
        Self {
            replicas: i64::from(record.result.get()),
            previous: i64::from(record.previous.get()),
            time: record.at,
            signals: record
                .signals
                .iter()
                .map(|row| Signal::of_row(row, record.reason))
                .collect(),
            limits: record.limits.iter().map(|&limit| limit::words(limit, now)).collect(),
            because: Some(reason::words(record, now)),
            capacity: reason::capacity(record),
            latency_not_scalable: record.latency_not_scalable.map(reason::not_scalable),
        }
    }

    /// From the last change that the resource's status tells of.
    pub(crate) fn of_status(scaling: &ScalingStatus) -> Self {
        Self {
            replicas: i64::from(scaling.replicas),
            previous: i64::from(scaling.previous),
            time: scaling.time.0,
            signals: scaling.signals.iter().map(Signal::of_status).collect(),
            limits: scaling.limits.clone(),
            because: None,
            capacity: None,
            latency_not_scalable: None,
        }
    }
}

impl Signal {
    fn of_row(row: &SignalRow, reason: Reason) -> Self {
        let schedule = if let (SignalName::Schedule, Reason::Schedule(scheduled)) = (row.name, reason) {
            Some(scheduled.name.to_string())
        } else {
            None
        };
        Self {
            name: row.name.name().to_owned(),
            schedule,
            value: row.value,
            age_seconds: row.age_seconds,
            verdict: row.verdict.name(),
            because: match row.verdict {
                Verdict::Fresh | Verdict::Stale => None,
                Verdict::Missing(reason) => Some(reason.to_string()),
                Verdict::Invalid(reason) => Some(reason.to_string()),
            },
            asked: row.asked.map(|replicas| i64::from(replicas.get())),
        }
    }

    pub(crate) fn of_status(signal: &SignalStatus) -> Self {
        Self {
            name: signal.name.clone(),
            schedule: None,
            value: signal.value,
            age_seconds: signal.age_seconds,
            verdict: match signal.verdict {
                SignalVerdict::Fresh => "Fresh",
                SignalVerdict::Stale => "Stale",
                SignalVerdict::Missing => "Missing",
                SignalVerdict::Invalid => "Invalid",
            },
            because: None,
            asked: signal.asked.map(i64::from),
        }
    }
}
