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

/// A time as the queries here return it: microseconds since 1970, which both sides hold exactly.
fn timestamp(what: &'static str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::Corrupt {
        what,
        problem: error.to_string(),
    })
}
