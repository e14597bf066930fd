//! Runs the server from its first to its last breath: listen at once, so that probes are answered while the database is
//! not there yet; on SIGTERM or SIGINT become not ready, go on serving until balancers have noticed, finish what is in
//! flight, and end within the deadline.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::accept::accept;
use crate::app::{App, AppError};
use crate::config::{Config, DrainConfig};
use crate::lifecycle::StopSignals;

/// The longest that closing the database's connections may take at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The server could not run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The configuration names a store in a way that does not parse.
    #[error(transparent)]
    App(#[from] AppError),
    /// The port cannot be listened on.
    #[error("cannot listen on {address}: set another --port or --listen-address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The signals cannot be caught.
    #[error("cannot listen for SIGTERM and SIGINT")]
    Signals(#[source] io::Error),
    /// The task of the server panicked.
    #[error("the server's task panicked")]
    Panicked(#[from] JoinError),
}

/// Serves until SIGTERM or SIGINT, and returns when the process may end.
///
/// # Errors
/// The server cannot start, or ends by itself.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let mut signals = StopSignals::listen().map_err(ServeError::Signals)?;
    let app = Arc::new(App::new(&config)?);
    let stop_accepting = CancellationToken::new();
    let mut server = start(&config, Arc::clone(&app), stop_accepting.clone()).await?;
    let stores = tokio::spawn({
        let app = Arc::clone(&app);
        async move { app.watch_stores().await }
    });
    tokio::select! {
        ended = &mut server => return Ok(ended?),
        signal = signals.next() => info!(signal, "draining"),
    }
    let deadline = Instant::now() + config.drain.deadline;
    lame_duck(&app, config.drain, &mut signals).await;
    stop_accepting.cancel();
    let ends = async { tokio::join!(&mut server, app.live.close()) };
    if let Ok((ended, ())) = timeout_at(deadline, ends).await {
        ended?;
    } else {
        warn!(
            in_flight = app.metrics.in_flight_now(),
            "requests still run at the deadline: ending them"
        );
    }
    stores.abort();
    let _closed = timeout(CLOSE_TIMEOUT, app.close()).await;
    info!("stopped");
    Ok(())
}

/// Not ready, but still serving: balancers need a moment to notice. A second signal ends it early.
async fn lame_duck(app: &App, drain: DrainConfig, signals: &mut StopSignals) {
    app.lifecycle.start_draining();
    tokio::select! {
        () = sleep(drain.delay) => {}
        _ = signals.next() => {}
    }
    info!(in_flight = app.metrics.in_flight_now(), "accepting no more connections");
}

async fn start(config: &Config, app: Arc<App>, stop: CancellationToken) -> Result<JoinHandle<()>, ServeError> {
    let address = config.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    Ok(tokio::spawn(accept(listener, app, config.edge.connections, stop)))
}
