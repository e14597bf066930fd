//! Sixth verb: say how it is, in status and events, and only when that changed.
//!
//! IO. What is said comes from `status`, which is pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource, ResourceExt, api::ApiResource};
use kube_runtime::events::{Event, EventType, Recorder};
use pathfinder_crds::{ApiStatus, ConditionType, PathfinderCluster, Reason};
use serde_json::json;

use crate::{
    client::{CALL_DEADLINE, CallError, Target, Writer},
    cluster::Cluster,
    names,
    reconcile::apply::Applied,
    status::{self, Finding, STRUCTURAL, finding},
};

/// Writing the status failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub CallError);

/// Who writes status and events.
pub struct Reporter<'a> {
    /// Writes.
    pub writer: &'a Writer,
    /// Publishes events.
    pub recorder: &'a Recorder,
    /// The present time.
    pub now: Timestamp,
}

/// Reports a complete pass.
///
/// # Errors
/// When the status could not be written.
pub async fn report(
    reporter: &Reporter<'_>,
    resource: &PathfinderCluster,
    (cluster, applied): (&Cluster, &Applied),
    pods: &[k8s_openapi::api::core::v1::Pod],
) -> Result<(), Error> {
    let findings = status::findings(cluster, (&applied.deployment, &applied.stateful_sets), pods);
    let conditions = status::conditions(&findings, &previous(resource), cluster.generation, reporter.now);
    write(
        reporter,
        resource,
        conditions,
        Some(status::api_status(&applied.deployment)),
    )
    .await
}

/// Reports a pass that stopped: the other conditions stay as they were.
///
/// # Errors
/// When the status could not be written.
pub async fn report_failure(
    reporter: &Reporter<'_>,
    resource: &PathfinderCluster,
    (reason, message): (Reason, String),
) -> Result<(), Error> {
    let failure: Finding = finding(ConditionType::Ready, Err(reason), message);
    let old = previous(resource);
    let generation = resource.metadata.generation.unwrap_or_default();
    let mut conditions = status::conditions(&[failure], &old, generation, reporter.now);
    conditions.extend(old.into_iter().filter(|it| it.type_ != ConditionType::Ready.as_str()));
    let api = resource.status.as_ref().and_then(|it| it.api.clone());
    write(reporter, resource, conditions, api).await
}

fn previous(resource: &PathfinderCluster) -> Vec<Condition> {
    let all = resource
        .status
        .as_ref()
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    status::of_types(all, &STRUCTURAL)
}

async fn write(
    reporter: &Reporter<'_>,
    resource: &PathfinderCluster,
    conditions: Vec<Condition>,
    api: Option<ApiStatus>,
) -> Result<(), Error> {
    let old = resource.status.clone().unwrap_or_default();
    let generation = resource.metadata.generation;
    if old.observed_generation == generation && old.api == api && same(&previous(resource), &conditions) {
        return Ok(());
    }
    let namespace = resource.namespace().unwrap_or_default();
    let kind = ApiResource::erase::<PathfinderCluster>(&());
    let to = Target {
        resource: &kind,
        namespace: &namespace,
        name: &resource.name_any(),
    };
    let body = json!({
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": to.name, "uid": resource.metadata.uid},
        "status": {"observedGeneration": generation, "conditions": conditions, "api": api},
    });
    reporter
        .writer
        .apply_status::<PathfinderCluster>(&to, names::MANAGER_STATUS, &body)
        .await?;
    announce(reporter, resource, &conditions).await;
    Ok(())
}

fn same(old: &[Condition], new: &[Condition]) -> bool {
    old.len() == new.len() && new.iter().all(|condition| old.contains(condition))
}

// One event when `Ready` turns, none while it stays: the status remembers what was said, also over a restart.
async fn announce(reporter: &Reporter<'_>, resource: &PathfinderCluster, conditions: &[Condition]) {
    let ready = ConditionType::Ready.as_str();
    let Some(new) = conditions.iter().find(|it| it.type_ == ready) else {
        return;
    };
    let before = previous(resource).into_iter().find(|it| it.type_ == ready);
    let said = before.as_ref().map(|it| (it.status.as_str(), it.reason.as_str()));
    if said == Some((new.status.as_str(), new.reason.as_str())) {
        return;
    }
    tracing::info!(
        namespace = resource.namespace(),
        name = resource.name_any(),
        status = new.status,
        reason = new.reason,
        message = new.message,
        "Ready changed"
    );
    let type_ = match new.reason.as_str() {
        "AsSpecified" | "Progressing" => EventType::Normal,
        _ => EventType::Warning,
    };
    let note = if new.message.is_empty() {
        "everything that the spec asks for works"
    } else {
        &new.message
    };
    publish(
        reporter.recorder,
        resource,
        event(type_, &new.reason, note, "Reconcile"),
    )
    .await;
}

/// An event with a note cut to what the API server takes (1 kB).
pub fn event(type_: EventType, reason: &str, note: &str, action: &str) -> Event {
    let note: String = note.chars().take(900).collect();
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: action.to_owned(),
        secondary: None,
    }
}

/// Publishes an event; a failure is logged, never fatal.
pub async fn publish(recorder: &Recorder, resource: &PathfinderCluster, event: Event) {
    let reference = resource.object_ref(&());
    match tokio::time::timeout(CALL_DEADLINE, recorder.publish(&event, &reference)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, reason = event.reason, "publishing an event failed"),
        Err(_) => tracing::warn!(reason = event.reason, "publishing an event took too long"),
    }
}
