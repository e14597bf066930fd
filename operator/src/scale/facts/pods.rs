//! How the API's pods are: how many are ready, how many fail again and again, and how long a start takes.
//!
//! Pure. Pods that are being deleted, or that ended and were replaced, count for nothing here. A pod fails where its image
//! or configuration keeps a container from starting, where the kubelet backs off, or where a container has ended with an
//! error lately after a restart; one crash alone is an accident.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus};
use pathfinder_scaling::Replicas;

// What the kubelet says of a container that it cannot start, or not again yet.
const FAILING: [&str; 9] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PostStartHookError",
];

// The kubelet forgets its back-off after a container ran for ten minutes: then it is mended.
const LATELY: Duration = Duration::from_secs(600);

// Between two crashes a pod may be ready for a moment; it is mended only when it stays so.
const PROVEN_READY: Duration = Duration::from_secs(60);

// One crash may be chance; the second one is a pattern.
const AGAIN: i32 = 2;

// A start is told by the newest pods: they had the image, the nodes and the load of today.
const NEWEST: usize = 5;

// A pod that turns ready later than this after its container's start was ready before and is so again.
const FIRST_READY_WITHIN: Duration = Duration::from_secs(300);

const SHORTEST_START: Duration = Duration::from_secs(1);
const LONGEST_START: Duration = Duration::from_secs(600);

/// Pods that are ready.
pub fn ready(pods: &[&Pod]) -> Replicas {
    count(pods, |status| ready_since(status).is_some())
}

/// Pods whose containers fail again and again.
pub fn crash_looping(pods: &[&Pod], now: Timestamp) -> Replicas {
    count(pods, |status| fails(status, now))
}

/// Time from a pod's creation to its readiness: the median of the newest pods that never restarted; between 1 s and 10 min.
/// `None` before any was seen.
///
/// Kubernetes keeps whole seconds, so it is one second too long or short. It includes waiting for a node and for the image.
pub fn pod_start(pods: &[&Pod]) -> Option<Duration> {
    let mut starts: Vec<(Timestamp, Duration)> = pods.iter().filter_map(|pod| start(pod)).collect();
    starts.sort_unstable_by_key(|(created, _)| std::cmp::Reverse(*created));
    let mut newest: Vec<Duration> = starts.into_iter().take(NEWEST).map(|(_, took)| took).collect();
    newest.sort_unstable();
    // Of two in the middle the longer one: an order that is too early costs less than one that is too late.
    let median = newest.get(newest.len() / 2)?;
    Some((*median).clamp(SHORTEST_START, LONGEST_START))
}

fn count(pods: &[&Pod], is: impl Fn(&PodStatus) -> bool) -> Replicas {
    let found = pods.iter().filter(|pod| alive(pod).is_some_and(&is)).count();
    Replicas::new(u32::try_from(found).unwrap_or(u32::MAX))
}

/// The status of a pod that is there to stay.
pub(super) fn alive(pod: &Pod) -> Option<&PodStatus> {
    let status = pod.status.as_ref()?;
    let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    (pod.metadata.deletion_timestamp.is_none() && !ended).then_some(status)
}

/// Since when it is ready: `None` while it is not, the beginning of time where nobody says.
pub(super) fn ready_since(status: &PodStatus) -> Option<Timestamp> {
    let is_ready = |it: &&PodCondition| it.type_ == "Ready" && it.status == "True";
    let condition = status.conditions.iter().flatten().find(is_ready)?;
    Some(
        condition
            .last_transition_time
            .as_ref()
            .map_or(Timestamp::MIN, |at| at.0),
    )
}

fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
}

fn fails(status: &PodStatus, now: Timestamp) -> bool {
    let proven = ready_since(status).is_some_and(|since| elapsed(since, now) >= PROVEN_READY);
    !proven && containers(status).any(|container| backs_off(container) || crashed_again(container, now))
}

fn backs_off(container: &ContainerStatus) -> bool {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    reason.is_some_and(|reason| FAILING.contains(&reason))
}

