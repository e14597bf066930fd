//! The rules of the API, pure: types that cannot be wrong, no database, no cache, no HTTP, no clock, no randomness.

pub mod page;
pub mod payment;
pub mod poster;
pub mod registration;
pub mod rule;
pub mod score;
pub mod search;
pub mod session;
pub mod tournament;
pub mod user;
