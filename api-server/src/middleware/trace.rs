//! Puts every request into a span of its own: whatever is logged below carries the request's id, and a collector, if there
//! is one, sees the request as part of its caller's trace. The span says the template of the path and never the path.

use axum::extract::Request;
use axum::http::StatusCode;
use opentelemetry_http::HeaderExtractor;
use tracing::{Span, error_span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::request_id::RequestId;
use crate::config::Tracing;
use crate::metrics::labels::{Method, Route};

/// The span of a request.
pub fn begin(tracing: Tracing, (request, route): (&Request, Route), id: &RequestId) -> Span {
    // Of the highest level, so that no filter which lets a line pass takes its request's id away.
    let span = error_span!("request", request_id = id.as_str(), otel.name = field::Empty);
    if tracing == Tracing::On {
        describe(&span, request, route);
    }
    span
}

/// Says how the request of a span was answered.
pub fn end(tracing: Tracing, span: &Span, status: StatusCode) {
    if tracing == Tracing::On {
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    }
}

fn describe(span: &Span, request: &Request, route: Route) {
    let caller = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&HeaderExtractor(request.headers()))
    });
    // Fails only for a span that no collector sees.
    let _unseen = span.set_parent(caller);
    let route = route.as_str();
    let method = Method::of(request.method().as_str()).as_str();
    span.record("otel.name", format!("{method} {route}"));
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route);
}
