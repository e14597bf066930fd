//! A Redis as a child process.

use std::process::{Child, Command};

use anyhow::Context;

use crate::{
    api::{
        folder::{Folder, kill, program, signal, unprivileged},
        free_port, soon,
    },
    cluster::process,
};

const PASSWORD: &str = "staple-redis-secret";

/// A server that keeps nothing on disk; it ends with this value.
#[derive(Debug)]
pub struct Redis {
    folder: Folder,
    port: u16,
    process: Option<Child>,
}

impl Redis {
    /// A running, empty one.
    ///
    /// # Errors
    /// When it does not start: its log.
    pub async fn start() -> anyhow::Result<Self> {
        let mut redis = Self {
            folder: Folder::new("redis")?,
            port: free_port()?,
            process: None,
        };
        redis.resume().await?;
        Ok(redis)
    }

    /// Starts it, empty, and waits until it answers.
    ///
    /// # Errors
    /// When it does not: its log.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let mut server = unprivileged(&program("redis-server")?);
        server.args(["--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        server.args(["--requirepass", PASSWORD, "--save", "", "--appendonly", "no"]);
        server.arg("--dir").arg(self.folder.path());
        self.process = Some(self.folder.spawn(server)?);
        soon("Redis to answer", async || self.ask(&["PING"]))
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

    /// Stops it without closing its connections, as a frozen node does; [`Redis::crash`] ends it all the same.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> anyhow::Result<()> {
        signal(self.process.as_ref().context("Redis does not run")?, "STOP")
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// The answer to a command, as `redis-cli` prints it.
    ///
    /// # Errors
    /// When there is none.
    pub fn ask(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(program("redis-cli")?);
        command
            .args(["-e", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(words);
        command.env("REDISCLI_AUTH", PASSWORD);
        Ok(process::read(command)?.trim().to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.crash();
    }
}
