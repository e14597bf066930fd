//! The API server as a program, with real PostgreSQL and Redis on loopback: what its suite and its bench are written with.
//!
//! Knows the program by its path and its answers alone, never its code. Everything that is started here lives in a folder
//! of its own and ends with the value that stands for it; when this process ends first, the kernel ends it.

pub mod balancer;
pub mod client;
pub mod folder;
pub mod gateway;
pub mod live;
pub mod postgres;
pub mod raw;
pub mod redis;
pub mod schemathesis;
pub mod server;
pub mod service;
pub mod stack;
pub mod steady;
pub mod token;

pub use client::{Answer, Client};
pub use server::Server;
pub use stack::Stack;

use std::{fmt::Debug, net::TcpListener, time::Duration};

use anyhow::Context;
use tokio::time::{Instant, sleep};

/// Long enough for a busy machine; every wait ends long before when it works.
pub const WAIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Polls `look` until it is `Ok`, at most [`WAIT`].
///
/// # Errors
/// What was awaited and what the last look saw.
pub async fn soon<T, S: Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, S>) -> anyhow::Result<T> {
    let deadline = Instant::now() + WAIT;
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(saw) if Instant::now() > deadline => {
                anyhow::bail!("waited {} s for {what}; last seen: {saw:?}", WAIT.as_secs())
            }
            Err(_) => sleep(POLL).await,
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("a free port of 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}
