//! The routes, and all that happens around them, in order. Each area brings its own routes; the OpenAPI document is made of
//! the same. Probes and /metrics are outside of everything that counts, bounds or logs requests.
//!
//! What is around the routes is a chain of plain calls and not of axum's layers, each of which would cost every request a
//! copy of all that is inside of it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower::{Layer, Service, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, DefaultPredicate, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::edge::Origins;
use crate::error::ApiError;
use crate::http::{
    health, live, metrics, openapi, payments, posters, registrations, scores, sessions, tournaments, users,
};
use crate::metrics::labels::Route;
use crate::middleware::{admit, connection, deadline, observe, panic, request_id};

/// Smaller answers are not worth the time.
const COMPRESS_FROM_BYTES: u64 = 1024;
/// How long a browser remembers what a site may do.
const PREFLIGHT_AGE: Duration = Duration::from_secs(3600);
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];

/// All routes of the server with all that is around them.
pub struct Server {
    app: Arc<App>,
    probes: Router,
    api: Router,
    /// Under which name a path is counted, known before axum looks for its handler.
    names: matchit::Router<Route>,
    cors: Option<CorsLayer>,
    compression: CompressionLayer<And<DefaultPredicate, SizeAbove>>,
    body_limit: DefaultBodyLimit,
}

impl Server {
    /// The server of this application.
    pub fn new(app: Arc<App>) -> Self {
        let (routes, document) = areas().split_for_parts();
        let routes = routes
            .route(Route::OpenApi.as_str(), openapi::serve(&document))
            .fallback(async || ApiError::NoSuchPath)
            .method_not_allowed_fallback(async || ApiError::MethodNotAllowed);
        Self::around(app, routes)
    }

    fn around(app: Arc<App>, routes: Router<Arc<App>>) -> Self {
        let probes = Router::new()
            .route("/health", get(health::health))
            .route("/ready", get(health::ready))
            .route("/metrics", get(metrics::metrics));
        Self {
            probes: probes.with_state(Arc::clone(&app)),
            api: routes.with_state(Arc::clone(&app)),
            names: names(),
            cors: cors(&app.edge.origins),
            compression: compression(),
            body_limit: DefaultBodyLimit::max(app.limits.body_bytes),
            app,
        }
    }

    /// Answers one request; the first to see it is the last to see its answer.
    pub async fn answer(&self, request: Request) -> Response {
        let accepted = connection::of(request.extensions());
        let path = request.uri().path();
        let mut response = if PROBES.contains(&path) {
            call(self.probes.clone(), request).await
        } else {
            let name = self.names.at(path).map_or(Route::Unmatched, |found| *found.value);
            // Outside of all that can answer by itself, so that those answers are counted too.
            observe::observe(&self.app, (name, request), |request| {
                panic::caught(self.across_origins(request))
            })
            .await
        };
        connection::retire(&self.app, accepted, &mut response);
        response
    }

    async fn across_origins(&self, request: Request) -> Response {
        let Some(cors) = &self.cors else {
            return self.admitted(request).await;
        };
        let inner = service_fn(async |request| Ok::<_, Infallible>(self.admitted(request).await));
        call(cors.layer(inner), request).await
    }

    async fn admitted(&self, request: Request) -> Response {
        match admit::admit(&self.app, &request) {
            Ok(_permit) => self.compressed(request).await,
            Err(refused) => refused.into_response(),
        }
    }

    async fn compressed(&self, request: Request) -> Response {
        let inner = service_fn(|request| {
            let routes = self.body_limit.layer(self.api.clone());
            deadline::bound(&self.app, call(routes, request))
        });
        let response = call(self.compression.layer(inner), request).await;
        response.map(Body::new)
    }
}

/// What a service that never fails answers.
async fn call<S, B>(mut service: S, request: Request) -> Response<B>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
{
    match service.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn names() -> matchit::Router<Route> {
    let mut names = matchit::Router::new();
    for route in Route::ALL {
        // Two templates that match the same paths would be refused by axum too, at the start of every test.
        let _inserted = names.insert(route.as_str(), route);
    }
    names
}

/// The paths of all areas, described.
fn areas() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(users::routes())
        .merge(sessions::routes())
        .merge(tournaments::routes())
        .merge(registrations::routes())
        .merge(scores::routes())
        .merge(live::routes())
        .merge(posters::routes())
        .merge(payments::routes())
}

/// The OpenAPI document of this program.
pub fn document() -> OpenApi {
    areas().into_openapi()
}

/// Small answers are sent as they are, and images are compressed already.
fn compression() -> CompressionLayer<And<DefaultPredicate, SizeAbove>> {
    let worth_it = DefaultPredicate::new().and(SizeAbove::new(COMPRESS_FROM_BYTES));
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(worth_it)
}

/// What pages of other sites may do; nothing is said when no site is named.
fn cors(origins: &Origins) -> Option<CorsLayer> {
    let allowed = match origins {
        Origins::None => return None,
        Origins::Any => AllowOrigin::any(),
        Origins::Listed(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, request_id::REQUEST_ID])
        .expose_headers([ETAG, LOCATION, RETRY_AFTER, request_id::REQUEST_ID])
        .max_age(PREFLIGHT_AGE);
    Some(layer)
}

#[cfg(test)]
mod tests;
