//! Load on one server at a time: wrk for as much as it takes, our generators for the mixed load and the spectators.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context;
use pathfinder_bench::report::{Mixed, Spectators};
use pathfinder_tests::{
    api::{Client, Server, stack::Person, stack::seeded},
    cluster::process,
};
use serde::Deserialize;
use serde_json::json;

use super::{programs::Programs, world::World};
use crate::args::ApiOptions;

const LOGINS: u32 = 50;
// More than either server takes in all its measurements: a registration that is made again is another request.
const REGISTRATIONS: usize = 200_000;
// Likewise.
const UNCACHED: u32 = 400_000;
const WARM_UP_SECONDS: u32 = 1;
const SAMPLE: Duration = Duration::from_millis(100);

/// What is asked of both servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    CachedRead,
    UncachedRead,
    Login,
    Registration,
}

impl Subject {
    pub(super) const ALL: [Self; 4] = [Self::CachedRead, Self::UncachedRead, Self::Login, Self::Registration];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CachedRead => "cached read",
            Self::UncachedRead => "uncached read",
            Self::Login => "login",
            Self::Registration => "registration",
        }
    }

    // A login is a long computation: more at once would only wait in line.
    const fn connections(self) -> u32 {
        match self {
            Self::Login => 8,
            Self::CachedRead | Self::UncachedRead | Self::Registration => 64,
        }
    }
}

/// Files of requests, by server, and how far each was sent.
pub(super) struct Lines {
    files: PathBuf,
    sent: BTreeMap<PathBuf, u64>,
}

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measurement {
    /// Answered per second.
    pub(super) rate: f64,
    /// Answered per second of processor time of the server.
    pub(super) rate_per_core: f64,
}

/// The medians of one subject.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Compared {
    pub(super) ours: Measurement,
    pub(super) peer: Measurement,
    /// Of cached reads only.
    pub(super) bare: Option<Measurement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wrk {
    requests: u64,
    seconds: f64,
    refused: u64,
    failed: u64,
}

impl Lines {
    /// Finds out what there is to ask, and writes it down for wrk.
    pub(super) async fn collect(world: &World) -> anyhow::Result<Self> {
        let lines = Self {
            files: world.files.path().to_path_buf(),
            sent: BTreeMap::new(),
        };
        let paths = tournaments(&world.ours.client()?).await?;
        lines.write((Subject::CachedRead, "all"), &format!("GET\t{}\t-\t-\n", paths[0]))?;
        lines.write((Subject::UncachedRead, "all"), &uncached()?)?;
        lines.write((Subject::Login, "all"), &logins())?;
        let half = paths.len() / 2;
        for (name, server, own) in [
            ("ours", &world.ours, &paths[..half]),
            ("peer", &world.peer, &paths[half..]),
        ] {
            lines.write((Subject::Registration, name), &registrations(server, own).await?)?;
        }
        Ok(lines)
    }

    fn write(&self, of: (Subject, &str), text: &str) -> anyhow::Result<()> {
        let file = self.file(of);
        std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
    }

    fn file(&self, (subject, server): (Subject, &str)) -> PathBuf {
        let server = match subject {
            Subject::CachedRead | Subject::UncachedRead | Subject::Login => "all",
            Subject::Registration => server,
        };
        self.files.join(format!("{} {server}", subject.name()))
    }

    // Where the next load begins: none of these is to be sent twice.
    fn from(&self, (subject, file): (Subject, &Path)) -> u64 {
        match subject {
            Subject::CachedRead | Subject::Login => 0,
            Subject::UncachedRead | Subject::Registration => self.sent.get(file).copied().unwrap_or_default(),
        }
    }
}

// No two of them are one question: a cache has never heard of any.
fn uncached() -> anyhow::Result<String> {
    let mut text = String::new();
    for number in 0..UNCACHED {
        let (second, micro) = (number / 1_000_000, number % 1_000_000);
        writeln!(
            text,
            "GET\t/api/tournaments?limit=1&startsAfter=2020-01-01T00:00:{second:02}.{micro:06}Z\t-\t-"
        )?;
    }
    Ok(text)
}

fn logins() -> String {
    let line = |number| {
        let (email, password) = seeded(number);
        format!(
            "POST\t/api/sessions\t-\t{}\n",
            json!({"email": email, "password": password})
        )
    };
    (1..=LOGINS).map(line).collect()
}

