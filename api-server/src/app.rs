//! The state of one process, shared by all requests. Built from the configuration without touching the network, so a
//! test has a whole application in a millisecond. What requests do with it is not known here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::auth::password::Passwords;
use crate::auth::token::{KeyError, Keys};
use crate::cache::aside::Aside;
use crate::cache::redis::{BadRedisUrl, Redis};
use crate::cache::sessions::Sessions;
use crate::config::{CacheConfig, Config, Limits};
use crate::domain::tournament::TournamentId;
use crate::domain::user::UserId;
use crate::edge::Edge;
use crate::error::ApiError;
use crate::lifecycle::Lifecycle;
use crate::live::Live;
use crate::metrics::labels::Pool;
use crate::metrics::{Metrics, PoolUse};
use crate::payments::{NoClient, Payments, worker};
use crate::posters::Posters;
use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::watch::{self, DatabaseHealth, DatabaseState};

/// The state of one process.
#[derive(Debug)]
pub struct App {
    /// The database, if there is one.
    db: Option<Db>,
    /// What is known of the database.
    pub database: DatabaseHealth,
    /// Redis, if there is one.
    pub redis: Option<Arc<Redis>>,
    /// The cache.
    pub cache: Aside,
    /// The sessions.
    pub sessions: Sessions,
    /// The hashes of passwords.
    pub passwords: Passwords,
    /// What happens in tournaments, for those who watch.
    pub live: Live,
    /// The images of tournaments.
    pub posters: Posters,
    /// Entry fees, if there is a gateway.
    payments: Option<Payments>,
    /// What stands before the handlers.
    pub edge: Edge,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Serving or draining.
    pub lifecycle: Lifecycle,
    /// What one request and one connection may cost.
    pub limits: Limits,
    /// When this process began.
    pub started: Instant,
}

/// The configuration names a store in a way that does not parse.
#[derive(Debug, Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] BadRedisUrl),
    /// The payment gateway.
    #[error(transparent)]
    Payments(#[from] NoClient),
    /// The keys of the tokens.
    #[error("JWT_KEYS: {0}")]
    Keys(#[from] KeyError),
}

impl App {
    /// The application as configured. Connects to nothing yet, but needs a tokio runtime.
    ///
    /// # Errors
    /// A connection string that does not parse.
    pub fn new(config: &Config) -> Result<Self, AppError> {
        let metrics = Arc::new(Metrics::default());
        let db = config
            .database
            .as_ref()
            .map(|database| Db::new(database, Arc::clone(&metrics)))
            .transpose()?;
        let known = match db {
            Some(_) => DatabaseState::Waiting { reason: None },
            None => DatabaseState::NotConfigured,
        };
        let (cache, auth) = (&config.cache, &config.auth);
        let redis = connect_redis(cache, cache.timeout)?;
        // A connection and a circuit of their own: a late answer of the cache must not refuse anybody.
        let sessions = connect_redis(cache, auth.redis_timeout)?;
        let keys = auth.jwt_keys.as_ref().map(Keys::parse).transpose()?;
        Ok(Self {
            db,
            database: DatabaseHealth::new(known),
            cache: Aside::new(cache, redis.clone(), Arc::clone(&metrics)),
            sessions: Sessions::new(keys, sessions, auth.session_ttl)?,
            passwords: Passwords::new(auth.passwords_at_once),
            live: Live::new(redis.clone(), config.live),
            posters: Posters::new(&config.posters),
            payments: payments(config, redis.as_ref())?,
            edge: Edge::new(&config.edge),
            redis,
            metrics,
            lifecycle: Lifecycle::default(),
            limits: config.limits,
            started: Instant::now(),
        })
    }

    /// The database.
    ///
    /// # Errors
    /// [`ApiError::NoDatabase`] when none is configured.
    pub fn db(&self) -> Result<&Db, ApiError> {
        self.db.as_ref().ok_or(ApiError::NoDatabase)
    }

    /// Entry fees.
    ///
    /// # Errors
    /// [`ApiError::NoPayments`] when there is no gateway.
    pub fn payments(&self) -> Result<&Payments, ApiError> {
        self.payments.as_ref().ok_or(ApiError::NoPayments)
    }

    /// Who has a seat in a tournament changed without a request of a user.
    pub async fn seats_changed(&self, tournament: TournamentId) {
        self.cache.invalidate(&registrations_tag(tournament)).await;
    }

    /// The database, for the loading of an answer that others may wait for too.
    ///
    /// # Errors
    /// As [`StoreError::NotConfigured`] when there is none.
    pub fn loading_db(&self) -> Result<&Db, StoreError> {
        self.db.as_ref().ok_or(StoreError::NotConfigured)
    }

    /// A user wrote something and must see it from now on: only a replica may be behind.
    pub async fn wrote(&self, user: UserId) {
        if self.db.as_ref().is_some_and(Db::has_replica) {
            self.sessions.wrote(user).await;
        }
    }

    /// How the pools are used at this moment.
    pub fn pools(&self) -> Vec<(Pool, PoolUse)> {
        self.db.as_ref().map(Db::pools).unwrap_or_default()
    }

    /// Connects to the stores, and watches the database and hears other servers until it is dropped.
    pub async fn watch_stores(&self) {
        self.sessions.warm_up().await;
        tokio::join!(
            self.watch_database(),
            self.cache.listen(),
            self.cache.keep_trying(),
            self.sessions.keep_trying(),
            self.live.listen(),
            self.pay()
        );
    }

    async fn pay(&self) {
        if let (Some(db), Some(payments)) = (&self.db, &self.payments) {
            worker::run(self, db, payments).await;
        }
    }

    async fn watch_database(&self) {
        if let Some(db) = &self.db {
            watch::watch(db, &self.database).await;
        }
    }

    /// Closes the connections to the database.
    pub async fn close(&self) {
        if let Some(db) = &self.db {
            db.close().await;
        }
    }
}

fn connect_redis(config: &CacheConfig, timeout: Duration) -> Result<Option<Arc<Redis>>, BadRedisUrl> {
    let redis = config.url.as_ref().map(|url| Redis::new(url, timeout));
    Ok(redis.transpose()?.map(Arc::new))
}

fn payments(config: &Config, redis: Option<&Arc<Redis>>) -> Result<Option<Payments>, NoClient> {
    let payments = config
        .payments
        .as_ref()
        .map(|config| Payments::new(config, redis.cloned()));
    payments.transpose()
}

/// What is cached of who has a seat in a tournament.
pub fn registrations_tag(id: TournamentId) -> String {
    format!("registrations:{id}")
}
