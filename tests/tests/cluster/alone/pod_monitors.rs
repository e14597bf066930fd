//! PodMonitors: made where their kind is served, repaired, removed, and no word of them where it is not.
//!
//! The kind is a definition of the suite's own and stands for the prometheus-operator. While it is there every stack of the
//! cluster has a PodMonitor, so nothing may run beside this; it goes with the test, however that ends.

use std::{process::Command, time::Duration};

use jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use pathfinder_tests::{
    install,
    suite::{
        Stack,
        audit::{self, OPERATOR},
        kubectl::{kubectl, kubectl_with},
        until,
        wait::always,
    },
};
use serde_json::{Value, json};

const DEFINITION: &str = include_str!("../../../cluster/manifests/podmonitors.yaml");
const NAME: &str = "podmonitors.monitoring.coreos.com";
// The operator looks every half minute; a busy machine may take as long again.
const SEEN: Duration = Duration::from_secs(90);
const REPAIR: Duration = Duration::from_secs(30);

/// The kind, for as long as this lives.
struct Kind;

impl Kind {
    async fn install() -> Self {
        kubectl_with(&["apply", "-f", "-"], DEFINITION)
            .await
            .unwrap()
            .ok()
            .unwrap();
        let kind = Self;
        let established = ["wait", "--for=condition=Established", "--timeout=60s", "crd", NAME];
        kubectl(&established).await.unwrap().ok().unwrap();
        kind
    }

    async fn remove() {
        let words = ["delete", "crd", NAME, "--ignore-not-found", "--timeout=90s"];
        kubectl(&words).await.unwrap().ok().unwrap();
    }
}

impl Drop for Kind {
    // Also when the test fails: what comes after it must not find the kind.
    fn drop(&mut self) {
        let words = ["delete", "crd", NAME, "--ignore-not-found", "--timeout=90s"];
        let _ = Command::new("kubectl").args(words).status();
    }
}

fn monitors(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("monitoring.coreos.com", "v1", "PodMonitor");
    Api::namespaced_with(client.clone(), namespace, &ApiResource::from_gvk(&kind))
}

