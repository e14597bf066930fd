//! Tests that break what they run on: each has stores and servers of its own.

mod failover;
mod lag;
mod payments;
mod pool;
mod primary;
mod redis;
mod stop;

use std::sync::{Arc, Mutex};

use pathfinder_tests::api::{Answer, Client, postgres::Postgres, soon, stack::draft, steady::Steady};

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

/// Of the tournaments that a server confirmed.
type Names = Arc<Mutex<Vec<String>>>;

/// Makes a tournament, named `written` and something; what was confirmed is noted.
async fn write(client: Client, name: String, confirmed: Names) -> String {
    let answer = client.post("/api/tournaments", &draft(&name, 4)).await;
    match answer {
        Ok(answer) if answer.status == 201 => {
            confirmed.lock().unwrap().push(name);
            "201".to_owned()
        }
        Ok(answer) if answer.status == 503 && answer.header("retry-after").is_empty() => {
            "503 without Retry-After".to_owned()
        }
        other => outcome(other),
    }
}

/// Waits until so many more writes than by now are confirmed.
async fn confirms(writers: &Steady, more: u64) -> anyhow::Result<()> {
    let before = writers.so_far().of("201");
    soon("writes to succeed", async || {
        let tally = writers.so_far();
        if tally.of("201") > before + more {
            Ok(())
        } else {
            Err(tally)
        }
    })
    .await
}

/// What was confirmed and is not in this database.
fn missing(database: &Postgres, confirmed: &Names) -> anyhow::Result<Vec<String>> {
    let there = database.query("select name from tournaments where name like 'written %'")?;
    let there: Vec<&str> = there.lines().collect();
    let confirmed = confirmed.lock().unwrap();
    let lost = confirmed.iter().filter(|name| !there.contains(&name.as_str()));
    Ok(lost.cloned().collect())
}
