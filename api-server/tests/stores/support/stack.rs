//! A server with its stores, and what tests of users ask of it.

use serde_json::Value;

use super::{Answer, Postgres, Redis, Server, get};

pub(crate) const LIST: &str = "/api/tournaments";

/// A server with its stores.
pub(crate) struct Stack {
    pub(crate) server: Server,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        let (postgres, redis) = tokio::join!(Postgres::start(), Redis::start());
        let server = Self::server(&postgres, &redis, &[]).await;
        Self {
            server,
            postgres,
            redis,
        }
    }

    pub(crate) async fn server(postgres: &Postgres, redis: &Redis, more: &[(&str, &str)]) -> Server {
        let (database, cache) = (postgres.url(), redis.url());
        let stores = [
            ("DATABASE_URL", &*database),
            ("REDIS_URL", &*cache),
            ("PASSWORDS_AT_ONCE", "2"),
        ];
        let server = Server::start(&[&stores, more].concat()).await;
        server.ready().await;
        server
    }
}

/// The status and the kind of a refusal.
pub(crate) fn problem(answer: &Answer) -> (u16, String) {
    let kind = answer.json()["type"].as_str().unwrap_or_default().to_owned();
    (answer.status, kind.replace("urn:pathfinder:problem:", ""))
}

pub(crate) fn path_of(tournament: &Value) -> String {
    format!("{LIST}/{}", tournament["id"].as_str().expect("an id"))
}

pub(crate) async fn read(server: &Server, path: &str) -> Value {
    let answer = get(server.port, path).await.expect("the server answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Whether so many requests are being answered now.
pub(crate) async fn in_flight(server: &Server, wanted: f64) -> Result<(), f64> {
    let seen = server.metric("http_requests_in_flight").await;
    if seen >= wanted { Ok(()) } else { Err(seen) }
}
