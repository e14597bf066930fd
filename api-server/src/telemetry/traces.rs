//! Traces for an OpenTelemetry collector, off unless it has an address: spans of requests are collected in a bounded queue
//! and sent in batches as protobuf over HTTP, by the client that this program has anyway. A collector that does not answer
//! costs spans, never requests. What a span says is decided where it is made; nothing here sees a secret.

use std::pin::Pin;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Tracer};
use reqwest::redirect;
use tokio::runtime::Handle;

use super::TelemetryError;

/// The longest that sending one batch may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that the last batch may take when the process ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// More than any answer of a collector.
const ANSWER_MAX: usize = 64 * 1024;

/// The spans' way to the collector.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends this share of all traces to the collector at `endpoint`. Needs a tokio runtime.
    ///
    /// # Errors
    /// The endpoint is no address.
    pub(super) fn new(endpoint: &str, ratio: f64) -> Result<Self, TelemetryError> {
        let http = reqwest::Client::builder()
            .timeout(EXPORT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .build();
        let client = Client {
            http: http.map_err(|error| TelemetryError::Traces(error.to_string()))?,
            runtime: Handle::current(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .map_err(|error| TelemetryError::Traces(error.to_string()))?;
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            // A caller that samples is followed, so that its traces are whole.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
            .with_resource(Resource::builder().with_service_name("pathfinder-api").build())
            .build();
        Ok(Self(provider))
    }

    /// Makes the spans of this program.
    pub(super) fn tracer(&self) -> Tracer {
        self.0.tracer("pathfinder-api")
    }

    /// Sends what is left, within a bound.
    pub(super) fn shut_down(&self) {
        // Spans that the collector does not take now are lost, like any others.
        let _lost = self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
    }
}

/// Sends batches on the program's own runtime: the exporter waits on a thread that has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let sending = self.runtime.spawn(send(self.http.clone(), request));
        Box::pin(async move { sending.await? })
    }
}

async fn send(http: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut answer = http.execute(request.try_into()?).await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = std::mem::take(answer.headers_mut());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err("the collector's answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(response.body(body.into())?)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Bytes as Body;
    use axum::extract::State;
    use axum::http::HeaderMap;
    use axum::routing::post;
    use opentelemetry::trace::{Span as _, Tracer as _};
    use tokio::net::TcpListener;

    use super::*;

    type Seen = Arc<Mutex<Vec<(HeaderMap, Body)>>>;

    async fn collect(State(seen): State<Seen>, headers: HeaderMap, body: Body) {
        seen.lock().expect("no panic").push((headers, body));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_span_reaches_the_collector_as_protobuf() {
        let _second = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let seen = Seen::default();
        let collector = Router::new()
            .route("/v1/traces", post(collect))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}/", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, collector).await });
        let traces = Traces::new(&endpoint, 1.0).expect("an address");
        traces.tracer().start("GET /somewhere").end();
        tokio::task::spawn_blocking(move || traces.shut_down())
            .await
            .expect("no panic");
        let seen = seen.lock().expect("no panic");
        let (headers, body) = seen.first().expect("one batch");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let text = String::from_utf8_lossy(body);
        assert!(
            text.contains("GET /somewhere") && text.contains("pathfinder-api"),
            "{text}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_that_is_away_holds_nothing_up() {
        let _second = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let traces = Traces::new("http://127.0.0.1:1", 1.0).expect("an address");
        let started = std::time::Instant::now();
        for _ in 0..10_000 {
            traces.tracer().start("GET /somewhere").end();
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        tokio::task::spawn_blocking(move || traces.shut_down())
            .await
            .expect("no panic");
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
