//! The operator process itself: killed, doubled, led by one, handed over.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use pathfinder_tests::suite::{Stack, kubectl::kubectl, stack::client, until};
use serde_json::json;

const NAMESPACE: &str = "pathfinder-system";
const OPERATOR: &str = "pathfinder-operator";

async fn scale(client: &Client, replicas: i32) {
    let api: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    api.patch_scale(OPERATOR, &PatchParams::default(), &patch)
        .await
        .unwrap();
    until(
        &format!("{replicas} ready operator pods"),
        Duration::from_secs(90),
        || async {
            let status = api.get(OPERATOR).await.unwrap().status.unwrap_or_default();
            let pods = pods(client).await;
            let (ready, there) = (
                status.ready_replicas.unwrap_or_default(),
                i32::try_from(pods.len()).unwrap(),
            );
            if ready == replicas && there == replicas {
                Ok(())
            } else {
                Err((ready, there))
            }
        },
    )
    .await
    .unwrap();
}

async fn pods(client: &Client) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let selector = ListParams::default().labels("app.kubernetes.io/name=pathfinder-operator");
    api.list(&selector)
        .await
        .unwrap()
        .items
        .iter()
        .map(ResourceExt::name_any)
        .collect()
}

async fn holder(client: &Client) -> Option<String> {
    let api: Api<Lease> = Api::namespaced(client.clone(), NAMESPACE);
    let lease = api.get_opt(OPERATOR).await.unwrap()?;
    lease.spec?.holder_identity.filter(|holder| !holder.is_empty())
}

async fn kill(client: &Client, pod: &str) {
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    // No grace: it ends like a process that crashed, and its Lease stays behind.
    api.delete(pod, &DeleteParams::default().grace_period(0)).await.unwrap();
}

async fn wait_leader(client: &Client, not: &str, deadline: Duration) -> String {
    until("another leader", deadline, || async {
        match holder(client).await {
            Some(holder) if holder != not => Ok(holder),
            other => Err(other),
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn an_operator_killed_in_mid_reconcile_goes_on_where_it_was() {
    let stack = Stack::fresh("killed").await.unwrap();
    let leader = until("a leader", Duration::from_secs(60), || async {
        holder(&stack.client).await.ok_or("none")
    })
    .await
    .unwrap();
    stack.apply(&stack.small()).await.unwrap();
    // The first objects are there, the last ones are not: it is in the middle.
    until("the first Secret", Duration::from_secs(30), || async {
        stack.secret("postgres").await.map_err(|error| error.to_string())
    })
    .await
    .unwrap();
    let passwords = stack.secret("postgres").await.unwrap();
    kill(&stack.client, &leader).await;
    stack.wait_ready().await.unwrap();
    assert_eq!(passwords, stack.secret("postgres").await.unwrap());
    stack.remove().await.unwrap();
}

#[tokio::test]
async fn of_two_operators_one_leads_and_the_other_takes_over_when_it_is_killed_or_leaves() {
    let client = client().await.unwrap();
    scale(&client, 2).await;
    let first = until("a leader", Duration::from_secs(60), || async {
        holder(&client).await.ok_or("none")
    })
    .await
    .unwrap();
    assert!(pods(&client).await.contains(&first));
    let leading = leaders(&client).await;
    assert_eq!(leading, vec![first.clone()], "exactly one replica says that it leads");

    kill(&client, &first).await;
    // A crashed leader's Lease runs for 15 s; a standby looks every 2 s.
    let second = wait_leader(&client, &first, Duration::from_secs(25)).await;

    scale(&client, 2).await;
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    api.delete(&second, &DeleteParams::default()).await.unwrap();
    // An orderly end gives the Lease up: nobody waits for its expiry.
    wait_leader(&client, &second, Duration::from_secs(12)).await;
    scale(&client, 1).await;

    let stack = Stack::fresh("after-leader").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    stack.remove().await.unwrap();
}

async fn leaders(client: &Client) -> Vec<String> {
    let mut leaders = Vec::new();
    for pod in pods(client).await {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy/metrics");
        let said = kubectl(&["get", "--raw", &path]).await.unwrap().ok().unwrap();
        if said.lines().any(|line| line == "pathfinder_leader 1") {
            leaders.push(pod);
        }
    }
    leaders
}
