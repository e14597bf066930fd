//! What can keep a simulation from being made: each in one line that says what to write instead.
//!
//! Pure. What calls to the API server end in is in `failure`.

use std::io;

use jiff::Timestamp;
use pathfinder_scaling::sim::trace::TraceError;
use thiserror::Error;

/// Why there is no simulation.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// A file cannot be read.
    #[error("cannot read {file}: {cause}")]
    NotRead {
        /// The file.
        file: String,
        /// Why.
        cause: io::Error,
    },
    /// A file is no trace.
    #[error("{file}: {cause}")]
    NoTrace {
        /// The file.
        file: String,
        /// What is wrong, and in which line.
        cause: TraceError,
    },
    /// A file is no spec.
    #[error("{file}: {cause}")]
    NoSpec {
        /// The file.
        file: String,
        /// What is wrong.
        cause: String,
    },
    /// A spec is no policy.
    #[error("spec.scaling: {cause}")]
    NoPolicy {
        /// What is wrong.
        cause: String,
    },
    /// The namespace has none or several resources.
    #[error("whose history? {there} in namespace {namespace}: write `kubectl pathfinder simulate NAME ...`")]
    NameNeeded {
        /// The namespace.
        namespace: String,
        /// What is there, in words.
        there: String,
    },
    /// Prometheus cannot be reached.
    #[error(
        "cannot reach Prometheus at {at}: {cause}: pass --prometheus-service NAMESPACE/NAME:PORT, or --prometheus-url URL \
         (for example of `kubectl port-forward`)"
    )]
    NoPrometheus {
        /// Where it was looked for.
        at: String,
        /// Why not.
        cause: String,
    },
    /// Prometheus refuses the question, or its answer is none.
    #[error("Prometheus at {at} did not answer the query: {cause}")]
    NoAnswer {
        /// Where it is.
        at: String,
        /// Its words, or what is wrong with its answer.
        cause: String,
    },
    /// It has no samples.
    #[error(
        "Prometheus has no request rates of {name} in namespace {namespace} in the last {range}: do the pods {name}-api-... \
         serve http_requests_total, are they scraped at least every 30 s, with the labels namespace and pod?"
    )]
    NoSamples {
        /// Name of the resource.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The range asked for.
        range: String,
    },
    /// A sample is not a rate.
    #[error(
        "Prometheus answered {found} at {at}: that is no rate, and nothing is guessed: pass a shorter --from-prometheus"
    )]
    NoRate {
        /// What it answered.
        found: String,
        /// For which time.
        at: Timestamp,
    },
    /// A hole that is too long to be bridged.
    #[error(
        "Prometheus has no data from {from} to {to}, and no data is not no load: pass a shorter --from-prometheus (since then \
         there are {since})"
    )]
    Hole {
        /// The last sample before.
        from: Timestamp,
        /// The first sample after.
        to: Timestamp,
        /// How long there have been samples since.
        since: String,
    },
    /// The page cannot be written.
    #[error("cannot write the page {file}: {cause}")]
    NoPage {
        /// Where it should go.
        file: String,
        /// Why not.
        cause: String,
    },
}

impl Trouble {
    /// A stable word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotRead { .. } => "NotRead",
            Self::NoTrace { .. } => "NoTrace",
            Self::NoSpec { .. } => "NoSpec",
            Self::NoPolicy { .. } => "NoPolicy",
            Self::NameNeeded { .. } => "NameNeeded",
            Self::NoPrometheus { .. } => "NoPrometheus",
            Self::NoAnswer { .. } => "NoAnswer",
            Self::NoSamples { .. } => "NoSamples",
            Self::NoRate { .. } => "NoRate",
            Self::Hole { .. } => "Hole",
            Self::NoPage { .. } => "NoPage",
        }
    }
}
