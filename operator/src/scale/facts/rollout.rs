//! Whether a new pod template is being rolled out.
//!
//! Pure. While a rollout moves, nothing is lowered (the engine's gate `Rollout`). One that stands still must not hold
//! decreases for ever, so a paused rollout counts as settled, and so does one that made no progress for
//! `progressDeadlineSeconds` (600 s in the operator's Deployments): no pod leaves before its successor is ready, so pods of
//! the old template serve on, and those that fail are told by `pods::crash_looping`.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use pathfinder_scaling::{Replicas, Rollout};

/// How far a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling {
    /// What the engine is told.
    pub state: Rollout,
    /// Why a rollout that is not complete counts as settled; `None` while one moves, and when there is none.
    pub standstill: Option<Standstill>,
    /// Pods above what is ordered. They are gone after the rollout, so they are neither demand nor capacity; the requests
    /// that they serve are load as any other.
    pub surge: Replicas,
}

/// Why a rollout does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standstill {
    /// A person paused it.
    Paused,
    /// It made no progress within its deadline.
    DeadlineExceeded,
}

/// How far the rollout of this Deployment is.
pub fn rollout(deployment: &Deployment) -> Rolling {
    let spec = deployment.spec.as_ref();
    let status = deployment.status.as_ref();
    let seen = status.and_then(|it| it.observed_generation) >= deployment.metadata.generation;
    let all = status.and_then(|it| it.replicas).unwrap_or_default();
    let updated = status.and_then(|it| it.updated_replicas).unwrap_or_default();
    let complete = seen && updated >= all;
    let standstill = if spec.and_then(|it| it.paused) == Some(true) {
        Some(Standstill::Paused)
    } else {
        // Before it was observed, the deadline is that of the rollout before.
        let conditions = status.iter().flat_map(|it| it.conditions.iter().flatten());
        (seen && conditions.into_iter().any(exceeded)).then_some(Standstill::DeadlineExceeded)
    };
    let standstill = standstill.filter(|_| !complete);
    Rolling {
        state: if complete || standstill.is_some() {
            Rollout::Settled
        } else {
            Rollout::InProgress
        },
        standstill,
        surge: surge(all, spec.and_then(|it| it.replicas)),
    }
}

fn surge(all: i32, ordered: Option<i32>) -> Replicas {
    let above = ordered.map_or(0, |ordered| all.saturating_sub(ordered));
    Replicas::new(u32::try_from(above).unwrap_or_default())
}

fn exceeded(condition: &DeploymentCondition) -> bool {
    condition.type_ == "Progressing" && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        api::apps::v1::{DeploymentSpec, DeploymentStatus},
        apimachinery::pkg::apis::meta::v1::ObjectMeta,
    };
    use rstest::rstest;

    use super::*;

    /// Four are ordered; so many of so many pods are of the newest template, whose generation is 2.
    fn deployment((updated, all): (i32, i32), observed: i64) -> Deployment {
        Deployment {
            metadata: ObjectMeta {
                generation: Some(2),
                ..ObjectMeta::default()
            },
            spec: Some(DeploymentSpec {
                replicas: Some(4),
                ..DeploymentSpec::default()
            }),
            status: Some(DeploymentStatus {
                observed_generation: Some(observed),
                replicas: Some(all),
                updated_replicas: Some(updated),
                ..DeploymentStatus::default()
            }),
        }
    }

    fn because(mut deployment: Deployment, reason: &str) -> Deployment {
        let condition = DeploymentCondition {
            type_: "Progressing".into(),
            reason: Some(reason.into()),
            ..DeploymentCondition::default()
        };
        deployment.status.get_or_insert_default().conditions = Some(vec![condition]);
        deployment
    }

    fn paused(mut deployment: Deployment) -> Deployment {
        deployment.spec.get_or_insert_default().paused = Some(true);
        deployment
    }

    #[rstest]
    #[case::complete(deployment((4, 4), 2), Rollout::Settled, None, 0)]
    #[case::two_templates(deployment((2, 5), 2), Rollout::InProgress, None, 1)]
    #[case::not_observed_yet(deployment((4, 4), 1), Rollout::InProgress, None, 0)]
    #[case::moving(because(deployment((2, 5), 2), "ReplicaSetUpdated"), Rollout::InProgress, None, 1)]
    #[case::stuck(because(deployment((1, 5), 2), "ProgressDeadlineExceeded"), Rollout::Settled, Some(Standstill::DeadlineExceeded), 1)]
    #[case::a_deadline_of_the_one_before(because(deployment((1, 5), 1), "ProgressDeadlineExceeded"), Rollout::InProgress, None, 1)]
    #[case::paused(paused(deployment((1, 5), 2)), Rollout::Settled, Some(Standstill::Paused), 1)]
    #[case::paused_when_nothing_rolls(paused(deployment((4, 4), 2)), Rollout::Settled, None, 0)]
    // An increase is no rollout: the new pods are of the same template, and not there yet.
    #[case::fewer_than_ordered(deployment((3, 3), 2), Rollout::Settled, None, 0)]
    fn a_rollout_runs_while_it_moves(
        #[case] deployment: Deployment,
        #[case] state: Rollout,
        #[case] standstill: Option<Standstill>,
        #[case] surge: u32,
    ) {
        let expected = Rolling {
            state,
            standstill,
            surge: Replicas::new(surge),
        };
        assert_eq!(rollout(&deployment), expected);
    }
}