// The one of the stack, once `enough` holds.
async fn wait(
    what: &str,
    (api, deadline): (&Api<DynamicObject>, Duration),
    enough: impl Fn(&DynamicObject) -> bool,
) -> DynamicObject {
    until(what, deadline, || async {
        match api.get_opt("shop-api").await {
            Ok(Some(object)) if enough(&object) => Ok(object),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap()
}

async fn wait_gone(what: &str, api: &Api<DynamicObject>) {
    until(what, SEEN, || async {
        match api.get_opt("shop-api").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}

fn interval(object: &DynamicObject) -> &Value {
    &object.data["spec"]["podMetricsEndpoints"][0]["interval"]
}

// What the operator logged of PodMonitors that is more than information.
async fn complaints(since: Timestamp) -> Vec<String> {
    let since = format!("--since-time={}", since.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let words = [
        "logs",
        "-n",
        "pathfinder-system",
        "deployment/pathfinder-operator",
        &since,
    ];
    let log = kubectl(&words).await.unwrap().ok().unwrap();
    let of_monitors = log
        .lines()
        .filter(|line| line.contains("PodMonitor") || line.contains("podmonitor"));
    of_monitors
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_pod_monitor_is_made_repaired_and_removed_where_its_kind_is_served() {
    Kind::remove().await;
    let stack = Stack::fresh("pod-monitors").await.unwrap();
    stack.apply(&stack.small()).await.unwrap();
    // Nobody serves the kind, and nothing is missing.
    stack.wait_ready().await.unwrap();

    let kind = Kind::install().await;
    let api = monitors(&stack.client, &stack.namespace);
    let made = wait("the PodMonitor", (&api, SEEN), |_| true).await;
    let owner = &made.owner_references()[0];
    assert_eq!((owner.name.as_str(), owner.controller), ("shop", Some(true)));
    // As often as the endpoint is believed to scrape: the suite's is set to 5 s.
    assert_eq!(interval(&made), "5s");
    let relabelings = &made.data["spec"]["podMetricsEndpoints"][0]["relabelings"];
    let targets: Vec<&Value> = (0..2).map(|at| &relabelings[at]["targetLabel"]).collect();
    assert_eq!(targets, ["namespace", "pod"], "{relabelings}");
    let selected = &made.data["spec"]["selector"]["matchLabels"];
    let pods = stack.pods("api").await.unwrap();
    for (key, value) in selected.as_object().unwrap() {
        assert_eq!(pods[0].labels().get(key).map(String::as_str), value.as_str(), "{key}");
    }

    edits_are_put_back(&api).await;
    idle(&stack).await;

    install::operator(&["--set", "podMonitors.mode=Disabled"])
        .await
        .unwrap();
    wait_gone("the PodMonitor to be removed where none is wanted", &api).await;
    install::operator(&["--set", "podMonitors.labels.release=monitoring"])
        .await
        .unwrap();
    wait("a PodMonitor with the label", (&api, SEEN), |it| {
        it.labels().get("release").is_some_and(|value| value == "monitoring")
    })
    .await;

    stack
        .resources()
        .delete("shop", &DeleteParams::default())
        .await
        .unwrap();
    wait_gone("the PodMonitor to go with its resource", &api).await;
    stack.apply(&stack.small()).await.unwrap();
    stack.wait_ready().await.unwrap();
    wait("a new PodMonitor", (&api, SEEN), |_| true).await;

    let since = Timestamp::now();
    drop(kind);
    // Longer than two looks: the first finds that the kind is gone, the second has nothing to say.
    always(
        "no complaint about a kind that is gone",
        Duration::from_secs(75),
        || async {
            let said = complaints(since).await;
            if said.is_empty() { Ok(()) } else { Err(said) }
        },
    )
    .await
    .unwrap();
    stack.wait_ready().await.unwrap();
    stack.remove().await.unwrap();
    install::operator(&[]).await.unwrap();
}

async fn edits_are_put_back(api: &Api<DynamicObject>) {
    let before = wait("the PodMonitor", (api, REPAIR), |_| true).await;
    let edit = json!({
        "metadata": {"labels": {"team": "checkout"}},
        "spec": {"podMetricsEndpoints": [{"port": "elsewhere", "interval": "1h"}]},
    });
    api.patch("shop-api", &PatchParams::default(), &Patch::Merge(&edit))
        .await
        .unwrap();
    let repaired = wait("our fields to be put back", (api, REPAIR), |it| interval(it) == "5s").await;
    assert_eq!(repaired.data["spec"], before.data["spec"]);
    assert_eq!(repaired.labels()["team"], "checkout", "what others add stays");
    api.delete("shop-api", &DeleteParams::default()).await.unwrap();
    wait("the PodMonitor to be made again", (api, REPAIR), |it| {
        it.uid() != before.uid()
    })
    .await;
}

// What follows the repair is over when nothing was written for half a minute; then nothing is for two looks more.
async fn idle(stack: &Stack) {
    let writes = |since| {
        let all = audit::writes(&stack.namespace, since).unwrap();
        let ours = all.into_iter().filter(|write| write.user.username == OPERATOR);
        ours.map(|write| write.what()).collect::<Vec<_>>()
    };
    until("the operator to be quiet", Duration::from_secs(120), || async {
        let recent = writes(Timestamp::now() - Duration::from_secs(30));
        if recent.is_empty() { Ok(()) } else { Err(recent) }
    })
    .await
    .unwrap();
    let since = Timestamp::now();
    always("no write while nothing changes", Duration::from_secs(70), || async {
        let seen = writes(since);
        if seen.is_empty() { Ok(()) } else { Err(seen) }
    })
    .await
    .unwrap();
    assert!(
        audit::writes(&stack.namespace, Timestamp::UNIX_EPOCH)
            .unwrap()
            .iter()
            .any(|write| write.what() == "podmonitors" && write.user.username == OPERATOR),
        "the log knows the kind, or silence proves nothing"
    );
}
