//! Refuses what this process cannot answer in time: with so many requests in flight that one more would only wait, the
//! quickest help is an honest 503 at once, before memory grows and before clients give up by themselves.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::ApiError;

/// Answers 503 while as many requests are in flight as may be.
pub async fn shed(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.edge.in_flight.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => {
            app.metrics.edge.shed();
            ApiError::Overloaded.into_response()
        }
    }
}
