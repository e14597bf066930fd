//! The cluster suite: real API server, real kubelets, real PostgreSQL, Redis and Prometheus.
//!
//! `cargo dev test cluster` starts the cluster, installs the operator by its chart and runs this: first `beside`, side by
//! side, then `alone`, one by one.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod alone;
mod beside;
