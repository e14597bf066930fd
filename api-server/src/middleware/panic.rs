//! Turns a panic in a handler into an answer and a log line: one request's defect must not take others with it.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::error;

use crate::error::ApiError;

/// The answer, or 500 where its making panicked. Whatever a request leaves half done is its own: what requests share is
/// behind locks that survive a panic.
pub async fn caught(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| told(panic.as_ref()))
}

fn told(panic: &(dyn Any + Send)) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    error!(panic = text.unwrap_or("of unknown type"), "a handler panicked");
    ApiError::Panic.into_response()
}
