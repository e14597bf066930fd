//! Tournaments in the database. Times travel as texts and whole microseconds, which both sides hold exactly.

use jiff::Timestamp;
use sqlx::query_as;
use uuid::Uuid;

use super::StoreError;
use super::db::Db;
use crate::domain::page::PageRequest;
use crate::domain::tournament::{Tournament, TournamentId};
use crate::metrics::labels::QueryType;

/// id, name, game, seats, starts_at and created_at in microseconds since 1970
type Row = (Uuid, String, String, i32, i64, i64);

const GET: &str = "select id, name, game, seats,
        (extract(epoch from starts_at) * 1000000)::bigint, (extract(epoch from created_at) * 1000000)::bigint
    from tournaments where id = $1";
const LIST: &str = "select id, name, game, seats,
        (extract(epoch from starts_at) * 1000000)::bigint, (extract(epoch from created_at) * 1000000)::bigint
    from tournaments where $1::uuid is null or id < $1 order by id desc limit $2";
const CREATE: &str = "insert into tournaments (id, name, game, seats, starts_at, created_at)
    values ($1, $2, $3, $4, $5::text::timestamptz, $6::text::timestamptz) returning id";

/// The tournaments of one page, newest first, and one more when another page follows.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, request: &PageRequest) -> Result<Vec<Tournament>, StoreError> {
    let query = query_as::<_, Row>(LIST)
        .bind(request.after().map(|id| id.0))
        .bind(i64::from(request.fetch_count()));
    let rows = db.read().await?.fetch(QueryType::ListTournaments, query).await?;
    rows.into_iter().map(tournament).collect()
}

/// One tournament, if it exists.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, id: TournamentId) -> Result<Option<Tournament>, StoreError> {
    let query = query_as::<_, Row>(GET).bind(id.0);
    let rows = db.read().await?.fetch(QueryType::GetTournament, query).await?;
    rows.into_iter().next().map(tournament).transpose()
}

/// Stores a new tournament.
///
/// # Errors
/// The database does not answer; the tournament may or may not be stored then.
pub async fn create(db: &Db, new: &Tournament) -> Result<(), StoreError> {
    let query = query_as::<_, (Uuid,)>(CREATE)
        .bind(new.id.0)
        .bind(&new.name)
        .bind(&new.game)
        .bind(i32::try_from(new.seats).unwrap_or(i32::MAX))
        .bind(new.starts_at.to_string())
        .bind(new.created_at.to_string());
    db.write().await?.fetch(QueryType::CreateTournament, query).await?;
    Ok(())
}

fn tournament((id, name, game, seats, starts_at, created_at): Row) -> Result<Tournament, StoreError> {
    let corrupt = |problem: String| StoreError::Corrupt {
        what: "tournament",
        problem: format!("{id}: {problem}"),
    };
    Ok(Tournament {
        id: TournamentId(id),
        name,
        game,
        seats: u32::try_from(seats).map_err(|_| corrupt(format!("{seats} seats")))?,
        starts_at: Timestamp::from_microsecond(starts_at).map_err(|error| corrupt(error.to_string()))?,
        created_at: Timestamp::from_microsecond(created_at).map_err(|error| corrupt(error.to_string()))?,
    })
}