// The first is the newest: the one that the bare handler answers.
async fn tournaments(client: &Client) -> anyhow::Result<Vec<String>> {
    let (mut paths, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.read(&format!("/api/tournaments?limit=100{cursor}")).await?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let ids = items.iter().filter_map(|item| item["id"].as_str());
        paths.extend(ids.map(|id| format!("/api/tournaments/{id}")));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    anyhow::ensure!(paths.len() > 1, "nothing was seeded");
    Ok(paths)
}

// Every user for every tournament in turn, so that no two in a row want the same lock.
async fn registrations(server: &Server, paths: &[String]) -> anyhow::Result<String> {
    let mut tokens = Vec::new();
    for number in 1..=LOGINS {
        tokens.push(Person::seeded(server.port, number).await?.token);
    }
    let mut text = String::new();
    let pairs = tokens
        .iter()
        .flat_map(|token| paths.iter().map(move |path| (token, path)));
    for (token, path) in pairs.take(REGISTRATIONS) {
        writeln!(text, "POST\t{path}/registrations\t{token}\t{{}}")?;
    }
    Ok(text)
}

/// Ours and the peer by turns, and the medians of each.
pub(super) fn compare(
    world: &World,
    lines: &mut Lines,
    (subject, options): (Subject, &ApiOptions),
) -> anyhow::Result<Compared> {
    let mut servers = vec![("ours", &world.ours), ("peer", &world.peer)];
    if subject == Subject::CachedRead {
        servers.push(("bare", &world.bare));
    }
    let mut found = vec![Vec::new(); servers.len()];
    for _ in 0..options.repetitions {
        for ((name, server), measurements) in servers.iter().zip(&mut found) {
            lines.send(server, (subject, *name), WARM_UP_SECONDS)?;
            measurements.push(lines.send(server, (subject, *name), options.seconds)?);
        }
    }
    let median = |index: usize| found.get(index).map(|all| median(all));
    Ok(Compared {
        ours: median(0).unwrap_or_default(),
        peer: median(1).unwrap_or_default(),
        bare: median(2),
    })
}

fn median(all: &[Measurement]) -> Measurement {
    let mut sorted = all.to_vec();
    sorted.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl Lines {
    // From where the last load of this file ended.
    fn send(&mut self, server: &Server, (subject, name): (Subject, &str), seconds: u32) -> anyhow::Result<Measurement> {
        let file = self.file((subject, name));
        let from = self.from((subject, &file));
        let before = server.cpu_seconds()?;
        let found = wrk(server, (subject, seconds), (&file, from))?;
        let used = server.cpu_seconds()? - before;
        // Those that were on their way at the end are not among the answered.
        let sent = found.requests + u64::from(subject.connections());
        *self.sent.entry(file).or_default() += sent;
        let answered = f64::from(u32::try_from(found.requests)?);
        Ok(Measurement {
            rate: answered / found.seconds,
            rate_per_core: answered / used.max(0.01),
        })
    }
}

fn wrk(server: &Server, (subject, seconds): (Subject, u32), (file, from): (&Path, u64)) -> anyhow::Result<Wrk> {
    let mut wrk = process::command(&["wrk", "-t1", "--timeout", "10s"]);
    wrk.args([
        "-c",
        &subject.connections().to_string(),
        "-d",
        &format!("{seconds}s"),
        "-s",
    ]);
    wrk.arg(Programs::script());
    wrk.arg(format!("http://127.0.0.1:{}", server.port));
    wrk.arg("--").arg(file).arg(from.to_string());
    let said = process::read(wrk)?;
    let line = said.lines().find(|line| line.starts_with('{'));
    let found: Wrk = serde_json::from_str(line.with_context(|| format!("wrk said no figures: {said}"))?)?;
    let wrong = found.refused + found.failed;
    anyhow::ensure!(
        wrong == 0,
        "{}: {wrong} of {} went wrong: {said}",
        subject.name(),
        found.requests
    );
    Ok(found)
}

/// The mixed load on one server, and the most memory that it occupied meanwhile, bytes.
pub(super) fn mixed((server, programs): (&Server, &Programs), options: &ApiOptions) -> anyhow::Result<(Mixed, u64)> {
    let mut mixed = Command::new(&programs.mixed);
    mixed.args([
        "--port",
        &server.port.to_string(),
        "--seconds",
        &options.mixed_seconds.to_string(),
        "--warm-up-seconds",
        &(options.mixed_seconds / 2).to_string(),
    ]);
    watched(mixed, server)
}

/// The spectators of one server, and the most memory that it occupied meanwhile, bytes.
pub(super) fn spectators((server, programs): (&Server, &Programs)) -> anyhow::Result<(Spectators, u64)> {
    let mut spectators = Command::new(&programs.spectators);
    spectators.args(["--port", &server.port.to_string()]);
    watched(spectators, server)
}

fn watched<T: serde::de::DeserializeOwned>(mut command: Command, server: &Server) -> anyhow::Result<(T, u64)> {
    let text = process::words(&command);
    command.stdout(Stdio::piped());
    let mut child = process::start(command)?;
    let out = child.stdout.take().context("no output")?;
    // Beside the watching: a full pipe would stop the generator.
    let reader = thread::spawn(move || std::io::read_to_string(out));
    let mut most = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        most = most.max(server.memory_bytes()?);
        thread::sleep(SAMPLE);
    };
    anyhow::ensure!(status.success(), "{text} ended with {status}");
    let said = reader
        .join()
        .map_err(|_| anyhow::anyhow!("the reader of its output broke"))??;
    let found = serde_json::from_str(said.trim()).with_context(|| format!("{text} said no figures: {said}"))?;
    Ok((found, most))
}
