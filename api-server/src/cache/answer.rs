//! One answer as it is kept: the bytes that go to the client and their ETag, made once and not per request.

use axum::http::HeaderValue;
use sha2::{Digest, Sha256};
use tokio_util::bytes::Bytes;

/// Bytes of the hash in an ETag: enough that two answers never share one.
const ETAG_BYTES: usize = 16;

/// The bytes of an answer and what names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The body.
    pub body: Bytes,
    /// Equal for equal bodies only, on every server.
    pub etag: HeaderValue,
}

impl Answer {
    /// An answer with this body.
    pub fn new(body: Bytes) -> Self {
        let hash = Sha256::digest(&body);
        let digits: String = hash.iter().take(ETAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::from_str(&format!("\"{digits}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self { body, etag }
    }
}

/// A body without the room that it grew into: kept for long, that would be up to as much again.
pub(super) fn fitted(body: Vec<u8>) -> Bytes {
    Bytes::from(body.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bodies_share_an_etag_and_others_do_not() {
        let answer = |body: &'static str| Answer::new(Bytes::from(body));
        assert_eq!(answer("[]").etag, answer("[]").etag);
        assert_ne!(answer("[]").etag, answer("[1]").etag);
        assert_eq!(answer("[]").etag.len(), 34);
    }
}
