//! Bounds how long a request may take, whatever it waits for.

use std::convert::Infallible;

use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::app::App;
use crate::error::ApiError;

/// The answer, or 503 when the deadline passes; then the handler is abandoned.
pub async fn bound(app: &App, answer: impl Future<Output = Response>) -> Result<Response, Infallible> {
    let within = timeout(app.limits.request_timeout, answer).await;
    Ok(within.unwrap_or_else(|_| ApiError::Deadline.into_response()))
}
