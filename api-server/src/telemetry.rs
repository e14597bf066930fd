//! Where log lines and spans go: lines to standard output, as JSON or text, each with the id of the request that it belongs
//! to; spans to a collector, if there is one. Must not know what is logged; nothing here sees a secret.

mod traces;

use thiserror::Error;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{LogArgs, LogFormat, TraceArgs, Tracing};
use traces::Traces;

/// Logging could not be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("--log-filter `{filter}` is not a filter like `info,pathfinder_api=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// Why it does not parse.
        #[source]
        source: ParseError,
    },
    /// Someone else in this process installed a logger.
    #[error("logging is already set up in this process")]
    Installed,
    /// The traces have no way to go.
    #[error("cannot send traces: {0}: set --otlp-endpoint to an address like http://collector:4318")]
    Traces(String),
}

/// What must be ended with the process.
#[derive(Debug)]
#[must_use = "the last spans are sent when this is ended"]
pub struct Telemetry(Option<Traces>);

impl Telemetry {
    /// Sends what is left, within a bound.
    pub fn end(self) {
        if let Some(traces) = self.0 {
            traces.shut_down();
        }
    }
}

/// Sends the process's log lines to standard output, and its spans to the collector, if there is one. Needs a tokio
/// runtime.
///
/// # Errors
/// A filter or an address that does not parse, or someone else logs already.
pub fn install(args: &LogArgs, traces: Option<&TraceArgs>) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&args.log_filter).map_err(|source| TelemetryError::Filter {
        filter: args.log_filter.clone(),
        source,
    })?;
    let traces = traces
        .filter(|traces| traces.tracing() == Tracing::On)
        .map(|traces| Traces::new(&traces.otlp_endpoint, traces.trace_ratio))
        .transpose()?;
    let spans = traces
        .as_ref()
        .map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer()));
    let subscriber = tracing_subscriber::registry()
        .with(lines(args.log_format))
        .with(filter)
        .with(spans);
    subscriber.try_init().map_err(|_| TelemetryError::Installed)?;
    Ok(Telemetry(traces))
}

fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    match format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Text => fmt::layer().boxed(),
    }
}
