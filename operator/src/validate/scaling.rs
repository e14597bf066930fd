//! From `spec.scaling` as it was written to a policy and schedules that cannot be wrong.
//!
//! Pure. What CEL cannot see is a cron expression that never comes and a time zone that does not exist; everything else is
//! checked once more only because no API server has to have seen the resource.

use std::time::Duration;

use pathfinder_crds::{self as crds, TargetMode};
use pathfinder_scaling::{
    Fallback, ForecastUse, Mode, Movement, Policy, PolicyInput, Schedule, ScheduleEffect, ScheduleInput,
};

use super::Violation;
use crate::cluster::{Autoscaler, Queries, Scaling, Source};

// Where the spec has no cooldown: the floor under the HPA holds already.
const HPA_WINDOW_SECONDS: i32 = 60;
// The HPA accepts at most one hour.
const MAX_HPA_WINDOW_SECONDS: i32 = 3600;

/// What `spec.scaling` means, or every violation in it.
pub(super) fn scaling(spec: &crds::ScalingSpec, violations: &mut Vec<Violation>) -> Option<Scaling> {
    let before = violations.len();
    let policy = policy(spec, violations);
    let schedules = schedules(&spec.schedules, violations);
    (violations.len() == before).then_some(())?;
    Some(Scaling {
        policy: policy?,
        schedules,
        autoscaler: autoscaler(spec),
        latency_quantile: spec.latency.quantile.clamp(0.5, 0.999),
        source: match spec.metrics.source {
            crds::MetricsSource::Prometheus => Source::Prometheus,
            crds::MetricsSource::Pods => Source::Pods {
                interval: seconds(spec.metrics.interval_seconds.max(1)),
            },
        },
        endpoint: spec.metrics.endpoint.clone(),
        queries: Queries {
            requests_per_second: spec.requests_per_second.query.clone(),
            latency: spec.latency.query.clone(),
        },
    })
}

fn seconds(value: i32) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or_default())
}

// A negative number is none: the engine says what is wrong with 0.
fn count(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

fn policy(spec: &crds::ScalingSpec, violations: &mut Vec<Violation>) -> Option<Policy> {
    let movement = |paused| if paused { Movement::Paused } else { Movement::Allowed };
    let input = PolicyInput {
        min_replicas: count(spec.min_replicas),
        max_replicas: count(spec.max_replicas),
        per_replica: spec.requests_per_second.per_replica,
        latency_target: match spec.latency.mode {
            TargetMode::Enabled => Some(target(&spec.latency.target, violations)?),
            TargetMode::Disabled => None,
        },
        objective: spec.objective,
        forecast: match spec.forecast.mode {
            crds::ForecastMode::Auto => ForecastUse::Followed,
            crds::ForecastMode::Disabled => ForecastUse::Ignored,
        },
        scale_up_cooldown: seconds(spec.scale_up.cooldown_seconds),
        scale_down_cooldown: spec.scale_down.cooldown_seconds.map(seconds),
        up_percent_max: count(spec.scale_up.max_percent),
        down_percent_max: count(spec.scale_down.max_percent),
        fallback: spec.fallback.as_ref().map(|fallback| Fallback {
            after: seconds(fallback.after_seconds),
            replicas: count(fallback.replicas),
        }),
        paused_up: movement(spec.scale_up.paused),
        paused_down: movement(spec.scale_down.paused),
        mode: match spec.mode {
            crds::ScalingMode::Auto => Mode::Auto,
            crds::ScalingMode::Observe => Mode::Observe,
            crds::ScalingMode::Paused => Mode::Paused,
        },
        ..PolicyInput::default()
    };
    let parsed = Policy::parse(input);
    parsed
        .map_err(|errors| {
            violations.extend(errors.iter().map(|error| Violation {
                field: "spec.scaling",
                message: error.to_string(),
            }));
        })
        .ok()
}

fn target(text: &str, violations: &mut Vec<Violation>) -> Option<Duration> {
    let parsed = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => number.parse().ok().map(Duration::from_millis),
        (None, Some(number)) => number
            .parse()
            .ok()
            .and_then(|number| Duration::try_from_secs_f64(number).ok()),
        (None, None) => None,
    };
    if parsed.is_none() {
        violations.push(Violation {
            field: "spec.scaling.latency.target",
            message: format!("{text:?} is not a latency: write milliseconds or seconds, for example 500ms or 1.5s"),
        });
    }
    parsed
}

