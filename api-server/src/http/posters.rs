//! Posters of tournaments: an address to upload one to, the upload itself when posters are kept in a directory, and the
//! image for everybody. Images never change under their name, so caches may keep them for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Personal;
use super::extract::{Authenticated, Json, Path, Query};
use super::tournaments::changed;
use crate::app::App;
use crate::domain::poster::{ImageKind, POSTER_MAX_BYTES, PosterKey};
use crate::domain::registration::Refusal;
use crate::domain::rule::Violation;
use crate::domain::tournament::TournamentId;
use crate::error::{ApiError, Problem, Subject};
use crate::posters::PosterError;
use crate::posters::ticket::Ticket;
use crate::store::db::Freshness;
use crate::store::{posters, tournaments};

const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(announce))
        .routes(routes!(show))
        .routes(routes!(upload))
}

/// A poster that is going to be uploaded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PosterDraft {
    /// image/png, image/jpeg or image/webp
    content_type: String,
    /// The exact size, at most 5 MiB.
    bytes: u64,
}

/// Where to upload it, and where it will be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PosterPlace {
    upload: UploadRequest,
    /// Where everybody finds it once it is uploaded.
    poster_url: String,
}

/// The request that uploads it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadRequest {
    /// Its method.
    #[schema(value_type = String)]
    method: &'static str,
    /// Its address; a path of this server when it begins with `/`.
    url: String,
    /// Its headers: exactly these.
    headers: BTreeMap<String, String>,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// The query string of an upload, as it was given out.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketQuery {
    /// The exact size.
    bytes: u64,
    /// Until when, in seconds since 1970.
    expires: i64,
    /// This server's signature.
    signature: String,
}

/// An address to upload a tournament's poster to. The newest one is the tournament's.
///
/// # Errors
/// Not an image that is taken, somebody else's tournament, or a store.
#[utoipa::path(post, path = "/api/tournaments/{id}/poster", tag = "posters", security(("session" = [])),
    params(("id" = Uuid, Path)), request_body = PosterDraft, responses(
    (status = 201, body = PosterPlace), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
    (status = 415, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn announce(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    asker: Authenticated,
    Json(draft): Json<PosterDraft>,
) -> Result<Response, ApiError> {
    let (id, db) = (TournamentId(id), app.db()?);
    let kind = draft
        .checked()
        .map_err(|violations| ApiError::Invalid(Subject::Poster, violations))?;
    let tournament = tournaments::get(db, id, Freshness::Latest).await?;
    let tournament = tournament.ok_or(ApiError::NoSuchTournament(id))?;
    if tournament.owner_id != Some(asker.user) {
        return Err(ApiError::Refused(Refusal::NotOwner));
    }
    let key = PosterKey::new(Uuid::now_v7(), kind);
    let upload = app.posters.upload(key, draft.bytes, Timestamp::now()).await?;
    posters::set(db, id, key).await?;
    changed(&app, id, asker).await;
    let place = PosterPlace {
        upload: UploadRequest {
            method: "PUT",
            url: upload.url,
            headers: BTreeMap::from([
                (CONTENT_TYPE.to_string(), kind.content_type().to_owned()),
                (CONTENT_LENGTH.to_string(), draft.bytes.to_string()),
            ]),
            expires_at: upload.expires_at,
        },
        poster_url: key.url(),
    };
    Ok((StatusCode::CREATED, Personal(place)).into_response())
}

/// Uploads a poster into the directory, once, by an address of this server.
///
/// # Errors
/// The address is not good, or the image is not what was announced.
#[utoipa::path(put, path = "/uploads/{key}", tag = "posters",
    params(("key" = String, Path), TicketQuery), request_body(content = Vec<u8>, content_type = "image/png"), responses(
    (status = 204, description = "it is kept"), (status = 400, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
    (status = 415, body = Problem), (status = 503, body = Problem)
))]
pub async fn upload(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    Query(query): Query<TicketQuery>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let key: PosterKey = key.parse().map_err(|_| PosterError::NotFound)?;
    let ticket = Ticket {
        key,
        bytes: query.bytes,
        expires: query.expires,
    };
    let _permit = app.posters.admit(&ticket, &query.signature, Timestamp::now())?;
    let headers = request.headers();
    let has_type = headers
        .get(CONTENT_TYPE)
        .is_some_and(|given| given == key.kind().content_type());
    let size = headers
        .get(CONTENT_LENGTH)
        .and_then(|size| size.to_str().ok()?.parse::<u64>().ok());
    if !has_type || size != Some(query.bytes) {
        return Err(PosterError::WrongContent.into());
    }
    // Its own limit, instead of that of other bodies: the announced size.
    let limit = usize::try_from(query.bytes.min(POSTER_MAX_BYTES)).unwrap_or(0);
    // A body that ends early is the client's doing: nothing is kept.
    let image = to_bytes(request.into_body(), limit).await;
    app.posters
        .keep(key, image.map_err(|_| PosterError::WrongContent)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A poster.
///
/// # Errors
/// There is none of this name, or the store does not answer.
#[utoipa::path(get, path = "/posters/{key}", tag = "posters", params(("key" = String, Path)), responses(
    (status = 200, content((Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"))),
    (status = 304, description = "the client has it"), (status = 404, body = Problem), (status = 503, body = Problem)
))]
pub async fn show(
    State(app): State<Arc<App>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let key: PosterKey = key.parse().map_err(|_| PosterError::NotFound)?;
    let etag = format!("\"{key}\"");
    let mut response = if headers.get(IF_NONE_MATCH).is_some_and(|known| known == etag.as_str()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let poster = app.posters.get(key).await?;
        let content_type = HeaderValue::from_static(key.kind().content_type());
        let mut response = Response::new(Body::from_stream(poster.content));
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response.headers_mut().insert(CONTENT_LENGTH, poster.bytes.into());
        response
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, FOREVER);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    // Pages of other sites may show it.
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    Ok(response)
}

impl PosterDraft {
    fn checked(&self) -> Result<ImageKind, Vec<Violation>> {
        let mut violations = Vec::new();
        let kind = ImageKind::of_content_type(&self.content_type);
        if kind.is_none() {
            violations.push(Violation {
                field: "contentType",
                problem: "must be image/png, image/jpeg or image/webp".to_owned(),
            });
        }
        if !(1..=POSTER_MAX_BYTES).contains(&self.bytes) {
            violations.push(Violation {
                field: "bytes",
                problem: format!("must be from 1 to {POSTER_MAX_BYTES}"),
            });
        }
        kind.filter(|_| violations.is_empty()).ok_or(violations)
    }
}
