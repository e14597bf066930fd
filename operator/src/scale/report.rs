//! From a decision record to status and conditions of scaling, in words that stay the same while the world does.
//!
//! Pure but for `write`, which sends what is given to it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{ResourceExt, api::ApiResource};
use pathfinder_crds::{ConditionType, PathfinderCluster, ScalingStatus, SignalStatus, SignalVerdict};
use pathfinder_scaling::{Record, RequestsPerSecond, SignalName, SignalRow, Verdict};
use serde_json::json;

use crate::{
    client::{CallError, Target, Writer},
    names,
    status::{self, Finding},
};

// By which part what a replica serves must have changed for status to say so.
const CAPACITY_NEWS: f64 = 0.05;

/// The condition types of the scaling loop.
pub const SCALING: [ConditionType; 5] = [
    ConditionType::MetricsAvailable,
    ConditionType::ScalingActive,
    ConditionType::ScalingLimited,
    ConditionType::LatencyNotScalable,
    ConditionType::ScaleConflict,
];

/// The record as status shows it, and what a replica was found to serve.
pub fn scaling_status(record: &Record, capacity: Option<RequestsPerSecond>) -> ScalingStatus {
    ScalingStatus {
        replicas: count(record.result),
        previous: count(record.previous),
        why: record.sentence(),
        time: Time(status::whole_seconds(record.at)),
        capacity_per_replica: capacity.map(|found| rounded(found.get())),
        signals: record.signals.iter().map(signal).collect(),
        limits: record.limits.iter().map(|limit| limit.name().to_owned()).collect(),
    }
}

fn count(replicas: pathfinder_scaling::Replicas) -> i32 {
    i32::try_from(replicas.get()).unwrap_or(i32::MAX)
}

fn signal(row: &SignalRow) -> SignalStatus {
    SignalStatus {
        name: row.name.name().to_owned(),
        verdict: match row.verdict {
            Verdict::Fresh => SignalVerdict::Fresh,
            Verdict::Stale => SignalVerdict::Stale,
            Verdict::Missing(_) => SignalVerdict::Missing,
            Verdict::Invalid(_) => SignalVerdict::Invalid,
        },
        // NaN and infinities have no place in JSON.
        value: row.value.filter(|value| value.is_finite()).map(rounded),
        age_seconds: row.age_seconds.filter(|age| age.is_finite()).map(rounded),
        asked: row.asked.map(count),
    }
}

// Three digits are what a person reads.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Whether a signal has looked the same for long enough to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steady {
    /// It may be a slow scrape.
    NotYet,
    /// It lasts.
    Long,
}

/// Whether status should show this record instead of the one that it shows.
///
/// When the result is another; when there is a load to decide by again, or none any more, and that lasts; and when a replica
/// was found to serve more or less, because another leader begins with that. Latency comes and goes with every request of a
/// quiet night, and is no news.
pub fn is_news(
    shown: Option<&ScalingStatus>,
    (record, capacity): (&Record, Option<RequestsPerSecond>),
    steady: Steady,
) -> bool {
    let now = sees_load(record);
    match shown {
        // A first record without data says nothing yet: the pods have just been made.
        None => steady == Steady::Long || now,
        Some(shown) if shown.replicas != count(record.result) => true,
        Some(shown) if is_other(shown.capacity_per_replica, capacity) => true,
        Some(shown) => {
            let load = |row: &&SignalStatus| row.name == SignalName::RequestsPerSecond.name();
            let then = shown.signals.iter().find(load).map(|row| row.verdict);
            steady == Steady::Long && (then == Some(SignalVerdict::Fresh)) != now
        }
    }
}

