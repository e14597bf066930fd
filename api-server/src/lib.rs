//! The tournament API: the workload that Pathfinder ships with, and a model to copy from. Stateless, observable, bounded
//! everywhere: every wait has a deadline, every pool a size, every input a limit.
//!
//! Layers, each of which may use only those above it: [`domain`] (pure), [`circuit`], [`metrics`] and [`auth`], [`store`],
//! [`cache`] and [`live`] (IO), [`app`] (the state of one process), [`http`] and [`middleware`], [`router`], [`serve`].

pub mod accept;
pub mod address;
pub mod app;
pub mod auth;
pub mod cache;
pub mod circuit;
pub mod config;
pub mod domain;
pub mod edge;
pub mod error;
pub mod hex;
pub mod http;
pub mod lifecycle;
pub mod live;
pub mod metrics;
pub mod middleware;
pub mod payments;
pub mod places;
pub mod posters;
pub mod rate_limit;
pub mod router;
pub mod serve;
pub mod store;
pub mod telemetry;
