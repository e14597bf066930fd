//! A server under test, as a pod runs it: configured by its environment, ended by signals.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use anyhow::Context;
use tokio::time::{Instant, sleep};

use crate::api::{
    Client, WAIT,
    folder::{Folder, kill, signal, tied},
    free_port, soon,
};

/// Names the program under test for the suite.
pub const PROGRAM: &str = "PATHFINDER_API";
// The kernel's unit of processor time.
const TICKS_PER_SECOND: f64 = 100.0;

/// The program that `cargo dev` built.
///
/// # Errors
/// When nobody named one.
pub fn program() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(PROGRAM);
    named
        .map(PathBuf::from)
        .with_context(|| format!("no {PROGRAM}: run the suite with `cargo dev test api`"))
}

/// A running server; it is killed with this value.
#[derive(Debug)]
pub struct Server {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    folder: Folder,
    process: Child,
}

impl Server {
    /// `pathfinder-api serve` with these variables and nothing else of our environment; returns once /health answers.
    ///
    /// # Errors
    /// When it does not start: its log.
    pub async fn start(program: &Path, environment: &[(&str, String)]) -> anyhow::Result<Self> {
        let mut command = tied(program);
        command.arg("serve");
        Self::run(command, environment).await
    }

    /// Any server that listens on `PORT` and answers `GET /health`.
    ///
    /// # Errors
    /// When it does not: its log.
    pub async fn run(mut command: Command, environment: &[(&str, String)]) -> anyhow::Result<Self> {
        let (folder, port) = (Folder::new("server")?, free_port()?);
        command.env_clear();
        // Where `setpriv` and the programs that it starts are found.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(environment.iter().map(|(name, value)| (OsStr::new(name), value)));
        command.env("PORT", port.to_string()).env("LISTEN_ADDRESS", "127.0.0.1");
        let process = folder.spawn(command)?;
        let server = Self { port, folder, process };
        let client = server.client()?;
        soon("/health to answer", async || client.expect("/health", 200).await)
            .await
            .with_context(|| server.log())?;
        Ok(server)
    }

    /// Somebody who talks to it and has no session.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::new(self.port)
    }

    /// Waits until /ready says 200.
    ///
    /// # Errors
    /// What it said instead.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let client = self.client()?;
        soon("200 of /ready", async || client.expect("/ready", 200).await)
            .await
            .with_context(|| self.log())?;
        Ok(())
    }

    /// One sample of /metrics by its whole name with labels, in whatever order; 0 when it is not there.
    ///
    /// # Errors
    /// When /metrics does not answer.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.client()?.expect("/metrics", 200).await?.text;
        Ok(text.lines().find_map(|line| sample(line, name)).unwrap_or_default())
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        self.folder.log()
    }

    /// Asks it to end, as a kubelet does.
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn terminate(&self) -> anyhow::Result<()> {
        signal(&self.process, "TERM")
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end: its log.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + WAIT;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(Instant::now() < deadline, "it does not end: {}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Memory that it occupies, bytes.
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(1024 * kibibytes.context("/proc says nothing of its memory")?)
    }

    /// Processor time that it used so far, seconds.
    ///
    /// # Errors
    /// When it does not run any more.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        used(&stat).context("/proc says nothing of its processor time")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill(&mut self.process);
    }
}

// "12 (a name) S 1 ... utime stime ...": the 14th and 15th words, counted after the name, which may hold anything.
fn used(stat: &str) -> Option<f64> {
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

fn sample(line: &str, name: &str) -> Option<f64> {
    let (series, value) = line.rsplit_once(' ')?;
    (parts(series) == parts(name)).then(|| value.parse().ok())?
}

// A name and its labels, sorted: exporters are free in their order.
fn parts(series: &str) -> (&str, Vec<&str>) {
    let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((series, ""));
    let mut labels: Vec<&str> = labels.split(',').filter(|label| !label.is_empty()).collect();
    labels.sort_unstable();
    (name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_found_whatever_the_order_of_its_labels() {
        let line = r#"requests_total{route="/",method="GET"} 12"#;
        assert_eq!(sample(line, r#"requests_total{method="GET",route="/"}"#), Some(12.0));
        assert_eq!(sample(line, r#"requests_total{method="GET"}"#), None);
        assert_eq!(sample("up 1", "up"), Some(1.0));
    }

    #[test]
    fn processor_time_is_what_it_and_the_kernel_for_it_used() {
        let stat = "7 (odd) name) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100";
        assert_eq!(used(stat), Some(3.0));
    }
}
