//! Bounds how long a request may take, whatever it waits for.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::app::App;
use crate::error::ApiError;

/// Answers 503 when the deadline passes, and abandons the handler.
pub async fn bound(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match timeout(app.limits.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Deadline.into_response(),
    }
}
