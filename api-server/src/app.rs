//! The state of one process, shared by all requests. Built from the configuration without touching the network, so a
//! test has a whole application in a millisecond. What requests do with it is not known here.

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::cache::aside::Aside;
use crate::cache::redis::BadRedisUrl;
use crate::config::{Config, Limits};
use crate::error::ApiError;
use crate::lifecycle::Lifecycle;
use crate::metrics::labels::Pool;
use crate::metrics::{Metrics, PoolUse};
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
    /// The cache.
    pub cache: Aside,
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
        Ok(Self {
            db,
            database: DatabaseHealth::new(known),
            cache: Aside::new(&config.cache)?,
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

    /// How the pools are used at this moment.
    pub fn pools(&self) -> Vec<(Pool, PoolUse)> {
        self.db.as_ref().map(Db::pools).unwrap_or_default()
    }

    /// Connects to the stores and watches the database until it is dropped.
    pub async fn watch_stores(&self) {
        self.cache.warm_up().await;
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
