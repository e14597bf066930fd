//! The structural loop: observe, validate, decide, build, apply, report. One file per verb.
//!
//! This file knows their order and what happens after an error, and nothing else.

pub mod apply;
pub mod decide;
pub mod observe;
pub mod report;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use kube_runtime::{controller::Action, events::Recorder};
use pathfinder_crds::{PathfinderCluster, Reason};
use rand::{RngExt, distr::Alphanumeric};
use tokio::sync::Semaphore;

use crate::{
    build,
    client::{CallError, Writer},
    cluster::{Cluster, ClusterId},
    metrics::{Metrics, Outcome},
    monitoring::Monitoring,
    names::{self, Component},
    reconcile::{apply::Settled, observe::Observed, report::Reporter},
    scale::actuate,
    scale::state::Known,
    validate,
};

/// A pass stopped: one variant per verb.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("observe: {0}")]
    Observe(#[from] observe::Error),
    /// The resource cannot be made real.
    #[error("validate: {0}")]
    Validate(#[from] validate::Error),
    /// The stores cannot be touched.
    #[error("decide: {0}")]
    Decide(#[from] decide::Error),
    /// Writing failed.
    #[error("apply: {0}")]
    Apply(#[from] apply::Error),
    /// Reporting failed.
    #[error("report: {0}")]
    Report(#[from] report::Error),
    /// The whole pass took too long.
    #[error("the pass took longer than {} s", PASS_DEADLINE.as_secs())]
    Deadline,
}

/// What an error means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It passes by itself.
    Transient,
    /// The resource must change.
    Invalid,
    /// Somebody must allow it, or take something away.
    Forbidden,
    /// It should not happen.
    Bug,
}

// The longest that one pass may take, all calls together.
const PASS_DEADLINE: Duration = Duration::from_mins(1);
// Everything is looked at again this often, plus jitter, whatever the watches said.
const RESYNC: Duration = Duration::from_mins(5);

/// What every pass uses.
pub struct Context {
    /// The one place that writes.
    pub writer: Writer,
    /// Publishes events.
    pub recorder: Recorder,
    /// Our own metrics.
    pub metrics: Metrics,
    /// What our applies left on the server.
    pub settled: Arc<Settled>,
    /// What the scaling loop knows of each resource.
    pub known: Arc<Known>,
    /// Whether and how PodMonitors are made.
    pub monitoring: Arc<Monitoring>,
    /// Failed passes in a row, by resource.
    pub failures: Mutex<HashMap<ClusterId, u32>>,
    /// One for each pass that may run, in all namespaces together.
    pub places: Semaphore,
}

/// One pass over one resource.
///
/// # Errors
/// The verb that failed.
pub async fn reconcile(resource: Arc<PathfinderCluster>, context: Arc<Context>) -> Result<Action, Error> {
    // Never closed; and a pass more is better than none.
    let _place = context.places.acquire().await.ok();
    let started = Instant::now();
    context.metrics.begun(&id(&resource));
    context.metrics.reconciles_running.inc();
    let result = match tokio::time::timeout(PASS_DEADLINE, Box::pin(pass(&resource, &context))).await {
        Ok(result) => result,
        Err(_) => Err(Error::Deadline),
    };
    context.metrics.reconciles_running.dec();
    let outcome = match &result {
        Ok(()) => Outcome {
            result: "ok",
            verb: "none",
        },
        Err(error) => Outcome {
            result: error.class().as_str(),
            verb: error.verb(),
        },
    };
    context.metrics.reconciled(&outcome, started.elapsed());
    match result {
        Ok(()) => {
            forget_failures(&context, &resource);
            Ok(Action::requeue(jittered(RESYNC)))
        }
        Err(error) => {
            tell(&resource, &context, &error).await;
            Err(error)
        }
    }
}

async fn pass(resource: &PathfinderCluster, context: &Context) -> Result<(), Error> {
    if resource.meta().deletion_timestamp.is_some() {
        return Ok(());
    }
    let id = id(resource);
    let observed = Box::pin(observe::observe(
        context.writer.client(),
        &id,
        context.monitoring.served(),
    ))
    .await?;
    let cluster = validate::validate(resource)?;
    let credentials = decide::decide(&cluster, &observed, &mut password)?;
    let scrape = context
        .monitoring
        .scrape(&cluster.scaling.endpoint, observed.pod_monitors);
    let desired = build::build(&cluster, &credentials, scrape.as_ref());
    let applied = apply::apply(&context.writer, &context.settled, (&cluster, &observed), desired).await?;
    if !had_deployment(&cluster, &observed) {
        actuate::restore(&context.writer, &cluster, &applied, context.known.last_ordered(&id))
            .await
            .map_err(apply::Error::Call)?;
    }
    let reporter = reporter(context);
    report::report(&reporter, resource, (&cluster, &applied), &observed.pods).await?;
    Ok(())
}

fn reporter(context: &Context) -> Reporter<'_> {
    Reporter {
        writer: &context.writer,
        recorder: &context.recorder,
        now: Timestamp::now(),
    }
}

/// Which resource this is.
pub fn id(resource: &PathfinderCluster) -> ClusterId {
    ClusterId {
        namespace: resource.namespace().unwrap_or_default(),
        name: resource.name_any(),
    }
}

fn had_deployment(cluster: &Cluster, observed: &Observed) -> bool {
    let name = names::component(&cluster.id.name, Component::Api);
    observed.object("Deployment", &name).is_some()
}

const PASSWORD_LENGTH: usize = 32;

fn password() -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(PASSWORD_LENGTH)
        .map(char::from)
        .collect()
}

// A transient error is told only once it lasts: a conflict or a restart of the API server is nobody's business.
const TELL_TRANSIENT_AFTER: u32 = 3;

async fn tell(resource: &PathfinderCluster, context: &Context, error: &Error) {
    let attempts = count_failure(context, resource);
    tracing::warn!(
        namespace = resource.namespace(),
        name = resource.name_any(),
        class = error.class().as_str(),
        attempts,
        %error,
        "a pass stopped"
    );
    if error.class() == Class::Transient && attempts < TELL_TRANSIENT_AFTER {
        return;
    }
    let told = report::report_failure(&reporter(context), resource, error.told()).await;
    if let Err(failed) = told {
        tracing::warn!(error = %failed, "the failure could not be reported");
    }
}

fn count_failure(context: &Context, resource: &PathfinderCluster) -> u32 {
    let mut failures = context.failures.lock().unwrap_or_else(PoisonError::into_inner);
    let count = failures.entry(id(resource)).or_default();
    *count = count.saturating_add(1);
    *count
}

fn forget_failures(context: &Context, resource: &PathfinderCluster) {
    context
        .failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&id(resource));
}

