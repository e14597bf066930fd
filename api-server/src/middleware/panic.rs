//! Turns a panic in a handler into an answer and a log line: one request's defect must not take others with it.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::error::ApiError;

/// The answer to a request whose handler panicked.
#[allow(clippy::needless_pass_by_value)] // the signature that tower-http asks for
pub fn answer(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    error!(panic = text.unwrap_or("of unknown type"), "a handler panicked");
    ApiError::Panic.into_response()
}