// What is forgotten is no news, and neither is a little: it ages all the time.
fn is_other(shown: Option<f64>, capacity: Option<RequestsPerSecond>) -> bool {
    match (shown, capacity) {
        (Some(shown), Some(now)) => (now.get() - shown).abs() > CAPACITY_NEWS * shown,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

/// Whether a record was decided by a load.
pub fn sees_load(record: &Record) -> bool {
    let load = |row: &&SignalRow| row.name == SignalName::RequestsPerSecond;
    record.signals.iter().find(load).map(|row| row.verdict) == Some(Verdict::Fresh)
}

/// The scaling half of a status.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleReport {
    /// The last change of the result.
    pub scaling: Option<ScalingStatus>,
    /// The conditions of scaling.
    pub conditions: Vec<Condition>,
}

impl ScaleReport {
    /// What the resource says now.
    pub fn of(resource: &PathfinderCluster) -> Self {
        let status = resource.status.clone().unwrap_or_default();
        let mut conditions = status::of_types(&status.conditions, &SCALING);
        conditions.sort_by(|one, other| one.type_.cmp(&other.type_));
        Self {
            scaling: status.scaling,
            conditions,
        }
    }

    /// What it should say, given what it says.
    #[must_use]
    pub fn next(
        &self,
        findings: &[Finding],
        changed: Option<ScalingStatus>,
        (generation, now): (i64, Timestamp),
    ) -> Self {
        let mut conditions = status::conditions(findings, &self.conditions, generation, now);
        for condition in &mut conditions {
            // A new generation alone is no news; the structural loop records it.
            if let Some(old) = self.conditions.iter().find(|old| old.type_ == condition.type_)
                && old.status == condition.status
                && old.reason == condition.reason
                && old.message == condition.message
            {
                condition.observed_generation = old.observed_generation;
            }
        }
        // Nothing found about a type leaves what was said of it.
        let kept = self
            .conditions
            .iter()
            .filter(|old| findings.iter().all(|new| new.type_.as_str() != old.type_));
        conditions.extend(kept.cloned());
        conditions.sort_by(|one, other| one.type_.cmp(&other.type_));
        Self {
            scaling: changed.or_else(|| self.scaling.clone()),
            conditions,
        }
    }
}

/// Writes the scaling half of a status.
///
/// # Errors
/// [`CallError`].
pub async fn write(writer: &Writer, resource: &PathfinderCluster, report: &ScaleReport) -> Result<(), CallError> {
    let kind = ApiResource::erase::<PathfinderCluster>(&());
    let namespace = resource.namespace().unwrap_or_default();
    let to = Target {
        resource: &kind,
        namespace: &namespace,
        name: &resource.name_any(),
    };
    let body = json!({
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": to.name, "uid": resource.metadata.uid},
        "status": {"scaling": report.scaling, "conditions": report.conditions},
    });
    writer
        .apply_status::<PathfinderCluster>(&to, names::MANAGER_SCALE_STATUS, &body)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pathfinder_scaling::{
        Memory, MissingReason, Observation, Policy, PolicyInput, Replicas, RequestsPerSecond, Signal, decide,
    };
    use rstest::rstest;

    use super::*;

    fn record(signal: Signal, floor: u32) -> Record {
        let observation = Observation {
            replicas_ordered: Some(Replicas::new(floor)),
            replicas_ready: Some(Replicas::new(floor)),
            floor: Some(Replicas::new(floor)),
            ..Observation::of(signal)
        };
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        decide(&policy, Memory::default(), &observation, Timestamp::UNIX_EPOCH)
            .0
            .record
    }

    fn fresh(rate: f64) -> Signal {
        Signal::Fresh {
            value: RequestsPerSecond::new(rate).unwrap(),
            age: std::time::Duration::ZERO,
        }
    }

    const GONE: Signal = Signal::Missing {
        reason: MissingReason::SourceUnreachable,
    };

    #[rstest]
    #[case::a_first_record_with_data(None, fresh(50.0), Steady::NotYet, true)]
    #[case::a_first_record_without_data(None, GONE, Steady::NotYet, false)]
    #[case::a_first_record_without_data_that_lasts(None, GONE, Steady::Long, true)]
    #[case::the_same_result_at_another_rate(Some(fresh(50.0)), fresh(90.0), Steady::Long, false)]
    #[case::another_result(Some(fresh(50.0)), fresh(590.0), Steady::NotYet, true)]
    #[case::one_slow_scrape(Some(fresh(50.0)), GONE, Steady::NotYet, false)]
    #[case::data_lost(Some(fresh(50.0)), GONE, Steady::Long, true)]
    fn status_is_written_for_news_only(
        #[case] shown: Option<Signal>,
        #[case] now: Signal,
        #[case] steady: Steady,
        #[case] news: bool,
    ) {
        let shown = shown.map(|signal| scaling_status(&record(signal, 2), None));
        assert_eq!(is_news(shown.as_ref(), (&record(now, 2), None), steady), news);
    }

    #[rstest]
    #[case::found_now(None, Some(140.0), true)]
    #[case::proven_to_be_less(Some(140.0), Some(120.0), true)]
    #[case::aged_a_little(Some(140.0), Some(136.0), false)]
    #[case::forgotten(Some(140.0), None, false)]
    fn what_a_replica_was_found_to_serve_is_news_once(
        #[case] shown: Option<f64>,
        #[case] now: Option<f64>,
        #[case] news: bool,
    ) {
        let found = |rate: f64| RequestsPerSecond::new(rate).unwrap();
        let record = record(fresh(50.0), 2);
        let shown = scaling_status(&record, shown.map(found));
        assert_eq!(is_news(Some(&shown), (&record, now.map(found)), Steady::NotYet), news);
    }
}
