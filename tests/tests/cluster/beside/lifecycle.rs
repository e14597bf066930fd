//! From apply to Ready to gone and back: what is made, what stays, what is found again.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{PersistentVolumeClaim, Secret, Service},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use pathfinder_tests::suite::{Stack, until};
use serde_json::json;

#[tokio::test]
async fn an_applied_stack_becomes_ready_and_serves_and_its_data_and_passwords_outlive_it() {
    let stack = Stack::fresh("lifecycle").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();

    let draft = json!({"name": "Spring Cup", "game": "chess", "seats": 16, "startsAt": "2030-04-01T10:00:00Z"});
    let made = stack.create_tournament(&draft).await.unwrap();
    let path = format!("/api/tournaments/{}", made["id"].as_str().unwrap());
    assert_eq!(stack.call("GET", &path, None).await.unwrap()["name"], draft["name"]);

    let passwords = (
        stack.secret("postgres").await.unwrap(),
        stack.secret("redis").await.unwrap(),
    );
    stack
        .resources()
        .delete(&stack.name, &DeleteParams::default())
        .await
        .unwrap();
    until(
        "everything but volumes and Secrets to be gone",
        Duration::from_secs(90),
        || async {
            let deployments = stack
                .api::<Deployment>()
                .list(&ListParams::default())
                .await
                .unwrap()
                .items
                .len();
            let services = stack
                .api::<Service>()
                .list(&ListParams::default())
                .await
                .unwrap()
                .items
                .len();
            let pods = stack.pods("postgres").await.unwrap().len() + stack.pods("redis").await.unwrap().len();
            if deployments + services + pods == 0 {
                Ok(())
            } else {
                Err((deployments, services, pods))
            }
        },
    )
    .await
    .unwrap();
    let claims = stack
        .api::<PersistentVolumeClaim>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let mut claims: Vec<String> = claims.items.iter().map(ResourceExt::name_any).collect();
    claims.sort();
    assert_eq!(claims, ["data-shop-postgres-0", "data-shop-redis-0"]);
    assert!(stack.api::<Secret>().get_opt("shop-postgres").await.unwrap().is_some());

    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    assert_eq!(
        passwords,
        (
            stack.secret("postgres").await.unwrap(),
            stack.secret("redis").await.unwrap()
        )
    );
    assert_eq!(stack.call("GET", &path, None).await.unwrap()["name"], draft["name"]);
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn a_section_that_is_taken_out_is_pruned_and_its_volume_kept() {
    let stack = Stack::fresh("prune").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    stack.patch(json!({"redis": null})).await.unwrap();
    until("Redis to be pruned", Duration::from_secs(60), || async {
        match stack.stateful_set("redis").await {
            Ok(set) => Err(set.name_any()),
            Err(_) => Ok(()),
        }
    })
    .await
    .unwrap();
    stack.wait_ready().await.unwrap();
    assert!(
        stack
            .api::<PersistentVolumeClaim>()
            .get_opt("data-shop-redis-0")
            .await
            .unwrap()
            .is_some()
    );
    assert!(stack.stateful_set("postgres").await.is_ok());
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn passwords_are_never_made_anew_for_a_volume_that_has_data() {
    let stack = Stack::fresh("secret-gone").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    let secrets = stack.api::<Secret>();
    let secret = secrets.get("shop-postgres").await.unwrap();
    lose(&stack, &secret).await;
    let condition = stack
        .wait_condition(("Ready", "False"), Some("SecretMissing"), Duration::from_secs(60))
        .await
        .unwrap();
    assert!(
        condition.message.contains("restore the Secret"),
        "{}",
        condition.message
    );
    assert!(secrets.get_opt("shop-postgres").await.unwrap().is_none());

    let mut restored = secret;
    restored.metadata.resource_version = None;
    restored.metadata.uid = None;
    restored.metadata.managed_fields = None;
    secrets
        .create(&kube::api::PostParams::default(), &restored)
        .await
        .unwrap();
    stack.wait_ready().await.unwrap();
    stack.remove().await.unwrap();
}

// Deletes it until it stays deleted. A pass that had read it before may write it once more, as it was: that loses nothing,
// and any other password would.
async fn lose(stack: &Stack, secret: &Secret) {
    let secrets = stack.api::<Secret>();
    let mut most = 20;
    until(
        "the resource to say that the Secret is gone",
        Duration::from_secs(60),
        || {
            most += 1;
            let secrets = secrets.clone();
            async move {
                if let Some(found) = secrets.get_opt("shop-postgres").await.unwrap() {
                    assert_eq!(found.data, secret.data, "other passwords for the same volume");
                    let params = DeleteParams::default();
                    secrets.delete("shop-postgres", &params).await.unwrap();
                    // Secrets are not watched (the operator may only read them by name): any change makes it look.
                    stack.patch(json!({"scaling": {"maxReplicas": most}})).await.unwrap();
                }
                match stack.condition("Ready").await.unwrap() {
                    Some(ready) if ready.reason == "SecretMissing" => Ok(()),
                    other => Err(other),
                }
            }
        },
    )
    .await
    .unwrap();
}
