//! How the real program begins and ends, against a real PostgreSQL and a real Redis: its schema, SIGTERM, deadlines, old
//! connections, and what it never says. Needs the Debian packages postgresql and redis-server.

use std::time::{Duration, Instant};

use sqlx::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{LIST, PASSWORD, Person, Postgres, Redis, Server, get, in_flight, run, wait_for};

#[tokio::test]
async fn servers_that_start_together_migrate_once() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    let environment = [("DATABASE_URL", &*url)];
    let (one, two) = tokio::join!(Server::start(&environment), Server::start(&environment));
    tokio::join!(one.ready(), two.ready());
    let applied = "select count(*) from _sqlx_migrations where success";
    let before = postgres.count(applied).await;
    assert_eq!(
        before,
        postgres
            .count("select count(distinct version) from _sqlx_migrations")
            .await
    );
    for log in [one.log(), two.log()] {
        assert!(!log.contains(r#""level":"ERROR""#), "{log}");
    }
    let (status, log) = run("migrate", &[], &environment);
    assert!(status.success(), "{log}");
    assert_eq!(
        postgres.count(applied).await,
        before,
        "a second migration changes nothing"
    );
}

#[tokio::test]
async fn a_schema_from_the_future_is_served() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    let environment = [("DATABASE_URL", &*url)];
    let (status, log) = run("migrate", &[], &environment);
    assert!(status.success(), "{log}");
    postgres
        .execute("insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'later', true, '', 0)")
        .await;
    let (status, log) = run("migrate", &[], &environment);
    assert!(status.success(), "{log}");
    Server::start(&environment).await.ready().await;
}

#[test]
fn migrating_without_a_database_fails_and_says_what_it_waited_for() {
    let url = "postgres://u:hidden-password@127.0.0.1:1/d";
    let (status, log) = run("migrate", &[], &[("DATABASE_URL", url), ("MIGRATE_WAIT_SECONDS", "0")]);
    assert!(!status.success());
    assert!(log.contains("cannot connect to the database"), "{log}");
    assert!(!log.contains("hidden-password"), "{log}");
}

#[tokio::test]
async fn sigterm_lets_a_slow_request_finish_and_then_ends_with_0() {
    let postgres = Postgres::start().await;
    let url = postgres.url();
    let mut server = Server::start(&[("DATABASE_URL", &url), ("DRAIN_DELAY_SECONDS", "2")]).await;
    server.ready().await;
    let mut blocker = postgres.connect().await.expect("PostgreSQL runs");
    let mut lock = blocker.begin().await.expect("a transaction");
    sqlx::raw_sql("lock table tournaments")
        .execute(&mut *lock)
        .await
        .expect("nobody else locks");
    let port = server.port;
    let slow = tokio::spawn(async move { get(port, LIST).await });
    wait_for("slow request", async || in_flight(&server, 1.0).await).await;
    let signalled = Instant::now();
    server.signal("-TERM");
    let reasons = server.not_ready().await;
    assert!(
        reasons.contains("draining"),
        "still answers, but is not ready: {reasons}"
    );
    wait_for("closed port", async || {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(_) => Err("it accepts connections"),
            Err(_) => Ok(()),
        }
    })
    .await;
    assert!(
        signalled.elapsed() >= Duration::from_secs(2),
        "closed already after {:?}",
        signalled.elapsed()
    );
    assert!(
        server.still_runs_for(Duration::from_secs(2)).await,
        "it waits for the slow request: {}",
        server.log()
    );
    assert!(!slow.is_finished(), "the slow request still waits for the lock");
    lock.rollback().await.expect("the lock goes");
    let answer = slow.await.expect("no panic").expect("the request was not cut off");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["connection"], "close");
    let status = server.ended().await;
    assert!(status.success(), "{status}: {}", server.log());
    assert!(server.log().contains(r#""message":"stopped""#), "{}", server.log());
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_outlive_the_deadline() {
    let environment = [
        ("DRAIN_DELAY_SECONDS", "0"),
        ("SHUTDOWN_DEADLINE_SECONDS", "1"),
        ("REQUEST_TIMEOUT_SECONDS", "600"),
    ];
    let mut server = Server::start(&environment).await;
    let mut client = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .expect("it listens");
    let head = "POST /api/users HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    client.write_all(head.as_bytes()).await.expect("it reads");
    wait_for("request without an end", async || in_flight(&server, 1.0).await).await;
    let started = Instant::now();
    server.signal("-INT");
    let status = server.ended().await;
    assert!(status.success(), "{status}: {}", server.log());
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "it ended only after {:?}",
        started.elapsed()
    );
    assert!(
        server.log().contains("requests still run at the deadline"),
        "{}",
        server.log()
    );
}

#[tokio::test]
async fn an_old_connection_is_closed_after_an_answer_and_a_young_one_is_kept() {
    let server = Server::start(&[("MAX_CONNECTION_AGE_SECONDS", "1")]).await;
    let mut client = TcpStream::connect(("127.0.0.1", server.port))
        .await
        .expect("it listens");
    let started = Instant::now();
    let mut answers = 0;
    let mut buffer = vec![0; 4096];
    loop {
        client
            .write_all(b"GET /health HTTP/1.1\r\nHost: t\r\n\r\n")
            .await
            .expect("the connection is open");
        let read = client.read(&mut buffer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&buffer[..read]).to_lowercase();
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        answers += 1;
        if answer.contains("connection: close") {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "never asked to close");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        answers > 1 && started.elapsed() > Duration::from_millis(700),
        "closed after {:?}",
        started.elapsed()
    );
    assert_eq!(
        client.read(&mut buffer).await.expect("a clean end"),
        0,
        "the server closes"
    );
}

#[tokio::test]
async fn passwords_appear_neither_in_logs_nor_in_probes() {
    let (mut postgres, mut redis) = (Postgres::start().await, Redis::start().await);
    let environment = [
        ("DATABASE_URL", &*postgres.url()),
        ("REDIS_URL", &redis.url()),
        ("RUST_LOG", "trace,sqlx=debug"),
    ];
    let server = Server::start(&environment).await;
    server.ready().await;
    let person = Person::join(&server, "Ada").await;
    person.create(&server, "logged", 16).await;
    postgres.crash();
    redis.crash();
    let reasons = server.not_ready().await;
    let health = get(server.port, "/health").await.expect("alive").text;
    let said = format!("{reasons}{health}{}", server.log());
    assert!(said.contains("/api/tournaments"), "requests are logged at debug");
    assert!(
        !said.contains("correct-horse") && !said.contains("staple-redis") && !said.contains(PASSWORD),
        "{said}"
    );
    assert!(
        !said.contains(&person.token) && !said.contains(&person.email) && !said.contains("$argon2id"),
        "{said}"
    );
}

#[tokio::test]
async fn help_does_not_print_the_environments_secrets() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pathfinder-api"))
        .args(["serve", "--help"])
        .env("DATABASE_URL", "postgres://u:hidden-password@h/d")
        .output()
        .expect("the program starts");
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(
        help.contains("DATABASE_URL") && !help.contains("hidden-password"),
        "{help}"
    );
}
