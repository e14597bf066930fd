//! Whether somebody else writes what scaling writes, at this tick.
//!
//! Pure. Puts together what `facts` says of each field and of other HPAs; the worst of it is what is told.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler},
    apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
};

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
    // What was ordered, and the floor under it.
    last: Option<(i32, i32)>,
}

// Who writes through /scale leaves no name in the managed fields of every server.
const UNNAMED: &str = "somebody (through /scale: kubectl scale, or a script)";

impl Writers {
    // Fewer, now or since the last tick, than the floor that stood then and stands now: neither the HPA nor we order that.
    fn undercut(
        &mut self,
        (deployment, autoscaler): (Option<&Deployment>, &HorizontalPodAutoscaler),
        fewest: Option<i32>,
    ) -> bool {
        let ordered = deployment
            .and_then(|it| it.spec.as_ref())
            .and_then(|spec| spec.replicas);
        let floor = autoscaler.spec.as_ref().and_then(|spec| spec.min_replicas);
        let now = ordered.zip(floor);
        let before = std::mem::replace(&mut self.last, now);
        let Some(((ordered, floor), (ordered_before, floor_before))) = now.zip(before) else {
            return false;
        };
        ordered_before >= floor_before && fewest.unwrap_or(ordered).min(ordered) < floor.min(floor_before)
    }
}

/// The conflict that there is now, if any. `fewest` is the least that was ordered since the last tick, where that changed.
pub fn conflict(
    writers: &mut Writers,
    ((deployment, autoscaler), fewest): ((Option<&Deployment>, &HorizontalPodAutoscaler), Option<i32>),
    all: &[Arc<HorizontalPodAutoscaler>],
    now: Timestamp,
) -> Option<Conflict> {
    let fields = |fields: Option<&Vec<ManagedFieldsEntry>>, field| {
        facts::foreign_writer(fields.map_or(&[], Vec::as_slice), field, &OURS).map(|writer| (field, writer))
    };
    let replicas = deployment.and_then(|it| it.metadata.managed_fields.as_ref());
    let undercut = writers.undercut((deployment, autoscaler), fewest).then(|| {
        let unnamed = Writer {
            manager: UNNAMED.to_owned(),
            operation: "Update".to_owned(),
            time: Some(now),
        };
        (Field::Replicas, unnamed)
    });
    let seen = [
        fields(replicas, Field::Replicas).or(undercut),
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
    use k8s_openapi::api::{apps::v1::DeploymentSpec, autoscaling::v2::HorizontalPodAutoscalerSpec};

    use super::*;

    fn conflicts(ticks: &[(i32, i32)]) -> Vec<bool> {
        let ticks: Vec<_> = ticks.iter().map(|(ordered, floor)| (*ordered, *floor, None)).collect();
        conflicts_with_fewest(&ticks)
    }

    fn conflicts_with_fewest(ticks: &[(i32, i32, Option<i32>)]) -> Vec<bool> {
        let mut writers = Writers::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let tick = |(ordered, floor, fewest): &(i32, i32, Option<i32>)| {
            let deployment = Deployment {
                spec: Some(DeploymentSpec {
                    replicas: Some(*ordered),
                    ..DeploymentSpec::default()
                }),
                ..Deployment::default()
            };
            let autoscaler = HorizontalPodAutoscaler {
                spec: Some(HorizontalPodAutoscalerSpec {
                    min_replicas: Some(*floor),
                    ..HorizontalPodAutoscalerSpec::default()
                }),
                ..HorizontalPodAutoscaler::default()
            };
            now += jiff::SignedDuration::from_secs(5);
            conflict(&mut writers, ((Some(&deployment), &autoscaler), *fewest), &[], now).is_some()
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
            conflicts_with_fewest(&[(2, 2, Some(2)), (2, 2, Some(1)), (2, 2, None)]),
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
}
