//! What others do to our objects: our fields are put back, theirs are left alone, foreign objects are never adopted.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Service};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use pathfinder_tests::suite::{Stack, kubectl::kubectl_with, until};
use serde_json::json;

const REPAIR: Duration = Duration::from_secs(30);

#[tokio::test]
async fn edits_of_our_fields_are_put_back_and_what_others_add_stays() {
    let stack = Stack::fresh("drift").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    let deployments: Api<Deployment> = stack.api();
    let patch = json!({
        "metadata": {"annotations": {"team": "checkout"}},
        "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}},
    });
    deployments
        .patch("shop-api", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    until("our field to be put back", REPAIR, || async {
        let deployment = deployments.get("shop-api").await.unwrap();
        let grace = deployment
            .spec
            .unwrap()
            .template
            .spec
            .unwrap()
            .termination_grace_period_seconds;
        if grace == Some(30) { Ok(()) } else { Err(grace) }
    })
    .await
    .unwrap();
    assert_eq!(
        deployments.get("shop-api").await.unwrap().annotations()["team"],
        "checkout"
    );

    let services: Api<Service> = stack.api();
    let before = services.get("shop-api").await.unwrap().uid();
    services.delete("shop-api", &DeleteParams::default()).await.unwrap();
    until("the Service to be made again", REPAIR, || async {
        match services.get_opt("shop-api").await.unwrap() {
            Some(service) if service.uid() != before => Ok(()),
            other => Err(other.map(|it| it.uid())),
        }
    })
    .await
    .unwrap();
    stack.wait_ready().await.unwrap();
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn a_deleted_deployment_comes_back_with_the_replicas_that_it_had() {
    let stack = Stack::fresh("recreate").await.unwrap();
    let mut resource = stack.small();
    resource["spec"]["scaling"]["minReplicas"] = json!(3);
    stack.apply(&resource).await.unwrap();
    stack.wait_ready().await.unwrap();
    let deployments: Api<Deployment> = stack.api();
    let before = deployments.get("shop-api").await.unwrap().uid();
    deployments.delete("shop-api", &DeleteParams::default()).await.unwrap();
    until("the Deployment to be made again with 3 replicas", REPAIR, || async {
        match deployments.get_opt("shop-api").await.unwrap() {
            Some(it) if it.uid() != before && it.spec.as_ref().unwrap().replicas == Some(3) => Ok(()),
            other => Err(other.and_then(|it| it.spec.unwrap().replicas)),
        }
    })
    .await
    .unwrap();
    stack.wait_ready().await.unwrap();
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn an_object_of_somebody_else_is_left_alone_and_said_and_the_stack_heals_when_it_goes() {
    let stack = Stack::fresh("foreign").await.unwrap();
    let foreign = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop-api", "namespace": stack.namespace, "labels": {"owner": "somebody"}},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 8080}]},
    });
    kubectl_with(&["create", "-f", "-"], &foreign.to_string())
        .await
        .unwrap()
        .ok()
        .unwrap();
    let services: Api<Service> = stack.api();
    let before = services.get("shop-api").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    let condition = stack
        .wait_condition(("Ready", "False"), Some("ForeignObject"), Duration::from_secs(60))
        .await
        .unwrap();
    assert!(condition.message.contains("shop-api"), "{}", condition.message);
    stack.told_once("ForeignObject").await.unwrap();
    let after = services.get("shop-api").await.unwrap();
    assert_eq!(before.meta().resource_version, after.meta().resource_version);

    services.delete("shop-api", &DeleteParams::default()).await.unwrap();
    stack.wait_ready().await.unwrap();
    let (objects, times) = stack.events("ForeignObject").await.unwrap();
    assert_eq!((objects, times), (1, 1), "one event, not one per loop");
    stack.remove().await.unwrap();
}
