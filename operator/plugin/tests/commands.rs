//! The built program against a loopback API server that answers with canned objects.
//!
//! Proves what only the whole program shows: requests, fallbacks, exit codes, and that stdout holds the answer and nothing
//! else. What the text says is tested beside the renderers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod fake;

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{path, query_param},
};

use crate::fake::{
    ALL_CLUSTERS, CLUSTERS, Cluster, HPA, HPAS, SHOP, WHY, document, forbidden, hpa, kubeconfig_text, list, not_found,
    run, shop, stderr, stdout,
};

#[tokio::test]
async fn status_lists_what_is_there_with_what_the_hpa_wants() {
    let cluster = Cluster::start().await;
    cluster
        .serve(CLUSTERS, 200, list("PathfinderClusterList", &[shop()]))
        .await;
    let managed = ResponseTemplate::new(200).set_body_json(list("HorizontalPodAutoscalerList", &[hpa()]));
    Mock::given(path(HPAS))
        .and(query_param("labelSelector", "app.kubernetes.io/managed-by=pathfinder"))
        .respond_with(managed)
        .mount(&cluster.server)
        .await;
    let text = stdout(&cluster.run("status").await);
    assert_eq!(
        text,
        format!("NAME  READY  REPLICAS  AGE  WHY\nshop  True   6/6       -    {WHY}\n")
    );
}

#[tokio::test]
async fn status_of_one_shows_what_it_may_read_and_names_what_it_may_not() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(HPA, 200, hpa()).await;
    cluster
        .serve("/api/v1/namespaces/demo/pods", 403, forbidden("no pods for you"))
        .await;
    cluster
        .serve("/api/v1/namespaces/demo/events", 200, list("EventList", &[]))
        .await;
    let output = cluster.run("status shop -o yaml").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let document: Value = serde_yaml::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["readiness"]["status"], "True");
    assert_eq!(document["lastChange"]["replicas"], 6);
    let note = document["notes"][0].as_str().unwrap();
    assert!(
        note.starts_with("forbidden to list pods in namespace demo: no pods for you"),
        "{note}"
    );
}

#[tokio::test]
async fn a_name_that_is_not_there_ends_with_those_that_are() {
    let cluster = Cluster::with_shop().await;
    cluster
        .serve(&SHOP.replace("shop", "shpo"), 404, not_found("pathfinderclusters"))
        .await;
    cluster
        .serve(CLUSTERS, 200, list("PathfinderClusterList", &[shop()]))
        .await;
    let output = cluster.run("explain shpo").await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    assert_eq!(
        stderr(&output),
        "error: no PathfinderCluster shpo in namespace demo: there is only shop\n"
    );
}

#[tokio::test]
async fn a_name_that_is_elsewhere_ends_with_where() {
    let cluster = Cluster::start().await;
    cluster.serve(SHOP, 404, not_found("pathfinderclusters")).await;
    cluster.serve(CLUSTERS, 200, list("PathfinderClusterList", &[])).await;
    let mut elsewhere = shop();
    elsewhere["metadata"]["namespace"] = json!("prod");
    cluster
        .serve(ALL_CLUSTERS, 200, list("PathfinderClusterList", &[elsewhere]))
        .await;
    let output = cluster.run("status shop").await;
    assert_eq!(
        stderr(&output),
        "error: no PathfinderCluster shop in namespace demo: there is one in namespace prod: pass -n prod\n"
    );
}

#[rstest]
#[case("status")]
#[case("status -A")]
#[case("status shop")]
#[case("explain shop")]
#[tokio::test]
async fn without_the_resource_definition_it_says_how_to_install(#[case] line: &str) {
    // An API server answers a path that it does not serve in plain text; so does the mock, with an empty body.
    let cluster = Cluster::start().await;
    let output = cluster.run(line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("helm install pathfinder"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn a_failure_as_json_is_a_document_too() {
    let cluster = Cluster::start().await;
    cluster.serve(SHOP, 403, forbidden("not you")).await;
    let output = cluster.run("explain shop -o json").await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(document(&output)["error"]["kind"], "Forbidden");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let cluster = Cluster::start().await;
    // A port that was just free and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    std::fs::write(&cluster.kubeconfig, kubeconfig_text(&format!("http://{free}"))).unwrap();
    let output = cluster.run("status").await;
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("error: cannot reach the API server at http://{free}: ");
    assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
}

#[rstest]
#[case("status --kubeconfig /nonexistent/config", "no kubeconfig at /nonexistent/config")]
#[case("status", "no kubeconfig at /nonexistent/.kube/config")]
#[tokio::test]
async fn without_a_kubeconfig_it_says_which_flag_to_pass(#[case] line: &str, #[case] expected: &str) {
    let output = run(line).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert!(stderr(&output).contains("--kubeconfig FILE"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_context_that_is_not_there_ends_with_those_that_are() {
    let cluster = Cluster::start().await;
    let output = cluster.run("status --context prod").await;
    assert_eq!(
        stderr(&output),
        "error: the kubeconfig has no context prod: there is only test\n"
    );
}

#[tokio::test]
async fn wrong_usage_exits_with_2() {
    assert_eq!(run("explain").await.status.code(), Some(2));
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[tokio::test]
async fn completion_needs_no_cluster(#[case] shell: &str) {
    let output = run(&format!("completion {shell}")).await;
    assert!(output.status.success());
    for word in ["explain", "pause", "resume", "watch", "interval", "dry-run"] {
        assert!(stdout(&output).contains(word), "{word} is not completed");
    }
}

#[tokio::test]
async fn the_version_is_that_of_the_package() {
    let output = run("version -o json").await;
    assert_eq!(document(&output)["version"], env!("CARGO_PKG_VERSION"));
}
