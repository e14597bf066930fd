//! The connections to the database: a pool to the primary and, when there is one, a pool to a replica. Writes go to the
//! primary; reads go to the replica, unless the reader must see the latest, and fall back to the primary while it does
//! not answer or is too far behind. Every wait is bounded on this side too, because a frozen server keeps no timeouts.
//! What is asked is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use tokio::time::timeout;
use tracing::{info, warn};

use super::StoreError;
use super::connect::{Access, connect, options, session_options};
use super::pool::MeteredPool;
use crate::circuit::{Circuit, Transition};
use crate::config::DatabaseConfig;
use crate::metrics::labels::{Pool, QueryType};
use crate::metrics::{Metrics, PoolUse};

/// How much longer this side waits than the server's own statement timeout.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);
/// After its first failure a replica is left alone for this long.
const REPLICA_FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A replica that stays away is tried at least this often.
const REPLICA_LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A statement with its values.
pub type Query<'q, T> = QueryAs<'q, Postgres, T, PgArguments>;

/// What a reader must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// What a replica shows, which may be a little behind.
    Any,
    /// Everything that was written before, as the reader's own writes.
    Latest,
}

/// The database.
#[derive(Debug)]
pub struct Db {
    primary: MeteredPool,
    /// Set while the primary is known not to answer: then nobody waits for it.
    primary_away: AtomicBool,
    replica: Option<Replica>,
    metrics: Arc<Metrics>,
    acquire_timeout: Duration,
    answer_timeout: Duration,
}

#[derive(Debug)]
struct Replica {
    pool: MeteredPool,
    circuit: Circuit,
    /// Set while it is too far behind.
    behind: AtomicBool,
}

/// Which failures of a first attempt cannot have done anything, so that a second one is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// A read: all that pass by themselves.
    Broken,
    /// A write: only the refusal of a server that became read-only.
    ReadOnlyServer,
}

impl Db {
    /// The database as configured. Connects to nothing yet, but needs a tokio runtime.
    ///
    /// # Errors
    /// A connection string that does not parse.
    pub fn new(config: &DatabaseConfig, metrics: Arc<Metrics>) -> Result<Self, StoreError> {
        let primary = session_options(options("DATABASE_URL", &config.primary)?, config, Access::ReadWrite);
        let replica = match &config.replica {
            None => None,
            Some(pool) => {
                let options = session_options(options("DATABASE_REPLICA_URL", pool)?, config, Access::ReadOnly);
                Some(Replica {
                    pool: MeteredPool::new(Pool::Replica, config, pool, options),
                    circuit: Circuit::new(REPLICA_FIRST_PAUSE, REPLICA_LONGEST_PAUSE),
                    behind: AtomicBool::new(false),
                })
            }
        };
        Ok(Self {
            primary: MeteredPool::new(Pool::Primary, config, &config.primary, primary),
            primary_away: AtomicBool::new(false),
            replica,
            metrics,
            acquire_timeout: config.acquire_timeout,
            answer_timeout: config.statement_timeout + ANSWER_MARGIN,
        })
    }

