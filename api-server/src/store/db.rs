//! The connections to the database: a pool to the primary and, when there is one, a pool to a replica. Writes go to the
//! primary; reads go to the replica and fall back to the primary while it does not answer. Every wait is bounded on this
//! side too, because a frozen server keeps no timeouts. What is asked is not known here.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::query::QueryAs;
use sqlx::{Connection, FromRow, Postgres};
use tokio::time::timeout;
use tracing::{info, warn};

use super::StoreError;
use crate::circuit::{Circuit, Transition};
use crate::config::{DatabaseConfig, PoolConfig};
use crate::metrics::labels::{Pool, QueryType};
use crate::metrics::{Metrics, PoolUse};

/// A connection lives at most this long, so that a pool forgets a server that it should not know any more.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
/// How much longer this side waits than the server's own statement timeout.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);
/// After its first failure a replica is left alone for this long.
const REPLICA_FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A replica that stays away is tried at least this often.
const REPLICA_LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The database.
#[derive(Debug)]
pub struct Db {
    primary: MeteredPool,
    replica: Option<Replica>,
    metrics: Arc<Metrics>,
    acquire_timeout: Duration,
    answer_timeout: Duration,
}

#[derive(Debug)]
struct Replica {
    pool: MeteredPool,
    circuit: Circuit,
}

#[derive(Debug)]
struct MeteredPool {
    pool: PgPool,
    waiting: AtomicU32,
}

/// One connection, for one request.
#[derive(Debug)]
pub struct Session<'a> {
    connection: PoolConnection<Postgres>,
    db: &'a Db,
}

/// Whether the connections of a pool may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

impl Db {
    /// The database as configured. Connects to nothing yet, but needs a tokio runtime.
    ///
    /// # Errors
    /// A connection string that does not parse.
    pub fn new(config: &DatabaseConfig, metrics: Arc<Metrics>) -> Result<Self, StoreError> {
        let primary = options("DATABASE_URL", &config.primary)?;
        let replica = match &config.replica {
            None => None,
            Some(pool) => {
                let options = options("DATABASE_REPLICA_URL", pool)?;
                let pool = MeteredPool::new(config, pool, session_options(options, config, Access::ReadOnly));
                Some(Replica {
                    pool,
                    circuit: Circuit::new(REPLICA_FIRST_PAUSE, REPLICA_LONGEST_PAUSE),
                })
            }
        };
        Ok(Self {
            primary: MeteredPool::new(
                config,
                &config.primary,
                session_options(primary, config, Access::ReadWrite),
            ),
            replica,
            metrics,
            acquire_timeout: config.acquire_timeout,
            answer_timeout: config.statement_timeout + ANSWER_MARGIN,
        })
    }

    /// A connection that may write.
    ///
    /// # Errors
    /// The primary does not answer, or all connections to it stay in use.
    pub async fn write(&self) -> Result<Session<'_>, StoreError> {
        let connection = self.primary.acquire().await?;
        Ok(Session { connection, db: self })
    }

    /// A connection for reading only.
    ///
    /// # Errors
    /// Neither the replica nor the primary answers.
    pub async fn read(&self) -> Result<Session<'_>, StoreError> {
        let Some(replica) = &self.replica else {
            return self.write().await;
        };
        if let Some(connection) = replica.acquire().await {
            return Ok(Session { connection, db: self });
        }
        self.metrics.replica_fallback();
        self.write().await
    }

    /// A new connection to the primary beside the pool: tells an exhausted pool from a dead server, and why it is dead.
    ///
    /// # Errors
    /// The primary does not answer or refuses the connection.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        connect(&self.primary.pool.connect_options(), self.acquire_timeout).await
    }

    /// The options of the connections to the primary.
    pub(super) fn primary_options(&self) -> PgConnectOptions {
        self.primary.pool.connect_options().as_ref().clone()
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
        self.primary.pool.close().await;
        if let Some(replica) = &self.replica {
            replica.pool.pool.close().await;
        }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn answer_timeout(&self) -> Duration {
        self.answer_timeout
    }
}

