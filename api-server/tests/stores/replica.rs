//! A primary with a streaming standby, both real: where reads go, what a user sees of their own writes, and what goes on
//! when one of the two is gone or they change places. Needs the Debian packages postgresql and redis-server.

use std::time::Duration;

use serde_json::json;

use crate::support::{LIST, Person, Postgres, Redis, Server, call, get, wait_for};

const FALLBACKS: &str = "database_replica_fallbacks_total";

struct Stack {
    server: Server,
    primary: Postgres,
    standby: Postgres,
    redis: Redis,
}

impl Stack {
    async fn start(delay: Duration) -> Self {
        let (primary, redis) = tokio::join!(Postgres::start(), Redis::start());
        let standby = Postgres::follow(&primary, delay).await;
        let server = Self::server(&primary, &standby, &redis).await;
        Self {
            server,
            primary,
            standby,
            redis,
        }
    }

    async fn server(primary: &Postgres, standby: &Postgres, redis: &Redis) -> Server {
        let server = Server::start(&[
            ("DATABASE_URL", &*primary.url()),
            ("DATABASE_REPLICA_URL", &standby.url()),
            ("REDIS_URL", &redis.url()),
            ("DATABASE_ACQUIRE_TIMEOUT_MILLIS", "1000"),
        ])
        .await;
        server.ready().await;
        server
    }
}

#[tokio::test]
async fn with_a_replica_that_lags_five_seconds_users_see_what_they_wrote_on_every_server() {
    let Stack {
        server,
        primary,
        standby,
        redis,
    } = &Stack::start(Duration::from_secs(5)).await;
    let other = &Stack::server(primary, standby, redis).await;
    let ada = Person::join(server, "Ada").await;
    let tournament = ada.create(server, "Cup", 4).await;
    let path = format!("{LIST}/{}", tournament["id"].as_str().expect("an id"));
    for server in [server, other] {
        let seen = get(server.port, &path).await.expect("the server answers");
        assert_eq!(seen.status, 200, "the one that was created: {seen:?}");
        let me = ada.call(server, "GET", "/api/users/me").await;
        assert_eq!(me.status, 200, "{me:?}");
    }
    let registered = ada.call(other, "POST", &format!("{path}/registrations")).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    for server in [server, other] {
        let own = ada.call(server, "GET", "/api/users/me/registrations").await.json();
        assert_eq!(own["items"][0]["tournamentName"], "Cup", "{own}");
        let all = get(server.port, &format!("{path}/registrations"))
            .await
            .expect("answers")
            .json();
        assert_eq!(all["items"][0]["name"], "Ada", "{all}");
    }
}

#[tokio::test]
async fn without_the_primary_reads_go_on_and_writes_are_refused_until_it_is_back() {
    let Stack {
        server,
        mut primary,
        standby: _standby,
        redis: _redis,
    } = Stack::start(Duration::ZERO).await;
    let ada = Person::join(&server, "Ada").await;
    let tournament = ada.create(&server, "Cup", 4).await;
    let path = format!("{LIST}/{}", tournament["id"].as_str().expect("an id"));
    primary.crash();
    wait_for("refusal of writes", async || {
        let health = get(server.port, "/health").await.expect("alive").json();
        let state = health["components"]["database"]["status"].clone();
        if state == "read-only" { Ok(()) } else { Err(health) }
    })
    .await;
    assert!(
        server.expect_status("/ready", 200).await.is_ok(),
        "reads should still come here"
    );
    for _ in 0..20 {
        let seen = get(server.port, &path).await.expect("the server answers");
        assert_eq!(seen.status, 200, "{seen:?}");
        let me = ada.call(&server, "GET", "/api/users/me").await;
        assert_eq!(me.status, 200, "{me:?}");
        let refused = ada.call(&server, "POST", &format!("{path}/registrations")).await;
        assert_eq!(
            (refused.status, &*refused.headers["retry-after"]),
            (503, "1"),
            "{refused:?}"
        );
    }
    primary.resume().await;
    wait_for("writes again", async || {
        let registered = ada.call(&server, "POST", &format!("{path}/registrations")).await;
        if registered.status == 201 {
            Ok(())
        } else {
            Err(registered)
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_replica_reads_go_to_the_primary_and_are_counted() {
    let Stack {
        server,
        primary: _primary,
        mut standby,
        redis: _redis,
    } = Stack::start(Duration::ZERO).await;
    let ada = Person::join(&server, "Ada").await;
    assert!(server.metric(FALLBACKS).await < 1.0);
    standby.crash();
    for _ in 0..5 {
        let page = get(server.port, &format!("{LIST}?startsAfter=2031-01-01T00:00:00Z")).await;
        assert_eq!(page.expect("the server answers").status, 200);
        let own = ada.call(&server, "GET", "/api/users/me/registrations").await;
        assert_eq!(own.status, 200, "{own:?}");
    }
    wait_for("counted fallback", async || {
        let path = format!("{LIST}?game={}", uuid::Uuid::new_v4().simple());
        assert_eq!(get(server.port, &path).await.expect("the server answers").status, 200);
        let fallbacks = server.metric(FALLBACKS).await;
        if fallbacks >= 1.0 { Ok(()) } else { Err(fallbacks) }
    })
    .await;
    standby.resume().await;
    wait_for("reads from the replica", async || {
        let before = server.metric(FALLBACKS).await;
        let path = format!("{LIST}?game={}", uuid::Uuid::new_v4().simple());
        assert_eq!(get(server.port, &path).await.expect("the server answers").status, 200);
        let after = server.metric(FALLBACKS).await;
        if after <= before { Ok(()) } else { Err(after) }
    })
    .await;
}

#[tokio::test]
async fn a_primary_address_that_leads_to_a_standby_takes_writes_as_soon_as_it_is_promoted() {
    let Stack {
        primary,
        standby,
        redis,
        ..
    } = &Stack::start(Duration::ZERO).await;
    // As after a failover that is not over: the Service of the primary leads to a server that still follows.
    let server = Server::start(&[
        ("DATABASE_URL", &*standby.url()),
        ("DATABASE_REPLICA_URL", &primary.url()),
        ("REDIS_URL", &redis.url()),
    ])
    .await;
    wait_for("the read-only state", async || {
        let health = get(server.port, "/health").await.expect("alive").json();
        let state = health["components"]["database"]["status"].clone();
        if state == "read-only" { Ok(()) } else { Err(health) }
    })
    .await;
    let sign_up = json!({"email": "ada@example.com", "name": "Ada", "password": "correct horse"});
    let sign_up = call("POST", "/api/users").json(sign_up);
    let refused = sign_up.send(server.port).await.expect("the server answers");
    assert_eq!(refused.status, 503, "{refused:?}");
    standby.execute("select pg_promote()").await;
    wait_for("a write to the promoted server", async || {
        let answer = sign_up.send(server.port).await.expect("the server answers");
        if answer.status == 201 { Ok(()) } else { Err(answer) }
    })
    .await;
    assert_eq!(standby.count("select count(*) from users").await, 1);
    assert_eq!(primary.count("select count(*) from users").await, 0);
}
