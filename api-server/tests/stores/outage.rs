//! The real program against a real PostgreSQL and a real Redis, each started by its test on loopback: what clients see
//! while stores come, go and come back. Needs the Debian packages postgresql and redis-server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::{LIST, PASSWORD, Person, Postgres, Redis, Server, get, in_flight, read, wait_for};

const CHECKS: &str = r#"database_query_duration_seconds_count{query_type="check"}"#;
const HITS: &str = r#"cache_requests_total{outcome="hit"}"#;
/// A tournament that is there without anybody having created it.
const PLANT: &str = "insert into tournaments (id, name, game, seats, starts_at, created_at)
    values (gen_random_uuid(), 'planted', 'chess', 16, now() + interval '1 day', now())";

fn names(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn what_is_created_is_listed_page_by_page_and_found_by_its_id() {
    let (postgres, redis) = (Postgres::start().await, Redis::start().await);
    let server = Server::start(&[("DATABASE_URL", &postgres.url()), ("REDIS_URL", &redis.url())]).await;
    server.ready().await;
    assert_eq!(read(&server, LIST).await, json!({"items": [], "nextCursor": null}));
    let (owner, mut created) = (Person::join(&server, "Ada").await, Vec::new());
    for name in ["first", "second", "third"] {
        created.push(owner.create(&server, name, 16).await);
    }
    let page = read(&server, &format!("{LIST}?limit=2")).await;
    assert_eq!(
        names(&page),
        ["third", "second"],
        "the list is newest first, and a creation is seen at once"
    );
    let cursor = page["nextCursor"].as_str().expect("a third item follows");
    let last = read(&server, &format!("{LIST}?limit=2&cursor={cursor}")).await;
    assert_eq!(last, json!({"items": [created[0].clone()], "nextCursor": null}));
    for tournament in &created {
        let path = format!("{LIST}/{}", tournament["id"].as_str().expect("an id"));
        assert_eq!(
            &read(&server, &path).await,
            tournament,
            "the answer to the creation is what is kept"
        );
    }
    let unknown = get(server.port, &format!("{LIST}/00000000-0000-7000-8000-000000000000")).await;
    assert_eq!(unknown.expect("the server answers").status, 404);
    assert!(
        server
            .metric(r#"database_query_duration_seconds_count{query_type="create_tournament"}"#)
            .await
            >= 3.0
    );
    assert!(server.metric(r#"database_connections_max{pool="primary"}"#).await >= 20.0);
}

#[tokio::test]
async fn a_second_reading_is_served_by_redis_until_a_creation() {
    let (postgres, redis) = (Postgres::start().await, Redis::start().await);
    let environment = [
        ("DATABASE_URL", &*postgres.url()),
        ("REDIS_URL", &redis.url()),
        ("CACHE_TTL_SECONDS", "600"),
    ];
    let server = Server::start(&environment).await;
    let other = Server::start(&environment).await;
    server.ready().await;
    other.ready().await;
    let owner = Person::join(&server, "Ada").await;
    let tournament = owner.create(&server, "kept", 16).await;
    let path = format!("{LIST}/{}", tournament["id"].as_str().expect("an id"));
    let first = (read(&server, LIST).await, read(&server, &path).await);
    postgres
        .execute("update tournaments set name = 'changed behind the cache'")
        .await;
    assert_eq!((read(&server, LIST).await, read(&server, &path).await), first);
    assert_eq!(
        (read(&other, LIST).await, read(&other, &path).await),
        first,
        "servers share the cache"
    );
    assert!(server.metric(HITS).await >= 2.0);
    assert!(server.metric("cache_hit_rate").await > 0.0);
    owner.create(&other, "new", 16).await;
    let expected = ["new", "changed behind the cache"];
    assert_eq!(names(&read(&other, LIST).await), expected, "a creation clears the list");
    wait_for("the creation on the other server", async || {
        let page = read(&server, LIST).await;
        if names(&page) == expected { Ok(()) } else { Err(page) }
    })
    .await;
}

#[tokio::test]
async fn without_redis_reads_are_right_signed_in_users_may_look_and_the_cache_comes_back() {
    let (postgres, mut redis) = (Postgres::start().await, Redis::start().await);
    let server = Server::start(&[("DATABASE_URL", &postgres.url()), ("REDIS_URL", &redis.url())]).await;
    server.ready().await;
    let owner = Person::join(&server, "Ada").await;
    owner.create(&server, "before", 16).await;
    assert_eq!(names(&read(&server, LIST).await), ["before"]);
    redis.crash();
    postgres.execute(PLANT).await;
    wait_for("the planted tournament", async || {
        let page = read(&server, LIST).await;
        if names(&page).len() == 2 { Ok(()) } else { Err(page) }
    })
    .await;
    assert!(server.metric(r#"cache_requests_total{outcome="bypass"}"#).await > 0.0);
    assert!(server.expect_status("/ready", 200).await.is_ok());
    let health = read(&server, "/health").await;
    assert_eq!(health["components"]["cache"]["status"], "unavailable", "{health}");

    let me = owner.call(&server, "GET", "/api/users/me").await;
    assert_eq!(me.status, 200, "a signature is enough to look: {me:?}");
    let draft = json!({"name": "during", "game": "chess", "seats": 16, "startsAt": "2030-01-01T00:00:00Z"});
    let refused = owner.send(&server, ("POST", LIST), draft).await;
    assert_eq!(refused.status, 503, "but not to change something: {refused:?}");
    let refused = Person::try_sign_in(&server, &owner.email, PASSWORD).await;
    assert_eq!(
        (refused.status, &*refused.headers["retry-after"]),
        (503, "1"),
        "{refused:?}"
    );

    redis.resume().await;
    wait_for("signing in after Redis returned", async || {
        let answer = Person::try_sign_in(&server, &owner.email, PASSWORD).await;
        if answer.status == 201 { Ok(()) } else { Err(answer) }
    })
    .await;
    wait_for("the cache", async || {
        let health = read(&server, "/health").await;
        let state = health["components"]["cache"]["status"].clone();
        if state == "ready" { Ok(()) } else { Err(health) }
    })
    .await;
    let me = owner.call(&server, "GET", "/api/users/me").await;
    assert_eq!(me.status, 401, "the empty Redis knows no session: {me:?}");
}

#[tokio::test]
async fn a_frozen_redis_costs_at_most_a_few_timeouts() {
    let (postgres, redis) = (Postgres::start().await, Redis::start().await);
    let server = Server::start(&[("DATABASE_URL", &postgres.url()), ("REDIS_URL", &redis.url())]).await;
    server.ready().await;
    assert_eq!(names(&read(&server, LIST).await), [""; 0]);
    redis.freeze();
    let started = Instant::now();
    for _ in 0..100 {
        assert_eq!(names(&read(&server, LIST).await), [""; 0]);
    }
    let elapsed = started.elapsed();
    // Without a circuit each of them would wait at least one timeout of 100 ms.
    assert!(
        elapsed < Duration::from_secs(8),
        "100 readings beside a frozen Redis took {elapsed:?}"
    );
}

#[tokio::test]
async fn a_server_that_starts_before_its_database_waits_for_it_and_then_migrates_it() {
    let mut postgres = Postgres::prepare();
    let server = Server::start(&[("DATABASE_URL", &postgres.url())]).await;
    let reasons = server.not_ready().await;
    assert!(reasons.contains("waiting for the database"), "{reasons}");
    let answer = get(server.port, LIST).await.expect("the server answers");
    assert_eq!(answer.status, 503, "{answer:?}");
    postgres.resume().await;
    server.ready().await;
    postgres.execute(PLANT).await;
    assert_eq!(names(&read(&server, LIST).await), ["planted"]);
}

#[tokio::test]
async fn a_server_that_loses_its_database_says_so_and_recovers_without_a_restart() {
    let mut postgres = Postgres::start().await;
    let server = Server::start(&[("DATABASE_URL", &postgres.url())]).await;
    server.ready().await;
    postgres.execute(PLANT).await;
    postgres.crash();
    let reasons = server.not_ready().await;
    assert!(reasons.contains("the database does not answer"), "{reasons}");
    let answer = get(server.port, LIST).await.expect("the server answers");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        server.expect_status("/health", 200).await.is_ok(),
        "a lost database must not restart servers"
    );
    postgres.resume().await;
    server.ready().await;
    assert_eq!(names(&read(&server, LIST).await), ["planted"]);
}

#[tokio::test]
async fn a_server_whose_connections_are_all_busy_stays_ready() {
    let postgres = Postgres::start().await;
    let environment = [
        ("DATABASE_URL", &*postgres.url()),
        ("DATABASE_PRIMARY_MAX_CONNECTIONS", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT_MILLIS", "1000"),
    ];
    let server = Server::start(&environment).await;
    server.ready().await;
    let mut blocker = postgres.connect().await.expect("PostgreSQL runs");
    let mut lock = blocker.begin().await.expect("a transaction");
    sqlx::raw_sql("lock table tournaments")
        .execute(&mut *lock)
        .await
        .expect("nobody else locks");
    let port = server.port;
    let busy = tokio::spawn(async move { get(port, LIST).await });
    wait_for("request that waits for the lock", async || {
        in_flight(&server, 1.0).await
    })
    .await;
    // Another page: the same one would wait for the same loading.
    let second = get(server.port, &format!("{LIST}?limit=5")).await;
    let second = second.expect("the server answers");
    assert_eq!(second.status, 503, "no free connection: {second:?}");
    // Longer than two looks at the database: each finds the pool exhausted and the database alive.
    let looked_since = server.metric(CHECKS).await;
    wait_for("two more looks at the database", async || {
        let looks = server.metric(CHECKS).await;
        assert!(server.expect_status("/ready", 200).await.is_ok());
        if looks >= looked_since + 2.0 {
            Ok(())
        } else {
            Err(looks)
        }
    })
    .await;
    lock.rollback().await.expect("the lock goes");
    busy.await.expect("no panic").expect("the server answers");
}
