//! Counts and times every request of the API, under the template of its path and never the path itself, which clients
//! choose. Probes and /metrics do not pass here.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::debug;

use super::request_id::RequestId;
use crate::app::App;
use crate::metrics::labels::{HttpLabels, Method, Route};

/// Counts, times and logs (at debug) one request.
pub async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _in_flight = app.metrics.in_flight();
    let method = Method::of(request.method().as_str());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or(Route::Unmatched, |path| Route::of(path.as_str()));
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let elapsed = started.elapsed();
    let labels = HttpLabels {
        method,
        route,
        status_code: response.status().as_u16(),
    };
    app.metrics.request(&labels, elapsed);
    debug!(
        request_id = id.as_ref().map(RequestId::as_str),
        method = method.as_str(),
        route = route.as_str(),
        status_code = labels.status_code,
        micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    response
}
