//! Everything that a request can fail with, and how a client is told: RFC 9457 problem documents, with types that stay
//! the same across releases. What the client can do about it is in the detail; what went wrong inside is in the log.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;
use tracing::{debug, error};

use crate::domain::page::PageError;
use crate::domain::tournament::{TournamentId, Violation};
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
    /// The path's parameters do not parse.
    #[error("the id must be a UUID: {0}")]
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
    /// The body breaks the rules of tournaments.
    #[error("the tournament breaks {} rule(s): see errors", .0.len())]
    InvalidTournament(Vec<Violation>),
    /// No database is configured.
    #[error("this server has no database: set DATABASE_URL")]
    NoDatabase,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An answer could not be written as JSON.
    #[error("an answer cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
    /// The request took too long.
    #[error("the request took longer than it may: try again")]
    Deadline,
    /// The handler panicked.
    #[error("the request met a defect of this server")]
    Panic,
}

/// RFC 9457, with `errors` as an extension.
#[derive(Debug, Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Violation],
}

impl ApiError {
    /// The status of the answer and the last part of the problem's type.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no-such-path"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::NoSuchTournament(_) => (StatusCode::NOT_FOUND, "no-such-tournament"),
            Self::Path(rejection) => (rejection.status(), "invalid-path"),
            Self::Query(rejection) => (rejection.status(), "invalid-query"),
            Self::Page(_) => (StatusCode::BAD_REQUEST, "invalid-page"),
            Self::Body(rejection) => (rejection.status(), "invalid-body"),
            Self::InvalidTournament(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-tournament"),
            Self::NoDatabase => (StatusCode::SERVICE_UNAVAILABLE, "database-unavailable"),
            Self::Store(error) if error.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, "database-unavailable"),
            Self::Store(_) | Self::Encode(_) | Self::Panic => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::Deadline => (StatusCode::SERVICE_UNAVAILABLE, "deadline"),
        }
    }

    /// What the client is told. Causes inside the server stay inside.
    fn detail(&self, status: StatusCode) -> String {
        match self {
            Self::Store(_) if status == StatusCode::SERVICE_UNAVAILABLE => {
                "the database does not answer at the moment: try again".to_owned()
            }
            Self::Store(_) | Self::Encode(_) => "the server failed: its log says why".to_owned(),
            told => told.to_string(),
        }
    }

    fn violations(&self) -> &[Violation] {
        if let Self::InvalidTournament(violations) = self {
            violations
        } else {
            &[]
        }
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
        let problem = Problem {
            r#type: format!("urn:pathfinder:problem:{name}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail(status),
            errors: self.violations(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        response
    }
}
