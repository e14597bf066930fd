//! Tests that break what they run on: each has stores and servers of its own.

mod lag;
mod payments;
mod pool;
mod primary;
mod redis;
mod stop;

use pathfinder_tests::api::{Answer, Client};

/// What came of a request, in a word for a tally.
fn outcome(answer: anyhow::Result<Answer>) -> String {
    match answer {
        Ok(answer) => answer.status.to_string(),
        Err(error) => format!("{error:#}"),
    }
}

/// Somebody's reads, in turn: a page of the list, one tournament.
async fn read(client: Client, paths: [String; 2], number: u64) -> String {
    let path = &paths[usize::from(number % 2 == 1)];
    outcome(client.get(path).await)
}
