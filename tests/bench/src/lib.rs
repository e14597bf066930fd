//! What the load generators of `cargo dev bench api` are made of.
//!
//! They are programs of their own, built for release, because they run beside what they measure: a slow generator would be
//! measured instead. They know the API by its routes alone.

pub mod connection;
pub mod mix;
pub mod plan;
pub mod report;
