//! Watches the database from the start of the process to its end: waits until it answers, migrates it, and looks at it
//! again and again. The result is what /ready says, so a probe costs no query. One log line per change.

use std::time::{Duration, Instant};

use rand::random_range;
use tokio::sync::watch::{self, Sender};
use tokio::time::sleep;
use tracing::{info, warn};

use super::StoreError;
use super::db::{Db, Found, ReplicaFound};
use super::lag::Lag;
use super::migrations::{self, Role, Schema};

/// Between two looks at a database that works.
const PAUSE_WHILE_READY: Duration = Duration::from_secs(2);
/// Between two looks at a database that does not.
const PAUSE_WHILE_AWAY: Duration = Duration::from_millis(500);

/// A replica that shows what is older is not read: with the time that passes until this is noticed, it is less than
/// the time for which a user's own write is read from the primary.
const MAX_LAG: Duration = Duration::from_secs(10);

/// What is known of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseState {
    /// There is no connection string.
    NotConfigured,
    /// It has not been usable since the start of this process.
    Waiting {
        /// The last failure; `None` before the first.
        reason: Option<String>,
    },
    /// It answers, and its schema is up to date.
    Ready,
    /// Its replica answers and the primary does not: reads go on, writes are refused.
    ReadOnly {
        /// What is wrong with the primary.
        reason: String,
    },
    /// It was usable and is not any more.
    Lost {
        /// The last failure.
        reason: String,
    },
}

/// The state of the database, written by one watcher and read by every probe.
#[derive(Debug)]
pub struct DatabaseHealth(Sender<DatabaseState>);

impl DatabaseHealth {
    /// Starts from what is known before the first look.
    pub fn new(state: DatabaseState) -> Self {
        Self(watch::channel(state).0)
    }

    /// What is known now.
    pub fn state(&self) -> DatabaseState {
        self.0.borrow().clone()
    }

    /// Replaces what is known; logs when the kind of state changes.
    pub fn set(&self, state: DatabaseState) {
        let (kind, problem) = (state.kind(), state.problem());
        if self.0.send_replace(state).kind() == kind {
            return;
        }
        match problem {
            None => info!("the database is ready"),
            Some(problem) => warn!(problem, "not ready"),
        }
    }

    fn failed(&self, reason: String) {
        self.set(match self.state() {
            DatabaseState::Ready | DatabaseState::ReadOnly { .. } | DatabaseState::Lost { .. } => {
                DatabaseState::Lost { reason }
            }
            DatabaseState::NotConfigured | DatabaseState::Waiting { .. } => {
                DatabaseState::Waiting { reason: Some(reason) }
            }
        });
    }
}

impl DatabaseState {
    /// One word for the state.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotConfigured => "not configured",
            Self::Waiting { reason: None } => "not asked yet",
            Self::Waiting { reason: Some(_) } => "waiting",
            Self::Ready => "ready",
            Self::ReadOnly { .. } => "read-only",
            Self::Lost { .. } => "lost",
        }
    }

    /// Whether requests should come here: reads at least are answered.
    pub fn is_serving(&self) -> bool {
        match self {
            Self::Ready | Self::ReadOnly { .. } => true,
            Self::NotConfigured | Self::Waiting { .. } | Self::Lost { .. } => false,
        }
    }

    /// Why the server cannot work fully with the database, and what to do about it; `None` when it can.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::NotConfigured => {
                Some("DATABASE_URL is not set: set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned())
            }
            Self::Waiting { reason: None } => Some("waiting for the database: not asked yet".to_owned()),
            Self::Waiting { reason: Some(reason) } => Some(format!("waiting for the database: {reason}")),
            Self::Ready => None,
            Self::ReadOnly { reason } => Some(format!("writes are refused, reads go on: {reason}")),
            Self::Lost { reason } => Some(format!("the database does not answer: {reason}")),
        }
    }
}

/// Watches until it is dropped.
pub async fn watch(db: &Db, health: &DatabaseHealth) {
    let mut lag = Lag::default();
    loop {
        let pause = match look(db, health, &mut lag).await {
            DatabaseState::Ready => PAUSE_WHILE_READY,
            DatabaseState::NotConfigured
            | DatabaseState::Waiting { .. }
            | DatabaseState::ReadOnly { .. }
            | DatabaseState::Lost { .. } => PAUSE_WHILE_AWAY,
        };
        // Spread, so that servers which started together do not look together for ever.
        sleep(pause.mul_f64(random_range(0.8..1.2))).await;
    }
}

async fn look(db: &Db, health: &DatabaseHealth, lag: &mut Lag) -> DatabaseState {
    let primary = look_at_primary(db, lag).await;
    let replica = look_at_replica(db, lag).await;
    match (primary, replica) {
        (Ok(()), _) => health.set(DatabaseState::Ready),
        (Err(reason), Schema::Current) => health.set(DatabaseState::ReadOnly { reason }),
        (Err(reason), Schema::Behind) => health.failed(reason),
    }
    health.state()
}

/// Whether the primary takes writes and has the schema; it is brought up to date when it has not.
async fn look_at_primary(db: &Db, lag: &mut Lag) -> Result<(), String> {
    let looked: Result<(), StoreError> = async {
        let look = migrations::look(db).await?;
        if look.role == Role::Standby {
            return Err(StoreError::Standby);
        }
        lag.note(look.position, Instant::now());
        match look.schema {
            Schema::Current => Ok(()),
            Schema::Behind => migrations::apply(db).await,
        }
    }
    .await;
    db.primary_is(if looked.is_ok() { Found::There } else { Found::Away });
    looked.map_err(|error| error.to_string())
}

/// Whether reads can be answered by the replica alone.
async fn look_at_replica(db: &Db, lag: &Lag) -> Schema {
    let Some(Ok(look)) = migrations::look_at_replica(db).await else {
        return Schema::Behind;
    };
    let behind = match look.role {
        Role::Standby => lag.of(look.position, Instant::now()),
        // Its address leads to a primary: nothing is newer.
        Role::Primary => Duration::ZERO,
    };
    db.replica_is(if behind > MAX_LAG {
        ReplicaFound::Behind(behind)
    } else {
        ReplicaFound::UpToDate
    });
    look.schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_before_the_first_success_is_a_wait_and_afterwards_a_loss() {
        let health = DatabaseHealth::new(DatabaseState::Waiting { reason: None });
        health.failed("refused".to_owned());
        assert_eq!(
            health.state().problem().as_deref(),
            Some("waiting for the database: refused")
        );
        health.set(DatabaseState::Ready);
        assert_eq!(health.state().problem(), None);
        health.failed("refused".to_owned());
        assert_eq!(
            health.state().problem().as_deref(),
            Some("the database does not answer: refused")
        );
    }

    #[test]
    fn without_the_primary_reads_go_on_and_the_reason_is_told() {
        let state = DatabaseState::ReadOnly {
            reason: "refused".to_owned(),
        };
        assert!(state.is_serving());
        assert_eq!(
            state.problem().as_deref(),
            Some("writes are refused, reads go on: refused")
        );
    }

    #[test]
    fn without_a_connection_string_the_problem_names_the_variable() {
        assert!(
            DatabaseState::NotConfigured
                .problem()
                .is_some_and(|problem| problem.contains("DATABASE_URL"))
        );
    }
}
