//! The tournaments: a page of them, one of them, a new one, a changed one, a cancelled one. Reads are cached as the bytes
//! of their answers.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::{Personal, public};
use super::extract::{Authenticated, Json, Path, Query};
use super::registrations;
use crate::app::App;
use crate::cache::answer::Answer;
use crate::cache::entry::Entry;
use crate::domain::page::Page;
use crate::domain::rule::Violation;
use crate::domain::search::{RawSearch, TournamentSearch};
use crate::domain::tournament::{Tournament, TournamentDraft, TournamentId, TournamentPatch};
use crate::error::{ApiError, Problem, Subject};
use crate::metrics::labels::Route;
use crate::store::db::Freshness;
use crate::store::tournaments;

/// All pages of the list.
const LIST_TAG: &str = "tournaments";

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update))
        .routes(routes!(cancel))
}

/// The query string of the list, as the client wrote it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Items per page, from 1 to 100; 20 when left out.
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// Only this game.
    game: Option<String>,
    /// Only this status, `Open` or `Cancelled`.
    status: Option<String>,
    /// Only tournaments that start later than this time.
    starts_after: Option<String>,
}

/// A page of tournaments, newest first.
///
/// # Errors
/// A query that cannot be, or the database.
#[utoipa::path(get, path = "/api/tournaments", tag = "tournaments", params(ListQuery), responses(
    (status = 200, body = Page<Tournament>), (status = 304, description = "the client has it"),
    (status = 400, body = Problem), (status = 503, body = Problem)
))]
pub async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Result<Response, ApiError> {
    let search = TournamentSearch::parse(&RawSearch {
        limit: query.limit.as_deref(),
        cursor: query.cursor.as_deref(),
        game: query.game.as_deref(),
        status: query.status.as_deref(),
        starts_after: query.starts_after.as_deref(),
    })?;
    app.db()?;
    let entry = Entry::new(LIST_TAG, &search.cache_key());
    let loader = Arc::clone(&app);
    let load = async move |freshness: Freshness| {
        let began = Instant::now();
        let fetched = tournaments::list(loader.loading_db()?, &search, freshness).await?;
        let page = search.page.page(fetched, |tournament| tournament.id.0.as_u128());
        for tournament in &page.items {
            let body = || serde_json::to_vec(tournament).ok();
            loader.cache.keep_along(entry_of(tournament.id), began, body);
        }
        Ok(Some(serde_json::to_vec(&page)?))
    };
    let found = app.cache.get_or_load(entry, load).await?;
    Ok(found.map_or_else(
        || ApiError::NoSuchPath.into_response(),
        |answer| public(&headers, &answer),
    ))
}

/// One tournament.
///
/// # Errors
/// There is none with this id, or the database.
#[utoipa::path(get, path = "/api/tournaments/{id}", tag = "tournaments", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Tournament), (status = 304, description = "the client has it"),
    (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)
))]
pub async fn get(State(app): State<Arc<App>>, headers: HeaderMap, Path(id): Path<Uuid>) -> Result<Response, ApiError> {
    let id = TournamentId(id);
    let found = cached(&app, id).await?;
    let answer = found.ok_or(ApiError::NoSuchTournament(id))?;
    Ok(public(&headers, &answer))
}

/// The answer that tells of one tournament, from the cache where it is; `None` where there is no such tournament.
pub(super) async fn cached(app: &Arc<App>, id: TournamentId) -> Result<Option<Arc<Answer>>, ApiError> {
    app.db()?;
    let loader = Arc::clone(app);
    let load = async move |freshness: Freshness| {
        let found = tournaments::get(loader.loading_db()?, id, freshness).await?;
        Ok(found.map(|tournament| serde_json::to_vec(&tournament)).transpose()?)
    };
    Ok(app.cache.get_or_load(entry_of(id), load).await?)
}

/// A new tournament, owned by who creates it.
///
/// # Errors
/// A body that is not a sound draft, or the database.
#[utoipa::path(post, path = "/api/tournaments", tag = "tournaments", security(("session" = [])),
    request_body = TournamentDraft, responses(
    (status = 201, body = Tournament), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn create(
    State(app): State<Arc<App>>,
    asker: Authenticated,
    Json(draft): Json<TournamentDraft>,
) -> Result<Response, ApiError> {
    let id = TournamentId(Uuid::now_v7());
    let tournament = draft
        .establish(id, asker.user, Timestamp::now())
        .map_err(|violations| ApiError::Invalid(Subject::Tournament, violations))?;
    if tournament.entry_fee.is_some() && app.payments().is_err() {
        return Err(ApiError::Invalid(Subject::Tournament, vec![no_fees()]));
    }
    tournaments::create(app.db()?, &tournament).await?;
    changed(&app, id, asker).await;
    let location = format!("{}/{id}", Route::Tournaments.as_str());
    Ok((StatusCode::CREATED, [(LOCATION, location)], Personal(tournament)).into_response())
}

/// Changes a tournament: only the fields that are sent. More seats go to those who wait.
///
/// # Errors
/// A body that breaks rules, somebody else's tournament, one that is over, or the database.
#[utoipa::path(patch, path = "/api/tournaments/{id}", tag = "tournaments", security(("session" = [])),
    params(("id" = Uuid, Path)), request_body = TournamentPatch, responses(
    (status = 200, body = Tournament), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    asker: Authenticated,
    Json(patch): Json<TournamentPatch>,
) -> Result<Personal<Tournament>, ApiError> {
    let id = TournamentId(id);
    let patch = patch
        .checked(Timestamp::now())
        .map_err(|violations| ApiError::Invalid(Subject::Tournament, violations))?;
    let db = app.db()?;
    tournaments::update(db, id, asker.user, &patch)
        .await?
        .map_err(ApiError::Refused)?;
    changed(&app, id, asker).await;
    let tournament = tournaments::get(db, id, Freshness::Latest).await?;
    tournament.map(Personal).ok_or(ApiError::NoSuchTournament(id))
}

/// Cancels a tournament for good; nothing happens if it is cancelled already.
///
/// # Errors
/// Somebody else's tournament, one that has begun, or the database.
#[utoipa::path(post, path = "/api/tournaments/{id}/cancel", tag = "tournaments", security(("session" = [])),
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "it is cancelled"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn cancel(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    asker: Authenticated,
) -> Result<StatusCode, ApiError> {
    let id = TournamentId(id);
    tournaments::cancel(app.db()?, id, asker.user)
        .await?
        .map_err(ApiError::Refused)?;
    changed(&app, id, asker).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Everybody sees the change from now on, and its author surely. More seats change who waits, too.
pub(super) async fn changed(app: &App, id: TournamentId, asker: Authenticated) {
    let (one, registered) = (one_tag(id).to_string(), registrations::tag(id));
    tokio::join!(
        app.cache.invalidate(LIST_TAG),
        app.cache.invalidate(&one),
        app.cache.invalidate(&registered),
        app.wrote(asker.user)
    );
}

/// A fee that nobody could pay would keep its seats from everybody.
fn no_fees() -> Violation {
    Violation {
        field: "entryFee",
        problem: "this server takes no entry fees: leave it out".to_owned(),
    }
}

fn entry_of(id: TournamentId) -> Entry {
    Entry::new(one_tag(id), "")
}

fn one_tag(id: TournamentId) -> impl Display {
    fmt::from_fn(move |f| write!(f, "tournament:{id}"))
}
