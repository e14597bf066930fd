//! One pool of connections: counted, bounded, and renewed. A connection is retired after a number of uses on average
//! (each release ends it with that chance, so that connections which were opened together do not end together), when it
//! was idle too long, and at once when its server is no longer trusted, as after a failover. What is asked is not known
//! here.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::random_range;
use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Postgres};
use tracing::warn;

use super::StoreError;
use crate::config::{DatabaseConfig, PoolConfig};
use crate::metrics::PoolUse;
use crate::metrics::labels::Pool;

/// A connection lives at most this long, so that a pool forgets a server that it should not know any more.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
/// A connection that was idle for longer is asked for a sign of life before it is used: one round trip.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// More waiting requests than this are worth a warning, as often as this: under full load each of them may be the last to wait.
const MANY_WAITING: u32 = 5;
const WARN_PAUSE: Duration = Duration::from_secs(10);

/// A pool and what is known of its use.
#[derive(Debug)]
pub(super) struct MeteredPool {
    name: Pool,
    pool: PgPool,
    waiting: AtomicU32,
    warned: Mutex<Option<Instant>>,
    trust: Arc<Trust>,
}

/// Which connections may still be used.
#[derive(Debug)]
struct Trust {
    started: Instant,
    /// Connections opened earlier than this many nanoseconds after the start are closed instead of used.
    since: AtomicU64,
    /// Uses of a connection, on average.
    uses: u32,
}

impl MeteredPool {
    pub(super) fn new(name: Pool, config: &DatabaseConfig, pool: &PoolConfig, options: PgConnectOptions) -> Self {
        let trust = Arc::new(Trust {
            started: Instant::now(),
            since: AtomicU64::new(0),
            uses: config.connection_uses.max(1),
        });
        let (before, after) = (Arc::clone(&trust), Arc::clone(&trust));
        let pool = PgPoolOptions::new()
            .max_connections(pool.max_connections)
            .min_connections(pool.min_connections)
            .idle_timeout(config.idle_timeout)
            .max_lifetime(MAX_LIFETIME)
            .acquire_timeout(config.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(move |connection, metadata| {
                let usable = before.covers(&metadata);
                Box::pin(async move {
                    if usable && metadata.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(usable)
                })
            })
            .after_release(move |_, metadata| {
                let usable = after.covers(&metadata) && random_range(0..after.uses) != 0;
                Box::pin(async move { Ok(usable) })
            })
            .connect_lazy_with(options);
        Self {
            name,
            pool,
            waiting: AtomicU32::new(0),
            warned: Mutex::new(None),
            trust,
        }
    }

    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        let _waiting = Waiting::new(self);
        self.pool.acquire().await.map_err(|source| match source {
            sqlx::Error::PoolTimedOut => StoreError::NoFreeConnection,
            source => StoreError::Connect { source },
        })
    }

    /// No connection that is open now is used again.
    pub(super) fn distrust(&self) {
        let now = u64::try_from(self.trust.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.trust.since.store(now, Ordering::Relaxed);
    }

    /// Whether the last warning is old enough for another one, which is then taken as given.
    fn is_to_be_warned_of(&self, now: Instant) -> bool {
        // Held by somebody else: they warn.
        let Ok(mut warned) = self.warned.try_lock() else {
            return false;
        };
        let is_old = warned.is_none_or(|at| now.duration_since(at) >= WARN_PAUSE);
        if is_old {
            *warned = Some(now);
        }
        is_old
    }

    pub(super) fn usage(&self) -> PoolUse {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        PoolUse {
            active: self.pool.size().saturating_sub(idle),
            idle,
            max: self.pool.options().get_max_connections(),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// Whether every connection that may be open is.
    pub(super) fn is_full(&self) -> bool {
        self.pool.size() >= self.pool.options().get_max_connections()
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        self.pool.connect_options().as_ref().clone()
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Trust {
    fn covers(&self, metadata: &PoolConnectionMetadata) -> bool {
        let opened = self.started.elapsed().saturating_sub(metadata.age);
        opened >= Duration::from_nanos(self.since.load(Ordering::Relaxed))
    }
}

/// Counts a wait for a connection, also one that is abandoned.
struct Waiting<'a>(&'a MeteredPool);

impl<'a> Waiting<'a> {
    fn new(pool: &'a MeteredPool) -> Self {
        let waiting = pool.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        if waiting > MANY_WAITING && pool.is_to_be_warned_of(Instant::now()) {
            warn!(
                pool = pool.name.as_str(),
                waiting, "requests wait for a connection to the database: all are in use"
            );
        }
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pool_under_full_load_is_warned_of_once_in_a_while_and_not_at_each_request() {
        let config =
            crate::config::Config::try_from(crate::config::serve_args(&["--database-url", "postgres://u:p@h/d"]))
                .expect("the flags fit together");
        let database = config.database.expect("there is one");
        let pool = MeteredPool::new(Pool::Primary, &database, &database.primary, PgConnectOptions::new());
        let now = Instant::now();
        let seconds = [0, 1, 9, 10, 11, 25];
        let warned = seconds.map(|after| pool.is_to_be_warned_of(now + Duration::from_secs(after)));
        assert_eq!(warned, [true, false, false, true, false, true]);
    }
}
