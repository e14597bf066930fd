//! The database: pools, queries, migrations and the watch over its state. Speaks the domain's types to the outside; sqlx
//! does not leave this folder.

pub mod db;
mod error;
pub mod migrations;
pub mod tournaments;
pub mod watch;

pub use error::StoreError;
