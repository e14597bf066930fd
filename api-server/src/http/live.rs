//! Live events: a WebSocket per watcher. The socket itself is in [`crate::live::socket`].

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::extract::Path;
use super::tournaments;
use crate::app::App;
use crate::domain::tournament::TournamentId;
use crate::error::{ApiError, Problem};
use crate::lifecycle::Phase;
use crate::live::socket;

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(watch))
}

/// A WebSocket that tells what happens in a tournament, as JSON texts like `{"type":"score",...}`. `{"type":"resync"}`
/// means that events may have been missed: read the leaderboard again. The client says nothing. Close codes: 1001 connect
/// again, this server stops; 1013 connect again later; 1008 the client talked.
///
/// # Errors
/// The request is none for a WebSocket, there is no such tournament, or there are too many.
#[utoipa::path(get, path = "/api/tournaments/{id}/live", tag = "scores", params(("id" = Uuid, Path)), responses(
    (status = 101, description = "a WebSocket"), (status = 400, body = Problem), (status = 404, body = Problem),
    (status = 426, body = Problem), (status = 503, body = Problem)
))]
pub async fn watch(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(ApiError::NoWebSocket)?;
    if app.lifecycle.phase() == Phase::Draining {
        return Err(ApiError::Draining);
    }
    let id = TournamentId(id);
    // Where the database does not say, events may come all the same: they need none.
    if let Ok(None) = tournaments::cached(&app, id).await {
        return Err(ApiError::NoSuchTournament(id));
    }
    let subscription = app.live.hub().subscribe(id)?;
    let (closing, ping_every) = (app.live.closing.clone(), app.live.config.ping_every);
    Ok(socket::bounded(upgrade).on_upgrade(move |socket| socket::run(socket, subscription, closing, ping_every)))
}
