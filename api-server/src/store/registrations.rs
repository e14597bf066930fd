//! Registrations in the database. The counting is done by functions of the schema under a lock on the tournament's row,
//! in one round trip each; here are their names and what their words mean.

use sqlx::query_as;
use uuid::Uuid;

use super::db::{Db, Freshness};
use super::{StoreError, paged, timestamp, tournaments};
use crate::domain::page::PageRequest;
use crate::domain::registration::{
    OwnRegistration, Participant, Refusal, Registering, Registration, RegistrationId, RegistrationStatus,
};
use crate::domain::tournament::TournamentId;
use crate::domain::user::UserId;
use crate::metrics::labels::QueryType;

/// outcome, id, status, place on the waiting list, created_at in microseconds since 1970
type Registered = (String, Option<Uuid>, Option<String>, Option<i64>, Option<i64>);
/// id, tournament, status, created_at in microseconds, place on the waiting list, tournament's name, starts_at in microseconds
type OwnRow = (Uuid, Uuid, String, i64, Option<i64>, String, i64);

const REGISTER: &str = "select outcome, registration, standing, place, (extract(epoch from arrived) * 1000000)::bigint
    from register_for($1, $2, $3)";
const UNREGISTER: &str = "select unregister_from($1, $2)";
const OWN: &str = "select r.id, r.tournament_id, r.status, (extract(epoch from r.created_at) * 1000000)::bigint,
        case when r.status = 'Waiting' then (select count(*) from registrations w
            where w.tournament_id = r.tournament_id and w.status = 'Waiting' and w.position <= r.position) end,
        t.name, (extract(epoch from t.starts_at) * 1000000)::bigint
    from registrations r join tournaments t on t.id = r.tournament_id
    where r.user_id = $1 and r.id < $2 and r.status <> 'Cancelled' order by r.id desc";
const PARTICIPANTS: &str = "select r.user_id, u.name, r.status, r.position
    from registrations r join users u on u.id = r.user_id
    where r.tournament_id = $1 and r.position > $2 and r.status <> 'Cancelled' order by r.position";
const EXISTS: &str = "select 1 from tournaments where id = $1";

/// Takes a seat, or a place on the waiting list; what the user already has if it has one.
///
/// # Errors
/// The database does not answer; the registration may or may not be made then, and asking again is safe.
pub async fn register(
    db: &Db,
    tournament: TournamentId,
    user: UserId,
    id: RegistrationId,
) -> Result<Registering, StoreError> {
    let query = || {
        query_as::<_, Registered>(REGISTER)
            .bind(tournament.0)
            .bind(user.0)
            .bind(id.0)
    };
    let rows = db.write(QueryType::Register, query).await?;
    let (outcome, id, status, place, created_at) = rows.into_iter().next().unwrap_or_default();
    let (Some(id), Some(status), Some(created_at)) = (id, status, created_at) else {
        return tournaments::refusal(&outcome).map(Registering::Refused);
    };
    let registration = Registration {
        id: RegistrationId(id),
        tournament_id: tournament,
        status: standing(&status)?,
        waiting_position: place.map(i64::unsigned_abs),
        payment: None,
        created_at: timestamp("registration", created_at)?,
    };
    Ok(if outcome == "Made" {
        Registering::Made(registration)
    } else {
        Registering::Already(registration)
    })
}

/// Gives the seat or the place on the waiting list up; the first who waits gets a seat that became free.
///
/// # Errors
/// The database does not answer; the registration may or may not be gone then.
pub async fn unregister(db: &Db, tournament: TournamentId, user: UserId) -> Result<Result<(), Refusal>, StoreError> {
    let query = || query_as::<_, (String,)>(UNREGISTER).bind(tournament.0).bind(user.0);
    tournaments::outcome(db.write(QueryType::Unregister, query).await?)
}

/// A user's registrations of one page, newest first, and one more when another page follows.
///
/// # Errors
/// The database does not answer.
pub async fn of_user(
    db: &Db,
    user: UserId,
    page: &PageRequest,
    freshness: Freshness,
) -> Result<Vec<OwnRegistration>, StoreError> {
    let before = page.after().map_or(Uuid::max(), Uuid::from_u128);
    let query = || query_as::<_, OwnRow>(paged(OWN, page)).bind(user.0).bind(before);
    let rows = db.read(QueryType::ListOwnRegistrations, freshness, query).await?;
    rows.into_iter().map(own).collect()
}

/// A tournament's registrations of one page in the order of arrival, and one more when another page follows; `None`
/// without such a tournament.
///
/// # Errors
/// The database does not answer.
pub async fn of_tournament(
    db: &Db,
    tournament: TournamentId,
    page: &PageRequest,
    freshness: Freshness,
) -> Result<Option<Vec<Participant>>, StoreError> {
    let after = page.after().map_or(0, |after| i64::try_from(after).unwrap_or(i64::MAX));
    let query = || {
        query_as::<_, (Uuid, String, String, i64)>(paged(PARTICIPANTS, page))
            .bind(tournament.0)
            .bind(after)
    };
    let rows = db.read(QueryType::ListParticipants, freshness, query).await?;
    if rows.is_empty() && !exists(db, tournament, freshness).await? {
        return Ok(None);
    }
    rows.into_iter().map(participant).collect::<Result<_, _>>().map(Some)
}

pub(super) async fn exists(db: &Db, tournament: TournamentId, freshness: Freshness) -> Result<bool, StoreError> {
    let query = || query_as::<_, (i32,)>(EXISTS).bind(tournament.0);
    Ok(!db.read(QueryType::GetTournament, freshness, query).await?.is_empty())
}

fn own((id, tournament, status, created_at, place, name, starts_at): OwnRow) -> Result<OwnRegistration, StoreError> {
    Ok(OwnRegistration {
        registration: Registration {
            id: RegistrationId(id),
            tournament_id: TournamentId(tournament),
            status: standing(&status)?,
            waiting_position: place.map(i64::unsigned_abs),
            payment: None,
            created_at: timestamp("registration", created_at)?,
        },
        tournament_name: name,
        starts_at: timestamp("tournament", starts_at)?,
    })
}

fn participant((user, name, status, position): (Uuid, String, String, i64)) -> Result<Participant, StoreError> {
    Ok(Participant {
        user_id: UserId(user),
        name,
        status: standing(&status)?,
        position: position.unsigned_abs(),
    })
}

fn standing(name: &str) -> Result<RegistrationStatus, StoreError> {
    RegistrationStatus::named(name).ok_or_else(|| StoreError::Corrupt {
        what: "registration",
        problem: format!("status `{name}`"),
    })
}
