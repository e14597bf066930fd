//! `GET /metrics`: the metrics in the OpenMetrics text format.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::app::App;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.metrics.edge.set_watchers(app.live.hub().subscribers());
    match app.metrics.encode(&app.pools()) {
        Ok(body) => ([(CONTENT_TYPE, OPEN_METRICS)], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