fn crashed_again(container: &ContainerStatus, now: Timestamp) -> bool {
    let states = [container.state.as_ref(), container.last_state.as_ref()];
    let ended = states
        .into_iter()
        .flatten()
        .filter_map(|state| state.terminated.as_ref());
    container.restart_count >= AGAIN && ended.into_iter().any(|end| end.exit_code != 0 && lately(end, now))
}

fn lately(end: &ContainerStateTerminated, now: Timestamp) -> bool {
    end.finished_at.as_ref().is_some_and(|at| elapsed(at.0, now) <= LATELY)
}

// When a pod was created, and how long it took to be ready for the first time.
fn start(pod: &Pod) -> Option<(Timestamp, Duration)> {
    let status = alive(pod)?;
    let created = pod.metadata.creation_timestamp.as_ref()?.0;
    let ready = ready_since(status).filter(|since| *since >= created)?;
    let containers: Vec<&ContainerStatus> = status.container_statuses.iter().flatten().collect();
    if containers.iter().any(|container| container.restart_count > 0) {
        return None;
    }
    let running = containers.into_iter().filter_map(started).max();
    let first = elapsed(running?, ready) <= FIRST_READY_WITHIN;
    first.then(|| (created, elapsed(created, ready)))
}

fn started(container: &ContainerStatus) -> Option<Timestamp> {
    let running = container.state.as_ref()?.running.as_ref()?;
    Some(running.started_at.as_ref()?.0)
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    // Clocks of two machines: what lies ahead has just happened.
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        api::core::v1::{ContainerState, ContainerStateRunning, ContainerStateWaiting},
        apimachinery::pkg::apis::meta::v1::Time,
    };
    use rstest::rstest;

    use super::*;
    use crate::scale::facts::fixtures::{at, now, pod, seconds_ago};

    fn waiting(reason: &str) -> ContainerStatus {
        let waiting = ContainerStateWaiting {
            reason: Some(reason.into()),
            ..ContainerStateWaiting::default()
        };
        ContainerStatus {
            state: Some(ContainerState {
                waiting: Some(waiting),
                ..ContainerState::default()
            }),
            ..ContainerStatus::default()
        }
    }

    fn running(started_seconds_ago: i64) -> ContainerStatus {
        let running = ContainerStateRunning {
            started_at: Some(seconds_ago(started_seconds_ago)),
        };
        ContainerStatus {
            state: Some(ContainerState {
                running: Some(running),
                ..ContainerState::default()
            }),
            ..ContainerStatus::default()
        }
    }

    fn crashed((exit_code, ended_seconds_ago): (i32, i64), restart_count: i32) -> ContainerStatus {
        let terminated = ContainerStateTerminated {
            exit_code,
            finished_at: Some(seconds_ago(ended_seconds_ago)),
            ..ContainerStateTerminated::default()
        };
        ContainerStatus {
            restart_count,
            last_state: Some(ContainerState {
                terminated: Some(terminated),
                ..ContainerState::default()
            }),
            ..running(ended_seconds_ago)
        }
    }

    fn with(mut pod: Pod, container: ContainerStatus) -> Pod {
        pod.status.get_or_insert_default().container_statuses = Some(vec![container]);
        pod
    }

    fn leaving(mut pod: Pod) -> Pod {
        pod.metadata.deletion_timestamp = Some(seconds_ago(1));
        pod
    }

    fn ended(mut pod: Pod) -> Pod {
        pod.status.get_or_insert_default().phase = Some("Failed".into());
        pod
    }

    #[rstest]
    #[case::backs_off(with(pod("a", None), waiting("CrashLoopBackOff")), 1)]
    #[case::no_image(with(pod("a", None), waiting("ImagePullBackOff")), 1)]
    #[case::no_secret(with(pod("a", None), waiting("CreateContainerConfigError")), 1)]
    #[case::just_starting(with(pod("a", None), waiting("ContainerCreating")), 0)]
    #[case::crashed_again(with(pod("a", None), crashed((1, 30), 2)), 1)]
    #[case::crashed_once(with(pod("a", None), crashed((1, 30), 1)), 0)]
    #[case::crashed_long_ago(with(pod("a", None), crashed((1, 700), 5)), 0)]
    #[case::ended_without_an_error(with(pod("a", None), crashed((0, 30), 5)), 0)]
    #[case::ready_for_a_moment_between_crashes(with(pod("a", Some(20)), crashed((137, 30), 3)), 1)]
    #[case::ready_for_good_since(with(pod("a", Some(100)), crashed((137, 110), 3)), 0)]
    #[case::leaving(leaving(with(pod("a", None), waiting("CrashLoopBackOff"))), 0)]
    #[case::replaced(ended(with(pod("a", None), waiting("CrashLoopBackOff"))), 0)]
    fn a_pod_that_fails_again_and_again_is_counted(#[case] pod: Pod, #[case] failing: u32) {
        assert_eq!(crash_looping(&[&pod], now()), Replicas::new(failing));
    }

    #[test]
    fn a_failing_init_container_counts_as_well() {
        let mut broken = pod("a", None);
        broken.status.get_or_insert_default().init_container_statuses = Some(vec![waiting("CrashLoopBackOff")]);
        assert_eq!(crash_looping(&[&broken], now()), Replicas::new(1));
    }

    #[test]
    fn only_pods_that_are_ready_and_stay_are_ready() {
        let pods = [
            pod("a", Some(100)),
            pod("b", None),
            leaving(pod("c", Some(100))),
            ended(pod("d", Some(100))),
        ];
        assert_eq!(ready(&pods.each_ref()), Replicas::new(1));
    }

    /// Created so many seconds ago, its container started a second later, ready after so many seconds.
    fn start_of(created_seconds_ago: i64, took: i64) -> Pod {
        let mut pod = with(
            pod("a", Some(created_seconds_ago - took)),
            running(created_seconds_ago - 1),
        );
        pod.metadata.creation_timestamp = Some(seconds_ago(created_seconds_ago));
        pod
    }

    fn restarted(pod: Pod) -> Pod {
        let container = ContainerStatus {
            restart_count: 1,
            ..running(50)
        };
        with(pod, container)
    }

    #[rstest]
    #[case::none(vec![], None)]
    #[case::one(vec![start_of(100, 7)], Some(7))]
    #[case::median(vec![start_of(100, 7), start_of(90, 30), start_of(80, 9)], Some(9))]
    #[case::the_longer_of_two(vec![start_of(100, 7), start_of(90, 30)], Some(30))]
    // The newest five took 9 9 2 2 2; all nine would give 9.
    #[case::the_newest_five(
        vec![
            start_of(900, 60), start_of(800, 60), start_of(700, 60), start_of(600, 60),
            start_of(500, 9), start_of(400, 9), start_of(300, 2), start_of(200, 2), start_of(100, 2),
        ],
        Some(2)
    )]
    #[case::restarted(vec![restarted(start_of(100, 50))], None)]
    #[case::ready_again(vec![start_of(1000, 400)], None)]
    #[case::at_once(vec![start_of(100, 0)], Some(1))]
    #[case::leaving(vec![leaving(start_of(100, 7))], None)]
    fn a_start_lasts_as_long_as_the_newest_pods_took(#[case] pods: Vec<Pod>, #[case] seconds: Option<u64>) {
        let pods: Vec<&Pod> = pods.iter().collect();
        assert_eq!(pod_start(&pods), seconds.map(Duration::from_secs));
    }

    #[test]
    fn a_start_is_at_most_ten_minutes_however_long_a_node_took_to_come() {
        let mut slow = with(pod("a", Some(10)), running(20));
        slow.metadata.creation_timestamp = Some(Time(at(now().as_second() - 2000)));
        assert_eq!(pod_start(&[&slow]), Some(Duration::from_secs(600)));
    }
}
