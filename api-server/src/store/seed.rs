//! Fills an empty database for trials: users and tournaments in bulk. All seeded users share one password and its one
//! hash, so that seeding takes seconds and not hours; therefore never seed a database that anybody else can reach.

use std::time::Duration;

use sqlx::query;
use tracing::info;
use uuid::Uuid;

use super::{StoreError, connect};
use crate::config::DatabaseConfig;

/// The password of every seeded user.
pub const PASSWORD: &str = "seeded-password";
/// The longest wait for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows per statement: few round trips, and a bounded statement.
const CHUNK: u32 = 5_000;
const GAMES: [&str; 8] = ["chess", "go", "shogi", "bridge", "poker", "darts", "pool", "rugby"];

const USERS: &str = "insert into users (id, email, name, password_hash, created_at)
    select gen_random_uuid(), 'user' || n || '@example.com', 'User ' || n, $3, now()
    from generate_series($1::bigint, $2::bigint) n on conflict (email) do nothing";
const TOURNAMENTS: &str = "insert into tournaments (id, owner_id, name, game, seats, starts_at, created_at)
    select id, (select id from users where email = 'user1@example.com'), name, game, 64, now() + interval '30 days', now()
    from unnest($1::uuid[], $2::text[], $3::text[]) as seed (id, name, game)";

/// How much to make.
#[derive(Debug, Clone, Copy)]
pub struct Amounts {
    /// `user1@example.com` and on.
    pub users: u32,
    /// Owned by the first user, with 64 seats, in 30 days.
    pub tournaments: u32,
}

/// Makes users and tournaments; users that are there stay as they are.
///
/// # Errors
/// The database does not answer, or its schema is not up to date.
pub async fn fill(config: &DatabaseConfig, amounts: Amounts, hash: &str) -> Result<(), StoreError> {
    let options = connect::options("DATABASE_URL", &config.primary)?;
    let connection = &mut connect::connect(&options, CONNECT_TIMEOUT).await?;
    for first in (1..=amounts.users).step_by(CHUNK as usize) {
        let last = amounts.users.min(first + CHUNK - 1);
        let statement = query(USERS).bind(i64::from(first)).bind(i64::from(last)).bind(hash);
        statement.execute(&mut *connection).await.map_err(failed)?;
    }
    for first in (1..=amounts.tournaments).step_by(CHUNK as usize) {
        let numbers: Vec<u32> = (first..=amounts.tournaments.min(first + CHUNK - 1)).collect();
        let names: Vec<String> = numbers.iter().map(|number| format!("Cup {number}")).collect();
        let games: Vec<&str> = numbers
            .iter()
            .map(|number| GAMES[*number as usize % GAMES.len()])
            .collect();
        let statement = query(TOURNAMENTS).bind(ids(numbers.len())).bind(names).bind(games);
        statement.execute(&mut *connection).await.map_err(failed)?;
    }
    info!(users = amounts.users, tournaments = amounts.tournaments, "seeded");
    Ok(())
}

/// As many new ids, each greater than the one before.
fn ids(count: usize) -> Vec<Uuid> {
    (0..count).map(|_| Uuid::now_v7()).collect()
}

fn failed(source: sqlx::Error) -> StoreError {
    StoreError::Query { what: "seed", source }
}
