//! The scaling loop: every few seconds, for all clusters together, ask, decide, order, report.
//!
//! `query`, `reading`, `facts` and `orders` are pure; `prometheus`, `actuate` and `tick` do the IO. The law itself lives in the crate
//! `pathfinder-scaling`, which knows nothing of Kubernetes.

pub mod actuate;
pub mod contested;
pub mod facts;
pub mod findings;
pub mod look;
pub mod orders;
pub mod past;
pub mod pods;
pub mod prometheus;
pub mod query;
pub mod reading;
pub mod report;
pub mod rounds;
pub mod sample;
pub mod state;
pub mod tell;
pub mod tick;
pub mod why;
