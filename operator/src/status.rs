//! From what is there to conditions.
//!
//! Pure. `lastTransitionTime` moves only when a status changes, so an unchanged world gives an unchanged status.

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use pathfinder_crds::{ApiStatus, ConditionType, Reason};

use crate::{
    cluster::Cluster,
    names::{self, Component},
    trouble::{self, Trouble},
};

/// A condition before it is given its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub type_: ConditionType,
    /// Whether it holds.
    pub holds: Holds,
    /// Why.
    pub reason: Reason,
    /// For a person; empty when all is well.
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can tell.
    Unknown,
}

impl Holds {
    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The condition types that the structural loop writes; those of scaling belong to the scaling loop.
pub const STRUCTURAL: [ConditionType; 4] = [
    ConditionType::Ready,
    ConditionType::ApiAvailable,
    ConditionType::PostgresReady,
    ConditionType::RedisReady,
];

/// Everything about the stack after a complete apply.
pub fn findings(cluster: &Cluster, (deployment, stores): (&Deployment, &[StatefulSet]), pods: &[Pod]) -> Vec<Finding> {
    let mut parts = vec![api(cluster, deployment, pods)];
    if cluster.postgres.is_some() {
        parts.push(store(
            cluster,
            (Component::Postgres, ConditionType::PostgresReady),
            stores,
            pods,
        ));
    }
    if cluster.redis.is_some() {
        parts.push(store(
            cluster,
            (Component::Redis, ConditionType::RedisReady),
            stores,
            pods,
        ));
    }
    let mut findings = vec![ready(&parts, spread_trouble(cluster, deployment, pods))];
    findings.extend(parts);
    findings
}

/// The API's pods, as the Deployment counts them.
pub fn api_status(deployment: &Deployment) -> ApiStatus {
    let status = deployment.status.as_ref();
    ApiStatus {
        replicas: status.and_then(|it| it.replicas).unwrap_or_default(),
        ready_replicas: status.and_then(|it| it.ready_replicas).unwrap_or_default(),
    }
}

fn of<'a>(cluster: &Cluster, component: Component, pods: &'a [Pod]) -> impl Iterator<Item = &'a Pod> {
    let instance = names::component(&cluster.id.name, component);
    pods.iter().filter(move |pod| {
        pod.metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(names::LABEL_INSTANCE))
            == Some(&instance)
    })
}

// Trouble of single pods while enough others serve: the spec is not real yet.
fn spread_trouble(cluster: &Cluster, deployment: &Deployment, pods: &[Pod]) -> Option<Trouble> {
    trouble::refused(deployment)
        .or_else(|| trouble::of_pods(of(cluster, Component::Api, pods)))
        .or_else(|| {
            let status = deployment.status.as_ref()?;
            let old = status.replicas.unwrap_or_default() - status.updated_replicas.unwrap_or_default();
            let unseen = status.observed_generation < deployment.metadata.generation;
            (old > 0 || unseen).then(|| Trouble {
                reason: Reason::Progressing,
                message: "pods of the new template replace the old ones".into(),
            })
        })
}

fn api(cluster: &Cluster, deployment: &Deployment, pods: &[Pod]) -> Finding {
    let available = deployment
        .status
        .as_ref()
        .and_then(|it| it.available_replicas)
        .unwrap_or_default();
    let least = i32::try_from(cluster.scaling.policy.min_replicas().get()).unwrap_or(i32::MAX);
    if available >= least {
        return finding(ConditionType::ApiAvailable, Ok(Reason::AsSpecified), String::new());
    }
    let why = trouble::refused(deployment).or_else(|| trouble::of_pods(of(cluster, Component::Api, pods)));
    let (reason, message) = why.map_or_else(
        || {
            (
                Reason::Progressing,
                format!("fewer than minReplicas ({least}) API pods are available"),
            )
        },
        |trouble| (trouble.reason, trouble.message),
    );
    finding(ConditionType::ApiAvailable, Err(reason), message)
}

fn store(
    cluster: &Cluster,
    (component, type_): (Component, ConditionType),
    stores: &[StatefulSet],
    pods: &[Pod],
) -> Finding {
    let name = names::component(&cluster.id.name, component);
    let set = stores.iter().find(|set| set.metadata.name.as_deref() == Some(&name));
    let ready = set
        .and_then(|set| set.status.as_ref())
        .and_then(|it| it.ready_replicas)
        .unwrap_or_default();
    if ready >= 1 {
        return finding(type_, Ok(Reason::AsSpecified), String::new());
    }
    let mut mine = of(cluster, component, pods).peekable();
    let (reason, message) = if mine.peek().is_none() {
        (
            Reason::Progressing,
            format!("no pod yet: see kubectl describe statefulset {name} if it stays so"),
        )
    } else {
        trouble::of_pods(mine).map_or_else(
            || (Reason::PodsNotReady, "its pod is not ready".into()),
            |it| (it.reason, it.message),
        )
    };
    finding(type_, Err(reason), message)
}

fn ready(parts: &[Finding], spread: Option<Trouble>) -> Finding {
    match parts.iter().find(|part| part.holds != Holds::True) {
        Some(part) => finding(
            ConditionType::Ready,
            Err(part.reason),
            format!("{}: {}", part.type_, part.message),
        ),
        None => match spread {
            Some(trouble) => finding(ConditionType::Ready, Err(trouble.reason), trouble.message),
            None => finding(ConditionType::Ready, Ok(Reason::AsSpecified), String::new()),
        },
    }
}

/// A finding that holds (`Ok`) or does not (`Err`).
pub fn finding(type_: ConditionType, reason: Result<Reason, Reason>, message: String) -> Finding {
    match reason {
        Ok(reason) => Finding {
            type_,
            holds: Holds::True,
            reason,
            message,
        },
        Err(reason) => Finding {
            type_,
            holds: Holds::False,
            reason,
            message,
        },
    }
}

/// Findings as conditions: the time of a condition whose status did not change is kept.
pub fn conditions(findings: &[Finding], previous: &[Condition], generation: i64, now: Timestamp) -> Vec<Condition> {
    findings
        .iter()
        .map(|finding| {
            let kept = previous
                .iter()
                .find(|old| old.type_ == finding.type_.as_str() && old.status == finding.holds.as_str())
                .map(|old| old.last_transition_time.clone());
            Condition {
                type_: finding.type_.as_str().to_owned(),
                status: finding.holds.as_str().to_owned(),
                reason: finding.reason.as_str().to_owned(),
                message: finding.message.clone(),
                observed_generation: Some(generation),
                // The wire has whole seconds.
                last_transition_time: kept.unwrap_or_else(|| Time(whole_seconds(now))),
            }
        })
        .collect()
}

/// `now` without its fraction, as the wire carries it.
pub fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Of `previous`, the conditions of these types.
pub fn of_types(previous: &[Condition], types: &[ConditionType]) -> Vec<Condition> {
    previous
        .iter()
        .filter(|it| types.iter().any(|type_| type_.as_str() == it.type_))
        .cloned()
        .collect()
}
