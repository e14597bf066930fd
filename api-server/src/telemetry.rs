//! Where log lines go: standard output, as JSON or text. Must not know what is logged; nothing here sees a secret.

use thiserror::Error;
use tracing_subscriber::filter::{EnvFilter, ParseError};

use crate::config::{LogArgs, LogFormat};

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
}

/// Sends the process's log lines to standard output.
pub fn install(args: &LogArgs) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&args.log_filter).map_err(|source| TelemetryError::Filter {
        filter: args.log_filter.clone(),
        source,
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    let installed = match args.log_format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => lines.try_init(),
    };
    installed.map_err(|_| TelemetryError::Installed)
}
