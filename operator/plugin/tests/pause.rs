//! `pause` and `resume` against a loopback API server that keeps one resource, merges patches and counts versions.
//!
//! Proves what is written, what is not, and what is said about it. The server refuses a patch of an old version and drops
//! fields that its definition does not have, as an API server does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod fake;

use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::{Mock, Request, Respond, ResponseTemplate, matchers::method, matchers::path};

use crate::fake::{CLUSTERS, Cluster, HPA, SHOP, document, forbidden, hpa, list, not_found, shop, stderr, stdout};

/// How the server differs from an ordinary one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ordinary,
    /// Its definition has no pauses of one direction.
    Old,
    /// Somebody changes the resource before so many patches.
    Busy(usize),
}

struct Stored {
    resource: Value,
    version: usize,
    patches: Vec<Value>,
    kind: Kind,
}

#[derive(Clone)]
struct Store(Arc<Mutex<Stored>>);

impl Store {
    fn resource(&self) -> Value {
        self.0.lock().unwrap().resource.clone()
    }

    fn patches(&self) -> Vec<Value> {
        self.0.lock().unwrap().patches.clone()
    }
}

impl Stored {
    fn shown(&self, resource: &Value) -> ResponseTemplate {
        let mut resource = resource.clone();
        resource["metadata"]["resourceVersion"] = json!(self.version.to_string());
        ResponseTemplate::new(200).set_body_json(resource)
    }

    fn patch(&mut self, request: &Request) -> ResponseTemplate {
        let patch: Value = request.body_json().unwrap();
        self.patches.push(patch.clone());
        if matches!(self.kind, Kind::Busy(times) if self.patches.len() <= times) {
            self.version += 1;
        }
        if patch["metadata"]["resourceVersion"] != json!(self.version.to_string()) {
            let conflict = json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "modified"});
            return ResponseTemplate::new(409).set_body_json(conflict);
        }
        let mut merged = self.resource.clone();
        merge(&mut merged, &patch);
        if self.kind == Kind::Old {
            for direction in ["scaleUp", "scaleDown"] {
                merged["spec"]["scaling"].as_object_mut().unwrap().remove(direction);
            }
        }
        if !request
            .url
            .query_pairs()
            .any(|pair| pair == ("dryRun".into(), "All".into()))
        {
            self.resource = merged.clone();
            self.version += 1;
        }
        self.shown(&merged)
    }
}

impl Respond for Store {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut stored = self.0.lock().unwrap();
        if request.method.as_str() == "PATCH" {
            assert_eq!(request.headers["content-type"], "application/merge-patch+json");
            let manager = ("fieldManager".into(), "kubectl-pathfinder".into());
            assert!(request.url.query_pairs().any(|pair| pair == manager), "{}", request.url);
            return stored.patch(request);
        }
        stored.shown(&stored.resource)
    }
}

/// RFC 7396, as far as nothing is removed.
fn merge(into: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in fields {
        merge(&mut into[name], value);
    }
}

/// A server whose resource has this `spec.scaling`, with a floor of six under its HPA.
async fn server(scaling: Value, kind: Kind) -> (Cluster, Store) {
    let mut resource = shop();
    resource["spec"]["scaling"] = scaling;
    let stored = Stored {
        resource,
        version: 7,
        patches: vec![],
        kind,
    };
    let store = Store(Arc::new(Mutex::new(stored)));
    let cluster = Cluster::start().await;
    let mock = Mock::given(path(SHOP)).respond_with(store.clone());
    mock.mount(&cluster.server).await;
    cluster.serve(HPA, 200, hpa()).await;
    (cluster, store)
}

