//! A server that does nothing but answer `GET` on one path with the bytes of a file: what axum alone can do.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    routing::get,
};

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let body = PathBuf::from(variable("BODY_FILE")?);
    let body = Bytes::from(std::fs::read(&body).with_context(|| format!("reading {}", body.display()))?);
    let path: Arc<str> = variable("ANSWER_PATH")?.into();
    let answer = move || {
        let body = body.clone();
        async move {
            let headers = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "public, max-age=10"),
            ];
            (headers, body)
        }
    };
    let router = Router::new()
        .route(&path, get(answer))
        .route("/health", get(async || "ok"));
    let address = (variable("LISTEN_ADDRESS")?, variable("PORT")?.parse()?);
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, router).await?;
    Ok(())
}
