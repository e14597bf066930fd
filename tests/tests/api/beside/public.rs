//! What everybody may read: kept by caches, compressed, with an id for every request and headers that protect.

use pathfinder_tests::api::stack::Person;
use serde_json::json;

use crate::beside::house;

#[tokio::test]
async fn a_public_read_that_has_not_changed_is_not_sent_again() -> anyhow::Result<()> {
    let ada = Person::register(house().a.port, "ada").await?;
    let path = format!("/api/tournaments/{}", ada.create("Cup", 8).await?);
    for path in [&*path, "/api/tournaments?limit=1&game=nothing"] {
        let first = house().a.client()?.expect(path, 200).await?;
        let tag = first.header("etag").to_owned();
        assert!(
            !tag.is_empty() && first.header("cache-control").contains("max-age"),
            "{first:?}"
        );
        let again = house().a.client()?.with("if-none-match", &tag)?.get(path).await?;
        assert_eq!((again.status, &*again.text), (304, ""), "{again:?}");
    }
    let tag = house().a.client()?.expect(&path, 200).await?.header("etag").to_owned();
    ada.client
        .patch(&path, &json!({"name": "Other Cup"}))
        .await?
        .expect(200)?;
    let changed = ada.client.with("if-none-match", &tag)?.expect(&path, 200).await?;
    assert_ne!(changed.header("etag"), tag);
    Ok(())
}

#[tokio::test]
async fn answers_carry_the_request_id_and_protecting_headers() -> anyhow::Result<()> {
    let client = house().a.client()?.with("x-request-id", "proof-1")?;
    for (path, status) in [("/api/tournaments", 200), ("/api/users/me", 401), ("/api/nothing", 404)] {
        let answer = client.expect(path, status).await?;
        assert_eq!(answer.header("x-request-id"), "proof-1", "{path}: {answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}: {answer:?}");
    }
    let own = house().a.client()?.expect("/api/tournaments", 200).await?;
    assert!(!own.header("x-request-id").is_empty(), "{own:?}");
    Ok(())
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_understands() -> anyhow::Result<()> {
    let client = house().a.client()?;
    let plain = client.expect("/openapi.json", 200).await?;
    let squeezed = client
        .with("accept-encoding", "gzip")?
        .expect("/openapi.json", 200)
        .await?;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(squeezed.header("content-encoding"), "gzip");
    assert!(squeezed.text.len() < plain.text.len() / 2, "{}", squeezed.text.len());
    Ok(())
}

#[tokio::test]
async fn probes_and_metrics_answer_and_name_what_scaling_needs() -> anyhow::Result<()> {
    let client = house().a.client()?;
    let health = client.read("/health").await?;
    assert!(health["components"].is_object(), "{health}");
    client.expect("/ready", 200).await?;
    client.expect("/api/tournaments", 200).await?;
    let metrics = client.expect("/metrics", 200).await?.text;
    for name in [
        "http_requests_total",
        "http_request_duration_seconds_bucket",
        "database_query_duration_seconds_bucket",
        "database_connections_active",
        "cache_hit_rate",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "{name} is missing");
    }
    Ok(())
}
