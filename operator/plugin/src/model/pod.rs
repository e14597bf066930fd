//! One pod in a line: ready or not, and the one word that says why not.
//!
//! Pure. The word is the one that `kubectl get pods` would show: a waiting container's reason before the pod's phase.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use serde::Serialize;

use crate::names;

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodRow {
    /// Its name.
    pub(crate) name: String,
    /// `api`, `postgres` or `redis`.
    pub(crate) component: String,
    /// Whether it gets traffic.
    pub(crate) ready: bool,
    /// One word: `Running`, `Pending`, `Unschedulable`, `ImagePullBackOff`, `Terminating`, ...
    pub(crate) state: String,
    /// Restarts of all its containers.
    pub(crate) restarts: i64,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
    /// The node that it runs on, once it has one.
    pub(crate) node: Option<String>,
}

impl PodRow {
    /// Reads a pod.
    pub(crate) fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let label = pod
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(names::LABEL_COMPONENT));
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            component: label.cloned().unwrap_or_default(),
            ready: condition(&status, "Ready").is_some_and(|(holds, _)| holds == "True"),
            state: state(pod, &status),
            restarts: containers(&status)
                .map(|container| i64::from(container.restart_count))
                .sum(),
            created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        }
    }
}

fn state(pod: &Pod, status: &PodStatus) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "Terminating".to_owned();
    }
    let unschedulable =
        condition(status, "PodScheduled").and_then(|(holds, reason)| reason.filter(|_| holds == "False"));
    containers(status)
        .find_map(stuck)
        .or(unschedulable)
        .or(status.reason.clone())
        .or(status.phase.clone())
        .unwrap_or_else(|| "Unknown".to_owned())
}

/// Why a container does not run, unless it is done as it should be.
fn stuck(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        return waiting.reason.clone().filter(|reason| reason != "PodInitializing");
    }
    let terminated = state
        .terminated
        .as_ref()
        .filter(|terminated| terminated.exit_code != 0)?;
    terminated.reason.clone().or_else(|| Some("Error".to_owned()))
}

/// Status (`True`, `False`, `Unknown`) and reason of a pod's condition.
fn condition<'a>(status: &'a PodStatus, type_: &str) -> Option<(&'a str, Option<String>)> {
    let condition = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == type_)?;
    Some((condition.status.as_str(), condition.reason.clone()))
}

/// Init containers first: while one is stuck, the others only wait for it.
fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> PodRow {
        let pod = json!({
            "metadata": {"name": "shop-api-1", "labels": {"app.kubernetes.io/name": "api"}},
            "spec": {"containers": [], "nodeName": "worker"},
            "status": status,
        });
        PodRow::of(&serde_json::from_value(pod).unwrap())
    }

    fn container(state: &Value) -> Value {
        json!({"name": "api", "image": "", "imageID": "", "ready": false, "restartCount": 3, "state": state})
    }

    #[test]
    fn a_running_pod_is_ready_when_its_condition_says_so() {
        let row = pod(&json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}));
        assert!(row.ready);
        assert_eq!((row.component.as_str(), row.state.as_str()), ("api", "Running"));
        assert_eq!(row.node.as_deref(), Some("worker"));
    }

    #[rstest]
    #[case(json!({"waiting": {"reason": "ImagePullBackOff"}}), "ImagePullBackOff")]
    #[case(json!({"waiting": {"reason": "CrashLoopBackOff"}}), "CrashLoopBackOff")]
    #[case(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), "OOMKilled")]
    #[case(json!({"terminated": {"exitCode": 1}}), "Error")]
    #[case(json!({"terminated": {"exitCode": 0, "reason": "Completed"}}), "Pending")]
    fn a_container_that_does_not_run_says_why(#[case] state: Value, #[case] expected: &str) {
        let row = pod(&json!({"phase": "Pending", "containerStatuses": [container(&state)]}));
        assert_eq!(row.state, expected);
        assert_eq!(row.restarts, 3);
    }

    #[test]
    fn a_stuck_init_container_comes_before_those_that_wait_for_it() {
        let row = pod(&json!({
            "phase": "Pending",
            "initContainerStatuses": [container(&json!({"waiting": {"reason": "ErrImagePull"}}))],
            "containerStatuses": [container(&json!({"waiting": {"reason": "PodInitializing"}}))],
        }));
        assert_eq!(row.state, "ErrImagePull");
    }

    #[test]
    fn a_pod_that_fits_on_no_node_is_unschedulable() {
        let row = pod(&json!({
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
        }));
        assert_eq!(row.state, "Unschedulable");
    }
}
