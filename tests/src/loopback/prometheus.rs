//! A real Prometheus on 127.0.0.1: Debian's package, with what it scrapes, or with a past that was made beforehand.
//!
//! It knows nothing of what it is asked.

use std::{
    fmt::Write,
    fs::{self, File},
    io::{Read, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context;

use super::Folder;
use crate::{cluster::packages::PROMETHEUS, suite::until};

// A busy machine; it is ready within a second otherwise.
const READY: Duration = Duration::from_secs(60);

/// A running Prometheus. It ends when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    folder: Folder,
    address: SocketAddr,
    child: Option<Child>,
}

impl Prometheus {
    /// One that does as `configuration` says (`prometheus.yml`).
    ///
    /// # Errors
    /// When the package is missing, or it does not become ready: with what it logged.
    pub async fn start(configuration: &str) -> anyhow::Result<Self> {
        Self::prepared()?.run(configuration).await
    }

    /// One that scrapes nothing and knows these samples (OpenMetrics text with a time on each), as if it had scraped them.
    ///
    /// # Errors
    /// As [`Prometheus::start`], and when the samples cannot be read.
    pub async fn with_past(samples: &str) -> anyhow::Result<Self> {
        let prometheus = Self::prepared()?;
        let past = prometheus.folder.path().join("past");
        fs::write(&past, format!("{samples}# EOF\n"))?;
        let mut promtool = Command::new("promtool");
        promtool
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .arg(&past)
            .arg(prometheus.data());
        let made = promtool.output().with_context(hint)?;
        anyhow::ensure!(
            made.status.success(),
            "{promtool:?}: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        prometheus.run("{}").await
    }

    fn prepared() -> anyhow::Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        Ok(Self {
            folder: Folder::new("prometheus")?,
            address: port,
            child: None,
        })
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    async fn run(mut self, configuration: &str) -> anyhow::Result<Self> {
        let folder = self.folder.path().to_owned();
        let file = folder.join("prometheus.yml");
        fs::write(&file, configuration)?;
        let log = File::create(folder.join("log"))?;
        // Tied to the thread that starts it: whatever ends a test ends its server.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig=KILL", "prometheus"])
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", self.data().display()))
            .arg(format!("--web.listen-address={}", self.address))
            .args(["--enable-feature=native-histograms", "--log.level=warn"]);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn().with_context(hint)?);
        let address = self.address;
        let ready = until("Prometheus to be ready", READY, || async {
            match get(address, "/-/ready") {
                Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
                other => Err(other.map_err(|error| error.to_string())),
            }
        })
        .await;
        ready.with_context(|| format!("its log: {}", tail(&folder.join("log"))))?;
        Ok(self)
    }

    /// Where its API is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn hint() -> String {
    let package = PROMETHEUS.join(" ");
    format!("starting Prometheus: the Debian package is needed, apt-get install --no-install-recommends {package}")
}

fn tail(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A counter's samples of the past as OpenMetrics text: `labels` without braces, (Unix seconds, value) in order.
pub fn counter(text: &mut String, (name, labels): (&str, &str), samples: impl IntoIterator<Item = (i64, f64)>) {
    for (at, value) in samples {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{name}_total{{{labels}}} {value} {at}");
    }
}
