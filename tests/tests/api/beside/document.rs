//! The OpenAPI document: what it says is there, and thousands of requests made from it find no 5xx.

use std::{env, process::Command, time::Duration};

use anyhow::Context;
use pathfinder_tests::{
    api::{schemathesis, stack::Person},
    cluster::process,
};

use crate::beside::house;

const ROUTES: &[(&str, &[&str])] = &[
    ("/api/users", &["post"]),
    ("/api/users/me", &["get"]),
    ("/api/users/me/password", &["put"]),
    ("/api/users/me/registrations", &["get"]),
    ("/api/sessions", &["post", "get", "delete"]),
    ("/api/sessions/current", &["get", "delete"]),
    ("/api/sessions/{id}", &["delete"]),
    ("/api/tournaments", &["get", "post"]),
    ("/api/tournaments/{id}", &["get", "patch"]),
    ("/api/tournaments/{id}/cancel", &["post"]),
    ("/api/tournaments/{id}/registrations", &["get", "post"]),
    ("/api/tournaments/{id}/registrations/me", &["delete"]),
    ("/api/tournaments/{id}/leaderboard", &["get"]),
    ("/api/tournaments/{id}/scores/{userId}", &["put"]),
    ("/api/tournaments/{id}/live", &["get"]),
    ("/api/tournaments/{id}/poster", &["post"]),
    ("/api/payments/{id}", &["get"]),
    ("/api/payments/webhook", &["post"]),
];

#[tokio::test]
async fn the_document_names_every_route() -> anyhow::Result<()> {
    let document = house().a.client()?.read("/openapi.json").await?;
    let missing: Vec<String> = ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(move |method| (*path, *method)))
        .filter(|(path, method)| !document["paths"][path][method].is_object())
        .map(|(path, method)| format!("{method} {path}"))
        .collect();
    assert!(missing.is_empty(), "not in the document: {missing:?}");
    Ok(())
}

#[tokio::test]
async fn requests_made_from_the_document_find_no_server_error() -> anyhow::Result<()> {
    let program = env::var_os(schemathesis::PROGRAM).context("run the suite with `cargo dev test api`")?;
    // A server of its own: it is the one that gets everything that the fuzzer thinks of.
    let server = house().stack.serve(&[]).await?;
    let fuzzer = Person::register(server.port, "fuzzer").await?;
    let mut fuzz = Command::new(program);
    fuzz.args(schemathesis::words(server.port, &fuzzer.token))
        .current_dir(house().stack.files.path());
    // Off the thread that the other tests' time is kept by.
    let said = tokio::task::spawn_blocking(|| process::read_within(fuzz, Duration::from_secs(150))).await?;
    said.with_context(|| format!("the server said: {}", tail(&server.log())))?;
    server.client()?.expect("/api/tournaments", 200).await?;
    Ok(())
}

fn tail(log: &str) -> &str {
    let from = log.len().saturating_sub(3000);
    log.get(from..).unwrap_or(log)
}
