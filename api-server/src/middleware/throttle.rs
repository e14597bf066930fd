//! The budget of one client address, taken before anything is read or looked up. Loopback is never counted: whoever asks
//! from there runs beside this process.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::connection::Accepted;
use crate::address::budget_key;
use crate::app::App;
use crate::error::ApiError;
use crate::metrics::edge::Limited;

/// The address of the client, behind the proxies that are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Answers 429 to an address that asks too often.
pub async fn per_address(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<Accepted>>()
        .map(|info| info.0.peer);
    if let Some(peer) = peer {
        let client = app.edge.trusted_proxies.client(peer.ip(), request.headers());
        request.extensions_mut().insert(ClientAddress(client));
        if let Err(refused) = take(&app, client) {
            return refused.into_response();
        }
    }
    next.run(request).await
}

fn take(app: &App, client: IpAddr) -> Result<(), ApiError> {
    let Some(limiter) = &app.edge.per_address else {
        return Ok(());
    };
    if client.is_loopback() {
        return Ok(());
    }
    limiter.take(budget_key(client), Instant::now()).map_err(|too_many| {
        app.metrics.edge.limited(Limited::Address);
        ApiError::TooManyRequests(too_many.retry_after)
    })
}
