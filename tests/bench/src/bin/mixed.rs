//! The mixed load: a constant rate over connections that stay open, each request timed from when it was due.
//!
//! A request waits for nobody: when its time has come it goes to a connection that is free, and when none is, the wait
//! counts. Prints one line of JSON.
#![allow(clippy::print_stdout, reason = "a command line tool prints")]

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use pathfinder_bench::{
    connection::{Connection, request},
    mix::{Kind, Mix},
    plan::explore,
    report::{Figures, Mixed},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// A mixed load on the API.
#[derive(Debug, Parser)]
struct Args {
    /// Port of the server, on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// Connections that are open at once.
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Requests per second.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Of the same load before, which counts only where it fails.
    #[arg(long, default_value_t = 0)]
    warm_up_seconds: u32,
    /// Tournaments that are asked for.
    #[arg(long, default_value_t = 10_000)]
    tournaments: usize,
    /// Users that ask.
    #[arg(long, default_value_t = 200)]
    users: u32,
    /// The choice of requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

struct Due {
    kind: Kind,
    bytes: Vec<u8>,
    at: Instant,
}

struct Done {
    kind: Kind,
    took: Duration,
    error: Option<String>,
    connection: Connection,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut first = Connection::open(args.port).await?;
    let plan = explore(&mut first, (args.tournaments, args.users)).await?;
    let mut mix = Mix::new(plan, args.seed)?;
    let mut idle = VecDeque::with_capacity(args.connections);
    for _ in 0..args.connections {
        idle.push_back(Connection::open(args.port).await.context("opening all connections")?);
    }
    let warm_up = run((&args, args.warm_up_seconds), &mut mix, &mut idle).await?;
    let before = metrics(args.port).await;
    let mut report = run((&args, args.seconds), &mut mix, &mut idle).await?;
    report.before = before;
    report.after = metrics(args.port).await;
    for (error, times) in warm_up.errors {
        *report.errors.entry(error).or_default() += times;
    }
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

// Of the connections, the one that rested longest goes next, so that all of them are used.
async fn run((args, seconds): (&Args, u32), mix: &mut Mix, idle: &mut VecDeque<Connection>) -> anyhow::Result<Mixed> {
    let total = u64::from(args.rate) * u64::from(seconds);
    let (finished, mut results) = mpsc::unbounded_channel();
    let (mut sent, mut done) = (0_u64, Vec::with_capacity(usize::try_from(total)?));
    let started = Instant::now();
    while sent < total {
        let at = started + Duration::from_secs(1) * u32::try_from(sent)? / args.rate;
        sleep_until(at).await;
        while let Ok(result) = results.try_recv() {
            keep(result, idle, &mut done);
        }
        if idle.is_empty() {
            keep(results.recv().await.context("no connection left")?, idle, &mut done);
        }
        let Some(connection) = idle.pop_front() else { continue };
        let (kind, bytes) = mix.next_request();
        tokio::spawn(ask(connection, Due { kind, bytes, at }, finished.clone()));
        sent += 1;
    }
    let lasted = started.elapsed();
    drop(finished);
    while let Some(result) = results.recv().await {
        keep(result, idle, &mut done);
    }
    Ok(report(done, (args.connections, lasted)))
}

type Outcome = (Kind, Duration, Option<String>);

fn keep(result: Done, idle: &mut VecDeque<Connection>, done: &mut Vec<Outcome>) {
    done.push((result.kind, result.took, result.error));
    idle.push_back(result.connection);
}

async fn ask(mut connection: Connection, due: Due, finished: mpsc::UnboundedSender<Done>) {
    let error = match connection.ask(&due.bytes).await {
        Ok(answer) if (200..300).contains(&answer.status) => None,
        Ok(answer) => Some(format!("{} {}", answer.status, due.kind.name())),
        Err(error) => Some(format!("{error:#} ({})", due.kind.name())),
    };
    let done = Done {
        kind: due.kind,
        took: due.at.elapsed(),
        error,
        connection,
    };
    // Nobody waits any more only when the run was given up.
    let _ = finished.send(done);
}

fn report(done: Vec<Outcome>, (connections, lasted): (usize, Duration)) -> Mixed {
    let mut kinds: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    let mut report = Mixed {
        connections,
        rate: f64::from(u32::try_from(done.len()).unwrap_or(u32::MAX)) / lasted.as_secs_f64(),
        all: Figures::of(done.iter().map(|(_, took, _)| *took).collect()),
        ..Mixed::default()
    };
    for (kind, took, error) in done {
        kinds.entry(kind.name().to_owned()).or_default().push(took);
        if let Some(error) = error {
            *report.errors.entry(error).or_default() += 1;
        }
    }
    report.kinds = kinds
        .into_iter()
        .map(|(kind, times)| (kind, Figures::of(times)))
        .collect();
    report
}

// On a connection of its own: one that rests for a minute may be closed. A peer may have none.
async fn metrics(port: u16) -> String {
    let asked = async {
        Connection::open(port)
            .await?
            .ask(&request(("GET", "/metrics"), None, None))
            .await
    };
    let answer = asked.await;
    answer
        .map(|answer| String::from_utf8_lossy(&answer.body).into_owned())
        .unwrap_or_default()
}
