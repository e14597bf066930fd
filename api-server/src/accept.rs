//! Accepts connections and serves HTTP/1.1 on each, with bounds that `axum::serve` cannot set: how long a client may take
//! to send a request's head, how large heads may be, how long a client may take no byte of an answer, and how many
//! connections there are. One that brings no head in time is closed, be it idle or slow on purpose. On the signal it stops accepting, lets each connection finish the request it
//! has, and returns when all are done.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::app::App;
use crate::middleware::connection::Accepted;
use crate::places::{Place, Places};
use crate::router::Server;

/// The largest head of a request, and the buffer of a connection.
const HEAD_MAX: usize = 32 * 1024;
/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What connections may cost.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// The longest until a head is complete, from the end of the answer before it.
    pub head_timeout: Duration,
    /// The longest that a client may take no byte of what is sent to it.
    pub write_timeout: Duration,
    /// Most connections at a time; WebSockets have a bound of their own.
    pub max_connections: usize,
    /// Most of them for one address, which is neither loopback nor a trusted proxy; `None` is no limit.
    pub max_per_address: Option<usize>,
}

/// Serves until `stop` is cancelled, and returns when every connection has ended. Those that became WebSockets are not
/// waited for: they have their own goodbye.
pub async fn accept(listener: TcpListener, app: Arc<App>, limits: ConnectionLimits, stop: CancellationToken) {
    let server = Arc::new(Server::new(Arc::clone(&app)));
    let places = Places::new(limits.max_connections, limits.max_per_address);
    let connections = TaskTracker::new();
    while let Some((stream, peer)) = next(&listener, &stop).await {
        let Some(place) = places.take(app.edge.counted_address(peer.ip())) else {
            // Closing at once is the only answer that costs less than the connection.
            app.metrics.edge.connection_refused();
            debug!("closing a connection: there are as many as may be");
            continue;
        };
        let accepted = Accepted::now((&stream, peer), limits.write_timeout);
        let server = Arc::clone(&server);
        connections.spawn(serve(
            (stream, accepted),
            server,
            limits.head_timeout,
            stop.clone(),
            place,
        ));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, and from where; `None` when it is time to stop.
async fn next(listener: &TcpListener, stop: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return None,
        };
        match accepted {
            Ok(connection) => return Some(connection),
            // The client was gone before it was accepted: nothing is wrong with the listener.
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(
    (stream, accepted): (TcpStream, Accepted),
    server: Arc<Server>,
    head_timeout: Duration,
    stop: CancellationToken,
    _place: Place,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let server = Arc::clone(&server);
        // Its room, ten kilobytes, is there while a request is: hyper keeps that of the future itself as long as the connection.
        Box::pin(async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(accepted));
            Ok::<_, Infallible>(server.answer(request).await)
        })
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended");
    }
}

fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
