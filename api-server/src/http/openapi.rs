//! The description of the API, made from the handlers, so that it cannot disagree with them. `openapi.json` beside the
//! sources is the same document: a test fails when it is another and names the command that writes it.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use tokio_util::bytes::Bytes;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

use super::answer::public;
use crate::app::App;
use crate::cache::answer::Answer;

/// What the document says beside the paths.
pub fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Pathfinder tournament API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Tournaments, registrations, sessions. Errors are RFC 9457 problem documents; times are RFC 3339.",
        ))
        .build();
    let mut document = OpenApiBuilder::new().info(info).build();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The token of POST /api/sessions"))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("session", SecurityScheme::Http(scheme));
    document
}

/// The document as it is committed and served.
///
/// # Errors
/// None that can happen: the document is a tree of texts.
pub fn text(document: &OpenApi) -> Result<String, serde_json::Error> {
    Ok(document.to_pretty_json()? + "\n")
}

/// `GET /openapi.json`
pub fn serve(document: &OpenApi) -> MethodRouter<Arc<App>> {
    let answer = Arc::new(Answer::new(Bytes::from(text(document).unwrap_or_default())));
    get(move |headers: HeaderMap| async move { respond(&headers, &answer) })
}

fn respond(headers: &HeaderMap, answer: &Arc<Answer>) -> Response {
    public(headers, answer)
}
