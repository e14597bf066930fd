//! From what a source said of each pod to the signals of a cluster.
//!
//! Pure. One file per signal; each joins the samples to the cluster's pods by itself, because what a silent pod means is
//! another thing for a load, for a latency and for a store.

#[cfg(test)]
mod fixtures;
mod histogram;
mod in_flight;
mod latency;
mod pod;
mod requests;
mod settling;
mod suspects;
mod user;

pub use in_flight::in_flight;
pub use latency::latency;
pub use pod::sample;
pub use requests::{requests_per_second, summed};
pub use settling::{Settling, Summed};
pub use suspects::{LatencyTarget, Named, suspects};
pub use user::{OwnQuery, own_query};
