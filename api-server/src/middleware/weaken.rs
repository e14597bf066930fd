//! An ETag names exact bytes. An answer that was compressed on its way out has other bytes, so its ETag becomes a weak one:
//! the same content, written differently.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_ENCODING, ETAG};
use axum::middleware::Next;
use axum::response::Response;

/// Weakens the ETag of a compressed answer.
pub async fn weaken(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if headers.contains_key(CONTENT_ENCODING)
        && let Some(etag) = headers.get_mut(ETAG)
        && !etag.as_bytes().starts_with(b"W/")
    {
        let weak = [b"W/", etag.as_bytes()].concat();
        *etag = HeaderValue::from_bytes(&weak).unwrap_or_else(|_| etag.clone());
    }
    response
}
