//! `explain` against a loopback API server: the live record, and every way in which there is none.
//!
//! Proves what only the whole program shows: requests, fallbacks, deadlines. What the text says is tested beside the
//! renderers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

mod fake;

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::{Mock, ResponseTemplate, matchers::path};

use crate::fake::{
    Cluster, HPA, LEASE, RECORD, WHY, document, forbidden, hpa, lease, not_found, record, stderr, stdout,
};

#[tokio::test]
async fn explain_shows_the_leaders_record_and_who_asked() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(RECORD, 200, record()).await;
    cluster.serve(HPA, 200, hpa()).await;
    let output = cluster.run("explain shop").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("shop: 6 replicas: live\n(live record of op-1, decided "),
        "{text}"
    );
    assert!(text.contains("  - maxReplicas is 6\n"), "{text}");
    assert!(
        text.contains("the floor (6) asked for it; the HPA's own metrics ask for 2 (cpu, estimate)"),
        "{text}"
    );
    assert_eq!(stderr(&output), "");
}

#[tokio::test]
async fn explain_as_json_is_one_document_with_the_whole_record() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(RECORD, 200, record()).await;
    cluster.serve(HPA, 200, hpa()).await;
    let document = document(&cluster.run("explain shop -o json").await);
    assert_eq!(document["source"]["kind"], "Live");
    assert_eq!(document["record"]["limits"][0]["kind"], "MaxReplicas");
    assert_eq!(document["decision"]["signals"][0]["asked"], 6);
    assert_eq!(document["replicas"]["askedBy"], "Floor");
}

#[rstest]
#[case::no_operator((404, not_found("leases")), (200, json!({})), "no operator found in namespace pathfinder-system")]
#[case::lease_forbidden((403, forbidden("no leases for you")), (200, json!({})), "forbidden: no leases for you")]
#[case::no_leader((200, lease("")), (200, json!({})), "the operator has no leader at the moment")]
#[case::proxy_forbidden((200, lease("op-1")), (403, forbidden("no pods/proxy")), "forbidden: no pods/proxy")]
#[case::pod_gone((200, lease("op-1")), (404, not_found("pods")), "the leader's pod op-1 is gone")]
#[case::undecided((200, lease("op-1")), (404, json!({"error": "unknown"})), "the leader op-1 has not decided about it yet")]
#[case::other_version((200, lease("op-1")), (200, json!({"record": 1})), "is this plugin of the operator's version?")]
#[tokio::test]
async fn explain_falls_back_to_the_last_change_and_says_why(
    #[case] (lease_code, lease_body): (u16, Value),
    #[case] (record_code, record_body): (u16, Value),
    #[case] because: &str,
) {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, lease_code, lease_body).await;
    cluster.serve(RECORD, record_code, record_body).await;
    cluster.serve(HPA, 404, not_found("horizontalpodautoscalers")).await;
    let output = cluster.run("explain shop").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with(&format!("shop: {WHY}\n(live record not available: ")),
        "{text}"
    );
    assert!(text.contains(because), "{text}");
    assert!(text.contains("; showing the last change, "), "{text}");
}

#[tokio::test]
async fn a_leader_that_does_not_answer_costs_one_timeout_and_not_the_answer() {
    let cluster = Cluster::with_shop().await;
    cluster.serve(LEASE, 200, lease("op-1")).await;
    cluster.serve(HPA, 200, hpa()).await;
    let slow = ResponseTemplate::new(200)
        .set_body_json(record())
        .set_delay(Duration::from_secs(20));
    Mock::given(path(RECORD))
        .respond_with(slow)
        .mount(&cluster.server)
        .await;
    let begun = Instant::now();
    let output = cluster.run("explain shop --request-timeout 500ms").await;
    assert!(begun.elapsed() < Duration::from_secs(10), "took {:?}", begun.elapsed());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("live record not available: no answer within 500ms"),
        "{}",
        stdout(&output)
    );
}

#[tokio::test]
async fn the_operator_is_looked_for_where_the_flag_says() {
    let cluster = Cluster::with_shop().await;
    let lease_path = LEASE.replace("pathfinder-system", "tools");
    cluster.serve(&lease_path, 200, lease("op-1")).await;
    cluster
        .serve(&RECORD.replace("pathfinder-system", "tools"), 200, record())
        .await;
    let output = cluster.run("explain shop --operator-namespace tools").await;
    assert!(
        stdout(&output).starts_with("shop: 6 replicas: live\n"),
        "{}",
        stdout(&output)
    );
}