fn schedules(specs: &[crds::ScheduleSpec], violations: &mut Vec<Violation>) -> Vec<Schedule> {
    let mut parsed = Vec::new();
    for spec in specs {
        let effect = match (spec.replicas, spec.multiplier) {
            (Some(replicas), None) => ScheduleEffect::Replicas(count(replicas)),
            (None, Some(multiplier)) => ScheduleEffect::Multiplier(multiplier),
            (Some(_), Some(_)) | (None, None) => {
                violations.push(schedule_violation(&format!(
                    "schedule {}: write either replicas or multiplier, and not both",
                    spec.name
                )));
                continue;
            }
        };
        let input = ScheduleInput {
            name: spec.name.clone(),
            start: spec.start.clone(),
            duration: seconds(spec.duration_seconds),
            time_zone: spec.time_zone.clone(),
            effect,
            lead: seconds(spec.lead_seconds),
        };
        match Schedule::parse(&input) {
            Ok(schedule) => parsed.push(schedule),
            Err(error) => violations.push(schedule_violation(&error)),
        }
    }
    parsed
}

fn schedule_violation(message: &impl ToString) -> Violation {
    Violation {
        field: "spec.scaling.schedules",
        message: message.to_string(),
    }
}

fn autoscaler(spec: &crds::ScalingSpec) -> Autoscaler {
    let percent = |mode: TargetMode, percent: i32| match mode {
        TargetMode::Enabled => Some(percent),
        TargetMode::Disabled => None,
    };
    Autoscaler {
        cpu_utilization_percent: percent(spec.cpu.mode, spec.cpu.average_utilization),
        memory_utilization_percent: percent(spec.memory.mode, spec.memory.average_utilization),
        scale_down_window_seconds: spec
            .scale_down
            .cooldown_seconds
            .unwrap_or(HPA_WINDOW_SECONDS)
            .clamp(0, MAX_HPA_WINDOW_SECONDS),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn violations(spec: &Value) -> Vec<String> {
        let spec: crds::ScalingSpec = serde_json::from_value(spec.clone()).unwrap();
        let mut violations = Vec::new();
        let scaling = scaling(&spec, &mut violations);
        assert_eq!(scaling.is_none(), !violations.is_empty());
        violations.iter().map(ToString::to_string).collect()
    }

    fn schedule(change: &Value) -> Value {
        let mut schedule = json!({"name": "lunch", "start": "30 11 * * *", "durationSeconds": 60, "replicas": 3});
        schedule
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        json!({"schedules": [schedule]})
    }

    #[rstest]
    #[case::a_zone_that_is_none(schedule(&json!({"timeZone": "Mars/Olympus"})), "spec.scaling.schedules: schedule lunch: timeZone \"Mars/Olympus\"")]
    #[case::a_minute_that_is_none(schedule(&json!({"start": "75 11 * * *"})), "schedule lunch: start \"75 11 * * *\"")]
    #[case::a_day_that_never_comes(schedule(&json!({"start": "0 0 31 2 *"})), "schedule lunch: start")]
    #[case::both_kinds(schedule(&json!({"multiplier": 2.0})), "write either replicas or multiplier")]
    #[case::no_latency(json!({"latency": {"target": "soon"}}), "spec.scaling.latency.target")]
    #[case::a_latency_of_zero(json!({"latency": {"target": "0ms"}}), "latency.target is 0")]
    #[case::an_objective_of_one(json!({"objective": 1.0}), "objective is 1")]
    #[case::no_capacity(json!({"requestsPerSecond": {"perReplica": -1.0}}), "perReplica is -1")]
    #[case::crossed(json!({"minReplicas": 4, "maxReplicas": 3}), "minReplicas 4 is more than maxReplicas 3")]
    #[case::a_fallback_of_nothing(json!({"fallback": {"replicas": 0}}), "fallback.replicas is 0")]
    fn what_is_wrong_is_said_with_its_field(#[case] spec: Value, #[case] said: &str) {
        let found = violations(&spec);
        assert!(found.iter().any(|violation| violation.contains(said)), "{found:?}");
    }

    #[test]
    fn every_violation_is_found_at_once() {
        let mut spec = schedule(&json!({"timeZone": "Nowhere"}));
        spec["minReplicas"] = json!(0);
        spec["objective"] = json!(2.0);
        assert_eq!(violations(&spec).len(), 3);
    }

    #[rstest]
    #[case("500ms", 500)]
    #[case("1.5s", 1500)]
    #[case("2s", 2000)]
    fn a_latency_is_read_in_both_units(#[case] text: &str, #[case] milliseconds: u64) {
        let mut violations = Vec::new();
        assert_eq!(target(text, &mut violations), Some(Duration::from_millis(milliseconds)));
        assert_eq!(violations, []);
    }

    #[test]
    fn an_empty_section_is_the_defaults_and_has_no_violation() {
        assert_eq!(violations(&json!({})), Vec::<String>::new());
    }
}
