//! The HorizontalPodAutoscaler of the API: CPU and memory, over the operator's floor.
//!
//! Pure. Its bounds count when it is created and never again: `pathfinder/scale` owns them from then on. All of
//! `behavior` is spelled out, so that what is there is what we asked for, whatever the server's defaults are.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget, ResourceMetricSource,
};
use pathfinder_scaling::Replicas;

use super::meta;
use crate::{
    cluster::{Autoscaler, Cluster},
    names::{self, Component},
};

// The shortest period that means something: the HPA looks every 15 s.
const PERIOD_SECONDS: i32 = 15;

/// The HPA as it is created.
pub fn build(cluster: &Cluster) -> HorizontalPodAutoscaler {
    let name = names::component(&cluster.id.name, Component::Api);
    let scaling = &cluster.scaling;
    HorizontalPodAutoscaler {
        metadata: meta::owned(cluster, Component::Api, name.clone()),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name,
            },
            min_replicas: Some(count(scaling.policy.min_replicas())),
            max_replicas: count(scaling.policy.max_replicas()),
            metrics: Some(metrics(scaling.autoscaler)),
            behavior: Some(behavior(scaling.autoscaler)),
        }),
        ..HorizontalPodAutoscaler::default()
    }
}

fn count(replicas: Replicas) -> i32 {
    i32::try_from(replicas.get()).unwrap_or(i32::MAX)
}

// An HPA cannot have no metric: the server would give it this one. Without a target of its own its bounds are one number,
// and then it only follows.
const INERT_CPU_PERCENT: i32 = 80;

fn metrics(targets: Autoscaler) -> Vec<MetricSpec> {
    let targets = if targets.follows() {
        [("cpu", Some(INERT_CPU_PERCENT)), ("memory", None)]
    } else {
        [
            ("cpu", targets.cpu_utilization_percent),
            ("memory", targets.memory_utilization_percent),
        ]
    };
    let aimed_at = targets.into_iter().filter_map(|(name, percent)| Some((name, percent?)));
    aimed_at.map(|(name, percent)| utilization(name, percent)).collect()
}

fn utilization(resource: &str, percent: i32) -> MetricSpec {
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: resource.to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(percent),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}

// Down: after our own window, then at once; up: the server's defaults, four pods or a doubling per 15 s.
fn behavior(scaling: Autoscaler) -> HorizontalPodAutoscalerBehavior {
    let all = step("Percent", 100);
    HorizontalPodAutoscalerBehavior {
        scale_down: Some(rules(scaling.scale_down_window_seconds, vec![all.clone()])),
        scale_up: Some(rules(0, vec![step("Pods", 4), all])),
    }
}

fn rules(window_seconds: i32, policies: Vec<HPAScalingPolicy>) -> HPAScalingRules {
    HPAScalingRules {
        stabilization_window_seconds: Some(window_seconds),
        select_policy: Some("Max".to_owned()),
        policies: Some(policies),
        ..HPAScalingRules::default()
    }
}

fn step(type_: &str, value: i32) -> HPAScalingPolicy {
    HPAScalingPolicy {
        type_: type_.to_owned(),
        value,
        period_seconds: PERIOD_SECONDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::fixtures;

    #[test]
    fn it_is_created_with_the_bounds_of_the_policy() {
        let cluster = fixtures::full();
        let spec = build(&cluster).spec.expect("it has a spec");
        assert_eq!(spec.min_replicas, Some(count(cluster.scaling.policy.min_replicas())));
        assert_eq!(spec.max_replicas, count(cluster.scaling.policy.max_replicas()));
    }

    #[test]
    fn its_own_window_for_decreases_is_ours_so_that_the_two_do_not_add_up() {
        let mut cluster = fixtures::minimal();
        cluster.scaling.autoscaler.scale_down_window_seconds = 20;
        let behavior = build(&cluster)
            .spec
            .and_then(|spec| spec.behavior)
            .expect("it has a behavior");
        assert_eq!(
            behavior.scale_down.and_then(|rules| rules.stabilization_window_seconds),
            Some(20)
        );
    }

    #[test]
    fn it_scales_the_deployment_that_is_built_beside_it() {
        let cluster = fixtures::minimal();
        let target = build(&cluster).spec.expect("it has a spec").scale_target_ref;
        assert_eq!(Some(target.name), super::super::api::deployment(&cluster).metadata.name);
    }
}
