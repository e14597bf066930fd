//! The schema: its migrations, embedded in the program, and whether a database has them. Servers that start together
//! take turns by an advisory lock of the database. A schema that is newer than this program is fine: during a rolling
//! update and after a rollback, old and new programs share one database, so every migration must suit the program before.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, query_as};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::StoreError;
use super::connect;
use super::db::Db;
use super::lag;
use crate::config::DatabaseConfig;
use crate::metrics::labels::QueryType;

static MIGRATIONS: Migrator = Migrator {
    ignore_missing: true,
    ..sqlx::migrate!()
};

/// The longest that one attempt may take, the wait for other migrators included.
const ATTEMPT_DEADLINE: Duration = Duration::from_mins(2);
/// The pause between two attempts to reach the database.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

const LOOK: &str = "select coalesce(max(version), 0), pg_is_in_recovery(),
        (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text
    from _sqlx_migrations where success";

/// What a database knows of our migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// All of them are applied.
    Current,
    /// Some or all are missing.
    Behind,
}

/// Whether a server takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It does.
    Primary,
    /// It follows another one.
    Standby,
}

/// What one look at a server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Its schema.
    pub schema: Schema,
    /// Its role.
    pub role: Role,
    /// How far its log goes: written by a primary, replayed by a standby.
    pub position: u64,
}

/// version, whether it recovers, position
type Row = (i64, bool, Option<String>);

/// The version of the newest migration in this program.
pub fn latest_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Looks at the primary.
///
/// # Errors
/// The primary does not answer.
pub async fn look(db: &Db) -> Result<Look, StoreError> {
    let pooled = match db.ask_primary(QueryType::Check, || query_as::<_, Row>(LOOK)).await {
        // The pool cannot say whether the server is dead or only busy with other requests: ask beside the pool.
        Err(StoreError::NoFreeConnection) => look_beside_the_pool(db).await,
        answer => answer,
    };
    read(pooled)
}

/// Looks at the replica; `None` when there is none, or while it is left alone after a failure.
pub async fn look_at_replica(db: &Db) -> Option<Result<Look, StoreError>> {
    let answer = db.ask_replica(QueryType::Check, || query_as::<_, Row>(LOOK)).await;
    answer.map(read)
}

async fn look_beside_the_pool(db: &Db) -> Result<Vec<Row>, StoreError> {
    let (what, after) = (QueryType::Check.as_str(), db.answer_timeout());
    let mut connection = db.connect().await?;
    let _timer = db.metrics().time_query(QueryType::Check);
    let answer = timeout(after, query_as::<_, Row>(LOOK).fetch_all(&mut connection)).await;
    let rows = answer.map_err(|_| StoreError::Timeout { what, after })?;
    rows.map_err(|source| StoreError::Query { what, source })
}

fn read(answer: Result<Vec<Row>, StoreError>) -> Result<Look, StoreError> {
    let (version, recovers, position) = match answer {
        Ok(rows) => rows.into_iter().next().unwrap_or_default(),
        // Nobody migrated it yet, so nobody replicates it either.
        Err(error) if error.is_missing_table() => Row::default(),
        Err(error) => return Err(error),
    };
    Ok(Look {
        schema: if version >= latest_version() {
            Schema::Current
        } else {
            Schema::Behind
        },
        role: if recovers { Role::Standby } else { Role::Primary },
        position: position.as_deref().and_then(lag::position).unwrap_or(0),
    })
}

/// Brings the primary's schema up to date. Does nothing when it is; waits while another migrator works.
///
/// # Errors
/// The primary does not answer, or a migration fails; it is rolled back then.
pub async fn apply(db: &Db) -> Result<(), StoreError> {
    apply_with(db.primary_options()).await
}

/// [`apply`] for the command `migrate`: waits up to `wait` for the database to answer.
///
/// # Errors
/// As [`apply`].
pub async fn apply_within(config: &DatabaseConfig, wait: Duration) -> Result<(), StoreError> {
    let deadline = Instant::now() + wait;
    let options = connect::options("DATABASE_URL", &config.primary)?;
    loop {
        match apply_with(options.clone()).await {
            Err(error) if error.is_transient() && Instant::now() + RETRY_PAUSE < deadline => {
                warn!(%error, "waiting for the database");
                sleep(RETRY_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// On a connection of its own: the server drops the lock with the connection, however this ends, and a migration and
/// the wait for the lock may take longer than a request's statement.
async fn apply_with(options: PgConnectOptions) -> Result<(), StoreError> {
    let options = options
        .application_name("pathfinder-api migrate")
        .options([("statement_timeout", "0")]);
    let mut connection = connect::connect(&options, Duration::from_secs(5)).await?;
    let migrated = timeout(ATTEMPT_DEADLINE, run(&mut connection)).await;
    migrated.map_err(|_| StoreError::Timeout {
        what: "migrate",
        after: ATTEMPT_DEADLINE,
    })??;
    // The migrations are applied: a connection that does not close cleanly changes nothing.
    let _closed = timeout(Duration::from_secs(1), connection.close()).await;
    info!(version = latest_version(), "the database's schema is up to date");
    Ok(())
}

async fn run(connection: &mut PgConnection) -> Result<(), StoreError> {
    MIGRATIONS
        .run_direct(None, connection, false)
        .await
        .map_err(|source| StoreError::Migrate { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_embedded_and_tolerate_newer_ones_in_the_database() {
        assert!(latest_version() >= 1);
        assert!(MIGRATIONS.ignore_missing);
        assert!(MIGRATIONS.locking);
    }
}
