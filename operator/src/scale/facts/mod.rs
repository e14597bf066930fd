//! From the operator's own view of the cluster to what a decision must know beside the signals.
//!
//! Pure. One file per fact: whether a rollout runs, how the pods are, what an increase must not pass, who else writes
//! replicas, and which pods should leave first.

mod amount;
mod ceilings;
mod conflict;
mod deletion_cost;
#[cfg(test)]
mod fixtures;
mod pods;
mod rollout;

pub use ceilings::{Connections, PoolSize, database_connections, pool_size, quota};
pub use conflict::{Contest, Field, Writer, contest, foreign_writer, second_autoscaler};
pub use deletion_cost::{ANNOTATION_DELETION_COST, Leaving, deletion_costs};
pub use pods::{crash_looping, pod_start, ready};
pub use rollout::{Rolling, Standstill, rollout};
