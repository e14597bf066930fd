//! Points in the database, and the board that they make.

use sqlx::query_as;
use uuid::Uuid;

use super::db::{Db, Freshness};
use super::{StoreError, registrations, timestamp, tournaments};
use crate::domain::registration::Refusal;
use crate::domain::score::{Leaderboard, Score, Standing};
use crate::domain::tournament::TournamentId;
use crate::domain::user::UserId;
use crate::metrics::labels::QueryType;

const SET: &str = "select outcome, (extract(epoch from changed) * 1000000)::bigint from set_score($1, $2, $3, $4)";
const BOARD: &str = "select rank() over (order by s.points desc), s.user_id, u.name, s.points
    from scores s join users u on u.id = s.user_id
    where s.tournament_id = $1 order by s.points desc, s.updated_at, s.user_id limit $2";

/// Sets a player's points, if `asker` owns the tournament and the player has a seat.
///
/// # Errors
/// The database does not answer; the points may or may not be set then, and asking again is safe.
pub async fn set(
    db: &Db,
    tournament: TournamentId,
    asker: UserId,
    (player, points): (UserId, i64),
) -> Result<Result<Score, Refusal>, StoreError> {
    let query = || {
        query_as::<_, (String, Option<i64>)>(SET)
            .bind(tournament.0)
            .bind(asker.0)
            .bind(player.0)
            .bind(points)
    };
    let rows = db.write(QueryType::SetScore, query).await?;
    let (outcome, changed) = rows.into_iter().next().unwrap_or_default();
    match changed {
        None => tournaments::refusal(&outcome).map(Err),
        Some(changed) => Ok(Ok(Score {
            tournament_id: tournament,
            user_id: player,
            points,
            updated_at: timestamp("score", changed)?,
        })),
    }
}

/// The best of a tournament; `None` without such a tournament.
///
/// # Errors
/// The database does not answer.
pub async fn board(
    db: &Db,
    tournament: TournamentId,
    limit: u16,
    freshness: Freshness,
) -> Result<Option<Leaderboard>, StoreError> {
    let query = || {
        query_as::<_, (i64, Uuid, String, i64)>(BOARD)
            .bind(tournament.0)
            .bind(i64::from(limit))
    };
    let rows = db.read(QueryType::Leaderboard, freshness, query).await?;
    if rows.is_empty() && !registrations::exists(db, tournament, freshness).await? {
        return Ok(None);
    }
    let items = rows.into_iter().map(|(rank, user, name, points)| Standing {
        rank: rank.unsigned_abs(),
        user_id: UserId(user),
        name,
        points,
    });
    Ok(Some(Leaderboard { items: items.collect() }))
}
