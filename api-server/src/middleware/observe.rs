//! Around every request of the API: its id, its span, its count
//! and its time, and what every answer tells browsers. What each of these is stands in the file of its name. Requests are
//! counted under the template of their path and never the path itself, which clients choose. Probes and /metrics do not
//! pass here.

use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use tracing::{Instrument, debug};

use super::request_id::{REQUEST_ID, RequestId};
use super::{harden, trace};
use crate::app::App;
use crate::metrics::labels::{HttpLabels, Method, Route};

/// Identifies, traces, counts, times and logs (at debug) one request, and completes the head of its answer.
pub async fn observe<F>(app: &App, (route, request): (Route, Request), answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let started = Instant::now();
    let _in_flight = app.metrics.in_flight();
    let id = RequestId::of(&request);
    let method = Method::of(request.method().as_str());
    let span = trace::begin(app.edge.tracing, (&request, route), &id);
    let mut response = answer(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    trace::end(app.edge.tracing, &span, response.status());
    let labels = HttpLabels {
        method,
        route,
        status_code: response.status().as_u16(),
    };
    app.metrics.request(&labels, elapsed);
    debug!(
        request_id = id.as_str(),
        method = method.as_str(),
        route = route.as_str(),
        status_code = labels.status_code,
        micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    let headers = response.headers_mut();
    harden::harden(headers);
    headers.insert(REQUEST_ID, id.into_header());
    response
}
