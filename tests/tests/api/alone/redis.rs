//! Redis is killed, comes back empty, is frozen: reads never fail, logins say that they cannot be, and it heals by itself.

use std::time::Duration;

use pathfinder_tests::api::{
    Stack, soon,
    stack::{Person, seeded},
    steady::Steady,
};
use serde_json::json;
use tokio::time::sleep;

use crate::alone::{outcome, read};

const A_WHILE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_know_nothing_of_a_redis_that_dies_and_returns() -> anyhow::Result<()> {
    let mut stack = Stack::start(&[]).await?;
    stack.seed(20, 100)?;
    // A short life of what is cached, so that the reads do go to the stores.
    let server = stack.serve(&[("CACHE_TTL_SECONDS", "1")]).await?;
    let person = Person::seeded(server.port, 1).await?;
    let id = person.create("Read", 8).await?;
    let paths = ["/api/tournaments?limit=20".to_owned(), format!("/api/tournaments/{id}")];
    let client = person.client.clone();
    let load = Steady::start(8, move |_, number| read(client.clone(), paths.clone(), number));
    sleep(A_WHILE).await;
    stack.redis.crash();
    soon("health to say so", async || {
        let health = server.client()?.read("/health").await?;
        anyhow::ensure!(health["components"]["cache"]["status"] == "unavailable", "{health}");
        anyhow::Ok(())
    })
    .await?;
    let (email, password) = seeded(2);
    let login = json!({"email": email, "password": password});
    let refused = server.client()?.post("/api/sessions", &login).await?.expect(503)?;
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    // Who has a token that is signed right may read on.
    person.client.expect("/api/users/me/registrations", 200).await?;
    server.client()?.expect("/ready", 200).await?;
    sleep(A_WHILE).await;
    stack.redis.resume().await?;
    soon("a login", async || {
        server.client()?.post("/api/sessions", &login).await?.expect(201)
    })
    .await?;
    let back = load.so_far().all();
    sleep(A_WHILE).await;
    let tally = load.stop().await;
    assert_eq!(tally.of("200"), tally.all(), "{tally:?}");
    assert!(tally.all() > back + 100, "the load must go on to the end: {tally:?}");
    assert!(tally.slowest < Duration::from_secs(2), "{tally:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_wait_a_blink_for_a_redis_that_is_frozen() -> anyhow::Result<()> {
    let stack = Stack::start(&[]).await?;
    stack.seed(5, 100)?;
    let server = stack.serve(&[("CACHE_TTL_SECONDS", "1")]).await?;
    let client = server.client()?;
    let load = Steady::start(8, move |_, number| {
        let client = client.clone();
        async move { outcome(client.get(&format!("/api/tournaments?limit={}", 1 + number % 50)).await) }
    });
    sleep(Duration::from_secs(1)).await;
    stack.redis.freeze()?;
    sleep(A_WHILE).await;
    let tally = load.stop().await;
    assert_eq!(tally.of("200"), tally.all(), "{tally:?}");
    assert!(tally.slowest < Duration::from_secs(2), "{tally:?}");
    assert!(tally.all() > 300, "{tally:?}");
    Ok(())
}
