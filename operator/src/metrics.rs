//! The operator's own metrics: reconciles, writes, scale decisions.
//!
//! Label values are `&'static str`, names of resources, or kinds: never text from errors.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use pathfinder_scaling::{Action, Decision, Replicas, SignalName};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::cluster::ClusterId;

/// Labels of a reconcile's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `ok`, or the class of the error.
    pub result: &'static str,
    /// The verb that failed, or `none`.
    pub verb: &'static str,
}

/// Labels of a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WriteLabels {
    /// Kind of the object.
    pub kind: String,
    /// `create`, `apply`, `patch`, `delete`.
    pub verb: &'static str,
}

/// Labels that name a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResourceLabels {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Labels that name a signal of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SignalLabels {
    /// Namespace of the resource.
    pub namespace: String,
    /// Name of the resource.
    pub name: String,
    /// The signal as the spec calls it.
    pub signal: &'static str,
}

/// Labels of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabels {
    /// `raise`, `hold` or `lower`.
    pub action: &'static str,
    /// Why: `Demand`, `Held`, `Burst`, `Latency`, `Schedule`, `Forecast`, `Fallback` or `NoData`.
    pub reason: &'static str,
}

/// Every metric family, and the registry that they are in.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    waiting: Arc<Mutex<HashSet<ClusterId>>>,
    /// Finished reconciles.
    pub reconciles: Family<Outcome, Counter>,
    /// Seconds that a reconcile took.
    pub reconcile_seconds: Histogram,
    /// Reconciles that run now.
    pub reconciles_running: Gauge,
    /// Resources with a trigger that no pass has begun on.
    queue: Gauge,
    /// Writes to the API server.
    pub writes: Family<WriteLabels, Counter>,
    /// Decisions made.
    pub decisions: Family<DecisionLabels, Counter>,
    /// Replicas that each signal asks for; a signal that asks for none has no series.
    pub wanted_replicas: Family<SignalLabels, Gauge>,
    /// The floor that was decided.
    pub floor_replicas: Family<ResourceLabels, Gauge>,
    /// Replicas ordered.
    pub applied_replicas: Family<ResourceLabels, Gauge>,
    /// Age of the oldest sample of each signal, in seconds; without a sample there is no series.
    pub signal_age_seconds: Family<SignalLabels, Gauge<f64, AtomicU64>>,
    /// Seconds that one round of the scaling loop took.
    pub tick_seconds: Histogram,
    /// 1 while this replica leads.
    pub leader: Gauge,
}

impl Metrics {
    /// Registers every family under the prefix `pathfinder`.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("pathfinder");
        let metrics = Self {
            registry: Arc::default(),
            waiting: Arc::default(),
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new(exponential_buckets(0.005, 2.0, 13)),
            reconciles_running: Gauge::default(),
            queue: Gauge::default(),
            writes: Family::default(),
            decisions: Family::default(),
            wanted_replicas: Family::default(),
            floor_replicas: Family::default(),
            applied_replicas: Family::default(),
            signal_age_seconds: Family::default(),
            tick_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            leader: Gauge::default(),
        };
        registry.register("reconciles", "Finished reconciles", metrics.reconciles.clone());
        registry.register(
            "reconcile_duration_seconds",
            "Duration of a reconcile",
            metrics.reconcile_seconds.clone(),
        );
        registry.register(
            "reconciles_running",
            "Reconciles that run now",
            metrics.reconciles_running.clone(),
        );
        registry.register(
            "queue_length",
            "Resources with a trigger not yet reconciled",
            metrics.queue.clone(),
        );
        registry.register("writes", "Writes to the API server", metrics.writes.clone());
        registry.register("scale_decisions", "Scale decisions", metrics.decisions.clone());
        registry.register(
            "scale_wanted_replicas",
            "Replicas that a signal asks for",
            metrics.wanted_replicas.clone(),
        );
        registry.register(
            "scale_floor_replicas",
            "The floor that was decided",
            metrics.floor_replicas.clone(),
        );
        registry.register(
            "scale_applied_replicas",
            "Replicas ordered",
            metrics.applied_replicas.clone(),
        );
        registry.register(
            "scale_signal_age_seconds",
            "Age of the oldest sample of a signal",
            metrics.signal_age_seconds.clone(),
        );
        registry.register(
            "scale_tick_duration_seconds",
            "Duration of a round of the scaling loop",
            metrics.tick_seconds.clone(),
        );
        registry.register("leader", "Whether this replica leads", metrics.leader.clone());
        Self {
            registry: Arc::new(registry),
            ..metrics
        }
    }

    /// Everything in the text format.
    ///
    /// # Errors
    /// When a family cannot be written as text.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A resource was triggered.
    pub fn queued(&self, id: ClusterId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(id);
        self.queue.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
    }

    /// A pass over a resource began.
    pub fn begun(&self, id: &ClusterId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(id);
        self.queue.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
    }

    /// Counts one finished reconcile.
    pub fn reconciled(&self, outcome: &Outcome, took: Duration) {
        self.reconciles.get_or_create(outcome).inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// Shows one decision: the floor, and what each signal asks for and how old it is.
    pub fn decided(&self, id: &ClusterId, decision: &Decision) {
        let action = match decision.action {
            Action::Raise => "raise",
            Action::Hold => "hold",
            Action::Lower => "lower",
        };
        let reason = decision.record.reason.name();
        self.decisions.get_or_create(&DecisionLabels { action, reason }).inc();
        let floor = i64::from(decision.floor.get());
        self.floor_replicas.get_or_create(&resource(id)).set(floor);
        for signal in SignalName::ALL {
            let row = decision.record.signals.iter().find(|row| row.name == signal);
            let labels = labels_of(id, signal);
            match row.and_then(|row| row.asked) {
                Some(asked) => drop(self.wanted_replicas.get_or_create(&labels).set(i64::from(asked.get()))),
                None => drop(self.wanted_replicas.remove(&labels)),
            }
            match row.and_then(|row| row.age_seconds) {
                Some(age) => drop(self.signal_age_seconds.get_or_create(&labels).set(age)),
                None => drop(self.signal_age_seconds.remove(&labels)),
            }
        }
    }

    /// Shows how many replicas are ordered.
    pub fn ordered(&self, id: &ClusterId, replicas: Replicas) {
        self.applied_replicas
            .get_or_create(&resource(id))
            .set(i64::from(replicas.get()));
    }

    /// Forgets a resource that is gone, so that its last values do not stay for ever.
    pub fn forget(&self, id: &ClusterId) {
        self.floor_replicas.remove(&resource(id));
        self.applied_replicas.remove(&resource(id));
        for signal in SignalName::ALL {
            self.wanted_replicas.remove(&labels_of(id, signal));
            self.signal_age_seconds.remove(&labels_of(id, signal));
        }
    }
}

