//! Whether a resource is as its spec asks, judged from its conditions and from how old they are.
//!
//! Pure. A status about an older generation of the spec proves nothing about the present one, so it is `Unknown`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use pathfinder_crds::{ConditionType, PathfinderCluster};
use serde::Serialize;

/// The order in which a person reads conditions: the sum first, then the parts.
const READING_ORDER: [ConditionType; 7] = [
    ConditionType::Ready,
    ConditionType::ApiAvailable,
    ConditionType::PostgresReady,
    ConditionType::RedisReady,
    ConditionType::MetricsAvailable,
    ConditionType::ScalingActive,
    ConditionType::ScalingLimited,
];

/// More of scaling, in reading order: what is true only when something is wrong that a person should look at.
const TROUBLE: [&str; 2] = ["ScaleConflict", "LatencyNotScalable"];

/// Conditions that say nothing when they do not hold.
const QUIET_WHEN_FALSE: [&str; 3] = ["ScalingLimited", "ScaleConflict", "LatencyNotScalable"];

/// Whether everything is as the spec asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Readiness {
    /// `True`, `False` or `Unknown`.
    pub(crate) status: String,
    /// The condition's reason, or why it is not known.
    pub(crate) reason: String,
    /// For people.
    pub(crate) message: String,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConditionRow {
    /// What it is about.
    #[serde(rename = "type")]
    pub(crate) type_: String,
    /// `True`, `False` or `Unknown`.
    pub(crate) status: String,
    /// Why.
    pub(crate) reason: String,
    /// Since when.
    pub(crate) since: Timestamp,
    /// For people.
    pub(crate) message: String,
}

impl ConditionRow {
    /// Whether a person learns something from it.
    pub(crate) fn says_something(&self) -> bool {
        self.status != "False" || !QUIET_WHEN_FALSE.contains(&self.type_.as_str())
    }
}

impl Readiness {
    /// Judges a resource.
    pub(crate) fn of(cluster: &PathfinderCluster) -> Self {
        let Some(status) = &cluster.status else {
            return Self::unknown("NoStatus", "the operator has not reported yet: is it running?");
        };
        if status.observed_generation.is_some() && status.observed_generation < cluster.metadata.generation {
            return Self::unknown(
                "Outdated",
                "the operator has not acted on the last change of the spec yet",
            );
        }
        match find(&status.conditions, ConditionType::Ready) {
            Some(ready) => Self {
                status: ready.status.clone(),
                reason: ready.reason.clone(),
                message: ready.message.clone(),
            },
            None => Self::unknown("NoStatus", "the operator has not reported yet: is it running?"),
        }
    }

    /// Whether the status is `True`.
    pub(crate) fn is_ready(&self) -> bool {
        self.status == "True"
    }

    fn unknown(reason: &str, message: &str) -> Self {
        Self {
            status: "Unknown".to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// The condition of a type, if there is one.
pub(crate) fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str())
}

/// What is wrong with scaling, in words, while the resource may well be ready.
pub(crate) fn trouble(cluster: &PathfinderCluster) -> Vec<String> {
    TROUBLE
        .iter()
        .filter_map(|type_| holding(cluster, type_, "True"))
        .collect()
}

/// A condition in words, if it is there and has that status.
pub(crate) fn holding(cluster: &PathfinderCluster, type_: &str, status: &str) -> Option<String> {
    let conditions = &cluster.status.as_ref()?.conditions;
    let found = conditions
        .iter()
        .find(|condition| condition.type_ == type_ && condition.status == status)?;
    Some(format!("{type_}: {}", found.message))
}

/// All conditions in reading order; those that this version does not know come last, by name.
pub(crate) fn rows(cluster: &PathfinderCluster) -> Vec<ConditionRow> {
    let conditions = cluster.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let mut rows: Vec<ConditionRow> = conditions.iter().map(row).collect();
    rows.sort_by_cached_key(|row| (place(&row.type_), row.type_.clone()));
    rows
}

fn row(condition: &Condition) -> ConditionRow {
    ConditionRow {
        type_: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone(),
        since: condition.last_transition_time.0,
        message: condition.message.clone(),
    }
}

fn place(type_: &str) -> usize {
    let known = READING_ORDER.iter().map(|known| known.as_str()).chain(TROUBLE);
    known
        .zip(0..)
        .find(|(known, _)| *known == type_)
        .map_or(usize::MAX, |(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn without_a_status_nothing_is_known() {
        let cluster = fixtures::cluster("shop");
        assert_eq!(Readiness::of(&cluster).reason, "NoStatus");
        assert!(!Readiness::of(&cluster).is_ready());
    }

    #[test]
    fn a_ready_condition_of_an_older_spec_is_not_believed() {
        let mut cluster = fixtures::ready("shop");
        assert!(Readiness::of(&cluster).is_ready());
        cluster.metadata.generation = Some(8);
        assert_eq!(Readiness::of(&cluster).status, "Unknown");
        assert_eq!(Readiness::of(&cluster).reason, "Outdated");
    }

    #[test]
    fn trouble_of_scaling_is_what_holds_and_is_wrong() {
        let mut cluster = fixtures::ready("shop");
        fixtures::add_condition(&mut cluster, "LatencyNotScalable", "False", "LatencyMet");
        fixtures::add_condition(&mut cluster, "ScaleConflict", "True", "AnotherWriter");
        assert_eq!(trouble(&cluster), ["ScaleConflict: about ScaleConflict"]);
        let said = rows(&cluster).into_iter().filter(ConditionRow::says_something);
        let types: Vec<String> = said.map(|row| row.type_).collect();
        assert_eq!(types, ["Ready", "PostgresReady", "RedisReady", "ScaleConflict"]);
    }

    #[test]
    fn ready_comes_first_and_unknown_types_last() {
        let mut cluster = fixtures::cluster("shop");
        fixtures::add_condition(&mut cluster, "AaaOfTomorrow", "True", "Why");
        fixtures::add_condition(&mut cluster, "LatencyNotScalable", "True", "PostgresSaturated");
        fixtures::add_condition(&mut cluster, "ScalingLimited", "False", "NotLimited");
        fixtures::add_condition(&mut cluster, "Ready", "True", "AsSpecified");
        let types: Vec<String> = rows(&cluster).into_iter().map(|row| row.type_).collect();
        assert_eq!(
            types,
            ["Ready", "ScalingLimited", "LatencyNotScalable", "AaaOfTomorrow"]
        );
    }
}
