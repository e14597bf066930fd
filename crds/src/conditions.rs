//! The condition types and reasons that status may hold, each with what it tells a person.
//!
//! They are a contract with everything that waits on them (`kubectl wait`, GitOps health checks), so they are enums here
//! and text only on the wire.

use std::fmt;

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// Everything that the spec asks for is there and works.
    Ready,
    /// At least the wanted number of API pods are available.
    ApiAvailable,
    /// PostgreSQL accepts connections.
    PostgresReady,
    /// Redis accepts connections.
    RedisReady,
    /// The signals that scaling needs are fresh.
    MetricsAvailable,
    /// The operator decides and writes the number of replicas.
    ScalingActive,
    /// The number of replicas is not what the signals alone ask for.
    ScalingLimited,
    /// Latency is over its target, and more replicas of the API would not help.
    LatencyNotScalable,
    /// Somebody else writes the number of replicas or the floor.
    ScaleConflict,
}

impl ConditionType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::ApiAvailable => "ApiAvailable",
            Self::PostgresReady => "PostgresReady",
            Self::RedisReady => "RedisReady",
            Self::MetricsAvailable => "MetricsAvailable",
            Self::ScalingActive => "ScalingActive",
            Self::ScalingLimited => "ScalingLimited",
            Self::LatencyNotScalable => "LatencyNotScalable",
            Self::ScaleConflict => "ScaleConflict",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a condition has its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// All is as the spec asks.
    AsSpecified,
    /// Pods are being made or replaced.
    Progressing,
    /// Pods run but are not ready.
    PodsNotReady,
    /// A container image cannot be pulled.
    ImagePullFailed,
    /// A container starts and ends again and again.
    CrashLooping,
    /// The API server refused to create pods (quota, admission).
    PodsRefused,
    /// No node has room for a pod.
    Unschedulable,
    /// The resource holds something that cannot work.
    InvalidSpec,
    /// An object of a name that the operator needs belongs to somebody else.
    ForeignObject,
    /// The API server refused a write of the operator.
    Forbidden,
    /// A write failed for a reason that passes.
    ApplyFailed,
    /// A store's volume is there and its passwords are not, or they belong to another volume.
    SecretMissing,
    /// Every signal is fresh.
    SignalsFresh,
    /// Prometheus has no data of the pods.
    NoData,
    /// Data is too old.
    StaleData,
    /// Data cannot be a number of requests per second.
    InvalidData,
    /// Prometheus does not answer.
    SourceUnreachable,
    /// The spec names a Prometheus endpoint that the administrator did not define.
    UnknownEndpoint,
    /// The pods are asked, because Prometheus does not answer.
    PodsInstead,
    /// The administrator does not allow own queries at the endpoint.
    QueryForbidden,
    /// An own query is wrong, or gives something else than one number.
    QueryFailed,
    /// PostgreSQL is what is slow.
    PostgresSaturated,
    /// Redis is what is slow.
    RedisSaturated,
    /// One pod is far slower than the others.
    SlowPod,
    /// Something that the API waits for, and nothing that is known.
    SlowElsewhere,
    /// Latency is within its target, or more replicas help.
    LatencyScalable,
    /// Another writer has changed replicas or the floor.
    AnotherWriter,
    /// Another HorizontalPodAutoscaler targets the Deployment.
    AnotherAutoscaler,
    /// Nobody else writes.
    NoConflict,
    /// `mode: Auto`.
    Auto,
    /// `mode: Observe`.
    Observing,
    /// `mode: Paused`.
    Paused,
    /// Nothing limited the number.
    NotLimited,
    /// `minReplicas` is more than the signals ask for.
    AtMinimum,
    /// `maxReplicas` is less than the signals ask for.
    AtMaximum,
    /// A cooldown or an observation window holds a decrease.
    DecreaseHeld,
    /// A pause of increases or the largest step holds an increase.
    IncreaseHeld,
}

impl Reason {
    /// The CamelCase word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsSpecified => "AsSpecified",
            Self::Progressing => "Progressing",
            Self::PodsNotReady => "PodsNotReady",
            Self::ImagePullFailed => "ImagePullFailed",
            Self::CrashLooping => "CrashLooping",
            Self::PodsRefused => "PodsRefused",
            Self::Unschedulable => "Unschedulable",
            Self::InvalidSpec => "InvalidSpec",
            Self::ForeignObject => "ForeignObject",
            Self::Forbidden => "Forbidden",
            Self::ApplyFailed => "ApplyFailed",
            Self::SecretMissing => "SecretMissing",
            Self::SignalsFresh => "SignalsFresh",
            Self::NoData => "NoData",
            Self::StaleData => "StaleData",
            Self::InvalidData => "InvalidData",
            Self::SourceUnreachable => "SourceUnreachable",
            Self::UnknownEndpoint => "UnknownEndpoint",
            Self::PodsInstead => "PodsInstead",
            Self::QueryForbidden => "QueryForbidden",
            Self::QueryFailed => "QueryFailed",
            Self::PostgresSaturated => "PostgresSaturated",
            Self::RedisSaturated => "RedisSaturated",
            Self::SlowPod => "SlowPod",
            Self::SlowElsewhere => "SlowElsewhere",
            Self::LatencyScalable => "LatencyScalable",
            Self::AnotherWriter => "AnotherWriter",
            Self::AnotherAutoscaler => "AnotherAutoscaler",
            Self::NoConflict => "NoConflict",
            Self::Auto => "Auto",
            Self::Observing => "Observing",
            Self::Paused => "Paused",
            Self::NotLimited => "NotLimited",
            Self::AtMinimum => "AtMinimum",
            Self::AtMaximum => "AtMaximum",
            Self::DecreaseHeld => "DecreaseHeld",
            Self::IncreaseHeld => "IncreaseHeld",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
