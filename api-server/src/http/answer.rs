//! How answers go out: public ones with an ETag and for shared caches, personal ones for nobody's cache.

use std::sync::Arc;

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::cache::answer::Answer;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// A browser asks each time (and gets a 304), so that its user sees what they did; a shared cache asks once a second.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=0, s-maxage=1, stale-while-revalidate=5");
const PERSONAL: HeaderValue = HeaderValue::from_static("private, no-store");

/// A public answer, or 304 for a client that has it.
pub fn public(request: &HeaderMap, answer: &Arc<Answer>) -> Response {
    let is_known = request
        .get(IF_NONE_MATCH)
        .is_some_and(|known| matches(known, &answer.etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(answer.body.clone().into())
    };
    let headers = response.headers_mut();
    if !is_known {
        headers.insert(CONTENT_TYPE, JSON);
    }
    headers.insert(ETAG, answer.etag.clone());
    headers.insert(CACHE_CONTROL, PUBLIC);
    response
}

/// An answer for one user only.
#[derive(Debug)]
pub struct Personal<T>(pub T);

impl<T: Serialize> IntoResponse for Personal<T> {
    fn into_response(self) -> Response {
        ([(CACHE_CONTROL, PERSONAL)], Json(self.0)).into_response()
    }
}

/// Whether a list of ETags names this one; compressing proxies make them weak.
fn matches(known: &HeaderValue, etag: &HeaderValue) -> bool {
    if known == etag {
        return true;
    }
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else {
        return false;
    };
    known
        .split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("\"a\"", true)]
    #[case("W/\"a\"", true)]
    #[case("\"b\", W/\"a\"", true)]
    #[case("*", true)]
    #[case("\"b\"", false)]
    #[case("a", false)]
    fn an_etag_is_found_among_those_that_a_client_knows(#[case] known: &'static str, #[case] expected: bool) {
        let etag = HeaderValue::from_static("\"a\"");
        assert_eq!(matches(&HeaderValue::from_static(known), &etag), expected);
    }
}
