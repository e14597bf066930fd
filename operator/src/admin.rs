//! The operator's own HTTP server: `/healthz`, `/readyz`, `/metrics`, and `/decisions/{namespace}/{name}`.
//!
//! IO. Reached by the kubelet, by Prometheus, and by `kubectl pathfinder explain` through the API server's proxy.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{cluster::ClusterId, metrics::Metrics, scale::state::Known};

/// Whether this replica can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It has not reached the API server yet.
    Starting,
    /// It waits for the Lease: ready to take over.
    Standby,
    /// It leads.
    Leading,
    /// It was asked to stop.
    Stopping,
}

/// What the server reads from.
#[derive(Clone)]
pub struct Admin {
    /// Our own metrics.
    pub metrics: Metrics,
    /// Live decisions.
    pub known: Arc<Known>,
    /// What this replica is doing.
    pub readiness: watch::Receiver<Readiness>,
}

/// Serves until `stop`.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(listener: TcpListener, admin: Admin, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router(admin))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// The routes.
pub fn router(admin: Admin) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/decisions/{namespace}/{name}", get(decision))
        .with_state(admin)
}

async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    match *admin.readiness.borrow() {
        Readiness::Leading => (StatusCode::OK, "leading\n"),
        Readiness::Standby => (StatusCode::OK, "standing by for the leader Lease\n"),
        Readiness::Starting => (StatusCode::SERVICE_UNAVAILABLE, "the API server has not answered yet\n"),
        Readiness::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.metrics.render() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn decision(State(admin): State<Admin>, Path((namespace, name)): Path<(String, String)>) -> Response {
    let id = ClusterId { namespace, name };
    let missing = || {
        let why = "this replica does not lead, or the resource has no HPA";
        (
            StatusCode::NOT_FOUND,
            format!("no decision for PathfinderCluster {id} yet: {why}\n"),
        )
            .into_response()
    };
    admin
        .known
        .live(&id)
        .map_or_else(missing, |live| Json(live).into_response())
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use rstest::rstest;
    use tower::ServiceExt;

    use super::*;

    async fn status(readiness: Readiness, path: &str) -> StatusCode {
        let (_sender, receiver) = watch::channel(readiness);
        let admin = Admin {
            metrics: Metrics::new(),
            known: Arc::default(),
            readiness: receiver,
        };
        let request = Request::get(path).body(Body::empty()).unwrap();
        router(admin).oneshot(request).await.unwrap().status()
    }

    #[rstest]
    #[case(Readiness::Starting, StatusCode::SERVICE_UNAVAILABLE)]
    #[case(Readiness::Standby, StatusCode::OK)]
    #[case(Readiness::Leading, StatusCode::OK)]
    #[case(Readiness::Stopping, StatusCode::SERVICE_UNAVAILABLE)]
    #[tokio::test]
    async fn a_standby_is_ready_and_a_stopping_replica_is_not(
        #[case] readiness: Readiness,
        #[case] expected: StatusCode,
    ) {
        assert_eq!(status(readiness, "/readyz").await, expected);
    }

    #[tokio::test]
    async fn a_cluster_that_was_never_decided_is_not_found() {
        assert_eq!(
            status(Readiness::Leading, "/decisions/shop/shop").await,
            StatusCode::NOT_FOUND
        );
        assert_eq!(status(Readiness::Leading, "/metrics").await, StatusCode::OK);
    }
}
