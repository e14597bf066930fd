//! Waiting for a condition: bounded, polled, and on failure it says what it saw last.

use std::{fmt::Debug, future::Future, time::Duration};

use tokio::time::Instant;

const POLL: Duration = Duration::from_millis(500);

/// Polls `look` until it returns `Ok`, for at most `deadline`.
///
/// # Errors
/// What was awaited, for how long, and what the last look saw.
pub async fn until<T, S, F>(what: &str, deadline: Duration, mut look: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, S>>,
    S: Debug,
{
    let started = Instant::now();
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(saw) if started.elapsed() >= deadline => {
                anyhow::bail!("waited {} s for {what}; last seen: {saw:?}", deadline.as_secs());
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// Checks at every poll, for all of `period`, that `look` returns `Ok`.
///
/// # Errors
/// The first look that did not hold, and when.
pub async fn always<S, F>(what: &str, period: Duration, mut look: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = Result<(), S>>,
    S: Debug,
{
    let started = Instant::now();
    while started.elapsed() < period {
        if let Err(saw) = look().await {
            anyhow::bail!("{what} did not hold after {} s: {saw:?}", started.elapsed().as_secs());
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
