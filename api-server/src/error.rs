//! Everything that a request can fail with, and how a client is told: RFC 9457 problem documents, with types that stay
//! the same across releases. What the client can do about it is in the detail; what went wrong inside is in the log.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;
use tracing::{debug, error};
use utoipa::ToSchema;

use crate::auth::password::PasswordError;
use crate::cache::aside::LoadError;
use crate::cache::redis::Unavailable;
use crate::domain::page::PageError;
use crate::domain::registration::Refusal;
use crate::domain::rule::Violation;
use crate::domain::search::SearchError;
use crate::domain::tournament::TournamentId;
use crate::edge::retry_after;
use crate::live::hub::Full;
use crate::payments::webhook::BadMessage;
use crate::posters::PosterError;
use crate::posters::ticket::BadTicket;
use crate::store::StoreError;

/// Seconds after which a client should try again what failed for now.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A failed request.
#[derive(Debug, Error)]
pub enum ApiError {
    /// No route has this path.
    #[error("nothing is at this path")]
    NoSuchPath,
    /// The path does not take this method.
    #[error("this path does not take this method: see the Allow header")]
    MethodNotAllowed,
    /// There is no such tournament.
    #[error("there is no tournament {0}")]
    NoSuchTournament(TournamentId),
    /// Nobody has this session, or it is somebody else's.
    #[error("you have no such session")]
    NoSuchSession,
    /// The tournament does not take this.
    #[error("{}", refused(*.0))]
    Refused(Refusal),
    /// The request must say who it is from.
    #[error("sign in first: send `Authorization: Bearer TOKEN` with a token from POST /api/sessions")]
    Unauthenticated,
    /// The token is not ours, has ended, or its session has.
    #[error("the token is not valid or its session has ended: sign in again")]
    InvalidToken,
    /// The address and the password do not belong together.
    #[error("no user has this address and password")]
    WrongCredentials,
    /// The current password is another.
    #[error("the current password is another one")]
    WrongPassword,
    /// Somebody has this address.
    #[error("a user with this address exists already")]
    EmailTaken,
    /// Redis, which the request needs, does not answer.
    #[error("sessions cannot be checked at the moment: try again")]
    SessionsUnavailable,
    /// Too many passwords are being checked.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The path's parameters do not parse.
    #[error("an id must be a UUID: {0}")]
    Path(#[from] PathRejection),
    /// The query string does not parse.
    #[error("{0}")]
    Query(#[from] QueryRejection),
    /// The query asks for a page that cannot be.
    #[error("{0}")]
    Page(#[from] PageError),
    /// The body is not the JSON that is expected.
    #[error("{}", .0.body_text())]
    Body(#[from] JsonRejection),
    /// The query asks for tournaments that cannot be.
    #[error("{0}")]
    Search(#[from] SearchError),
    /// The body breaks the rules of what it describes.
    #[error("{} rule(s) are broken: see errors", .1.len())]
    Invalid(Subject, Vec<Violation>),
    /// No database is configured.
    #[error("this server has no database: set DATABASE_URL")]
    NoDatabase,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cacheable answer could not be loaded; others may wait for the same one.
    #[error(transparent)]
    Load(#[from] Arc<LoadError>),
    /// The client asks too often; it may ask again after this time.
    #[error("too many requests: wait as long as Retry-After says")]
    TooManyRequests(Duration),
    /// Too much is going on.
    #[error("this server has as much to do as it can: try again")]
    Overloaded,
    /// This server is stopping.
    #[error("this server is stopping: connect again")]
    Draining,
    /// The request is none for a WebSocket.
    #[error("connect with a WebSocket: {}", .0.body_text())]
    NoWebSocket(WebSocketUpgradeRejection),
    /// There are too many WebSockets.
    #[error(transparent)]
    Live(#[from] Full),
    /// A poster cannot be kept or shown.
    #[error(transparent)]
    Poster(#[from] PosterError),
    /// There is no payment gateway.
    #[error("this server takes no entry fees: it has no payment gateway")]
    NoPayments,
    /// Nobody has this payment, or it is somebody else's.
    #[error("you have no such payment")]
    NoSuchPayment,
    /// A message of the payment gateway is not heard.
    #[error(transparent)]
    Message(#[from] BadMessage),
    /// The body cannot be read.
    #[error("{}", .0.body_text())]
    Bytes(BytesRejection),
    /// The request took too long.
    #[error("the request took longer than it may: try again")]
    Deadline,
    /// The handler panicked.
    #[error("the request met a defect of this server")]
    Panic,
}

/// What a body describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A tournament.
    Tournament,
    /// A user.
    User,
    /// A score.
    Score,
    /// A poster.
    Poster,
}

/// RFC 9457, with `errors` as an extension.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Stays the same across releases: act on this.
    r#type: String,
    /// The status in words.
    #[schema(value_type = String)]
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// For a person: what is wrong and what to do about it.
    detail: String,
    /// The fields that break rules, if some do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Violation>,
}

impl From<Unavailable> for ApiError {
    fn from(Unavailable: Unavailable) -> Self {
        Self::SessionsUnavailable
    }
}

impl ApiError {
    /// The status of the answer and the last part of the problem's type.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no-such-path"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::NoSuchTournament(_) => (StatusCode::NOT_FOUND, "no-such-tournament"),
            Self::NoSuchSession => (StatusCode::NOT_FOUND, "no-such-session"),
            Self::Refused(refusal) => refusal_kind(*refusal),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "invalid-token"),
            Self::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong-credentials"),
            Self::WrongPassword => (StatusCode::FORBIDDEN, "wrong-password"),
            Self::EmailTaken => (StatusCode::CONFLICT, "email-taken"),
            Self::SessionsUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "sessions-unavailable"),
            Self::Password(PasswordError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Path(rejection) => (rejection.status(), "invalid-path"),
            Self::Query(rejection) => (rejection.status(), "invalid-query"),
            Self::Page(_) | Self::Search(SearchError::Page(_)) => (StatusCode::BAD_REQUEST, "invalid-page"),
            Self::Search(_) => (StatusCode::BAD_REQUEST, "invalid-query"),
            Self::Body(rejection) => (rejection.status(), "invalid-body"),
            Self::Invalid(subject, _) => (StatusCode::UNPROCESSABLE_ENTITY, subject.problem()),
            Self::NoDatabase => (StatusCode::SERVICE_UNAVAILABLE, "database-unavailable"),
            Self::Store(error) => store_kind(error),
            Self::Load(error) => match &**error {
                LoadError::Store(error) => store_kind(error),
                LoadError::Encode(_) | LoadError::Panicked => INTERNAL,
            },
            Self::Password(PasswordError::Hash(_)) | Self::Panic => INTERNAL,
            Self::Deadline => (StatusCode::SERVICE_UNAVAILABLE, "deadline"),
            Self::TooManyRequests(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests"),
            Self::Overloaded | Self::Live(_) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            Self::NoWebSocket(rejection) => (rejection.status(), "no-websocket"),
            Self::Poster(error) => poster_kind(error),
            Self::NoPayments => (StatusCode::NOT_FOUND, "no-payments"),
            Self::NoSuchPayment => (StatusCode::NOT_FOUND, "no-such-payment"),
            Self::Message(BadMessage::Signature) => (StatusCode::UNAUTHORIZED, "not-signed"),
            Self::Message(BadMessage::Shape) => (StatusCode::BAD_REQUEST, "invalid-message"),
            Self::Bytes(rejection) => (rejection.status(), "invalid-body"),
        }
    }

    /// What the client is told. Causes inside the server stay inside.
    fn detail(&self, status: StatusCode) -> String {
        match self {
            Self::Store(_) | Self::Load(_) if status == StatusCode::SERVICE_UNAVAILABLE => {
                "the database does not answer at the moment: try again".to_owned()
            }
            Self::Store(_) | Self::Load(_) | Self::Password(PasswordError::Hash(_)) => {
                "the server failed: its log says why".to_owned()
            }
            Self::Poster(PosterError::Store(_)) => {
                "posters cannot be kept or shown at the moment: try again".to_owned()
            }
            told => told.to_string(),
        }
    }

    fn into_violations(self) -> Vec<Violation> {
        if let Self::Invalid(_, violations) = self {
            violations
        } else {
            Vec::new()
        }
    }
}

impl Subject {
    const fn problem(self) -> &'static str {
        match self {
            Self::Tournament => "invalid-tournament",
            Self::User => "invalid-user",
            Self::Score => "invalid-score",
            Self::Poster => "invalid-poster",
        }
    }
}

const INTERNAL: (StatusCode, &str) = (StatusCode::INTERNAL_SERVER_ERROR, "internal");

fn store_kind(error: &StoreError) -> (StatusCode, &'static str) {
    if error.is_transient() {
        (StatusCode::SERVICE_UNAVAILABLE, "database-unavailable")
    } else {
        INTERNAL
    }
}

fn poster_kind(error: &PosterError) -> (StatusCode, &'static str) {
    match error {
        PosterError::NotFound => (StatusCode::NOT_FOUND, "no-such-poster"),
        PosterError::Used => (StatusCode::CONFLICT, "upload-used"),
        PosterError::WrongContent => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content"),
        PosterError::Ticket(BadTicket::Forged | BadTicket::Expired) => (StatusCode::FORBIDDEN, "upload-not-allowed"),
        PosterError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        PosterError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "posters-unavailable"),
    }
}

fn refusal_kind(refusal: Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::NoSuchTournament => (StatusCode::NOT_FOUND, "no-such-tournament"),
        Refusal::NotRegistered => (StatusCode::NOT_FOUND, "not-registered"),
        Refusal::NotOwner => (StatusCode::FORBIDDEN, "not-owner"),
        Refusal::Cancelled => (StatusCode::CONFLICT, "tournament-cancelled"),
        Refusal::Started => (StatusCode::CONFLICT, "tournament-started"),
        Refusal::WaitingListFull => (StatusCode::CONFLICT, "waiting-list-full"),
        Refusal::SeatsTaken => (StatusCode::CONFLICT, "seats-taken"),
    }
}

fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoSuchTournament => "there is no such tournament",
        Refusal::NotRegistered => "this user has no seat in this tournament",
        Refusal::NotOwner => "only the owner of the tournament may do this",
        Refusal::Cancelled => "the tournament is cancelled",
        Refusal::Started => "the tournament has begun",
        Refusal::WaitingListFull => "the tournament and its waiting list are full",
        Refusal::SeatsTaken => "more seats are taken already than this: set seats to at least seatsTaken",
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, name) = self.kind();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            error!(error = %self, "a request failed");
        } else if status.is_server_error() {
            // At debug: an outage is logged once, by the watch over the store, and not once per request.
            debug!(error = %self, "a request failed for now");
        }
        let unauthenticated = status == StatusCode::UNAUTHORIZED;
        let wait = match &self {
            Self::TooManyRequests(wait) => Some(retry_after(*wait)),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_AFTER_SECONDS),
            _ => None,
        };
        let problem = Problem {
            r#type: format!("urn:pathfinder:problem:{name}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail(status),
            errors: self.into_violations(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        if unauthenticated {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
