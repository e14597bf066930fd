//! What handlers read from a request. The same as axum's own extractors, but a request that does not fit is answered
//! with a problem document; and who the request is from.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use crate::app::App;
use crate::cache::sessions::{Refused, Use, Valid};
use crate::domain::session::SessionId;
use crate::domain::user::UserId;
use crate::error::ApiError;
use crate::metrics::edge::Limited;
use crate::middleware::connection;
use crate::store::db::Freshness;

/// Carries the token past proxies that keep `Authorization` for themselves.
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-session-token");

/// A JSON body.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
pub struct Json<T>(pub T);

/// The query string.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub struct Query<T>(pub T);

/// The parameters of the path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub struct Path<T>(pub T);

/// Who a request is from, proved by the token of a session that is alive. A handler that takes this is closed to all
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticated {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// What the user must see: everything, if they wrote something lately.
    pub freshness: Freshness,
}

impl FromRequestParts<Arc<App>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let token = token(&parts.headers).ok_or(ApiError::Unauthenticated)?;
        let purpose = if parts.method.is_safe() { Use::Read } else { Use::Write };
        match app.sessions.validate(token, purpose, Timestamp::now()).await {
            Ok(Valid {
                user,
                session,
                freshness,
            }) => {
                let within = app.edge.take_of_user(user);
                within.inspect_err(|_| app.metrics.edge.limited(Limited::User))?;
                Ok(Self {
                    user,
                    session,
                    freshness,
                })
            }
            Err(Refused::Invalid) => Err(ApiError::InvalidToken),
            Err(Refused::Unavailable) => Err(ApiError::SessionsUnavailable),
        }
    }
}

/// Whose budget for wrong passwords a request is on; `None` has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub Option<IpAddr>);

impl FromRequestParts<Arc<App>> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let accepted = connection::of(&parts.extensions);
        Ok(Self(accepted.and_then(|accepted| {
            app.edge.budgeted(accepted.peer.ip(), &parts.headers)
        })))
    }
}

/// The token of a request, from its own header first.
fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(token) = headers.get(SESSION_TOKEN) {
        return token.to_str().ok();
    }
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bearer("Bearer abc", Some("abc"))]
    #[case::any_case("bearer abc", Some("abc"))]
    #[case::other_scheme("Basic abc", None)]
    #[case::no_scheme("abc", None)]
    fn a_token_is_taken_from_the_authorization_header(#[case] header: &'static str, #[case] expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
        assert_eq!(token(&headers), expected);
    }

    #[test]
    fn a_token_behind_a_proxy_comes_in_a_header_of_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer of-the-proxy"));
        headers.insert(SESSION_TOKEN, HeaderValue::from_static("abc"));
        assert_eq!(token(&headers), Some("abc"));
    }
}
