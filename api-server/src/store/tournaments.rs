//! Tournaments in the database. Times travel as texts and whole microseconds, which both sides hold exactly. The rules
//! that need a lock are functions of the schema; here are their names and what their words mean.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query_as};
use uuid::Uuid;

use super::db::{Db, Freshness};
use super::{StoreError, paged, timestamp};
use crate::domain::poster::PosterKey;
use crate::domain::registration::Refusal;
use crate::domain::search::TournamentSearch;
use crate::domain::tournament::{EntryFee, Tournament, TournamentId, TournamentPatch, TournamentStatus};
use crate::domain::user::UserId;
use crate::metrics::labels::QueryType;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, owner_id, name, game, seats, seats_taken, waiting, status, entry_fee_minor, entry_fee_currency,
                (extract(epoch from starts_at) * 1000000)::bigint as starts, (extract(epoch from created_at) * 1000000)::bigint as created,
                (select key from posters where tournament_id = tournaments.id) as poster
            from tournaments where ",
            $rest
        )
    };
}

const GET: &str = select!("id = $1");
const LIST: &str = select!("true");
const CREATE: &str =
    "insert into tournaments (id, owner_id, name, game, seats, starts_at, created_at, entry_fee_minor, entry_fee_currency)
    values ($1, $2, $3, $4, $5, $6::text::timestamptz, $7::text::timestamptz, $8, $9) returning id";
const UPDATE: &str = "select update_tournament($1, $2, $3, $4, $5, $6::text::timestamptz)";
const CANCEL: &str = "select cancel_tournament($1, $2)";

/// One row of the table.
#[derive(Debug)]
pub struct Stored(Result<Tournament, StoreError>);

/// The tournaments of one page, newest first, and one more when another page follows.
///
/// # Errors
/// The database does not answer.
pub async fn list(db: &Db, search: &TournamentSearch, freshness: Freshness) -> Result<Vec<Tournament>, StoreError> {
    // Only what is asked for: each further comparison makes a plan for all values look worse than it is.
    let filters = [
        (
            " and id < $::text::uuid",
            search.page.after().map(|id| Uuid::from_u128(id).to_string()),
        ),
        (" and game = $", search.game.clone()),
        (
            " and status = $",
            search.status.map(|status| status.as_str().to_owned()),
        ),
        (
            " and starts_at > $::text::timestamptz",
            search.starts_after.map(|time| time.to_string()),
        ),
    ];
    let (mut sql, mut values) = (LIST.to_owned(), Vec::new());
    for (clause, value) in &filters {
        if let Some(value) = value {
            values.push(value.as_str());
            sql += &clause.replace('$', &format!("${}", values.len()));
        }
    }
    sql += " order by id desc";
    let query = || {
        let query = query_as::<_, Stored>(paged(&sql, &search.page));
        values.iter().fold(query, |query, value| query.bind(*value))
    };
    let rows = db.read(QueryType::ListTournaments, freshness, query).await?;
    rows.into_iter().map(|row| row.0).collect()
}

/// One tournament, if it exists.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, id: TournamentId, freshness: Freshness) -> Result<Option<Tournament>, StoreError> {
    let query = || query_as::<_, Stored>(GET).bind(id.0);
    let rows = db.read(QueryType::GetTournament, freshness, query).await?;
    rows.into_iter().next().map(|row| row.0).transpose()
}

/// Stores a new tournament.
///
/// # Errors
/// The database does not answer; the tournament may or may not be stored then.
pub async fn create(db: &Db, new: &Tournament) -> Result<(), StoreError> {
    let fee = new.entry_fee.as_ref();
    let query = || {
        query_as::<_, (Uuid,)>(CREATE)
            .bind(new.id.0)
            .bind(new.owner_id.map(|owner| owner.0))
            .bind(&new.name)
            .bind(&new.game)
            .bind(i32::try_from(new.seats).unwrap_or(i32::MAX))
            .bind(new.starts_at.to_string())
            .bind(new.created_at.to_string())
            .bind(fee.map(|fee| fee.amount))
            .bind(fee.map(|fee| &*fee.currency))
    };
    db.write(QueryType::CreateTournament, query).await?;
    Ok(())
}

/// Changes a tournament; more seats go to those who wait.
///
/// # Errors
/// The database does not answer; the change may or may not be made then.
pub async fn update(
    db: &Db,
    id: TournamentId,
    asker: UserId,
    patch: &TournamentPatch,
) -> Result<Result<(), Refusal>, StoreError> {
    let seats = patch.seats.map(|seats| i32::try_from(seats).unwrap_or(i32::MAX));
    let query = || {
        query_as::<_, (String,)>(UPDATE)
            .bind(id.0)
            .bind(asker.0)
            .bind(patch.name.as_deref())
            .bind(patch.game.as_deref())
            .bind(seats)
            .bind(patch.starts_at.map(|time| time.to_string()))
    };
    outcome(db.write(QueryType::UpdateTournament, query).await?)
}

/// Cancels a tournament for good.
///
/// # Errors
/// The database does not answer; it may or may not be cancelled then.
pub async fn cancel(db: &Db, id: TournamentId, asker: UserId) -> Result<Result<(), Refusal>, StoreError> {
    let query = || query_as::<_, (String,)>(CANCEL).bind(id.0).bind(asker.0);
    outcome(db.write(QueryType::CancelTournament, query).await?)
}

/// What a function of the schema answered: `Done`, or why not.
pub(super) fn outcome(rows: Vec<(String,)>) -> Result<Result<(), Refusal>, StoreError> {
    let word = rows.into_iter().next().map(|(word,)| word).unwrap_or_default();
    if word == "Done" {
        return Ok(Ok(()));
    }
    refusal(&word).map(Err)
}

pub(super) fn refusal(word: &str) -> Result<Refusal, StoreError> {
    Refusal::named(word).ok_or_else(|| StoreError::Corrupt {
        what: "outcome",
        problem: format!("`{word}`"),
    })
}

impl<'r> FromRow<'r, PgRow> for Stored {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let fee = row
            .try_get::<Option<i64>, _>(8)?
            .zip(row.try_get::<Option<String>, _>(9)?);
        let (starts_at, created_at) = (row.try_get(10)?, row.try_get(11)?);
        let poster: Option<String> = row.try_get(12)?;
        let (seats, taken, waiting): (i32, i32, i32) = (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
        let status: &str = row.try_get(7)?;
        let corrupt = |problem: String| StoreError::Corrupt {
            what: "tournament",
            problem,
        };
        let count = |count: i32| u32::try_from(count).map_err(|_| corrupt(format!("{count} seats")));
        let (id, owner): (Uuid, Option<Uuid>) = (row.try_get(0)?, row.try_get(1)?);
        let (name, game) = (row.try_get(2)?, row.try_get(3)?);
        let poster = poster.map(|key| key.parse::<PosterKey>().map_err(|_| corrupt(format!("poster `{key}`"))));
        let read = || -> Result<Tournament, StoreError> {
            Ok(Tournament {
                id: TournamentId(id),
                owner_id: owner.map(UserId),
                name,
                game,
                seats: count(seats)?,
                seats_taken: count(taken)?,
                waiting: count(waiting)?,
                status: TournamentStatus::named(status).ok_or_else(|| corrupt(format!("status `{status}`")))?,
                entry_fee: fee.map(|(amount, currency)| EntryFee { amount, currency }),
                poster_url: poster.transpose()?.map(PosterKey::url),
                starts_at: timestamp("tournament", starts_at)?,
                created_at: timestamp("tournament", created_at)?,
            })
        };
        Ok(Self(read()))
    }
}