#[rstest]
#[case::pause(
    json!({}), "pause shop",
    "demo/shop: scaling paused (was Auto); replicas stay at 6, the HPA above them still acts\n",
    json!({"mode": "Paused"})
)]
#[case::pause_of_observe(
    json!({"mode": "Observe"}), "pause shop",
    "demo/shop: scaling paused (was Observe); replicas stay at 6, the HPA above them still acts\n\
     Note: it was Observe, and resume makes it Auto: to go back, set spec.scaling.mode to Observe\n",
    json!({"mode": "Paused"})
)]
#[case::resume(
    json!({"mode": "Paused"}), "resume shop",
    "demo/shop: scaling resumed (was Paused); the floor of 6 replicas follows the signals again\n",
    json!({"mode": "Auto"})
)]
#[case::resume_with_a_direction_left(
    json!({"mode": "Paused", "scaleDown": {"paused": true}}), "resume shop",
    "demo/shop: scaling resumed (was Paused); the floor of 6 replicas follows the signals again\n\
     Note: decreases are still paused alone: pass --down to resume them\n",
    json!({"mode": "Auto", "scaleDown": {"paused": true}})
)]
#[case::up(json!({}), "pause shop --up", "demo/shop: increases paused\n", json!({"scaleUp": {"paused": true}}))]
#[case::down_beside_a_cooldown(
    json!({"scaleDown": {"cooldownSeconds": 60}}), "pause shop --down", "demo/shop: decreases paused\n",
    json!({"scaleDown": {"cooldownSeconds": 60, "paused": true}})
)]
#[case::both(
    json!({}), "pause shop --up --down", "demo/shop: increases and decreases paused\n",
    json!({"scaleUp": {"paused": true}, "scaleDown": {"paused": true}})
)]
#[case::both_where_one_is(
    json!({"scaleUp": {"paused": true}}), "pause shop --up --down",
    "demo/shop: decreases paused; increases are paused already\n",
    json!({"scaleUp": {"paused": true}, "scaleDown": {"paused": true}})
)]
#[case::resume_up_while_all_is_paused(
    json!({"mode": "Paused", "scaleUp": {"paused": true}}), "resume shop --up",
    "demo/shop: increases resumed\nNote: mode is Paused: nothing that a signal asks for is written either way\n",
    json!({"mode": "Paused", "scaleUp": {"paused": false}})
)]
#[tokio::test]
async fn what_was_asked_for_is_written_and_nothing_else(
    #[case] before: Value,
    #[case] line: &str,
    #[case] said: &str,
    #[case] after: Value,
) {
    let (cluster, store) = server(before, Kind::Ordinary).await;
    let output = cluster.run(line).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), said);
    let mut expected = shop()["spec"].clone();
    expected["scaling"] = after;
    assert_eq!(store.resource()["spec"], expected);
    assert_eq!(store.patches().len(), 1);
}

#[rstest]
#[case(json!({"mode": "Paused"}), "pause shop", "scaling is paused already, nothing changed")]
#[case(json!({}), "resume shop", "scaling is not paused (mode is Auto), nothing changed")]
#[case(json!({"scaleUp": {"paused": true}}), "pause shop --up", "increases are paused already, nothing changed")]
#[case(json!({}), "resume shop --up --down", "increases and decreases are not paused, nothing changed")]
// The last decision asks for six, and six is what stands.
#[case(
    json!({"mode": "Observe"}), "resume shop",
    "scaling is not paused (mode is Observe), nothing changed; in Auto the floor would stay at 6 for now: for that, set \
     spec.scaling.mode to Auto"
)]
#[tokio::test]
async fn what_is_so_already_is_said_and_not_written(#[case] scaling: Value, #[case] line: &str, #[case] said: &str) {
    let (cluster, store) = server(scaling, Kind::Ordinary).await;
    let output = cluster.run(line).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("demo/shop: {said}\n"));
    assert!(store.patches().is_empty());
}

#[tokio::test]
async fn a_dry_run_is_checked_by_the_server_and_says_that_nothing_is_written() {
    let (cluster, store) = server(json!({}), Kind::Ordinary).await;
    let output = cluster.run("pause shop --dry-run").await;
    assert!(
        stdout(&output).ends_with("still acts (dry run: nothing is written)\n"),
        "{}",
        stdout(&output)
    );
    assert_eq!(store.patches().len(), 1);
    assert_eq!(store.resource()["spec"]["scaling"], json!({}));
}

