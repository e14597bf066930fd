//! Conditions of scaling: what is wrong with a query is said with the field that it stands in.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use pathfinder_crds::PathfinderCluster;
use pathfinder_scaling::{Memory, Replicas, decide};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    scale::{
        look::{self, Present},
        reading::Settling,
        sample::{Look, Samples},
        why::Why,
    },
    status::Holds,
    validate::validate,
};

const LOAD: &str = "spec.scaling.requestsPerSecond.query";
const LATENCY: &str = "spec.scaling.latency.query";

fn cluster() -> Cluster {
    let resource = json!({
        "apiVersion": "pathfinder.dev/v1alpha1",
        "kind": "PathfinderCluster",
        "metadata": {"name": "shop", "namespace": "demo", "uid": "1", "generation": 1},
        "spec": {
            "api": {"image": "shop:1"},
            "scaling": {"requestsPerSecond": {"query": "sum(load)"}, "latency": {"query": "p95"}},
        },
    });
    let resource: PathfinderCluster = serde_json::from_value(resource).unwrap();
    validate(&resource).unwrap()
}

// What is said of metrics where the two queries answered so.
fn said(load: UserAnswer, latency: UserAnswer) -> Finding {
    let cluster = cluster();
    let heard = Heard {
        look: Look::only(Answer::Samples(Samples::default())),
        asked: Asked::Prometheus,
        interval: Duration::from_secs(5),
    };
    let own = Own {
        load: Some(load),
        latency: Some(latency),
        ..Own::default()
    };
    let present = Present {
        deployment: None,
        autoscaler: &HorizontalPodAutoscaler::default(),
        pods: &[],
        quotas: &[],
    };
    let now = Timestamp::from_second(1_000).unwrap();
    let policy = &cluster.scaling.policy;
    let looked = look::look(
        (&cluster, policy),
        (&heard, &own),
        (&present, &mut Settling::default()),
        now,
    );
    let (decision, _) = decide(policy, Memory::default(), &looked.observation, now);
    let seen = Seen {
        record: &decision.record,
        heard: &heard,
        own: &own,
        defined: &["default", "west"],
        conflict: None,
        slow_pod: None,
    };
    findings(&cluster, &seen).remove(0)
}

fn unreachable() -> UserAnswer {
    UserAnswer::Unreachable(Why::ResultType("a number or one series"))
}

#[rstest]
#[case::not_allowed(UserAnswer::Forbidden, Reason::QueryForbidden, "userQueries")]
#[case::nothing(UserAnswer::Empty, Reason::QueryFailed, "or 0 * max(up")]
#[case::several(UserAnswer::Several(3), Reason::QueryFailed, "sum()")]
#[case::a_range_or_no_answer(unreachable(), Reason::QueryFailed, "a number or one series")]
#[case::not_a_number(UserAnswer::Value(f64::NAN), Reason::InvalidData, "")]
#[case::infinite(UserAnswer::Value(f64::INFINITY), Reason::InvalidData, "")]
#[case::negative(UserAnswer::Value(-1.0), Reason::InvalidData, "")]
fn a_query_for_the_load_that_gives_no_load_is_named_with_what_to_write(
    #[case] load: UserAnswer,
    #[case] reason: Reason,
    #[case] hint: &str,
) {
    let found = said(load, UserAnswer::Value(0.1));
    assert_eq!((found.holds, found.reason), (Holds::False, reason), "{}", found.message);
    assert!(found.message.contains(LOAD), "{}", found.message);
    assert!(found.message.contains(hint), "{}", found.message);
    assert!(found.message.ends_with("; replicas are held"), "{}", found.message);
}

#[rstest]
#[case::not_allowed(UserAnswer::Forbidden, Reason::QueryForbidden)]
#[case::nothing(UserAnswer::Empty, Reason::QueryFailed)]
#[case::several(UserAnswer::Several(2), Reason::QueryFailed)]
#[case::a_range_or_no_answer(unreachable(), Reason::QueryFailed)]
#[case::negative(UserAnswer::Value(-1.0), Reason::InvalidData)]
fn a_query_for_latency_that_gives_none_is_named_and_the_load_scales_on(
    #[case] latency: UserAnswer,
    #[case] reason: Reason,
) {
    let found = said(UserAnswer::Value(50.0), latency);
    assert_eq!((found.holds, found.reason), (Holds::False, reason), "{}", found.message);
    assert!(found.message.contains(LATENCY), "{}", found.message);
    assert!(
        found.message.contains("scaled by requests per second"),
        "{}",
        found.message
    );
}

#[test]
fn a_latency_that_is_not_a_number_is_a_quiet_night_and_no_trouble() {
    let found = said(UserAnswer::Value(0.0), UserAnswer::Value(f64::NAN));
    assert_eq!((found.holds, found.reason), (Holds::True, Reason::SignalsFresh));
}

#[test]
fn an_endpoint_that_nobody_defined_is_named_beside_those_that_there_are() {
    let found = said(UserAnswer::Unknown, UserAnswer::Unknown);
    assert_eq!(found.reason, Reason::UnknownEndpoint);
    assert!(
        found.message.contains("spec.scaling.metrics.endpoint") && found.message.contains("default, west"),
        "{}",
        found.message
    );
}

#[rstest]
#[case::a_pause(Limit::Paused { direction: Direction::Up })]
#[case::the_largest_step(Limit::StepUp { replicas: Replicas::new(4) })]
fn an_increase_that_is_held_limits_scaling(#[case] limit: Limit) {
    assert_eq!(limited(&[limit]).reason, Reason::IncreaseHeld);
}
