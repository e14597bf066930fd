//! Writes orders: the HPA's bounds by a merge patch with uid, replicas by a guarded update of `/scale`.
//!
//! IO. An increase that was decided on an old view must never become a decrease, so `/scale` is read first and written
//! with its resourceVersion.

use k8s_openapi::api::{
    apps::v1::Deployment, autoscaling::v1::Scale, autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod,
};
use kube::{
    Api,
    api::{ApiResource, PostParams},
};
use pathfinder_scaling::Replicas;
use serde_json::json;

use crate::{
    client::{CallError, Target, Writer, call},
    cluster::{Cluster, ClusterId},
    names::{self, Component},
    reconcile::apply::Applied,
    scale::{facts::ANNOTATION_DELETION_COST, orders::Bounds},
};

/// Moves the HPA's bounds, both in one write, on exactly the HPA that was seen.
///
/// # Errors
/// [`CallError`]; 409 when the HPA is another one by now.
pub async fn set_bounds(writer: &Writer, id: &ClusterId, (uid, bounds): (&str, Bounds)) -> Result<(), CallError> {
    let resource = ApiResource::erase::<HorizontalPodAutoscaler>(&());
    let name = names::component(&id.name, Component::Api);
    let to = Target {
        resource: &resource,
        namespace: &id.namespace,
        name: &name,
    };
    let body = json!({
        "metadata": {"uid": uid},
        "spec": {"minReplicas": bounds.min.get(), "maxReplicas": bounds.max.get()},
    });
    writer.merge(&to, names::MANAGER_SCALE, &body).await.map(drop)
}

/// Says how soon this pod should leave: those that cost the least go first.
///
/// # Errors
/// [`CallError`]; a pod that is gone by now is none.
pub async fn set_deletion_cost(writer: &Writer, id: &ClusterId, (pod, cost): (&str, i32)) -> Result<(), CallError> {
    let resource = ApiResource::erase::<Pod>(&());
    let to = Target {
        resource: &resource,
        namespace: &id.namespace,
        name: pod,
    };
    let body = json!({"metadata": {"annotations": {(ANNOTATION_DELETION_COST): cost.to_string()}}});
    match writer.merge(&to, names::MANAGER_SCALE, &body).await {
        Err(error) if error.code() != Some(404) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

// A Deployment changes with every pod that becomes ready: a conflict is usually that, and a step of load should not wait
// for the next tick because of it.
const ATTEMPTS: u32 = 3;

/// Raises the Deployment to `replicas` unless it already has as many; looks again after a conflict.
///
/// # Errors
/// [`CallError`]; 409 when it changed at every attempt, to be looked at again at the next tick.
pub async fn raise(writer: &Writer, id: &ClusterId, replicas: Replicas) -> Result<(), CallError> {
    let mut attempt = 1;
    loop {
        match raise_once(writer, id, replicas).await {
            Err(error) if error.code() == Some(409) && attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

async fn raise_once(writer: &Writer, id: &ClusterId, replicas: Replicas) -> Result<(), CallError> {
    let name = names::component(&id.name, Component::Api);
    let api: Api<Deployment> = Api::namespaced(writer.client().clone(), &id.namespace);
    let mut scale: Scale = call(
        || format!("reading the scale of Deployment {}/{name}", id.namespace),
        api.get_scale(&name),
    )
    .await?;
    let ordered = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
    let wanted = i32::try_from(replicas.get()).unwrap_or(i32::MAX);
    if ordered >= wanted {
        return Ok(());
    }
    scale.spec.get_or_insert_default().replicas = Some(wanted);
    let resource = ApiResource::erase::<Deployment>(&());
    let to = Target {
        resource: &resource,
        namespace: &id.namespace,
        name: &name,
    };
    let params = PostParams {
        field_manager: Some(names::MANAGER_SCALE.to_owned()),
        ..PostParams::default()
    };
    call(
        || format!("scaling {to} to {wanted}"),
        api.replace_scale(&name, &params, &scale),
    )
    .await?;
    writer.wrote(&to, "scale");
    Ok(())
}

/// Gives a Deployment that was just made the replicas that it should have, before the HPA looks at it.
///
/// # Errors
/// [`CallError`].
pub async fn restore(
    writer: &Writer,
    cluster: &Cluster,
    applied: &Applied,
    last_ordered: Option<Replicas>,
) -> Result<(), CallError> {
    let floor = applied
        .autoscaler
        .spec
        .as_ref()
        .and_then(|spec| spec.min_replicas)
        .unwrap_or_default();
    let floor = Replicas::new(u32::try_from(floor).unwrap_or_default());
    let replicas = cluster
        .scaling
        .policy
        .clamp(last_ordered.map_or(floor, |last| last.max(floor)));
    raise(writer, &cluster.id, replicas).await
}
