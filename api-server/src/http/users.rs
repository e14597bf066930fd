//! Users: signing up, looking at oneself, another password.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answer::Personal;
use super::extract::{Authenticated, Json};
use crate::app::App;
use crate::auth::password::Verdict;
use crate::domain::user::{PasswordChange, SignUp, User, UserId};
use crate::error::{ApiError, Problem, Subject};
use crate::metrics::labels::Route;
use crate::store::users::{self, Created, Replaced};

/// The paths of this area.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(me))
        .routes(routes!(change_password))
}

/// Makes a user. Sign in afterwards.
///
/// # Errors
/// A body that breaks rules, an address that is taken, or the database.
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = SignUp, responses(
    (status = 201, body = User), (status = 400, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)
))]
pub async fn sign_up(State(app): State<Arc<App>>, Json(sign_up): Json<SignUp>) -> Result<Response, ApiError> {
    let user = sign_up
        .establish(UserId(Uuid::now_v7()), Timestamp::now())
        .map_err(|violations| ApiError::Invalid(Subject::User, violations))?;
    let db = app.db()?;
    let hash = app.passwords.hash(sign_up.password).await?;
    match users::create(db, &user, &hash).await? {
        Created::Taken => Err(ApiError::EmailTaken),
        Created::New => {
            app.wrote(user.id).await;
            let location = [(LOCATION, Route::Me.as_str())];
            Ok((StatusCode::CREATED, location, Personal(user)).into_response())
        }
    }
}

/// The user that asks.
///
/// # Errors
/// Nobody is signed in, or the database.
#[utoipa::path(get, path = "/api/users/me", tag = "users", security(("session" = [])), responses(
    (status = 200, body = User), (status = 401, body = Problem), (status = 503, body = Problem)
))]
pub async fn me(State(app): State<Arc<App>>, asker: Authenticated) -> Result<Personal<User>, ApiError> {
    let found = users::get(app.db()?, asker.user, asker.freshness).await?;
    found.map(Personal).ok_or(ApiError::InvalidToken)
}

/// Another password. All other sessions of the user end.
///
/// # Errors
/// The current password is another one, the new one breaks rules, or the database or Redis.
#[utoipa::path(put, path = "/api/users/me/password", tag = "users", security(("session" = [])),
    request_body = PasswordChange, responses(
    (status = 204, description = "it is changed"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, body = Problem), (status = 503, body = Problem)
))]
pub async fn change_password(
    State(app): State<Arc<App>>,
    asker: Authenticated,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    change
        .check()
        .map_err(|violations| ApiError::Invalid(Subject::User, violations))?;
    let db = app.db()?;
    let old = users::password_hash(db, asker.user).await?;
    if app.passwords.verify(change.current_password, old.clone()).await? == Verdict::Wrong {
        return Err(ApiError::WrongPassword);
    }
    let (old, new) = (old.unwrap_or_default(), app.passwords.hash(change.new_password).await?);
    if users::set_password_hash(db, asker.user, (&old, &new)).await? == Replaced::Outdated {
        return Err(ApiError::WrongPassword);
    }
    app.wrote(asker.user).await;
    app.sessions.destroy_all(asker.user, Some(asker.session)).await?;
    Ok(StatusCode::NO_CONTENT)
}
