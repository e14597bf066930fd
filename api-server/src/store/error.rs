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
    /// There is no connection string.
    #[error("this server has no database: set DATABASE_URL")]
    NotConfigured,
    /// No connection could be made.
    #[error("cannot connect to the database: {source}")]
    Connect {
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The primary is known not to take writes at the moment.
    #[error("the primary does not answer or is read-only: the watch over it says why")]
    Away,
    /// The address of the primary leads to a server that takes no writes.
    #[error("the primary's address leads to a standby: promote it, or correct DATABASE_URL")]
    Standby,
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
            Self::Query { source, .. } => is_transient(source),
            other => other.is_connectivity(),
        }
    }

    /// Whether the server refused to write because it is a standby: nothing was done.
    pub fn is_read_only(&self) -> bool {
        self.code().as_deref() == Some("25006")
    }

    /// Whether the connection broke before or during the statement, or its server is going away.
    pub fn is_broken_connection(&self) -> bool {
        matches!(self, Self::Query { source, .. } if is_broken(source))
    }

    /// Whether the server could not be reached or did not answer, as opposed to an answer that is an error.
    pub fn is_connectivity(&self) -> bool {
        match self {
            Self::NotConfigured
            | Self::Connect { .. }
            | Self::Away
            | Self::Standby
            | Self::NoFreeConnection
            | Self::Timeout { .. } => true,
            Self::Query { source, .. } => is_broken(source),
            Self::BadUrl { .. } | Self::Corrupt { .. } | Self::Migrate { .. } => false,
        }
    }

    /// Whether a value breaks a rule that each row must keep alone: there is one like it already.
    pub fn is_duplicate(&self) -> bool {
        self.code().as_deref() == Some("23505")
    }

    fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::Query {
                source: sqlx::Error::Database(error),
                ..
            } => error.code(),
            _ => None,
        }
    }

    /// Whether a table that the statement needs does not exist.
    pub fn is_missing_table(&self) -> bool {
        self.code().as_deref() == Some("42P01")
    }
}

fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        _ => false,
    }
}

/// Broken connections, and the database's own words for starting, stopping, being overloaded, being a standby, and for
/// a table or function that the migrations have not made yet.
fn is_transient(error: &sqlx::Error) -> bool {
    const CODES: [&str; 4] = ["57014", "25006", "42P01", "42883"];
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
