//! Who may come in, before anything is read or looked up: not the address that asks too often, and nobody while so many
//! requests are in flight that one more would only wait. An honest 429 or 503 at once is the quickest help, before memory
//! grows and before clients give up by themselves.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::connection::Accepted;
use crate::app::App;
use crate::error::ApiError;
use crate::metrics::edge::Limited;

/// Answers 429 to an address that asks too often, and 503 while as many requests are in flight as may be.
pub async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Err(refused) = within_budget(&app, &request) {
        return refused.into_response();
    }
    let Ok(_permit) = app.edge.in_flight.try_acquire() else {
        app.metrics.edge.shed();
        return ApiError::Overloaded.into_response();
    };
    next.run(request).await
}

fn within_budget(app: &App, request: &Request) -> Result<(), ApiError> {
    let peer = request
        .extensions()
        .get::<ConnectInfo<Accepted>>()
        .map(|info| info.0.peer);
    let within = peer.map_or(Ok(()), |peer| app.edge.take_of_address(peer.ip(), request.headers()));
    within.inspect_err(|_| app.metrics.edge.limited(Limited::Address))
}
