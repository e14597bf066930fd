//! Puts every request into a span of its own: whatever is logged below carries the request's id, and a collector, if there
//! is one, sees the request as part of its caller's trace. The span says the template of the path and never the path.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry_http::HeaderExtractor;
use tracing::{Instrument, Span, error_span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::request_id::RequestId;
use crate::app::App;
use crate::config::Tracing;
use crate::metrics::labels::Method;

/// Runs a request in its span.
pub async fn span(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(RequestId::as_str);
    // Of the highest level, so that no filter which lets a line pass takes its request's id away.
    let span = error_span!("request", request_id = id, otel.name = field::Empty);
    match app.edge.tracing {
        Tracing::Off => next.run(request).instrument(span).await,
        Tracing::On => {
            describe(&span, &request);
            let response = next.run(request).instrument(span.clone()).await;
            span.set_attribute("http.response.status_code", i64::from(response.status().as_u16()));
            response
        }
    }
}

fn describe(span: &Span, request: &Request) {
    let caller = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&HeaderExtractor(request.headers()))
    });
    // Fails only for a span that no collector sees.
    let _unseen = span.set_parent(caller);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str);
    let method = Method::of(request.method().as_str()).as_str();
    span.record("otel.name", format!("{method} {route}"));
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
}
