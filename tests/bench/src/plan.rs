//! What there is to ask for, found out before the load begins: tournaments and pages in order, users with sessions.

use anyhow::Context;
use serde_json::{Value, json};

use crate::connection::{Connection, request};

/// Somebody who logged in.
#[derive(Clone, Debug)]
pub struct User {
    /// The session's token.
    pub token: String,
    /// The body of another login.
    pub login: String,
}

/// Everything that requests are made of.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Paths of tournaments, the most asked for first.
    pub tournaments: Vec<String>,
    /// Paths of the list's pages, the first page first.
    pub pages: Vec<String>,
    /// Who asks.
    pub users: Vec<User>,
}

/// Walks the list and logs users in.
///
/// # Errors
/// What the server said instead.
pub async fn explore(connection: &mut Connection, (tournaments, users): (usize, u32)) -> anyhow::Result<Plan> {
    let mut plan = Plan::default();
    let mut page = "/api/tournaments?limit=20".to_owned();
    while plan.tournaments.len() < tournaments {
        let read = ask(connection, &request(("GET", &page), None, None), 200).await?;
        let items = read["items"].as_array().context("a page without items")?;
        let ids = items.iter().filter_map(|item| item["id"].as_str());
        plan.tournaments.extend(ids.map(|id| format!("/api/tournaments/{id}")));
        plan.pages.push(page);
        let Some(next) = read["nextCursor"].as_str() else { break };
        page = format!("/api/tournaments?limit=20&cursor={next}");
    }
    for number in 1..=users {
        let login = json!({"email": format!("user{number}@example.com"), "password": "seeded-password"});
        let login = login.to_string();
        let session = ask(connection, &request(("POST", "/api/sessions"), None, Some(&login)), 201).await?;
        let token = session["token"]
            .as_str()
            .context("a session without a token")?
            .to_owned();
        plan.users.push(User { token, login });
    }
    anyhow::ensure!(
        !plan.tournaments.is_empty() && !plan.users.is_empty(),
        "nothing to ask for: was it seeded?"
    );
    Ok(plan)
}

async fn ask(connection: &mut Connection, request: &[u8], status: u16) -> anyhow::Result<Value> {
    let answer = connection.ask(request).await?;
    let text = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(
        answer.status == status,
        "expected {status}, got {}: {text}",
        answer.status
    );
    Ok(answer.json())
}
