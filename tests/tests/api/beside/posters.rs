//! Posters: an address that is signed for one image, used once; what is uploaded is what everybody sees.

use pathfinder_tests::api::stack::Person;
use reqwest::Method;
use serde_json::{Value, json};

use crate::beside::house;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest of an image";

async fn ask(person: &Person, tournament: &str, body: &Value) -> anyhow::Result<pathfinder_tests::api::Answer> {
    person
        .client
        .post(&format!("/api/tournaments/{tournament}/poster"), body)
        .await
}

#[tokio::test]
async fn an_owner_uploads_a_poster_once_and_everybody_sees_it() -> anyhow::Result<()> {
    let owner = Person::register(house().a.port, "owner").await?;
    let tournament = owner.create("Pictured", 8).await?;
    let body = json!({"contentType": "image/png", "bytes": PNG.len()});
    let granted = ask(&owner, &tournament, &body).await?.expect(201)?.json();
    let upload = &granted["upload"];
    let (url, poster) = (
        upload["url"].as_str().unwrap_or_default(),
        granted["posterUrl"].as_str().unwrap_or_default(),
    );
    assert_eq!(upload["method"], "PUT", "{granted}");
    let stranger = house().a.client()?;
    let put = async |url: String, bytes: &[u8]| stranger.upload((Method::PUT, &url), "image/png", bytes.to_vec()).await;
    let other_size = put(url.replace("bytes=", "bytes=1"), PNG).await?;
    assert!(matches!(other_size.status, 400 | 401 | 403 | 404), "{other_size:?}");
    let not_an_image = put(url.to_owned(), &[b'x'; 28][..PNG.len()]).await?;
    assert!(matches!(not_an_image.status, 400 | 415 | 422), "{not_an_image:?}");
    let kept = put(url.to_owned(), PNG).await?;
    assert!(matches!(kept.status, 200 | 201 | 204), "{kept:?}");
    let again = put(url.to_owned(), PNG).await?;
    assert!(matches!(again.status, 403 | 409 | 412), "{again:?}");
    let seen = stranger.expect(poster, 200).await?;
    assert_eq!(seen.header("content-type"), "image/png");
    assert!(seen.header("cache-control").contains("max-age="), "{seen:?}");
    assert_eq!(seen.header("x-content-type-options"), "nosniff");
    Ok(())
}

#[tokio::test]
async fn a_poster_that_may_not_be_is_refused() -> anyhow::Result<()> {
    let (owner, other) = (
        Person::register(house().a.port, "owner").await?,
        Person::register(house().a.port, "other").await?,
    );
    let tournament = owner.create("Pictured", 8).await?;
    let good = json!({"contentType": "image/png", "bytes": 1000});
    ask(&other, &tournament, &good).await?.expect(403)?;
    for body in [
        json!({"contentType": "text/html", "bytes": 1000}),
        json!({"contentType": "image/svg+xml", "bytes": 1000}),
        json!({"contentType": "image/png", "bytes": 0}),
        json!({"contentType": "image/png", "bytes": 100_000_000}),
        json!({"contentType": "image/png"}),
    ] {
        let answer = ask(&owner, &tournament, &body).await?;
        assert!(matches!(answer.status, 400 | 413 | 415 | 422), "{body}: {answer:?}");
    }
    Ok(())
}
