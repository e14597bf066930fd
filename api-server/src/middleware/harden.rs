//! What every answer tells browsers: guess no types, run nothing, frame nothing, tell other sites nothing; and what
//! caches are told unless the handler said something else: keep nothing, because most answers are one user's. An ETag names
//! exact bytes; an answer that was compressed on its way out has others, so its ETag becomes a weak one.

use axum::http::HeaderMap;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// No page of this server loads anything: it has none.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CONTENT_SECURITY_POLICY, POLICY),
];

/// Adds them to the headers of an answer.
pub fn harden(headers: &mut HeaderMap) {
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if headers.contains_key(CONTENT_ENCODING)
        && let Some(etag) = headers.get_mut(ETAG)
    {
        weaken(etag);
    }
}

fn weaken(etag: &mut HeaderValue) {
    if !etag.as_bytes().starts_with(b"W/") {
        let weak = [b"W/", etag.as_bytes()].concat();
        *etag = HeaderValue::from_bytes(&weak).unwrap_or_else(|_| etag.clone());
    }
}
