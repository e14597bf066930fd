//! Which poster a tournament has. The images are elsewhere.

use sqlx::query_as;
use uuid::Uuid;

use super::StoreError;
use super::db::Db;
use crate::domain::poster::PosterKey;
use crate::domain::tournament::TournamentId;
use crate::metrics::labels::QueryType;

const SET: &str = "insert into posters (tournament_id, key) values ($1, $2)
    on conflict (tournament_id) do update set key = excluded.key, created_at = now() returning tournament_id";

/// Makes this the poster of a tournament.
///
/// # Errors
/// The database does not answer.
pub async fn set(db: &Db, tournament: TournamentId, key: PosterKey) -> Result<(), StoreError> {
    let query = || query_as::<_, (Uuid,)>(SET).bind(tournament.0).bind(key.to_string());
    db.write(QueryType::SetPoster, query).await.map(drop)
}
