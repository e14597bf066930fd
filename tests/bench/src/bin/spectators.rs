//! Thousands of WebSockets on one tournament, and a score a second: who hears it, and how soon. Prints one line of JSON.
#![allow(clippy::print_stdout, reason = "a command line tool prints")]

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use futures::StreamExt;
use pathfinder_bench::{
    connection::{Connection, request},
    plan::explore,
    report::{Figures, Spectators},
};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Spectators of one tournament.
#[derive(Debug, Parser)]
struct Args {
    /// Port of the server, on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// Sockets that are open at once.
    #[arg(long, default_value_t = 5000)]
    sockets: usize,
    /// Scores, one a second.
    #[arg(long, default_value_t = 5)]
    scores: u64,
}

const LONGEST: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut connection = Connection::open(args.port).await?;
    let token = explore(&mut connection, (1, 1)).await?.users.remove(0).token;
    let (tournament, player) = prepare(&mut connection, &token).await?;
    let (heard, mut hearings) = mpsc::unbounded_channel();
    for number in 0..args.sockets {
        let url = format!("ws://127.0.0.1:{}{tournament}/live", args.port);
        let (socket, _) = connect_async(&url).await.with_context(|| format!("socket {number}"))?;
        tokio::spawn(listen(socket, heard.clone()));
    }
    let mut report = Spectators {
        open: args.sockets,
        ..Spectators::default()
    };
    let mut times = Vec::new();
    for points in 1..=args.scores {
        let started = Instant::now();
        let body = json!({"points": points}).to_string();
        let path = format!("{tournament}/scores/{player}");
        let set = connection
            .ask(&request(("PUT", &path), Some(&token), Some(&body)))
            .await?;
        anyhow::ensure!(set.status < 300, "setting a score: {}", set.status);
        report.scores += 1;
        for _ in 0..args.sockets {
            let Ok(Some((score, at))) = timeout(LONGEST, hearings.recv()).await else {
                break;
            };
            if score == points {
                report.heard += 1;
                times.push(Instant::duration_since(&at, started));
            }
        }
        sleep(Duration::from_secs(1).saturating_sub(started.elapsed())).await;
    }
    report.latency = Figures::of(times);
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

// A tournament of our own, in which we play.
async fn prepare(connection: &mut Connection, token: &str) -> anyhow::Result<(String, String)> {
    let draft = json!({"name": "Watched", "game": "chess", "seats": 8, "startsAt": "2030-01-01T00:00:00Z"}).to_string();
    let made = ask(
        connection,
        &request(("POST", "/api/tournaments"), Some(token), Some(&draft)),
    )
    .await?;
    let path = format!(
        "/api/tournaments/{}",
        made["id"].as_str().context("a tournament without an id")?
    );
    let register = request(("POST", &format!("{path}/registrations")), Some(token), Some("{}"));
    ask(connection, &register).await?;
    let me = ask(connection, &request(("GET", "/api/users/me"), Some(token), None)).await?;
    Ok((path, me["id"].as_str().context("a user without an id")?.to_owned()))
}

async fn ask(connection: &mut Connection, request: &[u8]) -> anyhow::Result<Value> {
    let answer = connection.ask(request).await?;
    let text = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(answer.status < 300, "{}: {text}", answer.status);
    Ok(answer.json())
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn listen(mut socket: Socket, heard: mpsc::UnboundedSender<(u64, Instant)>) {
    while let Some(Ok(message)) = socket.next().await {
        let at = Instant::now();
        let Message::Text(text) = message else { continue };
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let Some(points) = said["points"].as_u64().filter(|_| said["type"] == "score") else {
            continue;
        };
        if heard.send((points, at)).is_err() {
            return;
        }
    }
}
