//! The primary is killed under load: reads go on, writes say 503 and when to try again, and all heals without a restart.

use std::time::Duration;

use pathfinder_tests::api::{
    Stack, soon,
    stack::{Person, draft},
    steady::Steady,
};
use tokio::time::sleep;

use crate::alone::{Names, confirms, missing, outcome, read, write};

const A_WHILE: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_and_writes_come_back_by_themselves() -> anyhow::Result<()> {
    let mut stack = Stack::start(&[]).await?;
    stack.seed(20, 100)?;
    let server = stack.serve(&[("CACHE_TTL_SECONDS", "1")]).await?;
    let person = Person::seeded(server.port, 1).await?;
    let id = person.create("Read", 8).await?;
    // Everybody's reads: what was written just now may be on the primary alone.
    let paths = ["/api/tournaments?limit=20".to_owned(), format!("/api/tournaments/{id}")];
    let stranger = server.client()?;
    soon("the replica to have it", async || stranger.expect(&paths[1], 200).await).await?;
    let readers = Steady::start(4, move |_, number| read(stranger.clone(), paths.clone(), number));
    let confirmed = Names::default();
    let (client, noted) = (person.client.clone(), confirmed.clone());
    let writers = Steady::start(2, move |task, number| {
        write(client.clone(), format!("written {task} {number}"), noted.clone())
    });
    sleep(A_WHILE).await;
    stack.primary.crash();
    sleep(A_WHILE).await;
    let during = person
        .client
        .post("/api/tournaments", &draft("refused", 4))
        .await?
        .expect(503)?;
    assert!(!during.header("retry-after").is_empty(), "{during:?}");
    stack.primary.resume().await?;
    confirms(&writers, 5).await?;
    sleep(Duration::from_secs(1)).await;
    let (answered, written) = (readers.stop().await, writers.stop().await);
    assert_eq!(answered.of("200"), answered.all(), "{answered:?}");
    assert!(answered.all() > 500, "{answered:?}");
    assert_eq!(written.of("201") + written.of("503"), written.all(), "{written:?}");
    assert!(
        written.of("503") > 0,
        "the primary was away, and no write noticed: {written:?}"
    );
    let lost = missing(&stack.primary, &confirmed)?;
    assert!(lost.is_empty(), "confirmed, and not there: {lost:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_to_the_primary_while_the_replica_is_away() -> anyhow::Result<()> {
    let mut stack = Stack::start(&[]).await?;
    stack.seed(5, 100)?;
    let server = stack.serve(&[("CACHE_TTL_SECONDS", "1")]).await?;
    let client = server.client()?;
    let load = Steady::start(4, move |_, number| {
        let client = client.clone();
        async move { outcome(client.get(&format!("/api/tournaments?limit={}", 1 + number % 50)).await) }
    });
    sleep(Duration::from_secs(1)).await;
    stack.replica.crash();
    sleep(A_WHILE).await;
    stack.replica.resume().await?;
    sleep(A_WHILE).await;
    let tally = load.stop().await;
    assert_eq!(tally.of("200"), tally.all(), "{tally:?}");
    assert!(tally.all() > 300, "{tally:?}");
    Ok(())
}
