//! Who may come in, before anything is read or looked up: not the address that asks too often, and nobody while so many
//! requests are in flight that one more would only wait. An honest 429 or 503 at once is the quickest help, before memory
//! grows and before clients give up by themselves.

use axum::extract::Request;
use tokio::sync::SemaphorePermit;

use super::connection;
use crate::app::App;
use crate::error::ApiError;
use crate::metrics::edge::Limited;

/// A place among the requests in flight, until it is dropped.
///
/// # Errors
/// 429 for an address that asks too often, and 503 while as many requests are in flight as may be.
pub fn admit<'a>(app: &'a App, request: &Request) -> Result<SemaphorePermit<'a>, ApiError> {
    within_budget(app, request)?;
    app.edge.in_flight.try_acquire().map_err(|_| {
        app.metrics.edge.shed();
        ApiError::Overloaded
    })
}

fn within_budget(app: &App, request: &Request) -> Result<(), ApiError> {
    let Some(accepted) = connection::of(request.extensions()) else {
        return Ok(());
    };
    let within = app.edge.take_of_address(accepted.peer.ip(), request.headers());
    within.inspect_err(|_| app.metrics.edge.limited(Limited::Address))
}
