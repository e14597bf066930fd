//! Registrations: taking a seat or a place on the waiting list, giving it up, and who has one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::{Personal, public};
use super::extract::{Authenticated, Path, Query};
use super::payments::with_payment;
use crate::app::{App, registrations_tag};
use crate::cache::entry::Entry;
use crate::domain::page::{List, Page, PageRequest};
use crate::domain::registration::{OwnRegistration, Participant, Registering, Registration, RegistrationId};
use crate::domain::tournament::TournamentId;
use crate::error::{ApiError, Problem};
use crate::store::db::Freshness;
use crate::store::registrations;

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(participants, register))
        .routes(routes!(unregister))
        .routes(routes!(mine))
}

/// The query string of a page, as the client wrote it.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items per page, from 1 to 100; 20 when left out.
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Who is registered, in the order of arrival.
///
/// # Errors
/// There is no such tournament, a page that cannot be, or the database.
#[utoipa::path(get, path = "/api/tournaments/{id}/registrations", tag = "registrations",
    params(("id" = Uuid, Path), PageQuery), responses(
    (status = 200, body = Page<Participant>), (status = 304, description = "the client has it"),
    (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)
))]
pub async fn participants(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    Query(query): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let id = TournamentId(id);
    let page = PageRequest::parse(List::Participants, query.limit.as_deref(), query.cursor.as_deref())?;
    app.db()?;
    let loader = Arc::clone(&app);
    let load = async move |freshness: Freshness| {
        let found = registrations::of_tournament(loader.loading_db()?, id, &page, freshness).await?;
        let page = found.map(|fetched| page.page(fetched, |participant| u128::from(participant.position)));
        Ok(page.map(|page| serde_json::to_vec(&page)).transpose()?)
    };
    let entry = Entry::new(tag(id), &page.cache_key());
    let answer = app.cache.get_or_load(entry, load).await?;
    let answer = answer.ok_or(ApiError::NoSuchTournament(id))?;
    Ok(public(&headers, &answer))
}

/// Takes a seat, or a place on the waiting list when all are taken. Asking again is safe and answers 200 with what the
/// user has.
///
/// # Errors
/// The tournament takes nobody any more, or the database.
#[utoipa::path(post, path = "/api/tournaments/{id}/registrations", tag = "registrations", security(("session" = [])),
    params(("id" = Uuid, Path)), responses(
    (status = 201, body = Registration), (status = 200, body = Registration, description = "registered already"),
    (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)
))]
pub async fn register(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    asker: Authenticated,
) -> Result<Response, ApiError> {
    let tournament = TournamentId(id);
    let fresh = RegistrationId(Uuid::now_v7());
    let (status, registration) = match registrations::register(app.db()?, tournament, asker.user, fresh).await? {
        Registering::Made(registration) => (StatusCode::CREATED, registration),
        Registering::Already(registration) => (StatusCode::OK, registration),
        Registering::Refused(refusal) => return Err(ApiError::Refused(refusal)),
    };
    if status == StatusCode::CREATED {
        changed(&app, tournament, asker).await;
    }
    let registration = with_payment(&app, registration).await;
    Ok((status, Personal(registration)).into_response())
}

/// Gives the seat or the place on the waiting list up. The first who waits gets the seat.
///
/// # Errors
/// The user is not registered, the tournament has begun, or the database.
#[utoipa::path(delete, path = "/api/tournaments/{id}/registrations/me", tag = "registrations",
    security(("session" = [])), params(("id" = Uuid, Path)), responses(
    (status = 204, description = "it is given up"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)
))]
pub async fn unregister(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    asker: Authenticated,
) -> Result<StatusCode, ApiError> {
    let tournament = TournamentId(id);
    registrations::unregister(app.db()?, tournament, asker.user)
        .await?
        .map_err(ApiError::Refused)?;
    changed(&app, tournament, asker).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The user's registrations, newest first.
///
/// # Errors
/// A page that cannot be, or the database.
#[utoipa::path(get, path = "/api/users/me/registrations", tag = "users", security(("session" = [])),
    params(PageQuery), responses(
    (status = 200, body = Page<OwnRegistration>), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn mine(
    State(app): State<Arc<App>>,
    asker: Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<Personal<Page<OwnRegistration>>, ApiError> {
    let page = PageRequest::parse(List::OwnRegistrations, query.limit.as_deref(), query.cursor.as_deref())?;
    let fetched = registrations::of_user(app.db()?, asker.user, &page, asker.freshness).await?;
    Ok(Personal(page.page(fetched, |own| own.registration.id.0.as_u128())))
}

/// The list of who is registered is right from now on, and the user's own surely. The counts of seats in tournaments
/// may lag for their time in the cache: with every registration they would be loaded anew.
async fn changed(app: &App, tournament: TournamentId, asker: Authenticated) {
    let tag = tag(tournament);
    tokio::join!(app.cache.invalidate(&tag), app.wrote(asker.user));
}

/// What invalidates the list of who is registered.
pub(super) fn tag(id: TournamentId) -> String {
    registrations_tag(id)
}
