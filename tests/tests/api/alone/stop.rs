//! SIGTERM under load: every request that was sent is answered, what was confirmed is there, and the process ends well.

use std::{sync::Arc, time::Duration};

use pathfinder_tests::api::{
    Stack,
    balancer::Balancer,
    live::Spectator,
    raw, soon,
    stack::{Person, draft},
    steady::Steady,
};
use tokio::time::sleep;

use crate::alone::outcome;

const A_WHILE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_servers_come_and_go() -> anyhow::Result<()> {
    let stack = Stack::start(&[]).await?;
    stack.seed(20, 100)?;
    let (mut first, second) = (stack.serve(&[]).await?, stack.serve(&[]).await?);
    let balancer = Arc::new(Balancer::before(&[first.port, second.port])?);
    let person = Person::seeded(first.port, 1).await?;
    let load = Steady::start(12, move |task, number| {
        let client = person.client.at(balancer.pick());
        async move {
            if task < 4 {
                let draft = draft(&format!("written {task} {number}"), 4);
                outcome(client.post("/api/tournaments", &draft).await)
            } else {
                outcome(client.get("/api/tournaments?limit=20").await)
            }
        }
    });
    sleep(A_WHILE).await;
    first.terminate()?;
    let status = first.ended().await?;
    assert!(status.success(), "{status}: {}", first.log());
    sleep(A_WHILE).await;
    let tally = load.stop().await;
    assert_eq!(tally.of("200") + tally.of("201"), tally.all(), "{tally:?}");
    assert!(tally.all() > 500, "{tally:?}");
    let there = stack
        .primary
        .query("select count(*) from tournaments where name like 'written %'")?;
    assert_eq!(
        there,
        tally.of("201").to_string(),
        "confirmed and not there, or there twice"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_on_its_way_is_finished_and_spectators_are_sent_elsewhere() -> anyhow::Result<()> {
    let stack = Stack::start(&[]).await?;
    let mut server = stack.serve(&[("DRAIN_DELAY_SECONDS", "3")]).await?;
    let person = Person::register(server.port, "owner").await?;
    let id = person.create("Watched", 4).await?;
    let mut spectator = Spectator::watch(server.port, &format!("/api/tournaments/{id}/live")).await?;
    let held = stack.primary.lock("exclusive").await?;
    let client = person.client.clone();
    let slow = tokio::spawn(async move { client.post("/api/tournaments", &draft("slow", 4)).await });
    stack.primary.waiting(1).await?;
    // Made now: the time until nothing is accepted any more is short.
    let client = server.client()?;
    server.terminate()?;
    soon("not ready", async || {
        // A probe's answer names its reasons and is no problem document.
        let answer = client.get("/ready").await?;
        anyhow::ensure!(answer.status == 503, "{answer:?}");
        anyhow::Ok(())
    })
    .await?;
    assert_eq!(spectator.closed().await?, 1001);
    soon("connections to be refused", async || {
        match raw::connect(server.port).await {
            Ok(_) => Err("accepted"),
            Err(_) => Ok(()),
        }
    })
    .await?;
    drop(held);
    slow.await??.expect(201)?;
    let status = server.ended().await?;
    assert!(status.success(), "{status}: {}", server.log());
    Ok(())
}
