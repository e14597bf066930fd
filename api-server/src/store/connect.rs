//! How a connection is made: from its connection string, with a bound on the wait, and with what the session may do.
//! No message here holds a connection string.

use std::str::FromStr;
use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::timeout;

use super::StoreError;
use crate::config::{DatabaseConfig, PoolConfig};

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

/// Whether the connections of a pool may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// They may.
    ReadWrite,
    /// They refuse.
    ReadOnly,
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
pub(super) fn session_options(options: PgConnectOptions, config: &DatabaseConfig, access: Access) -> PgConnectOptions {
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
}
