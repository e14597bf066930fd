//! Users in the database. Password hashes come and go as text; what is in them is not known here.

use sqlx::query_as;
use uuid::Uuid;

use super::db::{Db, Freshness};
use super::{StoreError, timestamp};
use crate::domain::user::{User, UserId};
use crate::metrics::labels::QueryType;

/// id, email, name, created_at in microseconds since 1970
type Row = (Uuid, String, String, i64);

const CREATE: &str = "insert into users (id, email, name, password_hash, created_at)
    values ($1, $2, $3, $4, $5::text::timestamptz) on conflict (email) do nothing returning id";
const GET: &str = "select id, email, name, (extract(epoch from created_at) * 1000000)::bigint from users where id = $1";
const CREDENTIALS: &str = "select id, email, name, (extract(epoch from created_at) * 1000000)::bigint, password_hash
    from users where email = $1";
const HASH: &str = "select password_hash from users where id = $1";
const SET_HASH: &str = "update users set password_hash = $2 where id = $1 and password_hash = $3 returning id";

/// What became of a sign-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The user is new.
    New,
    /// Somebody has this address.
    Taken,
}

/// Stores a new user.
///
/// # Errors
/// The database does not answer; the user may or may not be stored then.
pub async fn create(db: &Db, new: &User, hash: &str) -> Result<Created, StoreError> {
    let query = || {
        query_as::<_, (Uuid,)>(CREATE)
            .bind(new.id.0)
            .bind(&new.email)
            .bind(&new.name)
            .bind(hash)
            .bind(new.created_at.to_string())
    };
    let made = db.write(QueryType::CreateUser, query).await?;
    Ok(if made.is_empty() { Created::Taken } else { Created::New })
}

/// One user, if it exists.
///
/// # Errors
/// The database does not answer.
pub async fn get(db: &Db, id: UserId, freshness: Freshness) -> Result<Option<User>, StoreError> {
    let query = || query_as::<_, Row>(GET).bind(id.0);
    let rows = db.read(QueryType::GetUser, freshness, query).await?;
    rows.into_iter().next().map(user).transpose()
}

/// The user of an address with the hash of its password. Always the latest: a changed password counts at once.
///
/// # Errors
/// The database does not answer.
pub async fn credentials(db: &Db, email: &str) -> Result<Option<(User, String)>, StoreError> {
    let query = || query_as::<_, (Uuid, String, String, i64, String)>(CREDENTIALS).bind(email);
    let rows = db.read(QueryType::GetCredentials, Freshness::Latest, query).await?;
    let found = rows.into_iter().next().map(|(id, email, name, created_at, hash)| {
        let user = user((id, email, name, created_at));
        user.map(|user| (user, hash))
    });
    found.transpose()
}

/// The hash of a user's password.
///
/// # Errors
/// The database does not answer.
pub async fn password_hash(db: &Db, id: UserId) -> Result<Option<String>, StoreError> {
    let query = || query_as::<_, (String,)>(HASH).bind(id.0);
    let rows = db.read(QueryType::GetCredentials, Freshness::Latest, query).await?;
    Ok(rows.into_iter().next().map(|(hash,)| hash))
}

/// What became of a change of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It is the new one.
    Done,
    /// It was changed by somebody else in between.
    Outdated,
}

/// Replaces the hash of a user's password, if it is still the old one.
///
/// # Errors
/// The database does not answer; the hash may or may not be replaced then.
pub async fn set_password_hash(db: &Db, id: UserId, (old, new): (&str, &str)) -> Result<Replaced, StoreError> {
    let query = || query_as::<_, (Uuid,)>(SET_HASH).bind(id.0).bind(new).bind(old);
    let changed = db.write(QueryType::SetPassword, query).await?;
    Ok(if changed.is_empty() {
        Replaced::Outdated
    } else {
        Replaced::Done
    })
}

fn user((id, email, name, created_at): Row) -> Result<User, StoreError> {
    Ok(User {
        id: UserId(id),
        email,
        name,
        created_at: timestamp("user", created_at)?,
    })
}
