//! Sessions: signing in and out, one by one or everywhere.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Personal;
use super::extract::{Authenticated, Client, Json, Path};
use crate::app::App;
use crate::auth::password::Verdict;
use crate::cache::sessions::Ended;
use crate::domain::session::{Credentials, SessionId, SessionView};
use crate::domain::user::{User, known_email};
use crate::error::{ApiError, Problem};
use crate::metrics::edge::Limited;
use crate::store::users;

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, sign_in, sign_out_everywhere))
        .routes(routes!(current, sign_out))
        .routes(routes!(end))
}

/// What a client gets that signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// To be sent as `Authorization: Bearer TOKEN`.
    token: String,
    /// When the session ends if it is not used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The session.
    session: SessionView,
    /// The user.
    user: User,
}

/// A user's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionList {
    /// The newest first.
    items: Vec<SessionView>,
}

/// The session that asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentSession {
    /// Its id.
    id: SessionId,
    /// Its user.
    #[schema(value_type = Uuid)]
    user_id: crate::domain::user::UserId,
    /// When it ends if it is not used again.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Signs in.
///
/// # Errors
/// An address and a password that do not belong together, 429 after too many of them; 503 while Redis, the database or a free
/// core is missing.
#[utoipa::path(post, path = "/api/sessions", tag = "sessions", request_body = Credentials, responses(
    (status = 201, body = SignedIn), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem), (status = 503, body = Problem)
))]
pub async fn sign_in(
    State(app): State<Arc<App>>,
    Client(client): Client,
    Json(credentials): Json<Credentials>,
) -> Result<Response, ApiError> {
    app.sessions.check_available()?;
    let db = app.db()?;
    let email = known_email(&credentials.email);
    // Taken before the password is looked at, so that many at once cannot all be the last one. An address of no account counts
    // as well, or it would be told from others.
    let tried = (client, email.as_deref().unwrap_or_default());
    let within = app.edge.take_try(tried);
    within.inspect_err(|_| app.metrics.edge.limited(Limited::Password))?;
    let found = match &email {
        Some(email) => users::credentials(db, email).await?,
        None => None,
    };
    let (user, hash) = found.unzip();
    let verdict = app.passwords.verify(credentials.password, hash).await?;
    let (Some(user), Verdict::Right) = (user, verdict) else {
        return Err(ApiError::WrongCredentials);
    };
    app.edge.give_back_try(tried);
    let begun = app.sessions.create(user.id, Timestamp::now()).await?;
    let signed_in = SignedIn {
        token: begun.token.expose_secret().to_owned(),
        expires_at: begun.expires_at,
        session: begun.view,
        user,
    };
    Ok((StatusCode::CREATED, Personal(signed_in)).into_response())
}

/// The user's sessions.
///
/// # Errors
/// Nobody is signed in, or Redis does not answer.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", security(("session" = [])), responses(
    (status = 200, body = SessionList), (status = 401, body = Problem), (status = 503, body = Problem)
))]
pub async fn list(State(app): State<Arc<App>>, asker: Authenticated) -> Result<Personal<SessionList>, ApiError> {
    let items = app.sessions.list(asker.user, asker.session).await?;
    Ok(Personal(SessionList { items }))
}

/// Signs out everywhere.
///
/// # Errors
/// Nobody is signed in, or Redis does not answer.
#[utoipa::path(delete, path = "/api/sessions", tag = "sessions", security(("session" = [])), responses(
    (status = 204, description = "all sessions have ended"), (status = 401, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn sign_out_everywhere(State(app): State<Arc<App>>, asker: Authenticated) -> Result<StatusCode, ApiError> {
    app.sessions.destroy_all(asker.user, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session that asks.
///
/// # Errors
/// Nobody is signed in.
#[utoipa::path(get, path = "/api/sessions/current", tag = "sessions", security(("session" = [])), responses(
    (status = 200, body = CurrentSession), (status = 401, body = Problem), (status = 503, body = Problem)
))]
pub async fn current(State(app): State<Arc<App>>, asker: Authenticated) -> Personal<CurrentSession> {
    Personal(CurrentSession {
        id: asker.session,
        user_id: asker.user,
        expires_at: app.sessions.end(Timestamp::now()),
    })
}

/// Signs out.
///
/// # Errors
/// Nobody is signed in, or Redis does not answer.
#[utoipa::path(delete, path = "/api/sessions/current", tag = "sessions", security(("session" = [])), responses(
    (status = 204, description = "the session has ended"), (status = 401, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn sign_out(State(app): State<Arc<App>>, asker: Authenticated) -> Result<StatusCode, ApiError> {
    app.sessions.destroy(asker.user, asker.session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one of the user's sessions.
///
/// # Errors
/// The user has no such session, or Redis does not answer.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "sessions", security(("session" = [])),
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "the session has ended"), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)
))]
pub async fn end(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    asker: Authenticated,
) -> Result<StatusCode, ApiError> {
    match app.sessions.destroy(asker.user, SessionId(id)).await? {
        Ended::Done => Ok(StatusCode::NO_CONTENT),
        Ended::NoSuchSession => Err(ApiError::NoSuchSession),
    }
}