fn resource(id: &ClusterId) -> ResourceLabels {
    ResourceLabels {
        namespace: id.namespace.clone(),
        name: id.name.clone(),
    }
}

fn labels_of(id: &ClusterId, signal: SignalName) -> SignalLabels {
    SignalLabels {
        namespace: id.namespace.clone(),
        name: id.name.clone(),
        signal: signal.name(),
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pathfinder_scaling::{Memory, Observation, Policy, PolicyInput, Signal, decide};

    use super::*;

    fn decision(load: Signal) -> Decision {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        let observation = Observation {
            floor: Some(Replicas::new(2)),
            ..Observation::of(load)
        };
        decide(
            &policy,
            Memory::default(),
            &observation,
            Timestamp::from_second(1_000).unwrap(),
        )
        .0
    }

    #[test]
    fn a_decision_is_shown_by_signal_and_forgotten_with_its_resource() {
        let metrics = Metrics::new();
        let id = ClusterId {
            namespace: "demo".into(),
            name: "shop".into(),
        };
        let age = Duration::from_secs(2);
        let load = Signal::classify(590.0, age, age);
        let decision = decision(load);
        metrics.decided(&id, &decision);
        metrics.ordered(&id, Replicas::new(3));
        let asked = decision.record.signals[0].asked.unwrap();
        let of = r#"namespace="demo",name="shop""#;
        let lines = [
            format!(r#"pathfinder_scale_wanted_replicas{{{of},signal="requestsPerSecond"}} {asked}"#),
            format!(r#"pathfinder_scale_signal_age_seconds{{{of},signal="requestsPerSecond"}} 2.0"#),
            format!("pathfinder_scale_applied_replicas{{{of}}} 3"),
            format!("pathfinder_scale_floor_replicas{{{of}}} {}", decision.floor),
            format!(
                r#"pathfinder_scale_decisions_total{{action="raise",reason="{}"}} 1"#,
                decision.record.reason.name()
            ),
        ];
        let text = metrics.render().unwrap();
        for line in &lines {
            assert!(text.lines().any(|one| one == line), "no line {line} in\n{text}");
        }
        metrics.forget(&id);
        let left = metrics.render().unwrap();
        assert!(!left.contains(of), "{left}");
    }

    #[test]
    fn a_signal_that_asks_for_nothing_any_more_has_no_series() {
        let metrics = Metrics::new();
        let id = ClusterId {
            namespace: "demo".into(),
            name: "shop".into(),
        };
        metrics.decided(&id, &decision(Signal::classify(590.0, Duration::ZERO, Duration::ZERO)));
        let gone = Signal::Missing {
            reason: pathfinder_scaling::MissingReason::SourceUnreachable,
        };
        metrics.decided(&id, &decision(gone));
        let text = metrics.render().unwrap();
        assert!(
            !text.contains(r#"signal="requestsPerSecond""#),
            "an old figure is no figure: {text}"
        );
    }
}
