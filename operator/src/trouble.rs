//! What is wrong with a pod, in words that do not change from one look to the next.
//!
//! Pure. The kubelet's own texts carry back-off times and generated names; status built from them would be written anew
//! at every look.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ContainerStatus, Pod},
};
use pathfinder_crds::Reason;

/// Something that keeps pods from working.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Its class.
    pub reason: Reason,
    /// What a person should know, stable over time.
    pub message: String,
}

// A container that ended this often without becoming ready is in a loop, also in the moments when it runs.
const RESTARTS_OF_A_LOOP: i32 = 2;

/// The first trouble among pods; pods that are going away do not count.
pub fn of_pods<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Option<Trouble> {
    pods.into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .find_map(of_pod)
}

fn of_pod(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .flatten();
    containers.into_iter().find_map(of_container).or_else(|| {
        let scheduled = status
            .conditions
            .iter()
            .flatten()
            .find(|condition| condition.type_ == "PodScheduled")?;
        (scheduled.status == "False" && scheduled.reason.as_deref() == Some("Unschedulable")).then(|| Trouble {
            reason: Reason::Unschedulable,
            message: format!(
                "no node takes a pod: {}",
                scheduled.message.as_deref().unwrap_or("no reason given")
            ),
        })
    })
}

fn of_container(status: &ContainerStatus) -> Option<Trouble> {
    let waiting = status
        .state
        .as_ref()
        .and_then(|state| state.waiting.as_ref())
        .and_then(|it| it.reason.as_deref());
    match waiting {
        Some("ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull") => Some(Trouble {
            reason: Reason::ImagePullFailed,
            message: format!(
                "container {}: image {} cannot be pulled: check its name, tag and pull secrets",
                status.name, status.image
            ),
        }),
        Some("CreateContainerConfigError") => Some(Trouble {
            reason: Reason::PodsNotReady,
            message: format!(
                "container {}: a Secret or ConfigMap that it names is not there",
                status.name
            ),
        }),
        Some("CrashLoopBackOff") => Some(crash_loop(status)),
        _ if !status.ready && status.restart_count >= RESTARTS_OF_A_LOOP && ended(status) => Some(crash_loop(status)),
        _ => None,
    }
}

fn ended(status: &ContainerStatus) -> bool {
    status
        .last_state
        .as_ref()
        .is_some_and(|state| state.terminated.as_ref().is_some_and(|end| end.exit_code != 0))
}

fn crash_loop(status: &ContainerStatus) -> Trouble {
    let code = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref())
        .map(|end| end.exit_code);
    let how = code.map_or_else(String::new, |code| format!(" with exit code {code}"));
    Trouble {
        reason: Reason::CrashLooping,
        message: format!(
            "container {} ends again and again{how}: see its logs (kubectl logs --previous)",
            status.name
        ),
    }
}

/// Why the API server refused to create pods of a Deployment: a quota, or an admission rule.
pub fn refused(deployment: &Deployment) -> Option<Trouble> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|it| it.type_ == "ReplicaFailure" && it.status == "True")?;
    let text = failure.message.as_deref().unwrap_or("no reason given");
    // Before this stands the generated name of a pod, another one at each attempt.
    let why = text.split_once("forbidden: ").map_or(text, |(_, why)| why);
    Some(Trouble {
        reason: Reason::PodsRefused,
        message: format!("pods are refused: {}", stable(why)),
    })
}

// A quota's text names what is used now; only what was exceeded stays the same.
fn stable(why: &str) -> &str {
    why.split_once(", used:").map_or(why, |(before, _)| before)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{
        apps::v1::{DeploymentCondition, DeploymentStatus},
        core::v1::{ContainerState, ContainerStateTerminated, ContainerStateWaiting, PodCondition, PodStatus},
    };

    use super::*;

    fn pod(status: ContainerStatus) -> Pod {
        Pod {
            status: Some(PodStatus {
                container_statuses: Some(vec![status]),
                ..PodStatus::default()
            }),
            ..Pod::default()
        }
    }

    fn waiting(reason: &str) -> ContainerStatus {
        ContainerStatus {
            name: "api".into(),
            image: "acme/shop:9".into(),
            state: Some(ContainerState {
                waiting: Some(ContainerStateWaiting {
                    reason: Some(reason.into()),
                    message: None,
                }),
                ..ContainerState::default()
            }),
            ..ContainerStatus::default()
        }
    }

    #[test]
    fn both_words_for_a_missing_image_give_the_same_text() {
        let one = of_pods([&pod(waiting("ErrImagePull"))]).unwrap();
        let other = of_pods([&pod(waiting("ImagePullBackOff"))]).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.reason, Reason::ImagePullFailed);
        assert!(one.message.contains("acme/shop:9"));
    }

    #[test]
    fn a_crash_loop_is_seen_also_while_the_container_runs() {
        let ended = ContainerState {
            terminated: Some(ContainerStateTerminated {
                exit_code: 3,
                ..ContainerStateTerminated::default()
            }),
            ..ContainerState::default()
        };
        let running = ContainerStatus {
            name: "api".into(),
            restart_count: 4,
            last_state: Some(ended),
            ..ContainerStatus::default()
        };
        let trouble = of_pods([&pod(running)]).unwrap();
        assert_eq!(trouble.reason, Reason::CrashLooping);
        assert!(trouble.message.contains("exit code 3"));
    }

    #[test]
    fn a_pod_that_starts_or_goes_away_is_no_trouble() {
        assert_eq!(of_pods([&pod(waiting("ContainerCreating"))]), None);
        let mut going = pod(waiting("CrashLoopBackOff"));
        going.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            jiff::Timestamp::UNIX_EPOCH,
        ));
        assert_eq!(of_pods([&going]), None);
    }

    #[test]
    fn an_unschedulable_pod_says_what_the_scheduler_says() {
        let condition = PodCondition {
            type_: "PodScheduled".into(),
            status: "False".into(),
            reason: Some("Unschedulable".into()),
            message: Some("0/3 nodes are available: 3 Insufficient cpu.".into()),
            ..PodCondition::default()
        };
        let pod = Pod {
            status: Some(PodStatus {
                conditions: Some(vec![condition]),
                ..PodStatus::default()
            }),
            ..Pod::default()
        };
        assert!(of_pods([&pod]).unwrap().message.contains("Insufficient cpu"));
    }

    #[test]
    fn two_refusals_by_the_same_quota_give_the_same_text() {
        let refused_with = |text: &str| {
            let condition = DeploymentCondition {
                type_: "ReplicaFailure".into(),
                status: "True".into(),
                message: Some(text.into()),
                ..DeploymentCondition::default()
            };
            let status = DeploymentStatus {
                conditions: Some(vec![condition]),
                ..DeploymentStatus::default()
            };
            refused(&Deployment {
                status: Some(status),
                ..Deployment::default()
            })
            .unwrap()
            .message
        };
        let one = refused_with(
            r#"pods "shop-api-1-abc" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2"#,
        );
        let other = refused_with(
            r#"pods "shop-api-1-xyz" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=2"#,
        );
        assert_eq!(one, other);
        assert!(one.contains("exceeded quota: small"));
    }
}
