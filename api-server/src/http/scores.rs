//! Points and the board that they make. Whoever watches the tournament hears of each change.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::{Personal, public};
use super::extract::{Authenticated, Json, Path};
use crate::app::App;
use crate::cache::entry::Entry;
use crate::domain::page::LIMIT_MAX;
use crate::domain::score::{Leaderboard, Score, ScoreDraft};
use crate::domain::tournament::TournamentId;
use crate::domain::user::UserId;
use crate::error::{ApiError, Problem, Subject};
use crate::live::LiveEvent;
use crate::store::db::Freshness;
use crate::store::scores;

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(leaderboard)).routes(routes!(set))
}

/// The best hundred, most points first; equal points share a rank.
///
/// # Errors
/// There is no such tournament, or the database.
#[utoipa::path(get, path = "/api/tournaments/{id}/leaderboard", tag = "scores", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Leaderboard), (status = 304, description = "the client has it"),
    (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)
))]
pub async fn leaderboard(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, ApiError> {
    let id = TournamentId(id);
    app.db()?;
    let loader = Arc::clone(&app);
    let load = async move |freshness: Freshness| {
        let board = scores::board(loader.loading_db()?, id, LIMIT_MAX, freshness).await?;
        Ok(board.map(|board| serde_json::to_vec(&board)).transpose()?)
    };
    let answer = app.cache.get_or_load(Entry::new(tag(id), ""), load).await?;
    let answer = answer.ok_or(ApiError::NoSuchTournament(id))?;
    Ok(public(&headers, &answer))
}

/// Sets a player's points; only the owner of the tournament may, and only for a player with a seat.
///
/// # Errors
/// Somebody else's tournament, a player without a seat, points out of range, or the database.
#[utoipa::path(put, path = "/api/tournaments/{id}/scores/{userId}", tag = "scores", security(("session" = [])),
    params(("id" = Uuid, Path), ("userId" = Uuid, Path)), request_body = ScoreDraft, responses(
    (status = 200, body = Score), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn set(
    State(app): State<Arc<App>>,
    Path((id, player)): Path<(Uuid, Uuid)>,
    asker: Authenticated,
    Json(draft): Json<ScoreDraft>,
) -> Result<Personal<Score>, ApiError> {
    let (id, player) = (TournamentId(id), UserId(player));
    let points = draft
        .points()
        .map_err(|violations| ApiError::Invalid(Subject::Score, violations))?;
    let score = scores::set(app.db()?, id, asker.user, (player, points))
        .await?
        .map_err(ApiError::Refused)?;
    let (tag, event) = (tag(id), LiveEvent::Score(score.clone()));
    tokio::join!(
        app.cache.invalidate(&tag),
        app.wrote(asker.user),
        app.live.publish(id, &event)
    );
    Ok(Personal(score))
}

fn tag(id: TournamentId) -> String {
    format!("scores:{id}")
}
