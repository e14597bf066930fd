//! From a decision and what was seen around it to the conditions of scaling.
//!
//! Pure. Words without figures that change at every tick: a condition that says the same is the same to the letter.

use pathfinder_crds::{ConditionType, Reason};
use pathfinder_scaling::{
    Direction, Effect, InvalidReason, Limit, MissingReason, Mode, Record, SignalName, Suspect, Verdict,
};

use crate::{
    cluster::{Cluster, Source},
    names::{self, Component},
    scale::{
        contested::Conflict,
        facts::Field,
        look::Own,
        prometheus::user::UserAnswer,
        rounds::{Asked, Heard},
        sample::Answer,
    },
    status::{Finding, finding},
};

/// What was seen when a decision was made.
pub struct Seen<'a> {
    /// The decision.
    pub record: &'a Record,
    /// Who was asked, and what was wrong with the answer.
    pub heard: &'a Heard,
    /// What the user's own queries said.
    pub own: &'a Own,
    /// The endpoints that there are.
    pub defined: &'a [&'a str],
    /// Somebody else who writes what we write.
    pub conflict: Option<&'a Conflict>,
    /// The pod that is far slower than the others.
    pub slow_pod: Option<&'a str>,
}

/// Every condition of scaling.
pub fn findings(cluster: &Cluster, seen: &Seen<'_>) -> Vec<Finding> {
    vec![
        metrics(cluster, seen),
        active(cluster),
        limited(&seen.record.limits),
        latency(cluster, seen),
        conflict(cluster, seen.conflict),
    ]
}

fn metrics(cluster: &Cluster, seen: &Seen<'_>) -> Finding {
    let type_ = ConditionType::MetricsAvailable;
    let verdict = |signal| {
        seen.record
            .signals
            .iter()
            .find(|row| row.name == signal)
            .map(|row| row.verdict)
    };
    let load = verdict(SignalName::RequestsPerSecond).unwrap_or(Verdict::Missing(MissingReason::NotAskedYet));
    if let Some((reason, message)) = trouble(cluster, seen, (SignalName::RequestsPerSecond, load)) {
        return finding(type_, Err(reason), format!("{message}; replicas are held"));
    }
    let latency =
        verdict(SignalName::Latency).and_then(|verdict| trouble(cluster, seen, (SignalName::Latency, verdict)));
    match (latency, &seen.heard.asked) {
        (Some((reason, message)), _) => finding(
            type_,
            Err(reason),
            format!(
                "latency: {message}; scaled by requests per second (spec.scaling.latency.mode: Disabled if there is none to be had)"
            ),
        ),
        (None, Asked::PodsInstead(why)) => finding(
            type_,
            Ok(Reason::PodsInstead),
            format!(
                "Prometheus endpoint {} {why}; the pods are asked instead",
                cluster.scaling.endpoint
            ),
        ),
        (None, Asked::Prometheus | Asked::Pods) => finding(type_, Ok(Reason::SignalsFresh), String::new()),
    }
}

// What is wrong with a signal, if anything is.
fn trouble(cluster: &Cluster, seen: &Seen<'_>, (signal, verdict): (SignalName, Verdict)) -> Option<(Reason, String)> {
    let source = source(cluster);
    let own = own_query(cluster, signal);
    let at = own.map_or_else(|| source.clone(), |field| format!("{source}: {field}"));
    match verdict {
        // Nobody asked the API anything: a quiet night is no trouble.
        Verdict::Fresh | Verdict::Missing(MissingReason::NoRequests) => None,
        Verdict::Stale => Some((Reason::StaleData, format!("{at}: the samples are too old"))),
        Verdict::Invalid(InvalidReason::SeveralSeries) if own.is_some() => Some((
            Reason::QueryFailed,
            format!("{at} gives more than one series: aggregate it, with sum() for example"),
        )),
        Verdict::Invalid(why) => Some((Reason::InvalidData, format!("{at}: {why}"))),
        Verdict::Missing(MissingReason::SourceUnknown) => {
            Some((Reason::UnknownEndpoint, undefined(cluster, seen.defined)))
        }
        Verdict::Missing(MissingReason::SourceUnreachable) => Some(unreachable(seen, signal, &at)),
        Verdict::Missing(MissingReason::QueryForbidden) => Some((
            Reason::QueryForbidden,
            format!(
                "{at}: the operator's administrator does not allow own queries at this endpoint (chart value prometheus.endpoints.NAME.userQueries)"
            ),
        )),
        Verdict::Missing(MissingReason::NoSeries) => Some((
            Reason::QueryFailed,
            format!(
                "{at} gives nothing: it must give one number as long as its target is up (write: or 0 * max(up{{...}} == 1))"
            ),
        )),
        Verdict::Missing(
            why @ (MissingReason::TargetDown | MissingReason::NotScraped | MissingReason::NotAskedYet),
        ) => Some((Reason::NoData, format!("{at}: {why}"))),
    }
}

