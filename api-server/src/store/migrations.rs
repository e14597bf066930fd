//! The schema: its migrations, embedded in the program, and whether a database has them. Servers that start together
//! take turns by an advisory lock of the database. A schema that is newer than this program is fine: during a rolling
//! update and after a rollback, old and new programs share one database, so every migration must suit the program before.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, query_as, query_scalar};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::StoreError;
use super::db::{self, Db};
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

const VERSION: &str = "select coalesce(max(version), 0) from _sqlx_migrations where success";

/// What a database knows of our migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// All of them are applied.
    Current,
    /// Some or all are missing.
    Behind,
}

/// The version of the newest migration in this program.
pub fn latest_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Looks at the schema of the primary.
///
/// # Errors
/// The primary does not answer.
pub async fn check(db: &Db) -> Result<Schema, StoreError> {
    let pooled = match db.write().await {
        Ok(mut session) => session.fetch(QueryType::Check, query_as::<_, (i64,)>(VERSION)).await,
        // The pool cannot say whether the server is dead or only busy with other requests: ask beside the pool.
        Err(StoreError::NoFreeConnection) => check_beside_the_pool(db).await,
        Err(error) => Err(error),
    };
    match pooled {
        Ok(rows) if rows.iter().any(|(version,)| *version >= latest_version()) => Ok(Schema::Current),
        Ok(_) => Ok(Schema::Behind),
        Err(error) if error.is_missing_table() => Ok(Schema::Behind),
        Err(error) => Err(error),
    }
}

async fn check_beside_the_pool(db: &Db) -> Result<Vec<(i64,)>, StoreError> {
    let (what, after) = (QueryType::Check.as_str(), db.answer_timeout());
    let mut connection = db.connect().await?;
    let _timer = db.metrics().time_query(QueryType::Check);
    let answer = timeout(after, query_scalar::<_, i64>(VERSION).fetch_all(&mut connection)).await;
    let versions = answer.map_err(|_| StoreError::Timeout { what, after })?;
    versions
        .map(|rows| rows.into_iter().map(|v| (v,)).collect())
        .map_err(|source| StoreError::Query { what, source })
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
    let options = db::options("DATABASE_URL", &config.primary)?;
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
    let mut connection = db::connect(&options, Duration::from_secs(5)).await?;
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
