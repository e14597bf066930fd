//! What the cluster suites are written with: a namespace per test, bounded waits that say what they saw, and readers of
//! the audit log.
//!
//! It talks to a cluster that `cargo dev` has started and knows nothing of how that is done.

mod api;
pub mod audit;
pub mod decisions;
pub mod endpoint;
pub mod kubectl;
pub mod load;
pub mod prometheus;
mod replicas;
pub mod stack;
pub mod wait;

pub use replicas::{Counts, has_learned};
pub use stack::Stack;
pub use wait::until;