fn source(cluster: &Cluster) -> String {
    match cluster.scaling.source {
        Source::Prometheus => format!("Prometheus endpoint {}", cluster.scaling.endpoint),
        Source::Pods { .. } => "the pods".to_owned(),
    }
}

fn own_query(cluster: &Cluster, signal: SignalName) -> Option<&'static str> {
    let queries = &cluster.scaling.queries;
    match signal {
        SignalName::RequestsPerSecond => queries
            .requests_per_second
            .as_ref()
            .map(|_| "spec.scaling.requestsPerSecond.query"),
        SignalName::Latency => queries.latency.as_ref().map(|_| "spec.scaling.latency.query"),
        SignalName::Schedule | SignalName::Forecast | SignalName::Fallback => None,
    }
}

fn undefined(cluster: &Cluster, defined: &[&str]) -> String {
    let defined = if defined.is_empty() {
        "none".to_owned()
    } else {
        defined.join(", ")
    };
    format!(
        "spec.scaling.metrics.endpoint: {} is not defined by the operator's administrator (defined: {defined}); write one of these, or ask for it in the chart value prometheus.endpoints",
        cluster.scaling.endpoint
    )
}

fn unreachable(seen: &Seen<'_>, signal: SignalName, at: &str) -> (Reason, String) {
    let (own, beside) = match signal {
        SignalName::Latency => (&seen.own.latency, &seen.heard.look.durations),
        SignalName::RequestsPerSecond | SignalName::Schedule | SignalName::Forecast | SignalName::Fallback => {
            (&seen.own.load, &None)
        }
    };
    if let Some(UserAnswer::Unreachable(why)) = own {
        return (Reason::QueryFailed, format!("{at} {why}"));
    }
    let answer = match (&seen.heard.look.answer, beside) {
        (Answer::Unreachable(why), _) | (Answer::Samples(_) | Answer::Unknown, Some(why)) => format!("{at} {why}"),
        (Answer::Samples(_) | Answer::Unknown, None) => format!("{at} does not answer"),
    };
    let answer = match &seen.heard.asked {
        Asked::PodsInstead(why) => format!("{at} {why}, and the pods do not answer either"),
        Asked::Prometheus | Asked::Pods => answer,
    };
    (Reason::SourceUnreachable, answer)
}

fn active(cluster: &Cluster) -> Finding {
    let type_ = ConditionType::ScalingActive;
    match cluster.scaling.policy.mode() {
        Mode::Auto => finding(type_, Ok(Reason::Auto), String::new()),
        Mode::Observe => finding(
            type_,
            Err(Reason::Observing),
            "mode is Observe: decided and explained, not written".into(),
        ),
        Mode::Paused => finding(
            type_,
            Err(Reason::Paused),
            "mode is Paused: replicas are left as they are".into(),
        ),
    }
}

