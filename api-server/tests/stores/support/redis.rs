//! A Redis of the test's own.

use std::io;
use std::process::{Child, Command};

use tokio::net::TcpStream;

use super::{Directory, free_port, kill, program, spawn, unprivileged, wait_for};

pub(crate) const PASSWORD: &str = "staple-redis-secret";

/// A cache server; it ends with this value.
pub(crate) struct Redis {
    directory: Directory,
    port: u16,
    process: Option<Child>,
}

impl Redis {
    /// A running, empty server.
    pub(crate) async fn start() -> Self {
        let mut redis = Self {
            directory: Directory::new("redis"),
            port: free_port(),
            process: None,
        };
        redis.resume().await;
        redis
    }

    /// Starts the server, empty, and waits until it takes connections.
    pub(crate) async fn resume(&mut self) {
        let mut server = unprivileged(&program("redis-server", "redis-server"));
        server.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &self.port.to_string(),
            "--requirepass",
            PASSWORD,
        ]);
        server
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.directory.0);
        self.process = Some(spawn(server.current_dir("/"), &self.directory.log()));
        wait_for("connection to Redis", async || {
            let connected: io::Result<_> = TcpStream::connect(("127.0.0.1", self.port)).await;
            connected
        })
        .await;
    }

    /// Ends the server as a crash does.
    pub(crate) fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill(&mut process);
        }
    }

    /// Stops the server without closing its connections, as a frozen node does.
    pub(crate) fn freeze(&self) {
        let process = self.process.as_ref().expect("Redis runs");
        let frozen = Command::new("kill").args(["-STOP", &process.id().to_string()]).status();
        assert!(frozen.is_ok_and(|status| status.success()));
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.crash();
    }
}
