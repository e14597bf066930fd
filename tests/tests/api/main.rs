//! The API suite: the program that ships, real PostgreSQL (a primary and a streaming replica), real Redis, on loopback.
//!
//! `cargo dev test api` builds the program and runs this: first `beside`, side by side on shared stores, then `alone`, each
//! on stores of its own that it breaks. What is known of the server is its contract: its routes, its answers, its signals.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod alone;
mod beside;
