//! Posters, from the announcement to the image in a browser.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::people::{Person, url};
use crate::support::{Postgres, Redis, Server};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand what else is in an image";

struct World {
    _postgres: Postgres,
    _redis: Redis,
    server: Server,
    owner: Person,
    tournament: String,
}

impl World {
    async fn new() -> Self {
        let (postgres, redis) = (Postgres::start().await, Redis::start().await);
        let folder = std::env::temp_dir().join(format!("pathfinder-posters-{}", uuid::Uuid::new_v4().simple()));
        let environment = [
            ("DATABASE_URL", &*postgres.url()),
            ("REDIS_URL", &redis.url()),
            ("POSTERS_DIRECTORY", folder.to_str().expect("text")),
        ];
        let server = Server::start(&environment).await;
        server.ready().await;
        let owner = Person::new(&server, "owner").await;
        let tournament = owner.tournament(2, None).await;
        Self {
            _postgres: postgres,
            _redis: redis,
            server,
            owner,
            tournament,
        }
    }

    async fn announce(&self, who: &Person, content_type: &str, bytes: usize) -> (StatusCode, Value) {
        let draft = json!({"contentType": content_type, "bytes": bytes});
        let answer = who
            .send(Method::POST, &format!("{}/poster", self.tournament), Some(&draft))
            .await;
        (answer.status(), answer.json().await.expect("JSON"))
    }

    async fn put(&self, path: &str, content_type: &str, body: &[u8]) -> StatusCode {
        let request = Client::new()
            .put(url(&self.server, path))
            .header("content-type", content_type);
        request.body(body.to_vec()).send().await.expect("an answer").status()
    }
}

#[tokio::test]
async fn a_poster_is_uploaded_once_by_its_owner_and_seen_by_everybody() {
    let world = World::new().await;
    let (status, place) = world.announce(&world.owner, "image/png", PNG.len()).await;
    assert_eq!(status, StatusCode::CREATED, "{place}");
    let address = place["upload"]["url"].as_str().expect("an address");
    assert_eq!(place["upload"]["headers"]["content-type"], "image/png");
    let image = url(&world.server, place["posterUrl"].as_str().expect("an address"));
    let tournament = Client::new().get(url(&world.server, &world.tournament)).send().await;
    let tournament: Value = tournament.expect("an answer").json().await.expect("JSON");
    assert_eq!(tournament["posterUrl"], place["posterUrl"], "the tournament names it");
    assert_eq!(Client::new().get(&image).send().await.expect("an answer").status(), 404);
    assert_eq!(world.put(address, "image/png", b"too short").await, 415);
    assert_eq!(world.put(address, "image/webp", PNG).await, 415);
    assert_eq!(
        world.put(address, "image/png", &vec![b'x'; PNG.len()]).await,
        415,
        "no image"
    );
    assert_eq!(world.put(address, "image/png", PNG).await, 204);
    assert_eq!(
        world.put(address, "image/png", PNG).await,
        409,
        "an address is good once"
    );
    let seen = Client::new().get(&image).send().await.expect("an answer");
    assert_eq!(seen.headers()["content-type"], "image/png");
    assert_eq!(seen.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(seen.headers()["x-content-type-options"], "nosniff");
    let etag = seen.headers()["etag"].clone();
    assert_eq!(seen.bytes().await.expect("a body"), PNG);
    let again = Client::new()
        .get(&image)
        .header("if-none-match", etag)
        .send()
        .await
        .expect("an answer");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn only_images_of_a_bounded_size_and_only_the_owner() {
    let world = World::new().await;
    for (content_type, bytes, field) in [
        ("image/svg+xml", 10, "contentType"),
        ("text/html", 10, "contentType"),
        ("image/png", 0, "bytes"),
        ("image/png", 6 * 1024 * 1024, "bytes"),
    ] {
        let (status, problem) = world.announce(&world.owner, content_type, bytes).await;
        assert_eq!(status, 422);
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let guest = Person::new(&world.server, "guest").await;
    assert_eq!(world.announce(&guest, "image/png", 10).await.0, 403);
}

#[tokio::test]
async fn forged_addresses_and_path_tricks_lead_nowhere() {
    let world = World::new().await;
    let (_, place) = world.announce(&world.owner, "image/png", PNG.len()).await;
    let address = place["upload"]["url"].as_str().expect("an address");
    let larger = address.replace(&format!("bytes={}", PNG.len()), "bytes=5000000");
    assert_eq!(world.put(&larger, "image/png", PNG).await, 403);
    let longer = address.replace("expires=1", "expires=9");
    assert_eq!(world.put(&longer, "image/png", PNG).await, 403);
    let query = address.split_once('?').expect("a query").1;
    let other = "/uploads/0197b5b26c6e7d7a8d317a3f0c9d5e21.png";
    assert_eq!(world.put(&format!("{other}?{query}"), "image/png", PNG).await, 403);
    for path in [
        "/posters/..%2f..%2fetc%2fpasswd",
        "/posters/%2e%2e",
        "/posters/0197b5b26c6e7d7a8d317a3f0c9d5e21.png%00",
        "/posters/0197b5b26c6e7d7a8d317a3f0c9d5e21.png",
    ] {
        let answer = Client::new()
            .get(url(&world.server, path))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(
        world
            .put(&format!("/uploads/..%2fx.png?{query}"), "image/png", PNG)
            .await,
        404
    );
}