impl Session<'_> {
    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// The statement fails, or is not answered in time; then the connection is not used again.
    pub async fn fetch<T>(
        &mut self,
        query_type: QueryType,
        query: QueryAs<'_, Postgres, T, PgArguments>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let _timer = self.db.metrics.time_query(query_type);
        let (what, after) = (query_type.as_str(), self.db.answer_timeout);
        if let Ok(answer) = timeout(after, query.fetch_all(&mut *self.connection)).await {
            return answer.map_err(|source| StoreError::Query { what, source });
        }
        self.connection.close_on_drop();
        Err(StoreError::Timeout { what, after })
    }
}

impl Replica {
    async fn acquire(&self) -> Option<PoolConnection<Postgres>> {
        let attempt = self.circuit.ask(Instant::now())?;
        match self.pool.acquire().await {
            Ok(connection) => {
                if self.circuit.succeeded(attempt) == Transition::Closed {
                    info!("reads go to the replica again");
                }
                Some(connection)
            }
            Err(error) => {
                if self.circuit.failed(attempt, Instant::now()) == Transition::Opened {
                    warn!(%error, "reads go to the primary: the replica does not answer");
                }
                None
            }
        }
    }
}

impl MeteredPool {
    fn new(config: &DatabaseConfig, pool: &PoolConfig, options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(pool.max_connections)
            .min_connections(pool.min_connections)
            .idle_timeout(config.idle_timeout)
            .max_lifetime(MAX_LIFETIME)
            .acquire_timeout(config.acquire_timeout)
            .connect_lazy_with(options);
        Self {
            pool,
            waiting: AtomicU32::new(0),
        }
    }

    async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        let _waiting = Waiting::new(&self.waiting);
        self.pool.acquire().await.map_err(|source| match source {
            sqlx::Error::PoolTimedOut => StoreError::NoFreeConnection,
            source => StoreError::Connect { source },
        })
    }

    fn usage(&self) -> PoolUse {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        PoolUse {
            active: self.pool.size().saturating_sub(idle),
            idle,
            max: self.pool.options().get_max_connections(),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }
}

/// Counts a wait for a connection, also one that is abandoned.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection outside any pool.
pub(super) async fn connect(options: &PgConnectOptions, within: Duration) -> Result<PgConnection, StoreError> {
    match timeout(within, PgConnection::connect_with(options)).await {
        Ok(connected) => connected.map_err(|source| StoreError::Connect { source }),
        Err(_) => Err(StoreError::Timeout {
            what: "connect",
            after: within,
        }),
    }
}

/// What the connection string says. sqlx alone would take any scheme.
pub(super) fn options(variable: &'static str, pool: &PoolConfig) -> Result<PgConnectOptions, StoreError> {
    let url = pool.url.expose_secret();
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        let source = sqlx::Error::Configuration("the scheme is neither postgres nor postgresql".into());
        return Err(StoreError::BadUrl { variable, source });
    }
    PgConnectOptions::from_str(url)
        .map(|options| options.application_name("pathfinder-api"))
        .map_err(|source| StoreError::BadUrl { variable, source })
}

/// A replica's connections refuse writes even when its address leads to a primary.
fn session_options(options: PgConnectOptions, config: &DatabaseConfig, access: Access) -> PgConnectOptions {
    let options = options.options([("statement_timeout", config.statement_timeout.as_millis().to_string())]);
    match access {
        Access::ReadWrite => options,
        Access::ReadOnly => options.options([("default_transaction_read_only", "on")]),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::other_scheme("mysql://root:hunter2@host")]
    #[case::no_url("hunter2")]
    #[case::broken_port("postgres://root:hunter2@host:port/d")]
    fn a_connection_string_that_does_not_parse_is_not_repeated(#[case] url: &str) {
        let pool = PoolConfig {
            url: url.into(),
            max_connections: 1,
            min_connections: 0,
        };
        // Not `expect_err`: sqlx' options show the password when they are printed.
        let error = options("DATABASE_URL", &pool)
            .err()
            .map(anyhow::Error::from)
            .expect("not a connection string");
        assert!(
            format!("{error:#}").contains("DATABASE_URL is not of the form"),
            "{error:#}"
        );
        assert!(!format!("{error:#} {error:?}").contains("hunter2"), "{error:#}");
    }

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
        };
        let db = Db::new(&config, Arc::new(Metrics::default())).expect("parses");
        assert!(!format!("{db:?}").contains("hunter2"));
    }
}
