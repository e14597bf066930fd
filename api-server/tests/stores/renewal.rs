//! What Redis keeps past its time.

use std::sync::Arc;
use std::time::Duration;

use pathfinder_api::cache::aside::Aside;
use pathfinder_api::cache::entry::Entry;
use pathfinder_api::cache::redis::Redis as Client;
use pathfinder_api::config::CacheConfig;
use pathfinder_api::metrics::Metrics;
use redis::cmd;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::{Redis, wait_for};

const TTL: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of its own, that asks Redis each time.
fn server(client: &Arc<Client>) -> Aside {
    let config = CacheConfig {
        url: None,
        ttl: TTL,
        local_ttl: Duration::ZERO,
        local_bytes: 1024 * 1024,
        timeout: Duration::from_secs(1),
    };
    Aside::new(&config, Some(Arc::clone(client)), Arc::new(Metrics::default()))
}

/// What it answers; where it has to load, when it may.
async fn ask(server: &Aside, (body, may): (&'static str, &Arc<Notify>)) -> String {
    let may = Arc::clone(may);
    let load = move |_| async move {
        may.notified().await;
        Ok(Some(body.as_bytes().to_vec()))
    };
    let asked = timeout(PATIENCE, server.get_or_load(Entry::new("tag", "key"), load)).await;
    let answer = asked.expect("nobody waits").expect("loads").expect("is there");
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test]
async fn an_entry_past_its_time_answers_at_once_and_is_renewed_behind_whoever_asked() {
    let redis = Redis::start().await;
    let client = Arc::new(Client::new(&redis.url().into(), PATIENCE / 6).expect("an address"));
    wait_for("answer of Redis", async || client.run::<String>(cmd("PING")).await).await;
    let go = Arc::new(Notify::new());
    go.notify_one();
    assert_eq!(ask(&server(&client), ("old", &go)).await, "old");
    let keys: Vec<String> = client.run(cmd("KEYS").arg("*:entry:*").to_owned()).await.expect("keys");
    let left = async || -> u64 { client.run(cmd("PTTL").arg(&keys).to_owned()).await.expect("a time") };
    // Kept for as long again as it is fresh.
    let kept = left().await;
    wait_for("the end of its time", async || {
        let left = left().await;
        if left < kept / 2 { Ok(()) } else { Err(left) }
    })
    .await;
    for _ in 0..3 {
        assert_eq!(ask(&server(&client), ("new", &go)).await, "old");
    }
    go.notify_one();
    wait_for("the renewed entry", async || {
        let answer = ask(&server(&client), ("nobody else's", &go)).await;
        if answer == "new" { Ok(()) } else { Err(answer) }
    })
    .await;
}