fn limited(limits: &[Limit]) -> Finding {
    let type_ = ConditionType::ScalingLimited;
    let has = |wanted: fn(&Limit) -> bool| limits.iter().any(wanted);
    let held = |limit: &Limit| limit.effect() == Effect::HoldsDecrease && *limit != Limit::Freshness;
    let (reason, message) = if has(|limit| matches!(limit, Limit::MaxReplicas { .. })) {
        (
            Reason::AtMaximum,
            "the signals ask for more than maxReplicas: raise it, or make each replica serve more",
        )
    } else if has(|limit| matches!(limit, Limit::DatabaseConnections { .. })) {
        (
            Reason::AtMaximum,
            "the signals ask for more replicas than PostgreSQL has connections for: raise max_connections, or make each replica serve more",
        )
    } else if has(|limit| matches!(limit, Limit::Quota { .. })) {
        (
            Reason::AtMaximum,
            "the signals ask for more replicas than the namespace's ResourceQuota has room for: raise it, or lower the pods' requests",
        )
    } else if has(|limit| {
        matches!(
            limit,
            Limit::StepUp { .. }
                | Limit::Paused {
                    direction: Direction::Up
                }
        )
    }) {
        (
            Reason::IncreaseHeld,
            "the signals ask for more; a pause of increases or scaleUp.maxPercent holds it",
        )
    } else if has(held) {
        (
            Reason::DecreaseHeld,
            "fewer would do; a cooldown, window or rollout holds the decrease",
        )
    } else if has(|limit| matches!(limit, Limit::MinReplicas { .. })) {
        (Reason::AtMinimum, "the signals ask for fewer than minReplicas")
    } else {
        return finding(type_, Err(Reason::NotLimited), String::new());
    };
    finding(type_, Ok(reason), message.into())
}

fn latency(cluster: &Cluster, seen: &Seen<'_>) -> Finding {
    let type_ = ConditionType::LatencyNotScalable;
    let Some(found) = seen.record.latency_not_scalable else {
        return finding(type_, Err(Reason::LatencyScalable), String::new());
    };
    let (reason, message) = match found.suspect {
        Suspect::Postgres { .. } => (
            Reason::PostgresSaturated,
            "PostgreSQL is what is slow: look for locks, slow queries and used-up connections".to_owned(),
        ),
        Suspect::Redis { .. } => (
            Reason::RedisSaturated,
            "Redis is what is slow: look at its memory and for slow commands".to_owned(),
        ),
        Suspect::SlowPod(_) => {
            let pod = seen.slow_pod.unwrap_or("one of them");
            (
                Reason::SlowPod,
                format!("pod {pod} is far slower than the others: look at it and its node, or delete it to get another"),
            )
        }
        Suspect::Unknown => (
            Reason::SlowElsewhere,
            "something is slow that the API waits for: the pods are not busy, and neither PostgreSQL nor Redis shows it".to_owned(),
        ),
    };
    let pods = names::component(&cluster.id.name, Component::Api);
    finding(
        type_,
        Ok(reason),
        format!("latency is over spec.scaling.latency.target and more replicas of {pods} would not help; {message}"),
    )
}

fn conflict(cluster: &Cluster, conflict: Option<&Conflict>) -> Finding {
    let type_ = ConditionType::ScaleConflict;
    let name = names::component(&cluster.id.name, Component::Api);
    let (reason, message) = match conflict {
        None => return finding(type_, Err(Reason::NoConflict), String::new()),
        Some(Conflict::SecondAutoscaler { name: other }) => (
            Reason::AnotherAutoscaler,
            format!(
                "HorizontalPodAutoscaler {other} targets Deployment {name} too: remove it, or the two undo each other"
            ),
        ),
        Some(Conflict::Writer { manager, field }) => (
            Reason::AnotherWriter,
            format!(
                "{manager} wrote {} of {name}, which is decided here and was put right: take the field out of what {manager} applies, or pause scaling (kubectl pathfinder pause)",
                written(*field)
            ),
        ),
    };
    finding(type_, Ok(reason), message)
}

fn written(field: Field) -> &'static str {
    match field {
        Field::Replicas => "spec.replicas",
        Field::Bounds => "minReplicas or maxReplicas",
    }
}

#[cfg(test)]
mod tests;