#[tokio::test]
async fn as_json_it_tells_what_changed_and_what_holds_now() {
    let (cluster, _store) = server(json!({}), Kind::Ordinary).await;
    let document = document(&cluster.run("pause shop -o json").await);
    let change = json!({"field": "spec.scaling.mode", "before": "Auto", "after": "Paused"});
    assert_eq!(document["changes"], json!([change]));
    assert_eq!((&document["mode"], &document["floor"]), (&json!("Paused"), &json!(6)));
    assert_eq!(
        (&document["upPaused"], &document["dryRun"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn a_change_in_between_is_read_again_and_not_written_over() {
    let (cluster, store) = server(json!({"minReplicas": 3}), Kind::Busy(2)).await;
    let output = cluster.run("pause shop").await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        store.resource()["spec"]["scaling"],
        json!({"minReplicas": 3, "mode": "Paused"})
    );
    let versions: Vec<Value> = store
        .patches()
        .iter()
        .map(|patch| patch["metadata"]["resourceVersion"].clone())
        .collect();
    // The server was at 7, and moved by one before each of the first two patches.
    assert_eq!(versions, ["7", "8", "9"]);
}

#[tokio::test]
async fn after_three_changes_in_between_it_gives_up() {
    let (cluster, store) = server(json!({}), Kind::Busy(usize::MAX)).await;
    let output = cluster.run("pause shop").await;
    assert_eq!(output.status.code(), Some(1));
    let expected = "error: shop in namespace demo was changed by somebody else 3 times meanwhile: try again\n";
    assert_eq!(stderr(&output), expected);
    assert_eq!(store.patches().len(), 3);
}

#[tokio::test]
async fn a_definition_without_the_field_is_noticed_and_not_reported_as_done() {
    let (cluster, _store) = server(json!({}), Kind::Old).await;
    let output = cluster.run("pause shop --down").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("has no spec.scaling.scaleDown.paused"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn without_the_hpa_no_number_is_said() {
    let cluster = Cluster::start().await;
    let stored = Stored {
        resource: shop(),
        version: 1,
        patches: vec![],
        kind: Kind::Ordinary,
    };
    Mock::given(path(SHOP))
        .respond_with(Store(Arc::new(Mutex::new(stored))))
        .mount(&cluster.server)
        .await;
    cluster.serve(HPA, 403, forbidden("no hpas for you")).await;
    let output = cluster.run("pause shop").await;
    assert!(
        stdout(&output).contains("; replicas stay where they are, the HPA"),
        "{}",
        stdout(&output)
    );
}

#[tokio::test]
async fn a_gitops_writer_of_the_field_is_named() {
    let (cluster, store) = server(json!({"mode": "Auto"}), Kind::Ordinary).await;
    let entry = |manager: &str| {
        json!({
            "manager": manager, "operation": "Update", "apiVersion": "pathfinder.dev/v1alpha1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:scaling": {"f:mode": {}}}},
        })
    };
    store.0.lock().unwrap().resource["metadata"]["managedFields"] =
        json!([entry("argocd-controller"), entry("kubectl-edit")]);
    let text = stdout(&cluster.run("pause shop").await);
    let notes: Vec<&str> = text.lines().skip(1).collect();
    let expected = "Note: argocd-controller writes spec.scaling.mode too, and may put it back: change it there as well";
    assert_eq!(notes, [expected]);
}

#[tokio::test]
async fn whoever_may_not_patch_learns_which_right_is_missing() {
    let cluster = Cluster::with_shop().await;
    let refusal = ResponseTemplate::new(403).set_body_json(forbidden("cannot patch"));
    Mock::given(method("PATCH"))
        .and(path(SHOP))
        .respond_with(refusal)
        .mount(&cluster.server)
        .await;
    let output = cluster.run("pause shop -o json").await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(document(&output)["error"]["kind"], "Forbidden");
    let error = stderr(&output);
    assert!(
        error.starts_with("error: forbidden to patch PathfinderCluster shop in namespace demo: cannot patch"),
        "{error}"
    );
    assert!(
        error.contains("the verb patch on pathfinderclusters.pathfinder.dev"),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_that_is_not_there_ends_with_those_that_are() {
    let cluster = Cluster::start().await;
    cluster
        .serve(&SHOP.replace("shop", "shpo"), 404, not_found("pathfinderclusters"))
        .await;
    cluster
        .serve(CLUSTERS, 200, list("PathfinderClusterList", &[shop()]))
        .await;
    let output = cluster.run("pause shpo").await;
    assert_eq!(
        stderr(&output),
        "error: no PathfinderCluster shpo in namespace demo: there is only shop\n"
    );
}

#[rstest]
#[case("pause shop")]
#[case("resume shop --up")]
#[tokio::test]
async fn without_the_resource_definition_it_says_how_to_install(#[case] line: &str) {
    let cluster = Cluster::start().await;
    let output = cluster.run(line).await;
    assert!(
        stderr(&output).contains("helm install pathfinder"),
        "{}",
        stderr(&output)
    );
}
