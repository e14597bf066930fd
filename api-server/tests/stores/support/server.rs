//! The real program, as a pod runs it: configured by its environment, ended by signals.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Answer, Directory, free_port, get, kill, spawn, tied, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pathfinder-api");

/// A running `pathfinder-api serve`; it is killed with this value.
pub(crate) struct Server {
    pub(crate) port: u16,
    directory: Directory,
    process: Child,
}

impl Server {
    /// Starts with these variables and nothing else of the test's environment, and waits until /health answers.
    pub(crate) async fn start(environment: &[(&str, &str)]) -> Self {
        let directory = Directory::new("server");
        let port = free_port();
        let mut command = configured("serve", environment);
        command.env("PORT", port.to_string()).env("LISTEN_ADDRESS", "127.0.0.1");
        let process = spawn(&mut command, &directory.log());
        let server = Self {
            port,
            directory,
            process,
        };
        wait_for("answer of /health", async || server.expect_status("/health", 200).await).await;
        server
    }

    /// Waits until /ready says 200.
    pub(crate) async fn ready(&self) {
        wait_for("200 of /ready", async || self.expect_status("/ready", 200).await).await;
    }

    /// Waits until /ready says 503, and returns its reasons.
    pub(crate) async fn not_ready(&self) -> String {
        let answer = wait_for("503 of /ready", async || self.expect_status("/ready", 503).await).await;
        answer.json()["reasons"].to_string()
    }

    /// The answer of a path if it has this status, and what came instead if not.
    pub(crate) async fn expect_status(&self, path: &str, status: u16) -> Result<Answer, String> {
        match get(self.port, path).await {
            Ok(answer) if answer.status == status => Ok(answer),
            Ok(answer) => Err(format!("{answer:?}; log: {}", self.log())),
            Err(error) => Err(format!("{error}; log: {}", self.log())),
        }
    }

    /// The value of one series of /metrics.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let metrics = get(self.port, "/metrics").await.expect("the server answers").text;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        line.unwrap_or_else(|| panic!("no series `{series}` in:\n{metrics}"))
    }

    /// Memory of the process, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .expect("a size")
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.process.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send {name}");
    }

    /// Waits until the process ends by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        wait_for("end of the server", async || {
            self.process.try_wait().expect("a child").ok_or("it runs")
        })
        .await
    }

    /// Whether the process does not end within this time: nothing can be awaited for what must not happen.
    pub(crate) async fn still_runs_for(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.process.try_wait().expect("a child").is_some() {
                return false;
            }
            sleep(Duration::from_millis(50)).await;
        }
        true
    }

    /// Everything that was logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.log()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill(&mut self.process);
    }
}

/// Runs a command of `pathfinder-api` to its end, and returns what it logged.
pub(crate) fn run(command: &str, flags: &[&str], environment: &[(&str, &str)]) -> (ExitStatus, String) {
    let output = configured(command, environment)
        .args(flags)
        .output()
        .expect("the program starts");
    (output.status, String::from_utf8_lossy(&output.stdout).into_owned())
}

fn configured(command: &str, environment: &[(&str, &str)]) -> Command {
    let mut process = tied(Path::new(PROGRAM));
    process.arg(command).env_clear().envs(environment.iter().copied());
    process
}
