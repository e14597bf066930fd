//! What can go wrong with the database, told apart by what a caller can do about it: unavailable passes by itself, the
//! rest does not. No message holds a connection string.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use thiserror::Error;

/// A failed use of the database.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The connection string does not parse. The value is not repeated: it holds a password.
    #[error("{variable} is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    BadUrl {
        /// The variable that holds it.
        variable: &'static str,
        /// Why it does not parse.
        #[source]
        source: sqlx::Error,
    },
    /// No connection could be made.
    #[error("cannot connect to the database: {source}")]
    Connect {
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// All connections were in use for longer than a request may wait.
    #[error("no free connection to the database within the acquire timeout: all are in use, or it does not answer")]
    NoFreeConnection,
    /// The database did not answer in time.
    #[error("the database did not answer `{what}` within {} ms", after.as_millis())]
    Timeout {
        /// The statement.
        what: &'static str,
        /// The time given.
        after: Duration,
    },
    /// A statement failed.
    #[error("the database failed `{what}`: {source}")]
    Query {
        /// The statement.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A row holds what this program would never write.
    #[error("a stored {what} cannot be read: {problem}")]
    Corrupt {
        /// The kind of row.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The schema could not be brought up to date.
    #[error("cannot migrate the database: {source}")]
    Migrate {
        /// Why.
        #[source]
        source: MigrateError,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anyone changing anything: the client should retry.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::NoFreeConnection | Self::Timeout { .. } => true,
            Self::Query { source, .. } => is_transient(source),
            Self::BadUrl { .. } | Self::Corrupt { .. } | Self::Migrate { .. } => false,
        }
    }

    /// Whether a table that the statement needs does not exist.
    pub fn is_missing_table(&self) -> bool {
        matches!(self, Self::Query { source: sqlx::Error::Database(error), .. } if error.code().as_deref() == Some("42P01"))
    }
}

/// Broken connections, and the database's own words for starting, stopping, being overloaded, being a standby, and for
/// a table that the migrations have not made yet.
fn is_transient(error: &sqlx::Error) -> bool {
    const CODES: [&str; 3] = ["57014", "25006", "42P01"];
    const CLASSES: [&str; 4] = ["08", "53", "57P", "40"];
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| CODES.contains(&&*code) || CLASSES.iter().any(|class| code.starts_with(class))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_passes_and_a_wrong_row_does_not() {
        let broken = StoreError::Query {
            what: "list",
            source: sqlx::Error::WorkerCrashed,
        };
        let wrong = StoreError::Query {
            what: "list",
            source: sqlx::Error::RowNotFound,
        };
        assert!(broken.is_transient());
        assert!(!wrong.is_transient());
    }
}
