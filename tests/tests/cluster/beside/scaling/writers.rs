//! Somebody else writes replicas or the floor: put right, and named.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler};
use kube::api::{Patch, PatchParams};
use pathfinder_tests::suite::{
    Stack,
    kubectl::{kubectl, kubectl_with},
};
use serde_json::json;

use super::scaled;

async fn scale_by_hand(stack: &Stack, replicas: i32) {
    let replicas = format!("--replicas={replicas}");
    kubectl(&["scale", "deployment/shop-api", "-n", &stack.namespace, &replicas])
        .await
        .unwrap()
        .ok()
        .unwrap();
}

// Waits for the conflict of this reason, which must say whose it is.
async fn names(stack: &Stack, reason: &str, whose: &str) {
    let condition = stack
        .wait_condition(("ScaleConflict", "True"), Some(reason), Duration::from_secs(90))
        .await
        .unwrap();
    assert!(condition.message.contains(whose), "{condition:?}");
}

async fn put_right(stack: &Stack, deadline: Duration) {
    stack
        .wait_replicas(
            ("2 replicas again", |(floor, ordered, _)| floor == 2 && ordered == 2),
            deadline,
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_user_who_scales_by_hand_is_put_right_and_named() {
    let stack = scaled("by-hand", json!({})).await;
    scale_by_hand(&stack, 1).await;
    put_right(&stack, Duration::from_secs(60)).await;
    names(&stack, "AnotherWriter", "kubectl scale").await;
    stack.told_once("AnotherWriter").await.unwrap();
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn a_user_who_adds_replicas_by_hand_is_named() {
    let stack = scaled("by-hand-up", json!({})).await;
    scale_by_hand(&stack, 4).await;
    names(&stack, "AnotherWriter", "kubectl scale").await;
    stack.told_once("AnotherWriter").await.unwrap();
    put_right(&stack, Duration::from_secs(120)).await;
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn a_gitops_tool_that_writes_the_floor_again_and_again_is_undone_and_named() {
    let stack = scaled("gitops", json!({})).await;
    for _ in 0..3 {
        let params = PatchParams::apply("argocd-controller").force();
        let body = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "spec": {
                "minReplicas": 3, "maxReplicas": 10,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-api"},
            },
        });
        stack
            .api::<HorizontalPodAutoscaler>()
            .patch("shop-api", &params, &Patch::Apply(body))
            .await
            .unwrap();
        stack
            .wait_replicas(
                ("the floor to be put right", |seen| seen.0 == 2),
                Duration::from_secs(30),
            )
            .await
            .unwrap();
    }
    names(&stack, "AnotherWriter", "argocd-controller").await;
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn a_second_hpa_on_the_same_deployment_is_named_and_forgiven_when_it_goes() {
    let stack = scaled("second-hpa", json!({})).await;
    let second = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "by-hand", "namespace": stack.namespace},
        "spec": {
            "minReplicas": 1, "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-api"},
        },
    });
    kubectl_with(&["apply", "-f", "-"], &second.to_string())
        .await
        .unwrap()
        .ok()
        .unwrap();
    names(&stack, "AnotherAutoscaler", "by-hand").await;
    kubectl(&["delete", "hpa/by-hand", "-n", &stack.namespace])
        .await
        .unwrap()
        .ok()
        .unwrap();
    stack
        .wait_condition(("ScaleConflict", "False"), None, Duration::from_secs(90))
        .await
        .unwrap();
    assert!(stack.api::<Deployment>().get("shop-api").await.is_ok());
    stack.remove().await.unwrap();
}
