//! The operator: from a `PathfinderCluster` to a running API stack, and its number of replicas from what its users feel.
//!
//! Layers, each knowing only those before it:
//!
//! 1. pure: `names`, `cluster`, `validate`, `credentials`, `build`, `drift`, `plan`, `trouble`, `status`, and of `scale`
//!    the files `query`, `reading`, `orders`;
//! 2. IO: `client`, `cache`, `monitoring`, `lease`, `reconcile`, the rest of `scale`, `admin`;
//! 3. `controller` puts them together, `main` starts it.

pub mod admin;
pub mod build;
pub mod cache;
pub mod client;
pub mod cluster;
pub mod config;
pub mod controller;
pub mod credentials;
pub mod drift;
pub mod lease;
pub mod metrics;
pub mod monitoring;
pub mod names;
pub mod plan;
pub mod reconcile;
pub mod scale;
pub mod status;
pub mod telemetry;
pub mod trouble;
pub mod validate;
