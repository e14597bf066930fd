//! Whether somebody else writes what scaling writes, at this tick.
//!
//! Pure. Puts together what `facts` says of each field and of other HPAs; the worst of it is what is told.

mod unnamed;

use std::{ops::RangeInclusive, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler},
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};

use self::unnamed::{Foreign, Ordered, Unnamed};
use crate::{
    names,
    scale::facts::{self, Contest, Field, Writer},
};

/// Somebody else who writes what we write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another HPA targets the Deployment.
    SecondAutoscaler {
        /// Its name.
        name: String,
    },
    /// A field was written.
    Writer {
        /// Who wrote, as a field manager.
        manager: String,
        /// What.
        field: Field,
    },
}

const OURS: [&str; 2] = [names::MANAGER_SCALE, names::MANAGER_CLUSTER];

/// What was seen of one cluster's writers, from tick to tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Writers {
    // One per field.
    contests: [Option<Contest>; 2],
    unnamed: Unnamed,
}

// Who writes through /scale leaves no name in the managed fields of every server.
const UNNAMED: &str = "somebody (through /scale: kubectl scale, or a script)";

/// The conflict that there is now, if any. `between` is from the fewest to the most that was ordered since the last tick,
/// where that changed.
pub fn conflict(
    writers: &mut Writers,
    ((deployment, autoscaler), between): (
        (Option<&Deployment>, &HorizontalPodAutoscaler),
        Option<RangeInclusive<i32>>,
    ),
    all: &[Arc<HorizontalPodAutoscaler>],
    now: Timestamp,
) -> Option<Conflict> {
    let fields = |fields: Option<&Vec<ManagedFieldsEntry>>, field| {
        facts::foreign_writer(fields.map_or(&[], Vec::as_slice), field, &OURS).map(|writer| (field, writer))
    };
    let replicas = deployment.and_then(|it| it.metadata.managed_fields.as_ref());
    let ordered = deployment.and_then(|deployment| Ordered::seen(deployment, autoscaler, between));
    let unnamed = match writers.unnamed.wrote(ordered, now) {
        Some(Foreign::BelowFloor) => true,
        // It was told by its name when it was written.
        Some(Foreign::Unexplained) => !writers.contests[0]
            .as_ref()
            .is_some_and(|contest| contest.stands(now) && contest.writer.manager != UNNAMED),
        None => false,
    };
    let unnamed = unnamed.then(|| {
        let unnamed = Writer {
            manager: UNNAMED.to_owned(),
            operation: "Update".to_owned(),
            time: Some(now),
        };
        (Field::Replicas, unnamed)
    });
    let seen = [
        fields(replicas, Field::Replicas).or(unnamed),
        fields(autoscaler.metadata.managed_fields.as_ref(), Field::Bounds),
    ];
    for (contest, seen) in writers.contests.iter_mut().zip(seen) {
        *contest = facts::contest(contest.take(), seen, now);
    }
    let name = autoscaler.metadata.name.as_deref().unwrap_or_default();
    let all = all.iter().map(Arc::as_ref);
    let second = facts::second_autoscaler(all, name, name).map(|name| Conflict::SecondAutoscaler { name });
    let standing = writers.contests.iter().flatten().filter(|contest| contest.stands(now));
    let writer = standing.max_by_key(|contest| contest.writes);
    second.or_else(|| {
        writer.map(|contest| Conflict::Writer {
            manager: contest.writer.manager.clone(),
            field: contest.field,
        })
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use k8s_openapi::{
        api::{apps::v1::DeploymentSpec, autoscaling::v2::HorizontalPodAutoscalerSpec},
        apimachinery::pkg::apis::meta::v1::{FieldsV1, Time},
    };
    use serde_json::json;

    use super::*;

    fn deployment(ordered: i32) -> Deployment {
        Deployment {
            spec: Some(DeploymentSpec {
                replicas: Some(ordered),
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        }
    }

    fn autoscaler(floor: i32) -> HorizontalPodAutoscaler {
        HorizontalPodAutoscaler {
            spec: Some(HorizontalPodAutoscalerSpec {
                min_replicas: Some(floor),
                ..HorizontalPodAutoscalerSpec::default()
            }),
            ..HorizontalPodAutoscaler::default()
        }
    }

    fn by_hand(ordered: i32, at: Timestamp) -> Deployment {
        let mut deployment = deployment(ordered);
        deployment.metadata.managed_fields = Some(vec![ManagedFieldsEntry {
            manager: Some("kubectl".into()),
            subresource: Some("scale".into()),
            time: Some(Time(at)),
            fields_v1: Some(FieldsV1(json!({"f:spec": {"f:replicas": {}}}))),
            ..ManagedFieldsEntry::default()
        }]);
        deployment
    }

    // Who is named at each of these ticks of five seconds.
    fn named(ticks: impl IntoIterator<Item = Deployment>) -> Vec<Option<String>> {
        let mut writers = Writers::default();
        let autoscaler = autoscaler(2);
        let tick = |(deployment, number): (Deployment, i64)| {
            let now = second(5 * number);
            match conflict(&mut writers, ((Some(&deployment), &autoscaler), None), &[], now) {
                Some(Conflict::Writer { manager, .. }) => Some(manager),
                Some(Conflict::SecondAutoscaler { .. }) | None => None,
            }
        };
        ticks.into_iter().zip(0..).map(tick).collect()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn conflicts(ticks: &[(i32, i32)]) -> Vec<bool> {
        let ticks: Vec<_> = ticks.iter().map(|(ordered, floor)| (*ordered, *floor, None)).collect();
        conflicts_between(&ticks)
    }

    fn conflicts_between(ticks: &[(i32, i32, Option<RangeInclusive<i32>>)]) -> Vec<bool> {
        let mut writers = Writers::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let tick = |(ordered, floor, between): &(i32, i32, Option<RangeInclusive<i32>>)| {
            now += SignedDuration::from_secs(5);
            conflict(
                &mut writers,
                ((Some(&deployment(*ordered)), &autoscaler(*floor)), between.clone()),
                &[],
                now,
            )
            .is_some()
        };
        ticks.iter().map(tick).collect()
    }

    #[test]
    fn fewer_than_the_floor_that_stood_is_somebody_elses_order() {
        assert_eq!(conflicts(&[(2, 2), (1, 2), (2, 2)]), [false, true, true]);
    }

    #[test]
    fn fewer_that_the_autoscaler_put_back_before_the_next_tick_is_somebody_elses_order_too() {
        assert_eq!(
            conflicts_between(&[(2, 2, Some(2..=2)), (2, 2, Some(1..=2)), (2, 2, None)]),
            [false, true, true]
        );
    }

    #[test]
    fn a_floor_that_rises_above_what_is_ordered_and_a_deployment_that_begins_with_one_are_no_conflict() {
        assert_eq!(
            conflicts(&[(1, 2), (1, 2), (2, 2), (2, 6), (6, 6), (6, 2), (2, 2)]),
            [false; 7]
        );
    }

    #[test]
    fn more_that_nobody_answers_for_is_said_to_be_somebodys_after_half_a_minute() {
        let names = named([2, 8, 2, 2, 2, 2, 2, 2].map(deployment));
        let (last, before) = names.split_last().unwrap();
        assert_eq!(last.as_deref(), Some(UNNAMED));
        assert!(before.iter().all(Option::is_none), "{names:?}");
    }

    #[test]
    fn who_was_named_when_it_wrote_is_not_an_unnamed_one_later() {
        let begins = [deployment(2), by_hand(8, second(5))];
        let names = named(begins.into_iter().chain((0..10).map(|_| deployment(2))));
        assert!(
            names.iter().skip(1).all(|name| name.as_deref() == Some("kubectl")),
            "{names:?}"
        );
    }
}
