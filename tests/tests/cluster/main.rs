//! The cluster suite: real API server, real kubelets, real PostgreSQL, Redis and Prometheus.
//!
//! `cargo dev test cluster` starts the cluster, installs the operator by its chart and runs this. Tests that only use their
//! own namespace run side by side; those that break what all share take a turn alone.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod chart;
mod drift;
mod idle;
mod lifecycle;
mod nodes;
mod operator;
mod people;
mod rejections;
mod scaling;
mod troubles;
