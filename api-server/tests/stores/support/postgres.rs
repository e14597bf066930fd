//! A PostgreSQL of the test's own.

use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use pathfinder_api::config::{DatabaseConfig, PoolConfig};
use pathfinder_api::metrics::Metrics;
use pathfinder_api::store::db::Db;
use pathfinder_api::store::migrations;
use sqlx::{Connection, PgConnection};

use super::{Directory, NOBODY, free_port, is_root, kill, program, spawn, unprivileged, wait_for};

pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A database server; it ends with this value.
pub(crate) struct Postgres {
    directory: Directory,
    port: u16,
    process: Option<Child>,
}

impl Postgres {
    /// A running server with an empty database.
    pub(crate) async fn start() -> Self {
        let mut postgres = Self::prepare();
        postgres.resume().await;
        postgres
    }

    /// A server that does not run yet, but whose address is known.
    pub(crate) fn prepare() -> Self {
        let directory = Directory::new("postgres");
        let password_file = directory.0.join("password");
        std::fs::write(&password_file, PASSWORD).expect("a password file");
        if is_root() {
            chown(&password_file, Some(NOBODY), Some(NOBODY)).expect("root may give its file away");
        }
        let mut initdb = unprivileged(&program("initdb", "postgresql"));
        initdb.args([
            "--username=pathfinder",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]);
        initdb
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(directory.0.join("data"));
        let mut running = spawn(initdb.current_dir("/"), &directory.log());
        let status = running.wait().expect("initdb ends");
        assert!(
            status.success(),
            "initdb: {status}: {}",
            std::fs::read_to_string(directory.log()).unwrap_or_default()
        );
        Self {
            directory,
            port: free_port(),
            process: None,
        }
    }

    /// A standby of a running server that replays its changes this much later.
    pub(crate) async fn follow(primary: &Self, delay: Duration) -> Self {
        let directory = Directory::new("standby");
        let mut backup = unprivileged(&program("pg_basebackup", "postgresql"));
        backup
            .env("PGPASSWORD", PASSWORD)
            .args(["-h", "127.0.0.1", "-p", &primary.port.to_string(), "-U", "pathfinder"])
            .args([
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
                "-D",
            ])
            .arg(directory.0.join("data"));
        let mut running = spawn(backup.current_dir("/"), &directory.log());
        let status = running.wait().expect("pg_basebackup ends");
        let log = std::fs::read_to_string(directory.log()).unwrap_or_default();
        assert!(status.success(), "pg_basebackup: {status}: {log}");
        let settings = directory.0.join("data/postgresql.auto.conf");
        let mut text = std::fs::read_to_string(&settings).expect("its settings");
        text = format!("{text}recovery_min_apply_delay = {}\n", delay.as_millis());
        std::fs::write(&settings, text).expect("its settings");
        let mut standby = Self {
            directory,
            port: free_port(),
            process: None,
        };
        standby.resume().await;
        standby
    }

    /// Starts the server, and waits until it takes connections.
    pub(crate) async fn resume(&mut self) {
        let data: PathBuf = self.directory.0.join("data");
        let mut postgres = unprivileged(&program("postgres", "postgresql"));
        postgres
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k", ""]);
        postgres.args([
            "-c",
            "fsync=off",
            "-c",
            "shared_buffers=16MB",
            "-c",
            "max_connections=60",
        ]);
        self.process = Some(spawn(postgres.current_dir("/"), &self.directory.log()));
        wait_for("connection to PostgreSQL", async || self.connect().await).await;
    }

    /// Ends the server as a crash does.
    pub(crate) fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill(&mut process);
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://pathfinder:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }

    /// The server's own pool of connections to it, with the schema in place.
    pub(crate) async fn pool(&self, connections: u32) -> Db {
        let config = DatabaseConfig {
            primary: PoolConfig {
                url: self.url().into(),
                max_connections: connections,
                min_connections: 0,
            },
            replica: None,
            idle_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(30),
            connection_uses: 7500,
        };
        let db = Db::new(&config, Arc::new(Metrics::default())).expect("the URL parses");
        migrations::apply(&db).await.expect("the schema is new");
        db
    }

    pub(crate) async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let connecting = PgConnection::connect(&self.url());
        tokio::time::timeout(Duration::from_secs(5), connecting)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// Runs statements beside the server under test.
    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut connection = self.connect().await.expect("PostgreSQL runs");
        sqlx::raw_sql(sql)
            .execute(&mut connection)
            .await
            .expect("the statement is right");
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let mut connection = self.connect().await.expect("PostgreSQL runs");
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .expect("the query is right")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}
