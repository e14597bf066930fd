//! The routes, and the one list of layers around them. Each area brings its own; the OpenAPI document is made of the
//! same. Probes and /metrics are outside of everything that counts, bounds or logs requests.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::error::ApiError;
use crate::http::{health, metrics, openapi, registrations, scores, sessions, tournaments, users};
use crate::metrics::labels::Route;
use crate::middleware::{connection, deadline, observe, panic, request_id};

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
        .layer(from_fn(request_id::identify))
        // Outside of all that can answer by itself, so that those answers are counted too.
        .layer(from_fn_with_state(Arc::clone(app), observe::observe))
        .layer(CatchPanicLayer::custom(panic::answer))
        .layer(from_fn_with_state(Arc::clone(app), deadline::bound))
        .layer(DefaultBodyLimit::max(app.limits.body_bytes));
    routes.layer(layers)
}

#[cfg(test)]
mod tests;
