//! The tournaments: a page of them, one of them, a new one. Reads are cached as the bytes of their answers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use tokio_util::bytes::Bytes;
use uuid::Uuid;

use super::extract::{Json, Path, Query};
use crate::app::App;
use crate::cache::aside::Entry;
use crate::domain::page::PageRequest;
use crate::domain::tournament::{TournamentDraft, TournamentId};
use crate::error::ApiError;
use crate::metrics::labels::Route;
use crate::store::tournaments;

/// All pages of the list.
const LIST_TAG: &str = "tournaments";
/// Single tournaments, which do not change.
const ONE_TAG: &str = "tournament";

/// The query string of the list, as the client wrote it.
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

/// `GET /api/tournaments?limit=&cursor=`: a page, newest first.
///
/// # Errors
/// A limit or cursor that cannot be, or the database.
pub async fn list(State(app): State<Arc<App>>, Query(query): Query<ListQuery>) -> Result<Response, ApiError> {
    let request = PageRequest::parse(query.limit.as_deref(), query.cursor.as_deref())?;
    let load = async {
        let fetched = tournaments::list(app.db()?, &request).await?;
        Ok::<_, ApiError>(serde_json::to_vec(&request.page(fetched))?)
    };
    let entry = Entry {
        tag: LIST_TAG,
        key: &request.cache_key(),
    };
    app.cache.get_or_load(&entry, &app.metrics, load).await.map(json)
}

/// `GET /api/tournaments/{id}`: one tournament.
///
/// # Errors
/// There is none with this id, or the database.
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<Uuid>) -> Result<Response, ApiError> {
    let id = TournamentId(id);
    let load = async {
        let found = tournaments::get(app.db()?, id).await?;
        Ok::<_, ApiError>(serde_json::to_vec(&found.ok_or(ApiError::NoSuchTournament(id))?)?)
    };
    let entry = Entry {
        tag: ONE_TAG,
        key: &id.to_string(),
    };
    app.cache.get_or_load(&entry, &app.metrics, load).await.map(json)
}

/// `POST /api/tournaments`: a new tournament.
///
/// # Errors
/// A body that is not a sound draft, or the database.
pub async fn create(
    State(app): State<Arc<App>>,
    Json(draft): Json<TournamentDraft>,
) -> Result<impl IntoResponse, ApiError> {
    let id = TournamentId(Uuid::now_v7());
    let tournament = draft
        .establish(id, Timestamp::now())
        .map_err(ApiError::InvalidTournament)?;
    tournaments::create(app.db()?, &tournament).await?;
    app.cache.invalidate(LIST_TAG).await;
    let location = format!("{}/{id}", Route::Tournaments.as_str());
    Ok((StatusCode::CREATED, [(LOCATION, location)], axum::Json(tournament)))
}

fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
