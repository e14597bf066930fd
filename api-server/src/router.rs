//! The routes, and the one list of layers around them. Each area brings its own; the OpenAPI document is made of the
//! same. Probes and /metrics are outside of everything that counts, bounds or logs requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
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

/// All routes of the server.
pub fn router(app: Arc<App>) -> Router {
    let probes = Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(metrics::metrics));
    Router::new()
        .merge(api(&app))
        .merge(probes)
        .layer(from_fn_with_state(Arc::clone(&app), connection::retire))
        .with_state(app)
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

/// The API itself, and the answer to every path that is not known.
fn api(app: &Arc<App>) -> Router<Arc<App>> {
    let (routes, document) = areas().split_for_parts();
    let routes = routes
        .route(Route::OpenApi.as_str(), openapi::serve(&document))
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed);
    layered(app, routes)
}

/// A request passes the layers from the first to the last, its answer from the last to the first.
fn layered(app: &Arc<App>, routes: Router<Arc<App>>) -> Router<Arc<App>> {
    let layers = ServiceBuilder::new()
        // Outside of all that can answer by itself, so that those answers are counted too.
        .layer(from_fn_with_state(Arc::clone(app), observe::observe))
        .layer(CatchPanicLayer::custom(panic::answer))
        .option_layer(cors(&app.edge.origins))
        .layer(from_fn_with_state(Arc::clone(app), admit::admit))
        .layer(compression())
        .layer(from_fn_with_state(Arc::clone(app), deadline::bound))
        .layer(DefaultBodyLimit::max(app.limits.body_bytes));
    routes.layer(layers)
}

/// Small answers are sent as they are, and images are compressed already.
fn compression() -> CompressionLayer<impl Predicate> {
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