/// What to do after an error: wait for a change, or try again later and later.
#[allow(clippy::needless_pass_by_value, reason = "the shape that the controller calls")]
pub fn error_policy(resource: Arc<PathfinderCluster>, error: &Error, context: Arc<Context>) -> Action {
    let attempts = context
        .failures
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&id(&resource))
        .copied();
    match backoff(error.class(), attempts.unwrap_or(1)) {
        Some(wait) => Action::requeue(jittered(wait)),
        None => Action::await_change(),
    }
}

/// How long to wait before the next attempt; `None` waits for a change of the resource.
///
/// Doubles from the first wait of the class up to its longest.
pub fn backoff(class: Class, attempts: u32) -> Option<Duration> {
    let (first, longest) = match class {
        Class::Invalid => return None,
        Class::Transient => (1, 60),
        // Polled, because what heals it (a deleted object, a changed Role) is not watched.
        Class::Forbidden => (5, 60),
        Class::Bug => (30, 300),
    };
    let doubled = 1_u64
        .checked_shl(attempts.saturating_sub(1))
        .unwrap_or(u64::MAX)
        .saturating_mul(first);
    Some(Duration::from_secs(doubled.min(longest)))
}

// Up to a tenth more, so that many resources do not come back at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(1.0..1.1))
}

impl Error {
    /// The verb that failed.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Observe(_) => "observe",
            Self::Validate(_) => "validate",
            Self::Decide(_) => "decide",
            Self::Apply(_) => "apply",
            Self::Report(_) => "report",
            Self::Deadline => "deadline",
        }
    }

    /// What it means for the next attempt.
    pub fn class(&self) -> Class {
        match self {
            Self::Observe(observe::Error(call))
            | Self::Report(report::Error(call))
            | Self::Apply(apply::Error::Call(call)) => class_of(call),
            Self::Validate(_) => Class::Invalid,
            Self::Decide(_) | Self::Apply(apply::Error::Foreign(_)) => Class::Forbidden,
            Self::Deadline => Class::Transient,
        }
    }

    // Reason and message of the condition `Ready`.
    fn told(&self) -> (Reason, String) {
        match self {
            Self::Validate(error) => (Reason::InvalidSpec, error.to_string()),
            Self::Decide(error) => (error.reason(), error.to_string()),
            Self::Apply(error @ apply::Error::Foreign(_)) => (Reason::ForeignObject, error.to_string()),
            Self::Observe(_) | Self::Apply(_) | Self::Report(_) | Self::Deadline => match self.class() {
                Class::Forbidden => (Reason::Forbidden, self.to_string()),
                Class::Transient | Class::Invalid | Class::Bug => (Reason::ApplyFailed, self.to_string()),
            },
        }
    }
}

fn class_of(call: &CallError) -> Class {
    match call.code() {
        // Conflicts, time-outs, overload, a server that restarts, or no answer at all.
        None | Some(408 | 409 | 429 | 500..=599) => Class::Transient,
        Some(401 | 403 | 404) => Class::Forbidden,
        // We sent something that the server will never take.
        Some(_) => Class::Bug,
    }
}

impl Class {
    /// As a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::Bug => "bug",
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Class::Transient, 1, Some(1))]
    #[case(Class::Transient, 4, Some(8))]
    #[case(Class::Transient, 1000, Some(60))]
    #[case(Class::Forbidden, 1, Some(5))]
    #[case(Class::Invalid, 1, None)]
    fn waits_double_up_to_a_bound_and_an_invalid_resource_waits_for_its_change(
        #[case] class: Class,
        #[case] attempts: u32,
        #[case] seconds: Option<u64>,
    ) {
        assert_eq!(backoff(class, attempts), seconds.map(Duration::from_secs));
    }

    #[test]
    fn passwords_are_long_and_never_the_same() {
        let (one, other) = (password(), password());
        assert_eq!(one.len(), PASSWORD_LENGTH);
        assert_ne!(one, other);
        assert!(one.chars().all(|letter| letter.is_ascii_alphanumeric()));
    }
}
