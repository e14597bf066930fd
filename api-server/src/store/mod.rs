//! The database: pools, queries, migrations and the watch over its state. Speaks the domain's types to the outside; sqlx
//! does not leave this folder.

mod connect;
pub mod db;
mod error;
pub mod lag;
pub mod migrations;
pub mod payments;
mod pool;
pub mod posters;
pub mod registrations;
pub mod scores;
pub mod seed;
pub mod tournaments;
pub mod users;
pub mod watch;

pub use error::StoreError;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use crate::domain::page::PageRequest;

/// A time as the queries here return it: microseconds since 1970, which both sides hold exactly.
fn timestamp(what: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::Corrupt {
        what,
        problem: error.to_string(),
    })
}

/// A statement that returns no more than the page needs. The number stands in the text, where PostgreSQL sees it when it plans:
/// a `limit` that is a parameter counts as a tenth of all rows, which makes any plan for the values at hand look so much better
/// that the statement is planned anew at each execution, and that takes longer than the execution.
fn paged(sql: &str, page: &PageRequest) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("{sql} limit {}", page.fetch_count()))
}
