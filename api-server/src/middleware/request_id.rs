//! Gives every request an id that its client, its log lines and its answer share. A client's own id is kept when it is
//! short and plain; anything else is replaced, because ids end up in logs.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 64;

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as the header that carries it.
    pub fn into_header(self) -> HeaderValue {
        self.0
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id that the client gave, or a new one.
    pub fn of(request: &Request) -> Self {
        let given = request.headers().get(&REQUEST_ID).filter(|id| is_plain(id.as_bytes()));
        Self(given.cloned().unwrap_or_else(fresh))
    }
}

fn is_plain(id: &[u8]) -> bool {
    (1..=MAX_BYTES).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

fn fresh() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id: &str = Uuid::now_v7().as_hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use rstest::rstest;

    use super::*;

    fn id_of(given: &str) -> String {
        let request = Request::builder()
            .header(REQUEST_ID, given)
            .body(Body::empty())
            .expect("a request");
        RequestId::of(&request).as_str().to_owned()
    }

    #[test]
    fn a_plain_id_of_the_client_is_kept() {
        assert_eq!(id_of("order-17_b.2"), "order-17_b.2");
    }

    #[rstest]
    #[case::empty("")]
    #[case::long(&"a".repeat(MAX_BYTES + 1))]
    #[case::spaces("a b")]
    #[case::quotes("a\"b")]
    fn any_other_id_is_replaced(#[case] given: &str) {
        let id = id_of(given);
        assert_ne!(id, given);
        assert!(Uuid::try_parse(&id).is_ok(), "{id}");
    }
}
