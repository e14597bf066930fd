//! The two probes. `/health` says that the process lives, and how its parts are; it must not fail because a store does,
//! or a database outage would restart every server. `/ready` says whether requests should come here, and if not, why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::cache::aside::CacheState;
use crate::lifecycle::Phase;
use crate::live::LiveState;
use crate::metrics::PoolUse;
use crate::metrics::labels::Pool;
use crate::store::watch::DatabaseState;

/// The answer of `/health`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    status: &'static str,
    phase: &'static str,
    version: &'static str,
    uptime_seconds: u64,
    components: Components,
}

#[derive(Debug, Serialize)]
struct Components {
    database: Component,
    cache: Component,
    live: Component,
    posters: Component,
    payments: Component,
    sessions: Component,
    pools: Vec<PoolHealth>,
}

#[derive(Debug, Serialize)]
struct PoolHealth {
    pool: &'static str,
    active: u32,
    idle: u32,
    max: u32,
    waiting: u32,
}

#[derive(Debug, Serialize)]
struct Component {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The answer of `/ready`.
#[derive(Debug, Serialize)]
pub struct Readiness {
    status: &'static str,
    reasons: Vec<String>,
}

/// `GET /health`: 200 while the process lives.
pub async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    Json(Health {
        status: "ok",
        phase: match app.lifecycle.phase() {
            Phase::Serving => "serving",
            Phase::Draining => "draining",
        },
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.started.elapsed().as_secs(),
        components: Components {
            database: database(&app.database.state()),
            cache: cache(app.cache.state()),
            live: live(app.live.state()),
            posters: posters(app.posters.problem()),
            payments: payments(&app),
            sessions: sessions(app.sessions.state()),
            pools: app.pools().into_iter().map(pool).collect(),
        },
    })
}

/// `GET /ready`: 200 when requests should come here (reads at least are
/// answered), else 503 with every reason. The cache is not one.
pub async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Readiness>) {
    let draining = match app.lifecycle.phase() {
        Phase::Serving => None,
        Phase::Draining => Some("draining: this server is stopping".to_owned()),
    };
    let database = app.database.state();
    let ready = draining.is_none() && database.is_serving();
    let reasons: Vec<_> = draining.into_iter().chain(database.problem()).collect();
    if ready {
        (
            StatusCode::OK,
            Json(Readiness {
                status: "ready",
                reasons,
            }),
        )
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(Readiness {
                status: "not ready",
                reasons,
            }),
        )
    }
}

fn database(state: &DatabaseState) -> Component {
    Component {
        status: state.kind(),
        detail: state.problem(),
    }
}

fn live(state: LiveState) -> Component {
    let (status, detail) = match state {
        LiveState::Connected => ("ready", None),
        LiveState::Alone => ("alone", Some("REDIS_URL is not set: events stay on this server")),
        LiveState::Disconnected => ("alone", Some("Redis does not answer: events stay on this server")),
    };
    Component {
        status,
        detail: detail.map(str::to_owned),
    }
}

fn posters(problem: Option<&str>) -> Component {
    Component {
        status: if problem.is_none() { "ready" } else { "unavailable" },
        detail: problem.map(str::to_owned),
    }
}

fn payments(app: &App) -> Component {
    match app.payments() {
        Ok(_) => Component {
            status: "ready",
            detail: None,
        },
        Err(_) => Component {
            status: "not configured",
            detail: Some("PAYMENTS_KEY_ID is not set: tournaments have no entry fees".to_owned()),
        },
    }
}

fn pool((pool, usage): (Pool, PoolUse)) -> PoolHealth {
    PoolHealth {
        pool: pool.as_str(),
        active: usage.active,
        idle: usage.idle,
        max: usage.max,
        waiting: usage.waiting,
    }
}

fn sessions(redis: CacheState) -> Component {
    match redis {
        CacheState::Available => Component {
            status: "ready",
            detail: None,
        },
        CacheState::NotConfigured | CacheState::Unavailable => Component {
            status: "unavailable",
            detail: Some("without Redis nobody can sign in, and who is signed in can only look".to_owned()),
        },
    }
}

fn cache(state: CacheState) -> Component {
    match state {
        CacheState::NotConfigured => Component {
            status: "not configured",
            detail: Some("REDIS_URL is not set: every read goes to the database".to_owned()),
        },
        CacheState::Available => Component {
            status: "ready",
            detail: None,
        },
        CacheState::Unavailable => Component {
            status: "unavailable",
            detail: Some("Redis does not answer: every read goes to the database".to_owned()),
        },
    }
}
