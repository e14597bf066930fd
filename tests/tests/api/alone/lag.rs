//! The replica is five seconds behind: everybody sees what they wrote themselves, at once and at every server.

use std::time::{Duration, Instant};

use pathfinder_tests::api::{Stack, soon, stack::Person};
use serde_json::json;

const LAG: &str = "recovery_min_apply_delay=5s";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_sees_their_own_writes_although_the_replica_lags() -> anyhow::Result<()> {
    let stack = Stack::start(&[LAG]).await?;
    let servers = [stack.serve(&[]).await?, stack.serve(&[]).await?];
    let owner = Person::register(servers[0].port, "owner").await?;
    // The tables themselves must have reached the replica, or every read falls back to the primary.
    soon("the replica to have tables", async || {
        stack
            .replica
            .query("select count(*) from registrations")
            .map_err(|error| error.to_string())
    })
    .await?;
    let wrote = Instant::now();
    let id = owner.create("Mine", 4).await?;
    let path = format!("/api/tournaments/{id}");
    owner
        .client
        .post(&format!("{path}/registrations"), &json!({}))
        .await?
        .expect(201)?;
    owner
        .client
        .patch(&path, &json!({"name": "Mine, renamed"}))
        .await?
        .expect(200)?;
    for server in &servers {
        let client = owner.client.at(server.port);
        assert_eq!(client.read(&path).await?["name"], "Mine, renamed");
        let mine = client.expect("/api/users/me/registrations", 200).await?;
        assert!(mine.text.contains(&id), "{mine:?}");
    }
    let count = format!("select count(*) from tournaments where id = '{id}'");
    let behind = stack.replica.query(&count)?;
    assert!(
        wrote.elapsed() < Duration::from_secs(4),
        "too slow to prove anything: {:?}",
        wrote.elapsed()
    );
    assert_eq!(
        (&*behind, &*stack.primary.query(&count)?),
        ("0", "1"),
        "the replica must lag, or this proves nothing"
    );
    soon("the replica to catch up", async || {
        let rows = stack.replica.query(&count).map_err(|error| error.to_string())?;
        if rows == "1" { Ok(()) } else { Err(rows) }
    })
    .await?;
    servers[1].client()?.expect(&path, 200).await?;
    Ok(())
}
