//! A PostgreSQL primary and its streaming replicas, as child processes.

use std::{
    path::PathBuf,
    process::{Child, Command},
};

use anyhow::Context;

use crate::{
    api::{
        folder::{Folder, kill, program, unprivileged},
        free_port, soon,
    },
    cluster::process,
};

const PASSWORD: &str = "correct-horse-battery";
const USER: &str = "pathfinder";

/// One server; it ends with this value.
#[derive(Debug)]
pub struct Postgres {
    folder: Folder,
    port: u16,
    settings: Vec<String>,
    process: Option<Child>,
}

impl Postgres {
    /// A running primary with an empty database and these settings (`name=value`) beside the harness' own.
    ///
    /// # Errors
    /// When it does not start: its log.
    pub async fn primary(settings: &[&str]) -> anyhow::Result<Self> {
        let folder = Folder::new("postgres")?;
        let password = folder.write("password", PASSWORD)?;
        let mut initdb = unprivileged(&program("initdb")?);
        initdb
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "-U",
                USER,
            ])
            .arg("--pwfile")
            .arg(password)
            .arg("-D")
            .arg(folder.path().join("data"));
        Self::made(folder, initdb, settings).await
    }

    /// A running replica of this primary that follows it by streaming, with these settings beside the harness' own.
    ///
    /// # Errors
    /// When it cannot be copied or does not start.
    pub async fn replica(&self, settings: &[&str]) -> anyhow::Result<Self> {
        let folder = Folder::new("replica")?;
        let mut copy = unprivileged(&program("pg_basebackup")?);
        copy.args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", &self.url()])
            .arg("-D")
            .arg(folder.path().join("data"));
        Self::made(folder, copy, settings).await
    }

    async fn made(folder: Folder, make: Command, settings: &[&str]) -> anyhow::Result<Self> {
        let status = folder.spawn(make)?.wait()?;
        anyhow::ensure!(status.success(), "making a database: {status}: {}", folder.log());
        let mut postgres = Self {
            folder,
            port: free_port()?,
            settings: settings.iter().map(ToString::to_string).collect(),
            process: None,
        };
        postgres.resume().await?;
        Ok(postgres)
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// When it does not: its log.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let mut postgres = unprivileged(&program("postgres")?);
        postgres
            .arg("-D")
            .arg(self.data())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k", ""]);
        // A database of a test is thrown away: it need not survive a power cut, only kills.
        let own = [
            "fsync=off",
            "shared_buffers=64MB",
            "max_connections=100",
            // So that what a client holds is let go of when the client is killed.
            "client_connection_check_interval=100ms",
        ];
        let own = own.map(str::to_owned);
        for setting in own.iter().chain(&self.settings) {
            postgres.args(["-c", setting]);
        }
        self.process = Some(self.folder.spawn(postgres)?);
        soon("PostgreSQL to answer", async || self.query("select 1"))
            .await
            .with_context(|| self.folder.log())?;
        Ok(())
    }

    /// Ends it as a crash does.
    pub fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill(&mut process);
        }
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Likewise, by another port that leads to it.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres")
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a replica a primary, and returns when it is one.
    ///
    /// # Errors
    /// When it does not become one.
    pub fn promote(&self) -> anyhow::Result<()> {
        let said = self.query("select pg_promote()")?;
        anyhow::ensure!(said == "t", "it did not become a primary: {said}");
        Ok(())
    }

    /// Runs statements beside the server under test; gives their rows, fields separated by `|`.
    ///
    /// # Errors
    /// What PostgreSQL said.
    pub fn query(&self, sql: &str) -> anyhow::Result<String> {
        let text = process::read(self.psql(sql)?)?;
        Ok(text.trim().to_owned())
    }

    /// Somebody else's transaction that locks the tournaments in this mode; returns once it has the lock.
    ///
    /// # Errors
    /// When it does not get it.
    pub async fn lock(&self, mode: &str) -> anyhow::Result<Held> {
        let sql = format!("begin; lock table tournaments in {mode} mode; select pg_sleep(120)");
        let held = Held(self.folder.spawn(self.psql(&sql)?)?);
        let name = mode.replace(' ', "");
        let granted = format!(
            "select count(*) from pg_locks where relation = 'tournaments'::regclass and lower(mode) = '{name}lock' and granted"
        );
        soon("the lock", async || self.counts(&granted, 1)).await?;
        Ok(held)
    }

    /// Waits until this many wait for a lock on the tournaments.
    ///
    /// # Errors
    /// When they never do.
    pub async fn waiting(&self, count: u32) -> anyhow::Result<()> {
        let sql = "select count(*) from pg_locks where relation = 'tournaments'::regclass and not granted";
        soon("somebody to wait for a lock", async || self.counts(sql, count)).await
    }

    fn counts(&self, sql: &str, wanted: u32) -> Result<(), String> {
        let rows = self.query(sql).map_err(|error| error.to_string())?;
        if rows == wanted.to_string() { Ok(()) } else { Err(rows) }
    }

    fn psql(&self, sql: &str) -> anyhow::Result<Command> {
        let mut psql = Command::new(program("psql")?);
        // Without the person's own settings.
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-c", sql])
            .env("PGCONNECT_TIMEOUT", "5");
        Ok(psql)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// A client that holds something; it lets go with this value.
#[derive(Debug)]
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        kill(&mut self.0);
    }
}
