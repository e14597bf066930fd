//! Every connection to the database is busy: who waits is told 503 in time, and nobody waits for ever.

use std::time::{Duration, Instant};

use pathfinder_tests::api::{Stack, soon};

const ASKED: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_pool_answers_503_after_a_bounded_wait_and_recovers() -> anyhow::Result<()> {
    let stack = Stack::start(&[]).await?;
    stack.seed(5, 100)?;
    let server = stack
        .serve(&[
            ("DATABASE_REPLICA_URL", ""),
            ("REDIS_URL", ""),
            ("DATABASE_PRIMARY_MAX_CONNECTIONS", "2"),
            ("DATABASE_PRIMARY_MIN_CONNECTIONS", "1"),
            ("CACHE_TTL_SECONDS", "1"),
        ])
        .await?;
    let held = stack.primary.lock("access exclusive").await?;
    let client = server.client()?;
    let asked = (0..ASKED).map(|number| {
        let client = client.clone();
        // Each another page, so that no two are one question.
        tokio::spawn(async move {
            let started = Instant::now();
            let answer = client.get(&format!("/api/tournaments?limit={}", 1 + number)).await;
            (answer, started.elapsed())
        })
    });
    for answer in futures::future::try_join_all(asked).await? {
        let (answer, took) = (answer.0?.expect(503)?, answer.1);
        assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
        // At most the wait for a connection and the longest statement.
        assert!(took < Duration::from_secs(9), "{took:?}");
    }
    client.expect("/health", 200).await?;
    drop(held);
    soon("reads to succeed again", async || {
        client.expect("/api/tournaments?limit=7", 200).await
    })
    .await?;
    Ok(())
}