    /// The rows of a statement that may write. `query` makes it; twice, if the server turns out to be read-only.
    ///
    /// # Errors
    /// The primary does not answer, or the statement fails.
    pub async fn write<'q, T>(&self, what: QueryType, query: impl Fn() -> Query<'q, T>) -> Result<Vec<T>, StoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        if self.primary_away.load(Ordering::Relaxed) {
            return Err(StoreError::Away);
        }
        self.on_primary(what, &query, Retry::ReadOnlyServer).await
    }

    /// The rows of a statement that only reads.
    ///
    /// # Errors
    /// Neither the replica nor the primary answers, or the statement fails.
    pub async fn read<'q, T>(
        &self,
        what: QueryType,
        freshness: Freshness,
        query: impl Fn() -> Query<'q, T>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let away = self.primary_away.load(Ordering::Relaxed);
        let Some(replica) = &self.replica else {
            return if away {
                Err(StoreError::Away)
            } else {
                self.on_primary(what, &query, Retry::Broken).await
            };
        };
        // Something a little old is better than nothing: without a primary the replica answers all.
        if away || (freshness == Freshness::Any && !replica.behind.load(Ordering::Relaxed)) {
            match self.on_replica(replica, what, &query).await {
                Some(Err(error)) if error.is_transient() => {}
                Some(answer) => return answer,
                None => {}
            }
            if away {
                return Err(StoreError::Away);
            }
        }
        if freshness == Freshness::Any {
            self.metrics.replica_fallback();
        }
        match self.on_primary(what, &query, Retry::Broken).await {
            // It went away a moment ago, and the watch has not noticed yet.
            Err(error) if self.is_gone_by(&error) => match self.on_replica(replica, what, &query).await {
                Some(Ok(rows)) => Ok(rows),
                Some(Err(_)) | None => Err(error),
            },
            answer => answer,
        }
    }

    // An exhausted pool is no reason to show a user less than they wrote; a pool with room that gives none is.
    fn is_gone_by(&self, error: &StoreError) -> bool {
        match error {
            StoreError::NoFreeConnection => !self.primary.is_full(),
            error => error.is_connectivity(),
        }
    }

    async fn on_primary<'q, T>(
        &self,
        what: QueryType,
        query: &impl Fn() -> Query<'q, T>,
        retry: Retry,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let first = self.fetch(&self.primary, what, query()).await;
        let again = match (&first, retry) {
            (Err(error), _) if error.is_read_only() => true,
            (Err(error), Retry::Broken) => error.is_broken_connection(),
            (Ok(_), Retry::Broken) | (_, Retry::ReadOnlyServer) => false,
        };
        if !again {
            return first;
        }
        // The primary's address leads elsewhere now, or its server began anew: the other connections are as old.
        self.primary.distrust();
        self.fetch(&self.primary, what, query()).await
    }

    /// `None` when the replica is not asked at the moment or gives no connection.
    async fn on_replica<'q, T>(
        &self,
        replica: &Replica,
        what: QueryType,
        query: &impl Fn() -> Query<'q, T>,
    ) -> Option<Result<Vec<T>, StoreError>>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let attempt = replica.circuit.ask(Instant::now())?;
        let answer = self.fetch(&replica.pool, what, query()).await;
        match &answer {
            Err(error) if error.is_connectivity() => {
                if replica.circuit.failed(attempt, Instant::now()) == Transition::Opened {
                    warn!(%error, "reads go to the primary: the replica does not answer");
                    replica.pool.distrust();
                }
            }
            Ok(_) | Err(_) => {
                if replica.circuit.succeeded(attempt) == Transition::Closed {
                    info!("reads go to the replica again");
                }
            }
        }
        Some(answer)
    }

    async fn fetch<T>(&self, pool: &MeteredPool, what: QueryType, query: Query<'_, T>) -> Result<Vec<T>, StoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let mut connection = pool.acquire().await?;
        let _timer = self.metrics.time_query(what);
        let (what, after) = (what.as_str(), self.answer_timeout);
        match timeout(after, query.fetch_all(&mut *connection)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(source)) => {
                let error = StoreError::Query { what, source };
                if error.is_broken_connection() || error.is_read_only() {
                    connection.close_on_drop();
                }
                Err(error)
            }
            Err(_) => {
                connection.close_on_drop();
                Err(StoreError::Timeout { what, after })
            }
        }
    }

    /// What the watch found out about the primary.
    pub(super) fn primary_is(&self, found: Found) {
        let away = found == Found::Away;
        if self.primary_away.swap(away, Ordering::Relaxed) != away && away {
            self.primary.distrust();
        }
    }

    /// What the watch found out about the replica.
    pub(super) fn replica_is(&self, found: ReplicaFound) {
        let behind = matches!(found, ReplicaFound::Behind(_));
        let Some(replica) = &self.replica else { return };
        if replica.behind.swap(behind, Ordering::Relaxed) == behind {
            return;
        }
        match found {
            ReplicaFound::Behind(lag) => {
                warn!(
                    lag_seconds = lag.as_secs(),
                    "reads go to the primary: the replica is too far behind"
                );
            }
            ReplicaFound::UpToDate => info!("the replica has caught up"),
        }
    }

    /// Whether there is a replica.
    pub fn has_replica(&self) -> bool {
        self.replica.is_some()
    }

    /// The rows of a statement on the replica alone, for the watch; `None` without one.
    pub(super) async fn ask_replica<'q, T>(
        &self,
        what: QueryType,
        query: impl Fn() -> Query<'q, T>,
    ) -> Option<Result<Vec<T>, StoreError>>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        self.on_replica(self.replica.as_ref()?, what, &query).await
    }

    /// The rows of a statement on the primary, for the watch: also while it is believed to be away.
    pub(super) async fn ask_primary<'q, T>(
        &self,
        what: QueryType,
        query: impl Fn() -> Query<'q, T>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        self.on_primary(what, &query, Retry::Broken).await
    }

    /// A new connection to the primary beside the pool: tells an exhausted pool from a dead server, and why it is dead.
    ///
    /// # Errors
    /// The primary does not answer or refuses the connection.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        connect(&self.primary.options(), self.acquire_timeout).await
    }

    /// The options of the connections to the primary.
    pub(super) fn primary_options(&self) -> PgConnectOptions {
        self.primary.options()
    }

    /// How the pools are used at this moment.
    pub fn pools(&self) -> Vec<(Pool, PoolUse)> {
        let replica = self
            .replica
            .as_ref()
            .map(|replica| (Pool::Replica, replica.pool.usage()));
        std::iter::once((Pool::Primary, self.primary.usage()))
            .chain(replica)
            .collect()
    }

    /// Closes all connections; those in use when they come back.
    pub async fn close(&self) {
        self.primary.close().await;
        if let Some(replica) = &self.replica {
            replica.pool.close().await;
        }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn answer_timeout(&self) -> Duration {
        self.answer_timeout
    }
}

/// Whether the primary takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It does.
    There,
    /// It does not answer, or is read-only.
    Away,
}

/// Whether the replica may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplicaFound {
    /// It may.
    UpToDate,
    /// Not while it is this far behind.
    Behind(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PoolConfig;

    #[tokio::test]
    async fn debug_output_of_the_pools_does_not_hold_the_password() {
        let pool = || PoolConfig {
            url: "postgres://u:hunter2@h/d".into(),
            max_connections: 1,
            min_connections: 0,
        };
        let config = DatabaseConfig {
            primary: pool(),
            replica: Some(pool()),
            idle_timeout: Duration::from_secs(1),
            acquire_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(1),
            connection_uses: 7500,
        };
        let db = Db::new(&config, Arc::new(Metrics::default())).expect("parses");
        assert!(!format!("{db:?}").contains("hunter2"));
    }
}
